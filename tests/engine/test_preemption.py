import os
import signal
import time

import pytest

from engine import preemption
from engine.errors import UserError


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


def test_signals_raise_before_the_loop_and_wait_inside_it():
    before = {n: signal.getsignal(n) for n in preemption.SIGNALS}
    try:
        stopper = preemption.Stopper().install()
        with pytest.raises(preemption.Interrupted, match="SIGUSR1"):
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(1)
        stopper = preemption.Stopper().install()
        stopper.patient = True
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopper.wanted() == "signal SIGTERM"
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
