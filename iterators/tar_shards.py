"""WebDataset's tar shards: files of one example stand one after the other under one name, 000017.jpg and
000017.cls."""

import glob
import hashlib
import json
import os
import re
import tarfile

import numpy as np
import torch

from engine import distributed
from engine.console import counted
from engine.errors import MissingError, UserError
from engine.files import write_atomically
from engine.randomness import permutation
from iterators import common
from iterators.images import SPLIT_OF
from iterators.library import cache as image_cache
from iterators.library import decoding
from iterators.library.files import BESIDE, EXTENSIONS, digest, listing

LABEL_ENDS = (".cls", ".cls.txt", ".json")


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    root=None,
    size=None,
    crop=None,
    channels=None,
    test=None,
    flip=False,
    mixed_shards=8,
):
    """x [N, C, size, size] and y [N] (where examples have .cls files, or "label" in .json ones) of tar
    shards, read as they are needed.

    root: a folder of .tar files, a single one, or a pattern such as data/train-{000..099}.tar or
    data/train-*.tar. In a folder, shards whose names begin with train, valid or test are these splits. test:
    a pattern of test shards. size: needed unless all images have one size. channels: 1 or 3; by default 3 if
    any image is in colour. An epoch takes the shards in a random order, mixed_shards at a time, and of these
    the examples in a random order: a function of (seed, epoch), so that a resumed run goes on exactly. An
    index of each shard (names, offsets, labels) is made by one pass and kept in the user's cache folder.
    num_workers: processes that read and decode. flip: see `common.iterators`. Images of more than 8 bits, and
    compressed tars, are refused.
    """
    if root is None:
        raise UserError("--iterator_args root: not given; use root=<a folder of .tar shards, or a pattern>")
    for option, value in ("size", size), ("crop", crop), ("mixed_shards", mixed_shards):
        image_cache.whole(option, value)
    if channels not in (None, 1, 3):
        raise UserError(f"--iterator_args channels: given {channels!r}; use 1 or 3")
    found = shards_of(str(root))
    if test is not None:
        found["test"] = expand(str(test)) or missing("test", test)
    with distributed.rank0_first():
        parts = {split: [index_of(path) for path in paths] for split, paths in found.items()}
    every = [shard for part in parts.values() for shard in part]
    channels = channels or max(shard["channels"] for shard in every)
    labelled = all(shard["labels"] is not None for shard in every)
    n_classes = 1 + max(max(shard["labels"]) for shard in every) if labelled else 0
    of_data = digest([[shard["digest"] for shard in part] for part in parts.values()], sorted(found))
    made = {}
    for split, part in parts.items():
        source = Shards(part, size, crop, channels, labelled)
        n, train = len(source), split == "train"
        if not train and n < 2 * distributed.world_size():
            image_cache.say(f"the data has {n} {split} images, fewer than two a process; they are left out")
            continue
        made[split] = InShards(
            source,
            batch_size if train else min(batch_size, n),
            seed,
            num_workers,
            shuffle=train,
            augment=common.random_flip if flip and train else None,
            n_classes=n_classes,
            what=f"{split} images",
            digest=of_data,
            mixed_shards=mixed_shards,
        )
    return made


def missing(option, given):
    """Raises MissingError for shards that are not there."""
    raise MissingError(
        f"--iterator_args {option}={given}: no .tar files there; use a folder of shards, or a pattern"
    )


def expand(pattern):
    """The sorted paths of a pattern with *, ?, [...] and {000..099}."""
    pattern = os.path.abspath(os.path.expanduser(pattern))
    braces = re.search(r"\{(\d+)\.\.(\d+)\}", pattern)
    if braces and not os.path.exists(pattern):
        first, last = braces.groups()
        if int(last) - int(first) > 10**6:
            raise UserError(f"--iterator_args root={pattern}: more than a million shards; use fewer")
        numbers = (str(k).zfill(len(first)) for k in range(int(first), int(last) + 1))
        paths = [pattern[: braces.start()] + number + pattern[braces.end() :] for number in numbers]
        lacking = [path for path in paths if not os.path.isfile(path)]
        if lacking:
            raise MissingError(
                f"{lacking[0]}: no such shard ({len(lacking)} of {len(paths)} lack); use those that exist"
            )
        return paths
    if os.path.isdir(pattern):
        return sorted(glob.glob(os.path.join(glob.escape(pattern), "**", "*.tar"), recursive=True))
    return [pattern] if os.path.isfile(pattern) else sorted(glob.glob(pattern))


def shards_of(root):
    """{split: paths of its shards}; by their names in a folder, else all is train."""
    paths = expand(root) or missing("root", root)
    if not os.path.isdir(os.path.expanduser(root)):
        return {"train": paths}
    splits = {}
    for path in paths:
        inside = os.path.relpath(path, os.path.expanduser(root)).lower()
        first = re.match(r"[a-z]*", inside)[0]
        splits.setdefault(SPLIT_OF.get(first), []).append(path)
    if "train" not in splits:
        return {"train": paths}
    left = splits.pop(None, [])
    if left:
        image_cache.say(
            f"{root}: {len(left)} shards of no split are left out ({os.path.basename(left[0])}, ...)"
        )
    return {split: splits[split] for split in ("train", "valid", "test") if split in splits}


# --- the index of a shard


def index_of(path):
    """{"path", "keys", "offsets", "sizes", "labels" or None, "channels", "digest", "files"} of a shard, made
    once."""
    described = listing(os.path.dirname(path), [path])
    folder = os.path.join(image_cache.user_folder(), "shards")
    file = os.path.join(folder, digest(image_cache.FORMAT, described.identity)[:32] + ".json")
    try:
        with open(file, encoding="utf8") as opened:
            found = json.load(opened)
        if image_cache.sealed(found) == found:
            return found
    except image_cache.DAMAGE:
        pass
    found = image_cache.sealed(scanned(path))
    try:
        os.makedirs(folder, exist_ok=True)
        write_atomically(file, json.dumps(found).encode())
    except OSError:  # where it cannot be kept, it is made again
        pass
    return found


def scanned(path):
    """The index of a shard by one pass over it. Raises MissingError for one that cannot be read, or has no
    images."""
    examples, channels, total, left = {}, 1, hashlib.sha256(), 0
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                folder, _, base = member.name.rpartition("/")
                if not member.isfile() or base.startswith("."):
                    continue
                stem, dot, end = base.partition(".")
                end, last = (dot + end).lower(), os.path.splitext(base)[1].lower()
                key, example = f"{folder}/{stem}", examples.get(f"{folder}/{stem}", {})
                if last in EXTENSIONS and last not in BESIDE:
                    if "offset" in example:
                        raise UserError(
                            f"{path}: {key.strip('/')} has two images; use shards of one image an example"
                        )
                    data = tar.extractfile(member).read()
                    total.update(hashlib.sha256(data).digest())
                    image = opened(f"{path}:{member.name}", data)
                    channels = max(channels, decoding.grey_or_colour(image))
                    example |= {"offset": member.offset_data, "size": member.size, "name": member.name}
                elif end in LABEL_ENDS:
                    data = tar.extractfile(member).read(2**20)
                    total.update(hashlib.sha256(data).digest())
                    label = label_of(f"{path}:{member.name}", data, end)
                    example |= {} if label is None else {"label": label}
                else:
                    left += 1
                    continue
                examples[key] = example
    except (tarfile.TarError, OSError, EOFError) as error:
        raise MissingError(
            f"{path}: not a tar, damaged, or compressed ({error}); use plain .tar shards"
        ) from None
    kept = [example for example in examples.values() if "offset" in example]
    if not kept:
        raise MissingError(f"{path}: no images in it; use shards of .jpg, .png or .webp files")
    labelled = [example for example in kept if "label" in example]
    if 0 < len(labelled) < len(kept):
        lacking = next(example["name"] for example in kept if "label" not in example)
        raise UserError(f"{path}: {lacking} has no label and others have; use labels for all, or for none")
    if left:
        image_cache.say(
            f"{path}: left out {counted(left, 'file')} that hold neither an image nor a .cls or .json label"
        )
    labels = [example["label"] for example in kept] if labelled else None
    return {
        "path": path,
        "names": [example["name"] for example in kept],
        "offsets": [example["offset"] for example in kept],
        "sizes": [example["size"] for example in kept],
        "labels": labels,
        "channels": channels,
        "digest": digest(total.hexdigest(), labels),
    }


def opened(label, data):
    """A PIL image whose pixels are not decoded. Raises MissingError for what is none, UserError for more than
    8 bits."""
    try:
        image = decoding.open_image(data, label)
    except Exception as error:
        reason = str(error).split(" <_io")[0] or type(error).__name__
        raise MissingError(f"{label}: cannot be decoded ({reason}); replace it, or remove it") from None
    if image.mode.startswith(("I", "F")) or image.format == "PNG" and data[24] == 16:
        raise UserError(f"{label}: has more than 8 bits a pixel; use iterators/images.py or arrays.py")
    return image


def label_of(name, data, end):
    """The class in a .cls file, a whole number, or in "label" of a .json one (None where there is none)."""
    try:
        value = json.loads(data)
        if end == ".json":
            value = next((value[key] for key in ("label", "cls", "class") if key in value), None)
            if value is None or type(value) is not int:
                return None
        if type(value) is not int or value < 0:
            raise ValueError(value)
    except (ValueError, TypeError):
        raise MissingError(f"{name}: holds no class; use a whole number from 0") from None
    return value


# --- the stream


class Shards(torch.utils.data.Dataset):
    """The examples of shards one after the other: shards[i] is {"x": uint8 [C, H, W], "y": int}, read by its
    offset."""

    def __init__(self, shards, size, crop, channels, labelled):
        self.shards, self.size, self.crop, self.channels, self.labelled = (
            shards,
            size,
            crop,
            channels,
            labelled,
        )
        self.starts = np.cumsum([0] + [len(shard["offsets"]) for shard in shards])
        self.files = {}  # open ones, of this process
        if labelled:
            self.targets = [label for shard in shards for label in shard["labels"]]

    def __len__(self):
        return int(self.starts[-1])

    def __getstate__(self):
        return self.__dict__ | {"files": {}}

    def __getitem__(self, i):
        k = int(np.searchsorted(self.starts, i, "right")) - 1
        shard, at = self.shards[k], i - int(self.starts[k])
        label = f"{shard['path']}:{shard['names'][at]}"
        array = decoding.decode(label, lambda: self.read(shard, at), self.size, self.crop, self.channels)
        if self.size is None:
            if not hasattr(self, "shape"):
                self.shape = array.shape
            if array.shape != self.shape:
                raise UserError(
                    f"--iterator_args size: not given, and {label} has {array.shape[1]}x{array.shape[0]} "
                    f"pixels, others {self.shape[1]}x{self.shape[0]}; use size=N"
                )
        x = torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1)
        return {"x": x, "y": shard["labels"][at]} if self.labelled else {"x": x}

    def read(self, shard, at):
        """The bytes of one image."""
        key = os.getpid(), shard["path"]  # a forked worker may not share a file's position
        if key not in self.files:
            if len(self.files) >= 64:
                self.files.pop(next(iter(self.files))).close()
            self.files[key] = open(shard["path"], "rb")
        data = os.pread(self.files[key].fileno(), shard["sizes"][at], shard["offsets"][at])
        if len(data) != shard["sizes"][at]:
            raise EOFError("the shard has become shorter")
        return data


class InShards(common.DataIterator):
    """A DataIterator whose order keeps shards together, so that files are read nearly in sequence.

    Epoch e takes the shards in the order permutation(m, seed, "shards", e), mixed_shards at a time; the
    examples of these together in a random order.
    """

    def __init__(self, *given, mixed_shards=8, **options):
        self.mixed_shards = mixed_shards
        super().__init__(*given, **options)

    def _order(self, epoch):
        if not self.shuffle:
            return torch.arange(self.n)
        starts = torch.from_numpy(self.source.starts)
        shards, parts = permutation(len(starts) - 1, self.seed, "shards", epoch).split(self.mixed_shards), []
        for k, group in enumerate(shards):
            rows = torch.cat([torch.arange(starts[s], starts[s + 1]) for s in group.tolist()])
            parts.append(rows[permutation(len(rows), self.seed, "in shards", epoch, k)])
        return torch.cat(parts)
