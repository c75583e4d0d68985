"""Helpers of tests that run the launcher: in this process, or as a user does."""

import functools
import os
import subprocess
import sys
import tempfile

import torch

import task_launcher
from engine import checkpoint
from tests import forks

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SMALL = [
    "--network=networks/small.py",
    "--network_args",
    "width=8",
    "--iterator=tests/made.py",
    "--iterator_args",
    "size=8",
    "channels=1",
    "--batch_size=8",
    "--z_dim=5",
    "--cpu",
    "--log_every=2",
    "--samples=4",
]


def train(save_path, *words):
    """Runs the launcher in this process with the small network on made data; returns the exit code."""
    here = os.getcwd()
    os.chdir(ROOT)
    try:
        return task_launcher.main([*SMALL, f"--save_path={save_path}", *map(str, words)])
    finally:
        os.chdir(here)


def launch(*words, cwd=ROOT, env=None, launcher=None, timeout=240):
    """Runs the launcher as a command of its own; returns the CompletedProcess.

    It is a fork of a process that has imported it (see tests/forks.py), unless `launcher` says what is to
    start it, or variables that are read at imports are set.
    """
    words, env = list(map(str, words)), os.environ | (env or {})
    if launcher is None and server().serves(env):
        with tempfile.TemporaryDirectory() as folder:
            return server().run(words, cwd, env, folder, timeout)
    return subprocess.run(
        [*(launcher or [sys.executable]), os.path.join(ROOT, "task_launcher.py"), *words],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@functools.cache
def server():
    """This process's server of forks."""
    return forks.Server()


def mode(save_path, *words):
    """Runs a mode on the run in this process; returns the exit code."""
    return task_launcher.main([f"--save_path={save_path}", *map(str, words)])


def newest(save_path, name="deleteme", seed=0):
    """The newest checkpoint's state."""
    return checkpoint.newest(os.path.join(save_path, name, f"s{seed}", "checkpoints"), print)[1]


def flat(state, at=""):
    """{path: tensor or value} of a nested state."""
    if isinstance(state, dict):
        return {k: v for name, part in state.items() for k, v in flat(part, f"{at}/{name}").items()}
    if isinstance(state, (list, tuple)):
        return {k: v for i, part in enumerate(state) for k, v in flat(part, f"{at}/{i}").items()}
    return {at: state}


def assert_equal(a, b, besides=("flags",)):
    """Two checkpoints hold the same bits, `besides` apart."""
    a, b = (flat({k: v for k, v in s.items() if k not in besides}) for s in (a, b))
    assert a.keys() == b.keys()
    for name in a:
        same = torch.equal(a[name], b[name]) if torch.is_tensor(a[name]) else a[name] == b[name]
        assert same, name


def assert_weighted(log, weights):
    """Of the terms {name: weight}, and of no others, a step's log has the mean without the weight; returns
    the names of all terms."""
    raw = {name for name in log if name.endswith("_raw")}
    assert raw == {f"{name}_raw" for name in weights}
    for name, weight in weights.items():
        torch.testing.assert_close(log[name], weight * log[f"{name}_raw"], rtol=1e-5, atol=1e-7)
    return log.keys() - raw
