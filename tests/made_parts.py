"""An iterator file of made images in three splits with labels and attributes, for tests of autoencoders."""

import torch

from iterators import common


def get_iterators(batch_size, seed=0, n=60, size=8, channels=1, **ignored):
    """uint8 images whose brightness depends on the label, y in 0 .. 2, with three random attributes.

    The same for every seed. The split valid has 20 images, test 30.
    """
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(n + 30) % 3
    noise = torch.randint(0, 60, (n + 30, channels, size, size), generator=draw)
    x = (noise + 70 * y[:, None, None, None]).to(torch.uint8)
    arrays = {"x": x, "y": y, "attributes": torch.randint(0, 2, (n + 30, 3), generator=draw)}
    splits = {"train": {k: v[:n] for k, v in arrays.items()}, "test": {k: v[n:] for k, v in arrays.items()}}
    return common.iterators(splits, batch_size, seed, 3, valid=20)
