"""The command line as Flags: the shared ones, those of the trainer file and those of the modes."""

import argparse
import difflib
import os
import sys

from engine import help, saved_flags, written_flags
from engine.errors import MissingError, UserError
from engine.flag_types import (
    DEVICE_HELP,
    Group,
    Pairs,
    Parser,
    Plan,
    checkpoint_name,
    count,
    is_file,
    number,
    positive,
    rate,
    weight,
)
from engine.load import find, load_file, located, named
from engine.saved_flags import DERIVED, FACTS
from engine.shared_flags import DEFAULT_TRAINER, add_shared

# what trainer files, modes and programs declare flags with comes from here too
__all__ = ["DEVICE_HELP", "Group", "Pairs", "Parser", "Plan", "checkpoint_name", "count", "is_file"]
__all__ += ["number", "positive", "rate", "weight", "Flags", "parse", "resolve"]


class Flags(argparse.Namespace):
    """The flags; after freeze() setting one raises UserError. What belongs to them without being one is in
    slots:

    declared: {name: argparse.Action}; defaults: {name: default}, for modes what the run was trained with;
    untouched: {name: default} without a run; resolvers: see Group.resolve; unserved: names of modes' flags
    that no mode of this trainer's runs reads, which flags.json leaves out; folder: of the run that a mode was
    asked for.
    """

    __slots__ = ("declared", "defaults", "untouched", "resolvers", "unserved", "folder", "frozen")

    def __setattr__(self, name, value):
        if getattr(self, "frozen", False):
            raise UserError(
                f"args.{name}: set after the flags were resolved; in a trainer file use "
                "group.resolve(function) in add_flags, in other code a variable of its own"
            )
        super().__setattr__(name, value)

    def freeze(self):
        """From now on no flag can be set."""
        self.frozen = True


def parse(argv, modes=("train",), add_mode_flags=lambda declare: None, alone=()):
    """The flags in `argv` (default: the command line's) as Flags. Raises UserError in one line.

    Any mode but train restores a run: its own flags.json then gives the defaults, so --name (and --seed) are
    enough, and the flags come resolved and frozen. Where --resume names a checkpoint and --name no run, the
    checkpoint's own flags do. add_mode_flags(declare): declares the flags of modes;
    declare(*modes) is the Group of those that these modes read. alone: modes that need no run; without --name
    they look at none. modes: names, or {name: function}, whose docstrings --help quotes.
    """
    argv = sys.argv[1:] if argv is None else argv
    for before, word in zip(["", *argv], argv):
        if word == "--" or word.endswith("=--"):  # argparse would drop it, and miss a value then
            flag = word.removesuffix("=--") if word != "--" else before.split("=")[0]
            raise UserError(f"{flag or '--'}: given --; use a value of the flag, or leave it out")
    given = names_in(argv)
    first = Parser(add_help=False)
    for name in ("name", "save_path", "seed", "mode", "trainer", "flags", "resume"):
        first.add_argument("--" + name)
    first.add_argument("-h", "--help", action="store_true")
    known, _ = first.parse_known_args(argv)
    written = written_flags.read(known.flags, given) if known.flags else {}
    first.set_defaults(**{name: value for name, value in written.items() if hasattr(known, name)})
    known, _ = first.parse_known_args(argv)
    mode = known.mode or "train"
    if mode not in modes:
        near = difflib.get_close_matches(mode, modes, 1)
        raise UserError(
            f"--mode: given {mode!r}; use {near[0] + ' or another' if near else 'one'} that --help lists"
        )
    parser = Parser(
        prog="task_launcher.py",
        usage=help.USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Trains what the three files say; see README.md.",
        epilog=help.EXIT_CODES,
    )
    add_shared(parser)
    saved, file, folder = {}, "", None
    checkpoint = mode != "train" and known.resume not in (None, "none", "auto")
    restores = checkpoint or known.name is not None or mode not in alone
    if mode != "train" and not known.help and restores:
        saved, folder, file = run_of(known, parser, checkpoint)
        saved = saved_flags.restored(saved, folder)
        saved_flags.check_files(saved, folder, given)
    trainer = named(find(known.trainer)) if known.trainer else saved.get("trainer", DEFAULT_TRAINER)
    group = Group(parser, parser.add_argument_group(f"trainer {trainer}"))
    module = load_file(located(trainer), "--trainer", "get_trainer")
    getattr(module, "add_flags", lambda group: None)(group)
    modes_group = parser.add_argument_group("flags of modes")
    add_mode_flags(lambda *names, of=None: ModeGroup(parser, modes_group, names, of))
    if known.help:
        print_help(parser, modes, mode)
    untouched = {name: action.default for name, action in parser.flags.items()}
    kept = {name: value for name, value in saved.items() if name in parser.flags and parser.flags[name].kept}
    for name, value in kept.items():
        saved_flags.check_saved(parser.flags[name], value, file)
    parser.set_defaults(**kept)
    if known.flags:
        words = written_flags.words_of(written, parser, known.flags)
        given |= names_in(words)
        argv = [*words, f"--flags={known.flags}", *argv]
    args = parser.parse_args(argv, Flags())
    args.declared, args.resolvers = parser.flags, parser.resolvers
    args.defaults = {name: parser.get_default(name) for name in vars(args)}
    args.untouched = untouched
    modes_own = {name: action for name, action in parser.flags.items() if action.read_by}
    args.unserved = {n for n, a in modes_own.items() if a.served_by and a.served_by not in parser.served}
    for name in sorted(given & modes_own.keys()):
        action = modes_own[name]
        if mode == "train" and action.kept and name not in args.unserved or mode in action.read_by:
            continue
        readers = ", ".join(action.read_by[:5]) + (", ..." if len(action.read_by) > 5 else "")
        raise UserError(
            f"--{name}: --mode={mode} does not read it; leave it out, or use it with --mode={readers}"
        )
    vars(args).update({name: saved[name] for name in (*FACTS, *DERIVED) if name in saved})
    # a copy in the folder of another seed is still of the seed that it was trained with
    if folder is not None:
        args.folder, args.seed = folder, saved.get("seed", args.seed)
        if checkpoint and known.seed not in (None, str(args.seed)):
            raise UserError(
                f"--seed: given {known.seed}, {known.resume} is of seed {args.seed}; leave it out"
            )
    check(args)
    if args.dry_run and mode != "train":
        raise UserError(f"--dry_run: --mode={mode} trains nothing; leave it out")
    if mode != "train" and mode not in alone:
        resolve(args)
    return args


def run_of(known, parser, checkpoint):
    """(flags, folder, file that holds the flags) of the run that a mode restores: that of --name, or else
    what the `checkpoint` of --resume says. Raises MissingError where there is no run."""
    names = ("save_path", "name", "seed")
    folder = saved_flags.folder_of(*(getattr(known, n) or parser.get_default(n) for n in names))
    saved = saved_flags.read(folder) if known.name is not None or not checkpoint else None
    if saved is not None:
        return saved, folder, os.path.join(folder, "flags.json")
    if checkpoint:
        return saved_flags.of_checkpoint(known.resume)
    raise MissingError(
        f"--name: no run in {folder}; train one with this --name and --seed first, or use --resume=FILE with "
        "a checkpoint"
    )


def names_in(argv):
    """The names of the flags among the words of a command line."""
    return {word.split("=")[0].removeprefix("--") for word in argv if word.startswith("--")}


def print_help(parser, modes, mode):
    """Prints the help of everything, or of a mode, and exits."""
    names = [name for name in modes if name != "train"]
    if mode == "train":
        if names:
            help.add_modes(parser, {n: modes[n] for n in names} if hasattr(modes, "keys") else names)
        parser.print_help()
    else:
        print(help.of_mode(parser, mode, modes[mode] if hasattr(modes, "keys") else None))
    raise SystemExit(0)


class ModeGroup(Group):
    """The flags of some modes. One that the trainer file declares itself is the trainer's."""

    def __init__(self, parser, group, modes, of):
        super().__init__(parser, group, changes_run=False, read_by=modes, served_by=of)

    def add_argument(self, *names, **options):
        """Group's, where the trainer file has no flag of that name."""
        if names[0].removeprefix("--") not in self.parser.flags:
            super().add_argument(*names, **options)


def check(args):
    """Raises UserError for shared flags that contradict one another."""
    if args.cpu:
        if args.device not in ("auto", "cpu"):
            raise UserError(f"--cpu: given with --device={args.device}; use one of the two")
        args.device = "cpu"
    if args.init and args.resume not in ("none", "auto"):
        raise UserError("--init: given with --resume=PATH, which takes all weights; use one of the two")
    if args.last_epoch is not None and args.resume in ("none", "auto"):
        raise UserError(
            "--last_epoch: use it with --resume=PATH, which starts a new run from a checkpoint; "
            "--resume=auto keeps its own count"
        )
    files = [(flag, os.path.basename(name)) for flag, name in saved_flags.files_of(vars(args))]
    twice = next((file for file in files if files.count(file) > 1), None)
    if twice:
        raise UserError(
            f"--{twice[0]}: given two files called {twice[1]}, of which runs keep copies; rename one"
        )


def resolve(args):
    """Completes the flags as they were declared to be (Group.resolve); after it no one may set one."""
    for function in args.resolvers:
        vars(args).update(function(args))
    args.freeze()
