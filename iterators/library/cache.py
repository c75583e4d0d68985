"""Images decoded once: files of a folder, members of a zip or records of a database -> arrays on disc.

A cache is a folder <source>-<key>-<digest>/ holding images.npy (uint8, uint16 or float32 [N, H, W, C]),
further arrays (labels.npy, int64 [N], ...) and meta.json: shapes and sha256 of each array, where each split
lies, names of the classes, the digest of the data, and a sha256 of all this. The key is a digest of what the
source lists (names, sizes, CRCs or times) and of the options. Two sources may list the same and hold other
pictures. So a cache also knows the identity (paths, inodes and times, see files.Listing) of each source that
it was found to be made of, and one of another identity is read, and compared by its digest, before the cache
is taken for it.
"""

import contextlib
import glob
import hashlib
import json
import os
import secrets
import shutil
import sys
import time

import numpy as np

from engine import distributed
from engine.errors import UserError
from engine.files import write_atomically
from iterators.library import ranges
from iterators.library.decoding import decode_all, fetch
from iterators.library.files import digest
from iterators.library.splits import Splits, spans

IN_MEMORY = 2**31  # bytes: larger sets stay on disc and are read through a memory map
FORMAT = 2  # part of every key: raise it when the same files would give other bytes
FILE_OF = {"x": "images.npy", "y": "labels.npy"}
KNOWN_SOURCES = 16  # identities that a cache remembers
DAMAGE = (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, OverflowError, MemoryError)


def whole(option, value):
    """Raises UserError unless the --iterator_args option is None or a whole number above 0."""
    if value is not None and (type(value) is not int or value < 1):
        raise UserError(f"--iterator_args {option}: given {value!r}; use a whole number above 0")


def writable(folder):
    """Whether to write there: permitted, and not marked read-only (which would not stop root)."""
    return os.path.isdir(folder) and os.access(folder, os.W_OK) and bool(os.stat(folder).st_mode & 0o222)


def sha256(array):
    """The sha256 of an array's values, in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def file_sha256(path):
    """The sha256 of a file, in hexadecimal."""
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def user_folder():
    """Where caches lie that cannot lie beside their source."""
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "task_launcher")


# ------------------------------------------------------------------------------------------------------------
# - one cache


def sealed(meta):
    """The description with a sha256 of its own."""
    meta = {name: value for name, value in meta.items() if name != "sha256"}
    return meta | {"sha256": hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()}


def described(folder):
    """meta.json of a cache: a dict that is as it was written. Raises one of DAMAGE."""
    with open(os.path.join(folder, "meta.json"), encoding="utf8") as file:
        meta = json.load(file)
    if sealed(meta) != meta:
        raise ValueError("meta.json is not what was written")
    return meta


def load(folder, meta, in_memory):
    """The arrays of a cache. They are checked by their sha256; a memory-mapped one only where its file's size
    or time is not that of the writing. Raises one of DAMAGE if something lacks or is not what was written."""
    arrays = {}
    for name, facts in meta["arrays"].items():
        path = os.path.join(folder, facts["file"])
        # "c": copy on write, since torch warns of arrays that it could not write to; nothing is ever written.
        # A header that
        # promises more than the file has fails here, before memory is taken
        array = np.load(path, mmap_mode="c", allow_pickle=False)
        mapped = os.path.getsize(path) > in_memory
        if not mapped:
            array = np.array(array)
        arrays[name] = array
        untouched = mapped and [os.stat(path).st_size, os.stat(path).st_mtime_ns] == facts.get("stamp")
        if list(array.shape) != facts["shape"] or not untouched and sha256(array) != facts["sha256"]:
            raise ValueError(f"{facts['file']} is not what was written")
    return arrays


def find(folders, identity, content, in_memory, report=True):
    """(arrays, facts) of that of the caches which is made of a source of this identity; None where there is
    none.

    content(): the digest of the source, which takes reading it; only asked for where a cache of the same key
    has another identity. A damaged cache counts as none, and is reported on stderr.
    """
    for folder in folders:
        try:
            meta = described(folder)
            known = identity in meta["identities"]
            if not known and meta["facts"]["digest"] != content():
                continue
            arrays = load(folder, meta, in_memory)
        except DAMAGE as error:
            if report:
                reason = str(error) or type(error).__name__
                print(f"the image cache {folder} is damaged ({reason}); decoding again", file=sys.stderr)
            continue
        with contextlib.suppress(OSError):  # one that cannot be written to serves all the same
            if not known:
                remember(folder, meta, identity)
            os.utime(folder)  # the time of last use
        return arrays, meta["facts"]
    return None


def remember(folder, meta, identity):
    """Notes in a cache that a source of this identity was read and is the same."""
    known = [*meta["identities"], identity][-KNOWN_SOURCES:]
    write_meta(folder, meta | {"identities": known})


def write_meta(folder, meta):
    """Writes meta.json, whole or not at all."""
    write_atomically(os.path.join(folder, "meta.json"), json.dumps(sealed(meta), indent=1).encode())


def publish(made, folder, check):
    """Renames the finished folder `made` to `folder`, over a damaged one; a whole one, by another process,
    stays.

    check(): whether the one that is there is whole.
    """
    for _ in range(3):
        try:
            return os.rename(made, folder)  # fails where a folder that is not empty already lies
        except OSError:
            if check():
                return None
        shutil.rmtree(folder, ignore_errors=True)
    return os.rename(made, folder)


# ---------------------------------------------------------------------------------------------------------
# finding or making


def cached(source, listing, options, build, content, cache=None, in_memory=IN_MEMORY):
    """(arrays, facts) of the cache of a source, made first if there is none.

    source: the file or folder that the images come from. listing: (key, identity), digests of what it lists,
    see files.Listing. options: plain facts that the arrays depend on. build(path) writes images.npy, which is
    `path`, and returns the other arrays, {name: array}, and facts for meta.json, among them "digest", that of
    the data, which content() computes as well. The cache lies in `cache` if given, else in .task_launcher/
    beside the source, or in the user's cache folder where that cannot be written. Several processes may do
    this at once: each writes under a name of its own, and renames. Older caches of the same source and
    options are removed when it has changed.
    """
    source = os.path.abspath(source)
    beside, stem = os.path.split(source)
    places = [os.path.join(beside, ".task_launcher"), user_folder()]
    if cache is not None:
        places = [os.path.abspath(os.path.expanduser(str(cache)))]
    key, identity = digest(FORMAT, listing[0], options)[:16], listing[1]
    once = Once(content)
    for place in places:
        ready = find(caches(place, key), identity, once, in_memory)
        if ready:
            return ready
    place = places[0] if cache is not None or writable(beside) else places[1]
    name = f"{shortened(os.path.splitext(stem)[0])}-{key}"
    made = os.path.join(place, f"{name}.part-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        os.makedirs(made)
        remove_leftovers(place)
        arrays, facts = build(os.path.join(made, FILE_OF["x"]))
        meta = {
            "source": source,
            "options": digest(options),
            "identities": [identity],
            "arrays": store(made, arrays),
            "facts": facts,
        }
        write_meta(made, meta)
        meta = described(made)
        # before the renaming: the files stay open whatever becomes of the name
        ready = (load(made, meta, in_memory), meta["facts"])
        folder = os.path.join(place, f"{name}-{facts['digest'][:8]}")
        publish(made, folder, lambda: find([folder], identity, lambda: facts["digest"], in_memory, False))
        remove_outdated(place, folder, meta)
        register(place)
    except OSError as error:
        raise UserError(
            f"--iterator_args cache: the decoded images could not be written to {place} "
            f"({error.strerror or error}); use a folder with room that can be written, cache=..."
        ) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir(place)  # only if nothing could be put there
    return ready


class Once:
    """A function without arguments, called when its value is first asked for."""

    def __init__(self, function):
        self.function, self.value = function, None

    def __call__(self):
        """The value."""
        if self.value is None:
            self.value = self.function()
        return self.value


def store(folder, arrays):
    """Writes the arrays beside images.npy; returns what meta.json says of each."""
    for array in arrays:
        np.save(os.path.join(folder, FILE_OF.get(array, f"{array}.npy")), arrays[array], allow_pickle=False)
    facts = {}
    for array in ("x", *arrays):
        file = FILE_OF.get(array, f"{array}.npy")
        values = np.load(os.path.join(folder, file), mmap_mode="r", allow_pickle=False)
        written = os.stat(os.path.join(folder, file))
        facts[array] = {
            "file": file,
            "shape": list(values.shape),
            "sha256": sha256(values),
            "stamp": [written.st_size, written.st_mtime_ns],
        }
    return facts


def shortened(stem, most=100):
    """The start of a name, of at most so many bytes: a file's name may have 255."""
    return stem.encode("utf8", "surrogateescape")[:most].decode("utf8", "ignore")


def caches(place, key):
    """The folders of finished caches of a key in a place."""
    found = glob.glob(os.path.join(glob.escape(place), f"*-{key}-*"))
    return sorted(folder for folder in found if ".part-" not in os.path.basename(folder))


def remove_leftovers(place, days=2):
    """Removes what processes that were killed left half written."""
    for old in glob.glob(os.path.join(glob.escape(place), "*.part-*")):
        if time.time() - os.path.getmtime(old) > days * 86400:
            shutil.rmtree(old, ignore_errors=True)


def remove_outdated(place, folder, meta):
    """Removes other caches of the same source and options: what they were made of is there no more."""
    for other in glob.glob(os.path.join(glob.escape(place), "*-*-*")):
        if other == folder or ".part-" in other:
            continue
        with contextlib.suppress(*DAMAGE):
            theirs = described(other)
            if (theirs["source"], theirs["options"]) == (meta["source"], meta["options"]):
                shutil.rmtree(other, ignore_errors=True)


def register(place):
    """Notes a folder of caches, so that `python -m iterators.cache` finds it."""
    path = os.path.join(user_folder(), "places")
    with contextlib.suppress(OSError):
        os.makedirs(user_folder(), exist_ok=True)
        if place not in registered():
            with open(path, "a", encoding="utf8", errors="surrogateescape") as file:
                file.write(place + "\n")


def registered():
    """The folders of caches that were noted."""
    with contextlib.suppress(OSError):
        with open(os.path.join(user_folder(), "places"), encoding="utf8", errors="surrogateescape") as file:
            return file.read().split("\n")[:-1]
    return []


# ------------------------------------------------------------------------------------------------------------
# --- of images


def by_split(arrays, facts):
    """Splits {split: {"x": [N, C, H, W], "y": int64 [N], ...}}: views of a cache's arrays, in which the
    splits follow each other."""
    arrays = {**arrays, "x": arrays["x"].transpose(0, 3, 1, 2)}
    return Splits(
        {
            split: {name: array[start:stop] for name, array in arrays.items()}
            for split, (start, stop) in facts["splits"].items()
        },
        digest=facts["digest"],
        classes=facts.get("classes"),
        value_range=tuple(facts["range"]) if facts.get("range") else None,
        notes=facts.get("notes", ()),
    )


def data_digest(hashes, arrays, facts):
    """The digest of data: of the sha256 of each of its files or records in order, of labels and other arrays,
    of the names of classes and the bounds of splits. Decoded pixels are no part of it, as they differ between
    versions of Pillow."""
    total = hashlib.sha256(b"".join(hashes)).hexdigest()
    labels = {name: sha256(array) for name, array in sorted(arrays.items())}
    return digest(total, labels, facts.get("classes"), sorted(facts["splits"].items()))


def cached_images(
    source,
    listing,
    plan,
    read,
    label,
    size=None,
    crop=None,
    channels=None,
    workers=2,
    cache=None,
    in_memory=IN_MEMORY,
    value_range=None,
    options=(),
):
    """(Splits as of `by_split`, facts) of encoded images, decoded by the first start and found by later ones.

    plan() -> ({split: names}, {array: values, in the order of the splits}, facts); only called when there is
    no cache. read(name) -> bytes, label(name) -> its name in messages. size, crop, channels, value_range: see
    `decoding.decode_all`. options: further facts that the plan depends on. What was found and left out is
    said on stderr.
    """
    for option, value in ("size", size), ("crop", crop), ("in_memory", in_memory):
        whole(option, value)
    if channels not in (None, 1, 3, 4):
        raise UserError(f"--iterator_args channels: given {channels!r}; use 1, 3 or 4")
    value_range = ranges.checked(value_range)
    planned = Once(plan)

    def flat(names):
        return [name for split in names.values() for name in split]

    def with_splits(names, facts):
        return facts | {"splits": spans({split: len(part) for split, part in names.items()})}

    def build(path):
        names, arrays, facts = planned()
        facts = with_splits(names, facts)
        found = decode_all(path, flat(names), read, label, size, crop, channels, workers, value_range)
        facts["digest"] = data_digest(found["sha256"], arrays, facts)
        deep = found["largest"] is not None  # plain images of 8 bits have no range of their own
        facts["range"] = list(found["range"]) if deep or value_range else None
        dtype = np.load(path, mmap_mode="r").dtype
        line = ranges.described(dtype, found["range"], found["largest"])
        facts["notes"] = [*facts.get("notes", ()), *([f"{source}: {line}"] if line else ())]
        return arrays, facts

    def content():
        names, arrays, facts = planned()
        hashes = [hashlib.sha256(fetch(label(n), lambda n=n: read(n))).digest() for n in flat(names)]
        return data_digest(hashes, arrays, with_splits(names, facts))

    options = [size, crop, channels, value_range, list(options)]
    arrays, facts = cached(source, listing, options, build, content, cache, in_memory)
    splits = by_split(arrays, facts)
    for line in splits.notes:
        say(line)
    return splits, facts


def say(line):
    """A line on stderr, from one process alone."""
    if distributed.rank() == 0:
        print(line, file=sys.stderr)
