"""Stopping in time: signals and a time limit set a flag.

The loop ends at the next step boundary, all saved.
"""

import os
import signal
import time

from engine import distributed
from engine.errors import Interrupted, UserError

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)
INTERRUPTED = 75  # sysexits.h EX_TEMPFAIL: "try again later"
# Schedulers signal a launcher and its workers, and the launcher hands the signal on: the same number within
# this many
# seconds is one signal. A keyboard's second INT is meant; only torchrun sends one of its own, at once.
SAME, SAME_INT = 5.0, 2.0


class Stopper:
    """Whether the run should stop, and why.

    A first signal (TERM, INT, USR1, USR2, HUP) asks for a stop at the next step boundary. The same within
    SAME seconds is part of it; any other ends the process at once. The time limit, in seconds from the
    start of the process, asks for a stop while there is still time to save. The margin starts at 5% of the
    limit, at most 60 s, and becomes twice the longest save and the longest step seen, if that is more.

    patient: True while a loop asks wanted() at each step. Where it is False a signal raises Interrupted at
    once, of work that needs no saving: doing, in words.
    """

    installed = None  # the one that has the signals of this process

    def __init__(self, limit=None):
        self.deadline, self.margin = None, 0.0
        self.limit(limit)
        self.reason = self.first = None
        self.patient = self.over = False
        self.doing = "before the first step"
        self.pid = os.getpid()

    def limit(self, seconds):
        """Sets the time limit; None for none."""
        if seconds is not None:
            self.deadline, self.margin = time.time() + seconds, min(60.0, 0.05 * seconds)

    def install(self):
        """Takes over the signals; HUP only where it is not ignored already, as under nohup."""
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.receive)
        Stopper.installed = self
        return self

    def finish(self):
        """From now on signals are too late: what there was to save is saved."""
        self.over, self.patient = True, True
        if Stopper.installed is self:
            Stopper.installed = None

    def receive(self, number, frame):
        """The signal handler."""
        # in a worker that loads data: the process that made it ends it
        if self.over or os.getpid() != self.pid:
            return
        now = time.monotonic()
        if self.first is not None:
            if not self.same(number, now):
                os._exit(1)
            return
        self.first = number, now
        self.reason = self.reason or f"signal {signal.Signals(number).name}"
        if not self.patient:
            raise Interrupted(self.reason)

    def same(self, number, now):
        """Whether a signal that comes now is the first one over again."""
        first, at = self.first
        window = SAME
        if number == signal.SIGINT:
            window = SAME_INT if "TORCHELASTIC_RUN_ID" in os.environ else 0.0
        return number == first and now - at < window

    def learn(self, seconds):
        """Takes note of how long a save or a step took."""
        if self.deadline is not None:
            self.margin = max(self.margin, 2 * seconds)

    def asked(self):
        """Whether this process was asked to stop, or its time is over."""
        if self.reason is None and self.deadline is not None and time.time() > self.deadline - self.margin:
            self.reason = "the time limit"
        return self.reason is not None

    def wanted(self):
        """Why to stop now, or None; the same answer in every process.

        Called once a step, in every process.
        """
        if distributed.agree(self.asked()):
            return self.reason or "another process was asked to"
        return None


def break_off():
    """Raises Interrupted where this process was asked to stop: long work calls it between its parts."""
    if Stopper.installed is not None and Stopper.installed.asked():
        raise Interrupted(Stopper.installed.reason)


def time_limit(text):
    """Seconds until the end that --time_limit HH:MM:SS gives.

    Where that is empty, until Slurm's SLURM_JOB_END_TIME; None without either.
    """
    if not text:
        end = os.environ.get("SLURM_JOB_END_TIME", "")
        return max(0.0, int(end) - time.time()) if end.isdigit() and end.isascii() else None
    parts = text.split(":")
    digits = all(p.isdigit() and p.isascii() and len(p) < 7 for p in parts)
    if len(parts) != 3 or not digits or int(parts[1]) > 59 or int(parts[2]) > 59:
        raise UserError(f"--time_limit: given {text!r}; must be HH:MM:SS, as in 23:30:00")
    return int(parts[0]) * 3600 + int(parts[1]) * 60 + int(parts[2])
