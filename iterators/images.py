"""Any folder or zip of images; class folders give labels."""

import numpy as np

from engine import distributed
from engine.console import counted
from engine.errors import MissingError, UserError
from iterators import common
from iterators.library.cache import IN_MEMORY, cached_images
from iterators.library.files import Files
from iterators.library.written_labels import NAME, written_labels

# folders that are splits, whatever their case; the first of each is what a split is called here
SPLITS = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing"),
}
SPLIT_OF = {name: split for split, names in SPLITS.items() for name in names}


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
    range=None,
    splits=None,
    subset_seed=None,
    stratify=False,
):
    """x [N, C, H, W] of the images below root, and y [N] if they lie in class folders, numbered by sorted
    name; or with the labels of a dataset.json, as StyleGAN's tools write it.

    root: a folder or a zip. If it has a folder train (or training, of any case), then that, valid (val,
    validation, dev) and test (testing) are the splits; else all is train. splits: False takes such folders as
    classes, {'train': 'A', 'test': 'B'} names the splits' folders. crop: the middle crop x crop pixels first.
    size: shorter side resized to it (Lanczos), then the middle size x size; needed if the images differ in
    size. channels: 1, 3 or 4 (with transparency); by default 3 if any image is in colour. range: (black,
    white) of images of more than 8 bits, see docs/data.md. Decoded once, into a cache in .task_launcher/
    beside root, or in the folder `cache`. in_memory: bytes above which the images stay on disc, mapped.
    num_workers: decoding threads. valid, subset, subset_seed, stratify, flip: see `common.iterators`.
    """
    if root is None:
        raise UserError("--iterator_args root: not given; use root=<a folder or a .zip of images>")
    loaded, classes = load(root, size, crop, channels, num_workers, cache, in_memory, range, splits)
    return common.iterators(
        loaded,
        batch_size,
        seed,
        len(classes),
        valid,
        subset,
        flip,
        subset_seed=subset_seed,
        stratify=stratify,
    )


def load(
    root,
    size=None,
    crop=None,
    channels=None,
    workers=2,
    cache=None,
    in_memory=IN_MEMORY,
    range=None,
    splits=None,
):
    """(Splits {split: {"x": [N, C, H, W], "y": int64 [N]}}, sorted class names), without y if there are no
    class folders.

    Raises MissingError if root is not there, holds no images, or one of them cannot be decoded; UserError if
    they differ in size and none is given, or only some lie in class folders.
    """
    files, check = Files(root), split_option(splits)
    written = written_labels(files)
    with distributed.rank0_first():  # one process decodes, the others find the cache
        made, facts = cached_images(
            files.root,
            (files.key, files.identity),
            lambda: plan(files, check, written),
            files.read,
            files.label,
            size,
            crop,
            channels,
            workers,
            cache,
            in_memory,
            range,
            [check] if written is None else [check, written.digest],
        )
    return made, facts["classes"]


def split_option(given):
    """--iterator_args splits, checked: None, False, or {split: folder}."""
    if given in (None, True):
        return None
    if given is False:
        return False
    if not isinstance(given, dict) or "train" not in given or not set(given) <= set(SPLITS):
        raise UserError(
            f"--iterator_args splits: given {given!r}; use False, or folders by split as in "
            "splits=\"{'train':'A','test':'B'}\""
        )
    return {split: str(folder).strip("/") for split, folder in given.items()}


def plan(files, splits=None, written=None):
    """({split: names}, {"y": int64} or {}, {"classes": names, "notes": lines}) of the listed images, for
    `cache.cached_images`. written: the labels of a dataset.json, which count in place of folders."""
    paths = {name: tuple(name.split("/")) for name in files.names}
    if not paths:
        left = files.report()
        raise MissingError(
            f"--iterator_args root={files.root}: no images in it"
            + (f" ({left.split(': ', 1)[1]})" if left else "")
            + "; use a folder or a .zip of images"
        )
    empty = {name: tuple(name.split("/")) for name in files.empty}
    notes = [line for line in [files.report([] if written is None else [NAME])] if line]
    groups, bare = grouped(files.root, paths, empty, splits, notes)
    paths = {name: path for group in groups.values() for name, path in group.items()}
    if written is not None:
        names = {split: list(group) for split, group in groups.items()}
        notes.append(f"{files.root}: labels are those of dataset.json, not of folders")
        labels = {} if written.numbers is None else {"y": written.of(paths, files.root)}
        return names, labels, {"classes": written.classes(), "notes": notes}
    flat = [name for name, path in paths.items() if len(path) == 1]
    if flat and len(flat) < len(paths):
        other = next(name for name, path in paths.items() if len(path) > 1)
        raise UserError(
            f"--iterator_args root={files.root}: {flat[0]} lies in no class folder and {other} does; put all "
            "images in class folders, or none"
        )
    names = {split: list(group) for split, group in groups.items()}
    if flat:
        return names, {}, {"classes": [], "notes": notes}
    filled = {path[0] for path in paths.values()}
    classes = sorted(filled | {path[0] for path in bare})
    if len(classes) > len(filled):
        lacking = sorted(set(classes) - filled)
        notes.append(
            f"{files.root}: no images of {len(lacking)} of {len(classes)} classes, {', '.join(lacking[:5])}"
            f"{', ...' * (len(lacking) > 5)}; they keep their numbers"
        )
    number = {name: i for i, name in enumerate(classes)}
    labels = np.array([number[path[0]] for path in paths.values()], np.int64)
    return names, {"y": labels}, {"classes": classes, "notes": notes}


def grouped(root, paths, empty, splits, notes):
    """({split: {name: path below the split's folder}}, [paths of empty folders below them]); adds to
    notes."""
    if isinstance(splits, dict):
        folder_of = {tuple(folder.split("/")): split for split, folder in splits.items()}
        inside = lambda path: next((f for f in folder_of if path[: len(f)] == f and len(path) > len(f)), None)
    else:
        paths, empty = without_common_folder(paths, empty, splits)
        tops = sorted({path[0] for path in paths.values() if len(path) > 1})
        known = (
            {} if splits is False else {top: SPLIT_OF[top.lower()] for top in tops if top.lower() in SPLIT_OF}
        )
        if "train" not in known.values():
            return {"train": paths}, list(empty.values())
        twice = [split for split in SPLITS if list(known.values()).count(split) > 1]
        if twice and {top for top in known if known[top] == twice[0]} != {"val", "valid"}:
            both = [top for top in known if known[top] == twice[0]]
            raise UserError(
                f"--iterator_args root={root}: {both[0]} and {both[1]} are both folders of the split "
                f"{twice[0]}; use "
                f"splits=\"{{'train':'{next(top for top in known if known[top] == 'train')}',...}}\" with "
                "one for each"
            )
        folder_of = {(top,): split for top, split in known.items()}
        inside = lambda path: path[:1] if path[:1] in folder_of and len(path) > 1 else None
    groups = {split: {} for split in SPLITS}
    for name, path in paths.items():
        folder = inside(path)
        if folder is not None:
            groups[folder_of[folder]][name] = path[len(folder) :]
    lacking = [split for split in splits or () if not groups[split]]
    if lacking:
        raise UserError(
            f"--iterator_args splits: no images in {root}/{splits[lacking[0]]}; use folders that hold some"
        )
    outside = len(paths) - sum(map(len, groups.values()))
    if outside:
        used = ", ".join("/".join(folder) for folder in folder_of)
        more = "" if splits else "; splits=False takes folders as classes"
        notes.append(f"{root}: {counted(outside, 'image')} outside the splits' folders {used} left out{more}")
    bare = [path[len(folder) :] for path in empty.values() if (folder := inside(path)) is not None]
    return {split: group for split, group in groups.items() if group}, bare


def without_common_folder(paths, empty, splits):
    """The paths below the one folder that holds all of them, as in a zip of one folder; a folder train is
    none."""
    while True:
        tops = {path[0] for path in paths.values()}
        top = min(tops)
        split = splits is not False and SPLIT_OF.get(top.lower()) == "train"
        if len(tops) > 1 or split or not all(len(path) > 1 for path in paths.values()):
            return paths, empty
        paths = {name: path[1:] for name, path in paths.items()}
        empty = {name: path[1:] for name, path in empty.items() if path[0] == top and len(path) > 1}
