"""The figures of docs/performance.md in one go, for a machine that nothing else uses.

python benchmarks/quiet.py --out=figures.md [--minutes N]

It runs the other benchmarks one after another, the most wanted first, until the minutes are spent (default
15). The file has what each printed, below its command. It grows while they run: an interruption loses one.
"""

import os
import shlex
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from benchmarks.common import ROOT, command_line, machine
from engine.errors import UserError
from engine.flags import Parser, positive

now = time.monotonic
MAIN = "exps/baseline.specnorm.sh"
# most wanted first
COMMANDS = [
    f"steps.py {MAIN} exps/visible.dnorm0.specnorm.sh --repeats 3",
    f"steps.py {MAIN} --plain --repeats 2",
    (
        "steps.py exps/mnist_downstream/mixup.sh exps/mnist_downstream/acai.sh exps/bigan/official.sh "
        "exps/bigan/mnist10k.sh exps/cyclegan/mnist10k.sh exps/mnist10k_improved/plain.sh "
        "exps/wgan_gp/cifar10_short.sh --repeats 3"
    ),
    (
        "steps.py exps/points/line2024_jsgan.sh exps/points/line2020_jsgan.sh exps/dist_gan_toys/line_gan.sh "
        "exps/dist_gan_toys/line_dist_gan.sh exps/dist_gan_toys/square_dist_gan.sh --threads 1 --repeats 3"
    ),
    "steps.py exps/hidden.dnorm0.5.pp.sh exps/ssgan/cifar10_ssgan.sh --repeats 2",
    "processes.py --steps 5 --repeats 2",
    *(f"steps.py {MAIN} --width {width} --repeats 2" for width in (32, 64)),
    *(f"steps.py {MAIN} --batch {batch} --repeats 2" for batch in (16, 128)),
    *(f"steps.py {MAIN} --flags accumulate={k} --repeats 1" for k in (1, 4)),
    *(
        f"steps.py exps/mnist10k_improved/plain.sh --width 32 --batch 128 --shape=1,{side},{side} --repeats 2"
        for side in (32, 64)
    ),
    "startup.py --repeats 3",
]


def measure(command, out, seconds):
    """Runs benchmarks/<command> for at most so many seconds, and appends what it prints to the file."""
    script, *words = shlex.split(command)
    began = now()
    try:
        done = subprocess.run(
            [sys.executable, os.path.join(ROOT, "benchmarks", script), *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        text = done.stdout + (
            f"exit code {done.returncode}\n{done.stderr[-2000:]}" if done.returncode else ""
        )
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
        text = (
            printed if isinstance(printed, str) else printed.decode()
        ) + "broken off: the minutes are spent"
    with open(out, "a", encoding="utf8") as file:
        took = f"{now() - began:.0f} s"
        file.write(f"\n`python benchmarks/{command}` ({took})\n\n```\n{text.rstrip()}\n```\n")


def main():
    """Writes the file."""
    parser = Parser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", required=True, help="Markdown file to be written; must not exist")
    parser.add_argument("--minutes", type=positive, default=15)
    args = parser.parse_args()
    if os.path.exists(args.out):
        raise UserError(f"--out: {args.out} exists; use another name")
    end, load = now() + 60 * args.minutes, ", ".join(f"{x:.2f}" for x in os.getloadavg())
    with open(args.out, "w", encoding="utf8") as file:
        file.write(f"{machine()}; {time.strftime('%Y-%m-%d')}; load before: {load}\n")
    left_out = []
    for command in COMMANDS:
        left = end - now()
        if left < 10:
            left_out.append(command)
            continue
        print(command, flush=True)
        measure(command, args.out, left)
    if left_out:
        with open(args.out, "a", encoding="utf8") as file:
            file.write("\nNo minutes left for:\n\n" + "".join(f"    {command}\n" for command in left_out))
    print(args.out)


if __name__ == "__main__":
    command_line(main)
