"""Encoded images -> arrays: grey or colour, 8 or 16 bits or floating-point, resized, many at once."""

import concurrent.futures
import hashlib
import io
import math
import os
import shutil
import sys
import threading
import warnings

import numpy as np
from PIL import Image, ImageOps

from engine.errors import MissingError, UserError
from iterators.library import ranges
from iterators.library.files import TGA, extension

# not EPS and WMF, for which Pillow starts other programs or fonts, nor kinds that it only recognises
FORMATS = ("PNG JPEG MPO GIF BMP DIB WEBP TIFF PPM AVIF JPEG2000 ICO PCX PSD SGI SUN DDS QOI").split()
DEPTHS = ("uint8", "uint16", "float32")
WHITE = 65535
# of damaged EXIF data, which do not matter, and of large pictures, of which Pillow refuses those of twice its
# limit
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class Planes:
    """One image: PIL images of one size in mode F, a channel each. largest, least: of its values, before any
    resizing."""

    def __init__(self, arrays, depth):
        self.depth = depth
        self.least, self.largest = float(min(a.min() for a in arrays)), float(max(a.max() for a in arrays))
        self.channels = [Image.fromarray(np.ascontiguousarray(a, np.float32)) for a in arrays]

    @property
    def size(self):
        """(width, height)."""
        return self.channels[0].size

    def map(self, function):
        """Applies a function of PIL images to each channel. Returns self."""
        self.channels = [function(channel) for channel in self.channels]
        return self

    def array(self):
        """[H, W, C]: uint16, rounded, or float32."""
        values = np.stack([np.asarray(channel) for channel in self.channels], 2)
        return values if self.depth == "float32" else np.rint(values).clip(0, WHITE).astype(np.uint16)


def open_image(data, label=""):
    """A PIL image of encoded bytes. Only formats that Pillow reads by itself are tried."""
    formats = [*FORMATS, "TGA"] if extension(label) in TGA else FORMATS
    return Image.open(io.BytesIO(data), formats=[f for f in formats if f in known()])


def known():
    """The formats that this Pillow reads."""
    if not known.formats:
        Image.init()
        known.formats = set(Image.OPEN)
    return known.formats


known.formats = set()


def grey_or_colour(image):
    """1 for a PIL image of a grey mode, else 3."""
    return 1 if image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I") else 3


def eight_bits(image, channels=None):
    """A PIL image of 8 bits in mode L (channels 1), RGB (3) or RGBA (4); by default 1 for grey modes and 3
    for others.

    What is transparent is laid over white, unless all four channels are asked for. Grey of colour is 0.299 R
    + 0.587 G + 0.114 B.
    """
    channels = channels or grey_or_colour(image)
    if channels == 4:
        return image.convert("RGBA")
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def deep(image, data):
    """The channels of an image of more than 8 bits, [arrays [H, W], ...], their depth and white; None for
    others.

    Pillow keeps 16 bits of grey images alone; PNGs in colour, or grey with transparency, are read by
    torchvision, such TIFFs by the package tifffile. Raises MissingError without it.
    """
    if image.mode == "F":
        return [np.asarray(image)], "float32"
    if image.mode.startswith("I"):  # I;16, I;16B, ...; a 16-bit PNG is plain I before Pillow 11
        values = np.asarray(image).astype(np.int64)
        depth = "uint16" if values.min() >= 0 and values.max() <= WHITE else "float32"
        clear = image.info.get("transparency")
        return [values], depth, (values != clear if isinstance(clear, int) else None)
    if image.format == "PNG" and data[24] == 16:
        import torch
        from torchvision.io import ImageReadMode, decode_image

        encoded = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        return list(decode_image(encoded, ImageReadMode.UNCHANGED).numpy()), "uint16"
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (1,))
        if max(bits if isinstance(bits, tuple) else (bits,)) > 8:
            page = tiff(data)
            return list(page), "uint16" if page.dtype.kind == "u" and page.max() <= WHITE else "float32"
    return None


def tiff(data):
    """The first page [C, H, W] of a TIFF of several channels and more than 8 bits."""
    try:
        import tifffile
    except ImportError:
        raise ValueError("16 bits in colour need the package tifffile; run pip install tifffile") from None
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        values = page.asarray()
        return values if page.planarconfig == 2 else np.moveaxis(np.atleast_3d(values), -1, 0)


def planes(found, channels):
    """The Planes of what `deep` found: laid over white, as grey (1 channel), colour (3) or with transparency
    (4)."""
    arrays, depth, *opaque = found
    arrays = [a.astype(np.float64) for a in arrays]
    if channels == 4:
        colour = arrays[:1] * 3 if len(arrays) < 3 else arrays[:3]
        clear = arrays[len(arrays) - 1] if len(arrays) in (2, 4) else np.full_like(arrays[0], WHITE)
        return Planes([*colour, clear], depth)
    seen = None  # where values count for the largest one
    if len(arrays) in (2, 4):
        alpha = arrays.pop() / WHITE
        seen = alpha > 0
        arrays = [np.rint(a * alpha + WHITE * (1 - alpha)) for a in arrays]
    elif opaque and opaque[0] is not None:
        seen = opaque[0]
        arrays = [np.where(seen, a, WHITE) for a in arrays]
    if channels == 1 and len(arrays) == 3:
        r, g, b = arrays
        arrays = [0.299 * r + 0.587 * g + 0.114 * b]
    elif channels == 3 and len(arrays) == 1:
        arrays = arrays * 3
    made = Planes(arrays, depth)
    if seen is not None and seen.any():  # white that was laid under it says nothing of the values
        made.least, made.largest = (
            float(min(a[seen].min() for a in arrays)),
            float(max(a[seen].max() for a in arrays)),
        )
    return made


def centre(image, side):
    """The middle side x side pixels."""
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def fit(image, size=None):
    """The shorter side resized to `size` pixels by Lanczos' kernel (a = 3, antialiased), then the middle size
    x size."""
    if size is None or image.size == (size, size):
        return image
    scale = size / min(image.size)
    sides = [max(size, round(side * scale)) for side in image.size]
    return centre(image.resize(sides, Image.Resampling.LANCZOS), size)


def pixels(image):
    """uint8 [H, W, C] of an image in mode L, RGB or RGBA."""
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


class Picture:
    """One decoded image: array [H, W, C], its depth (one of DEPTHS), whether it is grey or colour (1 or 3),
    and the least and largest value of its pixels."""

    def __init__(self, array, depth, native, least, largest):
        self.array, self.depth, self.native, self.least, self.largest = array, depth, native, least, largest


def picture(label, data, size=None, crop=None, channels=None):
    """One encoded image as a Picture: turned as its EXIF says, middle crop x crop, then `fit`.

    label: its name in messages. data: its bytes. An animation gives its first picture. Raises MissingError if
    it cannot be decoded, UserError if it is smaller than crop.
    """
    try:
        image = open_image(data, label)
        native = grey_or_colour(image)
        orientation = image.getexif().get(0x0112, 1)
        found = deep(image, data)
        if found is None:
            ImageOps.exif_transpose(image, in_place=True)
            image = eight_bits(image, channels)
        else:
            native = 1 if len(found[0]) < 3 else 3
            image = planes(found, channels or native).map(lambda plane: turned(plane, orientation))
    except Exception as error:  # Pillow raises whatever its parsers stumble over
        reason = str(error).split(" <_io")[0] or type(error).__name__
        raise MissingError(f"{label}: cannot be decoded ({reason}); replace it, or remove it") from None
    if crop is not None and min(image.size) < crop:
        raise UserError(
            f"--iterator_args crop={crop}: {label} has {image.size[0]}x{image.size[1]} pixels; "
            f"use at most {min(image.size)}"
        )
    shape = lambda plane: fit(plane if crop is None else centre(plane, crop), size)
    if found is None:
        return Picture(pixels(shape(image)), "uint8", native, 0, 255)
    return Picture(image.map(shape).array(), image.depth, native, image.least, image.largest)


TURNS = dict(
    zip(
        range(2, 9),
        [getattr(Image.Transpose, name) for name in
         "FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_270 TRANSVERSE ROTATE_90".split()],
    )
)  # fmt: skip


def turned(image, orientation):
    """A PIL image as EXIF's orientation, 1 .. 8, says that it is to be shown."""
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def decode(label, read, size=None, crop=None, channels=None):
    """One encoded image by itself as uint8 [H, W, C]; see `picture`. read(): its bytes.

    16 bits become 8, v -> round(255 v / 65535). Raises MissingError for floating-point pixels.
    """
    made = picture(label, fetch(label, read), size, crop, channels)
    if made.depth == "float32":
        raise MissingError(
            f"{label}: cannot be decoded (its pixels have 32 bits or are floating-point); use 8 or 16 bits"
        )
    if made.depth == "uint16":
        return ((made.array.astype(np.int64) * 255 + WHITE // 2) // WHITE).astype(np.uint8)
    return made.array


def fetch(label, read):
    """The bytes that read() gives. Raises MissingError, which names the image, where it fails."""
    try:
        return read()
    except Exception as error:  # of a file, a zip, a database
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MissingError(f"{label}: cannot be decoded ({reason}); replace it, or remove it") from None


def in_chunks(work, n, workers, size, chunk=64):
    """work(start, stop) over 0 .. n-1 in at least two threads, which Pillow's C code lets run side by side.

    size: bytes of one image. Up to 4 kB an image is more Python than C, and threads would only queue for the
    interpreter's lock (60,000 JPEGs of 32x32: 8 s in this one, 13 s in two others), so it is done here.
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


class OtherKind(Exception):
    """An image shows that all are to be kept otherwise: channels, depth."""


def decode_all(path, names, read, label, size=None, crop=None, channels=None, workers=2, value_range=None):
    """Decodes the named images, in that order, into the .npy file `path`, [N, H, W, C]; returns what was
    found.

    C is 1 if all images are grey and 3 if any is in colour, unless told. Values are uint8; uint16 if any
    image has more than 8 bits and a value above 255 (8-bit images are brightened to their range); float32 if
    all are floating-point. value_range: (low, high), by default as `ranges.found` says of the whole set.
    Returns {"range": (low, high), "largest": value or None, "sha256": [digest of each file]}. Raises
    UserError, naming two files, if H and W differ or some are floating-point.
    """
    kind, out, least, largest, hashes, shallow = None, None, math.inf, -math.inf, [b""] * len(names), []
    start = fetch(label(names[0]), lambda: read(names[0]))
    first = picture(label(names[0]), start, size, crop, channels)
    lock = threading.Lock()

    def work(start, stop):
        nonlocal least, largest
        for i in range(start, stop):
            data = fetch(label(names[i]), lambda i=i: read(names[i]))
            hashes[i] = hashlib.sha256(data).digest()
            made = picture(label(names[i]), data, size, crop, kind[0])
            wanted = channels or max(kind[0], made.native), max(kind[1], made.depth, key=DEPTHS.index)
            if made.depth != kind[1] and "float32" in (made.depth, kind[1]):
                raise UserError(
                    f"--iterator_args root: {label(names[i])} has {made.depth} pixels and {label(names[0])} "
                    f"{first.depth}; use images of one kind"
                )
            if wanted != kind:
                raise OtherKind(wanted)
            if made.array.shape != first.array.shape[:2] + (kind[0],):
                (h, w), (h2, w2) = first.array.shape[:2], made.array.shape[:2]
                raise UserError(
                    f"--iterator_args size: not given, and the images differ: {label(names[0])} has {w}x{h} "
                    f"pixels, {label(names[i])} {w2}x{h2}; use --iterator_args size=N, say "
                    f"{min(h, w, h2, w2)}"
                )
            out[i] = made.array
            if kind[1] != "uint8":
                with lock:
                    if made.depth == "uint8":
                        shallow.append(i)
                    else:
                        least, largest = min(least, made.least), max(largest, made.largest)

    kind = channels or first.native, first.depth
    while True:
        out = new_array(path, (len(names), *first.array.shape[:2], kind[0]), kind[1])
        least, largest = math.inf, -math.inf
        shallow.clear()
        try:
            in_chunks(work, len(names), workers, len(start))
            break
        except OtherKind as found:  # at most once a kind: kinds only grow
            kind = found.args[0]
    facts = {"range": value_range or (0, 255), "largest": None, "sha256": hashes}
    if kind[1] != "uint8":
        what = os.path.dirname(label(names[0]))
        facts["range"] = value_range or ranges.found(kind[1] == "float32", least, largest, what)
        facts["largest"] = largest
        finish(path, out, facts["range"], shallow)
    return facts


def finish(path, out, value_range, shallow):
    """Brings deep images to their range, in place: 8-bit ones (`shallow`, their numbers) are brightened to
    it, what resizing or white paper put beyond it is cut. Values of 8 bits in 16 are kept as uint8."""
    (low, high), shallow = value_range, set(shallow)
    for i in range(len(out)):
        if i in shallow and high > 255:
            out[i] = np.rint(out[i] * (high / 255))
        np.clip(out[i], low if out.dtype.kind == "f" else max(low, 0), high, out=out[i])
    out.flush()
    if out.dtype == np.uint16 and (low, high) == (0, 255):
        small = path + ".small"
        narrow = new_array(small, out.shape)
        for i in range(len(out)):
            narrow[i] = out[i]
        narrow.flush()
        os.replace(small, path)


def resize_all(images, size, workers=2):
    """`fit` of each image: uint8 [N, H, W, C] -> [N, size, size, C]; uint16 and float32 likewise, cut to the
    range they had."""
    out = np.empty((len(images), size, size, images.shape[3]), images.dtype)
    plain = images.dtype == np.uint8 and images.shape[3] in (1, 3)

    def work(start, stop):
        for i in range(start, stop):
            if plain:
                image = Image.fromarray(images[i, :, :, 0] if images.shape[3] == 1 else images[i])
                out[i] = pixels(fit(image, size))
                continue
            made = Planes(list(np.moveaxis(images[i], 2, 0)), "float32")
            values = made.map(lambda plane: fit(plane, size)).array().clip(made.least, made.largest)
            out[i] = values if out.dtype.kind == "f" else np.rint(values)

    in_chunks(work, len(images), workers, images[0].nbytes)
    return out


def new_array(path, shape, dtype="uint8"):
    """A .npy file to be filled, as a memory map. Raises UserError if the disc has too little room (a full one
    ends the process without a word, by SIGBUS)."""
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    free = shutil.disk_usage(os.path.dirname(path)).free
    if needed > free:
        raise UserError(
            f"--iterator_args cache: {os.path.dirname(path)} has {free / 2**30:.1f} GiB free and the decoded "
            f"images need {needed / 2**30:.1f}; use a folder on a larger disc, cache=..., or a smaller size=N"
        )
    return np.lib.format.open_memmap(path, "w+", dtype, shape)
