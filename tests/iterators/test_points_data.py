"""Points of one and two dimensions: exact scaling, moments, layouts, determinism."""

import math

import numpy as np
import pytest
import torch

from engine.errors import UserError
from iterators import points1d, points2d


def of(iterator):
    return iterator.source.tensors["x"].flatten(1).double()


@pytest.mark.parametrize(
    "data, modes", [("2020", ((-1, 0.25), (0.5, 0.5))), (2024, ((-1.5, 0.35), (0.2, 0.6)))]
)
def test_the_mixtures_of_the_homework(data, modes):
    made = points1d.get_iterators(64, data=data)
    x, test = of(made["train"]), of(made["test"])
    assert (
        made["train"].data_shape == (1, 1, 1) and made["train"].n_classes == 0 and len(made["train"]) == 313
    )
    assert len(x) == len(test) == 20_000 and x.min() == -1 and x.max() == 1
    mixture = made["train"].mixture
    # the halves have the modes' moments, in the units of x
    for k, half in enumerate((x[:10_000], x[10_000:])):
        assert abs(half.mean() - mixture["centres"][k]) < 4 * mixture["sigma"][k] / 100
        assert abs(half.std() / mixture["sigma"][k] - 1) < 0.03
    # one affine map takes the modes to the mixture's
    scale = (mixture["centres"][1, 0] - mixture["centres"][0, 0]) / (modes[1][0] - modes[0][0])
    assert torch.allclose(
        mixture["sigma"], torch.tensor([m[1] for m in modes], dtype=torch.float64) * scale, rtol=1e-12
    )
    assert (
        not torch.equal(x[:100], test[:100])
        and abs(test.mean() - x.mean()) < 0.02
        and 0.9 < test.abs().max() < 1.2
    )


def test_the_gaussian_is_not_scaled():
    made = points1d.get_iterators(64, data="gaussian", n=50_000)
    x = of(made["train"])
    assert abs(x.mean() - 4) < 0.02 and abs(x.std() - 1) < 0.02
    assert made["train"].mixture["centres"].tolist() == [[4.0]] and made["train"].mixture[
        "sigma"
    ].tolist() == [1.0]
    assert abs(of(points1d.get_iterators(64, data="gaussian", mean=-2, std=0.5)["train"]).mean() + 2) < 0.02


@pytest.mark.parametrize(
    "make", [points1d.get_iterators, lambda *a, **k: points2d.get_iterators(*a, layout="plus", **k)]
)
def test_points_depend_on_data_seed_alone_and_order_on_the_seed(make):
    a, b, c = make(64, seed=0), make(64, seed=1), make(64, seed=0, data_seed=1)
    assert torch.equal(of(a["train"]), of(b["train"])) and not torch.equal(of(a["train"]), of(c["train"]))
    first = [next(made["train"].from_step(0))["x"] for made in (a, b)]
    assert not torch.equal(*first) and first[0].shape[1:3] == (1, 1) and first[0].dtype == torch.float32
    assert torch.equal(first[0], next(make(64, seed=0)["train"].from_step(0))["x"])
    assert torch.equal(of(a["test"]), torch.cat([batch["x"] for batch in a["test"]]).flatten(1).double())


SIZES = {
    "ring": (8, 100_000),
    "grid": (25, 100_000),
    "square": (25, 50_000),
    "plus": (13, 52_000),
    "sine": (12, 48_000),
}


@pytest.mark.parametrize("layout", SIZES)
def test_layouts(layout):
    made = points2d.get_iterators(100, layout=layout)
    x, mixture = of(made["train"]), made["train"].mixture
    modes, n = SIZES[layout]
    assert mixture["centres"].shape == (modes, 2) and len(x) == n and made["train"].data_shape == (1, 1, 2)
    assert len(torch.unique(mixture["centres"].round(decimals=9), dim=0)) == modes
    offset = x - mixture["centres"][torch.arange(n) % modes]
    assert (
        abs(offset.std() / mixture["sigma"] - 1) < 0.02
        and offset.mean(0).abs().max() < 5 * mixture["sigma"] / n**0.5
    )
    if layout in ("ring", "grid"):
        assert (mixture["sigma"], mixture["radius"], mixture["least"]) == (
            {"ring": 0.01, "grid": 0.05}[layout],
            3.0,
            1,
        )
    else:
        assert mixture["least"] == 20 and mixture["radius"] == 2 * math.sqrt(2)
        assert x.min() >= 0 and x.max() <= 1 and min(x.min(), 1 - x.max()) == pytest.approx(0, abs=1e-7)
        # Dist-GAN's code: a point counts within (0.1 / max|x|) / sqrt(2) of a centre, 0.1414 before scaling
        largest = 0.05 / mixture["sigma"] / 2
        assert mixture["radius"] * mixture["sigma"] == pytest.approx(0.1 / largest / math.sqrt(2), rel=1e-9)


def test_ring_and_sine_lie_where_they_are_said_to():
    ring = points2d.get_iterators(100, n=1000, n_test=10)["train"].mixture["centres"]
    assert torch.allclose(ring.norm(dim=1), torch.ones(8, dtype=torch.float64)) and ring[
        2
    ].tolist() == pytest.approx([0, 1], abs=1e-12)
    other = points2d.get_iterators(100, n=1000, n_test=10, modes=5, radius=2, sigma=0.02)["train"].mixture
    assert (
        other["centres"].shape == (5, 2)
        and other["centres"].norm(dim=1).max() == pytest.approx(2)
        and other["sigma"] == 0.02
    )
    sine = np.array(points2d.sine())
    assert np.allclose(np.hypot(sine[:6, 0] + 1, sine[:6, 1]), 1) and np.allclose(
        np.hypot(sine[6:, 0] - 1, sine[6:, 1]), 1
    )
    assert (sine[:6, 1] > -1e-9).all() and (sine[6:, 1] < 1e-9).all()
    assert sine[5].tolist() == pytest.approx([0, 0], abs=1e-12) and sine[6].tolist() == pytest.approx([2, 0])


def test_scales_are_one_affine_map_of_points_and_centres():
    raw, unit, symmetric = (
        points2d.get_iterators(100, layout="plus", scale=scale) for scale in ("raw", "unit", "symmetric")
    )
    largest = of(raw["train"]).abs().max()
    assert torch.allclose(of(symmetric["train"]), of(raw["train"]) / largest, atol=1e-6)
    assert torch.allclose(of(unit["test"]), (of(raw["test"]) / largest + 1) / 2, atol=1e-6)
    assert torch.allclose(
        unit["train"].mixture["centres"], (raw["train"].mixture["centres"] / largest + 1) / 2, atol=1e-6
    )
    assert of(symmetric["train"]).abs().max() == 1


@pytest.mark.parametrize(
    "make, words, name",
    [
        (points1d, {"data": "2021"}, "data"),
        (points1d, {"n": 1}, "n"),
        (points1d, {"data": "gaussian", "std": 0}, "std"),
        (points2d, {"layout": "star"}, "layout"),
        (points2d, {"scale": "log"}, "scale"),
        (points2d, {"sigma": -1}, "sigma"),
        (points2d, {"layout": "grid", "modes": 4}, "modes"),
        (points2d, {"n_test": 1.5}, "n_test"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, words, name):
    with pytest.raises(UserError, match=rf"--iterator_args .*{name}.*"):
        make.get_iterators(64, **words)
