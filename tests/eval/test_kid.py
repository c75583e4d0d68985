"""The kernel distance against loops, exact values and torch-fidelity."""

import pytest
import torch

from eval.metrics.kid import kid, mmd


def draw(n, d=5, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kernel(a, b):
    return (float(a @ b) / len(a) + 1) ** 3


def test_against_loops():
    x, y = draw(9), draw(7, seed=1) + 0.5
    expected = (
        sum(kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / (9 * 8)
        + sum(kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j) / (7 * 6)
        - 2 * sum(kernel(a, b) for a in x for b in y) / (9 * 7)
    )
    assert mmd(x, y) == pytest.approx(expected, rel=1e-10)


def test_of_two_points():
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([0.0, -1.0])
    value = mmd(a.repeat(4, 1), b.repeat(3, 1))
    assert value == pytest.approx(kernel(a, a) + kernel(b, b) - 2 * kernel(a, b), rel=1e-12)


def test_one_feature_by_hand():
    # x = 0, 1; y = 2, 3: k(0, 1) = 1, k(2, 3) = 7^3 = 343, the mean of k(x, y) = (1 + 1 + 27 + 64) / 4
    assert mmd(torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]])) == pytest.approx(
        1 + 343 - 2 * 93 / 4, rel=1e-12
    )


def test_of_one_distribution_is_near_nothing_on_either_side():
    values = [
        kid(draw(400, seed=seed), draw(400, seed=seed + 100), subsets=5, size=200)[0] for seed in range(20)
    ]
    assert min(values) < 0 < max(values)
    mean = sum(values) / len(values)
    spread = (sum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5
    assert abs(mean) < 3 * spread / len(values) ** 0.5


def test_few_examples_have_one_subset_and_no_deviation():
    x, y = draw(50), draw(50, seed=1)
    assert kid(x, y) == (mmd(x, y), None)
    assert kid(x, draw(80, seed=1))[1] > 0


def test_equals_torch_fidelity():
    metric = pytest.importorskip("torch_fidelity.metric_kid", reason="torch-fidelity is not installed")
    real, fake = draw(300, 16), 1.2 * draw(260, 16, seed=1)
    theirs = metric.kid_features_to_metric(fake, real, kid_subsets=10, kid_subset_size=100, verbose=False)
    ours = kid(real, fake, subsets=10, size=100)
    assert ours == pytest.approx(
        (theirs[metric.KEY_METRIC_KID_MEAN], theirs[metric.KEY_METRIC_KID_STD]), rel=1e-6
    )


def test_default_sizes_are_torch_fidelitys():
    """100 subsets of 1,000 rows, drawn with seed 2020."""
    x, y = draw(1010, 2), draw(1005, 2, seed=1)
    assert kid(x, y) == kid(x, y, subsets=100, size=1000, seed=2020)
    for other in ({"subsets": 99}, {"size": 999}, {"seed": 2021}):
        assert kid(x, y) != kid(x, y, **other)
