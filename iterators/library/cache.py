"""Images decoded once: files of a folder, members of a zip or records of a database -> uint8 arrays on disc.

A cache is a folder <source>-<key>/ holding images.npy (uint8 [N, H, W, C]), further arrays (labels.npy, int64 [N], ...)
and meta.json (shapes, sha256 of each array, where each split lies, names of the classes). The key is the sha256 of what
the source lists (names, sizes, CRCs or times) and of the options, so a changed source or option is another cache.
"""

import concurrent.futures
import contextlib
import functools
import glob
import hashlib
import io
import itertools
import json
import math
import os
import secrets
import shutil
import struct
import sys
import time
import zipfile

import numpy as np
from PIL import Image, ImageOps

from engine.errors import MissingError, UserError

EXTENSIONS = {
    ".png",
    ".jpg",
    ".jpeg",
    ".jfif",
    ".bmp",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
}
IN_MEMORY = 2**31  # bytes: larger sets stay on disc and are read through a memory map
FORMAT = 1  # part of every key: raise it when the same files would give other bytes
FILE_OF = {"x": "images.npy", "y": "labels.npy"}


def digest(*facts):
    """sha256, in hexadecimal, of plain facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def whole(option, value):
    """Raises UserError unless the --iterator_args option is None or a whole number above 0."""
    if value is not None and (type(value) is not int or value < 1):
        raise UserError(f"--iterator_args {option}: given {value!r}; a whole number above 0 would do")


# ---------------------------------------------------------------------------------------------------------- what is there


def is_image(name):
    """By extension; nothing hidden, and not what macOS adds to zips."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
    return not hidden and os.path.splitext(name)[1].lower() in EXTENSIONS


class Files:
    """The image files below a folder or in a zip.

    names: their paths below it, "/" between the parts, sorted. key: a digest of the listing. read(name): the file's bytes.
    label(name): what to call it in a message. Raises MissingError if root is neither a folder nor a zip.
    """

    def __init__(self, root):
        self.root = os.path.abspath(os.path.expanduser(str(root)))
        self.zipped = os.path.isfile(self.root)
        if not os.path.exists(self.root):
            raise MissingError(
                f"--iterator_args root={root}: no such file or folder; a folder or a .zip of images would do"
            )
        if self.zipped and not zipfile.is_zipfile(self.root):
            raise MissingError(
                f"--iterator_args root={root}: not a zip, or a damaged one; a folder or a .zip of images would do"
            )

    @functools.cached_property
    def archive(self):
        return zipfile.ZipFile(self.root)

    @functools.cached_property
    def names(self):
        if self.zipped:
            return sorted(name for name in self.archive.namelist() if is_image(name))
        return [name for name, _, _ in self._walked]

    @functools.cached_property
    def key(self):
        return hashlib.sha256(self._central_directory()).hexdigest() if self.zipped else digest(self._walked)

    @functools.cached_property
    def _walked(self):
        """(name, size in bytes, time of change in ns) of each image file, sorted by name."""
        found, folders = [], [""]
        while folders:
            below = folders.pop()
            try:
                entries = list(os.scandir(os.path.join(self.root, below)))
            except OSError as error:
                raise MissingError(f"{error.filename}: cannot be read ({error.strerror})") from None
            for entry in entries:
                name = below + entry.name
                if entry.is_dir() and not entry.name.startswith("."):
                    folders.append(name + "/")
                elif is_image(name):
                    facts = entry.stat(
                        follow_symlinks=entry.is_file()
                    )  # a broken link: reading it will fail, and name it
                    found.append((name, facts.st_size, facts.st_mtime_ns))
        return sorted(found)

    def _central_directory(self):
        """The bytes that list every member's name, size and CRC-32.

        They are found from the record that ends the file, as zipfile takes half a second to parse 60,000 members; a zip
        with a comment or in the zip64 format is left to zipfile.
        """
        with open(self.root, "rb") as file:
            end = file.seek(0, os.SEEK_END) - 22
            file.seek(max(0, end))
            signature, size, offset = struct.unpack("<4s8xII2x", file.read(22))
            if signature == b"PK\x05\x06" and offset + size == end:
                file.seek(offset)
                return file.read(size)
        return repr(
            [(member.filename, member.file_size, member.CRC) for member in self.archive.infolist()]
        ).encode()

    def read(self, name):
        if self.zipped:
            return self.archive.read(name)
        with open(os.path.join(self.root, name), "rb") as file:
            return file.read()

    def label(self, name):
        return f"{self.root}:{name}" if self.zipped else os.path.join(self.root, name)


# --------------------------------------------------------------------------------------------------------------- decoding


def eight_bits(image, channels=None):
    """The image in mode L (channels 1) or RGB (3); by default 1 for grey modes and 3 for others.

    16-bit grey v becomes round(255 v / 65535): Pillow's own conversion clips at 255. What is transparent is laid over white.
    Grey of colour is 0.299 R + 0.587 G + 0.114 B. Raises ValueError for 32-bit and floating-point pixels.
    """
    grey = image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")
    if image.mode.startswith("I"):  # I;16, I;16B, ...; a 16-bit PNG is plain I before Pillow 11
        wide = np.asarray(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            raise ValueError("its pixels have 32 bits; 8 or 16 would do")
        image = Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are floating-point; 8 or 16 bits would do")
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    mode = "L" if channels == 1 or channels is None and grey else "RGB"
    return image if image.mode == mode else image.convert(mode)


def centre(image, side):
    """The middle side x side pixels."""
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def fit(image, size=None):
    """The shorter side resized to `size` pixels by Lanczos' kernel (a = 3, antialiased), then the middle size x size."""
    if size is None or image.size == (size, size):
        return image
    scale = size / min(image.size)
    sides = [max(size, round(side * scale)) for side in image.size]
    return centre(image.resize(sides, Image.Resampling.LANCZOS), size)


def pixels(image):
    """uint8 [H, W, C] of an image in mode L or RGB."""
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


def decode(label, read, size=None, crop=None, channels=None):
    """One encoded image as uint8 [H, W, C]: turned as its EXIF says, middle crop x crop, then `fit`.

    label: its name in messages. read: a function without arguments that returns its bytes. An animation gives its first
    picture. Raises MissingError if it cannot be decoded, UserError if it is smaller than crop.
    """
    try:
        image = Image.open(io.BytesIO(read()))
        ImageOps.exif_transpose(image, in_place=True)
        image = eight_bits(image, channels)
    except Exception as error:  # Pillow raises whatever its parsers stumble over
        reason = str(error).split(" <_io")[0] or type(error).__name__
        raise MissingError(f"{label}: cannot be decoded ({reason}); replace it, or remove it") from None
    if crop is not None:
        if min(image.size) < crop:
            raise UserError(
                f"--iterator_args crop={crop}: {label} has {image.width}x{image.height} pixels; "
                f"at most {min(image.size)} would do"
            )
        image = centre(image, crop)
    return pixels(fit(image, size))


def in_chunks(work, n, workers, size, chunk=64):
    """work(start, stop) over 0 .. n-1 in at least two threads, which Pillow's C code lets run side by side.

    size: bytes of one image. Up to 4 kB an image is more Python than C, and threads would only queue for the interpreter's
    lock (60,000 JPEGs of 32x32: 8 s in this one, 13 s in two others), so it is done here.
    """
    from tqdm import tqdm

    pool = concurrent.futures.ThreadPoolExecutor(max(2, workers))
    bounds = [(start, min(n, start + chunk)) for start in range(0, n, chunk)]
    try:
        done = (map if size <= 4096 else pool.map)(work, *zip(*bounds))
        with tqdm(total=n, unit=" images", disable=n < 10_000 or not sys.stderr.isatty()) as bar:
            for (start, stop), _ in zip(bounds, done):
                bar.update(stop - start)
    finally:
        pool.shutdown(cancel_futures=True)  # an error ends the work instead of waiting for all of it


def decode_all(path, names, read, label, size=None, crop=None, channels=None, workers=2):
    """Decodes the named images, in that order, into the .npy file `path`, uint8 [N, H, W, C].

    The first image gives H, W and, unless told, C. Raises UserError, naming two files, if H and W differ.
    """
    first = decode(label(names[0]), lambda: read(names[0]), size, crop, channels)
    out = new_array(path, (len(names), *first.shape))

    def work(start, stop):
        for i in range(start, stop):
            image = decode(label(names[i]), lambda: read(names[i]), size, crop, first.shape[2])
            if image.shape != first.shape:
                (h, w, _), (h2, w2, _) = first.shape, image.shape
                raise UserError(
                    f"--iterator_args size: not given, and the images differ: {label(names[0])} has {w}x{h} pixels, "
                    f"{label(names[i])} {w2}x{h2}; --iterator_args size=N, say {min(h, w, h2, w2)}, would do"
                )
            out[i] = image

    in_chunks(work, len(names), workers, len(read(names[0])))


def resize_all(images, size, workers=2):
    """`fit` of each image: uint8 [N, H, W, C] -> [N, size, size, C]."""
    out = np.empty((len(images), size, size, images.shape[3]), np.uint8)

    def work(start, stop):
        for i in range(start, stop):
            out[i] = pixels(
                fit(Image.fromarray(images[i, :, :, 0] if images.shape[3] == 1 else images[i]), size)
            )

    in_chunks(work, len(images), workers, images[0].nbytes)
    return out


# ------------------------------------------------------------------------------------------------------------- on the disc


def new_array(path, shape):
    """A uint8 .npy file to be filled, as a memory map. Raises UserError if the disc has too little room (a full one ends the
    process without a word, by SIGBUS)."""
    needed, free = math.prod(shape), shutil.disk_usage(os.path.dirname(path)).free
    if needed > free:
        raise UserError(
            f"--iterator_args cache: {os.path.dirname(path)} has {free / 2**30:.1f} GiB free and the decoded "
            f"images need {needed / 2**30:.1f}; a folder on a larger disc, cache=..., or a smaller size=N would do"
        )
    return np.lib.format.open_memmap(path, "w+", np.uint8, shape)


def writable(folder):
    """Whether to write there: permitted, and not marked read-only (which would not stop root)."""
    return os.path.isdir(folder) and os.access(folder, os.W_OK) and bool(os.stat(folder).st_mode & 0o222)


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def load(folder, in_memory):
    """(arrays, facts) of a cache. Arrays are checked by their sha256; a memory-mapped one only where its file's size or time is not that of the writing.

    Raises OSError, ValueError, KeyError or EOFError if something lacks or is not what was written.
    """
    with open(os.path.join(folder, "meta.json")) as file:
        meta = json.load(file)
    arrays = {}
    for name, facts in meta["arrays"].items():
        path = os.path.join(folder, facts["file"])
        mapped = os.path.getsize(path) > in_memory
        # "c": copy on write, since torch warns of arrays that it could not write to; nothing is ever written
        array = arrays[name] = np.load(path, mmap_mode="c" if mapped else None, allow_pickle=False)
        untouched = mapped and [os.stat(path).st_size, os.stat(path).st_mtime_ns] == facts.get("stamp")
        if list(array.shape) != facts["shape"] or not untouched and sha256(array) != facts["sha256"]:
            raise ValueError(f"{facts['file']} is not what was written")
    return arrays, meta["facts"]


def find(folder, in_memory, report=True):
    """`load`, or None where no cache is; a damaged one counts as none, and is reported on stderr."""
    if not os.path.isdir(folder):
        return None
    try:
        return load(folder, in_memory)
    except (OSError, ValueError, KeyError, EOFError) as error:
        if report:
            print(f"the image cache {folder} is damaged ({error}); decoding again", file=sys.stderr)
        return None


def publish(made, folder, in_memory):
    """Renames the finished folder `made` to `folder`, over a damaged one; a whole one, by another process, stays."""
    for _ in range(3):
        try:
            return os.rename(made, folder)  # fails where a folder that is not empty already lies
        except OSError:
            if find(folder, in_memory, report=False):
                return None
        shutil.rmtree(folder, ignore_errors=True)
    return os.rename(made, folder)


def cached(source, key, build, cache=None, in_memory=IN_MEMORY):
    """(arrays, facts) of the cache of `source` under `key`, made first if there is none.

    build(path) writes images.npy, which is `path`, and returns the other arrays, {name: array}, and facts for meta.json.
    source: the file or folder that the images come from. The cache lies in `cache` if given, else in .task_launcher/ beside
    the source, or in ${XDG_CACHE_HOME:-~/.cache}/task_launcher/ where that cannot be written. Several processes may do this
    at once: each writes under a name of its own, and renames.
    """
    source = os.path.abspath(source)
    beside, stem = os.path.split(source)
    places = [
        os.path.join(beside, ".task_launcher"),
        os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "task_launcher"),
    ]
    if cache is not None:
        places = [os.path.abspath(os.path.expanduser(str(cache)))]
    name = f"{os.path.splitext(stem)[0]}-{digest(FORMAT, key)[:16]}"
    for place in places:
        ready = find(os.path.join(place, name), in_memory)
        if ready:
            return ready
    place = places[0] if cache is not None or writable(beside) else places[1]
    made = os.path.join(place, f"{name}.part-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        os.makedirs(made)
        remove_leftovers(place)
        arrays, facts = build(os.path.join(made, FILE_OF["x"]))
        for array in arrays:
            np.save(os.path.join(made, FILE_OF.get(array, f"{array}.npy")), arrays[array], allow_pickle=False)
        described = {}
        for array in ("x", *arrays):
            file = FILE_OF.get(array, f"{array}.npy")
            values = np.load(os.path.join(made, file), mmap_mode="r", allow_pickle=False)
            written = os.stat(os.path.join(made, file))
            described[array] = {
                "file": file,
                "shape": values.shape,
                "sha256": sha256(values),
                "stamp": [written.st_size, written.st_mtime_ns],
            }
        with open(os.path.join(made, "meta.json"), "w") as file:
            json.dump({"source": source, "arrays": described, "facts": facts}, file, indent=1)
        ready = load(made, in_memory)  # before the renaming: the files stay open whatever becomes of the name
        publish(made, os.path.join(place, name), in_memory)
    except OSError as error:
        raise UserError(
            f"--iterator_args cache: the decoded images could not be written to {place} ({error.strerror or error}); "
            "a folder with room that can be written, cache=..., would do"
        ) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir(place)  # only if nothing could be put there
    return ready


def remove_leftovers(place, days=2):
    """Removes what processes that were killed left half written."""
    for old in glob.glob(os.path.join(glob.escape(place), "*.part-*")):
        if time.time() - os.path.getmtime(old) > days * 86400:
            shutil.rmtree(old, ignore_errors=True)


def by_split(arrays, facts):
    """{split: {"x": uint8 [N, C, H, W], "y": int64 [N], ...}}: views of a cache's arrays, where the splits lie end to end."""
    arrays = {**arrays, "x": arrays["x"].transpose(0, 3, 1, 2)}
    return {
        split: {name: array[start:stop] for name, array in arrays.items()}
        for split, (start, stop) in facts["splits"].items()
    }


def spans(lengths):
    """{name: length} -> {name: [start, stop]} of parts that follow each other."""
    stops = dict(zip(lengths, itertools.accumulate(lengths.values())))
    return {name: [stops[name] - length, stops[name]] for name, length in lengths.items()}


def cached_images(
    source,
    key,
    plan,
    read,
    label,
    size=None,
    crop=None,
    channels=None,
    workers=2,
    cache=None,
    in_memory=IN_MEMORY,
):
    """({split: arrays as of `by_split`}, facts) of encoded images, decoded by the first start and found by later ones.

    plan() -> ({split: names}, {array: values, in the order of the splits}, facts); only called when there is no cache.
    read(name) -> bytes, label(name) -> its name in messages. size, crop, channels: see `decode`.
    """
    for option, value in ("size", size), ("crop", crop), ("in_memory", in_memory):
        whole(option, value)
    if channels not in (None, 1, 3):
        raise UserError(f"--iterator_args channels: given {channels!r}; 1 or 3 would do")

    def build(path):
        names, arrays, facts = plan()
        decode_all(
            path,
            [name for split in names.values() for name in split],
            read,
            label,
            size,
            crop,
            channels,
            workers,
        )
        return arrays, facts | {"splits": spans({split: len(part) for split, part in names.items()})}

    arrays, facts = cached(source, [key, size, crop, channels], build, cache, in_memory)
    return by_split(arrays, facts), facts
