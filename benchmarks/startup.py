"""Seconds from the launcher's start to its first finished step, on the digits of scikit-learn.

python benchmarks/startup.py [--repeats N]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from benchmarks.common import ROOT, command_line, machine, words_of
from engine.flags import Parser, positive


def first_step(folder, words):
    """Seconds until the console shows step 1."""
    began = time.perf_counter()
    with subprocess.Popen(
        [
            sys.executable,
            "-u",
            os.path.join(ROOT, "task_launcher.py"),
            *words,
            f"--save_path={folder}",
            "--log_every=1",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            if line.startswith("step 1/"):
                seconds = time.perf_counter() - began
                process.kill()
                return seconds
    raise SystemExit("the launcher ended without a step")


def main():
    """Prints the median."""
    parser = Parser(description=__doc__)
    parser.add_argument("--repeats", type=positive, default=5)
    args = parser.parse_args()
    words, seconds = words_of("exps/quickstart.sh"), []
    for _ in range(args.repeats):
        with tempfile.TemporaryDirectory() as folder:
            seconds.append(first_step(folder, words))
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    torch_alone = time.perf_counter() - began
    print(machine())
    print(
        f"first step after {statistics.median(seconds):.1f} s (median of {args.repeats}, "
        f"{min(seconds):.1f} to {max(seconds):.1f}); importing torch alone takes {torch_alone:.1f} s"
    )


if __name__ == "__main__":
    command_line(main)
