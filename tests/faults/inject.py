"""Breaks runs in every way we could think of, starts them again with the same command, and compares with an unbroken run.

    python -m tests.faults.inject --kills 100 --seed 0

prints a table: fault, how many times, what was lost. Each run is a real process (a fork of this one, so that a start costs no imports)
that gets real signals. "Nothing" means: parameters, buffers, optimiser moments, averages and metrics.jsonl equal the unbroken run's
bit for bit.
"""

import argparse
import contextlib
import os
import random
import resource
import signal
import sys
import tempfile
import time

import matplotlib.backends.backend_agg  # noqa: F401  loaded once here, not in each fork
import torch

import task_launcher
from engine.preemption import SIGNALS
from tests.running import ROOT, SMALL, assert_equal, newest

# every trainer, with the options that keep most state
AUTO = [
    "--iterator=tests/made_parts.py",
    "--network=networks/autoencoder32.py",
    "--network_args",
    "width=4",
    "code=8",
    "scales=2",
]
CONFIGURATIONS = {
    "gan": ["--mixup=vh2", "--mixup_ff", "--ema=0.9", "--penalty", "gp=1", "r1=0.1", "--update_g_every=3"],
    "gan, dnorm apart": ["--loss=hinge", "--dnorm=0.5", "--dnorm_step=separate", "--lr_schedule=exp"],
    "gan on points": [
        "--iterator_args",
        "size=1",
        "--network=networks/mlp.py",
        "--network_args",
        "gen_norm=True",
        "--mixup=hidden",
        "--ema=0.9",
    ],
    "gan, evaluated": [
        "--mixup=pixel",
        "--ema=0.9",
        "--eval_every=1",
        "--extractor=pixels",
        "--protocol=20-train",
    ],
    "gan, improved": [
        "--network=networks/dcgan.py",
        "--network_args",
        "norm=vbn",
        "references=5",
        "minibatch_disc=4x3",
        "minibatch_form=cifar",
        "--g_loss=mixed",
        "--historical_averaging=1",
        "--real_label=0.9",
        "--mixup=hidden",
        "--ema=0.9",
        "--dnorm=0.1",
        "--dnorm_step=separate",
    ],
    "semi_supervised": [
        "--trainer=trainers/semi_supervised.py",
        "--iterator=iterators/semi.py",
        "--iterator_args",
        "base=tests/made_parts.py",
        "labels_per_class=2",
        "--network=networks/semi_mnist.py",
        "--network_args",
        "width=16",
        "--disc_ema=0.9",
        "--mixup=hidden",
        "--historical_averaging=1",
    ],
    "autoencoder": ["--trainer=trainers/autoencoder.py", *AUTO],
    "amr": ["--trainer=trainers/amr.py", *AUTO, "--k=3", "--mixer=fm2"],
    "acai": ["--trainer=trainers/acai.py", *AUTO],
    "beta_vae": [
        "--trainer=trainers/beta_vae.py",
        "--iterator_args",
        "size=16",
        "--network=networks/dsprites.py",
        "--network_args",
        "vae=True",
        "width=4",
    ],
    "cyclegan": [
        "--trainer=trainers/cyclegan.py",
        "--network=networks/cyclegan_mnist.py",
        "--network_args",
        "width=4",
        "disc_width=4",
        "blocks=1",
        "--iterator_args",
        "size=16",
        "channels_b=3",
        "--pool_size=5",
        "--ema=0.9",
    ],
    "dist_gan": [
        "--trainer=trainers/dist_gan.py",
        "--network=networks/dist_gan_dcgan.py",
        "--network_args",
        "width=4",
        "classes=5",
        "--iterator_args",
        "size=16",
        "--self_supervised=ms",
        "--lambda_g=0.1",
        "--ae_updates=enc+gen",
        "--ae_optimisers=two",
        "--lr_schedule=half",
        "--schedule_steps=40",
        "--ema=0.9",
        "--batch_size=12",
    ],
    "ssgan": [
        "--trainer=trainers/ssgan.py",
        "--network=networks/ssgan.py",
        "--network_args",
        "width=4",
        "gen_width=4",
        "--update_g_every=2",
        "--ema=0.9",
    ],
    "ae_gans": [
        "--trainer=trainers/ae_gans.py",
        "--model=mdgan",
        "--iterator_args",
        "size=1",
        "--network=networks/dist_gan_mlp.py",
        "--network_args",
        "width=4",
        "discs=2",
    ],
    "bigan": [
        "--trainer=trainers/bigan.py",
        "--network=networks/bigan_mnist.py",
        "--iterator=tests/made_parts.py",
        "--ema=0.9",
        "--lr_schedule=half_exp",
        "--schedule_steps=40",
    ],
    "class_mixing": ["--trainer=trainers/class_mixing.py", *AUTO, "attributes=3"],
}
THOROUGH = "gan"  # this one suffers every fault, the others the first two and damage
BUSY = ["--max_steps=40", "--save_every_steps=3", "--save_images_every=1", "--keep_last=3", "--resume=auto"]


def start(words, before=None, log=None):
    """Forks a process that runs the launcher with `words`, after before(); returns its number."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        os.chdir(ROOT)
        out = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        torch.set_num_threads(1)
        if before:
            before()
        sys.argv = ["task_launcher.py", *words]
        code = task_launcher.command_line()
        sys.stdout.flush()
    finally:
        os._exit(code)


def wait(child):
    """Its exit code; negative the number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(words, before=None, log=None):
    """start() and wait()."""
    return wait(start(words, before, log))


def at_call(function, n, action):
    """Returns a before() after which the n-th call of os.<function> does action() first."""

    def before():
        real, calls = getattr(os, function), []

        def broken(*args, **kwargs):
            calls.append(1)
            if len(calls) == n:
                action()
            return real(*args, **kwargs)

        setattr(os, function, broken)

    return before


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def fail(number):
    def action():
        raise OSError(number, os.strerror(number))

    return action


class Case:
    """One configuration: its unbroken run, and fresh runs to break."""

    def __init__(self, folder, name, words):
        self.folder, self.name = folder, name
        self.words = [*SMALL, f"--save_path={folder}", *words, *BUSY]
        began = time.monotonic()
        assert run([*self.words, "--name=whole"], log=f"{folder}/whole.log") == 0, open(
            f"{folder}/whole.log"
        ).read()
        self.seconds, self.made = time.monotonic() - began, 0

    def fresh(self):
        """The words of a new run of its own name."""
        self.made += 1
        return [*self.words, f"--name=broken{self.made}"]

    def lost(self):
        """What the newest broken run lost against the unbroken one: "nothing", or the first difference."""
        name = f"broken{self.made}"
        try:
            assert_equal(newest(self.folder, "whole"), newest(self.folder, name))
        except AssertionError as difference:
            return f"state differs: {difference}"
        whole, broken = (
            open(os.path.join(self.folder, n, "s0", "metrics.jsonl"), "rb").read() for n in ("whole", name)
        )
        if whole != broken:
            return "metrics.jsonl differs"
        for file in os.listdir(os.path.join(self.folder, "whole", "s0", "samples")):
            pictures = [os.path.join(self.folder, n, "s0", "samples", file) for n in ("whole", name)]
            if (
                not os.path.exists(pictures[1])
                or open(pictures[0], "rb").read() != open(pictures[1], "rb").read()
            ):
                return f"the picture {file} differs"
        left = [
            f
            for _, _, files in os.walk(os.path.join(self.folder, name))
            for f in files
            if ".tmp" in f or f.startswith("lock")
        ]
        return f"left behind {left}" if left else "nothing"

    def finish(self, words):
        """Starts until it is finished (or 20 times); returns lost()."""
        for _ in range(20):
            code = run(words, log=f"{self.folder}/log")
            if code == 0:
                return self.lost()
            if code != 75:
                return f"exit code {code}: {open(f'{self.folder}/log').read()[-500:]}"
        return "never finished"


def random_kills(case, kills, draw):
    """SIGKILL at random moments of one run, again and again, `kills` times; after too little progress it is left to finish."""
    done, outcomes = 0, []
    while done < kills:
        words = case.fresh()
        for _ in range(min(kills - done, 8)):
            child = start(words, log=f"{case.folder}/log")
            time.sleep(draw.uniform(0, 1.1 * case.seconds))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            if wait(child) != -signal.SIGKILL:
                break  # it had finished
            done += 1
        outcomes.append(case.finish(words))
    return done, worst(outcomes)


def kills_inside_writes(case, points):
    """SIGKILL before the n-th fsync, rename or removal: in the middle of a checkpoint, of status.json, of the log's cutting."""
    outcomes = []
    for function, n in points:
        words = case.fresh()
        code = run(words, at_call(function, n, die), f"{case.folder}/log")
        outcomes.append(
            case.finish(words)
            if code == -signal.SIGKILL
            else f"the {n}-th {function} was not reached (exit code {code})"
        )
    return len(points), worst(outcomes)


def polite_signals(case, numbers, draw):
    """TERM, INT, USR1, USR2 at a random moment: exit 75, status.json says interrupted, the same command goes on."""
    outcomes = []
    for number in numbers:
        words = case.fresh()
        child = start(words, log=f"{case.folder}/log")
        wait_for_steps(case, words)
        time.sleep(draw.uniform(0, 0.5 * case.seconds))
        os.kill(child, number)
        code = wait(child)
        outcomes.append(
            case.finish(words) if code in (0, 75) else f"exit code {code} after {signal.Signals(number).name}"
        )
    return len(numbers), worst(outcomes)


def wait_for_steps(case, words):
    """Until the run's first record is there."""
    path = os.path.join(case.folder, words[-1].split("=")[1], "s0", "metrics.jsonl")
    until = time.monotonic() + 60
    while not (os.path.exists(path) and os.path.getsize(path)) and time.monotonic() < until:
        time.sleep(0.01)


def time_limits(case, times):
    """--time_limit in the middle: exit 75 before it has passed, again and again, until the end."""
    outcomes = []
    for _ in range(times):
        words = case.fresh()
        code = run([*words, "--time_limit=00:00:01"], lambda: slow_steps(0.1), f"{case.folder}/log")
        outcomes.append(case.finish(words) if code == 75 else f"exit code {code}")
    return times, worst(outcomes)


def slow_steps(seconds):
    """Makes each step take so much longer."""
    from engine import loop

    real = loop.seed_step

    def slow(*args):
        time.sleep(seconds)
        real(*args)

    loop.seed_step = slow


def damaged_checkpoints(case, damages):
    """The newest checkpoint cut short, emptied, with a bit flipped, or another program's: the one before is taken."""
    outcomes = []
    for damage in damages:
        words = case.fresh()
        code = run([*words, "--max_steps=20"], log=f"{case.folder}/log")
        folder = os.path.join(case.folder, f"broken{case.made}", "s0", "checkpoints")
        path = os.path.join(folder, max(os.listdir(folder)))
        with open(path, "rb") as file:
            data = file.read()
        with open(path, "wb") as file:
            file.write(damage(data))
        outcomes.append(case.finish(words) if code == 0 else f"exit code {code}")
    return len(damages), worst(outcomes)


DAMAGES = (
    lambda data: b"",
    lambda data: data[: len(data) // 2],
    lambda data: data[:5000] + bytes([data[5000] ^ 4]) + data[5001:],
    lambda data: b"GIF89a" + data[::-1],
    lambda data: data[:-1],
)


def full_disks(case, times):
    """Writes that fail with "No space left", and a limit on a file's size that the kernel enforces: exit 1, one line, goes on when there is room."""
    outcomes = []
    for n in range(times):
        words = case.fresh()
        small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        code = run(words, small if n % 2 else at_call("fsync", 9 + 4 * n, fail(28)))
        outcomes.append(case.finish(words) if code == 1 else f"exit code {code}")
    return times, worst(outcomes)


def second_writers(case, times):
    """A second process on the same run while the first lives: refused with exit 2, the first undisturbed."""
    outcomes = []
    for _ in range(times):
        words = case.fresh()
        child = start(words, lambda: slow_steps(0.05), f"{case.folder}/log")
        wait_for_steps(case, words)
        second = run(words, log=f"{case.folder}/log")
        code = wait(child)
        outcomes.append(case.lost() if (code, second) == (0, 2) else f"exit codes {code} and {second}")
    return times, worst(outcomes)


def worst(outcomes):
    """ "nothing" if all are, else the first that is not."""
    return next((o for o in outcomes if o != "nothing"), "nothing")


FAULTS = (
    ("SIGKILL at a random moment", random_kills),
    ("SIGKILL inside a write", kills_inside_writes),
    ("SIGTERM, SIGINT, SIGUSR1, SIGUSR2", polite_signals),
    ("time limit", time_limits),
    ("damaged newest checkpoint", damaged_checkpoints),
    ("full disk", full_disks),
    ("second writer", second_writers),
)


def main():
    """Prints the table; exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kills", type=int, default=100, help="random kills over all configurations (default 100)"
    )
    parser.add_argument(
        "--seed", type=int, default=None, help="seed of the random moments (default: drawn, and printed)"
    )
    args = parser.parse_args()
    seed = random.randrange(10**6) if args.seed is None else args.seed
    draw = random.Random(seed)
    print(
        f"seed {seed}, {len(CONFIGURATIONS)} configurations\n\n| configuration | fault | times | lost |\n|---|---|---|---|"
    )
    bad = False
    for name, words in CONFIGURATIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            case = Case(folder, name, words)
            kills = -(-args.kills // len(CONFIGURATIONS))
            points = [(f, n) for f in ("fsync", "replace") for n in range(1, 16)] + [
                ("remove", n) for n in range(2, 6)
            ]
            arguments = {
                random_kills: (kills, draw),
                kills_inside_writes: (points if name == THOROUGH else points[4::7],),
                damaged_checkpoints: (DAMAGES,),
            }
            if name == THOROUGH:
                arguments |= {
                    polite_signals: (list(SIGNALS) * 2, draw),
                    time_limits: (3,),
                    full_disks: (4,),
                    second_writers: (2,),
                }
            for fault, function in FAULTS:
                if function in arguments:
                    times, lost = function(case, *arguments[function])
                    bad |= lost != "nothing"
                    print(f"| {name} | {fault} | {times} | {lost} |", flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
