"""Two domains without pairs: batches of as many examples of each, both in orders of their own."""

import torch

from engine.randomness import permutation
from iterators.library.iterator import Arrays, DataIterator


class Pair(Arrays):
    """The arrays of two domains, of any two lengths; a batch is a gather of both. Those of b are named with
    _b at the end."""

    def __init__(self, a, b):
        self.a, self.b = (part if isinstance(part, Arrays) else Arrays(part) for part in (a, b))
        self.device = torch.device("cpu")

    def __len__(self):
        """The length of the longer one."""
        return max(len(self.a), len(self.b))

    @property
    def tensors(self):
        """Those of both domains."""
        return self.a.tensors | {name + "_b": tensor for name, tensor in self.b.tensors.items()}

    def to(self, device):
        """Moves each that can be moved, see Arrays.to."""
        self.a.to(device)
        self.b.to(device)

    def gather(self, indices):
        """indices: int64 [m, 2], rows of a and of b, on the CPU."""
        of_a, of_b = (
            part.gather(rows.to(part.device)) for part, rows in zip((self.a, self.b), indices.unbind(1))
        )
        return of_a | {name + "_b": value for name, value in of_b.items()}


class Unpaired(DataIterator):
    """Batches {"x", "x_b", ...} of two domains a and b, as many examples of each, which have nothing to do
    with one another.

    a, b: {name: array} or Arrays, with images "x" and, if any, labels "y" (then "y_b" for b). An epoch is as
    many examples as the longer domain has, n. Each domain is an endless row of permutations of its own, the
    r-th of permutation(size, seed, "order", domain, r), and epoch e takes the examples e n .. (e + 1) n - 1
    of both rows: every example of the longer domain once an epoch, none of the shorter one a second time
    before all have been seen. Without shuffle the domains come in their own order, again and again. augment:
    see DataIterator; both domains' images are augmented, each example for itself. still: what `iter` does to
    images in augment's place, x -> x of the shape that augment gives.

    data_shape, n_classes: those of a; data_shape_b: that of b; domains: {"a", "b"} of DataIterators over each
    alone, in order. Raises UserError for a batch larger than the longer domain or smaller than the number of
    processes.
    """

    least = 1  # published experiments have batches of one image

    def __init__(
        self,
        a,
        b,
        batch_size,
        seed=0,
        shuffle=True,
        augment=None,
        still=None,
        n_classes=0,
        what="training images",
        digest=None,
    ):
        self.still = still or (lambda x: x)
        super().__init__(
            Pair(a, b),
            batch_size,
            seed,
            shuffle=shuffle,
            augment=augment,
            n_classes=n_classes,
            what=what,
            digest=digest,
        )
        self.sizes = len(self.source.a), len(self.source.b)
        first = self._finish(self._first())
        self.data_shape, self.data_shape_b = (
            tuple(self.still(first[name]).shape[1:]) for name in ("x", "x_b")
        )
        self.domains = {
            name: Domain(
                part,
                min(batch_size, len(part)),
                shuffle=False,
                n_classes=n_classes if "y" in part.tensors else 0,
                what=what,
            )
            for name, part in (("a", self.source.a), ("b", self.source.b))
        }

    def to(self, device):
        """See DataIterator.to."""
        for domain in self.domains.values():
            domain.to(device)
        return super().to(device)

    def __iter__(self):
        """One pass over the longer domain, in the order of epoch 0, without augmentation."""
        return (
            {name: self.still(value) if name[0] == "x" else value for name, value in batch.items()}
            for batch in super().__iter__()
        )

    def _first(self):
        return self.source.gather(torch.zeros(1, 2, dtype=torch.int64))

    def _order(self, epoch):
        return torch.stack([self._row(size, name, epoch * self.n) for size, name in zip(self.sizes, "ab")], 1)

    def _row(self, size, name, start):
        """Entries start .. start + n - 1 of a domain's endless row of permutations."""
        if not self.shuffle:
            return torch.arange(start, start + self.n) % size
        rounds = range(start // size, (start + self.n - 1) // size + 1)
        row = torch.cat([permutation(size, self.seed, "order", name, r) for r in rounds])
        return row[start - rounds[0] * size :][: self.n]


class Domain(DataIterator):
    """One domain alone; its batches may be of one example."""

    least = 1
