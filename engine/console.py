"""The console of a process that may outlive it: a terminal that is closed, or a pipe whose reader is gone,
ends nothing."""

import os
import sys


def counted(n, noun):
    """A number and its noun, whose plural takes an s: "1 image", "1,234 images"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


class Lasting:
    """A text stream in front of another. Once that cannot be written to, what is written is dropped."""

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, text):
        """Writes to the stream. Returns the number of characters, as a stream does."""
        try:
            return self.stream.write(text)
        except (OSError, ValueError):
            self.drop()
            return len(text)

    def flush(self):
        """Flushes the stream."""
        try:
            self.stream.flush()
        except (OSError, ValueError):
            self.drop()

    def drop(self):
        """Points the stream's descriptor to nowhere: what libraries write to it, and the flush at the end,
        succeed too."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            self.stream = open(os.devnull, "w", encoding="utf8")  # the rest of the process writes to it


def outlive():
    r"""Makes stdout and stderr such streams, which write as \xNN what the locale has no character for."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        if stream is not None and not isinstance(stream, Lasting):
            setattr(sys, name, Lasting(stream))
