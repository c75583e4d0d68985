"""What the benchmarks share: alternating medians, the machine's own rate, and a script's flags."""

import os
import statistics
import subprocess
import sys
import time

import torch

from engine.errors import UserError
from engine.torch_private import onednn_linear

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def medians(functions, repeats):
    """{name: median seconds} of functions that are called in turn.

    So a change in the machine's speed reaches all of them. The first call of each is not timed.
    """
    seconds = {name: [] for name in functions}
    for repeat in range(repeats + 1):
        for name, function in functions.items():
            began = time.perf_counter()
            function()
            if repeat:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def workloads(dtype=torch.float32):
    """{name: (a function, its number of operations)}: what the libraries under torch are fastest at.

    They are a product of 2048x2048 matrices by the library that torch chooses (MKL in float32, if present),
    the same by oneDNN, and oneDNN's 3x3 convolution of 64 images of 128 channels, 32x32, channels-last. Each
    function works long enough to be measured on a machine that other processes use.
    """
    a, b = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
    layer = torch.nn.Conv2d(128, 128, 3, padding=1).to(dtype, memory_format=torch.channels_last)
    x = torch.randn(64, 128, 32, 32).to(dtype, memory_format=torch.channels_last)

    def product():
        for _ in range(5):
            a @ b

    def other_product():
        for _ in range(5):
            onednn_linear(a, b)

    @torch.no_grad()
    def convolution():
        for _ in range(4):
            layer(x)

    found = {"product": (product, 5 * 2 * 2048**3)}
    if torch.backends.mkldnn.is_available():
        found["oneDNN product"] = other_product, 5 * 2 * 2048**3
    found["convolution"] = convolution, 4 * 2 * x.numel() * 128 * 9
    return found


def best_rate(work, seconds):
    """(operations a second, name) of the fastest of `workloads`. seconds: {name: median of its function}."""
    return max((operations / seconds[name], name) for name, (_, operations) in work.items())


def machine():
    """One line: processor, threads, torch."""
    name = "processor unknown"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf8") as file:
            name = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"


def command_line(main):
    """Calls main(); a UserError becomes one line on stderr and the project's exit code."""
    try:
        main()
    except UserError as error:
        print(f"{sys.argv[0]}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def words_of(script, *more, root=ROOT):
    """The flags that a script of exps/ in the checkout `root` gives to the launcher, followed by `more`."""
    environment = os.environ | {
        "LAUNCH": r"printf %s\0",
        "VIRTUAL_ENV": sys.prefix,  # or a script that installs what it needs would make a .venv
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["sh", os.path.join(root, script), *more], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split("\0")[1:-1]
