"""Improved precision and recall, density and coverage of generated features.

Kynkaanniemi et al. 2019 (precision, recall; k = 3) and Naeem et al. 2020 (density, coverage; k = 5).
"""

import torch

PAIRS = 2**22  # distances in memory at a time


def manifold(real, fake, k_pr=3, k_dc=5):
    """{"precision", "recall", "density", "coverage"} of features real [n, d] and fake [m, d], as floats.

    With r_k(s) the distance of s from its k-th nearest other member of its set: precision = mean_g [some real
    r has |g - r| <= r_k(r)], recall = mean_r [some fake g has |r - g| <= r_k(g)], k = k_pr; density = 1/(k m)
    sum_g sum_r [|g - r| < r_k(r)], coverage = mean_r [some g has |g - r| < r_k(r)], k = k_dc. Density may
    exceed 1; r_k is 0 where a row occurs k + 1 times. Compare sets of equal size. Raises ValueError for k
    rows or fewer.
    """
    if min(len(real), len(fake)) <= max(k_pr, k_dc):
        raise ValueError(
            f"given {len(real)} and {len(fake)} images; must be {max(k_pr, k_dc) + 1} or more of each"
        )
    # subtracting the mean changes no distance, and makes the rounding error of |a|^2 + |b|^2 - 2 a.b smaller
    mean = real.double().mean(0)
    real, fake = real.double() - mean, fake.double() - mean
    real_radii, fake_radii = _radii(real, max(k_pr, k_dc)), _radii(fake, k_pr)[:, k_pr - 1]
    precise, recalled, covered = _all_false(fake), _all_false(real), _all_false(real)
    pairs_within = 0
    for rows, squares in _blocks(fake, real):
        precise[rows] = _within(fake[rows], real, squares, real_radii[:, k_pr - 1], torch.le).any(1)
        recalled |= _within(fake[rows], real, squares, fake_radii[rows][:, None], torch.le).any(0)
        within = _within(fake[rows], real, squares, real_radii[:, k_dc - 1], torch.lt)
        covered |= within.any(0)
        pairs_within += int(within.sum())
    return {
        "precision": float(precise.double().mean()),
        "recall": float(recalled.double().mean()),
        "coverage": float(covered.double().mean()),
        "density": pairs_within / (k_dc * len(fake)),
    }


def _all_false(x):
    return torch.zeros(len(x), dtype=torch.bool, device=x.device)


def _blocks(x, y):
    """(rows, |x_i - y_j|^2 [rows, m] as |x_i|^2 + |y_j|^2 - 2 x_i.y_j) for blocks of at most PAIRS pairs."""
    squares = y.square().sum(1)
    for rows in torch.arange(len(x), device=x.device).split(max(1, PAIRS // len(y))):
        part = x[rows]
        yield rows, torch.addmm(squares + part.square().sum(1)[:, None], part, y.T, alpha=-2)


def _exact(x, y):
    """|x_i - y_i| [n], computed from the differences: the same bits for (y, x) as for (x, y), and 0 for equal
    rows."""
    return torch.cdist(x[:, None], y[:, None], compute_mode="donot_use_mm_for_euclid_dist")[:, 0, 0]


def _radii(x, k, more=4):
    """[n, k]: distances of each row from its k nearest others. The k + more nearest by the expanded square
    are measured exactly."""
    result = []
    for rows, squares in _blocks(x, x):
        squares[torch.arange(len(rows), device=x.device), rows] = torch.inf  # a row is not its own neighbour
        near = squares.topk(min(k + more, len(x) - 1), largest=False).indices
        distances = _exact(x[rows].repeat_interleave(near.shape[1], 0), x[near.flatten()])
        result.append(distances.view_as(near).sort().values[:, :k])
    return torch.cat(result)


def _within(x, y, squares, radius, compare):
    """bool [n, m]: compare(|x_i - y_j|, radius), radius broadcasting to [n, m].

    Ties occur (a generator that copies training images), and the last digits of the expanded squares are
    wrong. So pairs that are closer to their radius than the rounding error are measured again, exactly.
    """
    radius = radius.expand_as(squares)
    result = compare(squares, radius.square())
    # the rounding error of a dot product of d terms is less than d eps |x| |y|
    eps = torch.finfo(squares.dtype).eps
    bound = 4 * x.shape[1] * eps * (x.square().sum(1).max() + y.square().sum(1).max())
    close = ((squares - radius.square()).abs() <= bound).nonzero()
    for pairs in close.split(PAIRS // x.shape[1] + 1):
        i, j = pairs.unbind(1)
        result[i, j] = compare(_exact(x[i], y[j]), radius[i, j])
    return result
