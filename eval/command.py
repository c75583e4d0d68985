"""How the commands `python -m eval.X` end: an exit code, and one line for what a user can mend."""

import sys

from engine.errors import UserError

LONGEST = 300  # characters of an error


def print_error(program, error):
    """The error on stderr, as one line of at most LONGEST characters."""
    text = " ".join(f"{program}: {error}".split())
    print(text if len(text) <= LONGEST else text[: LONGEST - 4].rstrip() + " ...", file=sys.stderr)


def run(program, function, *arguments):
    """The exit code that function(*arguments) returns; that of a UserError, which is printed, is 2 or 3
    (something missing)."""
    try:
        return function(*arguments)
    except UserError as error:
        print_error(program, error)
        return error.exit_code
