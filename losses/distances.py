"""Distances between batch means of scores, features and codes; the moving weights of Dist-GAN's D.

Tran et al. 2018 (Dist-GAN, arXiv 1803.08887) as in its code, tntrung/gan and tntrung/msgan.
mean: a function from a tensor to the scalar mean of its values. A trainer gives one that averages over all
processes.
"""

import torch


def gap(a, b, mean=torch.mean):
    """|mean a - mean b|, a scalar.

    Its gradient has the sign of the difference, so near equality the sign changes from batch to batch.
    """
    return (mean(a) - mean(b)).abs()


def latent_data_distance(data, latent, weight, mean=torch.mean):
    """(mean data - weight mean latent)^2, a scalar >= 0.

    data: differences of features, Phi(x_r) - Phi(G(z)). latent: differences of codes, E(x) - z. weight:
    sqrt(d / m), where d and m are the dimensions of code and features. The means are signed, over batch and
    dimensions, so only means are matched, not variances.
    """
    return (mean(data) - weight * mean(latent)).square()


def mu(progress):
    """clip(2 (0.1 t/N - 0.05), 0, 0.05) of progress t/N: 0 up to 1/2, 0.05 from 3/4 on."""
    return min(max(2 * (0.1 * progress - 0.05), 0.0), 0.05)


def moving(progress):
    """(w_r, w_c) = (0.95 + mu, 0.05 - mu): reconstructions fade out."""
    return 0.95 + mu(progress), 0.05 - mu(progress)


# weights(t/N) -> (w_r of real, w_c of reconstructed images); they sum to 1
WEIGHTS = {"moving": moving, "fixed": lambda progress: (0.95, 0.05), "half": lambda progress: (0.5, 0.5)}
