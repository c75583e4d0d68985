"""Checkpoints: written whole or not at all, each carrying its own sha256, read without unpickling code.

A checkpoint is an ordinary torch.save file. Its digest is the zip archive's comment, so that one file is
one atomic rename, and torch.load(path, weights_only=True) reads it as any other.
"""

import hashlib
import io
import os
import re
import struct

import torch

from engine.errors import MissingError, UserError, first_line
from engine.files import read_regular, write_atomically

MARK = b"sha256:"
NAME = re.compile(r"step_(\d{8,})\.pt")
CONTENT = {"step": int, "modules": dict, "optims": dict, "flags": dict}  # of every checkpoint of a run


def path_of(folder, step):
    """The file of a step's checkpoint: <folder>/step_<8 digits>.pt."""
    return os.path.join(folder, f"step_{step:08d}.pt")


def save(path, state):
    """Writes `state` (dicts, lists, numbers, strings, tensors) to `path`."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    body = buffer.getbuffer()[:-2]  # the archive ends in the 2-byte length of its comment, 0
    comment = MARK + hashlib.sha256(body).hexdigest().encode()
    write_atomically(path, body, struct.pack("<H", len(comment)), comment)


def load(path):
    """The state in `path`, on the CPU.

    Raises ValueError saying what is wrong with the file, and OSError where it cannot be read.
    """
    data = verified(path)
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(f"torch cannot read it: {first_line(error)}") from None


def verified(path):
    """The bytes of a file that matches its sha256. Raises as load() does."""
    data = read_regular(path)
    tail = len(MARK) + 64
    if len(data) < tail + 2:
        raise ValueError(f"{len(data)} bytes, too short for a checkpoint")
    body, comment = memoryview(data)[: -tail - 2], data[-tail:]
    if not comment.startswith(MARK):
        raise ValueError("no sha256 at its end: cut short, or not one of this program's checkpoints")
    if hashlib.sha256(body).hexdigest().encode() != comment[len(MARK) :]:
        raise ValueError("its content does not match its sha256")
    return data


def load_run(path):
    """The state of a run in `path`.

    Raises ValueError also where it is no run's, or not of the step in its name.
    """
    state = load(path)
    if not isinstance(state, dict) or not all(isinstance(state.get(k), kind) for k, kind in CONTENT.items()):
        raise ValueError("it holds no state of a run")
    named_so = NAME.fullmatch(os.path.basename(path))
    if named_so and int(named_so[1]) != state["step"]:
        raise ValueError(f"its name says step {int(named_so[1])}, it holds step {state['step']}")
    return state


def steps(folder):
    """The steps that have a checkpoint in `folder`, newest first: by the number in the name, not by a file's
    time."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted((int(m[1]) for m in map(NAME.fullmatch, names) if m), reverse=True)


def newest(folder, damaged):
    """(step, state) of the newest checkpoint that verifies, or (0, None).

    damaged(path, why) is told of each newer one that does not. Raises MissingError where a file cannot be
    read at all: it may be whole, and an older one in its place would lose the steps between.
    """
    for step in steps(folder):
        path = path_of(folder, step)
        try:
            return step, load_run(path)
        except ValueError as error:
            damaged(path, str(error))
        except FileNotFoundError:
            continue  # another process, which writes the run, has deleted it meanwhile
        except OSError as error:
            raise MissingError(
                f"{path}: cannot be read: {error.strerror}; it may be whole: try again, or move it away"
            ) from error
    return 0, None


def set_aside(path):
    """Renames a damaged file to <path>.damaged, or .damaged2 and so on where there is one; returns the new
    name."""
    n, aside = 1, f"{path}.damaged"
    while os.path.lexists(aside):
        n += 1
        aside = f"{path}.damaged{n}"
    os.rename(path, aside)
    return aside


def prune(folder, step, keep_last, keep_every, good, say):
    """Deletes checkpoints older than that of `step`, just written: all but the newest `keep_last` that verify
    and those at multiples of `keep_every` steps (0: of none).

    good: steps known to verify, which this adds to, so that each file is read once. A damaged one does not
    count; it is set aside, and say(text) told. Nothing is deleted with keep_last = 0, or before
    `keep_last` files were found good.
    """
    if not keep_last:
        return
    kept = 0
    for other in steps(folder):
        path = path_of(folder, other)
        if other > step:
            continue
        if kept >= keep_last:
            if not keep_every or other % keep_every:
                os.remove(path)
            continue
        try:
            if other not in good:
                verified(path)
                good.add(other)
            kept += 1
        except ValueError as error:
            say(f"warning: {path}: {error}; moved to {os.path.basename(set_aside(path))}")
        except OSError as error:
            say(f"warning: {path}: cannot be read: {error.strerror}; no checkpoint was deleted this time")
            return


def named(path, flag="--resume"):
    """The state in a checkpoint that the user named with a flag. Raises MissingError where there is no such
    file, UserError where it holds no state of a run."""
    try:
        return load_run(path)
    except (ValueError, OSError) as error:
        kind = MissingError if isinstance(error, FileNotFoundError) else UserError
        raise kind(
            f"{flag}: {path}: {getattr(error, 'strerror', None) or error}; use another checkpoint"
        ) from None
