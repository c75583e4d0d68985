"""The Frechet distance against closed forms, other formulas in float64, and torch-fidelity."""

import numpy as np
import pytest
from scipy import linalg

from eval.metrics.frechet import frechet, frechet_of_few, trace_of_root


def draw(n, d, seed=0, scale=1.0):
    """Correlated features [n, d] with a spectrum over two decades."""
    rng = np.random.default_rng(seed)
    return (
        scale
        * rng.standard_normal((n, d))
        @ (np.diag(np.logspace(0, -2, d)) + 0.05 * rng.standard_normal((d, d)) / d**0.5)
    )


def distance(x, y):
    return frechet(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T), min(len(x), len(y)) - 1)


def test_of_identical_sets_is_nothing():
    x = draw(300, 20)
    assert abs(distance(x, x)) < 1e-10 * np.trace(np.cov(x.T))
    few = draw(15, 20)
    assert abs(distance(few, few)) < 1e-6 * np.trace(np.cov(few.T)) and abs(frechet_of_few(few, few)) < 1e-10


def test_of_a_shift_is_its_square():
    x, m = draw(300, 20), np.linspace(-1, 2, 20)
    assert distance(x, x + m) == pytest.approx((m**2).sum(), rel=1e-10)


def test_of_a_scaling():
    x = draw(300, 20)
    x -= x.mean(0)
    assert distance(x, 3 * x) == pytest.approx(4 * np.trace(np.cov(x.T)), rel=1e-10)


def test_of_two_round_gaussians():
    d, s_1, s_2, m = 7, 1.5, 0.25, np.arange(7.0)
    value = frechet(np.zeros(d), s_1**2 * np.eye(d), m, s_2**2 * np.eye(d))
    assert value == pytest.approx((m**2).sum() + d * (s_1 - s_2) ** 2, rel=1e-12)


def test_of_two_gaussians_that_commute():
    a, b = np.array([4.0, 1.0, 0.25]), np.array([1.0, 9.0, 0.25])
    turn, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))
    value = frechet(np.zeros(3), turn @ np.diag(a) @ turn.T, np.zeros(3), turn @ np.diag(b) @ turn.T)
    assert value == pytest.approx((1 - 2) ** 2 + (3 - 1) ** 2, rel=1e-10)


def test_is_symmetric_turns_with_the_features_and_grows_with_their_square():
    x, y = draw(200, 12), draw(150, 12, seed=3, scale=1.3)
    turn, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((12, 12)))
    value = distance(x, y)
    assert distance(y, x) == pytest.approx(value, rel=1e-10)
    assert distance(x @ turn, y @ turn) == pytest.approx(value, rel=1e-9)
    assert distance(5 * x, 5 * y) == pytest.approx(25 * value, rel=1e-9)


def test_agrees_with_the_matrix_square_root():
    x, y = draw(400, 30), draw(500, 30, seed=5)
    a, b = np.cov(x.T), np.cov(y.T)
    assert trace_of_root(a, b) == pytest.approx(np.trace(linalg.sqrtm(a @ b)).real, rel=1e-9)


@pytest.mark.parametrize("n, m", [(30, 40), (40, 30), (25, 25), (50, 20)])
def test_two_singular_covariances_by_two_ways(n, m):
    x, y = draw(n, 60), draw(m, 60, seed=7) + 0.1
    assert distance(x, y) == pytest.approx(frechet_of_few(x, y), rel=1e-8)


def test_one_singular_covariance():
    """Against singular values of X_1 C_2^(1/2), which need no inverse."""
    x, y = draw(30, 60), draw(500, 60, seed=7)
    a, b = np.cov(x.T), np.cov(y.T)
    values, vectors = linalg.eigh(b)
    root = linalg.svdvals((x - x.mean(0)) / np.sqrt(29) @ (vectors * np.sqrt(values))).sum()
    exact = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(a) + np.trace(b) - 2 * root
    assert distance(x, y) == pytest.approx(exact, rel=1e-8)
    assert distance(y, x) == pytest.approx(exact, rel=1e-8)


def test_features_that_never_change_add_nothing():
    x, y = draw(200, 10), draw(200, 10, seed=1)
    pad = np.zeros((200, 3))
    assert distance(np.hstack([x, pad]), np.hstack([y, pad])) == pytest.approx(distance(x, y), rel=1e-12)
    collapsed = np.tile(y[:1], (200, 1))
    assert distance(x, collapsed) == pytest.approx(
        np.square(x.mean(0) - y[0]).sum() + np.trace(np.cov(x.T)), rel=1e-12
    )


def test_equals_torch_fidelity():
    metric = pytest.importorskip("torch_fidelity.metric_fid", reason="torch-fidelity is not installed")
    torch = pytest.importorskip("torch")
    x, y = (torch.from_numpy(draw(400, 64, seed)) for seed in (0, 1))
    theirs = metric.fid_statistics_to_metric(
        metric.fid_features_to_statistics(x), metric.fid_features_to_statistics(y), False
    )
    assert distance(x.numpy(), y.numpy()) == pytest.approx(theirs[metric.KEY_METRIC_FID], rel=1e-6)
