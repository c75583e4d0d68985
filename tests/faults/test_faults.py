"""The short form of inject.py: each fault a few times. The long form is `python -m tests.faults.inject`."""

import random

import pytest

from engine.preemption import SIGNALS
from tests.faults import inject

SEED = 20261122


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return inject.Case(str(tmp_path_factory.mktemp("faults")), "gan", inject.CONFIGURATIONS["gan"])


@pytest.mark.parametrize(
    "fault, arguments",
    [
        (inject.random_kills, (4, random.Random(SEED))),
        (
            inject.kills_inside_writes,
            ([("fsync", 3), ("fsync", 9), ("replace", 4), ("replace", 9), ("remove", 2)],),
        ),
        (inject.polite_signals, (list(SIGNALS), random.Random(SEED))),
        (inject.time_limits, (1,)),
        (inject.damaged_checkpoints, (inject.DAMAGES,)),
        (inject.full_disks, (2,)),
        (inject.second_writers, (1,)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_nothing_is_lost(case, fault, arguments):
    times, lost = fault(case, *arguments)
    assert times and lost == "nothing"


def test_the_harness_sees_a_loss(case, monkeypatch):
    """A run that draws its noise from a generator that is not seeded each step must be caught."""
    from engine import loop

    monkeypatch.setattr(loop, "seed_step", lambda *args: None)
    assert inject.random_kills(case, 1, random.Random(1))[1].startswith("state differs")


def test_a_second_signal_ends_at_once(case):
    import os
    import signal
    import time

    words = case.fresh()
    child = inject.start(words, lambda: inject.slow_steps(5.0))
    folder = os.path.join(case.folder, f"broken{case.made}", "s0")
    while not os.path.exists(os.path.join(folder, "status.json")):
        time.sleep(0.01)
    time.sleep(0.5)
    began = time.monotonic()
    os.kill(child, signal.SIGTERM)
    time.sleep(0.3)
    os.kill(child, signal.SIGTERM)
    assert inject.wait(child) == 1 and time.monotonic() - began < 3
    assert case.finish(words) == "nothing"
