"""Breaks runs in every way we could think of, starts them again with the same command, and compares.

    python -m tests.faults.inject --kills 1000 --seed 0 --json faults.json

prints a table: configuration, fault, how many times, what was lost. Each run is a real process that gets
real signals: a fork of this one, so that a start costs no imports. "Nothing" means that parameters,
buffers, optimiser moments, averages, best.pt, metrics.jsonl, evaluations.jsonl and pictures equal the
unbroken run's bit for bit.

--kills counts SIGKILLs over all configurations. --json keeps what was counted after each run; the same
command goes on from there, and with --table prints the table of what is in the file.
"""

import argparse
import contextlib
import json
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
from engine import checkpoint, lock
from engine.errors import UserError
from engine.files import write_atomically
from engine.loop import Fit
from engine.preemption import SIGNALS
from engine.run import RunDirectory
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
    "gan on points, measured": [
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
EVALUATED = (
    "gan, evaluated"  # this one suffers the faults of evaluations, and all but the last two of THOROUGH
)
THOROUGH = (
    "gan"  # this one suffers every fault but those of evaluations, the others the ones that end elsewhere
)
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
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(out, number)
            setattr(sys, name, open(number, "w", closefd=False))  # pytest's own are elsewhere
        torch.set_num_threads(1)
        if before:
            before()
        sys.argv = ["task_launcher.py", *words]
        code = task_launcher.command_line()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def wait(child):
    """Its exit code; negative the number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(words, before=None, log=None):
    """start() and wait()."""
    return wait(start(words, before, log))


def at_call(owner, name, n, action, after=False):
    """A before() that makes the n-th call of owner.<name> do action() first, or after it has returned."""

    def before():
        real, calls = getattr(owner, name), []

        def broken(*args, **kwargs):
            calls.append(1)
            if len(calls) == n and not after:
                action()
            result = real(*args, **kwargs)
            if len(calls) == n and after:
                action()
            return result

        setattr(owner, name, broken)

    return before


def die():
    """SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(error):
    """An action that raises."""

    def action():
        raise error

    return action


class Case:
    """One configuration: its unbroken run, and fresh runs to break."""

    def __init__(self, folder, name, words):
        self.folder, self.name, self.log = folder, name, f"{folder}/log"
        self.words = [*SMALL, f"--save_path={folder}", *words, *BUSY]
        began = time.monotonic()
        code = run([*self.words, "--name=whole"], log=f"{folder}/whole.log")
        assert code == 0, text(f"{folder}/whole.log")
        self.seconds, self.made = time.monotonic() - began, 0

    def fresh(self):
        """The words of a new run of its own name."""
        self.made += 1
        return [*self.words, f"--name=broken{self.made}"]

    def path(self, *parts):
        """A path in the newest broken run's folder."""
        return os.path.join(self.folder, f"broken{self.made}", "s0", *parts)

    def lost(self):
        """What the newest broken run lost against the unbroken one: "nothing", or the first difference."""
        name, whole = f"broken{self.made}", os.path.join(self.folder, "whole", "s0")
        try:
            assert_equal(newest(self.folder, "whole"), newest(self.folder, name))
            if os.path.exists(os.path.join(whole, "checkpoints", "best.pt")):
                best = (os.path.join(f, "checkpoints", "best.pt") for f in (whole, self.path()))
                assert_equal(*map(checkpoint.load, best))
        except (AssertionError, OSError) as difference:
            return f"state differs: {difference}"
        samples = [os.path.join("samples", file) for file in os.listdir(os.path.join(whole, "samples"))]
        for file in ("metrics.jsonl", "evaluations.jsonl", *samples):
            if content(os.path.join(whole, file)) != content(self.path(file)):
                return f"{file} differs"
        there = [f for _, _, files in os.walk(self.path()) for f in files]
        left = [f for f in there if ".tmp" in f or f.startswith("lock")]
        return f"left behind {left}" if left else "nothing"

    def finish(self, words):
        """Starts until it is finished (or 20 times); returns lost()."""
        for _ in range(20):
            code = run(words, log=self.log)
            if code == 0:
                return self.lost()
            if code != 75:
                return f"exit code {code}: {text(self.log)[-500:]}"
        return "never finished"

    def expect(self, code, wanted, words):
        """finish() after a start that ended with an exit code, if that was one of those wanted."""
        return self.finish(words) if code in wanted else f"exit code {code}: {text(self.log)[-500:]}"


def content(path):
    """A file's bytes, None if there is none."""
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def text(path):
    """A log's text."""
    return (content(path) or b"").decode(errors="replace")


# --- one fault, once: functions of (case, which of its kind, a random generator) that return (SIGKILLs, what
# was lost)


def random_kills(case, which, draw):
    """SIGKILL at random moments of one run, up to 8 times, until it has finished before one came."""
    done, words = 0, case.fresh()
    for _ in range(8):
        child = start(words, log=case.log)
        time.sleep(draw.uniform(0, 1.1 * case.seconds))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        if wait(child) != -signal.SIGKILL:
            break
        done += 1
    return done, case.finish(words)


def killed_at(case, before, what):
    """A run whose process ends by SIGKILL where before() says."""
    words = case.fresh()
    code = run(words, before, case.log)
    if code != -signal.SIGKILL:
        return 0, f"{what} was not reached (exit code {code}): {text(case.log)[-500:]}"
    return 1, case.finish(words)


POINTS = [(name, n) for n in range(1, 16) for name in ("fsync", "replace")] + [
    ("remove", n) for n in (1, 2, 3)
]


def kill_inside_write(case, which, draw):
    """SIGKILL before the n-th fsync, rename or removal: inside a checkpoint, status.json, the cutting of a
    record."""
    name, n = POINTS[which % len(POINTS)]
    return killed_at(case, at_call(os, name, n, die), f"{name} {n}")


PARTS = (
    (RunDirectory, "log", 3),
    (RunDirectory, "save", 4),
    (RunDirectory, "draw", 3),
    (Fit, "complete", 9),
    (RunDirectory, "log", 20),  # the last step's
    (RunDirectory, "save", 14),
    (RunDirectory, "draw", 8),
    (RunDirectory, "plot", 1),
)
MEASURED = (
    (Fit, "measure", 1),
    (Fit, "measure", 3),
    (RunDirectory, "join", 3),
    (RunDirectory, "save_best", 1),
    (Fit, "write_checkpoint", 7),  # step 15: before and after what was due there
    (Fit, "write_checkpoint", 8),
    (Fit, "measure", 8),  # the last
    (RunDirectory, "join", 8),
)


def kill_between_parts(case, which, draw, parts=PARTS):
    """SIGKILL before or after one of the parts of what is due after a step."""
    owner, name, n = parts[which // 2 % len(parts)]
    return killed_at(case, at_call(owner, name, n, die, after=which % 2 == 1), f"{name} {n}")


def kill_around_measures(case, which, draw):
    """The same for the parts that measure."""
    return kill_between_parts(case, which, draw, MEASURED)


def polite_signal(case, which, draw):
    """TERM, INT, USR1, USR2, HUP at a random moment: exit 75, and the same command goes on."""
    words, number = case.fresh(), SIGNALS[which % len(SIGNALS)]
    child = start(words, log=case.log)
    wait_for_steps(case)
    time.sleep(draw.uniform(0, 0.5 * case.seconds))
    for _ in range(1 if number == signal.SIGINT else 1 + which % 2):  # a scheduler's and torchrun's
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
    return 0, case.expect(wait(child), (0, 75), words)


def wait_for_steps(case):
    """Until the newest broken run's first record is there."""
    until = time.monotonic() + 60
    while not content(case.path("metrics.jsonl")) and time.monotonic() < until:
        time.sleep(0.01)


def hang_up():
    """SIGTERM to this process, and a moment in which it may act."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)


def signal_while_reading(case, which, draw):
    """SIGTERM while a start reads its checkpoint: exit 75, and no checkpoint is taken for damaged."""
    words = case.fresh()
    code = run([*words, "--max_steps=20"], log=case.log)
    before = os.listdir(case.path("checkpoints"))
    reading = at_call(torch, "load", 1, hang_up)
    codes = code, run(words, reading, case.log)
    if codes != (0, 75) or os.listdir(case.path("checkpoints")) != before:
        return 0, f"exit codes {codes}, or checkpoints changed: {text(case.log)[-500:]}"
    return 0, case.finish(words)


def passing_error(case, which, draw):
    """An Input/output error while a start reads its checkpoint, gone at the next try: it goes on from that
    one."""
    words = case.fresh()
    code = run([*words, "--max_steps=20"], log=case.log)

    def before():
        from engine import files

        real, calls = files.os.stat, []

        def broken(path, *args, **kwargs):
            if str(path).endswith("20.pt") and len(calls) < 2:
                calls.append(1)
                raise OSError(5, "Input/output error", path)
            return real(path, *args, **kwargs)

        files.os.stat = broken

    second = run(words, before, case.log)
    if "start at step 20 " not in text(case.path("log.txt")):
        return 0, f"did not go on from step 20: {text(case.log)[-500:]}"
    return 0, case.expect(max(code, second), (0,), words)


def time_limit(case, which, draw):
    """--time_limit in the middle: exit 75 before it has passed, and again, until the end."""
    words = case.fresh()
    return 0, case.expect(
        run([*words, "--time_limit=00:00:01"], lambda: slow_steps(0.1), case.log), (75,), words
    )


def slow_steps(seconds):
    """Makes each step take so much longer."""
    from engine import loop

    real = loop.seed_step

    def slow(*args):
        time.sleep(seconds)
        real(*args)

    loop.seed_step = slow


DAMAGES = (
    lambda data: b"",
    lambda data: data[: len(data) // 2],
    lambda data: data[:5000] + bytes([data[5000] ^ 4]) + data[5001:],
    lambda data: b"GIF89a" + data[::-1],
    lambda data: data[:-1],
)


def damaged_checkpoint(case, which, draw):
    """The newest checkpoint cut short, emptied, with a bit flipped, or another program's: the one before is
    taken.

    With --keep_last=1 every second time, once two are there.
    """
    words = case.fresh()
    code = run([*words, "--max_steps=20"], log=case.log)
    path = case.path("checkpoints", max(f for f in os.listdir(case.path("checkpoints")) if f != "best.pt"))
    with open(path, "r+b") as file:
        data = file.read()
        file.seek(0)
        file.truncate()
        file.write(DAMAGES[which % len(DAMAGES)](data))
    if which % 2:
        words.append("--keep_last=1")
    return 0, case.expect(code, (0,), words)


def renamed_checkpoint(case, which, draw):
    """An older checkpoint under a newer one's name: it is not trained on from."""
    words = case.fresh()
    code = run([*words, "--max_steps=20"], log=case.log)
    folder = case.path("checkpoints")
    os.rename(os.path.join(folder, "step_00000018.pt"), os.path.join(folder, "step_00000030.pt"))
    return 0, case.expect(code, (0,), words)


def full_disk(case, which, draw):
    """Writes that fail with "No space left", or a limit on files' size that the kernel enforces: exit 1, and
    the run goes on when there is room."""
    words = case.fresh()
    small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    full = at_call(os, "fsync", 9 + 4 * which, fail(OSError(28, os.strerror(28))))
    return 0, case.expect(run(words, small if which % 2 else full, case.log), (1,), words)


def second_writer(case, which, draw):
    """A second process on the same run while the first lives: refused with exit 2, the first undisturbed."""
    words = case.fresh()
    child = start(words, lambda: slow_steps(0.05), case.log)
    wait_for_steps(case)
    second = run(words, log=case.log)
    code = wait(child)
    return 0, case.lost() if (code, second) == (0, 2) else f"exit codes {code} and {second}"


def lost_lock(case, which, draw):
    """Another process takes the folder over: exit 2, and nothing more is written."""
    words = case.fresh()
    child = start(words, lambda: slow_steps(0.05), case.log)
    wait_for_steps(case)
    taker = lock.identity() | {"pid": 2**22 + 5, "start_time": "0"}  # which dies at once
    write_atomically(case.path("lock"), json.dumps(taker).encode())
    code = wait(child)
    if code != 2 or f"now written by process {2**22 + 5}" not in text(case.log):
        return 0, f"exit code {code}: {text(case.log)[-500:]}"
    return 0, case.finish(words)


def failing_picture(case, which, draw):
    """A picture, or the curves, cannot be drawn: the run ends as it would, and only they are missing."""
    from engine import pictures

    words, name = case.fresh(), ("grid", "curves")[which % 2]
    code = run(words, at_call(pictures, name, 1, fail(RuntimeError("no luck"))), case.log)
    if code or "training goes on" not in text(case.log):
        return 0, f"exit code {code}: {text(case.log)[-500:]}"
    found = case.lost()
    return 0, "nothing" if found == ("samples/step_00000005.png differs", "nothing")[which % 2] else found


EVALUATION_ERRORS = (
    UserError("FID is nan"),
    MemoryError(),
    RuntimeError("out of memory"),
    OSError(13, "Permission denied", "weights"),
)


def failing_evaluation(case, which, draw):
    """An evaluation that is refused, runs out of memory or fails: what was due at its step is saved."""
    from eval.metrics import evaluate

    words, n = case.fresh(), 3 + which % 2 * 5  # at step 15, at the end
    error = EVALUATION_ERRORS[which % len(EVALUATION_ERRORS)]
    code = run(words, at_call(evaluate, "evaluate", n, fail(error)), case.log)
    step = min(5 * n, 40)
    if code not in (1, 2) or not os.path.exists(case.path("checkpoints", f"step_{step:08d}.pt")):
        return 0, f"exit code {code}, or step {step} not saved: {text(case.log)[-500:]}"
    return 0, case.finish(words)


def signal_in_evaluation(case, which, draw):
    """SIGTERM inside an evaluation: it is broken off, exit 75, and it is made first when the run goes on."""
    words, n = case.fresh(), 1 + which % 8

    def before():
        from eval.metrics import evaluate, sources

        at_call(sources, "Generated", n, hang_up)()
        at_call(evaluate, "compare", n, lambda: os.write(1, b"was not broken off"))()

    code = run(words, before, case.log)
    if "was not broken off" in text(case.log):
        return 0, "the evaluation went on after the signal"
    return 0, case.expect(code, (75,), words)


# fault: (function, how many units of it for THOROUGH, EVALUATED and each of the others)
FAULTS = {
    "SIGKILL at a random moment": (random_kills, None, None, None),  # until --kills are counted
    "SIGKILL inside a write": (kill_inside_write, len(POINTS), len(POINTS), 6),
    "SIGKILL between record, checkpoint, picture": (kill_between_parts, 2 * len(PARTS), 2 * len(PARTS), 4),
    "SIGKILL around an evaluation": (kill_around_measures, 0, 2 * len(MEASURED), 0),
    "signal inside an evaluation": (signal_in_evaluation, 0, 8, 0),
    "refused or failing evaluation": (failing_evaluation, 0, 8, 0),
    "TERM, INT, USR1, USR2, HUP": (polite_signal, 15, 10, 2),
    "signal while a checkpoint is read": (signal_while_reading, 3, 1, 1),
    "passing read error": (passing_error, 3, 1, 1),
    "time limit": (time_limit, 3, 1, 0),
    "damaged newest checkpoint": (damaged_checkpoint, 10, 5, 5),
    "renamed checkpoint": (renamed_checkpoint, 1, 1, 1),
    "full disk": (full_disk, 4, 2, 0),
    "second writer": (second_writer, 2, 0, 0),
    "lock taken over": (lost_lock, 2, 0, 0),
    "failing picture or curve": (failing_picture, 2, 0, 0),
}


class Tally:
    """Counts by configuration and fault, in a file so that a long run can be stopped and goes on."""

    def __init__(self, path, seed):
        self.path, self.found = path, {"seed": seed, "rows": {}}
        if path and os.path.exists(path):
            with open(path, encoding="utf8") as file:
                self.found = json.load(file)

    def row(self, name, fault):
        """{"units", "times", "kills", "lost"} of a configuration and a fault."""
        empty = {"units": 0, "times": 0, "kills": 0, "lost": "nothing"}
        return self.found["rows"].setdefault(f"{name} | {fault}", empty)

    def add(self, name, fault, kills, lost):
        """One unit more, and the file written."""
        row = self.row(name, fault)
        row["units"] += 1
        row["kills"] += kills
        row["times"] += kills if fault.startswith("SIGKILL") else 1
        if row["lost"] == "nothing":
            row["lost"] = lost
        if self.path:
            write_atomically(self.path, json.dumps(self.found, indent=1).encode())

    @property
    def kills(self):
        """SIGKILLs in all."""
        return sum(row["kills"] for row in self.found["rows"].values())

    def table(self):
        """The rows as Markdown, and a line of sums."""
        rows = {key: row for key, row in self.found["rows"].items() if row["units"]}
        lines = ["| configuration | fault | times | lost |", "|---|---|---|---|"]
        lines += [f"| {key} | {row['times']} | {row['lost']} |" for key, row in rows.items()]
        bad = sum(row["lost"] != "nothing" for row in rows.values())
        times = sum(row["times"] for row in rows.values())
        return "\n".join(
            [*lines, "", f"{self.kills} kills, {times} faults in all; something was lost in {bad} rows"]
        )


def one_unit(case, fault, seed, which):
    """(SIGKILLs, what was lost) of a fault, the `which`-th time; moments depend on it alone."""
    function = FAULTS[fault][0]
    return function(case, which, random.Random(f"{seed} {case.name} {fault} {which}"))


def break_configuration(name, tally, kills):
    """Each fault as often as FAULTS says, then random kills until there are so many; only what is not counted
    yet."""
    column, seed = {THOROUGH: 1, EVALUATED: 2}.get(name, 3), tally.found["seed"]
    todo = [
        (fault, which)
        for fault, entry in FAULTS.items()
        for which in range(tally.row(name, fault)["units"], entry[column] or 0)
    ]
    fault = "SIGKILL at a random moment"
    enough = lambda: sum(tally.row(name, other)["kills"] for other in FAULTS) >= kills
    if not todo and enough():
        return
    with tempfile.TemporaryDirectory() as folder:
        case = Case(folder, name, CONFIGURATIONS[name])
        for other, which in todo:
            tally.add(name, other, *one_unit(case, other, seed, which))
        while not enough():
            tally.add(name, fault, *one_unit(case, fault, seed, tally.row(name, fault)["units"]))


def main():
    """Prints the table; exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kills", type=int, default=100, help="SIGKILLs to count over all configurations (default 100)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the random moments (default 0)")
    parser.add_argument(
        "--json", default="", help="file that keeps the counts; the same command goes on from it"
    )
    parser.add_argument("--only", nargs="*", default=[], help="configurations to break (default: all)")
    parser.add_argument("--table", action="store_true", help="only print what --json holds")
    args = parser.parse_args()
    tally = Tally(args.json, args.seed)
    names = [] if args.table else args.only or list(CONFIGURATIONS)
    for name in names:
        break_configuration(name, tally, -(-args.kills // len(names)))
        print(f"{name} is done; {tally.kills} kills in all", file=sys.stderr, flush=True)
    print(tally.table())
    return int(any(row["lost"] != "nothing" for row in tally.found["rows"].values()))


if __name__ == "__main__":
    sys.exit(main())
