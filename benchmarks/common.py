"""What the benchmarks share: alternating medians, the machine's own rate, and a script's flags."""

import os
import statistics
import subprocess
import sys
import time

import torch

from engine.errors import UserError

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


def matrix_product(size=2048, times=5):
    """(a function that does `times` float32 matrix products, its number of operations).

    One product is too short to measure a machine that other processes use.
    """
    a, b = torch.randn(size, size), torch.randn(size, size)

    def product():
        for _ in range(times):
            a @ b

    return product, 2 * size**3 * times


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
