"""Batch norms and other parts of a network that look at several examples at once."""

import contextlib

from torch import nn


def batch_norms(*nets):
    """The batch norms inside networks (torch's BatchNorm1d, 2d, 3d and SyncBatchNorm, and subclasses)."""
    kinds = nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm
    return [part for net in nets for part in net.modules() if isinstance(part, kinds)]


def compares_halves(net):
    """Whether a part of `net` compares the real with the generated half of a batch.

    Such a part has a true attribute `joint`. No example then has logits of its own.
    """
    return any(getattr(part, "joint", False) for part in net.modules())


def compares_examples(net):
    """Whether the output of `net` for one example depends on the other examples of its batch.

    That is so with batch norm, and with a part whose attribute `compares_examples` is true.
    """
    return bool(batch_norms(net)) or any(getattr(part, "compares_examples", False) for part in net.modules())


@contextlib.contextmanager
def keeping_statistics(norms):
    """Inside the block these batch norms leave their running statistics as they are."""
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


@contextlib.contextmanager
def by_batch(*nets):
    """Inside the block the networks' batch norms use the statistics of the batch, as in training, and keep
    none."""
    norms = batch_norms(*nets)
    modes = [norm.training for norm in norms]
    try:
        with keeping_statistics(norms):
            for norm in norms:
                norm.training = True
            yield
    finally:
        for norm, mode in zip(norms, modes):
            norm.training = mode
