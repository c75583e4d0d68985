"""An iterator file of random images, for tests."""

import torch

from iterators.common import DataIterator
from iterators.library.unpaired import Unpaired
from iterators.semi import FewLabels


def get_iterators(
    batch_size,
    seed=0,
    n=40,
    size=32,
    channels=3,
    channels_b=None,
    attributes=0,
    labels_per_class=None,
    unit=False,
    **ignored,
):
    """Random uint8 images [n, channels, size, size] with labels 0 .. 9; the same for every seed.

    channels_b: the channels of a second, unpaired domain with 5 images more. labels_per_class: labelled and
    unlabelled streams. unit: float images in [0, 1].
    """
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, channels, size, size), generator=draw, dtype=torch.uint8)
    arrays = {"x": images / 255 if unit else images, "y": torch.arange(n) % 10}
    if attributes:
        arrays["attributes"] = torch.randint(0, 2, (n, attributes), generator=draw)
    if channels_b is not None:
        b = {
            "x": torch.randint(0, 256, (n + 5, channels_b, size, size), generator=draw, dtype=torch.uint8),
            "y": torch.arange(n + 5) % 10,
        }
        return {
            split: Unpaired(arrays, b, min(batch_size, n), seed, shuffle=split == "train", n_classes=10)
            for split in ("train", "test")
        }
    train = DataIterator(arrays, min(batch_size, n), seed)
    return {
        "train": train if labels_per_class is None else FewLabels(train, labels_per_class),
        "test": DataIterator(arrays, min(batch_size, n), shuffle=False),
    }
