"""Objectives of a discriminator and a generator, as functions of logits [N] that both players minimise.

A soft label is lam * d_real(logits) + (1 - lam) * d_fake(logits).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F


class Objective(NamedTuple):
    """Three losses, logits [N] -> [N], and what D's output means.

    d_real: D's loss on real examples. d_fake: D's loss on generated examples. g: G's loss, from D's logits of
    generated examples. output: logits [N] -> what the paper calls D(x), a probability in (0, 1) or the score
    itself.
    """

    d_real: Callable
    d_fake: Callable
    g: Callable
    output: Callable

    def d(self, logits, label):
        """D's loss [N] on examples that are real to the degree `label`: 1, 0, or a tensor [N] of shares lam.

        lam d_real(logits) + (1 - lam) d_fake(logits).
        """
        if torch.is_tensor(label):
            return torch.lerp(self.d_fake(logits), self.d_real(logits), label)
        return self.d_real(logits) if label else self.d_fake(logits)


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
    "lsgan": Objective(
        lambda l: (l - 1).square() / 2, lambda l: l.square() / 2, lambda l: (l - 1).square() / 2, identity
    ),
}


def smoothed(objective, real_label=1.0, fake_label=0.0, g_label=1.0):
    """The objective with soft labels alpha = real_label and beta = fake_label for D, and t = g_label for G.

    D's loss on real examples is alpha d_real + (1 - alpha) d_fake, on generated ones beta d_real + (1 - beta)
    d_fake. With jsgan the optimal D is (alpha p_data + beta p_g) / (p_data + p_g). There beta > 0 rewards G
    where p_g is large and there is no data. So Salimans et al. 2016, section 3.4, smooth one side only: alpha
    = 0.9, beta = 0. G's loss with t < 1 is for jsgan: the KL divergence from Bernoulli(t) to
    Bernoulli(D(G(z))). It is 0 at D(G(z)) = t, and -log D(G(z)) for t = 1. Labels 1, 0 and 1 give the
    objective itself.
    """

    def soft(label):
        if label in (0, 1):
            return objective.d_real if label else objective.d_fake
        return lambda l: label * objective.d_real(l) + (1 - label) * objective.d_fake(l)

    if g_label == 1:
        return objective._replace(d_real=soft(real_label), d_fake=soft(fake_label))
    t = g_label
    entropy = -t * math.log(t) - (1 - t) * math.log(1 - t)
    return objective._replace(
        d_real=soft(real_label),
        d_fake=soft(fake_label),
        g=lambda l: t * F.softplus(-l) + (1 - t) * F.softplus(l) - entropy,
    )
