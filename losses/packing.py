"""Packs of images, which a discriminator judges as one (PacGAN: Lin et al. 2018, arXiv 1712.04086)."""

import torch


def pack(x, m):
    """Images x [N, C, H, W] as packs of m along the channels, [n, m C, H, W], n = N // m: x itself for m = 1.

    Pack i holds the images i, n + i, 2n + i ..., so a batch is m batches of n side by side; the N mod m last
    images are left out. A batch too small for two packs is filled up with its first images. Lin et al. 2018,
    section 2, and the authors' code.
    """
    if m == 1:
        return x
    n = len(x) // m
    if n < 2:  # batch norm needs two examples
        n, x = 2, x[torch.arange(2 * m, device=x.device) % len(x)]
    return x[: n * m].unflatten(0, (m, n)).transpose(0, 1).flatten(1, 2)


def unpack(x, m):
    """Packs [n, m C, H, W] as their images [n m, C, H, W], in the order that pack had them in."""
    return x.unflatten(1, (m, -1)).transpose(0, 1).flatten(0, 1) if m > 1 else x
