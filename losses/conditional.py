"""Losses on the classes of examples, for class-conditional GANs.

Classes are shares c [N, K] that sum to 1: one-hot for an example, lam c + (1 - lam) c' for a mix. A loss of a
mix is the mean of the losses of its classes, weighted by its shares: L(x, c) = sum_k c_k L(x, k).
"""

import torch
import torch.nn.functional as F


def shares(y, n_classes):
    """Labels y, int64 [N], as one-hot float32 [N, K]; shares [N, K] as they are. Labels lie in 0 .. K-1."""
    return y if y.is_floating_point() else F.one_hot(y, n_classes).float()


def cross_entropy(logits, c):
    """-sum_k c_k log softmax(l)_k, [N], of class logits l [N, K] and shares c [N, K].

    Odena et al. 2017 (AC-GAN), L_C of section 3: there of one-hot c. Linear in c, as with mixed labels in
    Zhang et al. 2018, section 2.
    """
    return -(c * logits.log_softmax(1)).sum(1)


def d2d_cross_entropy(features, cosines, c, margin=0.98, temperature=0.5):
    """Data-to-data cross-entropy, [N]: sum_k c_k [p_k + log(exp(-p_k) + sum_j (1 - c_jk) e_j)], j != i.

    p_k = max(0, m - s_k) / tau, with the cosine s_k of the example and the proxy of class k, and
    e_j = exp(max(0, f_i . f_j - (1 - m)) / tau). For one-hot c these are the positive cosine of its class and
    the negatives of other classes. features: f [N, d] of length 1; cosines: s [N, K]; c: [N, K]; margin: m in
    (0, 1); temperature: tau above 0. Negatives are of each process's own batch. Kang et al. 2021
    (ReACGAN), eq. 9 with margins m_p = m and m_n = 1 - m.
    Differs from the authors' code (PyTorch-StudioGAN): there the largest f_i . f_j - (1 - m) of a row,
    divided by tau, is subtracted in the exponent of the negatives, and not in that of the positive.
    """
    attraction = F.relu(margin - cosines) / temperature  # [N, K]
    similarity = features @ features.t()
    repulsion = torch.exp(F.relu(similarity - (1 - margin)) / temperature)
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    negatives = repulsion.masked_fill(itself, 0) @ (1 - c)  # [N, K]
    return (c * (attraction + torch.log(torch.exp(-attraction) + negatives))).sum(1)


def same_class_order(y, draws):
    """A random permutation, int64 [N], that keeps every example's label: y[order] = y.

    y: int64 [N]; draws: float [N], independent and uniform. Each class is permuted uniformly.
    """
    by_chance = torch.argsort(draws)
    places, order = torch.argsort(y, stable=True), by_chance[torch.argsort(y[by_chance], stable=True)]
    return torch.empty_like(order).scatter_(0, places, order)
