"""--penalty, for every trainer that has a discriminator: rows of losses/penalties.py, or users' files."""

import os

from engine.errors import UserError
from engine.flag_types import Pairs, count, is_file, number
from engine.load import load_file
from losses.penalties import PENALTIES, Penalties


class Weights(Pairs):
    """The words of --penalty: names of PENALTIES, or files with get_penalty, with weights of at least 0."""

    @staticmethod
    def check(values):
        """The values. Raises ValueError for an unknown name, or a weight below 0 or not a number."""
        for name, value in values.items():
            if name not in PENALTIES and not is_file(name):
                raise ValueError(
                    f"given {name}={value}; use {', '.join(PENALTIES)}, or the path of a file with "
                    "get_penalty"
                )
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 <= value < float("inf"):
                raise ValueError(f"given {name}={value}; the weight must be a number of at least 0")
        return values


def add_flag(group, of="D's logits"):
    """Declares --penalty; `of` says what the penalties are on."""
    group.add_argument(
        "--penalty",
        nargs="*",
        action=Weights,
        default={},
        metavar="NAME=WEIGHT",
        help=f"penalties on {of}: {', '.join(PENALTIES)}, or a file with get_penalty, as in "
        "--penalty gp=10 r1=0.1 my/own.py=0.3 (default none; gp: Gulrajani et al. 2017, r1 and r2: "
        "Mescheder et al. 2018, dragan: Kodali et al. 2017, gp0: Thanh-Tung et al. 2019, lecam: Tseng et al. "
        "2021)",
    )
    group.add_argument(
        "--lecam_decay",
        type=number(float, 0, 1),
        default=0.9,
        help="decay a step of lecam's averages (default 0.9; 0.99 in StudioGAN)",
    )
    group.add_argument(
        "--lecam_start", type=count, default=1000, help="step that lecam acts from (default 1000)"
    )


def penalties_of(weights, args, **more):
    """The Penalties of the flag's words, those of weight 0 left out. args: the flags. more: {name: (weight,
    penalty)} to come before them.

    Raises UserError for a file that offers no penalty, or has the name of another.
    """
    found = {name: pair for name, pair in more.items() if pair[0] > 0}
    for key, weight in weights.items():
        name = os.path.splitext(os.path.basename(key))[0] if is_file(key) else key
        if weight > 0:
            if name in found:
                raise UserError(f"--penalty: given two penalties called {name}; rename the file")
            found[name] = weight, from_file(key) if is_file(key) else built_in(key, args)
    weights = {name: weight for name, (weight, _) in found.items()}
    return Penalties(weights, {name: penalty for name, (_, penalty) in found.items()})


def built_in(name, args):
    """The row of PENALTIES, made with the flags where it has state."""
    row = PENALTIES[name]
    return row.of(args) if isinstance(row, type) else row


def from_file(path):
    """What get_penalty() of a user's file gives: a function or a module of a Context."""
    try:
        penalty = load_file(path, "--penalty", "get_penalty").get_penalty()
    except TypeError as error:
        raise UserError(f"--penalty: get_penalty() of {path} fails: {error}") from error
    if not callable(penalty):
        raise UserError(
            f"--penalty: get_penalty of {path} gives {type(penalty).__name__}; it must return a function or "
            "a module"
        )
    return penalty
