"""What --help prints: three lines of usage, every flag, and modes with the flags of their own."""

import argparse
import re
import textwrap

USAGE = """%(prog)s [--name=NAME] [--seed=N] [flags]       trains, in results/NAME/s<seed>/
       %(prog)s --name=NAME --mode=MODE [flags]        does something with a trained run
       %(prog)s --help [--trainer=FILE | --mode=MODE]  every flag, that trainer's, that mode's"""

EXIT_CODES = (
    "exit codes: 0 finished, 75 interrupted (the same command goes on), 2 arguments, 3 missing data or\n"
    "weights, 4 diverged, 1 anything else"
)


def summary(function):
    """The first sentence of a function's docstring, up to its first colon."""
    text = " ".join((getattr(function, "__doc__", None) or "").split())
    return re.split(r"(?<=[\w)>/])[.:;](?: |$)", text)[0].rstrip(".")


def add_modes(parser, modes):
    """Adds the section that lists modes, what they do and the flags of their own.

    modes: {name: function}, or names alone.
    """
    lines = []
    for name in modes:
        own = [f"--{flag}" for flag, action in parser.flags.items() if name in action.read_by]
        what = summary(modes[name]) if hasattr(modes, "keys") else ""
        lines += textwrap.wrap(f"{name:<19} {what}", 78, subsequent_indent=" " * 20)
        lines += textwrap.wrap(" ".join(own), 78, initial_indent=" " * 22, subsequent_indent=" " * 22)
    title = "modes (--mode=MODE) and the flags of their own"
    parser.add_argument_group(title, "\n".join(lines) if lines else None)


def of_mode(parser, mode, function):
    """The help of one mode: what it does, and the flags of its own in full."""
    formatter = argparse.RawDescriptionHelpFormatter(parser.prog)
    formatter.add_usage(USAGE, [], [])
    formatter.start_section(f"mode {mode}")
    formatter.add_text("\n".join(textwrap.wrap(summary(function), 76)))
    formatter.add_arguments([action for action in parser.flags.values() if mode in action.read_by])
    formatter.end_section()
    formatter.add_text(
        "It starts from the flags of the run, and takes the flags of training too:\n"
        f"{parser.prog} --help lists them."
    )
    return formatter.format_help()
