"""CelebA, aligned faces with 40 attributes (Liu et al. 2015, arXiv 1411.7766)."""

import os

import numpy as np

from engine import distributed
from engine.errors import MissingError
from iterators import common
from iterators.library import vision
from iterators.library.cache import IN_MEMORY, cached_images
from iterators.library.files import Files, digest, listing

LAYOUT = (
    "celeba/img_align_celeba/ (or celeba/img_align_celeba.zip), celeba/list_eval_partition.txt and "
    "celeba/list_attr_celeba.txt"
)


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    root=None,
    size=64,
    crop=108,
    flip=False,
    subset=None,
    cache=None,
    in_memory=IN_MEMORY,
    subset_seed=None,
):
    """x [N, 3, size, size] and attributes [N, 40] in {0, 1}; 162,770 train, 19,867 valid and 19,962 test
    images.

    The official partition; there is no y. crop: the middle 108x108 of 178x218 pixels, as in the code of DCGAN
    (Radford et al. 2015), then resized by Lanczos; crop=None takes all. root: $DATA_DIR, or data, by default;
    torchvision's layout, which is read here since torchvision decodes anew in each epoch, and downloads from
    an address that often refuses. subset, subset_seed, flip: see `common.iterators`; cache, in_memory: see
    `images`.
    """
    root = vision.data_root(root)
    folder = os.path.join(root, "celeba")
    tables = [os.path.join(folder, name) for name in ("list_eval_partition.txt", "list_attr_celeba.txt")]
    sources = [os.path.join(folder, name) for name in ("img_align_celeba", "img_align_celeba.zip")]
    source = next(filter(os.path.exists, sources), None)
    if source is None or not all(map(os.path.isfile, tables)):
        raise MissingError(
            f"--iterator_args root={root}: no CelebA there, or not all of it ({LAYOUT}); put these files "
            "there, or give root=... or set DATA_DIR"
        )
    files = Files(source)
    described = listing(folder, tables)
    with distributed.rank0_first():
        splits, _ = cached_images(
            source,
            (digest(files.key, described.key), digest(files.identity, described.identity)),
            lambda: plan(files, *tables),
            files.read,
            files.label,
            size,
            crop,
            3,
            num_workers,
            cache,
            in_memory,
        )
    made = common.iterators(splits, batch_size, seed, subset=subset, flip=flip, subset_seed=subset_seed)
    with open(tables[1]) as file:
        names = [file.readline() for _ in range(2)][1].split()  # after the count
    for iterator in made.values():
        iterator.attribute_names = names
    return made


def plan(files, partition, attributes):
    """({split: names}, {"attributes": int64 [N, 40]}, {}) for `cache.cached_images`. Raises MissingError for
    a damaged table."""
    path_of = {os.path.basename(name): name for name in files.names}
    try:
        part_of = dict(line.split() for line in _lines(partition))
        rows = (line.split() for line in _lines(attributes)[2:])  # a count, then the names of the attributes
        values_of = {row[0]: row[1:] for row in rows}
        groups = {
            split: sorted(name for name, part in part_of.items() if part == number)
            for split, number in (("train", "0"), ("valid", "1"), ("test", "2"))
        }
        names = [name for group in groups.values() for name in group]
        values = np.array([values_of[name] for name in names], np.int64).reshape(len(names), 40)
        found = {split: [path_of[name] for name in group] for split, group in groups.items()}
    except (ValueError, KeyError) as error:
        raise MissingError(
            f"{partition}, {attributes}: they do not describe the images in {files.root} ({error}); "
            "use the tables that came with the images"
        ) from None
    if not groups["train"]:
        raise MissingError(
            f"{partition}: names no training image (part 0); use the table that came with the images"
        )
    return {split: group for split, group in found.items() if group}, {"attributes": (values + 1) // 2}, {}


def _lines(path):
    with open(path) as file:
        return file.read().splitlines()
