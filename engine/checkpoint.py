"""Checkpoints: written whole or not at all, each carrying its own sha256, read without unpickling code.

A checkpoint is an ordinary torch.save file. Its digest is the zip archive's comment, so that one file is one atomic rename, and
torch.load(path, weights_only=True) reads it as any other.
"""

import hashlib
import io
import os
import re
import struct

import torch

from engine.errors import UserError
from engine.files import write_atomically

MARK = b"sha256:"
NAME = re.compile(r"step_(\d{8,})\.pt")


def path_of(folder, step):
    """checkpoints' file name for a step: <folder>/step_<8 digits>.pt."""
    return os.path.join(folder, f"step_{step:08d}.pt")


def save(path, state):
    """Writes `state` (dicts, lists, numbers, strings, tensors) to `path`."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    body = buffer.getbuffer()[:-2]  # the archive ends in the 2-byte length of its comment, 0
    comment = MARK + hashlib.sha256(body).hexdigest().encode()
    write_atomically(path, body, struct.pack("<H", len(comment)), comment)


def load(path):
    """The state in `path`, on the CPU. Raises ValueError saying what is wrong with the file."""
    with open(path, "rb") as file:
        data = file.read()
    tail = len(MARK) + 64
    if len(data) < tail + 2:
        raise ValueError(f"{len(data)} bytes, too short for a checkpoint")
    body, comment = memoryview(data)[: -tail - 2], data[-tail:]
    if not comment.startswith(MARK):
        raise ValueError("no sha256 at its end: cut short, or not one of this program's checkpoints")
    if hashlib.sha256(body).hexdigest().encode() != comment[len(MARK) :]:
        raise ValueError("its content does not match its sha256")
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"torch cannot read it: {str(error).splitlines()[0]}") from None


def steps(folder):
    """The steps that have a checkpoint in `folder`, newest first: by the number in the name, never by a file's time."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted((int(m[1]) for m in map(NAME.fullmatch, names) if m), reverse=True)


def prune(folder, keep_last, keep_every):
    """Deletes all but the newest `keep_last` checkpoints (0: none is deleted) and those at multiples of `keep_every` steps.

    Called after the newest was written and synced, so at every moment one that verifies is there.
    """
    for step in steps(folder)[keep_last:] if keep_last else ():
        if not keep_every or step % keep_every:
            os.remove(path_of(folder, step))


def newest(folder, say):
    """(step, state) of the newest checkpoint that verifies, or (0, None). say(text) tells what was skipped and why."""
    for step in steps(folder):
        try:
            return step, load(path_of(folder, step))
        except (ValueError, OSError) as error:
            say(f"skipped {path_of(folder, step)}: {error}")
    return 0, None


def named(path):
    """The state in a checkpoint that the user named with --resume=PATH."""
    try:
        return load(path)
    except (ValueError, OSError) as error:
        raise UserError(f"--resume: {path}: {getattr(error, 'strerror', None) or error}") from None
