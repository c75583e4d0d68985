"""What a user can mend: one line that names the flag or file, what was given and what to use instead."""

import errno

# torch raises its own errors, RuntimeErrors, where memory does not suffice
_OF_MEMORY = (
    "can't allocate memory",
    "out of memory",
    "not enough memory",
    "Storage size calculation overflowed",
)


class UserError(Exception):
    """Arguments, or flags that do not match a checkpoint."""

    exit_code = 2


class MissingError(UserError):
    """Data, weights or an optional package that is not there or cannot be read."""

    exit_code = 3


class DivergedError(UserError):
    """Too many steps in a row with a loss or gradient that is not finite."""

    exit_code = 4


class Interrupted(BaseException):
    """A signal, or the end of the time, that came where work must be broken off.

    Like KeyboardInterrupt it is no Exception: code that catches whatever a reader of files may raise must
    not take a signal for a damaged file.
    """


def first_line(error):
    """The first line of an error's text; the name of its type where it has none, as an EOFError of torch."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


# what is wrong with a path, not with the program: another path, or other permissions, mend it
_OF_A_PATH = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.ENXIO,
)


def mendable(error):
    """The UserError that stands for another Exception which the user can mend; else None.

    An OSError whose path or permissions are at fault (MissingError where there is no such file; not a full
    disk), and memory that does not suffice.
    """
    if isinstance(error, MemoryError) or any(words in str(error) for words in _OF_MEMORY):
        text = " ".join(first_line(error).split())[:100]
        return UserError(
            f"not enough memory ({text}); use a smaller --batch_size, --eval_batch_size, --samples or network"
        )
    if not isinstance(error, OSError) or error.filename is None:
        return None
    if error.errno in _OF_A_PATH:
        return UserError(f"{error.filename}: {error.strerror}; use another path, or mend its permissions")
    if error.errno == errno.ENOENT:
        return MissingError(f"{error.filename}: {error.strerror}; restore it, or use another path")
    return None
