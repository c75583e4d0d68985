"""Losses of a reconstruction, KL divergence of a code, and losses of a logit against a label in [0, 1].

All return [N], one value an example; Trainer.update takes their mean over the batch.
"""

import math

import torch.nn.functional as F


def l1(recon, x):
    """mean |recon - x| over an example's values."""
    return (recon - x).abs().flatten(1).mean(1)


def l2(recon, x):
    """mean (recon - x)^2 over an example's values."""
    return (recon - x).square().flatten(1).mean(1)


def cross_entropy(recon, x):
    """Binary cross-entropy of each pixel, [N, pixels], with both images mapped from [-1, 1] to [0, 1].

    recon must lie in [-1, 1]. Not a number stays that: torch's own would end the run, not the update.
    """
    p = (recon.flatten(1) + 1) / 2
    bad = p.isnan()
    found = F.binary_cross_entropy(p.masked_fill(bad, 0.5), (x.flatten(1) + 1) / 2, reduction="none")
    return found.masked_fill(bad, math.nan)


def bce(recon, x):
    """The mean of cross_entropy over pixels."""
    return cross_entropy(recon, x).mean(1)


def bce_sum(recon, x):
    """The sum of cross_entropy over pixels: -log p(x | code) of a Bernoulli decoder."""
    return cross_entropy(recon, x).sum(1)


RECONSTRUCTION = {"l1": l1, "l2": l2, "bce": bce, "bce_sum": bce_sum}
NEEDS_RANGE = ("bce", "bce_sum")  # the decoder's output must lie in [-1, 1]


def kl_standard_normal(mean, log_var):
    """KL(N(mean, exp log_var) || N(0, I)) = 1/2 sum_j (mean_j^2 + var_j - 1 - log var_j), [N].

    Kingma and Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).flatten(1).sum(1)


def bce_label(logits, target):
    """Binary cross-entropy of sigmoid(logits) against `target` in [0, 1].

    target: a number, or a tensor of the logits' shape.
    """
    target = target if hasattr(target, "shape") else logits.new_full((), target)
    return F.binary_cross_entropy_with_logits(logits, target.expand_as(logits), reduction="none")


def mse_label(logits, target):
    """(sigmoid(logits) - target)^2."""
    return (logits.sigmoid() - target).square()


LABELLED = {"bce": bce_label, "mse": mse_label}
