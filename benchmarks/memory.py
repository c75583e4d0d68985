"""Peak memory of training: python benchmarks/memory.py [SCRIPT ...] [--batch N].

Each experiment has a process of its own and random data of the experiment's shape, as in benchmarks/steps.py.
One line each: the peak of resident memory over two periods of updates, and how much of it the libraries took
before there was a network.
"""

import argparse
import os
import resource
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from benchmarks.common import command_line, machine, words_of
from engine.flags import Parser, positive


def peak():
    """The highest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(script, shape, more):
    """Prints the line of one script."""
    from benchmarks.steps import Case, shapes_of

    script, shapes = shapes_of(script, shape)
    before = peak()
    case = Case([*words_of(script), "--resume=none", *more], shapes)
    case.run(2 * case.period)
    print(
        f"{script:<44}batch {case.args.batch_size:>4}  peak {peak():8.0f} MiB, libraries {before:5.0f} MiB",
        flush=True,
    )


def main():
    """Prints the table."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "scripts", nargs="*", help="scripts of exps/ (default: all that benchmarks/steps.py knows)"
    )
    parser.add_argument("--batch", type=positive, help="another batch size")
    parser.add_argument(
        "--shape", help="shape of x for scripts that benchmarks/steps.py does not know, as in 3,32,32"
    )
    args = parser.parse_args()
    more = [f"--batch_size={args.batch}"] if args.batch else []
    if len(args.scripts) == 1:
        return one(args.scripts[0], args.shape, more)
    from benchmarks.steps import SCRIPTS

    print(machine())
    for script in args.scripts or SCRIPTS:
        subprocess.run(
            [
                sys.executable,
                __file__,
                script,
                *([f"--batch={args.batch}"] if args.batch else []),
                *([f"--shape={args.shape}"] if args.shape else []),
            ],
            check=True,
        )


if __name__ == "__main__":
    command_line(main)
