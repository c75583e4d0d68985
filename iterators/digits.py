"""Handwritten digits of scikit-learn: 1,797 grey images of 8x8.

Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI machine learning repository: the test
part alone.
"""

import importlib.util
import os

import numpy as np
import torch

from engine import data_digest
from engine.errors import MissingError
from engine.randomness import permutation
from iterators import common
from iterators.library import cache, decoding


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    size=None,
    valid=0,
    flip=False,
    subset=None,
    subset_seed=None,
    stratify=False,
):
    """x [N, 1, 8, 8] (or size x size), y [N] in 0 .. 9; 1,500 train and 297 test images. Nothing is
    downloaded.

    scikit-learn does not tell UCI's writers apart, so the split is not official: a fixed random part is the
    test set. The grey levels 0 .. 16 become 0 .. 255.
    """
    cache.whole("size", size)
    rows = np.loadtxt(table(), delimiter=",")  # 64 grey levels and the label
    x = np.rint(rows[:, :64].reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    digest = data_digest.of_tensors({"rows": torch.from_numpy(rows)})
    if size is not None:
        x = decoding.resize_all(x, size, num_workers)
    order = permutation(len(x), "digits").numpy()
    x, y = x.transpose(0, 3, 1, 2)[order], rows[order, 64].astype(np.int64)
    splits = {"train": {"x": x[:1500], "y": y[:1500]}, "test": {"x": x[1500:], "y": y[1500:]}}
    splits = common.Splits(splits, digest=digest)
    return common.iterators(
        splits, batch_size, seed, 10, valid, subset, flip, subset_seed=subset_seed, stratify=stratify
    )


def table():
    """The path of the digits inside scikit-learn. Its own loader would import the whole package, a second or
    more of each start."""
    package = importlib.util.find_spec("sklearn")
    path = package and os.path.join(os.path.dirname(package.origin), "datasets", "data", "digits.csv.gz")
    if not path or not os.path.isfile(path):
        raise MissingError("the digits data needs the package scikit-learn; run pip install scikit-learn")
    return path
