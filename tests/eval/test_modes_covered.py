"""Modes covered, by hand and by expectation."""

import math

import pytest
import torch

from eval.metrics.modes_covered import classes, counts_of, mixture


def test_mixture_by_hand():
    centres = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]
    points = torch.tensor([[0.0, 0.1], [0.0, 0.3], [9.7, 0.0], [5.0, 5.0]])
    found = mixture(points.reshape(4, 1, 1, 2), centres, sigma=0.11)
    assert found == {"modes": 2, "high_quality": 0.75, "points_per_mode": [2, 1, 0]}
    assert mixture(points, centres, sigma=0.11, least=2)["modes"] == 1


@pytest.mark.parametrize("radius", [2.83, 3.0])
def test_share_of_high_quality_of_perfect_samples(radius):
    draw = torch.Generator().manual_seed(0)
    centres = torch.cartesian_prod(*[torch.arange(-4.0, 5, 2)] * 2)
    points = centres[torch.randint(25, (20_000,), generator=draw)] + 0.05 * torch.randn(
        20_000, 2, generator=draw
    )
    found = mixture(points, centres, 0.05, radius, least=20)
    assert found["modes"] == 25 and found["high_quality"] == pytest.approx(
        1 - math.exp(-(radius**2) / 2), abs=0.003
    )


def test_points_that_are_not_finite():
    with pytest.raises(ValueError, match="not finite"):
        mixture(torch.tensor([[math.nan, 0.0]]), [[0.0, 0.0]], 1.0)


def test_all_in_one_class():
    found = classes([500] + [0] * 9)
    assert (
        found["modes"] == 1
        and found["kl"] == pytest.approx(math.log(10), rel=1e-12)
        and found["kl_bias"] == 0
    )


def test_shares_equal_to_the_frequencies():
    assert classes([30, 10], [3, 1])["kl"] == pytest.approx(0, abs=1e-12)
    assert classes([30, 10, 0])["entropy"] == pytest.approx(
        -0.75 * math.log(0.75) - 0.25 * math.log(0.25), rel=1e-12
    )
    assert (
        classes([5] * 10)["entropy"] == pytest.approx(math.log(10), rel=1e-12)
        and classes([7, 0])["entropy"] == 0
    )
    assert classes([30, 10])["kl"] == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5), rel=1e-12)
    assert classes([1, 1], [1, 0])["kl"] == math.inf


def test_bias_of_a_thousand_classes():
    labels = torch.randint(1000, (25_600,), generator=torch.Generator().manual_seed(0))
    found = classes(counts_of(labels, 1000))
    assert found["modes"] == 1000 and found["kl_bias"] == pytest.approx(0.0195, abs=1e-4)
    assert found["kl"] == pytest.approx(found["kl_bias"], rel=0.15)


def test_counts_include_classes_that_no_one_is_in():
    assert counts_of([0, 2, 2], 5).tolist() == [1, 0, 2, 0, 0]


def test_without_frequencies_they_are_equal_and_only_their_ratios_count():
    counts = [6, 3, 0, 1]
    p = [0.6, 0.3, 0.1]
    kl = sum(share * math.log(share / 0.25) for share in p)
    assert classes(counts)["kl"] == pytest.approx(kl, rel=1e-12)
    assert classes(counts) == classes(counts, [5, 5, 5, 5])
    assert classes(counts, [2, 1, 1, 0.5])["kl"] == pytest.approx(
        0.6 * math.log(0.6 / (2 / 4.5)) + 0.3 * math.log(0.3 / (1 / 4.5)) + 0.1 * math.log(0.1 / (0.5 / 4.5)),
        rel=1e-12,
    )
