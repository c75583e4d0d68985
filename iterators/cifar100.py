"""CIFAR-100 (Krizhevsky 2009, Learning multiple layers of features from tiny images), through torchvision."""

from iterators import common
from iterators.library import vision


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    root=None,
    size=None,
    valid=0,
    flip=False,
    subset=None,
    download=True,
    cache=None,
    subset_seed=None,
    stratify=False,
):
    """x [N, 3, 32, 32] (or size x size), y [N] in 0 .. 99 (fine labels); 50,000 train and 10,000 test images.

    root: $DATA_DIR, or data, by default. valid, subset, subset_seed, stratify, flip: see `common.iterators`.
    """
    splits = vision.load(
        "CIFAR100",
        {"train": [{"train": True}], "test": [{"train": False}]},
        "cifar-100-python/*",
        root,
        size,
        download,
        cache,
        num_workers,
    )
    return common.iterators(
        splits, batch_size, seed, 100, valid, subset, flip, subset_seed=subset_seed, stratify=stratify
    )
