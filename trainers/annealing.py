"""Settings that change with the images seen, by --anneal: the learning rates, beta2, weights of penalties and
so on, from their flag's value to another. As in R3GAN (Huang et al. 2024, arXiv 2501.05441)."""

import math

from engine.errors import UserError
from engine.flag_types import Pairs, count, weight

FORMS = {
    "cosine": lambda part: (1 + math.cos(math.pi * part)) / 2,
    "linear": lambda part: 1 - part,
}
SETTINGS = ("lr", "disc_lr", "beta2", "ema_images", "ada_p", "instance_noise")


class Finals(Pairs):
    """The words of --anneal: names of settings or penalties, with numbers of at least 0."""

    @staticmethod
    def check(values):
        """The values. Raises ValueError for one that is no number of at least 0."""
        for name, value in values.items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 <= value < float("inf"):
                raise ValueError(f"given {name}={value}; must be a number of at least 0")
        return values


def add_flags(group):
    """Declares the flags."""
    group.add_argument(
        "--anneal",
        nargs="*",
        action=Finals,
        default={},
        metavar="NAME=FINAL",
        help="settings that go from their flag's value to another over anneal_images: of "
        f"{', '.join(SETTINGS)}, "
        "and the weights of penalties by their names, as in --anneal lr=5e-5 r1=0.005 (default none)",
    )
    group.add_argument(
        "--anneal_images",
        type=count,
        default=0,
        help="images seen until then, which --anneal needs (default 0)",
    )
    group.add_argument(
        "--anneal_form",
        choices=FORMS,
        default="cosine",
        help="cosine: half a cosine, flat at both ends (Huang et al. 2024), or linear (default cosine)",
    )
    group.add_argument(
        "--ema_images",
        type=weight,
        default=0.0,
        help="images in which the averaged generator's memory halves, in place of --ema (default 0: none)",
    )


def annealed(base, final, images, whole, form="cosine"):
    """final + (base - final) f(n / N) at n images seen of N; f = (1 + cos(pi t)) / 2 or 1 - t; `final` from N
    on."""
    if images >= whole:
        return final
    return final + (base - final) * FORMS[form](images / whole)


def check(trainer):
    """Raises UserError for words of --anneal that name no setting in use, or have nothing to start from."""
    args = trainer.args
    trainer.warn_if_unused(args.anneal, "--anneal", "anneal_images", "anneal_form")
    of = trainer.penalties.weights
    if args.anneal and not args.anneal_images:
        raise UserError(
            "--anneal: needs --anneal_images, the images seen until the final values, as in 20000000"
        )
    for name in args.anneal:
        if name not in SETTINGS and name not in of:
            known = ", ".join([*SETTINGS, *of])
            raise UserError(f"--anneal: given {name}={args.anneal[name]:g}; use one of {known}")
    if "beta2" in args.anneal and args.anneal["beta2"] >= 1:
        raise UserError(f"--anneal: given beta2={args.anneal['beta2']:g}; must be below 1")
    if {"lr", "disc_lr"} & args.anneal.keys() and args.lr_schedule != "constant":
        raise UserError(f"--anneal: lr has --lr_schedule={args.lr_schedule} already; use one of the two")
    if "disc_lr" in args.anneal and not args.disc_lr:
        raise UserError("--anneal: disc_lr needs --disc_lr to start from; D follows lr without it")
    if "ada_p" in args.anneal and (args.ada == "none" or args.ada_p is None):
        raise UserError("--anneal: ada_p needs --ada, and --ada_p to start from, as in --ada_p=0")
    if args.ema and (args.ema_images or "ema_images" in args.anneal):
        raise UserError(f"--ema={args.ema:g}, --ema_images: two memories of one average; use one of the two")
