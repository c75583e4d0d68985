"""The short form of inject.py: each fault a few times. The long form is `python -m tests.faults.inject`."""

import pytest

from tests.faults import inject

SEED = 20261122


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """name: its Case, made when it is first asked for."""
    made = {}

    def case(name):
        if name not in made:
            folder = str(tmp_path_factory.mktemp("faults"))
            made[name] = inject.Case(folder, name, inject.CONFIGURATIONS[name])
        return made[name]

    return case


@pytest.fixture
def case(cases):
    return cases(inject.THOROUGH)


# fault: which of its kind, of those that FAULTS counts; and which besides, marked slow
ONCE = {
    "SIGKILL at a random moment": ((0,), ()),
    "SIGKILL inside a write": ((9, 31), (2, 16)),
    "SIGKILL between record, checkpoint, picture": ((3, 8, 14), (2, 6, 11)),
    "TERM, INT, USR1, USR2, HUP": ((0, 4), (1, 2, 3)),
    "signal while a checkpoint is read": ((0,), ()),
    "passing read error": ((0,), ()),
    "time limit": ((0,), ()),
    "damaged newest checkpoint": ((0, 2), (1, 3, 4)),
    "renamed checkpoint": ((0,), ()),
    "full disk": ((0,), (1,)),
    "second writer": ((0,), ()),
    "lock taken over": ((0,), ()),
    "failing picture or curve": ((0, 1), ()),
}
EVALUATED = {
    "SIGKILL around an evaluation": ((0, 6, 12), (5, 7, 9, 10, 15)),
    "signal inside an evaluation": ((2,), (7,)),
    "refused or failing evaluation": ((0, 3), (1, 2)),
}


def units(faults):
    """(fault, which) for pytest; the slow ones are marked so."""
    for fault, (some, more) in faults.items():
        yield from (pytest.param(fault, n) for n in some)
        yield from (pytest.param(fault, n, marks=pytest.mark.slow) for n in more)


@pytest.mark.parametrize("fault, which", list(units(ONCE)))
def test_nothing_is_lost(case, fault, which):
    assert inject.one_unit(case, fault, SEED, which)[1] == "nothing"


@pytest.mark.parametrize("fault, which", list(units(EVALUATED)))
def test_an_evaluation_that_breaks_takes_nothing_with_it(cases, fault, which):
    assert inject.one_unit(cases(inject.EVALUATED), fault, SEED, which)[1] == "nothing"


def test_a_long_run_of_faults_goes_on_from_its_file(tmp_path, monkeypatch):
    path = str(tmp_path / "faults.json")
    made = []
    monkeypatch.setattr(inject, "Case", lambda folder, name, words: made.append(name) or name)
    monkeypatch.setattr(
        inject, "one_unit", lambda case, fault, seed, which: (int("SIGKILL" in fault), "nothing")
    )
    for kills in (150, 150, 160):
        tally = inject.Tally(path, 7)
        inject.break_configuration(inject.THOROUGH, tally, kills)
        assert tally.kills == kills
    assert made == [inject.THOROUGH] * 2  # the second time nothing was left to do
    row = inject.Tally(path, 0).row(inject.THOROUGH, "full disk")
    assert row == {"units": 4, "times": 4, "kills": 0, "lost": "nothing"}


def test_the_harness_sees_a_loss(case, monkeypatch):
    """A run that draws its noise from a generator that is not seeded each step must be caught."""
    from engine import loop

    monkeypatch.setattr(loop, "seed_step", lambda *args: None)
    assert inject.one_unit(case, "SIGKILL inside a write", SEED, 20)[1].startswith("state differs")


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
    os.kill(child, signal.SIGTERM)  # one with the first: launchers hand a signal on
    time.sleep(0.3)
    os.kill(child, signal.SIGINT)
    assert inject.wait(child) == 1 and time.monotonic() - began < 3
    assert case.finish(words) == "nothing"
