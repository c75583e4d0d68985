"""What a user can mend: one line that names the flag or file, what was given and what to do."""


class UserError(Exception):
    """Arguments, or flags that do not match a checkpoint."""

    exit_code = 2


class MissingError(UserError):
    """Data, weights or an optional package that is not there or cannot be read."""

    exit_code = 3


class DivergedError(UserError):
    """Too many steps in a row with a loss or gradient that is not finite."""

    exit_code = 4
