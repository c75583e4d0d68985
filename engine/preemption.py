"""Stopping in time: signals and a time limit set a flag, and the loop ends at the next step boundary with everything saved."""

import os
import signal
import time

from engine import distributed
from engine.errors import UserError

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
INTERRUPTED = 75  # sysexits.h EX_TEMPFAIL: "try again later"


class Interrupted(Exception):
    """A signal that came where nothing needs saving: while data or networks are made."""


class Stopper:
    """Whether the run should stop, and why.

    A first signal (TERM, INT, USR1, USR2) asks for a stop at the next step boundary; a second ends the process at once. The time
    limit, in seconds from the start of the process, asks for one while there is still time to save: the margin starts at 5% of the
    limit, at most 60 s, and becomes twice the longest save and the longest step seen, if that is more.
    """

    def __init__(self, limit=None):
        self.deadline = None if limit is None else time.time() + limit
        self.margin = 0.0 if limit is None else min(60.0, 0.05 * limit)
        self.reason = None
        self.patient = False  # True while a loop asks wanted() at each step

    def install(self):
        """Takes over the signals."""
        for number in SIGNALS:
            signal.signal(number, self.receive)
        return self

    def receive(self, number, frame):
        """The signal handler."""
        if self.reason is not None:
            os._exit(1)
        self.reason = f"signal {signal.Signals(number).name}"
        if not self.patient:
            raise Interrupted(self.reason)

    def learn(self, seconds):
        """Takes note of how long a save, a step or an evaluation took."""
        if self.deadline is not None:
            self.margin = max(self.margin, 2 * seconds)

    def wanted(self):
        """Why to stop now, or None; the same answer in every process. Called once a step, in every process."""
        if self.reason is None and self.deadline is not None and time.time() > self.deadline - self.margin:
            self.reason = "the time limit"
        if distributed.agree(self.reason is not None):
            return self.reason or "another process was asked to"
        return None


def time_limit(text):
    """Seconds until the end that --time_limit HH:MM:SS gives, or, where that is empty, Slurm's SLURM_JOB_END_TIME; None without either."""
    if not text:
        end = os.environ.get("SLURM_JOB_END_TIME", "")
        return max(0.0, int(end) - time.time()) if end.isdigit() else None
    parts = text.split(":")
    if len(parts) != 3 or not all(p.isdigit() for p in parts) or int(parts[1]) > 59 or int(parts[2]) > 59:
        raise UserError(f"--time_limit: given {text!r}; HH:MM:SS would do")
    return int(parts[0]) * 3600 + int(parts[1]) * 60 + int(parts[2])
