"""CIFAR-10 (Krizhevsky 2009, Learning multiple layers of features from tiny images), through torchvision or
as image files."""

import os

from engine.errors import UserError
from iterators import common, images
from iterators.library import vision

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
ALSO = (
    "; root may also be a folder or zip of images, train/<class>/ and test/<class>/, such as cifar10-jpeg.zip"
)


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
    dequantise=False,
    subset_seed=None,
    stratify=False,
):
    """x [N, 3, 32, 32] (or size x size), y [N] in 0 .. 9; 50,000 train and 10,000 test images.

    root ($DATA_DIR, or data, by default): torchvision's; or a folder or zip of images in train/<class>/ and
    test/<class>/, or a folder that holds one named cifar10-jpeg.zip. The classes are numbered alphabetically,
    which is the official order. valid, subset, subset_seed, stratify, flip, dequantise: see
    `common.iterators`. Raises UserError if the class folders are not CIFAR-10's.
    """
    root = vision.data_root(root)
    inside = os.path.join(root, "cifar10-jpeg.zip")
    files = inside if os.path.isfile(inside) else root
    if files.endswith(".zip") or os.path.isfile(files) or os.path.isdir(os.path.join(files, "train")):
        splits, classes = images.load(files, size=size, workers=num_workers, cache=cache)
        if classes != CLASSES:
            raise UserError(
                f"--iterator_args root={root}: its class folders are not CIFAR-10's, {', '.join(CLASSES)}; "
                "--iterator=iterators/images.py takes any"
            )
    else:
        splits = vision.load(
            "CIFAR10",
            {"train": [{"train": True}], "test": [{"train": False}]},
            "cifar-10-batches-py/*",
            root,
            size,
            download,
            cache,
            num_workers,
            also=ALSO,
        )
    return common.iterators(
        splits,
        batch_size,
        seed,
        10,
        valid,
        subset,
        flip,
        dequantise,
        subset_seed=subset_seed,
        stratify=stratify,
    )
