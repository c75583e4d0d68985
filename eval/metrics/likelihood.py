"""Scores that look at training and held-out images: the feature likelihood divergence, and memorisation.

Jiralerspong et al. 2023, "Feature likelihood divergence"; Meehan et al. 2020, "A non-parametric test to
detect data-copying".
"""

import math

import torch

from engine.randomness import permutation

STEPS, RATE = 50, 0.5  # of Adam, as in the authors' code
NEARER = 0.9  # the part of its distance at which the training set's mean, as one more centre, is seen
CENTRES = 10_000
BLOCK = 2**22  # distances in memory at a time


def fld(train, held_out, fake):
    """100 (L(fake) - L(train)): how much less likely held-out features are under a mixture of Gaussians about
    generated features than under one about training features. About 0: as good as training images; larger is
    worse. A generator that copies training images is punished too: its Gaussians shrink onto them.

    train [k, d], held_out [m, d], fake [n, d]. With features divided by the held-out ones' deviation: L(c) =
    -1/d mean_m log 1/n sum_i N(x_m; c_i, s_i^2 I), where the s_i maximise the likelihood of the training
    features. L(train) has half of the training features as centres, at most n, and is fitted to the others.

    Jiralerspong et al. 2023, section 3, and their code. Differs from the code: float64; features that are
    constant in held_out are left out; of each set at most 10,000 are used, in one batch; the halves are drawn
    by a fixed permutation. Raises ValueError for fewer than 4 training or 2 other features.
    """
    if len(train) < 4 or min(len(held_out), len(fake)) < 2:
        raise ValueError(
            f"given {len(train)}, {len(held_out)} and {len(fake)} images; must be 4, 2 and 2 or more"
        )
    train, held_out, fake = (x[:CENTRES].double() for x in (train, held_out, fake))
    std, mean = held_out.std(0), held_out.mean(0)
    used = std > 0
    train, held_out, fake = ((x[:, used] - mean[used]) / std[used] for x in (train, held_out, fake))
    mixed = train[permutation(len(train), "fld").to(train.device)]
    half = min(len(fake), len(train) // 2)
    baseline = nll(held_out, mixed[:half], fitted(mixed[:half], mixed[half:]))
    return 100 * float(nll(held_out, fake, fitted(fake, train)) - baseline)


def log_gaussians(squares, log_variances, d):
    """log N(x; c, s^2 I) of squared distances, in d dimensions."""
    return -squares / (2 * log_variances.exp()) - d / 2 * (log_variances + math.log(2 * math.pi))


def nll(x, centres, log_variances):
    """-1/d mean log p(x), p the mixture of equal shares of Gaussians about the centres."""
    d = x.shape[1]
    found = log_gaussians(torch.cdist(x, centres).square(), log_variances, d)
    return (math.log(len(centres)) - found.logsumexp(1)).mean() / d


def fitted(centres, x):
    """[n]: log s_i^2 of the Gaussians about the centres [n, d] that make x [m, d] likely, by STEPS of Adam.

    They begin at the best for the nearest x alone. A further Gaussian about the mean of x, of weight 1, keeps
    each x from being impossible; it is dropped after the fit.
    """
    d = x.shape[1]
    squares = torch.cdist(x, centres).square()
    to_mean = NEARER**2 * (x - x.mean(0)).square().sum(1, keepdim=True)
    with torch.enable_grad():
        log_variances = ((squares.min(0).values + 1e-3) / d).log().requires_grad_()
        of_mean = torch.zeros((), dtype=x.dtype, device=x.device, requires_grad=True)
        optimiser = torch.optim.Adam([log_variances, of_mean], lr=RATE)
        for _ in range(STEPS):
            about = log_gaussians(squares, log_variances, d) - math.log(len(centres))
            every = torch.cat([about, log_gaussians(to_mean, of_mean, d)], 1)
            loss = -every.logsumexp(1).mean() / d
            log_variances.grad, of_mean.grad = torch.autograd.grad(loss, (log_variances, of_mean))
            optimiser.step()
            log_variances.data.clamp_(-40, 20)  # a centre that is one of x
    return log_variances.detach()


def memorisation(train, held_out, fake):
    """{"memorised", "nearer"} of features train [k, d], held_out [m, d], fake [n, d], with r(x) the distance
    of x from its nearest training image.

    memorised: the share of generated images g with r(g) < min r over held-out images. nearer: the share of
    pairs of a generated and a held-out image with r(g) < r(h), equal ones counted half: 1/2 where the
    generator does not copy. That is 1 - U / (n m) of Meehan et al. 2020, section 3.1.
    """
    of_held, of_fake = nearest(held_out, train), nearest(fake, train)
    ordered = of_held.sort().values
    above = len(ordered) - torch.searchsorted(ordered, of_fake, right=True)
    equal = torch.searchsorted(ordered, of_fake, right=True) - torch.searchsorted(ordered, of_fake)
    return {
        "memorised": float((of_fake < ordered[0]).double().mean()),
        "nearer": float((above + equal / 2).double().mean()) / len(ordered),
    }


def nearest(x, train):
    """float64 [n]: the distance of each of x [n, d] from the nearest row of train [k, d]."""
    x, train = x.double(), train.double()
    found = [
        torch.cdist(part, train, compute_mode="donot_use_mm_for_euclid_dist").min(1).values
        for part in x.split(max(1, BLOCK // len(train)))
    ]
    return torch.cat(found)
