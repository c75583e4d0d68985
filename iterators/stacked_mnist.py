"""Stacked MNIST.

Three grey digits as the channels of one colour image, 1,000 classes (Srivastava et al. 2017; Metz et al.
2017).
"""

import itertools

import numpy as np
import torch

from engine import data_digest
from engine.errors import UserError
from engine.randomness import generator, permutation
from iterators import common
from iterators.library import vision
from iterators.points1d import check_count

SETS = {
    "mnist": ("MNIST", "MNIST/raw/*-ubyte"),
    "fashion_mnist": ("FashionMNIST", "FashionMNIST/raw/*-ubyte"),
    "kmnist": ("KMNIST", "KMNIST/raw/*-ubyte"),
}


class Stacked(common.Arrays):
    """Images of which channel c is digit triples[i, c]: the digits and the triples are held, and a batch is
    one indexing of them.

    digits: uint8 [n, 1, H, W]; labels: int64 [n] in 0 .. 9; triples: int64 [m, 3]. y = 100 a + 10 b + c.
    stacked[i] is one example.
    """

    def __init__(self, digits, labels, triples):
        self.digits = torch.as_tensor(np.ascontiguousarray(digits))[:, 0]
        self.labels, self.triples = torch.as_tensor(np.asarray(labels, np.int64)), torch.as_tensor(triples)
        self.device = torch.device("cpu")

    def __len__(self):
        return len(self.triples)

    def __getitem__(self, i):
        return {name: value[0] for name, value in self.gather(torch.tensor([i], device=self.device)).items()}

    def to(self, device):
        """Moves digits, labels and triples once: some 50 MB."""
        self.digits, self.labels, self.triples, self.device = (
            self.digits.to(device),
            self.labels.to(device),
            self.triples.to(device),
            device,
        )

    def digest(self):
        """The sha256 of digits, labels and triples."""
        held = {"digits": self.digits, "labels": self.labels, "triples": self.triples}
        return data_digest.of_tensors(held)

    def gather(self, indices):
        """{"x": uint8 [m, 3, H, W], channels-last, "y": int64 [m]}; indices: int64 [m] on self.device."""
        return self.stack(self.triples[indices])

    def stack(self, chosen):
        """`gather` of the triples chosen, int64 [m, 3]."""
        x = self.digits[chosen].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        a, b, c = self.labels[chosen].unbind(1)
        return {"x": x, "y": 100 * a + 10 * b + c}


class Fresh(common.DataIterator):
    """A DataIterator of a Stacked whose batches have triples of their own.

    They are drawn under (seed, "triples", step, rank).
    """

    def from_step(self, step):
        """The endless stream of this process's batches from global step `step` (0-based) on."""
        for at, indices in self._local(itertools.count(step)):
            draws = generator(self.seed, "triples", at, self.rank)
            chosen = torch.randint(len(self.source.digits), (len(indices), 3), generator=draws)
            yield self._finish(self.source.stack(chosen.to(self.source.device)))


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    root=None,
    digits="mnist",
    n=128_000,
    n_test=26_000,
    data_seed=0,
    fresh=False,
    shuffle=True,
    test_digits=False,
    download=True,
    cache=None,
):
    """x [N, 3, 28, 28], y [N] in 0 .. 999; n train triples of training digits and n_test test triples of
    test digits, drawn with repetition.

    digits: mnist, fashion_mnist or kmnist, through torchvision; root: $DATA_DIR, or data, by default; any
    number of digits will do. n: 128,000 as in Lin et al. 2018 (PacGAN). data_seed fixes the triples; --seed
    orders them, or with shuffle=False they come as drawn. fresh: every batch has new triples (Metz et al.
    2017), and n is the length of what is called an epoch. test_digits: train triples are of test digits too
    (PacGAN's 26,000-sample setting). Raises UserError for what cannot be.
    """
    if digits not in SETS:
        raise UserError(f"--iterator_args digits: given {digits!r}; use {', '.join(SETS)}")
    for option, number in (("n", n), ("n_test", n_test)):
        check_count(option, number)
    name, files = SETS[digits]
    splits = vision.load(
        name,
        {"train": [{"train": True}], "test": [{"train": False}]},
        files,
        root,
        None,
        download,
        cache,
        num_workers,
    )
    made = {}
    for split, count in (("train", n), ("test", n_test)):
        parts = [splits[split], *([splits["test"]] if test_digits and split == "train" else [])]
        x, y = (np.concatenate([np.asarray(part[key]) for part in parts]) for key in ("x", "y"))
        source = Stacked(x, y, triples(len(x), count, data_seed, split))
        size = batch_size if split == "train" else min(batch_size, count)
        kind = Fresh if fresh and split == "train" else common.DataIterator
        made[split] = kind(
            source, size, seed, shuffle=shuffle and split == "train", n_classes=1000, what="triples"
        )
    return made


def triples(n, count, *words):
    """int64 [count, 3] of 0 .. n-1, uniform with repetition, fixed by the words."""
    draw = np.random.default_rng(permutation(2**16, "triples", *words)[:8].numpy())
    return draw.integers(0, n, (count, 3))
