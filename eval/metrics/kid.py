"""Kernel distance (KID): unbiased squared maximum mean discrepancy, cubic kernel (Binkowski et al. 2018,
section 4)."""

import numpy as np
import torch


def mmd(x, y):
    """1/(m(m-1)) sum_{i!=j} k(x_i, x_j) + 1/(n(n-1)) sum_{i!=j} k(y_i, y_j) - 2/(mn) sum_{i,j} k(x_i, y_j).

    k(a, b) = (a.b/d + 1)^3. x: [m, d], y: [n, d], at least two rows each; computed in float64. Returns a
    float, which may be negative: the estimate is unbiased, and is not clipped.
    """
    x, y = x.double(), y.double()
    return float(_mean_off_diagonal(x) + _mean_off_diagonal(y) - 2 * _kernel(x, y).mean())


def _mean_off_diagonal(x):
    kernel = _kernel(x, x)
    return (kernel.sum() - kernel.diagonal().sum()) / (len(x) * (len(x) - 1))


def _kernel(x, y):
    return (x @ y.T).div_(x.shape[1]).add_(1).pow_(3)


def kid(real, fake, subsets=100, size=1000, seed=2020):
    """(mean, standard deviation with divisor n) of `mmd` over random subsets of `size` rows, drawn as
    torch-fidelity draws them.

    real, fake: [N, d]. Subsets are no larger than the smaller set. If both sets have just that size there is
    one subset and no deviation (None). Subsets overlap, so the deviation is not a standard error of the mean.
    """
    size = min(size, len(real), len(fake))
    if size == max(len(real), len(fake)):
        return mmd(real, fake), None
    random = np.random.RandomState(seed)

    def rows(x):
        return x[torch.from_numpy(random.choice(len(x), size, replace=False)).to(x.device)]

    # torch-fidelity draws from the generated images first
    values = [mmd(rows(fake), rows(real)) for _ in range(subsets)]
    return float(np.mean(values)), float(np.std(values))
