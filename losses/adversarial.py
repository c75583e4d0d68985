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
    itself. opposite: that of a relativistic objective, see among(). paired: whether its d_real and d_fake are
    one loss of a pair of examples, which counts once. boundary: the logit of an example that D cannot place;
    None where only differences of logits mean something.
    """

    d_real: Callable
    d_fake: Callable
    g: Callable
    output: Callable
    opposite: Callable | None = None
    paired: bool = False
    boundary: float | None = 0.0

    def unmixed(self, soft=False):
        """{"real", "fake": their label} of unmixed examples. None: others are compared with them, they have
        no term of their own. soft: mixes with labels of their own take the place of both terms."""
        if soft:
            return dict.fromkeys(("real", "fake")) if self.opposite else {}
        return {"real": 1, "fake": None if self.paired else 0}

    def among(self, logits, mean=torch.mean):
        """The objective among a step's logits, {"real", "fake": [N]}: itself, unless it is relativistic.

        A relativistic one judges the difference of a logit and its opposite: the other kind's logit at the
        same place of the batch, or their mean over all processes, mean(logits). So does a mix: with the real
        logit at its place to the degree that it is fake, with the generated one to the degree that it is
        real.
        """
        if self.opposite is None:
            return self
        real, fake = self.opposite(logits["real"], mean), self.opposite(logits["fake"], mean)
        return self._replace(
            d_real=lambda l: self.d_real(l - fake),
            d_fake=lambda l: self.d_fake(l - real),
            g=lambda l: self.g(l - real, logits["real"] - fake),
        )

    def d_terms(self, logits, labels, mean=torch.mean):
        """{name: D's loss [N]} of logits {name: [N]} of examples that are real to the degree labels[name]."""
        d = self.among(logits, mean).d
        return {name: d(l, labels[name]) for name, l in logits.items() if labels[name] is not None}

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
    "wgan": Objective(lambda l: -l, identity, lambda l: -l, identity, boundary=None),
    # max(0, 1 - D(x)), max(0, 1 + D(G(z))), -D(G(z)): Miyato et al. 2018, eq. 16 and 17
    "hinge": Objective(lambda l: F.relu(1 - l), lambda l: F.relu(1 + l), lambda l: -l, identity),
    # 1/2 (D(x) - 1)^2, 1/2 D(G(z))^2, 1/2 (D(G(z)) - 1)^2: Mao et al. 2017, eq. 9
    "lsgan": Objective(
        lambda l: (l - 1).square() / 2,
        lambda l: l.square() / 2,
        lambda l: (l - 1).square() / 2,
        identity,
        boundary=0.5,
    ),
}


def same_place(logits, mean):
    """The logit at the same place of the batch."""
    return logits


def their_mean(logits, mean):
    """The mean of the logits over all processes."""
    return mean(logits)


# Of differences d of logits: Jolicoeur-Martineau 2019, "The relativistic discriminator", eq. 6, 11 and 12;
# G's loss is D's with the roles exchanged: g(fake - opposite real, real - opposite fake)
RELATIVISTIC = {
    # -log sigmoid(D(x) - D(G(z))), G's -log sigmoid(D(G(z)) - D(x)); with r1 and r2: Huang et al. 2024, eq. 3
    "rpgan": Objective(
        lambda d: F.softplus(-d),
        F.softplus,
        lambda d, real: F.softplus(-d),
        identity,
        same_place,
        paired=True,
        boundary=None,
    ),
    # -log sigmoid(D(x) - E D(G(z))) - log(1 - sigmoid(D(G(z)) - E D(x)))
    "ragan": Objective(
        lambda d: F.softplus(-d),
        F.softplus,
        lambda d, real: F.softplus(-d) + F.softplus(real),
        identity,
        their_mean,
        boundary=None,
    ),
    # the same with max(0, 1 - d) and max(0, 1 + d)
    "rahinge": Objective(
        lambda d: F.relu(1 - d),
        lambda d: F.relu(1 + d),
        lambda d, real: F.relu(1 - d) + F.relu(1 + real),
        identity,
        their_mean,
        boundary=None,
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
