"""Disentanglement of codes whose true factors are known: the FactorVAE and the beta-VAE metric, each scored on examples it was not fitted to.

encode(factors int64 [n, K]) -> codes [n, J] of images rendered from these factors; sizes: how many values each factor has.
"""

import numpy as np
import torch

from eval.metrics import probe

ACTIVE = 0.05  # deviation below which a code's dimension counts as unused (disentanglement_lib)


def draws(sizes, seed):
    """(generator, draw): draw(n) gives random factors int64 [n, K] from that generator."""
    generator = np.random.default_rng(seed)
    return generator, lambda n: torch.from_numpy(
        np.stack([generator.integers(size, size=n) for size in sizes], 1)
    )


def in_parts(encode, factors, size=1024):
    """encode(factors), in parts of `size` images; float64."""
    return torch.cat([encode(part).flatten(1).double() for part in factors.split(size)])


def factor_vae(encode, sizes, images=64, train=10000, evaluation=5000, scale=10000, seed=0, active=ACTIVE):
    """{"score", "chance", "active", "votes"}: Kim and Mnih 2018, section 4.

    A vote fixes one factor k at a random value, draws `images` images with the others random, and names the dimension whose
    variance, over its variance s_j^2 in `scale` random images, is least (the lowest index of several). For each dimension f(j)
    is the factor that most of the `train` votes give it (the lowest of several); the score is the share of `evaluation` votes with f(d*) = k.
    Dimensions with s_j < active are left out; with none the score is 0. Factors with one value are not voted on.
    """
    _, draw = draws(sizes, seed)
    std = in_parts(encode, draw(scale)).std(0, correction=1)
    kept = (std >= active).nonzero().flatten()
    factors = [k for k, size in enumerate(sizes) if size > 1]
    if not len(kept):
        return {"score": 0.0, "chance": 1 / len(factors), "active": 0, "votes": []}
    generator, _ = draws(sizes, seed + 1)

    def votes(n):
        counts = torch.zeros(len(sizes), len(kept), dtype=torch.int64)
        per = max(1, 4096 // images)  # votes encoded together
        for start in range(0, n, per):
            m = min(per, n - start)
            fixed = torch.from_numpy(generator.choice(factors, size=m))
            chosen = draw(m * images).view(m, images, len(sizes))
            rows = torch.arange(m)
            chosen[rows, :, fixed] = chosen[rows, :1, fixed]
            codes = in_parts(encode, chosen.flatten(0, 1)).view(m, images, -1)[:, :, kept]
            ratio = codes.var(1, correction=1) / std[kept].square()
            # a perfect factor's ratio is 0 up to rounding; differences below that are no differences
            least = (ratio <= ratio.min(1, keepdim=True).values + 1e-12).to(torch.int64).argmax(1)
            counts.index_put_((fixed, least), torch.ones(m, dtype=torch.int64), accumulate=True)
        return counts

    fitted, fresh = votes(train), votes(evaluation)
    says = fitted.argmax(0)  # the first of several largest
    right = int(fresh[says, torch.arange(len(kept))].sum())
    return {
        "score": right / evaluation,
        "chance": 1 / len(factors),
        "active": len(kept),
        "votes": fitted.tolist(),
    }


def beta_vae(encode, sizes, images=64, train=10000, evaluation=5000, seed=0):
    """{"score", "train", "chance"}: Higgins et al. 2017, section 3, held-out accuracy.

    An example fixes a factor k: `images` pairs whose two images share k's value (another in each pair) and are random otherwise;
    its features are the mean |difference| of their codes. Multinomial logistic regression names k; the score is its accuracy on
    `evaluation` fresh examples. Raw pixels reach about 31% on dSprites, where chance is 20%.
    """
    generator, draw = draws(sizes, seed + 2)
    factors = [k for k, size in enumerate(sizes) if size > 1]

    def features(n):
        parts, labels, per = [], [], max(1, 2048 // images)
        for start in range(0, n, per):
            m = min(per, n - start)
            fixed = torch.from_numpy(generator.choice(factors, size=m))
            first, second = (draw(m * images).view(m, images, len(sizes)) for _ in range(2))
            rows = torch.arange(m)
            second[rows, :, fixed] = first[rows, :, fixed]
            codes = in_parts(encode, torch.cat([first.flatten(0, 1), second.flatten(0, 1)]))
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
