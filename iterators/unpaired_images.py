"""Two folders of images of two domains, unpaired: the layout trainA, trainB, testA, testB of CycleGAN's data sets (Zhu et al. 2017)."""

import os

import torch

from engine.errors import UserError
from iterators import images
from iterators.library import cache as image_cache
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
):
    """x [N, C, size, size] of root/trainA and x_b of root/trainB, and as "test" those of root/testA and root/testB where these are.

    The domains may have different numbers of images, and of channels (channels: 1 or 3 for both; by default what a folder's
    first image has). Training images: shorter side resized to load_size, the middle load_size x load_size, of it a random size x size,
    mirrored with probability 1/2 unless flip=False; load_size=None: to size, without crops. Test images: shorter side resized to size, the
    middle. Decoded once, see `images.get_iterators` for cache and in_memory.
    Differs from the authors' code: images that are not square are cut, not squeezed.
    """
    if root is None:
        raise UserError(
            "--iterator_args root: not given; root=<a folder with trainA, trainB and, if any, testA, testB> would do"
        )
    image_cache.whole("size", size)
    load_size = load_size or size
    if load_size < size:
        raise UserError(
            f"--iterator_args load_size: given {load_size}; {size}, which size is, or more would do"
        )

    def domain(name, side):
        splits, _ = images.load(os.path.join(root, name), side, None, channels, num_workers, cache, in_memory)
        return {"x": splits["train"]["x"]}

    made = {
        "train": Unpaired(
            domain("trainA", load_size),
            domain("trainB", load_size),
            batch_size,
            seed,
            augment=crops(size, flip),
            still=middle(size),
        )
    }
    if any(os.path.isdir(os.path.join(root, name)) for name in ("testA", "testB")):
        a, b = domain("testA", size), domain("testB", size)
        made["test"] = Unpaired(
            a, b, min(batch_size, max(len(a["x"]), len(b["x"]))), shuffle=False, what="test images"
        )
    return made


def crops(size, flip):
    """augment(x [N, C, H, W], generator) -> [N, C, size, size]: of each image a random part, mirrored with probability 1/2 if `flip`."""

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
