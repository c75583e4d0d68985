"""Two sets of images of two domains, unpaired: the layout trainA, trainB, testA, testB of CycleGAN's data
sets (Zhu et al. 2017)."""

import os

import torch

from engine.errors import UserError
from iterators import arrays, images
from iterators.library import cache as image_cache
from iterators.library.files import digest
from iterators.library.iterator import Arrays
from iterators.library.splits import too_few
from iterators.library.unpaired import Unpaired


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    root=None,
    size=256,
    load_size=286,
    flip=True,
    channels=None,
    cache=None,
    in_memory=image_cache.IN_MEMORY,
    range=None,
):
    """x [N, C, size, size] of root/trainA and x_b of root/trainB, and as "test" those of root/testA and
    root/testB where these are.

    Each is a folder of images, or an array file as iterators/arrays.py reads (trainA.npy, ...). The domains
    may have different numbers of images, and of channels (channels: 1, 3 or 4 for both; by default colour if
    any image of the domain, trainA and testA together, is). Training images: shorter side resized to
    load_size, the middle load_size x load_size, of it a random size x size, mirrored with probability 1/2
    unless flip=False; load_size=None: to size, without crops. Test images: shorter side resized to size, the
    middle. Decoded once, see `images.get_iterators` for cache, in_memory and range. Differs from the authors'
    code: images that are not square are cut, not squeezed.
    """
    if root is None:
        raise UserError(
            "--iterator_args root: not given; use root=<a folder with trainA, trainB and, if any, testA, "
            "testB>"
        )
    image_cache.whole("size", size)
    load_size = load_size or size
    if load_size < size:
        raise UserError(f"--iterator_args load_size: given {load_size}; use {size}, which size is, or more")
    root = os.path.expanduser(str(root))
    sides = {"train": load_size}
    if any(os.path.exists(located(root, name)) for name in ("testA", "testB")):
        sides["test"] = size
    a, b = (domain(root, name, sides, channels, num_workers, cache, in_memory, range) for name in "AB")
    made = {
        "train": Unpaired(
            a["train"][0],
            b["train"][0],
            batch_size,
            seed,
            augment=crops(size, flip),
            still=middle(size),
            digest=digest([splits.digest for part in (a, b) for _, splits in part.values()]),
        )
    }
    if "test" in sides:
        n = max(len(a["test"][0]), len(b["test"][0]))
        if not too_few(n, "test images"):
            made["test"] = Unpaired(
                a["test"][0], b["test"][0], min(batch_size, n), shuffle=False, what="test images"
            )
    return made


def located(root, name):
    """root/<name>, a folder, or a zip or array file of that name."""
    found = [os.path.join(root, name + end) for end in ("", ".zip", *arrays.EXTENSIONS)]
    return next(filter(os.path.exists, found), found[0])


def domain(root, name, sides, channels, workers, cache, in_memory, range):
    """{split: (Arrays, Splits)} of one domain. All its splits have the same channels, and one range of
    values."""

    def load(split, channels, range):
        path = located(root, split + name)
        if path.endswith(arrays.EXTENSIONS):
            return arrays.load(path, size=sides[split], value_range=range, channels=channels)
        return images.load(path, sides[split], None, channels, workers, cache, in_memory, range, False)[0]

    loaded = {split: load(split, channels, range) for split in sides}
    counts = {split: splits["train"]["x"].shape[1] for split, splits in loaded.items()}
    ranges = {split: splits.value_range for split, splits in loaded.items() if splits.value_range}
    if len(set(ranges.values())) > 1:  # of more than 8 bits: the range of the whole domain
        range = min(low for low, _ in ranges.values()), max(high for _, high in ranges.values())
    for split in sides:
        other = range if ranges.get(split, range) != range else None
        if counts[split] < max(counts.values()) or other:
            loaded[split] = load(split, max(counts.values()), other)
    return {
        split: (Arrays({"x": splits["train"]["x"]}, splits.value_range), splits)
        for split, splits in loaded.items()
    }


def crops(size, flip):
    """augment(x [N, C, H, W], generator) -> [N, C, size, size]: of each image a random part, mirrored with
    probability 1/2 if `flip`."""

    def augment(x, generator):
        n, _, height, width = x.shape
        corners = torch.rand(3, n, generator=generator, device=x.device)
        along = torch.arange(size, device=x.device)
        rows = (corners[0] * (height - size + 1)).long()[:, None] + along
        columns = (corners[1] * (width - size + 1)).long()[:, None] + along
        if flip:
            columns = torch.where(corners[2][:, None] < 0.5, columns.flip(1), columns)
        each = torch.arange(n, device=x.device)[:, None, None]
        return x.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

    return augment


def middle(size):
    """still(x [N, C, H, W]) -> the middle size x size pixels."""

    def still(x):
        top, left = (x.shape[2] - size) // 2, (x.shape[3] - size) // 2
        return x[:, :, top : top + size, left : left + size]

    return still
