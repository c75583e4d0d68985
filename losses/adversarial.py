"""Objectives of a discriminator and a generator, as functions of logits [N] that both players minimise.

A soft label is lam * d_real(logits) + (1 - lam) * d_fake(logits).
"""
from typing import Callable, NamedTuple

import torch
import torch.nn.functional as F


class Objective(NamedTuple):
    """Three losses, logits [N] -> [N], and what D's output means.

    d_real: D's loss on real examples. d_fake: D's loss on generated ones. g: G's loss on D's logits of its own.
    output: logits [N] -> what the paper calls D(x): a probability in (0, 1), or the score itself.
    """
    d_real: Callable
    d_fake: Callable
    g: Callable
    output: Callable


def identity(logits):
    """The score itself."""
    return logits


OBJECTIVES = {
    # -log D(x), -log(1 - D(G(z))), and G's -log D(G(z)): Goodfellow et al. 2014, section 3, "non-saturating"
    "jsgan": Objective(lambda l: F.softplus(-l), F.softplus, lambda l: F.softplus(-l), torch.sigmoid),
    # the same for D, and G's log(1 - D(G(z))): Goodfellow et al. 2014, eq. 1
    "minimax": Objective(lambda l: F.softplus(-l), F.softplus, lambda l: -F.softplus(l), torch.sigmoid),
    # -D(x), D(G(z)), -D(G(z)): Arjovsky et al. 2017, eq. 2 and 3
    "wgan": Objective(lambda l: -l, identity, lambda l: -l, identity),
    # max(0, 1 - D(x)), max(0, 1 + D(G(z))), -D(G(z)): Miyato et al. 2018, eq. 16 and 17
    "hinge": Objective(lambda l: F.relu(1 - l), lambda l: F.relu(1 + l), lambda l: -l, identity),
    # 1/2 (D(x) - 1)^2, 1/2 D(G(z))^2, 1/2 (D(G(z)) - 1)^2: Mao et al. 2017, eq. 9
    "lsgan": Objective(lambda l: (l - 1).square() / 2, lambda l: l.square() / 2, lambda l: (l - 1).square() / 2, identity),
}
