"""evaluations.jsonl of a run: one JSON object a score, with its step, name and protocol. The only code that
writes that file.

Reads and writes without torch, so that tables of many runs start at once.
"""

import contextlib
import json
import math
import os
import sys

from engine.errors import UserError
from engine.files import read_lines, remove_temporary, write_atomically

FILE = "evaluations.jsonl"
WAIT = 60.0  # seconds to wait for another process that is writing; one writes for milliseconds


def parse(line):
    """The JSON object of a line (bytes), or None where the line is torn, is no object or has no whole number
    as "step"."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):  # UnicodeDecodeError is one
        return None
    step = record.get("step") if isinstance(record, dict) else None
    return record if isinstance(step, int) and not isinstance(step, bool) else None


def read_records(path):
    """The JSON objects with a "step" of a .jsonl file, in its order; lines that are none are left out, as is
    a missing file."""
    try:
        lines = read_lines(path)
    except (OSError, ValueError) as error:
        print(f"warning: {path} cannot be read ({error}); what it holds is left out", file=sys.stderr)
        return []
    return [record for record in map(parse, lines) if record is not None]


def unweighted(keys):
    """The keys of metrics.jsonl to show, in their order: all but those of terms that carry a weight, where
    the same term without it, <key>_raw, is among them."""
    there = set(keys)
    return [key for key in keys if f"{key}_raw" not in there]


class Results:
    """evaluations.jsonl in a run's folder, or the file `name`. Each change rewrites it whole, under a lock,
    so that processes take turns."""

    def __init__(self, folder, name=FILE):
        self.path = os.path.join(folder, name)

    def read(self):
        """The results, in the file's order."""
        return read_records(self.path)

    def write(self, step, results):
        """Adds results (dicts with "name" and "value") of a step; older ones of the same step and name are
        replaced.

        A value that is not finite is written as null. Raises UserError where another process holds the lock
        for WAIT seconds.
        """
        names = {result["name"] for result in results}
        new = [json.dumps({key: finite(value) for key, value in result.items()}) for result in results]
        self.rewrite(lambda old: not (old["step"] == step and old.get("name") in names), new)

    def cut(self, step):
        """Drops results later than `step`: the run is about to train those steps again."""
        folder, name = os.path.split(self.path)
        if name in os.listdir(folder):
            self.rewrite(lambda old: old["step"] <= step)

    def rewrite(self, keep, new=()):
        """Keeps the lines that keep(record) says, adds `new` ones; lines that are not readable are set
        aside."""
        with turn(self.path):
            folder, name = os.path.split(self.path)
            remove_temporary(folder, name)  # of a process that was killed in its turn
            lines = read_lines(self.path)
            records = [(line.rstrip(b"\r\n") + b"\n", parse(line)) for line in lines]
            set_aside(self.path, [line for line, record in records if record is None])
            kept = [line for line, record in records if record is not None and keep(record)]
            write_atomically(self.path, *kept, *[line.encode() + b"\n" for line in new])


def set_aside(path, lines):
    """Adds lines that are no records to <path>.damaged, with a warning."""
    lines = [line for line in lines if line.strip()]
    if lines:
        with open(path + ".damaged", "ab") as file:
            file.writelines(lines)
        name = os.path.basename(path)
        print(f"warning: {path}: {len(lines)} damaged line(s) moved to {name}.damaged", file=sys.stderr)


def finite(value):
    """The value; None for a float that is not finite, which JSON has no word for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextlib.contextmanager
def turn(path):
    """Holds a lock beside `path`: one process at a time. A process that ends gives its lock back."""
    import filelock  # here, since only writers need it

    lock = filelock.FileLock(path + ".lock", timeout=WAIT)  # by flock
    try:
        try:
            lock.acquire()
        except NotImplementedError:  # no flock here, and this filelock does not fall back by itself
            lock = filelock.SoftFileLock(path + ".exclusive", timeout=WAIT)
            lock.acquire()
    except filelock.Timeout:
        raise UserError(
            f"{path}: another process has been writing it for {WAIT:g} s; try again, or delete "
            f"{lock.lock_file} if no other process writes to this run"
        ) from None
    try:
        yield
    finally:
        lock.release()
