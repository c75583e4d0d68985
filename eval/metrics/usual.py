"""The usual range of each value of --health, and a sentence where one leaves it. Reports read it, without
torch.

A value's name ends in what is measured: disc/accuracy_real, gen/duplicates, ... (see RANGES).
"""

import math
from typing import NamedTuple


class Range(NamedTuple):
    """The usual values of what a name ends in: low to high; relative: in units of the median of the looks
    before.

    meaning: what it may mean where the value is below, and where it is above.
    """

    low: float
    high: float
    relative: bool
    below: str
    above: str


OLD = 10  # looks whose median relative ranges refer to, and at least
FEWEST = 3

RANGES = {
    "accuracy_both": Range(
        -math.inf,
        0.99,
        False,
        "",
        "D tells nearly all real from generated images, so G may have little to learn from",
    ),
    "accuracy_real": Range(0.05, math.inf, False, "D takes nearly all real images for generated ones", ""),
    "accuracy_fake": Range(
        0.05, math.inf, False, "D takes nearly all generated images for real ones: it has lost to G", ""
    ),
    "overfitting": Range(
        -math.inf,
        0.5,
        False,
        "",
        "D takes images that it was not trained on more for generated ones: it has learnt the training "
        "images by heart; --ada=bgc, --diffaugment or more data help",
    ),
    "r_t": Range(
        -math.inf,
        0.9,
        False,
        "",
        "D is sure of nearly all augmented real images: augmentation has not caught up; a smaller --p_images "
        "lets p rise faster",
    ),
    "duplicates": Range(
        -math.inf,
        0.1,
        False,
        "",
        "samples resemble one another more than any two real images: G may have collapsed",
    ),
    "collapsed": Range(
        -math.inf,
        0.3,
        False,
        "",
        "so many channels are the same for all examples: units have died",
    ),
    "sigma_max": Range(
        1 / 3,
        3,
        True,
        "a layer's largest singular value has shrunk",
        "a layer's largest singular value has grown: in Brock et al. 2019 a sign of collapse",
    ),
    "grad_norm": Range(
        1 / 30,
        30,
        True,
        "gradients have vanished",
        "gradients have grown: a smaller --lr, or a gradient penalty, may help",
    ),
}


def bounds_of(name, earlier):
    """(low, high) of a name given its earlier values, oldest first; None where it has no range, or a relative
    one and too few earlier values."""
    row = RANGES.get(name.rsplit("/", 1)[-1])
    if row is None:
        return None
    if not row.relative:
        return row.low, row.high
    finite = sorted(value for value in earlier[-OLD:] if value is not None)
    if len(finite) < FEWEST:
        return None
    middle = finite[len(finite) // 2]
    return row.low * middle, row.high * middle


def sentences(values, earlier):
    """A sentence for each of the values {name: float} that leaves its usual range, which its last value
    before was in.

    earlier: [{name: float or None}], of the looks before, oldest first.
    """
    found = []
    for name, value in values.items():
        past = [record[name] for record in earlier if name in record]
        side = beyond(value, bounds_of(name, past))
        if not side or past and side == beyond(past[-1], bounds_of(name, past[:-1])):
            continue
        row, (low, high) = RANGES[name.rsplit("/", 1)[-1]], bounds_of(name, past)
        bound, meaning = (high, row.above) if side > 0 else (low, row.below)
        found.append(
            f"{name} is {value:.4g}, usual is {'at most' if side > 0 else 'at least'} {bound:.3g}: {meaning}"
        )
    return found


def beyond(value, bounds):
    """1 above the bounds, -1 below, 0 within; 0 without bounds, or without a value."""
    if bounds is None or value is None:
        return 0
    return int(value > bounds[1]) - int(value < bounds[0])
