"""DataIterator: dict batches whose order is a function of (seed, epoch), started at any step, shared among
processes."""

import itertools

import numpy as np
import torch
from torch.utils import data as torch_data

from engine import data_digest, devices, distributed
from engine.errors import UserError
from engine.randomness import generator, permutation, seeded
from iterators.library import ranges


class Arrays:
    """Tensors of one length n, held in memory or memory-mapped; a batch is one index_select of each.

    arrays: {name: array or tensor [n, ...]}; uint8 [n, C, H, W] are images. Images are kept as [n, H, W, C]
    in storage, so that a batch is channels-last without being rearranged. Iterators over parts of one set
    share an Arrays. value_range: (black, white) of "x", which `gather` then scales to [-1, 1]; by default
    uint8 and floats come as they are, and uint16 by the range that holds its largest value (ranges.of_bits).
    """

    value_range, unsigned = None, False

    def __init__(self, arrays, value_range=None):
        self.mapped = any(isinstance(array, np.memmap) for array in arrays.values())
        self.unsigned = str(arrays["x"].dtype).endswith("uint16") if "x" in arrays else False
        if value_range is not None and tuple(value_range) != (0, 255):
            self.value_range = tuple(value_range)
        elif self.unsigned:
            self.value_range = ranges.of_bits(int(np.asarray(arrays["x"]).max()))
        self.tensors = {name: _tensor(array) for name, array in arrays.items()}
        lengths = {name: len(tensor) for name, tensor in self.tensors.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays of one length expected, given {lengths}")
        self.device = torch.device("cpu")

    def __len__(self):
        return len(next(iter(self.tensors.values())))

    def to(self, device):
        """Moves them once. Those that are memory-mapped, or would take more than half of a GPU's free memory,
        stay."""
        if self.mapped or self.device == device:
            return
        size = sum(tensor.numel() * tensor.element_size() for tensor in self.tensors.values())
        free = devices.free_memory(device)
        if free is not None and 2 * size > free:
            return
        self.tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        self.device = device

    def gather(self, indices):
        """{name: tensor[indices]}; indices: int64 [m] on self.device."""
        rows = {name: _rows(tensor, indices) for name, tensor in self.tensors.items()}
        return rows if self.value_range is None else rows | {"x": self.scaled(rows["x"])}

    def digest(self):
        """The sha256 of all that is held."""
        return data_digest.of_tensors(self.tensors)

    def scaled(self, x):
        """Stored images as they come in batches: float32 in [-1, 1] where there is a value_range, else as
        they are."""
        return x if self.value_range is None else ranges.to_x(x, self.value_range, self.unsigned)


def _tensor(array):
    # torch has few functions for it: its bits as int16, see ranges.to_x
    if str(array.dtype).endswith("uint16"):
        array = array.view(torch.int16 if torch.is_tensor(array) else np.int16)
    tensor = torch.as_tensor(array)
    if tensor.ndim != 4 or isinstance(array, np.memmap):  # rearranging a mapped array would read all of it
        return tensor
    return tensor.contiguous(memory_format=torch.channels_last)


def _rows(tensor, indices):
    if tensor.ndim != 4 or not tensor.is_contiguous(memory_format=torch.channels_last):
        return tensor.index_select(0, indices)
    # of the [n, H, W, C] view: index_select of the channels-last tensor itself is five times slower
    return tensor.permute(0, 2, 3, 1).index_select(0, indices).permute(0, 3, 1, 2)


class _SeededItems(torch_data.Dataset):
    """dataset[i] under a seed made of (seed, step, i).

    A dataset should depend on i alone; one that draws at random nevertheless gives the same whatever the
    number of worker processes, after a resume too, and leaves this process's generators as they were.
    """

    def __init__(self, dataset, seed):
        self.dataset, self.seed = dataset, seed

    def __getitem__(self, at):
        step, i = at
        with seeded(self.seed, "item", step, i):
            return self.dataset[i]


class DataIterator:
    """Batches {"x": float [N, C, H, W] in [-1, 1], "y": int64 [N], ...} of a data set.

    source: {name: array} or an Arrays, or a map-style Dataset whose items are dicts, or tuples named by
    `keys`; a Dataset is read by `num_workers` worker processes (a TensorDataset as arrays). uint8 tensors [N,
    C, H, W] become x / 127.5 - 1 on the device; floating-point ones pass as they are, and should lie in [-1,
    1]. batch_size: the total over processes. Global batch k of an epoch is batch_size consecutive entries of
    permutation(n, seed, "order", epoch), or of 0 .. n-1 without shuffle; torch.tensor_split gives each
    process its part, so every example is seen once an epoch by one process. The last, partial batch is kept,
    except that fewer than 2 * world_size examples join the batch before it: batch norm needs two examples in
    every process. augment: augment(x, generator) -> x for each key that begins with x, x and generator on the
    device, under (seed, "augment", step, rank). It is applied by `from_step`, not by `iter`. indices: the
    examples of source to
    use, int64 [n]; all by default. what: their name in messages. mixture: of points drawn from Gaussians,
    {"centres": [m, d], "sigma": their deviation (one for all, or [m]), "radius": in sigmas, "least": points
    that cover a mode, "samples": drawn to be measured; the last may be missing}, which eval.modes.points
    measures by. n_classes: by default the number of
    dataset.classes, or 1 + the largest of y, dataset.targets or dataset.labels, if the items have integer
    labels y [N], else 0. classes: their names, a list; digest: of the data, see engine.data_digest; both None
    where unknown.

    least: how many examples every process must have in each batch. attribute_names: of the columns of the
    batches' "attributes", for pictures; None where unknown.

    Raises UserError for a batch larger than the data or smaller than least * world_size.
    """

    least = 2  # batch norm needs two
    attribute_names = None

    def __init__(
        self,
        source,
        batch_size,
        seed=0,
        num_workers=0,
        shuffle=True,
        augment=None,
        keys=("x", "y"),
        n_classes=None,
        indices=None,
        collate_fn=None,
        what="training images",
        mixture=None,
        classes=None,
        digest=None,
    ):
        collate_fn = collate_fn or torch_data.default_collate
        if type(source) is torch_data.TensorDataset and collate_fn is torch_data.default_collate:
            source = dict(zip(keys, source.tensors))
        self.source = Arrays(source) if isinstance(source, dict) else source
        self.indices = None if indices is None else torch.as_tensor(indices, dtype=torch.int64)
        self.n = len(self.source) if indices is None else len(self.indices)
        self.rank, self.world_size = distributed.rank(), distributed.world_size()
        check_batch_size(batch_size, self.n, self.world_size, what, self.least)
        self.batch_size, self.seed, self.num_workers = batch_size, seed, num_workers
        self.shuffle, self.augment, self.keys, self.collate_fn, self.mixture = (
            shuffle,
            augment,
            keys,
            collate_fn,
            mixture,
        )
        self.classes, self.digest = classes, digest
        self.device = torch.device("cpu")
        self._steps = self.n // batch_size + (self.n % batch_size >= self.least * self.world_size)
        first = self._finish(self._first())
        self.data_shape = tuple(first["x"].shape[1:])
        self.n_classes = count_classes(self.source, first) if n_classes is None else n_classes

    def __len__(self):
        """Steps an epoch."""
        return self._steps

    def to(self, device):
        """Batches come out on the device. Arrays in memory move there now, once; others batch by batch.
        Returns self."""
        self.device = torch.device(device)
        if self.device.type not in ("cpu", "meta") and self.device.index is None:
            self.device = torch.empty(0, device=self.device).device  # with its number
        if isinstance(self.source, Arrays):
            self.source.to(self.device)
        return self

    def share(self, step):
        """n_local * world_size / n_global of the batch of that step: a float, 1.0 where it divides evenly.

        A process that multiplies the mean over its own examples by it makes the mean over processes the mean
        over the global batch: (1/P) sum_p (n_p P / n) mean_p = (1/n) sum of all.
        """
        start, stop = self._bounds(step % len(self))
        each, more = divmod(stop - start, self.world_size)  # as torch.tensor_split shares them out
        return (each + (self.rank < more)) * self.world_size / (stop - start)

    def from_step(self, step):
        """The endless stream of this process's batches from global step `step` (0-based) on."""
        for at, batch in self._batches(itertools.count(step)):
            if self.augment is not None:
                draws = generator(self.seed, "augment", at, self.rank, device=self.device)
                batch = {
                    name: self.augment(value, draws) if name[0] == "x" else value
                    for name, value in batch.items()
                }
            yield batch

    def __iter__(self):
        """One pass: each example once, over all processes together, in the order of epoch 0, without
        augmentation."""
        return (batch for _, batch in self._batches(range(len(self))))

    def pick(self, positions):
        """The examples at these positions (int64 [m], 0 .. n-1, in the data set's own order) as one batch,
        without augmentation."""
        rows = torch.as_tensor(positions, dtype=torch.int64)
        rows = rows if self.indices is None else self.indices[rows]
        if isinstance(self.source, Arrays):
            return self._finish(self.source.gather(rows.to(self.source.device)))
        items = _SeededItems(self.source, self.seed)
        return self._finish(self._named(self.collate_fn([items[0, i] for i in rows.tolist()])))

    def _bounds(self, k):
        """Where the k-th global batch of an epoch starts and stops in its order."""
        return k * self.batch_size, self.n if k == len(self) - 1 else (k + 1) * self.batch_size

    def _order(self, epoch):
        order = permutation(self.n, self.seed, "order", epoch) if self.shuffle else torch.arange(self.n)
        return order if self.indices is None else self.indices[order]

    def _local(self, steps):
        """(step, this process's indices into source, int64 on the arrays' device) for each of the steps."""
        device = self.source.device if isinstance(self.source, Arrays) else "cpu"
        last = None
        for step in steps:
            epoch, k = divmod(step, len(self))
            if epoch != last:
                order, last = self._order(epoch).to(device), epoch
            start, stop = self._bounds(k)
            yield step, order[start:stop].tensor_split(self.world_size)[self.rank]

    def _batches(self, steps):
        """(step, batch) for each of the steps."""
        if isinstance(self.source, Arrays):
            for step, indices in self._local(steps):
                yield step, self._finish(self.source.gather(indices))
            return
        ours, theirs = itertools.tee(self._local(steps))  # the loader reads ahead of what is yielded
        loader = torch_data.DataLoader(
            _SeededItems(self.source, self.seed),
            collate_fn=self.collate_fn,
            num_workers=self.num_workers,
            batch_sampler=([(step, i) for i in indices.tolist()] for step, indices in theirs),
            pin_memory=devices.pins(self.device),
            generator=generator(self.seed, "workers"),
        )
        for (step, _), batch in zip(ours, loader):
            yield step, self._finish(self._named(batch))

    def _first(self):
        """The first example as an unfinished batch."""
        i = 0 if self.indices is None else int(self.indices[0])
        if isinstance(self.source, Arrays):
            return self.source.gather(torch.tensor([i], device=self.source.device))
        return self._named(self.collate_fn([_SeededItems(self.source, self.seed)[0, i]]))

    def _named(self, batch):
        """A collated batch as a dict."""
        if isinstance(batch, dict):
            return batch
        parts = batch if isinstance(batch, (tuple, list)) else [batch]
        if len(parts) > len(self.keys):
            raise UserError(
                f"--iterator: its items have {len(parts)} parts and {len(self.keys)} names, "
                f"{', '.join(self.keys)}; use DataIterator(..., keys=(...)) with a name for each"
            )
        return dict(zip(self.keys, parts))

    def _finish(self, batch):
        return {
            name: self._finished(name, value) if torch.is_tensor(value) else value
            for name, value in batch.items()
        }

    def _finished(self, name, value):
        """The tensor on the device: uint8 images scaled to [-1, 1] there, floats as float32, images
        channels-last."""
        if value.device != self.device:
            if devices.pins(self.device) and not value.is_pinned():
                value = value.pin_memory()  # without it the copy would wait
            value = value.to(self.device, non_blocking=True)
        if value.ndim == 4 and value.dtype == torch.uint8:
            return value.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)
        if value.is_floating_point():
            return value.to(
                torch.float32, memory_format=torch.channels_last if value.ndim == 4 else torch.preserve_format
            )
        return value.long() if name == "y" else value


def check_batch_size(batch_size, n, world_size, what, each=2):
    """Raises UserError unless every process can have `each` examples in each batch."""
    least = each * world_size
    if n < least:
        raise UserError(
            f"--iterator: the data has {n:,} {what}; at least {least} are needed, {each} for each process "
            f"({world_size})"
        )
    if type(batch_size) is not int or batch_size < least:
        why = "batch norm needs two examples in each process" if each == 2 else f"each process needs {each}"
        raise UserError(
            f"--batch_size: given {batch_size!r}; use {least} or more, since {why} ({world_size})"
        )
    if batch_size > n:
        raise UserError(f"--batch_size: given {batch_size}; the data has {n:,} {what}, so use {least} to {n}")


def count_classes(source, batch):
    """See n_classes of DataIterator."""
    labels = batch.get("y")
    if not torch.is_tensor(labels) or labels.is_floating_point() or labels.ndim != 1:
        return 0
    if isinstance(source, Arrays):
        return int(source.tensors["y"].max()) + 1
    while isinstance(source, torch_data.Subset):
        source = source.dataset
    if hasattr(source, "classes"):
        return len(source.classes)
    labels = getattr(source, "targets", getattr(source, "labels", None))
    return 0 if labels is None else int(torch.as_tensor(labels).max()) + 1
