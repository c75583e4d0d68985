"""--penalty, for every trainer that has a discriminator: rows of losses/penalties.py, or users' files."""

import os

from engine.errors import UserError
from engine.flag_types import Pairs, count, is_file, number
from engine.load import load_file
from losses import consistency, tasks
from losses.penalties import PENALTIES, Penalties

# --penalty: terms of D's loss
ROWS = PENALTIES | {
    "cr": consistency.cr,
    "bcr": consistency.bcr,
    "zcr": consistency.zcr,
    "fsmr": consistency.fsmr,
    "infomax": tasks.infomax,
    "unet": tasks.unet,
    "unet_mix": tasks.unet_mix,
}
# --g_penalty: terms of G's loss
G_ROWS = {"zcr": consistency.zcr_g, "infomax": tasks.infomax_g, "unet": tasks.unet_g}


class Weights(Pairs):
    """The words of --penalty: names of ROWS, or files with get_penalty, with weights of at least 0."""

    rows = ROWS

    @classmethod
    def check(cls, values):
        """The values. Raises ValueError for an unknown name, or a weight below 0 or not a number."""
        for name, value in values.items():
            if name not in cls.rows and not is_file(name):
                raise ValueError(
                    f"given {name}={value}; use {', '.join(cls.rows)}, or the path of a file with get_penalty"
                )
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 <= value < float("inf"):
                raise ValueError(f"given {name}={value}; the weight must be a number of at least 0")
        return values


class GWeights(Weights):
    """The words of --g_penalty: names of G_ROWS, or files."""

    rows = G_ROWS


def add_flag(group, of="D's logits"):
    """Declares --penalty; `of` says what the penalties are on."""
    group.add_argument(
        "--penalty",
        nargs="*",
        action=Weights,
        default={},
        metavar="NAME=WEIGHT",
        help=f"penalties on {of}: {', '.join(ROWS)}, or a file with get_penalty, as in "
        "--penalty gp=10 r1=0.1 my/own.py=0.3 (default none; docs/arena.md says what each is)",
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


def add_g_flag(group):
    """Declares --g_penalty."""
    group.add_argument(
        "--g_penalty",
        nargs="*",
        action=GWeights,
        default={},
        metavar="NAME=WEIGHT",
        help=f"terms of G's loss besides: {', '.join(G_ROWS)}, or a file with get_penalty, a function of "
        "losses.penalties.GContext (default none)",
    )


def penalties_of(weights, args, rows=ROWS, flag="--penalty", **more):
    """The Penalties of the flag's words, those of weight 0 left out. args: the flags. rows: the flag's table.
    more: {name: (weight, penalty)} to come before them.

    Raises UserError for a file that offers no penalty, or has the name of another.
    """
    found = {name: pair for name, pair in more.items() if pair[0] > 0}
    for key, weight in weights.items():
        name = os.path.splitext(os.path.basename(key))[0] if is_file(key) else key
        if weight > 0:
            if name in found:
                raise UserError(f"{flag}: given two penalties called {name}; rename the file")
            found[name] = weight, from_file(key, flag) if is_file(key) else built_in(rows[key], args)
    weights = {name: weight for name, (weight, _) in found.items()}
    return Penalties(weights, {name: penalty for name, (_, penalty) in found.items()})


def built_in(row, args):
    """The row of a table, made with the flags where it has state."""
    return row.of(args) if isinstance(row, type) else row


def from_file(path, flag):
    """What get_penalty() of a user's file gives: a function or a module of a Context."""
    try:
        penalty = load_file(path, flag, "get_penalty").get_penalty()
    except TypeError as error:
        raise UserError(f"{flag}: get_penalty() of {path} fails: {error}") from error
    if not callable(penalty):
        raise UserError(
            f"{flag}: get_penalty of {path} gives {type(penalty).__name__}; it must return a function or a "
            "module"
        )
    return penalty
