"""Flags: the shared ones below, then those that the trainer file declares. Comparison with an earlier start on resume."""

import argparse
import difflib
import json
import os

from engine.errors import MissingError, UserError
from engine.files import PROJECT
from engine.load import load_file, pairs

DEFAULT_TRAINER = os.path.join(PROJECT, "trainers", "gan.py")

# Flags that do not touch the mathematics: where, how long, how often, on what. All others must match on resume.
MAY_CHANGE = {
    "name",
    "save_path",
    "mode",
    "resume",
    "last_epoch",
    "epochs",
    "max_steps",
    "save_every",
    "save_every_steps",
    "save_images_every",
    "log_every",
    "num_workers",
    "device",
    "cpu",
    "threads",
    "deterministic",
    "tensorboard",
    "traceback",
    "samples",
    "frames",
    "out",
    "schedule_steps",
    "total_steps",
    "eval_every",
    "metrics",
    "extractor",
    "protocol",
    "inception_weights",
    "eval_batch_size",
    "at",
    "save_minutes",
    "keep_last",
    "keep_every",
    "time_limit",
    "max_bad_steps",
}
DERIVED = {
    "steps_per_epoch",
    "data_shape",
    "data_shape_b",
    "n_classes",
}  # not flags, but kept beside them: what the data said
FILES = ("network", "iterator", "trainer")  # compared by content, not by name


class Parser(argparse.ArgumentParser):
    """argparse whose errors are UserErrors of one line, with the nearest flag for a misspelt one."""

    def error(self, message):
        if message.startswith("unrecognized arguments: "):
            word = message.split(": ", 1)[1].split()[0].split("=")[0]
            known = [s for a in self._actions for s in a.option_strings]
            near = difflib.get_close_matches(word, known, 1)
            message = (
                f"{word}: unknown flag; {near[0] + ' or ' if near else ''}one of those in --help would do"
            )
        raise UserError(message.removeprefix("argument "))


class Pairs(argparse.Action):
    """key=value words collected in a dict; a flag given again adds to, and overrides, what came before."""

    def __call__(self, parser, namespace, words, option=None):
        try:
            setattr(namespace, self.dest, getattr(namespace, self.dest) | self.check(pairs(words)))
        except ValueError as error:
            raise argparse.ArgumentError(self, str(error)) from None

    check = staticmethod(lambda values: values)


def number(kind, low, high=None, open_low=False):
    """A type for add_argument: int or float in [low, high], or (low, high] when open_low."""

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if (
            value is None
            or not (value > low if open_low else value >= low)
            or (high is not None and not value <= high)
        ):
            bound = f"{'above' if open_low else 'at least'} {low}" + (
                f", at most {high}" if high is not None else ""
            )
            raise argparse.ArgumentTypeError(
                f"given {text!r}; {'a whole number' if kind is int else 'a number'} {bound} would do"
            )
        return value

    return parse


count, positive = number(int, 0), number(int, 1)
weight, rate = number(float, 0), number(float, 0, open_low=True)


def run_name(text):
    """A run's name: a relative path inside --save_path."""
    if not text or os.path.isabs(text) or ".." in text.split("/"):
        raise argparse.ArgumentTypeError(
            f"given {text!r}; a name, with / for sub-folders but no .., would do"
        )
    return text


class Flags(argparse.Namespace):
    """The flags, and in `defaults`, which is not one of them, their defaults by name."""

    __slots__ = ("defaults",)


def add_shared(parser):
    """Declares the flags that every trainer has. Defaults marked (GAN mixup) are those of the code of Verma et al. 2018."""
    g = parser.add_argument_group("run")
    g.add_argument(
        "--name",
        default="deleteme",
        type=run_name,
        help="folder of the run inside save_path (default deleteme; GAN mixup)",
    )
    g.add_argument("--save_path", default="results", help="folder of all runs (default results; GAN mixup)")
    g.add_argument(
        "--seed",
        type=count,
        default=0,
        help="seed of weights, data order and noise; the run's folder ends in s<seed> (default 0)",
    )
    g.add_argument(
        "--mode", default="train", help="train, or what to do with a trained run: %(metavar)s (default train)"
    )
    g.add_argument(
        "--resume",
        default="none",
        help="auto: the newest valid checkpoint of this run, or afresh where there is none; "
        "a path: a new run that starts from that checkpoint (default none: refuses a folder that has checkpoints)",
    )
    g.add_argument(
        "--last_epoch",
        type=count,
        default=None,
        help="with --resume=PATH: the epoch that counting goes on from (default: the checkpoint's; GAN mixup)",
    )

    g = parser.add_argument_group("files, imported by path")
    g.add_argument(
        "--network",
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
        "--trainer",
        default=DEFAULT_TRAINER,
        help="file with add_flags and get_trainer; --help lists the flags of the one given (default trainers/gan.py)",
    )

    g = parser.add_argument_group("optimisation")
    g.add_argument(
        "--batch_size",
        type=positive,
        default=64,
        help="real images a step, over all processes (default 64; Miyato et al. 2018)",
    )
    g.add_argument(
        "--epochs",
        type=count,
        default=100,
        help="passes over the training data in all (default 100; GAN mixup)",
    )
    g.add_argument(
        "--max_steps",
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
        help="that of discriminators and critics, where it is another: two time scales, Heusel et al. 2017 (default 0: --lr)",
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
        "half: constant for the first half of them, then linear to zero (Zhu et al. 2017); half_exp: constant likewise, then exponentially to a hundredth (Donahue et al. 2017); exp: times lr_gamma each epoch (default constant)",
    )
    g.add_argument(
        "--lr_gamma",
        type=number(float, 0, 1, open_low=True),
        default=0.99,
        help="factor an epoch of --lr_schedule=exp (default 0.99; GAN mixup)",
    )
    g.add_argument(
        "--schedule_steps",
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

    g = parser.add_argument_group("records")
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
        type=positive,
        default=64,
        help="images in a grid, or drawn by --mode=sample (default 64)",
    )
    g.add_argument(
        "--frames",
        type=number(int, 2),
        default=10,
        help="images of each walk of --mode=interpolate (default 10)",
    )
    g.add_argument(
        "--out",
        default="",
        help="where --mode=sample writes: a .png grid, a .npz array, else a folder of PNGs (default: samples_<step>.png in the run's folder)",
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
        "--traceback", action="store_true", help="show where an error came from, not only its line"
    )

    g = parser.add_argument_group("evaluation, in training or by --mode=evaluate")
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
        help="of fid, is, kid, prdc (precision, recall, density, coverage), modes (default: fid, kid, and is where the extractor classifies)",
    )
    g.add_argument(
        "--extractor",
        default="auto",
        help="inception (its scores alone are FID and IS), efficientnet, classifier, stacked-classifier, pixels, or a .py file with get_extractor(); "
        "auto: inception where its weights are, else classifier for grey images with labels, else efficientnet (default auto)",
    )
    g.add_argument(
        "--protocol",
        default="full-train",
        help="<real>[-<generated>][-<split>], as in 50k-train, 10k-test, 10k-5k (default full-train: all training images, as many generated)",
    )
    g.add_argument(
        "--inception_weights",
        default="",
        help="file of the Inception weights (default: $INCEPTION_WEIGHTS, else torch's hub cache; python -m eval.prepare fetches them)",
    )
    g.add_argument(
        "--eval_batch_size",
        type=positive,
        default=64,
        help="images a batch of the extractor; changes no result (default 64)",
    )
    g.add_argument(
        "--at",
        default="latest",
        help="checkpoints of --mode=evaluate: latest, best, all, or a step (default latest)",
    )

    g = parser.add_argument_group("machine")
    g.add_argument(
        "--device",
        default="auto",
        help="auto, cpu, cuda or cuda:<n> (default auto: a GPU where there is one)",
    )
    g.add_argument("--cpu", action="store_true", help="the same as --device=cpu (GAN mixup)")
    g.add_argument(
        "--threads", type=count, default=0, help="CPU threads a process (default 0: torch's choice)"
    )
    g.add_argument(
        "--num_workers",
        type=count,
        default=2,
        help="processes or threads that decode images; changes no result (default 2)",
    )
    g.add_argument(
        "--amp",
        choices=("off", "bf16", "fp16"),
        default="off",
        help="networks compute in bfloat16, or in float16 with a scaled loss; penalties, spectral norms, losses and "
        "updates in float32 (default off)",
    )
    g.add_argument(
        "--compile",
        action="store_true",
        help="torch.compile for the networks that it suits; the log says which",
    )
    g.add_argument(
        "--time_limit",
        default="",
        metavar="HH:MM:SS",
        help="save and exit 75 before so much time has passed (default: what SLURM_JOB_END_TIME leaves, else none)",
    )
    g.add_argument(
        "--max_bad_steps",
        type=positive,
        default=50,
        help="updates in a row with a loss or gradient that is not finite, each skipped, before the run stops with exit 4 (default 50)",
    )
    g.add_argument(
        "--deterministic",
        action="store_true",
        help="on a GPU: only kernels that give the same bits each time",
    )


def parse(argv, modes=("train",)):
    """The flags in `argv` (default: the command line's) as a namespace. Raises UserError in one line.

    Any mode but train restores a run: its own flags.json then gives the defaults, so --name (and --seed) are enough.
    """
    first = Parser(add_help=False, allow_abbrev=False)
    for name, default in (
        ("name", "deleteme"),
        ("save_path", "results"),
        ("seed", "0"),
        ("mode", "train"),
        ("trainer", None),
    ):
        first.add_argument("--" + name, default=default)
    known, _ = first.parse_known_args(argv)
    parser = Parser(
        prog="task_launcher.py",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Trains what the three files say; see README.md.",
        epilog="exit codes: 0 finished, 75 interrupted (the same command goes on), 2 arguments, 3 missing data or weights, 4 diverged, 1 else",
    )
    add_shared(parser)
    next(a for a in parser._actions if a.dest == "mode").metavar = "|".join(modes)
    next(a for a in parser._actions if a.dest == "mode").choices = modes
    saved = {}
    if known.mode in modes and known.mode != "train":
        folder = os.path.join(known.save_path, known.name, f"s{known.seed}")
        saved = read(folder)
        if saved is None:
            raise MissingError(f"--name: no run in {folder}; train one with this --name and --seed first")
        for flag in FILES:  # the files may have moved since; the run keeps copies
            copy = copied(folder, flag, saved[flag])
            if not os.path.isfile(saved[flag]) and os.path.isfile(copy):
                saved[flag] = copy
    trainer = known.trainer or saved.get("trainer") or DEFAULT_TRAINER
    group = parser.add_argument_group(f"trainer {os.path.relpath(trainer)}")
    module = load_file(trainer, "--trainer", "get_trainer")
    getattr(module, "add_flags", lambda group: None)(group)
    flags = {action.dest for action in parser._actions}
    parser.set_defaults(
        **{
            n: v
            for n, v in saved.items()
            if n in flags
            and n
            not in (
                "mode",
                "resume",
                "last_epoch",
                "traceback",
                "out",
                "samples",
                "frames",
                "at",
                "device",
                "cpu",
            )
        }
    )
    args = parser.parse_args(argv, Flags())
    args.defaults = {flag: parser.get_default(flag) for flag in flags}
    vars(args).update({name: saved[name] for name in DERIVED & saved.keys()})
    if args.cpu:
        if args.device not in ("auto", "cpu"):
            raise UserError(f"--cpu: given with --device={args.device}; one of the two would do")
        args.device = "cpu"
    if args.at not in ("latest", "best", "all") and not args.at.isdigit():
        raise UserError(f"--at: given {args.at}; latest, best, all or a step would do")
    if args.last_epoch is not None and args.resume in ("none", "auto"):
        raise UserError(
            "--last_epoch: goes with --resume=PATH, which starts a new run from a checkpoint; "
            "--resume=auto keeps its own count"
        )
    return args


def copied(folder, flag, path):
    """Where the run in `folder` keeps its copy of the file that `flag` named."""
    return os.path.join(folder, "files", flag, os.path.basename(path))


def read(folder):
    """The flags.json of a run's folder, or None."""
    try:
        with open(os.path.join(folder, "flags.json"), encoding="utf8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(
            f"{os.path.join(folder, 'flags.json')}: not readable as JSON ({error}); restore it or choose another --name"
        ) from None


def differences(then, now, folder):
    """What differs between the flags of an earlier start and now's and would change the run, one text each.

    Files count by content: the copy in `folder` against the file named now.
    """
    found = []
    for name in sorted(set(then) | set(now)):
        old, new = then.get(name), now.get(name)
        if name in FILES:
            copy = copied(folder, name, old)
            if os.path.isfile(copy) and os.path.isfile(new) and same(copy, new):
                continue
            if os.path.abspath(old) == os.path.abspath(new):
                continue  # an edited file is warned of, not refused: see edited()
        elif name == "iterator_args":  # data may move; steps_per_epoch tells if it changed
            old, new = (
                {k: v for k, v in (d or {}).items() if k not in ("root", "cache")} for d in (old, new)
            )
        elif (
            name == "schedule_steps"
            and now.get("lr_schedule") in ("linear", "half", "half_exp")
            and old != new
        ):
            found.append(
                f"--schedule_steps: {old} then, {new} now (the learning rate's schedule is planned over the whole run: "
                f"give --schedule_steps={old} to keep the plan)"
            )
            continue
        elif name == "mu_steps" and old != new and old and new is not None:
            found.append(
                f"--mu_steps: {old} then, {new} now (the moving weights are planned over the whole run: give --mu_steps={old} to keep the plan)"
            )
            continue
        elif name in MAY_CHANGE:
            continue
        if old != new and not (name not in then or name not in now):
            found.append(f"{'the data, ' if name in DERIVED else '--'}{name}: {old} then, {new} now")
    return found


def edited(then, now, folder):
    """The files of an earlier start whose text has changed since."""
    return [
        f"--{f}: {now[f]} has changed since the run began (its copy is {copied(folder, f, then[f])})"
        for f in FILES
        if os.path.isfile(copied(folder, f, then[f]))
        and os.path.isfile(now[f])
        and not same(copied(folder, f, then[f]), now[f])
    ]


def same(a, b):
    """Whether two files hold the same bytes."""
    with open(a, "rb") as x, open(b, "rb") as y:
        return x.read() == y.read()
