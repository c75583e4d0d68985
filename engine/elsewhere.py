"""--log_to: the records and pictures of a run, handed to files of the user's, which log them elsewhere."""

import os

from engine import saved_flags
from engine.load import load_file, located

FUNCTIONS = ("start", "log", "stop")
PATIENCE = 3  # failures of log in a row, after which a file is left out


class Elsewhere:
    """One file of --log_to. It is never a reason for the run to stop: what fails is a warning.

    The file has start(folder, flags, step) -> session, log(session, step, values, pictures), stop(session,
    state): see docs/logging.md. start is called before the first record, so that a run with nothing left to
    do starts none.
    """

    def __init__(self, name, run):
        """Raises UserError, or MissingError, for a file that is not there or lacks a function."""
        self.name, self.run, self.session, self.failures = name, run, None, 0
        self.module = [load_file(located(name), "--log_to", function) for function in FUNCTIONS][0]
        self.started = self.left_out = False

    def log(self, step, values, pictures):
        """Hands over {name: float} and {name: path of a picture}."""
        if self.left_out:
            return
        if not self.started:
            self.started = True
            flags = saved_flags.record(self.run.args)
            self.session = self.call("start", os.path.abspath(self.run.folder), flags, self.run.step)
            self.left_out = self.failures > 0
        if not self.left_out:
            self.call("log", self.session, step, dict(values), dict(pictures))
            self.left_out = self.failures == PATIENCE

    def stop(self, state):
        """Ends the session; state: of status.json."""
        if self.started and not self.left_out:
            self.call("stop", self.session, state)

    def call(self, function, *given):
        """The file's function; None, and a warning, where it fails, also by sys.exit."""
        try:
            found = getattr(self.module, function)(*given)
        except (Exception, SystemExit) as error:
            self.failures += 1
            last = function != "log" or self.failures == PATIENCE
            self.run.warn(
                f"--log_to: {function} of {self.name} failed ({type(error).__name__}: "
                f"{' '.join(str(error).split())[:120]}); training goes on" + (" without it" if last else "")
            )
            return None
        self.failures = 0
        return found
