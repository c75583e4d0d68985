"""Distances between samples of numbers."""

import numpy as np


def wasserstein1(x, y):
    """The integral of |F - G| over the empirical distribution functions; mean |sorted x - sorted y| for equal
    sizes.

    x: [n], y: [m], any shape that flattens to it. Returns a float.
    """
    x, y = np.sort(_flat(x)), np.sort(_flat(y))
    if len(x) == len(y):
        return float(np.abs(x - y).mean())
    points = np.sort(np.concatenate([x, y]))
    f, g = (np.searchsorted(s, points[:-1], side="right") / len(s) for s in (x, y))
    return float((np.abs(f - g) * np.diff(points)).sum())


def jensen_shannon(x, y, bins=50):
    """Jensen-Shannon divergence in nats, 0 .. log 2, of histograms with `bins` equal bins from the least to
    the largest value.

    JS = (KL(p || m) + KL(q || m)) / 2, m = (p + q) / 2. Empty bins add 0. x: [n], y: [m]. Returns a float.
    """
    x, y = _flat(x), _flat(y)
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    if low == high:
        return 0.0
    p, q = (np.histogram(s, bins, (low, high))[0] / len(s) for s in (x, y))
    m = (p + q) / 2
    return float((_kl(p, m) + _kl(q, m)) / 2)


def _kl(p, m):
    positive = p > 0
    return (p[positive] * np.log(p[positive] / m[positive])).sum()


def _flat(x):
    x = np.asarray(x, np.float64).ravel()
    if not len(x) or not np.isfinite(x).all():
        bad = len(x) - np.isfinite(x).sum()
        raise ValueError(
            f"given {len(x)} numbers, {bad} of them not finite; all must be finite, and there must be some"
        )
    return x
