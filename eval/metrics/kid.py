"""Kernel distance: the unbiased squared maximum mean discrepancy with a cubic kernel (Binkowski et al. 2018, section 4)."""

import numpy as np
import torch


def mmd(x, y):
    """1/(m(m-1)) sum_{i!=j} k(x_i, x_j) + 1/(n(n-1)) sum_{i!=j} k(y_i, y_j) - 2/(mn) sum_{i,j} k(x_i, y_j), k(a, b) = (a.b/d + 1)^3.

    x: [m, d], y: [n, d], at least two rows each. Returns a float; it may be negative near 0, and is not clipped.
    """
    x, y = x.double(), y.double()
    return float(_between_pairs(x) + _between_pairs(y) - 2 * _kernel(x, y).mean())


def _between_pairs(x):
    kernel = _kernel(x, x)
    return (kernel.sum() - kernel.diagonal().sum()) / (len(x) * (len(x) - 1))


def _kernel(x, y):
    return (x @ y.T).div_(x.shape[1]).add_(1).pow_(3)


def kid(real, fake, subsets=100, size=1000, seed=2020):
    """(mean, standard deviation with divisor n) of `mmd` over random subsets of `size` rows of each set, as torch-fidelity draws them.

    real, fake: [N, d]. Where a set is smaller than `size`, subsets have its size; where both are as small as that there is one
    subset, all, and no deviation (None). The deviation over subsets, which overlap, is not a standard error of the mean.
    """
    size = min(size, len(real), len(fake))
    if size == max(len(real), len(fake)):
        return mmd(real, fake), None
    draws = np.random.RandomState(seed)

    def rows(x):
        return x[torch.from_numpy(draws.choice(len(x), size, replace=False)).to(x.device)]

    # torch-fidelity draws from its first input, the generated images, first
    values = [mmd(rows(fake), rows(real)) for _ in range(subsets)]
    return float(np.mean(values)), float(np.std(values))
