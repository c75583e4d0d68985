"""The project's folder, files that are there whole or not at all, and reading that is not misled by a passing
error."""

import errno
import os
import re
import stat
import time

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# errors of a disk or a network that may be gone a moment later
PASSING = (
    errno.EIO,
    errno.EAGAIN,
    errno.EINTR,
    errno.EBUSY,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.ECONNRESET,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
)
PAUSES = (0.1, 0.5, 2.0)  # seconds before each further try
# what only the holder of a run's lock writes; see remove_temporary
_OWN = re.compile(
    r"(step_\d{8,}(_.+)?\.(pt|png)|best\.pt|flags\.json|status\.json|metrics\.jsonl|curves\.png|.+\.py)\.tmp\d+"
)


def write_atomically(path, *parts):
    """Writes the bytes under a temporary name, syncs, and renames.

    At any moment `path` is the old file or the whole new one.
    """
    temporary = f"{path}.tmp{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself
    finally:
        os.close(folder)


def remove_temporary(folder, name=_OWN):
    """Deletes what a killed process left half written in a run's folder: the temporary files of
    write_atomically.

    To be called by the holder of the run's lock; name: of one file of its own, by who holds that file's.
    Files of other names, the user's own .tmp files among them, stay.
    """
    own = name if isinstance(name, re.Pattern) else re.compile(re.escape(name) + r"\.tmp\d+")
    for found in os.listdir(folder):
        if own.fullmatch(found):
            os.remove(os.path.join(folder, found))


def read_regular(path):
    """The bytes of a regular file. An error that may pass is tried again, three times in 2.6 seconds.

    Raises ValueError for a folder, a pipe or a device, whose reading may never end.
    """
    for pause in (*PAUSES, None):
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise ValueError("is no regular file")
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            if error.errno not in PASSING or pause is None:
                raise
            time.sleep(pause)


def read_lines(path):
    """The lines (bytes, with their ends) of a regular file; none of one that is not there. (os.path.exists
    would take a passing error for a no.)"""
    try:
        return read_regular(path).splitlines(keepends=True)
    except FileNotFoundError:
        return []
