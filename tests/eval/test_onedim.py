"""Distances between samples of numbers: exact values, and scipy's."""

import math

import numpy as np
import pytest
from scipy import stats

from eval.metrics.onedim import jensen_shannon, wasserstein1


def test_wasserstein_by_hand():
    assert wasserstein1([0, 1, 3], [5, 6, 8]) == 5
    assert wasserstein1([0.0], [0.0, 1.0]) == 0.5
    assert wasserstein1([1, 1, 1], [1]) == 0


@pytest.mark.parametrize("n, m", [(50, 50), (50, 31)])
def test_wasserstein_is_scipys(n, m):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, 1, 1, 1)), rng.standard_normal(m) * 2 + 1
    assert wasserstein1(x, y) == pytest.approx(stats.wasserstein_distance(x.ravel(), y), rel=1e-10)


def test_jensen_shannon_lies_between_0_and_log_2():
    x = np.linspace(0, 1, 100)
    assert jensen_shannon(x, x) == 0 and jensen_shannon([2, 2], [2]) == 0
    assert jensen_shannon(x, x + 5) == pytest.approx(math.log(2), rel=1e-12)


def test_jensen_shannon_by_hand():
    # two bins: p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4)
    expected = (math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * math.log(2)) / 2
    assert jensen_shannon([0, 0], [0, 1], bins=2) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("function", [wasserstein1, jensen_shannon])
def test_numbers_that_are_not(function):
    with pytest.raises(ValueError, match="1 of them not finite"):
        function([0.0, math.nan], [1.0])
    with pytest.raises(ValueError, match="given 0"):
        function([], [1.0])
