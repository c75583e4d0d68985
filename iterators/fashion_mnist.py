"""Fashion-MNIST, pictures of clothes (Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747), through
torchvision."""

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
    """x [N, 1, 28, 28] (or size x size), y [N] in 0 .. 9; 60,000 train and 10,000 test images.

    root: $DATA_DIR, or data, by default; the files lie in root/FashionMNIST/raw. valid, subset, subset_seed,
    stratify, flip: see `common.iterators`.
    """
    parts = {"train": [{"train": True}], "test": [{"train": False}]}
    splits = vision.load(
        "FashionMNIST", parts, "FashionMNIST/raw/*-ubyte", root, size, download, cache, num_workers
    )
    return common.iterators(
        splits, batch_size, seed, 10, valid, subset, flip, subset_seed=subset_seed, stratify=stratify
    )
