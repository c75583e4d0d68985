"""Whether this checkout computes what another does, bit for bit: python benchmarks/same_bits.py OTHER.

OTHER: a checkout of another commit (git worktree add OTHER COMMIT). Each case trains three steps in both, on
a CPU with one thread, on made data, with narrow networks. The cases are every distinct setting of exps/, as
each checkout's own scripts give it to the launcher, and the tables of benchmarks/same_bits_cases.py. These
must be equal:

  checkpoints    keys and bits of all but the flags in them
  metrics.jsonl  its bytes; sample pictures likewise
  flags.json     every flag that OTHER has; a file of the project is the same file wherever the checkout lies
  scripts        the flags they give, those included that a case overrides; none may be gone

One line a case that differs, then a summary. "both refuse": neither trains the case, for the same reason. A
case whose name says "resumed" is begun by OTHER, carried on here, and compared with an unbroken run of OTHER.
Exit code: 0 nothing differs, 1 something does or nothing was trained, 2 arguments.

Each checkout has processes of its own that train one case after another, so that torch is imported once.
"""

import argparse
import collections
import contextlib
import fnmatch
import glob
import json
import os
import queue
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import torch

from benchmarks import same_bits_cases as cases
from benchmarks.common import ROOT, command_line
from engine.errors import UserError
from engine.flags import Parser

# log_every=2: the last checkpoint then holds sums for the log, and names that are logged as the run ends
OVERRIDES = "--cpu --threads=1 --log_every=2 --samples=4 --name=run --resume=auto"

# What is compared of a run's folder: files/ has copies of source text, log.txt and status.json sentences.
COMPARED = {"checkpoints", "samples", "metrics.jsonl", "evaluations.jsonl", "animation.gif", "flags.json"}

# Variables that scripts or the launcher read, and those of a group of processes that this one may be in.
HIDDEN = {"DATA", "DATA_DIR", "FOLDER", "LABEL_SEED", "LAUNCH", "SLURM_JOB_ID", "SLURM_JOB_END_TIME"}
HIDDEN |= {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}

TIMEOUT, GRACE = 300, 20  # seconds of a case; and of the other process once one of two has failed

# Reads lines: the launcher's arguments as JSON. Writes lines: an error's text, or "" for a finished run.
PROGRAM = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
root = sys.path[0] = os.getcwd()
import torch
from matplotlib.figure import Figure
from PIL import Image
torch.set_num_threads(1)
# asked before --amp=bf16 is accepted; a processor that only emulates it can show whether bits differ, too
torch.ops.mkldnn._is_mkldnn_bf16_supported = lambda: True
# curves.png shows metrics.jsonl again and takes most of a short run's time
Figure.savefig = lambda self, file, **options: Image.new("L", (1, 1)).save(file, "png")
import task_launcher
print("ready", file=answers)
for line in sys.stdin:
    os.chdir(root)
    try:
        code = task_launcher.main(json.loads(line))
        outcome = f"exit code {code}" if code else ""
    except BaseException as error:
        outcome = f"{type(error).__name__}: {' '.join(str(error).split())}"
    print(json.dumps(outcome), file=answers)
"""


class Checkout:
    """A checkout's `world` processes, which train each case as one group. folder: where their log goes."""

    def __init__(self, root, folder, world=1):
        self.root, self.folder, self.world = root, folder, world
        self.log, self.processes = os.path.join(folder, "log"), []

    def start(self):
        """Starts the processes. Raises UserError if the launcher cannot be imported."""
        environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        environment |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        if self.world > 1:
            environment |= {
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": free_port(),
                "WORLD_SIZE": str(self.world),
            }
        for rank in map(str, range(self.world)):
            own = {"RANK": rank, "LOCAL_RANK": rank} if self.world > 1 else {}
            with open(self.log, "a") as log:
                process = subprocess.Popen(
                    [sys.executable, "-W", "ignore", "-c", PROGRAM],
                    cwd=self.root,
                    env=environment | own,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,  # or Ctrl-C would ask the launcher to save
                )
            self.processes.append(process)
        if any(process.stdout.readline() != "ready\n" for process in self.processes):
            raise UserError(f"{self.root}: its launcher does not start: {self.last_words()}")

    def train(self, line):
        """What came of a run with the flags of `line`: "" if it finished, else an error's type and text."""
        if not self.processes:
            self.start()
        for process in self.processes:
            with contextlib.suppress(BrokenPipeError):  # one that has died is told of below
                process.stdin.write(json.dumps(line.split()) + "\n")
                process.stdin.flush()
        waiting = [process.stdout for process in self.processes]
        outcome, usable, until = "", True, time.monotonic() + TIMEOUT
        while waiting:
            ready = select.select(waiting, [], [], max(0.0, until - time.monotonic()))[0]
            for stream in ready:
                waiting.remove(stream)
                answer = stream.readline()
                usable = usable and bool(answer)
                outcome = outcome or (
                    json.loads(answer) if answer else f"its process ended: {self.last_words()}"
                )
            if outcome and ready:
                until = time.monotonic() + GRACE  # the others may wait for the one that failed
            elif not ready:
                outcome, waiting, usable = outcome or f"no end after {TIMEOUT} s", [], False
        if not usable or (outcome and self.world > 1):
            self.stop()
        return outcome.replace(self.folder + os.sep, "").replace(self.root + os.sep, "")

    def last_words(self):
        """The last line that one of the processes wrote."""
        with open(self.log, errors="replace") as file:
            return (file.read().strip().splitlines() or ["it said nothing"])[-1]

    def stop(self):
        """Ends the processes; a later case starts others."""
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.processes = []


def free_port():
    """A port that nothing listens at, as text."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


# --- what is compared


def flat(state, at=""):
    """{path: tensor or value} of a nested state."""
    if isinstance(state, dict):
        parts = state.items()
    elif isinstance(state, (list, tuple)):
        parts = enumerate(state)
    else:
        return {at: state}
    return {k: v for name, part in parts for k, v in flat(part, f"{at}/{name}" if at else str(name)).items()}


def equal(a, b):
    """Whether two values are the same: tensors of one dtype and shape with the same bits."""
    if torch.is_tensor(a) and torch.is_tensor(b):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(bits(a), bits(b))
    return type(a) is type(b) and a == b


def bits(tensor):
    """Its bytes: unlike numbers, not-a-number equals itself and 0 differs from -0."""
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def described(a, b):
    """How two values differ."""
    if not (torch.is_tensor(a) and torch.is_tensor(b)):
        return f"{shortened(a)} there, {shortened(b)} here"
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"{a.dtype} {list(a.shape)} there, {b.dtype} {list(b.shape)} here"
    return f"by {(a.double() - b.double()).abs().max().item():.2g}"


def shortened(value):
    """A value as text of at most 60 characters."""
    text = f"{value.dtype} {list(value.shape)}" if torch.is_tensor(value) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def keys_that_differ(there, here):
    """Texts, one a key: those that one side alone has, then those with other values."""
    alone = [
        f"{k} only {side}"
        for side, own, other in (("there", there, here), ("here", here, there))
        for k in own
        if k not in other
    ]
    return alone + [
        f"{k} {described(there[k], here[k])}" for k in there if k in here and not equal(there[k], here[k])
    ]


def first_of(texts, n=3):
    """The first n of the texts, and how many more there are."""
    return "; ".join(texts[:n]) + (f"; and {len(texts) - n} more" if len(texts) > n else "")


def state_of(path):
    """A checkpoint without its flags."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    return flat({name: part for name, part in state.items() if name != "flags"})


def files_of(folder):
    """The files of a run that are compared, relative to its folder."""
    found = glob.glob(os.path.join(folder, "**"), recursive=True)
    names = (os.path.relpath(path, folder) for path in found if os.path.isfile(path))
    return {name for name in names if name.split(os.sep)[0] in COMPARED}


def lines_that_differ(there, here):
    """Where two metrics.jsonl differ, as one text."""
    a, b = map(lines_of, (there, here))
    for number, (x, y) in enumerate(zip(a, b), 1):
        found = keys_that_differ(x, y)
        if found or x != y or list(x) != list(y):
            return f"line {number}: {first_of(found) or 'keys in another order'}"
    return f"{len(a)} lines there, {len(b)} here" if len(a) != len(b) else "other text for the same numbers"


def lines_of(path):
    """The objects of a file of JSON lines."""
    with open(path, encoding="utf8") as file:
        return list(map(json.loads, file))


def same_bytes(a, b):
    """Whether two files hold the same bytes."""
    with open(a, "rb") as x, open(b, "rb") as y:
        return x.read() == y.read()


# --- a run of all


class Comparison:
    """Compares two checkouts. roots: theirs, OTHER's first. folder: where made data and runs go."""

    def __init__(self, roots, folder, allowed):
        self.roots = roots
        self.folders = [os.path.join(folder, side) for side in ("there", "here")]
        self.data = [os.path.join(place, "data") for place in self.folders]
        self.allowed, self.new = allowed, set()
        self.counts = collections.Counter()
        for place in self.data:
            cases.write_data(place)

    def train(self, checkouts, side, line, save_path, steps=cases.STEPS, data=None):
        """What came of one run, see Checkout.train. side: 0 there, 1 here."""
        line = f"{line} {OVERRIDES} --max_steps={steps} --save_path={save_path}"
        return checkouts[side].train(line.replace("{data}", data or self.data[side]))

    def run(self, chosen):
        """Trains and compares the cases, kind after kind."""
        for kind, world in (("one", 1), ("two", 2), ("resumed", 1)):
            of_kind = [case for case in chosen if case.kind == kind]
            checkouts = [Checkout(root, place, world) for root, place in zip(self.roots, self.folders)]
            try:
                (self.resumed if kind == "resumed" else self.side_by_side)(checkouts, of_kind)
            finally:
                for checkout in checkouts:
                    checkout.stop()

    def side_by_side(self, checkouts, chosen):
        """Trains cases in both checkouts, each at its own pace."""
        done, left = queue.SimpleQueue(), threading.Event()

        def work(side):
            try:
                for number, case in enumerate(chosen):
                    line, save_path = (case.there, case.here)[side], self.places(number)[side]
                    if left.is_set():
                        return
                    done.put((number, side, self.train(checkouts, side, line, save_path)))
            except Exception as error:
                done.put((None, side, error))

        for side in (0, 1):
            threading.Thread(target=work, args=(side,), daemon=True).start()
        outcomes = [{} for _ in chosen]
        try:
            for _ in range(2 * len(chosen)):
                number, side, outcome = done.get()
                if number is None:
                    raise outcome
                outcomes[number][side] = outcome
                if len(outcomes[number]) == 2:
                    self.judge(chosen[number], outcomes[number][0], outcomes[number][1], self.places(number))
        finally:
            left.set()

    def resumed(self, checkouts, chosen):
        """Trains cases for two steps there and the third here, and, to compare, for three there."""
        for number, case in enumerate(chosen):
            # what is planned over a run would else depend on where its first part ends
            line, (whole, parts) = f"{case.there} --schedule_steps={cases.STEPS}", self.places(number)
            unbroken = self.train(checkouts, 0, line, whole)
            broken = self.train(checkouts, 0, line, parts, cases.STEPS - 1)
            broken = broken or self.train(checkouts, 1, line, parts, data=self.data[0])
            self.judge(case, unbroken, broken, (whole, parts))

    def places(self, number):
        """--save_path of a case's run on either side."""
        return [os.path.join(place, "runs", str(number)) for place in self.folders]

    def judge(self, case, there, here, places):
        """Counts a case by what came of it on either side, and drops its runs."""
        name = case.name + more_scripts(case)
        if there and there == here:
            self.count("both refuse", name, there)
        elif there or here:
            self.count("differ", name, f"{there or 'trains'} there; {here or 'trains'} here")
        else:
            found = self.compare(
                *(glob.glob(os.path.join(place, "run", "s*"))[0] for place in places), case.kind
            )
            self.count("differ" if found else "equal", name, "; ".join(found))
        for place in places:
            shutil.rmtree(place, ignore_errors=True)

    def count(self, outcome, name, text=""):
        """Counts an outcome and prints a line, unless it is "equal"."""
        self.counts[outcome] += 1
        if outcome != "equal":
            print(f"{outcome.ljust(11)}  {name}: {text}", flush=True)
        elif sys.stderr.isatty():
            print(f"{sum(self.counts.values())} cases", end="\r", file=sys.stderr, flush=True)

    def compare(self, there, here, kind):
        """What differs between two runs' folders, one text a file."""
        names = [dict.fromkeys(sorted(files_of(folder))) for folder in (there, here)]
        if kind == "resumed":  # the end of the first part leaves a checkpoint and pictures
            names[1] = {name: None for name in names[1] if name in names[0]}
        found = keys_that_differ(*names)
        if not any(name.endswith(".pt") for name in names[0]):
            found.append("no checkpoint there")
        for name in sorted(names[0].keys() & names[1].keys()):
            text = self.compare_files(name, os.path.join(there, name), os.path.join(here, name))
            found += [f"{name}: {text}"] if text else []
        return found

    def compare_files(self, name, a, b):
        """What differs between two runs' files of that name; "" for nothing."""
        if name.endswith(".pt"):
            return first_of(keys_that_differ(state_of(a), state_of(b)))
        if name == "flags.json":
            flags = [self.flags_of(path) for path in (a, b)]
            self.new |= flags[1].keys() - flags[0].keys()
            left_out = self.new | self.allowed
            return first_of(
                keys_that_differ(*({k: v for k, v in f.items() if k not in left_out} for f in flags))
            )
        if same_bytes(a, b):
            return ""
        return lines_that_differ(a, b) if name.endswith(".jsonl") else "other bytes"

    def flags_of(self, path):
        """A flags.json without where the checkouts, the run and its data lie."""
        with open(path, encoding="utf8") as file:
            text = file.read()
        for folder in sorted((*self.folders, *self.roots), key=len, reverse=True):  # one may lie in another
            text = text.replace(json.dumps(folder + os.sep)[1:-1], "")
        return {name: value for name, value in json.loads(text).items() if name != "save_path"}

    def compare_scripts(self, there, here):
        """Counts scripts that are gone or give other flags; there, here: `cases.scripts`."""
        for path in there.keys() - here.keys():
            if path not in self.allowed:
                self.count("differ", path, "gone, or it fails, here")
        for path in sorted(there.keys() & here.keys()):
            found = keys_that_differ(cases.overridden(there[path]), cases.overridden(here[path]))
            if found:
                self.count("differ", path, f"its flags: {first_of(found)}")
        new = sorted(here.keys() - there.keys())
        if new:
            print(f"only here, not compared: {', '.join(new)}", flush=True)


def more_scripts(case):
    """For the scripts that give the same flags as the one that a case is named after."""
    return f" (and {case.alike} more)" if case.alike else ""


def main():
    """Compares, and exits with 1 if something differs."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", metavar="OTHER", help="the other checkout")
    parser.add_argument(
        "--only",
        nargs="+",
        default=["*"],
        metavar="PATTERN",
        help="cases whose names contain one of these, with * and ? (default: all)",
    )
    parser.add_argument("--list", action="store_true", help="print the cases' names and train nothing")
    parser.add_argument(
        "--allow",
        nargs="+",
        default=[],
        metavar="NAME",
        help="flags and scripts of OTHER that may be gone",
    )
    args = parser.parse_args()
    if not os.path.isfile(os.path.join(args.other, "task_launcher.py")):
        raise UserError(
            f"OTHER: {args.other} is no checkout of this project; use git worktree add {args.other} COMMIT"
        )
    wanted = lambda name: any(fnmatch.fnmatchcase(name, f"*{pattern}*") for pattern in args.only)
    start_time = time.monotonic()
    roots = [os.path.realpath(root) for root in (args.other, ROOT)]
    there, here = (cases.scripts(root, wanted) for root in roots)
    of_scripts = cases.script_cases(there, here)
    chosen = of_scripts + [case for case in cases.table_cases() if wanted(case.name)]
    if not chosen:
        raise UserError(f"--only: no case is called like {' or '.join(args.only)}; --list shows all")
    if args.list:
        print(*(case.name + more_scripts(case) for case in chosen), sep="\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(roots, os.path.realpath(folder), set(args.allow))
        comparison.compare_scripts(there, here)
        comparison.run(chosen)
    if comparison.new:
        print(f"flags that only this checkout has: {', '.join(sorted(comparison.new))}")
    counts, scripts = comparison.counts, len(there.keys() & here.keys())
    print(
        f"{len(chosen)} cases, {len(of_scripts)} of them the distinct settings of {scripts} scripts: "
        f"{counts['equal']} equal, {counts['both refuse']} refused by both, {counts['differ']} differ; "
        f"{time.monotonic() - start_time:.0f} s"
    )
    if counts["differ"] or not counts["equal"]:
        sys.exit(1)


if __name__ == "__main__":
    command_line(main)
