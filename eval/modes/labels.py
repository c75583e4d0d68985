"""Classes of a conditional generator's images, by --labels."""

import argparse

import torch
import torch.nn.functional as F

from engine.errors import UserError


def labels(text):
    """The word all, or the classes of "3,5": [3, 5]."""
    if text != "all" and not all(part.isascii() and part.isdigit() for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"given {text!r}; use all, or classes as in 3 or 3,5")
    return text if text == "all" else [int(part) for part in text.split(",")]


def classes_of(trainer, args):
    """The classes that --labels names, int64 [k] on the trainer's device; None where it is not given. Raises
    UserError for a run without --conditional, and for classes that its data do not have."""
    if args.labels is None:
        return None
    if not is_conditional(trainer):
        raise UserError("--labels: the run's generator is told no classes (--conditional); leave it out")
    wanted = range(args.n_classes) if args.labels == "all" else args.labels
    wrong = next((k for k in wanted if k >= args.n_classes), None)
    if wrong is not None:
        raise UserError(f"--labels: given {wrong}; the data have classes 0 to {args.n_classes - 1}")
    return torch.tensor(list(wanted), device=trainer.device)


def is_conditional(trainer):
    """Whether the trainer's generator is told classes."""
    return getattr(trainer, "classes", None) is not None and trainer.classes.kind != "none"


def in_turns(trainer, classes, n, start=0):
    """The classes int64 [n] of images number start, start + 1, ..., which take those of `classes` in turns;
    drawn from the generators that are seeded where it is None."""
    if classes is not None:
        classes = classes[torch.arange(start, start + n, device=classes.device) % len(classes)]
    (y,) = trainer.classes.for_samples(n, classes)
    return y


def classes_on_the_way(trainer, args, t):
    """[the classes along --samples walks: shares [n, k, K] at the places t [k]], or []: a walk goes from a
    class of --labels to the next, or keeps the one that is drawn for it."""
    told = classes_of(trainer, args)
    if not is_conditional(trainer):
        return []
    a = b = in_turns(trainer, told, args.samples)
    if told is not None:
        b = in_turns(trainer, told, args.samples, 1)
    a, b = (F.one_hot(y, args.n_classes).float()[:, None] for y in (a, b))
    return [torch.lerp(a, b, t[None, :, None])]
