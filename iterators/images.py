"""Any folder or zip of images; class folders give labels."""

import sys

import numpy as np

from engine import distributed
from engine.errors import MissingError, UserError
from iterators import common
from iterators.library.cache import EXTENSIONS, IN_MEMORY, Files, cached_images

SPLITS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    root=None,
    size=None,
    crop=None,
    channels=None,
    valid=0,
    flip=False,
    subset=None,
    cache=None,
    in_memory=IN_MEMORY,
):
    """x [N, C, H, W] of the images below root, and y [N] if they lie in class folders, numbered by sorted name.

    root: a folder or a zip. If it has a folder train, then train, valid (or val) and test are the splits; else all is train.
    crop: the middle crop x crop pixels first. size: shorter side resized to it (Lanczos), then the middle size x size;
    needed if the images differ in size. channels: 1 or 3; by default what the first image has. Decoded once, into a cache
    in .task_launcher/ beside root, or in the folder `cache`. in_memory: bytes above which the images stay on disc, mapped.
    num_workers: decoding threads. valid, subset, flip: see `common.iterators`.
    """
    if root is None:
        raise UserError("--iterator_args root: not given; root=<a folder or a .zip of images> would do")
    splits, classes = load(root, size, crop, channels, num_workers, cache, in_memory)
    return common.iterators(splits, batch_size, seed, len(classes), valid, subset, flip)


def load(root, size=None, crop=None, channels=None, workers=2, cache=None, in_memory=IN_MEMORY):
    """({split: {"x": uint8 [N, C, H, W], "y": int64 [N]}}, sorted class names), without y if there are no class folders.

    Raises MissingError if root is not there, holds no images, or one of them cannot be decoded; UserError if they differ in
    size and none is given, or only some lie in class folders.
    """
    files = Files(root)
    with distributed.rank0_first():  # one process decodes, the others find the cache
        splits, facts = cached_images(
            files.root,
            files.key,
            lambda: plan(files),
            files.read,
            files.label,
            size,
            crop,
            channels,
            workers,
            cache,
            in_memory,
        )
    return splits, facts["classes"]


def plan(files):
    """({split: names}, {"y": int64} or {}, {"classes": names}) of the listed images; see `cache.cached_images`."""
    paths = {name: name.split("/") for name in files.names}
    if not paths:
        raise MissingError(
            f"--iterator_args root={files.root}: no images in it; files with an extension among "
            f"{' '.join(sorted(EXTENSIONS))} would do"
        )
    while len({path[0] for path in paths.values()}) == 1 and all(
        path[0] != "train" and len(path) > 1 for path in paths.values()
    ):
        paths = {name: path[1:] for name, path in paths.items()}  # a zip of one folder
    groups = {"train": paths}
    if any(path[0] == "train" and len(path) > 1 for path in paths.values()):
        groups = {
            split: {
                name: path[1:]
                for name, path in paths.items()
                if SPLITS.get(path[0]) == split and len(path) > 1
            }
            for split in ("train", "valid", "test")
        }
        groups = {split: group for split, group in groups.items() if group}
        outside = len(paths) - sum(map(len, groups.values()))
        if outside:
            print(
                f"{files.root}: {outside:,} images outside its folders train, valid and test are left out",
                file=sys.stderr,
            )
    paths = {name: path for group in groups.values() for name, path in group.items()}
    flat = [name for name, path in paths.items() if len(path) == 1]
    if flat and len(flat) < len(paths):
        other = next(name for name, path in paths.items() if len(path) > 1)
        raise UserError(
            f"--iterator_args root={files.root}: {flat[0]} lies in no class folder and {other} does; all images in "
            "class folders, or none, would do"
        )
    names = {split: list(group) for split, group in groups.items()}
    if flat:
        return names, {}, {"classes": []}
    classes = sorted({path[0] for path in paths.values()})
    number = {name: i for i, name in enumerate(classes)}
    return (
        names,
        {"y": np.array([number[path[0]] for path in paths.values()], np.int64)},
        {"classes": classes},
    )
