"""Street View House Numbers, cropped digits (Netzer et al. 2011), through torchvision."""

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
    extra=False,
    subset_seed=None,
    stratify=False,
):
    """x [N, 3, 32, 32] (or size x size), y [N] in 0 .. 9; 73,257 train and 26,032 test images; extra adds
    531,131 to train.

    root: $DATA_DIR, or data, by default; the files are root/train_32x32.mat, ... Reading them needs scipy.
    valid, subset, flip: see `common.iterators`.
    """
    parts = {"train": [{"split": "train"}] + [{"split": "extra"}] * bool(extra), "test": [{"split": "test"}]}
    splits = vision.load("SVHN", parts, "*_32x32.mat", root, size, download, cache, num_workers, slow=True)
    return common.iterators(
        splits, batch_size, seed, 10, valid, subset, flip, subset_seed=subset_seed, stratify=stratify
    )
