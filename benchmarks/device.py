"""What an accelerator does: python benchmarks/device.py [--device cuda] [--minutes 20], a table at the end.

Images/s and seconds a step of the main networks in float32, TF32, bfloat16, float16 and compiled, and the
peak memory of each; whether a split and resumed run with --deterministic equals a whole one bit for bit; and
the device part of the test suite. An arithmetic that the device lacks is left out with the reason. On a CPU
the networks are narrow and the steps few. Where --minutes are over, what is left is named and not run.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time

import torch

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from benchmarks.common import ROOT, command_line, machine, words_of
from benchmarks.steps import SCRIPTS, Case
from engine import distributed
from engine.errors import UserError
from engine.flags import DEVICE_HELP, Parser, positive

MAIN = (
    "exps/baseline.specnorm.sh",
    "exps/visible.dnorm0.specnorm.sh",
    "exps/hidden.dnorm0.5.pp.sh",
    "exps/mnist_downstream/mixup.sh",
    "exps/ssgan/cifar10_ssgan.sh",
    "exps/wgan_gp/homework.sh",
    "exps/bigan/official.sh",
    "exps/cyclegan/mnist10k.sh",
)
ARITHMETICS = {
    "float32": [],
    "TF32": [],
    "bf16": ["--amp=bf16"],
    "fp16": ["--amp=fp16"],
    "compiled": ["--compile"],
}
SMALL = ["--network_args", "width=8", "--batch_size=4"]  # on a CPU


@contextlib.contextmanager
def products_in(precision):
    """Inside the block float32 products are computed in "ieee" or "tf32", by torch's switches for CUDA."""
    switches = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = [switch.fp32_precision for switch in switches]
    try:
        for switch in switches:
            switch.fp32_precision = precision
        yield
    finally:
        for switch, old in zip(switches, before):
            switch.fp32_precision = old


def synchronise(device):
    """Waits until the device has done what it was given."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def measure(script, arithmetic, device, seconds):
    """(images/s, s/step, peak bytes or None) of a script's steps, over whole periods of its updates.

    Raises UserError where the device lacks the arithmetic.
    """
    if arithmetic == "TF32" and not (
        device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8
    ):
        raise UserError("TF32: not on this device")
    words = [*words_of(script), "--threads=0", "--resume=none", *ARITHMETICS[arithmetic]]
    case = Case([*words, *(SMALL if device.type == "cpu" else [])], SCRIPTS[script], device=device)
    with products_in("tf32" if arithmetic == "TF32" else "ieee"):
        case.run(2 * case.period)  # allocations, choice of kernels, compilation
        synchronise(device)
        if device.type != "cpu":
            torch.accelerator.reset_peak_memory_stats(device)
        began, steps = time.perf_counter(), 0
        while steps == 0 or time.perf_counter() - began < seconds:
            case.run(case.period)
            steps += case.period
            synchronise(device)
        each = (time.perf_counter() - began) / steps
    peak = None if device.type == "cpu" else torch.accelerator.max_memory_allocated(device)
    return case.args.batch_size / each, each, peak


def resumes(device):
    """Whether 4 steps, and 2 and 2 resumed, with --deterministic end in the same bits."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "--iterator=tests/made.py",
            "--network=networks/small.py",
            "--iterator_args",
            "size=8",
            "channels=1",
        ]
        words += [
            "--network_args",
            "width=8",
            "--batch_size=8",
            "--z_dim=5",
            "--samples=4",
            "--deterministic",
        ]
        words += [f"--device={device}", f"--save_path={folder}", "--resume=auto", "--save_every_steps=2"]
        for name, steps in (("whole", 4), ("parts", 2), ("parts", 4)):
            more = [f"--name={name}", f"--max_steps={steps}"]
            done = subprocess.run(
                [sys.executable, "task_launcher.py", *words, *more], cwd=ROOT, capture_output=True, text=True
            )
            if done.returncode:
                raise UserError(f"resume: {' '.join(done.stderr.split()[-30:])}")
        whole, parts = (
            torch.load(
                os.path.join(folder, name, "s0", "checkpoints", "step_00000004.pt"),
                weights_only=True,
                map_location="cpu",
            )
            for name in ("whole", "parts")
        )
        names = whole["modules"].keys()
        return names == parts["modules"].keys() and all(
            torch.equal(whole["modules"][name], parts["modules"][name]) for name in names
        )


def main():
    """Prints a line for each measurement, and all of them as a Markdown table."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scripts", nargs="*", help="scripts of exps/ (default: the main networks)")
    parser.add_argument("--device", default="auto", help=DEVICE_HELP)
    parser.add_argument(
        "--minutes", type=positive, default=20, help="nothing is begun after so long (default 20)"
    )
    parser.add_argument(
        "--seconds", type=positive, default=None, help="each measurement (default 5; on a CPU 1)"
    )
    parser.add_argument("--no_tests", action="store_true", help="leave out the test suite's device part")
    args = parser.parse_args()
    began, device = time.monotonic(), distributed.start(args.device)
    on_cpu = device.type == "cpu"
    seconds = args.seconds or (1 if on_cpu else 5)
    name = machine()
    if device.type == "cuda":
        name = f"{torch.cuda.get_device_name(device)}, {name}"
    table = ["| script | arithmetic | images/s | s/step | peak |", "|---|---|---|---|---|"]
    left = []
    for script in args.scripts or MAIN:
        if script not in SCRIPTS:
            raise UserError(f"{script}: not known here; use one of benchmarks/steps.py's, such as {MAIN[0]}")
        for arithmetic in ARITHMETICS:
            if on_cpu and arithmetic == "compiled":
                continue  # minutes each: see benchmarks/steps.py --flags compile
            if time.monotonic() - began > 60 * args.minutes:
                left.append(f"{script} {arithmetic}")
                continue
            try:
                rate, each, peak = measure(script, arithmetic, device, seconds)
                line = f"{rate:.1f} | {each:.4g} | {'–' if peak is None else f'{peak / 2**30:.2f} GiB'}"
            except UserError as error:
                line = f"– | – | {error}"
            table.append(f"| `{script}` | {arithmetic} | {line} |")
            print(table[-1], file=sys.stderr, flush=True)
    same = resumes(device)
    tests = "left out"
    if not args.no_tests:
        words = [sys.executable, "-m", "pytest", "-q", "tests/devices", "tests/engine/test_randomness.py"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        tests = done.stdout.strip().split("\n")[-1]
    print(f"{name}; device {device}\n\n" + "\n".join(table))
    print(f"\nresumed with --deterministic: {'the same bits' if same else 'OTHER BITS'}; tests: {tests}")
    if left:
        print(f"not run within {args.minutes} minutes: {', '.join(left)}")
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    command_line(main)
