"""Time of a training step in this checkout and in another.

    python benchmarks/against.py FOLDER SCRIPT [SCRIPT ...] [--turns N]

FOLDER: a checkout of another commit (git worktree add FOLDER COMMIT) with the same flags and a
benchmarks/steps.py. Each checkout has its own process, on random data as in benchmarks/steps.py. They take
turns of a few seconds. One line for each script: the median seconds per step of each, and their ratio.
"""

import argparse
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from benchmarks.common import ROOT, command_line, machine
from engine.errors import UserError
from engine.flags import Parser, positive

# prints a line for each line that it reads: seconds per step, over whole periods of updates, 3 seconds at
# least
PROGRAM = """
import sys, time
from benchmarks.steps import Case, shapes_of, words_of
known, shapes = shapes_of(sys.argv[1])
case = Case([*words_of(known), "--threads=0", "--resume=none"], shapes)
def seconds(periods):
    began = time.perf_counter()
    case.run(periods * case.period)
    return time.perf_counter() - began
seconds(1)
periods = max(1, round(3 / seconds(1)))
print("ready", flush=True)
for _ in sys.stdin:
    print(seconds(periods) / (periods * case.period), flush=True)
"""


def start(folder, script):
    """A checkout's process, ready for its turns. Raises UserError if it ends before that."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, script],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if process.stdout.readline() != "ready\n":
        said = process.stderr.read().strip().splitlines() or ["it ended"]
        raise UserError(f"{folder}: cannot time {script} there: {said[-1]}")
    return process


def turn(process):
    """Seconds per step in one turn."""
    process.stdin.write("go\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main():
    """Prints the table."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="the other checkout")
    parser.add_argument("scripts", nargs="+", help="scripts of exps/ that benchmarks/steps.py knows")
    parser.add_argument("--turns", type=positive, default=6)
    args = parser.parse_args()
    if not os.path.isfile(os.path.join(args.folder, "benchmarks", "steps.py")):
        raise UserError(
            f"{args.folder}: no checkout of this project; make one by git worktree add {args.folder} COMMIT"
        )
    print(machine())
    print(f"{'script':<40}{'there':>10}{'here':>10}{'x':>7}", flush=True)
    for script in args.scripts:
        processes = []
        try:
            for folder in (args.folder, ROOT):
                processes.append(start(folder, script))
            rounds = [[turn(process) for process in processes] for _ in range(args.turns)]
        finally:
            for process in processes:
                process.kill()
                process.wait()
        there, here = map(statistics.median, zip(*rounds))
        print(f"{script:<40}{there:10.4f}{here:10.4f}{here / there:7.2f}", flush=True)


if __name__ == "__main__":
    command_line(main)
