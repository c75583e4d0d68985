"""STL-10 (Coates, Lee and Ng 2011), through torchvision."""

from engine.errors import UserError
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
    split="train",
    subset_seed=None,
    stratify=False,
):
    """x [N, 3, 96, 96] (or size x size), y [N] in 0 .. 9 where labelled; 8,000 test images, labelled.

    split: what to train on: train (5,000 labelled images), unlabeled (100,000 without y; what GANs usually
    learn from, with size=48) or train+unlabeled (105,000 without y). root: $DATA_DIR, or data, by default.
    valid, subset, subset_seed, stratify, flip: see `common.iterators`.
    """
    if split not in ("train", "unlabeled", "train+unlabeled"):
        raise UserError(f"--iterator_args split: given {split!r}; use train, unlabeled or train+unlabeled")
    splits = vision.load(
        "STL10",
        {"train": [{"split": split}], "test": [{"split": "test"}]},
        "stl10_binary/*.bin",
        root,
        size,
        download,
        cache,
        num_workers,
        slow=True,
    )
    return common.iterators(
        splits, batch_size, seed, 10, valid, subset, flip, subset_seed=subset_seed, stratify=stratify
    )
