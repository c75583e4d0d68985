"""Flags: the shared ones, those of the trainer file and those of the modes. Comparison with an earlier start
on resume.

Where a flag is declared it says what it means (Group.add_argument): whether it changes what a run computes,
whether something is planned over the run by it, which modes read it, and how it is completed once the data
are known.
"""

import argparse
import difflib
import json
import math
import os
import sys
from typing import NamedTuple

from engine.errors import MissingError, UserError
from engine.files import read_regular
from engine.load import find, load_file, located, named, other_clone, pairs, same_text

DEVICE_HELP = (
    "auto, cpu, cuda, mps or xpu, or cuda:<n> for one of several (default auto: accelerator, else cpu)"
)
DEFAULT_TRAINER = "trainers/gan.py"
FILES = ("network", "iterator", "trainer")  # flags that name a file; compared by content, not by name
# not flags, but kept beside them: what the data said, and what follows from it and the flags
FACTS = ("data_shape", "data_shape_b", "n_classes", "steps_per_epoch", "data_digest")
DERIVED = ("total_steps",)


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


def number(kind, low, high=None, open_low=False):
    """A type for add_argument: int or float in [low, high], or (low, high] when open_low; finite."""

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        above = value > low if open_low else value >= low
        if not (above and math.isfinite(value) and (high is None or value <= high)):
            what = "a whole number" if kind is int else "a number"
            if high is None:
                bounds = f"above {low}" if open_low else f"of at least {low}"
            else:
                bounds = f"above {low} and at most {high}" if open_low else f"between {low} and {high}"
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


class Flags(argparse.Namespace):
    """The flags; after freeze() setting one raises UserError. What belongs to them without being one is in
    slots:

    declared: {name: argparse.Action}; defaults: {name: default}; resolvers: see Group.resolve; unserved:
    names of modes' flags that no mode of this trainer's runs reads, which flags.json leaves out; folder: of
    the run that a mode was asked for.
    """

    __slots__ = ("declared", "defaults", "resolvers", "unserved", "folder", "frozen")

    def __setattr__(self, name, value):
        if getattr(self, "frozen", False):
            raise UserError(
                f"args.{name}: set after the flags were resolved; in a trainer file use "
                "group.resolve(function) in "
                "add_flags, in other code a variable of its own"
            )
        super().__setattr__(name, value)

    def freeze(self):
        """From now on no flag can be set."""
        self.frozen = True


def add_shared(parser):
    """Declares the flags that every trainer has. Defaults marked (GAN mixup) are those of Verma et al. 2018's
    code."""
    g = Group(parser, parser.add_argument_group("run"))
    g.add_argument(
        "--name",
        changes_run=False,
        kept=False,  # a run may have been copied or moved: it is where it was asked for
        default="deleteme",
        type=run_name,
        help="folder of the run inside save_path (default deleteme; GAN mixup)",
    )
    g.add_argument(
        "--save_path",
        changes_run=False,
        kept=False,
        default="results",
        help="folder of all runs (default results; GAN mixup)",
    )
    g.add_argument(
        "--seed",
        type=count,
        default=0,
        help="seed of weights, data order and noise; the run's folder ends in s<seed> (default 0)",
    )
    g.add_argument(
        "--mode",
        changes_run=False,
        kept=False,
        default="train",
        help="train, or what to do with a trained run: %(metavar)s (default train)",
    )
    g.add_argument(
        "--resume",
        changes_run=False,
        kept=False,
        default="none",
        help="auto: the newest valid checkpoint of this run, or afresh where there is none; "
        "a path: a new run that starts from that checkpoint (default none: refuses a folder that has "
        "checkpoints)",
    )
    g.add_argument(
        "--last_epoch",
        changes_run=False,
        kept=False,
        type=count,
        default=None,
        help="with --resume=PATH: the epoch that counting goes on from (default: the checkpoint's; GAN "
        "mixup)",
    )

    g = Group(parser, parser.add_argument_group("files, imported by path"))
    g.add_argument(
        "--network",
        action=File,
        default="networks/mnist.py",
        help="file with get_network (default networks/mnist.py; GAN mixup)",
    )
    g.add_argument(
        "--network_args",
        nargs="*",
        action=Pairs,
        default={},
        metavar="KEY=VALUE",
        help="its keyword arguments, as in --network_args width=64 spec_norm=True (default: the file's own)",
    )
    g.add_argument(
        "--iterator",
        action=File,
        default="iterators/mnist.py",
        help="file with get_iterators (default iterators/mnist.py; GAN mixup)",
    )
    g.add_argument(
        "--iterator_args",
        nargs="*",
        action=Pairs,
        default={},
        metavar="KEY=VALUE",
        help="its keyword arguments, as in --iterator_args root=data (default: the file's own)",
    )
    g.add_argument(
        "--accept_new_data",
        changes_run=False,
        kept=False,
        action="store_true",
        help="with --resume=auto: go on although the files or labels of the data have changed",
    )
    g.add_argument(
        "--trainer",
        action=File,
        default=DEFAULT_TRAINER,
        help="file with add_flags and get_trainer; --help lists the flags of the one given (default "
        "trainers/gan.py)",
    )

    g = Group(parser, parser.add_argument_group("optimisation"))
    g.add_argument(
        "--batch_size",
        type=positive,
        default=64,
        help="real images a step, over all processes (default 64; Miyato et al. 2018)",
    )
    g.add_argument(
        "--epochs",
        changes_run=False,
        type=count,
        default=100,
        help="passes over the training data in all (default 100; GAN mixup)",
    )
    g.add_argument(
        "--max_steps",
        changes_run=False,
        type=count,
        default=0,
        help="steps in all, instead of epochs (default 0: as epochs say)",
    )
    g.add_argument(
        "--z_dim", type=positive, default=62, help="dimensions of the noise (default 62; GAN mixup)"
    )
    g.add_argument(
        "--z_dist",
        choices=("normal", "uniform"),
        default="normal",
        help="z ~ N(0, I), or U(-1, 1) in each dimension (default normal)",
    )
    g.add_argument("--lr", type=rate, default=2e-4, help="Adam's learning rate (default 2e-4; GAN mixup)")
    g.add_argument(
        "--disc_lr",
        type=weight,
        default=0.0,
        help="that of discriminators and critics, where it is another: two time scales, Heusel et al. 2017 "
        "(default 0: --lr)",
    )
    g.add_argument(
        "--beta1", type=number(float, 0, 1), default=0.5, help="Adam's first decay (default 0.5; GAN mixup)"
    )
    g.add_argument(
        "--beta2",
        type=number(float, 0, 1),
        default=0.999,
        help="Adam's second decay (default 0.999; GAN mixup)",
    )
    g.add_argument(
        "--lr_schedule",
        choices=("constant", "linear", "half", "half_exp", "exp"),
        default="constant",
        help="constant; linear to zero over schedule_steps (Miyato et al. 2018); "
        "half: constant for the first half of them, then linear to zero (Zhu et al. 2017); half_exp: "
        "constant likewise, then exponentially to a hundredth (Donahue et al. 2017); exp: times lr_gamma "
        "each epoch (default constant)",
    )
    g.add_argument(
        "--lr_gamma",
        type=number(float, 0, 1, open_low=True),
        default=0.99,
        help="factor an epoch of --lr_schedule=exp (default 0.99; GAN mixup)",
    )
    g.add_argument(
        "--schedule_steps",
        planned=Plan("the learning rate's schedule", "lr_schedule", ("linear", "half", "half_exp")),
        type=count,
        default=0,
        help="steps that schedules stretch over (default 0: the whole run)",
    )
    g.add_argument(
        "--ema",
        type=number(float, 0, 1),
        default=0.0,
        help="decay, a step that updates it, of the averaged generator that samples are drawn from, "
        "as in 0.999 (default 0: no average)",
    )

    g = Group(parser, parser.add_argument_group("records"), changes_run=False)
    g.add_argument(
        "--log_every",
        type=positive,
        default=50,
        help="steps between lines of metrics.jsonl, each the mean since the last (default 50)",
    )
    g.add_argument(
        "--save_every",
        type=count,
        default=10,
        help="epochs between checkpoints; 0: only at the end (default 10; GAN mixup)",
    )
    g.add_argument(
        "--save_every_steps",
        type=count,
        default=0,
        help="steps between checkpoints, besides save_every (default 0: none)",
    )
    g.add_argument(
        "--save_images_every",
        type=count,
        default=1,
        help="epochs between sample grids; 0: only at the end (default 1)",
    )
    g.add_argument(
        "--samples",
        kept=False,
        type=positive,
        default=64,
        help="images in a grid, or drawn by --mode=sample (default 64)",
    )
    g.add_argument(
        "--save_minutes",
        type=number(float, 0),
        default=0.0,
        help="minutes between checkpoints, besides save_every (default 0: none)",
    )
    g.add_argument(
        "--keep_last", type=count, default=0, help="keep only the newest so many checkpoints (default 0: all)"
    )
    g.add_argument(
        "--keep_every",
        type=count,
        default=0,
        help="with keep_last: keep those at multiples of so many steps too (default 0: none)",
    )
    g.add_argument(
        "--tensorboard", action="store_true", help="TensorBoard events too (needs the package tensorboard)"
    )
    g.add_argument(
        "--traceback",
        changes_run=False,
        kept=False,
        action="store_true",
        help="show where an error came from, not only its line",
    )

    g = Group(
        parser, parser.add_argument_group("evaluation, in training or by --mode=evaluate"), changes_run=False
    )
    g.add_argument(
        "--eval_every",
        type=count,
        default=0,
        help="epochs between evaluations in training; results join metrics.jsonl, and checkpoints/best.pt is "
        "the best by the first metric (default 0: none)",
    )
    g.add_argument(
        "--metrics",
        nargs="+",
        default=[],
        metavar="METRIC",
        help="of fid, is, kid, prdc (precision, recall, density, coverage), modes (default: fid, kid, and is "
        "where the extractor classifies)",
    )
    g.add_argument(
        "--extractor",
        type=recorded,
        default="auto",
        help="inception (its scores alone are FID and IS), efficientnet, classifier, stacked-classifier, "
        "pixels, or a .py file with get_extractor(); "
        "auto: inception where its weights are, else classifier for grey images with labels, else "
        "efficientnet (default auto)",
    )
    g.add_argument(
        "--protocol",
        default="full-train",
        help="<real>[-<generated>][-<split>], as in 50k-train, 10k-test, 10k-5k (default full-train: all "
        "training images, as many generated)",
    )
    g.add_argument(
        "--inception_weights",
        default="",
        help="file of the Inception weights (default: $INCEPTION_WEIGHTS, else torch's hub cache; python -m "
        "eval.prepare fetches them)",
    )
    g.add_argument(
        "--eval_batch_size",
        type=positive,
        default=64,
        help="images a batch of the extractor; changes no result (default 64)",
    )

    g = Group(parser, parser.add_argument_group("machine"))
    g.add_argument(
        "--device",
        changes_run=False,
        kept=False,
        default="auto",
        help=DEVICE_HELP,
    )
    g.add_argument(
        "--cpu",
        changes_run=False,
        kept=False,
        action="store_true",
        help="the same as --device=cpu (GAN mixup)",
    )
    g.add_argument(
        "--threads",
        changes_run=False,
        type=count,
        default=0,
        help="CPU threads a process (default 0: torch's choice)",
    )
    g.add_argument(
        "--num_workers",
        changes_run=False,
        type=count,
        default=2,
        help="processes or threads that decode images; changes no result (default 2)",
    )
    g.add_argument(
        "--amp",
        choices=("off", "bf16", "fp16"),
        default="off",
        help="networks compute in bfloat16, or in float16 with a scaled loss; penalties, spectral norms, "
        "losses and "
        "updates in float32 (default off)",
    )
    g.add_argument(
        "--compile",
        action="store_true",
        help="torch.compile for the networks that it suits; the log says which",
    )
    g.add_argument(
        "--time_limit",
        changes_run=False,
        default="",
        metavar="HH:MM:SS",
        help="save and exit 75 before so much time has passed (default: what SLURM_JOB_END_TIME leaves, else "
        "none)",
    )
    g.add_argument(
        "--max_bad_steps",
        changes_run=False,
        type=positive,
        default=50,
        help="updates in a row with a loss or gradient that is not finite, each skipped, before the run "
        "stops with exit 4 (default 50)",
    )
    g.add_argument(
        "--deterministic",
        changes_run=False,
        action="store_true",
        help="on a GPU: only kernels that give the same bits each time",
    )


def parse(argv, modes=("train",), add_mode_flags=lambda declare: None, alone=()):
    """The flags in `argv` (default: the command line's) as Flags. Raises UserError in one line.

    Any mode but train restores a run: its own flags.json then gives the defaults, so --name (and --seed) are
    enough, and the flags come resolved and frozen. add_mode_flags(declare): declares the flags of modes;
    declare(*modes) is the Group of those that these modes read. alone: modes that need no run; without --name
    they look at none.
    """
    argv = sys.argv[1:] if argv is None else argv
    for before, word in zip(["", *argv], argv):
        if word == "--" or word.endswith("=--"):  # argparse would drop it, and miss a value then
            flag = word.removesuffix("=--") if word != "--" else before.split("=")[0]
            raise UserError(f"{flag or '--'}: given --; use a value of the flag, or leave it out")
    given = {word.split("=")[0].removeprefix("--") for word in argv if word.startswith("--")}
    first = Parser(add_help=False)
    for name in ("name", "save_path", "seed", "mode", "trainer"):
        first.add_argument("--" + name)
    known, _ = first.parse_known_args(argv)
    mode = known.mode or "train"
    if mode not in modes:
        near = difflib.get_close_matches(mode, modes, 1)
        raise UserError(
            f"--mode: given {mode!r}; use {near[0] + ' or another' if near else 'one'} that --help lists"
        )
    parser = Parser(
        prog="task_launcher.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Trains what the three files say; see README.md.",
        epilog="exit codes: 0 finished, 75 interrupted (the same command goes on), 2 arguments, 3 missing "
        "data or "
        "weights, 4 diverged, 1 anything else",
    )
    add_shared(parser)
    parser.flags["mode"].metavar = "|".join(modes)
    saved, file, folder = {}, "", None
    if mode != "train" and not (mode in alone and known.name is None):
        folder = folder_of(
            *(getattr(known, n) or parser.get_default(n) for n in ("save_path", "name", "seed"))
        )
        file = os.path.join(folder, "flags.json")
        saved = read(folder)
        if saved is None:
            raise MissingError(f"--name: no run in {folder}; train one with this --name and --seed first")
        saved = restored(saved, folder)
        check_files(saved, folder, given)
    trainer = named(find(known.trainer)) if known.trainer else saved.get("trainer", DEFAULT_TRAINER)
    group = Group(parser, parser.add_argument_group(f"trainer {trainer}"))
    module = load_file(located(trainer), "--trainer", "get_trainer")
    getattr(module, "add_flags", lambda group: None)(group)
    add_mode_flags(lambda *names, of=None: ModeGroup(parser, names, of))
    kept = {name: value for name, value in saved.items() if name in parser.flags and parser.flags[name].kept}
    for name, value in kept.items():
        check_saved(parser.flags[name], value, file)
    parser.set_defaults(**kept)
    args = parser.parse_args(argv, Flags())
    args.declared, args.resolvers = parser.flags, parser.resolvers
    args.defaults = {name: parser.get_default(name) for name in vars(args)}
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
    if (
        folder is not None
    ):  # a copy in the folder of another seed is still of the seed that it was trained with
        args.folder, args.seed = folder, saved.get("seed", args.seed)
    check(args)
    if mode != "train" and mode not in alone:
        resolve(args)
    return args


class ModeGroup(Group):
    """The flags of some modes. One that the trainer file declares itself is the trainer's."""

    def __init__(self, parser, modes, of):
        title = f"mode{'s' if len(modes) > 1 else ''} {', '.join(modes)}"
        group = parser.add_argument_group(title)
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
    if args.last_epoch is not None and args.resume in ("none", "auto"):
        raise UserError(
            "--last_epoch: use it with --resume=PATH, which starts a new run from a checkpoint; "
            "--resume=auto keeps its own count"
        )
    files = [(flag, os.path.basename(name)) for flag, name in files_of(vars(args))]
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


# --- flags.json, and the files of a run


def files_of(flags):
    """[(flag, name)] of the files that flags name: the network, iterator and trainer, and keys such as
    --penalty's."""
    keys = [
        (n, key) for n, value in flags.items() if isinstance(value, dict) for key in value if is_file(key)
    ]
    return [(flag, flags[flag]) for flag in FILES] + keys


def folder_of(save_path, name, seed):
    """The folder of a run."""
    return os.path.join(save_path, name, f"s{seed}")


def copied(folder, flag, name):
    """Where the run in `folder` keeps its copy of the file that `flag` named."""
    return os.path.join(folder, "files", flag, os.path.basename(name))


def record(args):
    """The flags as flags.json and checkpoints keep them: a dict."""
    return {name: value for name, value in vars(args).items() if name not in args.unserved}


def read(folder):
    """The flags.json of a run's folder, or None. Raises MissingError for a file that is not a run's."""
    path = os.path.join(folder, "flags.json")
    try:
        flags = json.loads(read_regular(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MissingError(
            f"{path}: cannot be read: {error.strerror}; mend that or use another --name"
        ) from None
    except (ValueError, RecursionError) as error:
        raise MissingError(
            f"{path}: not readable as JSON ({error}); restore it or use another --name"
        ) from None
    wanted = {**dict.fromkeys(FILES, str), "data_shape": list, "n_classes": int}
    if not isinstance(flags, dict) or not all(isinstance(flags.get(n), kind) for n, kind in wanted.items()):
        raise MissingError(f"{path}: does not hold a run's flags; restore it or use another --name")
    return flags


def check_saved(action, value, file):
    """Raises UserError where the value of a flag in flags.json could not have been given."""
    try:
        if value is None:
            wrong = action.default is not None
        elif isinstance(action, Pairs):
            wrong = not isinstance(value, dict) or action.check(value) is None
        elif action.nargs == 0:
            wrong = not isinstance(value, bool)
        else:
            wrong = False
            for item in value if isinstance(value, list) else [value]:
                wrong |= action.choices is not None and item not in action.choices
                wrong |= isinstance(action.default, str) and not isinstance(item, str)
                if action.type and (isinstance(item, str) or getattr(action.type, "bounded", False)):
                    action.type(str(item))
    except (ValueError, TypeError, argparse.ArgumentTypeError):
        wrong = True
    if wrong:
        raise UserError(
            f"{file}: {action.dest} is {value!r} in it, which --{action.dest} cannot be; restore the file"
        )


def restored(saved, folder):
    """The flags of a run with files where they are now: in the project, as recorded, or the run's own
    copies."""

    def now(flag, name):
        copy, inside = copied(folder, flag, name), other_clone(name)
        # the copy of a trainer may be older than what it imports; other copies stand for themselves
        if inside and (flag == "trainer" or not os.path.isfile(copy) or same_text(copy, located(inside))):
            return inside
        return name if os.path.isfile(located(name)) or not os.path.isfile(copy) else copy

    saved = saved | {flag: now(flag, saved[flag]) for flag in FILES}
    for flag, value in saved.items():
        if isinstance(value, dict):
            saved[flag] = {now(flag, key) if is_file(key) else key: v for key, v in value.items()}
    return saved


def check_files(saved, folder, given):
    """For modes: raises UserError for a file outside the project, to be imported because flags.json names it,
    that is not what the run has kept a copy of; unless its flag is among those `given`. A run's folder may be
    someone else's."""
    for flag, name in files_of(saved):
        path, copy = located(name), copied(folder, flag, name)
        if flag in given or not os.path.isfile(path) or not os.path.isabs(named(path)):
            continue
        if not os.path.isfile(copy) or not same_text(copy, path):
            raise UserError(
                f"--{flag}: {name}, which the run's flags.json names, is outside the project and not the "
                "file that the "
                f"run keeps a copy of; use --{flag}={name} if you trust it"
            )


# --- on resume


def differences(then, args, folder):
    """What differs between the flags of an earlier start (a dict) and now's, and would change the run, one
    text each.

    Files count by content: the copy in `folder` against the file named now. The same file with other text is
    left to edited().
    """
    now, found = record(args), []
    for name in sorted(set(then) & set(now)):
        old, new, action = then[name], now[name], args.declared.get(name)
        if name in FILES:
            old = renamed(old, [new], name, folder)
        elif isinstance(old, dict) and isinstance(new, dict):
            old = {
                renamed(key, filter(is_file, new), name, folder) if is_file(key) else key: v
                for key, v in old.items()
            }
            old = {
                k: new[k] if is_file(v) and is_file(new.get(k)) and same_file(v, new[k]) else v
                for k, v in old.items()
            }
            if name == "iterator_args":  # data may move; steps_per_epoch tells if it changed
                old, new = ({k: v for k, v in d.items() if k not in ("root", "cache")} for d in (old, new))
        if old == new or name in DERIVED:
            continue
        if name == "data_digest" or name == "steps_per_epoch" and getattr(args, "accept_new_data", False):
            if not getattr(args, "accept_new_data", False) and None not in (old, new):
                found.append(
                    f"the data: their files or labels have changed (sha256 {old[:8]} then, {new[:8]} now); "
                    "use --accept_new_data to go on with the new ones"
                )
            continue
        if action is not None and action.planned:
            plan = action.planned
            if now.get(plan.where) in plan.values and old:
                found.append(
                    f"--{name}: {old} then, {new} now, which {plan.what} is planned by; "
                    f"use --{name}={old} to keep the plan"
                )
        elif action is None or action.changes_run:
            found.append(f"{'the data, ' if name in FACTS else '--'}{name}: {old} then, {new} now")
    return found


def renamed(old, names, flag, folder):
    """That of `names` which is the file once recorded as `old`, or holds what the run's copy of it holds;
    else `old`."""
    copy = copied(folder, flag, old)
    for name in names:
        if same_file(old, name) or os.path.isfile(copy) and same_text(copy, located(name)):
            return name
    return old


def same_file(old, name):
    """Whether a name recorded earlier, perhaps by another clone, is that of the file `name`."""
    return name in (named(located(old)), other_clone(old))


def edited(then, args, folder):
    """The files of an earlier start whose text has changed since, one text each."""
    found = []
    for flag, old in files_of(then):
        copy = copied(folder, flag, old)
        for name in [name for f, name in files_of(record(args)) if f == flag and same_file(old, name)]:
            if os.path.isfile(copy) and not same_text(copy, located(name)):
                found.append(f"--{flag}: {name} has changed since the run began (its copy is {copy})")
    return found
