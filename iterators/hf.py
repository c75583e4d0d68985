"""Images of a Hugging Face data set: a folder saved by save_to_disk, or parquet files. Needs the package
pyarrow; no network."""

import functools
import glob
import json
import os
import threading

import numpy as np

from engine import distributed
from engine.errors import MissingError, UserError
from iterators import common
from iterators.images import SPLIT_OF
from iterators.library.cache import IN_MEMORY, cached_images
from iterators.library.files import listing

IMAGES = ("image", "img", "images", "png", "jpg", "pixel_values")
LABELS = ("label", "labels", "fine_label", "class", "target")


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    root=None,
    image=None,
    label=None,
    size=None,
    crop=None,
    channels=None,
    valid=0,
    flip=False,
    subset=None,
    cache=None,
    in_memory=IN_MEMORY,
    range=None,
    subset_seed=None,
    stratify=False,
):
    """x [N, C, H, W] of a column of encoded images, and y [N] where there is one of whole numbers.

    root: a folder saved by datasets' save_to_disk, a .parquet file, or a folder of them whose names or
    folders begin with a split's name (train-00000-of-00002.parquet). image, label: the columns; by default
    the one of images, and label, labels or the like (label=False: none). Images are decoded once, into a
    cache; size, crop, channels, cache, in_memory, range: see `images`. valid, subset, subset_seed, stratify,
    flip: see `common.iterators`. Raises MissingError without pyarrow, or for files that cannot be read.
    """
    if root is None:
        raise UserError(
            "--iterator_args root: not given; use root=<a folder saved by datasets, or parquet files>"
        )
    root = os.path.abspath(os.path.expanduser(str(root)))
    tables = {split: [Table(path) for path in paths] for split, paths in files_of(root).items()}
    first = next(iter(tables.values()))[0]
    column = column_of(first, image, IMAGES, "image", root)
    labels = None if label is False else column_of(first, label, LABELS, "label", root)
    paths = [table.path for part in tables.values() for table in part]
    listed = listing(root if os.path.isdir(root) else os.path.dirname(root), paths)

    def plan():
        names = {
            split: [(split, k, i) for k, table in enumerate(part) for i in np.arange(table.rows)]
            for split, part in tables.items()
        }
        if labels is None:
            return names, {}, {"classes": []}
        y = np.concatenate([table.numbers(labels) for part in tables.values() for table in part])
        return (
            names,
            {"y": y},
            {"classes": first.class_names(labels) or [str(k) for k in np.arange(y.max() + 1)]},
        )

    with distributed.rank0_first():  # one process decodes, the others find the cache
        splits, facts = cached_images(
            root,
            (listed.key, listed.identity),
            plan,
            lambda name: tables[name[0]][name[1]].image(column, int(name[2])),
            lambda name: f"{tables[name[0]][name[1]].path}:{name[2]}",
            size,
            crop,
            channels,
            num_workers,
            cache,
            in_memory,
            range,
            [column, labels],
        )
    return common.iterators(
        splits,
        batch_size,
        seed,
        len(facts["classes"]),
        valid,
        subset,
        flip,
        subset_seed=subset_seed,
        stratify=stratify,
    )


def files_of(root):
    """{split: paths} of arrow files of a saved data set, or of parquet files."""
    if not os.path.exists(root):
        raise MissingError(
            f"--iterator_args root={root}: no such file or folder; use a saved data set or parquet files"
        )
    if os.path.isfile(root):
        return {"train": [root]}
    if os.path.isfile(os.path.join(root, "state.json")):
        return {"train": saved(root)}
    described = os.path.join(root, "dataset_dict.json")
    if os.path.isfile(described):
        names = json_of(described).get("splits", [])
        found = {SPLIT_OF.get(str(name).lower()): saved(os.path.join(root, str(name))) for name in names}
    else:
        found = {}
        for path in sorted(glob.glob(os.path.join(glob.escape(root), "**", "*.parquet"), recursive=True)):
            parts = os.path.relpath(path, root).lower().split(os.sep)
            words = [part.replace("_", "-").replace(".", "-").split("-")[0] for part in parts]
            split = next((SPLIT_OF[word] for word in words if word in SPLIT_OF), None)
            found.setdefault(split, []).append(path)
        if not found:
            raise MissingError(
                f"--iterator_args root={root}: neither state.json or dataset_dict.json nor .parquet files; "
                "use a folder that datasets' save_to_disk wrote"
            )
    if "train" not in found:
        if list(found) == [None]:
            return {"train": found[None]}
        raise UserError(
            f"--iterator_args root={root}: has no split train; use root=<the folder or file of one split>"
        )
    return {split: found[split] for split in ("train", "valid", "test") if split in found}


def json_of(path):
    """A JSON object of a file. Raises MissingError for another."""
    try:
        with open(path, encoding="utf8") as file:
            found = json.load(file)
    except (OSError, ValueError) as error:
        raise MissingError(f"{path}: cannot be read ({error}); save the data set anew") from None
    if not isinstance(found, dict):
        raise MissingError(f"{path}: does not describe a data set; save it anew")
    return found


def saved(folder):
    """The arrow files of one split, as its state.json lists them."""
    state = json_of(os.path.join(folder, "state.json"))
    if state.get("_indices_data_files"):
        raise UserError(f"{folder}: was saved with an index; call flatten_indices() before save_to_disk")
    files = [os.path.join(folder, part["filename"]) for part in state.get("_data_files", [])]
    if not files:
        raise MissingError(f"{folder}: its state.json lists no data; save the data set anew")
    return files


class Table:
    """One arrow or parquet file, read by groups of rows. rows: how many it has."""

    def __init__(self, path):
        try:
            import pyarrow
            import pyarrow.ipc
            import pyarrow.parquet
        except ImportError:
            raise MissingError("iterators/hf.py needs the package pyarrow; run pip install pyarrow") from None
        self.path, self.lock = path, threading.Lock()
        try:
            if path.endswith(".parquet"):
                file = pyarrow.parquet.ParquetFile(path)
                self.schema = file.schema_arrow
                lengths = [
                    file.metadata.row_group(k).num_rows for k in np.arange(file.num_row_groups).tolist()
                ]
                self.read = lambda k, columns: file.read_row_group(k, columns=columns)
            else:
                table = pyarrow.ipc.open_stream(pyarrow.memory_map(path)).read_all()
                self.schema, lengths = table.schema, [table.num_rows]
                self.read = lambda k, columns: table.select(columns)
        except (OSError, pyarrow.ArrowInvalid) as error:
            raise MissingError(
                f"{path}: cannot be read ({' '.join(str(error).split())}); save or fetch it anew"
            ) from None
        self.starts = np.cumsum([0, *lengths])
        self.rows = int(self.starts[-1])
        self.group = functools.lru_cache(2)(lambda k, column: self.read(k, [column]).column(0))

    def image(self, column, i):
        """The encoded image of row i."""
        k = int(np.searchsorted(self.starts, i, "right")) - 1
        with self.lock:
            value = self.group(k, column)[i - int(self.starts[k])].as_py()
        value = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(value, bytes):
            raise ValueError("the row holds a path, or nothing, in place of an image's bytes")
        return value

    def numbers(self, column):
        """The whole numbers of a column, int64 [rows]."""
        parts = [self.read(k, [column]).column(0) for k in np.arange(len(self.starts) - 1).tolist()]
        values = np.concatenate([np.asarray(part.to_pylist(), object) for part in parts])
        if any(type(value) is not int or value < 0 for value in values):
            raise UserError(
                f"--iterator_args label={column}: {self.path} has rows without a whole number from 0; use "
                "label=False"
            )
        return values.astype(np.int64)

    def class_names(self, column):
        """The names of the classes as the data set's description has them, or None."""
        about = (self.schema.metadata or {}).get(b"huggingface")
        try:
            return [str(name) for name in json.loads(about)["info"]["features"][column]["names"]]
        except (TypeError, KeyError, ValueError):
            return None


def column_of(table, given, usual, option, root):
    """The column that is given, or has a usual name and type; None for labels that are not there."""
    types = {field.name: str(field.type) for field in table.schema}
    right = (
        (lambda kind: "binary" in kind)
        if option == "image"
        else (lambda kind: kind.startswith(("int", "uint")))
    )
    if given is not None:
        if given not in types or not right(types[given]):
            raise UserError(
                f"--iterator_args {option}: given {given!r}; use one of "
                f"{', '.join(n for n in types if right(types[n]))}"
            )
        return given
    fitting = [name for name in types if right(types[name])]
    found = [name for name in usual if name in fitting]
    if found or option == "label":
        return found[0] if found else None
    if len(fitting) == 1:
        return fitting[0]
    raise UserError(
        f"--iterator_args image: not given, and {root} has {len(fitting)} columns of encoded images; use "
        f"image=<a column of {', '.join(types)}>"
    )
