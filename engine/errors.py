"""What a user can mend: one line that names the flag or file, what was given and what to use instead."""

import errno


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

    Like KeyboardInterrupt it is no Exception: code that catches whatever a reader of files may raise must not take a
    signal for a damaged file.
    """


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


def of_path(error):
    """The UserError that an OSError is where its file's path or permissions are at fault, a MissingError where there
    is no such file; None for any other error, a full disk for instance."""
    if error.filename is None:
        return None
    if error.errno in _OF_A_PATH:
        return UserError(f"{error.filename}: {error.strerror}; use another path, or mend its permissions")
    if error.errno == errno.ENOENT:
        return MissingError(f"{error.filename}: {error.strerror}; restore it, or use another path")
    return None
