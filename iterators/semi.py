"""Few labels: another iterator file's training images as two streams, a few of them labelled, all of them
unlabelled."""

import itertools

import torch

from engine.errors import UserError
from engine.load import call, load_file
from engine.randomness import generator, permutation
from iterators import common

WORDS = ("base", "labels_per_class", "label_seed", "fresh")


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    base="iterators/mnist.py",
    labels_per_class=10,
    label_seed=0,
    fresh=True,
    **options,
):
    """As the iterator file `base` gives with `options`, and train batches {"x", "y", "x_unlabelled",
    "x_unlabelled_g"}.

    x, y: of the labels_per_class labelled images of each class, a random part that depends on label_seed, not
    on seed; x_unlabelled: of all training images; both of batch_size. x_unlabelled_g: all training images in
    another order, for the generator's step (with fresh=False it is left out). valid and test are the base's.
    Raises UserError where the base has no labels or too few, or its images are read one by one.
    """
    offered = {"batch_size": batch_size, "seed": seed, "num_workers": num_workers}
    made = common.wrap(
        call(
            load_file(str(base), "--iterator_args base", "get_iterators").get_iterators,
            offered,
            options,
            "--iterator_args",
            WORDS,
        ),
        batch_size,
        seed,
    )
    made["train"] = FewLabels(made["train"], labels_per_class, label_seed, fresh)
    return made


class FewLabels(common.DataIterator):
    """The unlabelled stream of a DataIterator over arrays, with a labelled batch, of as many examples, beside
    each.

    An epoch is one of the unlabelled stream. The labelled one is the endless row of permutation(m, seed,
    "labelled", c), c = 0, 1, ..., of its m images; the batch of each step is the next of that row, so that
    all is a function of (seed, step). Iterating gives the plain batches.
    """

    def __init__(self, base, labels_per_class, label_seed=0, fresh=True):
        tensors = getattr(base.source, "tensors", {})
        if "x" not in tensors or "y" not in tensors or tensors["y"].ndim != 1 or not base.n_classes:
            raise UserError(
                "--iterator_args base: its training images have no labels, are made or read one by one, or "
                "are of two domains; use a data set held in arrays, with labels"
            )
        super().__init__(
            base.source,
            base.batch_size,
            base.seed,
            augment=base.augment,
            n_classes=base.n_classes,
            indices=base.indices,
            classes=base.classes,
            digest=base.digest,
        )
        self.labelled = self.choose(labels_per_class, label_seed)
        self.second = (
            common.DataIterator(
                base.source,
                base.batch_size,
                f"{base.seed}, second",
                augment=base.augment,
                n_classes=base.n_classes,
                indices=base.indices,
            )
            if fresh
            else None
        )

    def choose(self, labels_per_class, label_seed):
        """The labelled images, int64 [labels_per_class * K] rows of the source; classes in turn."""
        rows = torch.arange(self.n) if self.indices is None else self.indices
        y = self.source.tensors["y"].cpu()[rows]
        of_class = [rows[y == c] for c in range(self.n_classes)]
        least = min(map(len, of_class))
        if type(labels_per_class) is not int or not 0 < labels_per_class <= least:
            raise UserError(
                f"--iterator_args labels_per_class: given {labels_per_class!r}; use 1 to {least}, the "
                "images of the smallest class"
            )
        return torch.cat(
            [
                r[permutation(len(r), "labels", label_seed, c)[:labels_per_class]]
                for c, r in enumerate(of_class)
            ]
        )

    def to(self, device):
        """See DataIterator.to."""
        if self.second is not None:
            self.second.to(device)
        return super().to(device)

    def labelled_rows(self, step):
        """This process's labelled rows at a step: as many as it has unlabelled ones."""
        (epoch, k), m = divmod(step, len(self)), len(self.labelled)
        seen = epoch * self._bounds(len(self) - 1)[1]  # in earlier epochs
        start, stop = (seen + bound for bound in self._bounds(k))
        cycles = range(start // m, (stop - 1) // m + 1)
        row = torch.cat([permutation(m, self.seed, "labelled", c) for c in cycles])
        return self.labelled[row[start - cycles[0] * m : stop - cycles[0] * m]].tensor_split(self.world_size)[
            self.rank
        ]

    def from_step(self, step):
        """The endless stream of this process's batches from global step `step` (0-based) on."""
        second = self.second.from_step(step) if self.second is not None else itertools.repeat(None)
        for at, batch, other in zip(itertools.count(step), super().from_step(step), second):
            labelled = self._finish(self.source.gather(self.labelled_rows(at).to(self.source.device)))
            x = labelled["x"]
            if self.augment is not None:
                x = self.augment(
                    x, generator(self.seed, "augment labelled", at, self.rank, device=self.device)
                )
            both = {"x": x, "y": labelled["y"], "x_unlabelled": batch["x"]}
            yield both if other is None else both | {"x_unlabelled_g": other["x"]}
