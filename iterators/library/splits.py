"""DataIterators over the splits of a set that is held in arrays: held-out examples, subsets, augmentation."""

import itertools
import sys

import torch

from engine import distributed
from engine.errors import UserError
from engine.randomness import permutation
from iterators.library.augment import dequantised, in_turn, random_flip
from iterators.library.iterator import Arrays, DataIterator


class Splits(dict):
    """{split: {name: array}}, and what is known of their source.

    digest: of the data (see engine.data_digest); classes: their names; value_range: (black, white) of "x";
    notes: lines that a user should see. Each may be None or empty.
    """

    def __init__(self, splits, digest=None, classes=None, value_range=None, notes=()):
        super().__init__(splits)
        self.digest, self.classes, self.value_range, self.notes = digest, classes, value_range, list(notes)


def spans(lengths):
    """{name: length} -> {name: [start, stop]} of parts that follow each other."""
    stops = dict(zip(lengths, itertools.accumulate(lengths.values())))
    return {name: [stops[name] - length, stops[name]] for name, length in lengths.items()}


def split(n, amount):
    """(kept, held out): ascending int64 indices of a fixed random part of 0 .. n-1.

    amount: how many to hold out, or their fraction if it lies below 1. The part depends on n and amount
    alone, not on --seed, so runs with different seeds are validated on the same examples.
    """
    count = amount
    if type(amount) is float and 0 < amount < 1:
        count = round(amount * n) or None
    if type(count) is not int or not 0 <= count < n:
        raise UserError(
            f"--iterator_args valid: given {amount!r}; use a number below {n:,}, that of the training "
            "examples, or a fraction between 0 and 1"
        )
    held = torch.zeros(n, dtype=torch.bool)
    held[permutation(n, "valid")[:count]] = True
    return (~held).nonzero().flatten(), held.nonzero().flatten()


def subset_words(seed, subset_seed):
    """What the draw of a subset depends on: nothing; with subset_seed=run the run's seed; else that
    number."""
    if subset_seed is None:
        return ("subset",)
    if subset_seed == "run":
        return "subset", seed
    if type(subset_seed) is not int:
        raise UserError(f"--iterator_args subset_seed: given {subset_seed!r}; use run, or a whole number")
    return "subset", subset_seed


def choose_subset(chosen, subset, seed=0, subset_seed=None, stratify=False, labels=None):
    """An ascending random part, of `subset` examples, of the indices `chosen` (int64 [n]); all where subset
    is None.

    The draw is the same for every run (subset_seed None), depends on the run's seed ("run"), or on
    subset_seed. stratify: of each class as large a share as of all, rounded so that the numbers add up
    (largest remainders first); labels: int64 [N], of all indices. Raises UserError for a number that cannot
    be.
    """
    if subset is None:
        if subset_seed is not None or stratify:
            given = "stratify" if subset_seed is None else "subset_seed"
            raise UserError(f"--iterator_args {given}: given without subset; use it with subset=N")
        return chosen
    n = len(chosen)
    if type(subset) is not int or not 0 < subset <= n:
        raise UserError(
            f"--iterator_args subset: given {subset!r}; use 1 to {n}, the number of training images"
        )
    order = permutation(n, *subset_words(seed, subset_seed))
    if stratify:
        if labels is None or labels.ndim != 1:
            raise UserError("--iterator_args stratify: the data has no labels; leave it out")
        y = torch.as_tensor(labels)[chosen].cpu()[order]
        sizes = y.bincount()
        counts, rests = sizes * subset // n, sizes * subset % n
        # the largest remainders first, of equal ones the first class
        counts[rests.sort(descending=True, stable=True).indices[: subset - int(counts.sum())]] += 1
        order = torch.cat([order[y == c][: int(counts[c])] for c in range(len(sizes))])
    return chosen[order[:subset]].sort().values


def iterators(
    splits,
    batch_size,
    seed=0,
    n_classes=0,
    valid=0,
    subset=None,
    flip=False,
    dequantise=False,
    subset_seed=None,
    stratify=False,
):
    """{"train", "valid", "test", ...} of DataIterators over {split: {name: array}}, or a Splits.

    valid: how many of the training examples, or which fraction of them, to hold out as "valid" (see `split`).
    subset: how many of the others to train on, a random part (see `choose_subset` for it, subset_seed and
    stratify); all by default. flip: random_flip of the training images. dequantise: `dequantised` training
    images. n_classes holds for the splits that have labels y. Splits other than train come in their own
    order, in batches no larger than they are; one with fewer images than there are processes is left out, and
    a line says so.
    """
    given = splits if isinstance(splits, Splits) else Splits(splits)
    known = {"classes": given.classes, "digest": given.digest}
    train = Arrays(splits["train"], given.value_range)
    if valid and "valid" in splits:
        raise UserError(
            f"--iterator_args valid: given {valid}, but the data has {len(splits['valid']['x']):,} "
            "validation images of its own; leave it out"
        )
    if dequantise and (train.value_range or not train.tensors["x"].dtype == torch.uint8):
        raise UserError("--iterator_args dequantise: is for images of 8 bits; leave it out")
    chosen, held = split(len(train), valid)
    chosen = choose_subset(chosen, subset, seed, subset_seed, stratify, train.tensors.get("y"))
    made = {
        "train": DataIterator(
            train,
            batch_size,
            seed,
            augment=in_turn(random_flip if flip else None, dequantised if dequantise else None),
            indices=chosen,
            n_classes=n_classes if "y" in train.tensors else 0,
            **known,
        )
    }
    if len(held):
        what = "validation images (--iterator_args valid)"
        made["valid"] = _in_order(train, batch_size, n_classes, what, held, **known)
    for name, arrays in splits.items():
        if name != "train":
            arrays = Arrays(arrays, given.value_range)
            made[name] = _in_order(arrays, batch_size, n_classes, f"{name} images", **known)
    return {name: iterator for name, iterator in made.items() if iterator is not None}


class Few(DataIterator):
    """A split with fewer than two examples a process; it is not trained on, so its batches may be of one."""

    least = 1


def _in_order(arrays, batch_size, n_classes, what, indices=None, **known):
    n = len(arrays) if indices is None else len(indices)
    if too_few(n, what):
        return None
    kind = DataIterator if n >= 2 * distributed.world_size() else Few
    return kind(
        arrays,
        min(batch_size, n),
        shuffle=False,
        indices=indices,
        what=what,
        n_classes=n_classes if "y" in arrays.tensors else 0,
        **known,
    )


def too_few(n, what):
    """Whether a split has fewer examples than there are processes; a line then says that it is left out."""
    few = n < distributed.world_size()
    if few and distributed.rank() == 0:
        print(f"the data has {n} {what}, fewer than processes; they are left out", file=sys.stderr)
    return few
