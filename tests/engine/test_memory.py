"""Freed memory is kept, or left to the environment's own settings."""

import os
import platform
import subprocess
import sys

import pytest

from tests.running import ROOT

PROGRAM = """
import resource
from engine import memory
import torch
kept = memory.keep_freed()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):                                      # until small blocks no longer come to lie in the way
    torch.ones(10_000_000)
before = faults()
for _ in range(10):
    torch.ones(10_000_000)
print(kept, faults() - before)
"""


def run(**environment):
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MALLOC_") and name != "GLIBC_TUNABLES"
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc is not this system's")
def test_freed_blocks_come_back_without_the_system():
    """Blocks of 40 MB. The system would have to clear each of their pages every time."""
    kept, faults = run()
    assert kept and faults < 100
    left, more = run(MALLOC_ARENA_MAX="4")
    assert not left and more > 150  # with pages of 2 MiB; 98,000 with those of 4 KiB
    assert run(GLIBC_TUNABLES="")[0] is False
