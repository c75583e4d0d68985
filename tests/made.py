"""An iterator file of made images, for tests: get_iterators(batch_size, seed, n=..., size=..., channels=...)."""
import torch

from iterators.common import DataIterator


def get_iterators(batch_size, seed=0, n=40, size=32, channels=3, **ignored):
    """Random uint8 images [n, channels, size, size] with labels 0 .. 9; the same for every seed."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, channels, size, size), generator=draw, dtype=torch.uint8)
    arrays = {"x": images, "y": torch.arange(n) % 10}
    return {"train": DataIterator(arrays, min(batch_size, n), seed), "test": DataIterator(arrays, min(batch_size, n), shuffle=False)}
