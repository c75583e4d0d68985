"""ImageNet at 32x32 pixels (Chrabaszcz, Loshchilov and Hutter 2017, arXiv 1707.08819), from its official npz
batches."""

import os

import numpy as np

from engine import distributed
from engine.errors import MissingError, UserError
from iterators import common
from iterators.library import cache as image_cache
from iterators.library import decoding, vision
from iterators.library.files import digest, listing
from iterators.library.splits import spans

TRAIN, TEST = [f"train_data_batch_{k}.npz" for k in range(1, 11)], ["val_data.npz"]


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    root=None,
    size=32,
    valid=0,
    flip=False,
    subset=None,
    cache=None,
    in_memory=image_cache.IN_MEMORY,
    subset_seed=None,
    stratify=False,
):
    """x [N, 3, size, size], y [N] in 0 .. 999; 1,281,167 train and 50,000 test images (the official
    validation set).

    root ($DATA_DIR, or data, by default) holds train_data_batch_1.npz .. train_data_batch_10.npz and
    val_data.npz, or a folder imagenet32 with them; each has "data", uint8 [n, 3 size size], and "labels", 1
    .. 1000. size: 8, 16, 32 or 64, as downloaded. They are unpacked once, into an image cache of 3.9 GB
    beside them (or in `cache`), which is read through a memory map if larger than in_memory bytes. valid,
    subset, subset_seed, stratify, flip: see `common.iterators`. Raises MissingError where files are not there
    or damaged.
    """
    root = vision.data_root(root)
    folder = os.path.join(root, "imagenet32")
    folder = folder if os.path.isdir(folder) else root
    image_cache.whole("size", size)
    paths = [os.path.join(folder, name) for name in TRAIN + TEST]
    missing = [os.path.basename(path) for path in paths if not os.path.isfile(path)]
    if missing:
        raise MissingError(
            f"--iterator_args root={root}: no {missing[0]}"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            + "; put the npz files of the downsampled ImageNet there (from image-net.org), or use root=..."
        )
    listed = listing(folder, paths)
    with distributed.rank0_first():
        splits = image_cache.by_split(
            *image_cache.cached(
                os.path.join(folder, "imagenet32"),
                (listed.key, listed.identity),
                [size],
                lambda path: unpack(path, paths, size),
                lambda: content(paths),
                cache,
                in_memory,
            )
        )
    return common.iterators(
        splits, batch_size, seed, 1000, valid, subset, flip, subset_seed=subset_seed, stratify=stratify
    )


def unpack(path, paths, size):
    """Writes all images into the .npy file `path`; returns ({"y": int64 [N] from 0}, facts) for
    `cache.cached`."""
    labels = [labels_of(file) for file in paths]
    lengths = [len(part) for part in labels]
    out, start = decoding.new_array(path, (sum(lengths), size, size, 3)), 0
    for file, n in zip(paths, lengths):
        data = read(file, "data")
        if data.dtype != np.uint8 or data.shape != (n, 3 * size * size):
            raise UserError(
                f"--iterator_args size={size}: {file} holds {data.dtype} of shape {list(data.shape)}, not "
                f"{n} images of {size}x{size}; use the size that was downloaded"
            )
        out[start : start + n] = data.reshape(n, 3, size, size).transpose(0, 2, 3, 1)
        start += n
    return {"y": np.concatenate(labels)}, {
        "splits": spans({"train": sum(lengths[: len(TRAIN)]), "test": lengths[-1]}),
        "digest": content(paths),
    }


def content(paths):
    """The digest of the data: of the sha256 of each file."""
    return digest([image_cache.file_sha256(path) for path in paths])


def labels_of(path):
    """Labels of an npz file, int64 [n] in 0 .. 999. Raises MissingError unless it has 1 .. 1000."""
    labels = read(path, "labels")
    if (
        labels.ndim != 1
        or labels.dtype.kind not in "iu"
        or not len(labels)
        or labels.min() < 1
        or labels.max() > 1000
    ):
        raise MissingError(
            f"{path}: its labels are not whole numbers of 1 to 1000, one an image; use the official file"
        )
    return labels.astype(np.int64) - 1


def read(path, name):
    """One array of an npz file. Raises MissingError where it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return file[name]
    except Exception as error:  # numpy and zipfile raise whatever they stumble over
        raise MissingError(
            f"{path}: cannot be read ({vision.one_line(error)}); use the official file"
        ) from None
