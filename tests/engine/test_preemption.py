import os
import signal
import time

import pytest

from engine import preemption
from engine.errors import Interrupted, UserError


def test_time_limits(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    assert preemption.time_limit("01:02:03") == 3723 and preemption.time_limit("") is None
    for bad in ("1:2", "00:61:00", "abc", "00:00:-1"):
        with pytest.raises(UserError, match="--time_limit: given"):
            preemption.time_limit(bad)
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 100))
    assert 95 < preemption.time_limit("") <= 100
    assert preemption.time_limit("00:00:07") == 7  # what the user says wins


def test_the_margin_is_learnt():
    stopper = preemption.Stopper(1000)
    assert stopper.margin == 50 and stopper.wanted() is None
    stopper.learn(2)
    assert stopper.margin == 50
    stopper.learn(600)
    assert stopper.margin == 1200 and stopper.wanted() == "the time limit"
    assert preemption.Stopper(10**6).margin == 60 and preemption.Stopper().wanted() is None


def test_minutes_and_seconds_end_at_59():
    assert preemption.time_limit("00:59:59") == 3599
    for bad in ("00:60:00", "00:00:60", "00:00:\u00b2"):
        with pytest.raises(UserError, match="--time_limit: given"):
            preemption.time_limit(bad)


@pytest.fixture
def handlers(monkeypatch):
    """Puts the signals' handlers back, and lets no signal end this process."""
    before = {n: signal.getsignal(n) for n in preemption.SIGNALS}
    ends = []
    monkeypatch.setattr(os, "_exit", ends.append)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    yield ends
    for number, handler in before.items():
        signal.signal(number, handler)
    preemption.Stopper.installed = None


def test_signals_raise_before_the_loop_and_wait_inside_it(handlers):
    stopper = preemption.Stopper().install()
    with pytest.raises(Interrupted, match="SIGUSR1"):
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(1)
    stopper = preemption.Stopper().install()
    stopper.patient = True
    os.kill(os.getpid(), signal.SIGTERM)
    assert stopper.wanted() == "signal SIGTERM" and not handlers


def test_a_signal_is_no_exception_that_readers_of_files_could_swallow():
    assert not issubclass(Interrupted, Exception)


@pytest.mark.parametrize("number", ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP"))
def test_the_same_signal_within_five_seconds_is_one(handlers, monkeypatch, number):
    """Schedulers signal torchrun and its workers, and torchrun hands the signal on."""
    number, now = getattr(signal, number), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    stopper = preemption.Stopper()
    stopper.patient = True
    for now[0] in (100.0, 100.1, 104.9):
        stopper.receive(number, None)
    assert handlers == []
    now[0] = 105.1
    stopper.receive(number, None)
    assert handlers == [1]


def test_another_signal_and_a_keyboards_second_one_end_at_once(handlers, monkeypatch):
    for first, second in ((signal.SIGTERM, signal.SIGUSR1), (signal.SIGINT, signal.SIGINT)):
        stopper = preemption.Stopper()
        stopper.patient = True
        stopper.receive(first, None)
        stopper.receive(second, None)
    assert handlers == [1, 1]
    # a keyboard's INT reaches torchrun as well, which hands it on
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    stopper = preemption.Stopper()
    stopper.patient = True
    stopper.receive(signal.SIGINT, None)
    stopper.receive(signal.SIGINT, None)
    assert handlers == [1, 1]


def test_a_signal_after_the_time_limit_leaves_time_to_save(handlers):
    stopper = preemption.Stopper(0.0)
    stopper.patient = True
    assert stopper.wanted() == "the time limit"
    stopper.receive(signal.SIGUSR1, None)
    assert handlers == [] and stopper.reason == "the time limit"


def test_a_hangup_that_is_ignored_stays_so(handlers):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    preemption.Stopper().install()
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    stopper = preemption.Stopper().install()
    assert signal.getsignal(signal.SIGHUP) == stopper.receive


def test_long_work_is_broken_off_where_it_looks(handlers):
    preemption.break_off()
    stopper = preemption.Stopper().install()
    stopper.patient = True
    preemption.break_off()
    stopper.receive(signal.SIGTERM, None)
    with pytest.raises(Interrupted, match="signal SIGTERM"):
        preemption.break_off()
    stopper.finish()
    preemption.break_off()
    stopper.receive(signal.SIGTERM, None)
    stopper.receive(signal.SIGUSR1, None)
    assert handlers == []  # all is saved: the exit code is that of what was done
