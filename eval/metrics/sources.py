"""Images to measure, in batches that processes share: from a tensor, a DataIterator, a stream of batches or a
generator."""

import hashlib

import numpy as np
import torch
from torch.utils.data import DataLoader, Subset

from engine import distributed
from engine.errors import UserError
from engine.pictures import to_uint8
from engine.randomness import permutation, seeded

BLOCK = 64  # samples drawn under one seed; another number would give other samples, and so other scores


def of(real, split="train"):
    """A source of real images: of uint8 [N, C, H, W] (or floats in [-1, 1]), a DataIterator, or an iterable
    of batches.

    A DataIterator of the training split gives the whole split, also the images that --iterator_args valid or
    subset keep from training: a score compares with the data set, not with the part of it that a run has
    seen.
    """
    if torch.is_tensor(real) or isinstance(real, np.ndarray):
        return Rows(torch.as_tensor(real))
    source, indices = getattr(real, "source", None), getattr(real, "indices", None)
    if split == "train":
        indices = None
    # an Arrays of iterators/library/iterator.py has a dict of tensors; torch's TensorDataset has a tuple
    if isinstance(getattr(source, "tensors", None), dict):
        return Rows(source.tensors["x"], indices, getattr(source, "scaled", None))
    if hasattr(source, "gather") and hasattr(source, "__len__"):
        return Gathered(source, indices)
    if hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        return Items(source, real, indices)
    return Stream(real)


class Indexed:
    """A source of n images that are read by index."""

    what = "the real images"
    apart = True  # each process's share comes without a word to the others

    def order(self, n):
        """The indices of the first n of all images in a random order, int64. The order depends on the number
        of images alone.

        A part of a data set must be random, since many sets are sorted by class.
        """
        return permutation(self.n, "evaluation")[:n]

    def batches(self, n, batch):
        """(positions int64 [b], images [b, C, H, W]) of this process's share of the first n."""
        order = self.order(n).split(batch)
        starts = range(0, n, batch)
        mine = slice(distributed.rank(), None, distributed.world_size())
        for start, images in zip(starts[mine], self.read(order[mine])):
            yield torch.arange(start, start + len(images)), images


class Gathered(Indexed):
    """Images that an Arrays of iterators/library/iterator.py makes when they are asked for, as dSprites'
    are."""

    def __init__(self, source, rows=None):
        self.source, self.rows = source, torch.arange(len(source)) if rows is None else rows
        self.n = len(self.rows)

    def fingerprint(self, n):
        """The sha256 of the first n images' shape and bytes."""
        digest = hashlib.sha256()
        for images in self.read(self.order(n).split(4096)):
            digest.update(repr((tuple(images.shape[1:]), images.dtype)).encode())
            digest.update(images.cpu().contiguous().numpy())
        return digest.hexdigest()

    def read(self, parts):
        """The images of each part, a tensor of indices."""
        for rows in parts:
            yield self.source.gather(self.rows[rows].to(self.source.device))["x"]


class Rows(Indexed):
    """Images in memory, or memory-mapped: those of x [N, C, H, W] with the indices `rows`, by default all.

    scaled: makes of stored images what `to_bytes` takes, where they are not that already.
    """

    def __init__(self, x, rows=None, scaled=None):
        self.x, self.rows = x, torch.arange(len(x)) if rows is None else rows
        self.scaled = scaled or (lambda images: images)
        self.n = len(self.rows)

    def fingerprint(self, n):
        """The sha256 of the first n images' shape and bytes."""
        digest = hashlib.sha256(repr((tuple(self.x.shape[1:]), self.x.dtype)).encode())
        for images in self.read(self.order(n).split(4096)):
            digest.update(images.permute(0, 2, 3, 1).cpu().contiguous().numpy())
        return digest.hexdigest()

    def read(self, parts):
        """The images of each part, a tensor of indices."""
        channels_last = self.x.permute(0, 2, 3, 1)  # index_select of [N, C, H, W] itself is five times slower
        for rows in parts:
            images = channels_last.index_select(0, self.rows[rows].to(self.x.device))
            yield self.scaled(images.permute(0, 3, 1, 2))


class Items(Indexed):
    """A map-style Dataset behind a DataIterator, read by as many workers as the iterator has."""

    def __init__(self, dataset, iterator, rows=None):
        self.dataset = dataset if rows is None else Subset(dataset, rows.tolist())
        self.iterator, self.n = iterator, len(self.dataset)

    def fingerprint(self, n):
        """None: computing it would take as long as the statistics that it identifies."""

    def read(self, parts):
        """The images of each part, a tensor of indices."""
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
    """An iterable of batches: dicts with "x", or tensors. One with `from_step` yields each process its own
    share already."""

    n = None
    what = "the real images"
    apart = False

    def __init__(self, batches):
        self.given = batches

    def fingerprint(self, n):
        """None: it can be read only once."""

    def batches(self, n, batch):
        """(positions, images) of this process's share of the first n, of all if n is None. Raises UserError
        for fewer."""
        rank, total = distributed.rank(), 0
        for given in self.given:
            images = images_of(given)
            if not hasattr(self.given, "from_step"):
                images = images.tensor_split(distributed.world_size())[rank]
            lengths = distributed.gather(len(images))
            start = total + sum(lengths[:rank])
            total += sum(lengths)
            if n is not None:
                images = images[: max(0, n - start)]
            positions = torch.arange(start, start + len(images))
            for part in zip(positions.split(batch), images.split(batch)):
                if len(part[0]):
                    yield part
            if n is not None and total >= n:
                return
        if n is not None:
            raise UserError(
                f"--protocol: given {n:,} real images, and the data has {total:,}; use {total:,} or fewer"
            )


class Generated:
    """Samples of sample_fn(n) -> [n, C, H, W].

    The i-th depends on the seed alone, not on the number of samples, the batch size or the process that draws
    it.
    """

    what = "the generator's samples"
    apart = True

    def __init__(self, sample_fn, seed):
        self.sample_fn, self.seed = sample_fn, seed

    def batches(self, n, batch):
        """(positions, images) of this process's share of the first n: of every world_size()-th block of BLOCK
        samples."""
        blocks = range(0, n, BLOCK)[distributed.rank() :: distributed.world_size()]
        for start in blocks:
            with torch.no_grad(), seeded(self.seed, "evaluate", start // BLOCK):
                images = self.sample_fn(BLOCK)
            if len(images) != BLOCK:
                raise UserError(
                    f"sample({BLOCK}) gave {len(images)} samples; it must give as many as it is asked for"
                )
            images = images[: n - start]
            yield from zip(torch.arange(start, start + len(images)).split(batch), images.split(batch))


def images_of(batch, keys=("x",)):
    """The images of a batch: "x" of a dict, the element of a tuple whose key is "x", else the batch
    itself."""
    if isinstance(batch, dict):
        return batch["x"]
    return batch[list(keys).index("x")] if isinstance(batch, (tuple, list)) else batch


def to_bytes(images, what):
    """Images as uint8 [N, C, H, W]: unchanged if they are, else rounded from [-1, 1] by
    `engine.pictures.to_uint8`.

    Raises UserError for values that are not finite, which rounding would hide.
    """
    if images.ndim != 4:
        raise UserError(f"{what} have shape {list(images.shape[1:])}; must be images [C, H, W]")
    if images.dtype == torch.uint8:
        return images
    bad = ~torch.isfinite(images.flatten(1)).all(1)
    if bad.any():
        raise UserError(
            f"{what}: {int(bad.sum())} of {len(images)} in a batch have values that are not finite, so no "
            "score can be computed; use an earlier checkpoint (--at), as training seems to have diverged"
        )
    return to_uint8(images)


def in_order(source, batch):
    """(indices int64 [b], images [b, C, H, W]) of all images of a source in its own order. For one
    process."""
    if isinstance(source, Indexed):
        parts = torch.arange(source.n).split(batch)
        return zip(parts, source.read(parts))
    return source.batches(None, batch)
