"""What flags are declared with: the parser, groups of flags, and types of their values.

Where a flag is declared it says what it means (Group.add_argument): whether it changes what a run computes,
whether something is planned over the run by it, which modes read it, and how it is completed once the data
are known.
"""

import argparse
import difflib
import math
import os
import sys
from typing import NamedTuple

from engine.errors import UserError
from engine.load import find, named, pairs

DEVICE_HELP = (
    "auto, cpu, cuda, mps or xpu, or cuda:<n> for one of several (default auto: accelerator, else cpu)"
)


class Plan(NamedTuple):
    """What a number of steps stretches over the run: `what`, where the flag `where` has one of `values`."""

    what: str
    where: str
    values: tuple


class Parser(argparse.ArgumentParser):
    """argparse whose errors are UserErrors of one line, with the nearest flag for a misspelt one."""

    def __init__(self, **options):
        super().__init__(**{"allow_abbrev": False} | options)
        self.flags = {}  # name: argparse.Action, of those that were declared by a Group
        self.resolvers = []  # functions of the flags that complete them, see Group.resolve
        self.served = set()  # see Group.serves

    def parse_known_args(self, args=None, namespace=None):
        """argparse's; --flag=a b is --flag a b where a flag takes several words."""
        words = []
        for word in sys.argv[1:] if args is None else args:
            name, sign, value = word.partition("=")
            several = getattr(self._option_string_actions.get(name), "nargs", None) in ("+", "*")
            words += [name, value] if sign and several and value[:1] not in ("", "-") else [word]
        return super().parse_known_args(words, namespace)

    def error(self, message):
        """Raises UserError with argparse's message; of an unknown flag, with the one that it is nearest
        to."""
        if message.startswith("unrecognized arguments: "):
            word = [*message.split(": ", 1)[1].split(), "(an empty word)"][0].split("=")[0]
            known = [string for action in self._actions for string in action.option_strings]
            near = difflib.get_close_matches(word, known, 1)
            message = (
                f"{word}: unknown flag; use {near[0] + ' or another' if near else 'one'} that --help lists"
            )
        raise UserError(message.removeprefix("argument "))


class Group:
    """A group of flags: argparse's, which also takes what a flag means. Trainer files get one in
    add_flags(group).

    group: of argparse. changes_run: whether its flags change a run, unless they say otherwise. read_by: the
    modes that read them, of modes' own flags; served_by: the kind of trainers (see serves) whose runs have
    these modes.
    """

    def __init__(self, parser, group, changes_run=True, read_by=(), served_by=None):
        self.parser, self.group = parser, group
        self.meaning = {"changes_run": changes_run, "read_by": read_by, "served_by": served_by}

    def __getattr__(self, name):
        return getattr(self.group, name)

    def add_argument(self, *names, changes_run=None, planned=None, kept=True, **options):
        """argparse's add_argument with three words more. Returns the Action.

        changes_run: whether another value would change what training computes, so that it must be the same on
        resume (default True). planned: the Plan of a flag that may change only where that plan is not in use.
        kept: whether the modes of a run start from the value that it was trained with (default True).
        """
        action = self.group.add_argument(*names, **options)
        meaning = self.meaning | {"planned": planned, "kept": kept}
        if changes_run is not None:
            meaning["changes_run"] = changes_run
        for name, value in meaning.items():
            setattr(action, name, value)
        self.parser.flags[action.dest] = action
        return action

    def add_mutually_exclusive_group(self, **options):
        """argparse's, as a Group of the same meaning."""
        return Group(self.parser, self.group.add_mutually_exclusive_group(**options), **self.meaning)

    def resolve(self, function):
        """Registers function(args) -> {flag: value}, called once the data are known (args.total_steps,
        args.data_shape and so on are set) and before anything is built. flags.json keeps the outcome; after
        it no one may set a flag."""
        self.parser.resolvers.append(function)

    def serves(self, kind):
        """Says that the trainer's runs have the modes of a kind, "codes" or "translation", so that their
        flags may be given in training too, and are kept in flags.json."""
        self.parser.served.add(kind)


class Pairs(argparse.Action):
    """key=value words collected in a dict; a flag given again adds to, and overrides, what came before.

    A key or value that ends in .py is a file, recorded as load.named() says.
    """

    def __call__(self, parser, namespace, words, option=None):
        """Adds the words to those collected so far."""
        try:
            values = {recorded(key): recorded(value) for key, value in pairs(words).items()}
            setattr(namespace, self.dest, getattr(namespace, self.dest) | self.check(values))
        except ValueError as error:
            raise argparse.ArgumentError(self, str(error)) from None

    check = staticmethod(lambda values: values)


class File(argparse.Action):
    """A Python file, recorded as load.named() says."""

    def __call__(self, parser, namespace, path, option=None):
        """Sets the flag to the file's name."""
        setattr(namespace, self.dest, named(find(path)))


def is_file(word):
    """Whether a key or value of a key=value flag names a Python file."""
    return isinstance(word, str) and word.endswith(".py")


def recorded(word):
    """A word of the command line as flags.json holds it: files as load.named() says, all else as it is."""
    return named(find(word)) if is_file(word) else word


def number(kind, low, high=None, open_low=False, open_high=False):
    """A type for add_argument: int or float in [low, high], finite; without low when open_low, without high
    when open_high."""

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        above = value > low if open_low else value >= low
        below = high is None or (value < high if open_high else value <= high)
        if not (above and below and math.isfinite(value)):
            what = "a whole number" if kind is int else "a number"
            if high is None:
                bounds = f"above {low}" if open_low else f"of at least {low}"
            else:
                lower = f"above {low}" if open_low else f"of at least {low}"
                upper = f"below {high}" if open_high else f"at most {high}"
                closed = not (open_low or open_high)
                bounds = f"between {low} and {high}" if closed else f"{lower} and {upper}"
            raise argparse.ArgumentTypeError(f"given {text!r}; must be {what} {bounds}")
        return value

    parse.bounded = True
    return parse


count, positive = number(int, 0), number(int, 1)
weight, rate = number(float, 0), number(float, 0, open_low=True)


def checkpoint_name(text):
    """A checkpoint of a run: latest, best, all, or the number of a step."""
    if text not in ("latest", "best", "all") and not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"given {text!r}; use latest, best, all or a step")
    return text


def run_name(text):
    """A run's name: a relative path inside --save_path."""
    if not text or os.path.isabs(text) or ".." in text.split("/"):
        raise argparse.ArgumentTypeError(f"given {text!r}; use a name, with / for sub-folders but no ..")
    return text
