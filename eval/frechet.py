"""Frechet distance between Gaussians fitted to two sets of features.

Heusel et al. 2017 (FID). Stable ways to compute it: the generalised symmetric eigenvalue problem, and singular values where
there are fewer examples than features.
"""
import numpy as np
from scipy import linalg


def frechet(mean_1, cov_1, mean_2, cov_2, rank=None):
    """|mean_1 - mean_2|^2 + Tr C_1 + Tr C_2 - 2 Tr (C_1 C_2)^(1/2).

    mean: [d]; cov: [d, d], of n examples with divisor n - 1; rank: a bound on the rank of C_1 C_2, min(n_1, n_2) - 1 where that
    is below d. Returns a float. Dowson and Landau 1982, equation 16.
    """
    root = trace_of_root(cov_1, cov_2, rank)
    return float(np.square(mean_1 - mean_2).sum() + np.trace(cov_1) + np.trace(cov_2) - 2 * root)


def frechet_of_few(x_1, x_2):
    """The same from features [n, d], for n below d: Tr (C_1 C_2)^(1/2) is the sum of the singular values of
    X_1 X_2^T / ((n_1 - 1) (n_2 - 1))^(1/2), X the features less their mean."""
    x_1, x_2 = np.asarray(x_1, np.float64), np.asarray(x_2, np.float64)
    mean_1, mean_2 = x_1.mean(0), x_2.mean(0)
    x_1, x_2 = (x_1 - mean_1) / np.sqrt(len(x_1) - 1), (x_2 - mean_2) / np.sqrt(len(x_2) - 1)
    root = linalg.svdvals(x_1 @ x_2.T).sum()
    return float(np.square(mean_1 - mean_2).sum() + np.square(x_1).sum() + np.square(x_2).sum() - 2 * root)


def trace_of_root(cov_1, cov_2, rank=None):
    """Tr (C_1 C_2)^(1/2), the sum of the square roots of the eigenvalues of C_1 C_2, which are real and not negative."""
    # a feature that is constant in one of the sets has a row of zeros there, and adds nothing
    used = (np.diagonal(cov_1) > 0) & (np.diagonal(cov_2) > 0)
    if not used.all():
        cov_1, cov_2 = cov_1[np.ix_(used, used)], cov_2[np.ix_(used, used)]
    if not used.any():
        return 0.0
    values = np.sort(eigenvalues(cov_1, cov_2))
    # those known to be zero come out as +-1e-16 of the largest, and a thousand square roots of that would be seen
    return np.sqrt(values[-min(rank or len(values), len(values)):].clip(0)).sum()


def eigenvalues(cov_1, cov_2):
    """The eigenvalues of C_1 C_2, unsorted.

    With C_2 = L L^T (Cholesky) they are those of the symmetric L^T C_1 L; the other way round if C_2 is singular. If both
    are, those of B C_2 B^T with C_1 = B^T B from its eigendecomposition, negative eigenvalues taken for zero.
    """
    for a, b in (cov_1, cov_2), (cov_2, cov_1):
        try:
            return linalg.eigh(a, b, type=2, eigvals_only=True, check_finite=False)
        except linalg.LinAlgError:
            continue
    values, vectors = linalg.eigh(cov_1, check_finite=False)
    root = np.sqrt(values.clip(0))[:, None] * vectors.T
    product = root @ cov_2 @ root.T
    return linalg.eigvalsh((product + product.T) / 2, check_finite=False)
