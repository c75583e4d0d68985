"""Images to measure, in batches shared out among processes: of a tensor, a DataIterator, any stream of batches, or a generator."""

import hashlib

import numpy as np
import torch
from torch.utils.data import DataLoader, Subset

from engine import distributed
from engine.errors import UserError
from engine.pictures import to_uint8
from engine.randomness import permutation, seeded

BLOCK = 64  # samples drawn under one seed: part of what makes results comparable


def of(real, split="train"):
    """A source of the real images in `real`: uint8 [N, C, H, W] (or floats in [-1, 1]), a DataIterator, or batches one after another.

    A DataIterator of the training split gives all of that split, also what --iterator_args valid or subset keep from training: a
    score is relative to the data set, not to what one run was shown of it.
    """
    if torch.is_tensor(real) or isinstance(real, np.ndarray):
        return Rows(torch.as_tensor(real))
    source, indices = getattr(real, "source", None), getattr(real, "indices", None)
    if isinstance(
        getattr(source, "tensors", None), dict
    ):  # an Arrays of iterators/library/iterator.py; a TensorDataset has a tuple
        return Rows(source.tensors["x"], None if split == "train" else indices)
    if hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        return Items(source, real, None if split == "train" else indices)
    return Stream(real)


class Indexed:
    """A source of n images that are read by their numbers."""

    what = "the real images"

    def order(self, n):
        """The numbers of the first n, int64. Some of a data set must be a random part, since many are sorted by class; which part
        depends on nothing but the size of the whole."""
        return permutation(self.n, "evaluation")[:n]

    def batches(self, n, batch):
        """(positions int64 [b], images [b, C, H, W]) of this process's share of the first n."""
        order = self.order(n).split(batch)
        starts = range(0, n, batch)
        mine = slice(distributed.rank(), None, distributed.world_size())
        for start, images in zip(starts[mine], self.read(order[mine])):
            yield torch.arange(start, start + len(images)), images


class Rows(Indexed):
    """Images held in memory, or memory-mapped: those of x [N, C, H, W] with the given numbers, by default all."""

    def __init__(self, x, rows=None):
        self.x, self.rows = x, torch.arange(len(x)) if rows is None else rows
        self.n = len(self.rows)

    def fingerprint(self, n):
        """The sha256 of the first n images' shape and bytes."""
        digest = hashlib.sha256(repr((tuple(self.x.shape[1:]), self.x.dtype)).encode())
        for images in self.read(self.order(n).split(4096)):
            digest.update(images.permute(0, 2, 3, 1).cpu().contiguous().numpy())
        return digest.hexdigest()

    def read(self, parts):
        for rows in parts:
            # index_select of the [N, H, W, C] view: on a channels-last tensor itself it is five times slower
            yield (
                self.x.permute(0, 2, 3, 1)
                .index_select(0, self.rows[rows].to(self.x.device))
                .permute(0, 3, 1, 2)
            )


class Items(Indexed):
    """A map-style Dataset behind a DataIterator, read by as many worker processes as it has."""

    def __init__(self, dataset, iterator, rows=None):
        self.dataset = dataset if rows is None else Subset(dataset, rows.tolist())
        self.iterator, self.n = iterator, len(self.dataset)

    def fingerprint(self, n):
        """None: it would cost as much as what it is to save."""

    def read(self, parts):
        loader = DataLoader(
            self.dataset,
            batch_sampler=[part.tolist() for part in parts],
            num_workers=self.iterator.num_workers,
            collate_fn=self.iterator.collate_fn,
            generator=torch.Generator(),
        )
        for batch in loader:
            yield images_of(batch, self.iterator.keys)


class Stream:
    """Batches one after another: dicts with "x", or tensors. What has `from_step` yields a process's own share, all else all."""

    n = None
    what = "the real images"

    def __init__(self, batches):
        self.given = batches

    def fingerprint(self, n):
        """None: it can be read once only."""

    def batches(self, n, batch):
        """(positions, images) of this process's share of the first n, or of all if n is None. Raises UserError for fewer."""
        rank, total = distributed.rank(), 0
        for given in self.given:
            images = images_of(given)
            if not hasattr(self.given, "from_step"):
                images = images.tensor_split(distributed.world_size())[rank]
            lengths = distributed.gather(len(images))
            start = total + sum(lengths[:rank])
            total += sum(lengths)
            images = images[: max(0, n - start)] if n is not None else images
            for part, positions in zip(
                images.split(batch), torch.arange(start, start + len(images)).split(batch)
            ):
                if len(part):
                    yield positions, part
            if n is not None and total >= n:
                return
        if n is not None:
            raise UserError(
                f"--protocol: {n:,} real images asked for, and the data ends after {total:,}; a smaller number would do"
            )


class Generated:
    """Samples of sample_fn(n) -> [n, C, H, W]. The i-th depends on the seed alone: not on how many there are, how many are measured
    at a time, or which process draws them."""

    what = "the generator's samples"

    def __init__(self, sample_fn, seed):
        self.sample_fn, self.seed = sample_fn, seed

    def batches(self, n, batch):
        """(positions, images) of this process's share of the first n: of every world_size()-th block of BLOCK samples."""
        blocks = range(0, n, BLOCK)[distributed.rank() :: distributed.world_size()]
        for start in blocks:
            with torch.no_grad(), seeded(self.seed, "evaluate", start // BLOCK):
                images = self.sample_fn(BLOCK)
            if len(images) != BLOCK:
                raise UserError(
                    f"the generator gives {len(images)} samples when asked for {BLOCK}; as many as asked for would do"
                )
            images = images[: n - start]
            yield from zip(torch.arange(start, start + len(images)).split(batch), images.split(batch))


def images_of(batch, keys=("x",)):
    """The images of a batch: its "x" if it is a dict, its part of that name if it is a tuple, else itself."""
    if isinstance(batch, dict):
        return batch["x"]
    return batch[list(keys).index("x")] if isinstance(batch, (tuple, list)) else batch


def to_bytes(images, what):
    """uint8 [N, C, H, W]: as they are, or rounded from [-1, 1] by `engine.pictures.to_uint8`.

    Raises UserError if one holds a value that is not finite: rounded, it would be an image like any other.
    """
    if images.ndim != 4:
        raise UserError(f"{what} have shape {list(images.shape[1:])}; images [C, H, W] would do")
    if images.dtype == torch.uint8:
        return images
    bad = ~torch.isfinite(images.flatten(1)).all(1)
    if bad.any():
        raise UserError(
            f"{what}: {int(bad.sum())} of {len(images)} in a batch hold values that are not finite; no score can be computed "
            "from them (has the training diverged?)"
        )
    return to_uint8(images)


def in_order(source, batch):
    """(numbers int64 [b], images [b, C, H, W]) of all of a source of real images in its own order; in one process."""
    if isinstance(source, Indexed):
        parts = torch.arange(source.n).split(batch)
        return zip(parts, source.read(parts))
    return source.batches(None, batch)
