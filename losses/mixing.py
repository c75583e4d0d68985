"""Convex combinations of images or hidden states, and the weights for them."""

import torch

from engine import accumulation
from engine.torch_private import standard_gamma


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
    # a Gamma(alpha) variate is one of Gamma(alpha + 1) times U^(1/alpha); their ratio, in logarithms, is
    # right for any alpha, where torch's Beta underflows below about 0.01 and returns 1/2
    gamma = accumulation.rows(lambda n: standard_gamma(torch.full((2, n), alpha + 1.0, device=device)), n, 1)
    log_g = gamma.log() + accumulation.rows(lambda n: torch.rand(2, n, device=device), n, 1).log() / alpha
    lam = torch.sigmoid(log_g[0] - log_g[1])
    if fold:
        lam = torch.minimum(lam, 1 - lam)
    return torch.stack([lam, 1 - lam])


def pick(layers):
    """One of `layers`, uniformly; 0 without a draw where there is none. Drawn on the CPU, so that no device
    waits."""

    def draw():
        return int(torch.randint(len(layers), ()))

    return layers[accumulation.once(draw)] if layers else 0


# Mixing k codes: who is mixed with whom, and in which shares


def partners(n, k, device=None):
    """k index tensors [n]: the batch itself, then k - 1 independent random permutations (an example may meet
    itself)."""
    return [torch.arange(n, device=device)] + [torch.randperm(n, device=device) for _ in range(k - 1)]


def simplex(k, shape, device=None):
    """Weights [k, *shape] ~ Dirichlet(1, ..., 1), uniform on the simplex; for k = 2 that is (a, 1 - a), a ~
    U(0, 1)."""
    weights = torch.empty(k, *shape, device=device).exponential_()
    return weights / weights.sum(0)


def chosen(source, k):
    """Weights [k, ...] that are 1 for the source named in `source`, int64 in 0 .. k-1, and 0 for the
    others."""
    return torch.stack([(source == i).float() for i in range(k)])


def shares(p, k):
    """p as k shares that sum to 1: a number p is (p, 1 - p). Raises ValueError for another number of them, or
    another sum."""
    values = [float(v) for v in (p if isinstance(p, (tuple, list)) else (p, 1 - p))]
    if len(values) != k or min(values) < 0 or abs(sum(values) - 1) > 1e-6:
        raise ValueError(f"p={p}: must be {k} shares of at least 0 that sum to 1")
    return values


def fixed_order(channels, p, k, device=None):
    """The source [channels] of each channel for given shares.

    In a fixed shuffled order the first floor(p_1 C) are of the first source, the next of the second, and so
    on. So neighbouring p share most channels, and an interpolation moves step by step.
    """
    order = torch.randperm(channels, generator=torch.Generator().manual_seed(0))
    source, start = torch.full((channels,), k - 1), 0.0
    for i, share in enumerate(shares(p, k)[:-1]):
        stop = start + share
        # 1e-9, because 0.29 * 100 is 28.999...
        source[order[int(start * channels + 1e-9) : int(stop * channels + 1e-9)]] = i
        start = stop
    return source.to(device)


def mixup_weights(n, channels, k=2, p=None, device=None):
    """One Dirichlet weight vector an example, [k, n]; with shares p, those."""
    return (
        simplex(k, (n,), device)
        if p is None
        else torch.tensor(shares(p, k), device=device)[:, None].expand(k, n)
    )


def mixup2_weights(n, channels, k=2, p=None, device=None):
    """One Dirichlet weight vector an example and channel, [k, n, channels]; with shares p, those."""
    return simplex(k, (n, channels), device) if p is None else mixup_weights(n, channels, k, p, device)


def fm_weights(n, channels, k=2, p=None, device=None):
    """Each channel of each example from one source, uniformly, [k, n, channels]: for k = 2 Bernoulli(1/2)
    masks."""
    if p is not None:
        return chosen(fixed_order(channels, p, k, device), k)[:, None].expand(k, n, channels)
    return chosen(torch.randint(k, (n, channels), device=device), k)


def fm2_weights(n, channels, k=2, p=None, device=None):
    """As fm_weights, but the sources' probabilities are drawn once a batch, p ~ Dirichlet(1, ..., 1).

    For k = 2 that is Bernoulli(p), p ~ U(0, 1): "Bernoulli mixup" of Beckham et al. 2019. The mean is that of
    fm; the variance of a batch's mean is higher (1/12).
    """
    if p is not None:
        return fm_weights(n, channels, k, p, device)
    bounds = simplex(k, (), device).cumsum(0)[:-1]  # a uniform draw between two bounds: that source
    return chosen(torch.bucketize(torch.rand(n, channels, device=device), bounds), k)


# weights(n, channels, k, p, device) -> [k, n] or [k, n, channels], to be given to mix(); all convex
MIXERS = {"mixup": mixup_weights, "mixup2": mixup2_weights, "fm": fm_weights, "fm2": fm2_weights}
