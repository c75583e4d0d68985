"""How typical each example is of its data, for instance selection: scores [n] of features, float64 [n, d].

DeVries, Drozdzal and Taylor 2020, "Instance selection for GANs" (arXiv 2007.15255), section 3. The more
typical, the higher the score.
"""

import math

import torch

from engine.errors import UserError

VARIANCE = 0.95  # the share that PPCA's components have
NEIGHBOUR = 5  # whose distance counts


def spectrum(features):
    """(eigenvalues [d] of the covariance, largest first; coordinates [n, d] of the centred rows along its
    eigenvectors). With n < d rows the last d - n are 0 and left out of the coordinates: [n, n]."""
    centred = features - features.mean(0)
    n, d = centred.shape
    if n < d:
        u, s, _ = torch.linalg.svd(centred, full_matrices=False)
        return torch.cat([s.square() / n, s.new_zeros(d - n)]), u * s
    values, vectors = torch.linalg.eigh(centred.T @ centred / n)
    return values.flip(0).clamp(min=0), centred @ vectors.flip(1)


def gaussian(features):
    """log N(f; mean, covariance), both those of all rows, the covariance with divisor n.

    Raises UserError where the covariance is singular.
    """
    values, along = spectrum(features)
    n, d = features.shape
    if not values[-1] > values[0] * d * torch.finfo(values.dtype).eps:
        raise UserError(
            f"--iterator_args score=gaussian: the covariance of {n} examples' {d} features is singular; use "
            "score=ppca or knn, or an embedding of fewer features"
        )
    return -(d * math.log(2 * math.pi) + values.log().sum() + (along.square() / values).sum(1)) / 2


def ppca(features):
    """log N(f; mean, W W^T + s^2 I) of probabilistic PCA (Tipping and Bishop 1999): the q largest eigenvalues
    of the covariance, the fewest that have 95% of the variance, and s^2, the mean of the others.

    Raises UserError where no variance is left for s^2.
    """
    values, along = spectrum(features)
    n, d = features.shape
    q = int((values.cumsum(0) < VARIANCE * values.sum()).sum()) + 1
    rest = values[q:].mean() if q < d else values[-1]
    if not rest > 0:
        raise UserError(
            f"--iterator_args score=ppca: {n} examples' {d} features vary in {q} directions alone; use "
            "score=knn, or another embedding"
        )
    model = torch.cat([values[:q], rest.expand(d - q)])
    norm = (along[:, :q].square() / values[:q]).sum(1) + along[:, q:].square().sum(1) / rest
    return -(d * math.log(2 * math.pi) + model.log().sum() + norm) / 2


def knn(features):
    """Minus the Euclidean distance to the fifth nearest other row. Raises UserError for fewer than 6 rows."""
    if len(features) <= NEIGHBOUR:
        raise UserError(
            f"--iterator_args score=knn: given {len(features)} examples of a class; needs {NEIGHBOUR + 1}"
        )
    # the nearest is the row itself, or its double
    far = [torch.cdist(rows, features).kthvalue(NEIGHBOUR + 1, dim=1).values for rows in features.split(1024)]
    return -torch.cat(far)


SCORES = {"gaussian": gaussian, "ppca": ppca, "knn": knn}


def select(features, labels, keep, score):
    """Ascending places, int64, of the share `keep` of the rows of each class with the highest scores, at
    least one: round(keep n) of n.

    features: float64 [N, d]; labels: int64 [N], or None: all are of one class. score: a name of SCORES. Each
    class has a model of its own. Of equal scores the first come first.
    """
    labels = torch.zeros(len(features), dtype=torch.int64) if labels is None else labels
    chosen = []
    for c in labels.unique():
        rows = (labels == c).nonzero().flatten()
        order = SCORES[score](features[rows]).sort(descending=True, stable=True).indices
        chosen.append(rows[order[: max(1, round(keep * len(rows)))]])
    return torch.cat(chosen).sort().values
