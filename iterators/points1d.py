"""Numbers for one-dimensional GANs: two mixtures of two Gaussians, scaled to [-1, 1], and one Gaussian as it
is.

The mixtures are those of UC Berkeley's CS294-158 Deep Unsupervised Learning, 2020 (homework 4) and 2024
(homework 3); the Gaussian N(4, 1) is that of Dist-GAN's one-dimensional demonstration (Tran et al. 2018,
released code, distgan_toy1d).
"""

import numpy as np
import torch

from engine.errors import UserError
from engine.randomness import generator
from iterators.common import DataIterator

# (mean, standard deviation) of the two equal halves, before scaling
MIXTURES = {"2020": ((-1.0, 0.25), (0.5, 0.5)), "2024": ((-1.5, 0.35), (0.2, 0.6))}


def get_iterators(batch_size, seed=0, data="2020", n=20_000, n_test=20_000, data_seed=0, mean=None, std=None):
    """x [N, 1, 1, 1]; n train and n_test test points, each half of them from each mode.

    data: "2020" or "2024", scaled so that the training points' least is -1 and their largest 1, 2 (d - min) /
    (max - min) - 1; or "gaussian", N(mean, std^2) unscaled, by default N(4, 1). Test points are drawn afresh
    and scaled like the training points, so that a few may lie outside [-1, 1]. data_seed fixes the points;
    --seed orders them. "train" carries `mixture`, the modes in the units of x. Raises UserError for other
    data or too few points.
    """
    name = str(data)  # --iterator_args data=2020 is read as a number
    if name not in (*MIXTURES, "gaussian"):
        raise UserError(f"--iterator_args data: given {data!r}; use {', '.join(MIXTURES)} or gaussian")
    check_count("n", n)
    check_count("n_test", n_test)
    if name != "gaussian" and (mean, std) != (None, None):
        raise UserError(f"--iterator_args mean, std: go with data=gaussian, given data={name}")
    if name == "gaussian":
        mean, std = 4.0 if mean is None else mean, 1.0 if std is None else std
        if isinstance(mean, bool) or not isinstance(mean, (int, float)):
            raise UserError(f"--iterator_args mean: given {mean!r}; use a number")
        check_positive("std", std)
        modes = ((mean, std),)
    else:
        modes = MIXTURES[name]
    train, test = (draw(modes, count, data_seed, split) for split, count in (("train", n), ("test", n_test)))
    low, high = (0.0, 2.0) if name == "gaussian" else (train.min(), train.max())
    shift, scale = (0.0, 1.0) if name == "gaussian" else ((low + high) / 2, 2 / (high - low))
    centres, sigma = (np.array(values) for values in zip(*modes))
    mixture = {
        "centres": torch.as_tensor((centres - shift) * scale).reshape(-1, 1),
        "sigma": torch.as_tensor(sigma * scale),
        "radius": 3.0,
        "least": 1,
    }
    return iterators((train - shift) * scale, (test - shift) * scale, batch_size, seed, mixture)


def draw(modes, n, *words):
    """float64 [n, 1]: equal parts of each N(mean, std^2), one after the other (the first has the odd ones),
    fixed by the words."""
    parts = [n // len(modes) + (k < n % len(modes)) for k in range(len(modes))]
    z = torch.randn(n, dtype=torch.float64, generator=generator("points", *words)).numpy()
    mean, std = (np.repeat([mode[i] for mode in modes], parts) for i in (0, 1))
    return (mean + std * z)[:, None]


def iterators(train, test, batch_size, seed, mixture):
    """{"train", "test"} of DataIterators over points [n, d], as x [N, 1, 1, d] of float32."""
    arrays = [{"x": np.ascontiguousarray(points, np.float32)[:, None, None]} for points in (train, test)]
    return {
        "train": DataIterator(arrays[0], batch_size, seed, what="points", mixture=mixture),
        "test": DataIterator(
            arrays[1], min(batch_size, len(test)), shuffle=False, what="points", mixture=mixture
        ),
    }


def check_positive(name, value):
    """Raises UserError unless the value is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise UserError(f"--iterator_args {name}: given {value!r}; use a number above 0")


def check_count(name, n):
    """Raises UserError unless n is a whole number of at least 2."""
    if type(n) is not int or n < 2:
        raise UserError(f"--iterator_args {name}: given {n!r}; use a whole number of at least 2")
