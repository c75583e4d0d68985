"""DataIterators over the splits of a set that is held in arrays: held-out examples, subsets, augmentation."""

import torch

from engine import distributed
from engine.errors import UserError
from engine.randomness import permutation
from iterators.library.augment import dequantised, in_turn, random_flip
from iterators.library.iterator import Arrays, DataIterator


def split(n, amount):
    """(kept, held out): ascending int64 indices of a fixed random part of 0 .. n-1.

    amount: how many to hold out, or their fraction if it lies below 1. The part depends on n and amount alone, not on --seed,
    so runs with different seeds are validated on the same examples.
    """
    count = amount
    if type(amount) is float and 0 < amount < 1:
        count = round(amount * n) or None
    if type(count) is not int or not 0 <= count < n:
        raise UserError(
            f"--iterator_args valid: given {amount!r}; a number of the {n:,} training examples, or a fraction of "
            "them between 0 and 1, would do"
        )
    held = torch.zeros(n, dtype=torch.bool)
    held[permutation(n, "valid")[:count]] = True
    return (~held).nonzero().flatten(), held.nonzero().flatten()


def iterators(splits, batch_size, seed=0, n_classes=0, valid=0, subset=None, flip=False, dequantise=False):
    """{"train", "valid", "test", ...} of DataIterators over {split: {name: array}}.

    valid: how many of the training examples, or which fraction of them, to hold out as "valid" (see `split`). subset: how
    many of the others to train on, a fixed random part; all by default. flip: random_flip of the training images. dequantise:
    `dequantised` training images.
    n_classes holds for the splits that have labels y. Splits other than train come in their own order, in batches no
    larger than they are.
    """
    train = Arrays(splits["train"])
    if valid and "valid" in splits:
        raise UserError(
            f"--iterator_args valid: given {valid}, but the data has {len(splits['valid']['x']):,} validation images "
            "of its own; leaving it out would do"
        )
    chosen, held = split(len(train), valid)
    if subset is not None:
        if type(subset) is not int or not 0 < subset <= len(chosen):
            raise UserError(
                f"--iterator_args subset: given {subset!r}; 1 to {len(chosen)}, the number of training images, "
                "would do"
            )
        chosen = chosen[permutation(len(chosen), "subset")[:subset]].sort().values
    made = {
        "train": DataIterator(
            train,
            batch_size,
            seed,
            augment=in_turn(random_flip if flip else None, dequantised if dequantise else None),
            indices=chosen,
            n_classes=n_classes if "y" in train.tensors else 0,
        )
    }
    if len(held):
        made["valid"] = _in_order(
            train, batch_size, n_classes, "validation images (--iterator_args valid)", held
        )
    for name, arrays in splits.items():
        if name != "train":
            made[name] = _in_order(Arrays(arrays), batch_size, n_classes, f"{name} images")
    return made


def _in_order(arrays, batch_size, n_classes, what, indices=None):
    n = len(arrays) if indices is None else len(indices)
    if n < 2 * distributed.world_size():
        raise UserError(
            f"the data has {n} {what}; at least {2 * distributed.world_size()}, two a process, would do"
        )
    return DataIterator(
        arrays,
        min(batch_size, n),
        shuffle=False,
        indices=indices,
        what=what,
        n_classes=n_classes if "y" in arrays.tensors else 0,
    )
