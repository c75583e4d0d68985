"""How well one set of features covers another: improved precision and recall, density and coverage.

Kynkaanniemi et al. 2019 (precision, recall; k = 3) and Naeem et al. 2020 (density, coverage; k = 5).
"""

import torch

PAIRS = 2**22  # distances held at a time


def manifold(real, fake, k_pr=3, k_dc=5):
    """{"precision", "recall", "density", "coverage"} of features real [n, d] and fake [m, d], as floats.

    With r_k(s) the distance of s from its k-th nearest other member of its set:
    precision = mean_g [some real r has |g - r| <= r_k(r)], recall = mean_r [some fake g has |r - g| <= r_k(g)], k = k_pr;
    density = 1/(k m) sum_g sum_r [|g - r| < r_k(r)], coverage = mean_r [some g has |g - r| < r_k(r)], k = k_dc.
    Density may exceed 1. Sets should be of one size. Of k + 1 equal rows r_k is 0. Raises ValueError for k rows or fewer.
    """
    if min(len(real), len(fake)) <= max(k_pr, k_dc):
        raise ValueError(f"{max(k_pr, k_dc) + 1} rows or more expected, given {len(real)} and {len(fake)}")
    # distances do not change, and the rounding of |a|^2 + |b|^2 - 2 a.b shrinks, when the mean is taken off
    mean = real.double().mean(0)
    real, fake = real.double() - mean, fake.double() - mean
    radii, reach = _radii(real, max(k_pr, k_dc)), _radii(fake, k_pr)[:, k_pr - 1]
    precise, recalled = _empty(fake), _empty(real)
    covered, balls = _empty(real), 0
    for rows, block in _blocks(fake, real):
        near = _within(fake[rows], real, block, radii[:, k_pr - 1], torch.le)
        precise[rows] = near.any(1)
        recalled |= _within(fake[rows], real, block, reach[rows][:, None], torch.le).any(0)
        near = _within(fake[rows], real, block, radii[:, k_dc - 1], torch.lt)
        covered |= near.any(0)
        balls += int(near.sum())
    share = {"precision": precise, "recall": recalled, "coverage": covered}
    return {name: float(hits.double().mean()) for name, hits in share.items()} | {
        "density": balls / (k_dc * len(fake))
    }


def _empty(x):
    return torch.zeros(len(x), dtype=torch.bool, device=x.device)


def _blocks(x, y):
    """(rows, their squared distances to all of y by the expanded square) for block after block of rows of x."""
    squares = y.square().sum(1)
    for rows in torch.arange(len(x), device=x.device).split(max(1, PAIRS // len(y))):
        part = x[rows]
        yield rows, torch.addmm(squares + part.square().sum(1)[:, None], part, y.T, alpha=-2)


def _exact(x, y):
    """|x_i - y_i| of rows paired up, from differences: equal pairs give equal bits, in either order, and equal rows give 0."""
    return torch.cdist(x[:, None], y[:, None], compute_mode="donot_use_mm_for_euclid_dist")[:, 0, 0]


def _radii(x, k, more=4):
    """[n, k]: the distances of each row from its 1st to k-th nearest other one, exact among the k + more nearest by expansion."""
    result = []
    for rows, block in _blocks(x, x):
        block[torch.arange(len(rows), device=x.device), rows] = torch.inf  # not its own neighbour
        near = block.topk(min(k + more, len(x) - 1), largest=False).indices
        distances = _exact(x[rows].repeat_interleave(near.shape[1], 0), x[near.flatten()])
        result.append(distances.view_as(near).sort().values[:, :k])
    return torch.cat(result)


def _within(x, y, block, radius, compare):
    """bool [n, m]: compare(|x_i - y_j|, radius), radius broadcasting to [n, m]; pairs too close to call are measured again.

    Ties do occur (a generator that copies training images), and there the expanded square is wrong in its last digits.
    """
    radius = radius.expand_as(block)
    result = compare(block, radius.square())
    # a product of rows of length d is off by less than d eps |x| |y|
    bound = (
        4 * x.shape[1] * torch.finfo(block.dtype).eps * (x.square().sum(1).max() + y.square().sum(1).max())
    )
    i, j = ((block - radius.square()).abs() <= bound).nonzero(as_tuple=True)
    for i, j in zip(i.split(PAIRS // x.shape[1] + 1), j.split(PAIRS // x.shape[1] + 1)):
        result[i, j] = compare(_exact(x[i], y[j]), radius[i, j])
    return result
