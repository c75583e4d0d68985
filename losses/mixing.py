"""Convex combinations of images or hidden states, and the weights for them."""
import torch


def mix(hs, weights):
    """Convex combination of k batches, sum_i weights[i] hs[i].

    hs: k tensors [N, C, ...] of one shape, images in [-1, 1] or hidden states.
    weights: [k, N] (one an example) or [k, N, C] (one a channel), summing to 1 over k. Returns [N, C, ...].
    """
    ndim = hs[0].ndim
    # added up rather than stacked: no copy of the batches, and their memory format is kept
    return sum(w.reshape(w.shape + (1,) * (ndim - w.ndim)) * h for h, w in zip(hs, weights))


def beta_weights(n, alpha, fold=False, device=None):
    """Weights [2, n] of two examples: (lam, 1 - lam), lam ~ Beta(alpha, alpha), one an example.

    fold: lam <- min(lam, 1 - lam) in [0, 1/2], so that the second example is always at least half of the mix.
    Then E[lam] = 1/2 - 2^(-2 alpha) / (alpha B(alpha, alpha)): 0.101 for alpha = 0.2, 1/4 for alpha = 1.
    Zhang et al. 2018, section 2; the fold is that of Verma et al. 2018's GAN code.
    """
    # a Gamma(alpha) variate is one of Gamma(alpha + 1) times U^(1/alpha); their ratio, in logarithms, is right for any alpha,
    # where torch's Beta underflows below about 0.01 and returns 1/2
    gamma = torch._standard_gamma(torch.full((2, n), alpha + 1.0, device=device))
    log_g = gamma.log() + torch.rand(2, n, device=device).log() / alpha
    lam = torch.sigmoid(log_g[0] - log_g[1])
    if fold:
        lam = torch.minimum(lam, 1 - lam)
    return torch.stack([lam, 1 - lam])


def pick(layers):
    """One of `layers`, uniformly: drawn once a batch, on the CPU, so that no device waits."""
    return layers[int(torch.randint(len(layers), ()))]
