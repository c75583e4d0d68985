"""Frechet distance between Gaussians fitted to two sets of features (FID: Heusel et al. 2017).

It is computed from eigenvalues of a symmetric matrix, which is more stable than a matrix square root, and
from singular values where there are fewer examples than features.
"""

import torch


def frechet(mean_1, cov_1, mean_2, cov_2, rank=None):
    """|mean_1 - mean_2|^2 + Tr C_1 + Tr C_2 - 2 Tr (C_1 C_2)^(1/2).

    mean: [d]; cov: [d, d], of n examples with divisor n - 1; rank: an upper bound on the rank of C_1 C_2,
    which is min(n_1, n_2) - 1 where that is below d. Arrays or tensors; computed in float64. Returns a float.
    Dowson and Landau 1982, equation 16.
    """
    mean_1, cov_1, mean_2, cov_2 = map(_float64, (mean_1, cov_1, mean_2, cov_2))
    squares = (mean_1 - mean_2).square().sum() + cov_1.trace() + cov_2.trace()
    return float(squares) - 2 * trace_of_root(cov_1, cov_2, rank)


def frechet_of_few(x_1, x_2):
    """The same distance from features [n, d] with n < d.

    Tr (C_1 C_2)^(1/2) is the sum of the singular values of X_1 X_2^T / ((n_1 - 1) (n_2 - 1))^(1/2), with X
    the features minus their mean.
    """
    x_1, x_2 = _float64(x_1), _float64(x_2)
    mean_1, mean_2 = x_1.mean(0), x_2.mean(0)
    x_1, x_2 = (x_1 - mean_1) / (len(x_1) - 1) ** 0.5, (x_2 - mean_2) / (len(x_2) - 1) ** 0.5
    squares = (mean_1 - mean_2).square().sum() + x_1.square().sum() + x_2.square().sum()
    return float(squares - 2 * torch.linalg.svdvals(x_1 @ x_2.T).sum())


def trace_of_root(cov_1, cov_2, rank=None):
    """Tr (C_1 C_2)^(1/2): the sum of the square roots of the eigenvalues of C_1 C_2, which are real and >=
    0."""
    cov_1, cov_2 = _float64(cov_1), _float64(cov_2)
    # a feature that is constant in one set adds nothing, and its row of zeros would make Cholesky fail
    used = (cov_1.diagonal() > 0) & (cov_2.diagonal() > 0)
    if not used.all():
        cov_1, cov_2 = cov_1[used][:, used], cov_2[used][:, used]
    values = eigenvalues(cov_1, cov_2)
    # eigenvalues beyond the rank are 0 but come out as about 1e-16 of the largest; the sum of a thousand of
    # their square roots would be visible in the result
    if rank is not None and rank < len(values):
        values = values.topk(rank).values
    return float(values.clamp(min=0).sqrt().sum())


def eigenvalues(cov_1, cov_2):
    """The eigenvalues of C_1 C_2.

    With C_2 = L L^T (Cholesky) they are those of the symmetric L^T C_1 L; if C_2 is singular, C_1 and C_2
    change places. If both are singular they are those of B C_2 B^T, where C_1 = B^T B comes from the
    eigendecomposition of C_1 with negative eigenvalues set to 0.
    """
    for a, b in (cov_1, cov_2), (cov_2, cov_1):
        root, failed = torch.linalg.cholesky_ex(b)
        if not failed:
            return torch.linalg.eigvalsh(root.T @ a @ root)
    values, vectors = torch.linalg.eigh(cov_1)
    root = values.clamp(min=0).sqrt()[:, None] * vectors.T
    return torch.linalg.eigvalsh(root @ cov_2 @ root.T)


def _float64(x):
    return torch.as_tensor(x, dtype=torch.float64)
