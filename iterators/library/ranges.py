"""Which values are black and white: the range that a data set's stored values span, and its scaling to [-1,
1]."""

import math

import torch

from engine.errors import UserError

BITS = (8, 10, 12, 14, 16)


def checked(given):
    """--iterator_args range as (low, high), or None. A number is (0, number). Raises UserError for anything
    else."""
    if given is None:
        return None
    pair = given if isinstance(given, (tuple, list)) else (0, given)
    numbers = len(pair) == 2 and all(type(value) in (int, float) and math.isfinite(value) for value in pair)
    if not numbers or not pair[0] < pair[1]:
        raise UserError(
            f"--iterator_args range: given {given!r}; use the values of black and white, as in "
            "range='(0,4095)', or that of white alone"
        )
    return tuple(pair)


def of_bits(largest):
    """(0, 2^b - 1) with the smallest b of 8, 10, 12, 14, 16 that holds the value `largest` of unsigned
    pixels."""
    return 0, next(2**bits - 1 for bits in BITS if largest < 2**bits)


def found(floating, least, largest, what):
    """(low, high) of a whole set whose values lie in least .. largest: `of_bits`; floats [0, 1] or [-1, 1].

    Raises UserError, which asks for range=, for values that fit none of these.
    """
    if not (math.isfinite(least) and math.isfinite(largest)):
        raise UserError(f"{what}: holds values that are not finite; repair it")
    if floating and -1 <= least and largest <= 1:
        return (0, 1) if least >= 0 else (-1, 1)
    if not floating and least >= 0 and largest < 2 ** BITS[-1]:
        return of_bits(largest)
    raise UserError(
        f"--iterator_args range: not given, and {what} holds values of {least:.6g} .. {largest:.6g}; use the "
        f"values of black and white, as in range='({least:.6g},{largest:.6g})'"
    )


def described(dtype, value_range, largest=None):
    """What a user should know of values that are not plain 8-bit ones: one line; None for plain ones."""
    low, high = value_range
    if str(dtype) == "uint8" and (low, high) == (0, 255):
        return None
    seen = "" if largest is None else f", largest {largest:.6g}"
    bits = f", {int(math.log2(high + 1))} bits" if low == 0 and high + 1 in [2**b for b in BITS] else ""
    return f"values are {dtype}{seen}: black is {low:g}, white {high:g}{bits}; range= sets others"


def to_x(stored, value_range, unsigned=False):
    """Values as float32 in [-1, 1]: 2 (v - low) / (high - low) - 1, those outside the range clipped.

    stored: any type; unsigned: int16 whose bits are those of uint16, which torch has few functions for.
    """
    low, high = value_range
    if unsigned:
        stored = stored.to(torch.int32).bitwise_and_(0xFFFF)
    x = stored.to(torch.float32, memory_format=torch.preserve_format, copy=True)
    if low == -high:  # as they are, but for the size of the step
        return x.div_(high).clamp_(-1, 1)
    return x.sub_(low).div_((high - low) / 2).sub_(1).clamp_(-1, 1)
