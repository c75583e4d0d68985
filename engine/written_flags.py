"""--flags: a JSON file of flags, a run's flags.json or one written by hand, read as if its flags stood before
those of the command line."""

import difflib
import json
import os

from engine import saved_flags
from engine.errors import MissingError, UserError
from engine.files import read_regular
from engine.flag_types import Pairs
from engine.load import pairs

# of a run's flags.json: where that run is and how it was started, which another run decides for itself
OF_ONE_START = ("name", "save_path", "mode", "resume", "last_epoch", "accept_new_data", "device", "cpu")
OF_ONE_START += ("traceback", "flags", "dry_run", *saved_flags.FACTS, *saved_flags.DERIVED)


def read(path, given):
    """{flag: value} of the file. Of a run's flags.json, without what belongs to one start of it, and with
    files where they are now. given: names of flags on the command line.

    Raises MissingError for a file that is not there, UserError for one that holds no object, or that names
    a file which check_files refuses.
    """
    try:
        flags = json.loads(read_regular(path))
    except OSError as error:
        raise MissingError(f"--flags: {path}: {error.strerror}; use a JSON file of flags") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"--flags: {path}: not readable as JSON ({error}); mend it") from None
    if not isinstance(flags, dict):
        raise UserError(f'--flags: {path}: must hold one object, as in {{"loss": "hinge", "epochs": 20}}')
    if not {"data_shape", "steps_per_epoch", *saved_flags.FILES} <= flags.keys():
        return flags
    folder = os.path.dirname(os.path.abspath(path))
    flags = saved_flags.restored(flags, folder)
    saved_flags.check_files(flags, folder, given)
    # completed from the length of that run; a run of another length makes its own plan
    if flags.get("schedule_steps") == max(flags.get("total_steps", 0), 1):
        flags.pop("schedule_steps")
    return {name: value for name, value in flags.items() if name not in OF_ONE_START}


def words_of(flags, parser, path):
    """The flags as words of a command line; those that have their default are left out.

    Raises UserError for an unknown flag, or a value that no command line could give.
    """
    words = []
    for name, value in flags.items():
        action = parser.flags.get(name)
        if action is None:
            near = difflib.get_close_matches(name, parser.flags, 1)
            raise UserError(
                f"--flags: {path}: {name}: unknown flag of this trainer; "
                f"use {near[0] + ' or another' if near else 'one'} that --help lists"
            )
        if value is None or value == parser.get_default(name) and type(value) is type(action.default):
            continue
        words += words_of_one(action, value, path)
    try:
        parser.parse_args(words)
    except UserError as error:
        raise UserError(f"--flags: {path}: {error}") from None
    return words


def words_of_one(action, value, path):
    """The words of one flag with this value."""
    flag = f"--{action.dest}"
    if isinstance(action, Pairs) and isinstance(value, dict):
        return [flag, *(word_of(key, v) for key, v in value.items())]
    if action.nargs == 0 and isinstance(value, bool):
        return [flag] if value else []
    if isinstance(value, list) and action.nargs not in (None, "?", 0):
        return [flag, *map(str, value)]
    if action.nargs in (None, "?") and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return [f"{flag}={value}"]
    kind = (
        "an object"
        if isinstance(action, Pairs)
        else "true or false"
        if action.nargs == 0
        else "one value"
        if action.nargs in (None, "?")
        else "a list"
    )
    raise UserError(f"--flags: {path}: {action.dest}: given {json.dumps(value)[:60]}; must be {kind}")


def word_of(key, value):
    """key=value, such that load.pairs reads the same value from it."""
    plain = f"{key}={value}"
    return plain if pairs([plain]) == {key: value} else f"{key}={value!r}"
