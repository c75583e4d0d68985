"""Several processes under torchrun against one process with as many threads, for the same total batch.

    python benchmarks/processes.py [--steps N] [--processes 2]

Both train the networks of exps/baseline.specnorm.sh on random images, in turn. The time is that between two
lines of the log, one after N steps and one at the end. So it holds N steps and what the log measures once.
Medians.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from benchmarks.common import ROOT, command_line, machine, words_of
from engine.flags import Parser, positive


def seconds(launcher, words, steps):
    """Seconds of `steps` steps: from the launcher's first line about a step to its last."""
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen(
            [
                sys.executable,
                *launcher,
                os.path.join(ROOT, "task_launcher.py"),
                *words,
                f"--save_path={folder}",
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        ) as process:
            times = {
                int(found[1]): time.perf_counter()
                for line in process.stdout
                if (found := re.match(r"step (\d+)/", line))
            }
    if process.returncode or steps not in {last - first for first in times for last in times}:
        raise SystemExit("the launcher ended too early")
    return max(times.values()) - min(times.values())


def main():
    """Prints both times and their ratio."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=positive, default=20)
    parser.add_argument("--width", type=positive, default=128)
    parser.add_argument("--repeats", type=positive, default=3)
    parser.add_argument("--processes", type=positive, default=2)
    args = parser.parse_args()
    words = [
        *words_of("exps/baseline.specnorm.sh"),
        "--iterator=tests/made.py",
        f"--max_steps={2 * args.steps}",
        f"--log_every={args.steps}",
        "--network_args",
        f"width={args.width}",
        "--save_every=0",
        "--save_images_every=0",
        "--resume=none",
    ]
    while "--iterator_args" in words:
        at = words.index("--iterator_args")
        end = next(i for i in range(at + 1, len(words)) if words[i].startswith("--"))
        words = words[:at] + words[end:]
    words += ["--iterator_args", "n=640"]
    commands = {
        "one process": ((), [*words, f"--threads={args.processes}"]),
        f"{args.processes} processes": (
            ("-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={args.processes}"),
            [*words, "--threads=1"],
        ),
    }
    found = {name: [] for name in commands}
    for _ in range(args.repeats):
        for name, (launcher, given) in commands.items():
            found[name].append(seconds(launcher, given, args.steps))
    print(machine())
    medians = {name: statistics.median(values) for name, values in found.items()}
    for name, median in medians.items():
        ratio = median / medians["one process"]
        print(f"{name:<14} {median / args.steps:8.3f} s a step   x {ratio:.2f}")


if __name__ == "__main__":
    command_line(main)
