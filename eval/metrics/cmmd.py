"""CMMD: the squared maximum mean discrepancy of CLIP embeddings by a Gaussian kernel (Jayasumana et al. 2024,
"Rethinking FID")."""

import torch

SIGMA, SCALE = 10.0, 1000.0
BLOCK = 2**22  # pairs in memory at a time


def cmmd(x, y):
    """1000 (mean k(x_i, x_j) + mean k(y_i, y_j) - 2 mean k(x_i, y_j)), k(a, b) = exp(-|a - b|^2 / (2 10^2)).

    x: [m, d], y: [n, d], embeddings of unit length; computed in float64. Returns a float. As in the authors'
    code pairs of a row with itself count, so it is at least 0, and biased by about 1/n.
    """
    x, y = x.double(), y.double()
    return SCALE * (mean_less_one(x, x) + mean_less_one(y, y) - 2 * mean_less_one(x, y))


def mean_less_one(x, y):
    """The mean over all pairs of k - 1, which keeps digits that k, nearly 1, would lose; the ones cancel."""
    total, squares = 0.0, y.square().sum(1)
    for part in x.split(max(1, BLOCK // len(y))):
        distances = part.square().sum(1)[:, None] + squares - 2 * part @ y.T
        total += float(torch.expm1(-distances.clamp(min=0) / (2 * SIGMA**2)).sum())
    return total / (len(x) * len(y))
