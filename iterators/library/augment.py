"""Random augmentation of batches: functions of (x, generator).

They draw where x is, so that nothing is copied from the host.
"""

import torch


def random_flip(x, generator):
    """Each image mirrored left to right with probability 1/2.

    x: [N, C, H, W]; generator: on x's device. Returns [N, C, H, W].
    """
    flipped = torch.rand(len(x), generator=generator, device=x.device) < 0.5
    return torch.where(flipped[:, None, None, None], x.flip(-1), x)


def dequantised(x, generator):
    """x b/127.5 - 1 of bytes b becomes b/128 - 1 + u, u ~ U(0, 1/128) for each value: densities in place of
    levels, in [-1, 1).

    x: [N, C, H, W]; generator: on x's device. Returns [N, C, H, W]. Gulrajani et al. 2017, code for CIFAR-10.
    """
    noise = torch.rand(x.shape, generator=generator, device=x.device)
    return (x * 127.5 - 0.5 + noise) / 128


def in_turn(*augmentations):
    """One augmentation that applies those that are not None one after the other; None where all are."""
    augmentations = [augment for augment in augmentations if augment is not None]

    def augment(x, generator):
        for each in augmentations:
            x = each(x, generator)
        return x

    return augment if augmentations else None
