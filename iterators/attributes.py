"""Any folder or zip of images with a table of binary attributes, for class mixing; CelebA's and Zappos' kinds
of tables among them."""

import csv
import os

import numpy as np

from engine import distributed
from engine.errors import MissingError, UserError
from iterators import common
from iterators.library.cache import IN_MEMORY, cached_images
from iterators.library.files import Files, digest, listing


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    root=None,
    table=None,
    select=None,
    size=None,
    crop=None,
    channels=None,
    valid=0,
    flip=False,
    subset=None,
    cache=None,
    in_memory=IN_MEMORY,
    subset_seed=None,
    range=None,
):
    """x [N, C, H, W] and attributes int64 [N, A] in {0, 1} of the images that the table names; no y.

    root: a folder or zip of images. table: a .csv whose first row names its columns, the first the file and
    the others attributes of values 0 and 1 (or -1 and 1); or a .txt as CelebA's list_attr_celeba.txt (a
    count, the names, then file and values); by default attributes.csv in the folder root. select: names of
    the attributes to keep, as select="['Smiling','Male']", or one name; all by default. Files are matched by
    path below root, or by name. All is train; valid, subset, subset_seed, flip: see `common.iterators`; size,
    crop, channels, range: see `images`.
    """
    if root is None:
        raise UserError("--iterator_args root: not given; use root=<a folder or a .zip of images>")
    path = (
        os.path.expanduser(str(table))
        if table
        else os.path.join(os.path.expanduser(str(root)), "attributes.csv")
    )
    if not os.path.isfile(path):
        raise MissingError(
            f"--iterator_args table={path}: no such file; use a .csv with a row for each image "
            "(file,attribute,...)"
        )
    files, (names, rows) = Files(root), read(path)
    columns = [k for k, _ in enumerate(names)]
    if select is not None:
        wanted = [select] if isinstance(select, str) else list(select)
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise UserError(
                f"--iterator_args select: {', '.join(map(str, unknown))} not in {path}; use some of "
                f"{', '.join(names)}"
            )
        columns = [names.index(name) for name in wanted]
    described = listing(os.path.dirname(path), [path])
    with distributed.rank0_first():
        splits, _ = cached_images(
            files.root,
            (digest(files.key, described.key), digest(files.identity, described.identity)),
            lambda: plan(files, path, rows, columns),
            files.read,
            files.label,
            size,
            crop,
            channels,
            num_workers,
            cache,
            in_memory,
            value_range=range,
            options=columns,
        )
    made = common.iterators(
        splits, batch_size, seed, valid=valid, subset=subset, flip=flip, subset_seed=subset_seed
    )
    for iterator in made.values():
        iterator.attribute_names = [names[k] for k in columns]
    return made


def read(path):
    """(names of the attributes, {file: values int [A] in {0, 1}}) of a table. Raises MissingError if it is
    not one."""
    try:
        with open(path, newline="", encoding="utf8") as file:
            if path.endswith(".txt"):
                lines = file.read().splitlines()[1:]
                lines = [["file", *lines[0].split()], *(line.split() for line in lines[1:] if line.strip())]
            else:
                lines = [row for row in csv.reader(file) if row]
        names = [name.strip() for name in lines[0][1:]]
        rows = {row[0].strip(): np.array([int(float(v)) for v in row[1:]]) for row in lines[1:]}
    except (OSError, ValueError, IndexError) as error:
        raise MissingError(
            f"{path}: not a table of attributes ({error}); use rows of a file and values 0 or 1"
        ) from None
    for name, values in rows.items():
        if len(values) != len(names) or not set(values.tolist()) <= {-1, 0, 1}:
            raise MissingError(
                f"{path}: the row of {name} has not {len(names)} values of 0 and 1 (or -1 and 1); repair "
                "it, or remove it"
            )
    if not names or not rows:
        raise MissingError(
            f"{path}: it names no attributes or no images; use rows of a file and values 0 or 1"
        )
    return names, {name: (values > 0).astype(np.int64) for name, values in rows.items()}


def plan(files, path, rows, columns):
    """({"train": names}, {"attributes": int64 [N, A]}, {}) for `cache.cached_images`. Raises MissingError if
    no image is in the table."""
    row_of = {name: rows.get(name, rows.get(name.rsplit("/", 1)[-1])) for name in files.names}
    names = [name for name, values in row_of.items() if values is not None]
    if not names:
        raise MissingError(
            f"{path}: none of its rows is an image in {files.root}; its first column should be their file "
            "names"
        )
    return {"train": names}, {"attributes": np.stack([row_of[name][columns] for name in names])}, {}
