"""Any array of images: .npy, .npz, .pt and multi-page TIFF files, of any number of channels and of 8 bits, 16
bits or floats."""

import glob
import json
import os
import re

import numpy as np

from engine import distributed
from engine.errors import MissingError, UserError
from engine.files import write_atomically
from iterators import common
from iterators.images import SPLIT_OF, SPLITS
from iterators.library import cache as image_cache
from iterators.library import decoding, ranges
from iterators.library.files import digest, listing
from iterators.library.splits import Splits

EXTENSIONS = (".npy", ".npz", ".pt", ".pth", ".tif", ".tiff")
# names of arrays in a file: NumPy's own, of StyleGAN, of diffusion models' samples, of ImageNet-32, of Keras
IMAGES = ("images", "arr_0", "x", "data", "x_train", "image", "imgs", "samples")
LABELS = ("labels", "arr_1", "y", "label", "y_train", "targets")
SMALL = 4  # an axis of so few may be that of the channels whatever the others are


def get_iterators(
    batch_size,
    seed=0,
    root=None,
    num_workers=2,
    labels=None,
    test=None,
    layout=None,
    range=None,
    size=None,
    valid=0,
    flip=False,
    subset=None,
    in_memory=image_cache.IN_MEMORY,
    subset_seed=None,
    stratify=False,
):
    """x [N, C, H, W] of arrays [N, H, W], [N, H, W, C] or [N, C, H, W], and y [N] where there are labels.

    root: a file (.npy, .npz, .pt, .tif), or a folder of such files whose names begin with a split's, as
    train.npy, test.npz and train_labels.npy, or ImageNet-32's batches, or with a single file. labels: an .npy
    of root's labels. test: a file of test images. layout: nhwc or nchw, needed where the shape fits both.
    range: (black, white); by default of 8 to 16 bits as the largest value of all splits needs, of floats [0,
    1] or [-1, 1]. size: shorter side resized, middle cut. Larger .npy files than in_memory bytes stay on
    disc, mapped. Pickles are never read. valid, subset, subset_seed, stratify, flip: see `common.iterators`.
    Raises MissingError for files that cannot be read, UserError for arrays that are no images.
    """
    if root is None:
        raise UserError(
            f"--iterator_args root: not given; use root=<a file, {' '.join(EXTENSIONS)}, or a folder of them>"
        )
    splits = load(root, labels, test, layout, range, size, in_memory, num_workers)
    n_classes = max((int(part["y"].max()) + 1 for part in splits.values() if "y" in part), default=0)
    for line in splits.notes:
        image_cache.say(line)
    return common.iterators(
        splits,
        batch_size,
        seed,
        n_classes,
        valid,
        subset,
        flip,
        subset_seed=subset_seed,
        stratify=stratify,
    )


def load(
    root,
    labels=None,
    test=None,
    layout=None,
    value_range=None,
    size=None,
    in_memory=image_cache.IN_MEMORY,
    workers=2,
    channels=None,
):
    """Splits {split: {"x": [N, C, H, W], "y": int64 [N]}} of array files; see `get_iterators`. channels: 3
    repeats grey ones."""
    value_range = ranges.checked(value_range)
    image_cache.whole("size", size)
    if layout not in (None, "nhwc", "nchw"):
        raise UserError(f"--iterator_args layout: given {layout!r}; use nhwc or nchw")
    files = sources(os.path.abspath(os.path.expanduser(str(root))), labels, test)
    splits = {}
    for split, (paths, label_paths) in files.items():
        parts = [read(path, layout, in_memory) for path in paths]
        arrays = {"x": joined([x for x, _ in parts], paths)}
        given = [labels_of(path) for path in label_paths] or [y for _, y in parts]
        if all(y is not None for y in given):
            arrays["y"] = whole_labels(np.concatenate(given), label_paths or paths, len(arrays["x"]))
        splits[split] = arrays
    shapes = {split: arrays["x"].shape[1:] for split, arrays in splits.items()}
    if len(set(shapes.values())) > 1:
        raise UserError(
            f"--iterator_args root={root}: the splits' images differ in shape: "
            + ", ".join(f"{split} {list(shape)}" for split, shape in shapes.items())
            + "; use arrays of one shape"
        )
    if len({"y" in arrays for arrays in splits.values()}) > 1:
        raise UserError(
            f"--iterator_args root={root}: only some splits have labels; give all of them, or none"
        )
    every = [path for paths, more in files.values() for path in [*paths, *more]]
    facts = known_facts(every, [layout], lambda: facts_of(every, splits))
    if not (np.isfinite(facts["least"]) and np.isfinite(facts["largest"])):
        raise UserError(f"--iterator_args root={root}: holds values that are not finite; repair it")
    if value_range is None:
        floating = any(arrays["x"].dtype.kind == "f" for arrays in splits.values())
        value_range = ranges.found(floating, facts["least"], facts["largest"], str(root))
        if all(arrays["x"].dtype == np.uint8 for arrays in splits.values()):
            value_range = (0, 255)
    dtype = next(iter(splits.values()))["x"].dtype
    line = ranges.described(dtype, value_range, facts["largest"])
    for arrays in splits.values():
        x = arrays["x"]
        if x.dtype == np.uint16 and value_range == (0, 255) and not isinstance(x, np.memmap):
            x = x.astype(np.uint8)
        if size is not None and x.shape[2:] != (size, size):
            x = decoding.resize_all(x.transpose(0, 2, 3, 1), size, workers).transpose(0, 3, 1, 2)
        arrays["x"] = np.repeat(x, channels, 1) if channels and x.shape[1] == 1 else x
    plain = dtype == np.uint8 and value_range == (0, 255)
    return Splits(
        splits,
        digest=digest(facts["contents"], [[len(arrays["x"]) for arrays in splits.values()]]),
        value_range=None if plain else value_range,
        notes=[f"{root}: {line}"] if line else [],
    )


# --- which files


def sources(root, labels, test):
    """{split: ([array files], [files of labels])}."""
    if not os.path.exists(root):
        raise MissingError(
            f"--iterator_args root={root}: no such file or folder; use one of {' '.join(EXTENSIONS)}"
        )
    if os.path.isfile(root):
        found = {"train": ([root], [])}
    elif os.path.isdir(root):
        found = in_folder(root)
    else:
        raise MissingError(f"--iterator_args root={root}: neither a file nor a folder; use one of them")
    for option, given in ("labels", labels), ("test", test):
        if given is not None:
            path = os.path.abspath(os.path.expanduser(str(given)))
            if not os.path.isfile(path):
                raise MissingError(
                    f"--iterator_args {option}={given}: no such file; use {' '.join(EXTENSIONS[:3])}"
                )
            if option == "labels":
                found["train"][1].append(path)
            else:
                found["test"] = [path], []
    return found


def in_folder(root):
    """The files of a folder by split, as their names say; a single one is train."""
    paths = sorted(
        (p for p in glob.glob(os.path.join(glob.escape(root), "*")) if p.lower().endswith(EXTENSIONS)),
        key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path)],
    )
    found = {}
    for path in paths:
        words = re.split(r"[^a-z]+", os.path.basename(path).lower().rsplit(".", 1)[0])
        split = next((SPLIT_OF[word] for word in words if word in SPLIT_OF), None)
        if split is not None:
            of_labels = any(word in ("labels", "label", "y", "targets") for word in words)
            found.setdefault(split, ([], []))[of_labels].append(path)
    if "train" not in found and len(paths) == 1:
        return {"train": (paths, [])}
    if not found.get("train", ([],))[0]:
        raise MissingError(
            f"--iterator_args root={root}: no array files of a train split ({len(paths)} files); use "
            "root=<one file>, or names such as train.npy and test.npy"
        )
    if not found.get("test") and any("train_data_batch" in p for p in found["train"][0]) and "valid" in found:
        # ImageNet-32's official validation images are its test images elsewhere here
        found["test"] = found.pop("valid")
    return {split: found[split] for split in SPLITS if split in found and found[split][0]}


# --- reading


def read(path, layout=None, in_memory=image_cache.IN_MEMORY):
    """(images [N, C, H, W] of uint8, uint16 or float32, labels or None) of one file."""
    end = os.path.splitext(path)[1].lower()
    try:
        if end == ".npy":
            mapped = np.load(path, mmap_mode="c", allow_pickle=False)
            named = {"x": mapped if os.path.getsize(path) > in_memory else np.array(mapped)}
        elif end == ".npz":
            with np.load(path, allow_pickle=False) as file:
                wanted = {name for name in file.files if name.split("/")[-1] in IMAGES + LABELS}
                named = {name: file[name] for name in file.files if name in wanted or len(file.files) == 1}
        elif end in (".pt", ".pth"):
            named = tensors(path)
        else:
            named = {"x": pages(path)}
    except UserError:
        raise
    except Exception as error:  # NumPy, zipfile, torch and Pillow raise whatever they stumble over
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise MissingError(f"{path}: cannot be read ({reason}); pickles are not; use plain arrays") from None
    name = next(
        (name for name in IMAGES if name in named), next(iter(named), None) if len(named) == 1 else None
    )
    if name is None:
        raise UserError(
            f"{path}: has no array of images (it has {', '.join(named) or 'none known'}); name it images, "
            "and labels labels"
        )
    label = next((label for label in LABELS if label in named and label != name), None)
    x, y = as_images(named[name], path, layout), None if label is None else np.asarray(named[label])
    if name == "data" and y is not None and named[name].ndim == 2 and y.min() == 1:
        y = y - 1  # ImageNet-32 counts classes from 1
    return x, y


def tensors(path):
    """{name: array} of a file of torch: a tensor, (images, labels), or a dict of tensors."""
    import torch

    try:
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, ValueError):  # the older format cannot be mapped
        held = torch.load(path, map_location="cpu", weights_only=True)
    if torch.is_tensor(held):
        held = {"x": held}
    elif isinstance(held, (tuple, list)):
        held = dict(zip(("x", "y"), held))
    found = {str(name): value for name, value in dict(held).items() if torch.is_tensor(value)}
    return {name: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for name, t in found.items()}


def pages(path):
    """[N, H, W] or [N, H, W, C] of a TIFF's pages. Pillow reads them where it keeps all bits, else the
    package tifffile."""
    from PIL import Image, ImageSequence

    try:
        with Image.open(path, formats=["TIFF"]) as file:
            bits, planes = file.tag_v2.get(258, (1,)), file.tag_v2.get(277, 1)
            shallow = max(bits if isinstance(bits, tuple) else (bits,)) <= 8
            if planes == 1 or shallow:
                colour = {"P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "1": "L"}
                return same_shape(
                    [np.asarray(page.convert(colour[page.mode]) if page.mode in colour else page)
                     for page in ImageSequence.Iterator(file)], path
                )  # fmt: skip
    except OSError:
        pass  # of more channels than Pillow knows
    try:
        import tifffile
    except ImportError:
        raise MissingError(f"{path}: its pages need the package tifffile; run pip install tifffile") from None
    with tifffile.TiffFile(path) as file:
        return same_shape(
            [
                np.moveaxis(page.asarray(), 0, -1)
                if page.planarconfig == 2 and page.samplesperpixel > 1
                else page.asarray()
                for page in file.pages
            ],
            path,
        )


def same_shape(found, path):
    """The pages as one array."""
    other = next((k for k, page in enumerate(found) if page.shape != found[0].shape), None)
    if other is not None:
        raise UserError(
            f"{path}: page 0 has shape {list(found[0].shape)} and page {other} {list(found[other].shape)}; "
            "use pages of one shape"
        )
    return np.stack(found)


def as_images(array, path, layout=None):
    """An array of images as [N, C, H, W] of uint8, uint16 or float32. Raises UserError for others, and
    ambiguous shapes."""
    array = array if isinstance(array, np.memmap) else np.asarray(array)
    if array.dtype == bool:
        array = array.astype(np.uint8)
    if array.dtype.kind not in "uif" or not len(array.shape) or not array.size:
        raise UserError(f"{path}: holds {array.dtype} of shape {list(array.shape)}; use numbers [N, H, W, C]")
    shape = array.shape
    if array.ndim == 2 and shape[1] % 3 == 0 and round((shape[1] / 3) ** 0.5) ** 2 * 3 == shape[1]:
        side = round((shape[1] / 3) ** 0.5)  # rows of ImageNet-32: all of red, green, blue
        array = array.reshape(-1, 3, side, side)
    elif array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4:
        array = array if (layout or layout_of(shape, path)) == "nchw" else array.transpose(0, 3, 1, 2)
    else:
        raise UserError(f"{path}: has shape {list(shape)}; use [N, H, W], [N, H, W, C] or [N, C, H, W]")
    if array.dtype in (np.uint8, np.uint16, np.float32):
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    least, largest = int(array.min()), int(array.max())
    if least >= 0 and largest < 2**16:
        return array.astype(np.uint8 if largest < 256 else np.uint16)
    return array.astype(np.float32)


def layout_of(shape, path):
    """nhwc or nchw: the axis of the channels is the one that is shorter than the two others. Raises UserError
    where both could be."""
    _, a, b, c = shape
    last, first = c < min(a, b), a < min(b, c)
    if last != first and not (a <= SMALL and c <= SMALL):
        return "nhwc" if last else "nchw"
    raise UserError(
        f"--iterator_args layout: not given, and {path} of shape {list(shape)} may be either; use "
        "layout=nhwc or layout=nchw"
    )


def joined(parts, paths):
    """Arrays of several files as one."""
    if len(parts) == 1:
        return parts[0]
    kinds = {(part.shape[1:], part.dtype) for part in parts}
    if len(kinds) > 1:
        raise UserError(f"{paths[0]} and others beside it differ in shape or type; use files of one kind")
    return np.concatenate(parts)


def labels_of(path):
    """The labels in a file: an array, or that of a known name."""
    if path.endswith(".npy"):
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise MissingError(f"{path}: cannot be read ({error}); use an .npy of whole numbers") from None
    try:
        named = dict(np.load(path, allow_pickle=False)) if path.endswith(".npz") else tensors(path)
    except Exception as error:
        raise MissingError(f"{path}: cannot be read ({error}); use an .npy of whole numbers") from None
    name = next((name for name in LABELS if name in named), next(iter(named), None))
    if name is None:
        raise UserError(f"{path}: has no array of labels; use an .npy of whole numbers")
    return named[name]


def whole_labels(y, paths, n):
    """Labels int64 [n]. One-hot rows become their class. Raises UserError for others."""
    if y.ndim == 2 and y.shape[1] > 1 and ((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all():
        y = y.argmax(1)
    y = y.reshape(len(y)) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (n,) or y.dtype.kind not in "uif" or (y != np.floor(y)).any() or y.min() < 0:
        raise UserError(
            f"{paths[0]}: labels are {y.dtype} of shape {list(y.shape)}; use {n} whole numbers from 0, or "
            "rows of one-hot"
        )
    return y.astype(np.int64)


# --- what is known of files, found once


def facts_of(paths, splits):
    """{"contents": [sha256 of each file], "least", "largest"} of the values of all splits."""
    # in blocks: a mapped array may be larger than memory
    blocks = [x[k : k + 1024] for part in splits.values() for x in [part["x"]] for k in range_of(len(x))]
    return {
        "contents": [image_cache.file_sha256(path) for path in paths],
        "least": min(float(block.min()) for block in blocks),
        "largest": max(float(block.max()) for block in blocks),
    }


def range_of(n):
    """Starts of blocks of 1024."""
    return list(np.arange(0, n, 1024))


def known_facts(paths, options, compute):
    """compute(), a dict, kept in the user's cache folder under the identity of the files, so that large ones
    are read once."""
    with distributed.rank0_first():
        folder = os.path.join(image_cache.user_folder(), "arrays")
        identity = listing(os.path.dirname(paths[0]), paths).identity
        path = os.path.join(folder, digest(image_cache.FORMAT, identity, options)[:32] + ".json")
        try:
            with open(path, encoding="utf8") as file:
                found = json.load(file)
            if image_cache.sealed(found) == found:
                return found
        except image_cache.DAMAGE:
            pass
        found = image_cache.sealed(compute() | {"files": paths})
        try:
            os.makedirs(folder, exist_ok=True)
            write_atomically(path, json.dumps(found).encode())
        except OSError:  # where it cannot be kept, it is found again
            pass
        return found
