"""Mixtures of round Gaussians in the plane: a ring of 8, a grid of 25, and Dist-GAN's square, plus and sine.

ring, grid: Lin et al. 2018 (PacGAN), section 4.1 and released code: centres on the circle of radius 1 with
sigma 0.01, and at {-4, -2, 0, 2, 4}^2 with sigma 0.05; 100,000 training points. The ring of Metz et al. 2017
(Unrolled GAN), released notebook, has the same radius and sigma. square, plus, sine: Tran et al. 2018
(Dist-GAN), released code, distgan_toy2d, sigma 0.05.
"""

import itertools
import math

import numpy as np
import torch

from engine.errors import UserError
from engine.randomness import generator
from iterators.points1d import check_count, check_positive, iterators


def ring(modes=8, radius=1.0):
    """Centres at equal angles on a circle, [modes, 2]."""
    return [
        (radius * math.cos(2 * math.pi * k / modes), radius * math.sin(2 * math.pi * k / modes))
        for k in range(modes)
    ]


def plus():
    """13 centres: (i, 0) for i = -3 .. 3 and (0, j) for j = +-1 .. +-3."""
    return [(i, 0) for i in range(-3, 4)] + [(0, j) for j in (-3, -2, -1, 1, 2, 3)]


def sine():
    """12 centres, 30 degrees apart, on the upper half of the unit circle about (-1, 0) and the lower half of
    that about (1, 0).

    The first arc has 150, 120, ..., 0 degrees, the second 0, -30, ..., -150: the ends at (-2, 0) and, again,
    (0, 0) are left out.
    """
    angles = [math.radians(30 * k) for k in range(6)]
    return [(math.cos(a) - 1, math.sin(a)) for a in reversed(angles)] + [
        (math.cos(a) + 1, -math.sin(a)) for a in angles
    ]


GRID = list(itertools.product((-4, -2, 0, 2, 4), repeat=2))
# centres, sigma, training points, scale, and what counts: within how many sigma of a centre, how many such
# points make it covered, and of how many samples
LAYOUTS = {
    "ring": (ring(), 0.01, 100_000, "raw", 3.0, 1, 2500),
    "grid": (GRID, 0.05, 100_000, "raw", 3.0, 1, 2500),
    "square": (GRID, 0.05, 50_000, "unit", 2 * math.sqrt(2), 20, 2000),
    "plus": (plus(), 0.05, 52_000, "unit", 2 * math.sqrt(2), 20, 2000),
    "sine": (sine(), 0.05, 48_000, "unit", 2 * math.sqrt(2), 20, 2000),
}
# x -> x a / max|x| + b, where a is not None
SCALES = {"raw": (None, 0.0), "unit": (0.5, 0.5), "symmetric": (1.0, 0.0)}


def get_iterators(
    batch_size,
    seed=0,
    layout="ring",
    n=None,
    n_test=10_000,
    data_seed=0,
    sigma=None,
    scale=None,
    modes=None,
    radius=None,
):
    """x [N, 1, 1, 2]: n train (by default as many as the layout's authors drew) and n_test test points,
    equally many a mode.

    layout: ring, grid, square, plus or sine. scale: "raw"; "unit", (x / max|x| + 1) / 2 in [0, 1]^2;
    "symmetric", x / max|x| in [-1, 1]^2; max|x| is one number, the largest absolute coordinate of the
    training points. By default that of the layout's authors: raw for ring and grid, unit for the others.
    sigma: the Gaussians' deviation before scaling; modes, radius: of the ring, 8 on the circle of radius 1.
    data_seed fixes the points; --seed orders them. "train" carries `mixture`, the centres and sigma in the
    units of x, and what counts as covered: for ring and grid one of 2,500 samples within 3 sigma (PacGAN),
    for the others 20 of 2,000 within 2.83 sigma (Dist-GAN). Raises UserError for what cannot be.
    """
    if layout not in LAYOUTS:
        raise UserError(f"--iterator_args layout: given {layout!r}; use {', '.join(LAYOUTS)}")
    centres, own_sigma, own_n, own_scale, within, least, samples = LAYOUTS[layout]
    if layout == "ring":
        if modes is not None and (type(modes) is not int or modes < 1):
            raise UserError(f"--iterator_args modes: given {modes!r}; use a whole number above 0")
        if radius is not None:
            check_positive("radius", radius)
        centres = ring(8 if modes is None else modes, 1.0 if radius is None else radius)
    elif modes is not None or radius is not None:
        raise UserError(f"--iterator_args modes, radius: are the ring's; given with layout={layout}")
    n, sigma, scale = (
        own_n if n is None else n,
        own_sigma if sigma is None else sigma,
        own_scale if scale is None else scale,
    )
    if scale not in SCALES:
        raise UserError(f"--iterator_args scale: given {scale!r}; use {', '.join(SCALES)}")
    check_positive("sigma", sigma)
    check_count("n", n)
    check_count("n_test", n_test)
    centres = np.array(centres, np.float64)
    train, test = (
        draw(centres, sigma, count, data_seed, split) for split, count in (("train", n), ("test", n_test))
    )
    a, b = SCALES[scale]
    a = 1.0 if a is None else a / np.abs(train).max()
    mixture = {
        "centres": torch.as_tensor(centres * a + b),
        "sigma": float(sigma * a),
        "radius": within,
        "least": least,
        "samples": samples,
    }
    return iterators(train * a + b, test * a + b, batch_size, seed, mixture)


def draw(centres, sigma, n, *words):
    """float64 [n, 2]: point i is centre i mod m plus N(0, sigma^2 I), fixed by the words."""
    noise = torch.randn(n, 2, dtype=torch.float64, generator=generator("points", *words)).numpy()
    return centres[np.arange(n) % len(centres)] + sigma * noise
