"""Disentanglement of codes whose true factors are known: the FactorVAE and the beta-VAE metric, on held-out
examples.

encode(factors int64 [n, K]) -> codes [n, J] of images rendered from these factors; sizes: the number of
values of each factor.
"""

import numpy as np
import torch

from eval.metrics import probe

ACTIVE = 0.05  # a dimension with a smaller standard deviation counts as unused (disentanglement_lib)


def factor_sampler(sizes, seed):
    """(generator, draw): draw(n) gives uniform random factors int64 [n, K] from that generator."""
    generator = np.random.default_rng(seed)

    def draw(n):
        return torch.from_numpy(np.stack([generator.integers(size, size=n) for size in sizes], 1))

    return generator, draw


def encode_in_batches(encode, factors, size=1024):
    """encode(factors) as float64 [n, J], `size` images at a time."""
    return torch.cat([encode(part).flatten(1).double() for part in factors.split(size)])


def factor_vae(encode, sizes, images=64, train=10000, evaluation=5000, scale=10000, seed=0, active=ACTIVE):
    """{"score", "chance", "active", "votes"}: Kim and Mnih 2018, section 4.

    A vote fixes one factor k at a random value and draws `images` images with the other factors random. It is
    for the dimension d* whose variance, divided by its variance s_j^2 in `scale` random images, is least (the
    first of several). f(j) is the factor with most of the `train` votes for dimension j (the first of
    several). The score is the share of `evaluation` votes with f(d*) = k. Dimensions with s_j < active are
    left out; without any the score is 0. Factors with a single value have no votes.
    """
    _, draw = factor_sampler(sizes, seed)
    std = encode_in_batches(encode, draw(scale)).std(0, correction=1)
    dims = (std >= active).nonzero().flatten()
    factors = [k for k, size in enumerate(sizes) if size > 1]
    if not len(dims):
        return {"score": 0.0, "chance": 1 / len(factors), "active": 0, "votes": []}
    generator, _ = factor_sampler(sizes, seed + 1)

    def count_votes(n):
        """int64 [K, dims]: the votes for each dimension when each factor was fixed."""
        counts = torch.zeros(len(sizes), len(dims), dtype=torch.int64)
        batch = max(1, 4096 // images)  # votes encoded together
        for start in range(0, n, batch):
            m = min(batch, n - start)
            fixed = torch.from_numpy(generator.choice(factors, size=m))
            chosen = draw(m * images).view(m, images, len(sizes))
            rows = torch.arange(m)
            chosen[rows, :, fixed] = chosen[rows, :1, fixed]
            codes = encode_in_batches(encode, chosen.flatten(0, 1)).view(m, images, -1)[:, :, dims]
            ratio = codes.var(1, correction=1) / std[dims].square()
            # the ratio of a perfect dimension is 0 up to rounding, so that smaller differences count as ties
            least = (ratio <= ratio.min(1, keepdim=True).values + 1e-12).to(torch.int64).argmax(1)
            counts.index_put_((fixed, least), torch.ones(m, dtype=torch.int64), accumulate=True)
        return counts

    train_votes, test_votes = count_votes(train), count_votes(evaluation)
    factor_of = train_votes.argmax(0)  # the first of several largest
    right = int(test_votes[factor_of, torch.arange(len(dims))].sum())
    return {
        "score": right / evaluation,
        "chance": 1 / len(factors),
        "active": len(dims),
        "votes": train_votes.tolist(),
    }


def beta_vae(encode, sizes, images=64, train=10000, evaluation=5000, seed=0):
    """{"score", "train", "chance"}: Higgins et al. 2017, section 3, held-out accuracy.

    An example fixes a factor k: in each of `images` pairs the two images share one random value of k, and
    their other factors are random. Its features are the mean |difference| of the two codes. Multinomial
    logistic regression predicts k; the score is its accuracy on `evaluation` new examples. Raw pixels reach
    about 31% on dSprites, where chance is 20%.
    """
    generator, draw = factor_sampler(sizes, seed + 2)
    factors = [k for k, size in enumerate(sizes) if size > 1]

    def features(n):
        parts, labels = [], []
        batch = max(1, 2048 // images)  # examples encoded together
        for start in range(0, n, batch):
            m = min(batch, n - start)
            fixed = torch.from_numpy(generator.choice(factors, size=m))
            first, second = (draw(m * images).view(m, images, len(sizes)) for _ in range(2))
            rows = torch.arange(m)
            second[rows, :, fixed] = first[rows, :, fixed]
            codes = encode_in_batches(encode, torch.cat([first.flatten(0, 1), second.flatten(0, 1)]))
            a, b = codes.view(2, m, images, -1)
            parts.append((a - b).abs().mean(1))
            labels.append(torch.tensor([factors.index(int(k)) for k in fixed]))
        return torch.cat(parts), torch.cat(labels)

    (x, y), (x_new, y_new) = features(train), features(evaluation)
    scale = probe.standardiser(x)
    if not scale(x).shape[1]:
        return {"score": 1 / len(factors), "train": 1 / len(factors), "chance": 1 / len(factors)}
    weights, _ = probe.fit(scale(x), y, len(factors), l2=1e-6, steps=500)
    return {
        "score": probe.accuracy(weights, scale(x_new), y_new),
        "train": probe.accuracy(weights, scale(x), y),
        "chance": 1 / len(factors),
    }
