"""The cells of a grid: a script, flags crossed with their values, seeds."""

import argparse
import itertools
import os
import re
import shlex
import subprocess
from typing import NamedTuple

from engine import flags
from engine.errors import MissingError, UserError

AXIS = re.compile(r"([A-Za-z]\w*)=(.*)", re.S)
# what the grid itself says of each run
OWN = {
    "name": "the cells' names",
    "seed": "seeds=0-2",
    "mode": "one command a mode",
    "resume": "--resume=auto",
}


class Cell(NamedTuple):
    """A row of the grid: its name, the flags that it adds to the script's, and all flags as parsed."""

    name: str
    words: tuple
    args: flags.Flags


def words_of(script):
    """The words that a script gives to the launcher. Raises MissingError without the script, UserError for
    one that fails or starts no launcher."""
    if not os.path.isfile(script):
        raise MissingError(f"{script}: no such script; use one of exps/, such as exps/quickstart.sh")
    done = subprocess.run(
        ["sh", script], env=os.environ | {"LAUNCH": r"printf \0%s"}, capture_output=True, text=True
    )
    words = done.stdout.split("\0")[1:]  # before the first stands what the script itself prints
    if done.returncode or not words or not words[0].endswith("task_launcher.py"):
        said = (done.stderr.strip().splitlines() or ["it starts no task_launcher.py"])[-1]
        raise UserError(f"{script}: {said}; use a script as exps/README.md describes")
    return words[1:]


def parsed(words, declare):
    """The launcher's flags in `words`, without a run."""
    return flags.parse(words, ("train",), declare)


def split(text):
    """The values of an axis: between bars where there is one, else between commas."""
    return [value.strip() for value in text.split("|" if "|" in text else ",")]


def safe(text):
    """The text as part of a file's name: what is neither letter, digit, dot, minus nor _ becomes _."""
    return re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9.\-]", "_", text)).strip("_")


def axis(word, base):
    """[(label, words)] of `flag=value,value`, or of `name=label:words|label:words`, for any words.

    base: the script's flags. A flag that takes pairs or several words gets those between blanks; of it
    "none" is left out; a flag without a value is on or off. Raises UserError for an unknown flag, for values
    that are no labels, and for "none" or "off" of what the script itself gives.
    """
    name, text = AXIS.fullmatch(word).groups()
    if name in OWN:
        raise UserError(f"{name}=: the grid sets --{name} of each run; use {OWN[name]}")
    action, values = base.declared.get(name), split(text)
    if any(not value for value in values):
        raise UserError(f"{word}: has an empty value; use {name}=VALUE,VALUE")
    if action is None:
        if not all(":" in value for value in values):
            raise UserError(
                f"{word}: {name} is no flag of {base.trainer}; use one that --help lists, or "
                f"{name}='label:--flag=value|label:--flag=value'"
            )
        pairs = [value.split(":", 1) for value in values]
        return [(safe(label), shlex.split(words)) for label, words in pairs]
    found, given = [], getattr(base, name)
    for value in values:
        if action.nargs == 0 or isinstance(action, flags.Pairs) or action.nargs in ("+", "*"):
            empty = value == ("off" if action.nargs == 0 else "none")
            if empty and given != action.default:
                raise UserError(f"{name}={value}: the script gives --{name}, which stays; use another script")
            if action.nargs == 0 and value not in ("on", "off"):
                raise UserError(f"{name}={value}: --{name} takes no value; use {name}=off,on")
            words = [] if empty else [f"--{name}", *(() if action.nargs == 0 else shlex.split(value))]
        else:
            words = [f"--{name}={value}"]
        found.append((f"{name}_{safe(value)}", words))
    return found


def cells_of(script, axes, common, declare):
    """The Cells of all combinations of the axes' values, the last axis fastest. Raises UserError for what
    the launcher would refuse.

    common: flags of every run, between the script's and the cell's. declare: declares the flags of modes.
    """
    own = words_of(script)
    base = parsed([*own, *common], declare)
    for flag in ("seed", "name"):
        if any(word.startswith(f"--{flag}=") or word == f"--{flag}" for word in common):
            raise UserError(f"--{flag}: the grid sets it for each run; use {OWN[flag]}")
    if base.resume not in ("none", "auto"):
        raise UserError(f"--resume={base.resume}: given to all runs of a grid; leave it out")
    found, resume = [], ["--resume=auto"] if base.resume == "none" else []
    for combination in itertools.product(*(axis(word, base) for word in axes)):
        label = "+".join(label for label, _ in combination)
        name = f"{base.name}/{label}" if label else base.name
        words = [*common, *resume, *(w for _, words in combination for w in words), f"--name={name}"]
        try:
            args = parsed([*own, *words], declare)
        except UserError as error:
            raise UserError(f"{label or script}: {error}") from None
        found.append(Cell(name, tuple(words), args))
    twice = {cell.name for cell in found if [c.name for c in found].count(cell.name) > 1}
    if twice:
        raise UserError(f"{sorted(twice)[0]}: two cells have this name; use labels, as in rows='a:...|b:...'")
    return found


def seeds(text):
    """The seeds of "0-4,7". Raises UserError for other text."""
    from eval.reports.tables import seeds as parse

    try:
        return parse(text)
    except argparse.ArgumentTypeError as error:
        raise UserError(f"seeds: {error}") from None
