"""Two processes under torchrun against one process with as many threads, for the same total batch: python benchmarks/processes.py [--steps N].

Both train exps/baseline.specnorm.sh's networks on random images, alternating; the time is that of the steps alone, without start-up, from the
run's last line. Medians.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from benchmarks.common import ROOT, machine, words_of                    # noqa: E402


def seconds(launcher, words, steps):
    """Seconds of `steps` steps, as the launcher's last line tells them."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, *launcher, os.path.join(ROOT, "task_launcher.py"), *words, f"--save_path={folder}"], cwd=ROOT, capture_output=True,
                              text=True)
    times = re.findall(r"step (\d+)/\d+ .*?([\d.]+) steps/s", done.stdout)
    if done.returncode or not times:
        raise SystemExit(done.stderr or done.stdout)
    return steps / float(times[-1][1])


def main():
    """Prints both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    words = [*words_of("exps/baseline.specnorm.sh"), "--iterator=tests/made.py", f"--max_steps={args.steps}", f"--log_every={args.steps // 2}", "--network_args", f"width={args.width}",
             "--save_every=0", "--save_images_every=0", "--resume=none"]
    while "--iterator_args" in words:
        at = words.index("--iterator_args")
        end = next(i for i in range(at + 1, len(words)) if words[i].startswith("--"))
        words = words[:at] + words[end:]
    words += ["--iterator_args", "n=640"]
    ways = {"one process": ((), [*words, f"--threads={args.processes}"]),
            f"{args.processes} processes": (("-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={args.processes}"), [*words, "--threads=1"])}
    found = {name: [] for name in ways}
    for _ in range(args.repeats):
        for name, (launcher, given) in ways.items():
            found[name].append(seconds(launcher, given, args.steps))
    print(machine())
    one = statistics.median(found["one process"])
    for name, values in found.items():
        print(f"{name:<14} {statistics.median(values) / args.steps:8.3f} s a step   x {statistics.median(values) / one:.2f}")


if __name__ == "__main__":
    main()
