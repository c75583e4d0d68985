"""Precision, recall, density and coverage against loops, expectations, scikit-learn and torch-fidelity."""

import math

import numpy as np
import pytest
import torch

from eval.metrics import manifold as module
from eval.metrics.manifold import manifold


def draw(n, d=3, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def loops(real, fake, k_pr=3, k_dc=5):
    """The definitions, as loops over pairs."""
    real, fake = real.double().numpy(), fake.double().numpy()

    def radius(points, i, k):
        return sorted(math.dist(points[i], q) for j, q in enumerate(points) if j != i)[k - 1]

    r3, r5 = ([radius(real, i, k) for i in range(len(real))] for k in (k_pr, k_dc))
    g3 = [radius(fake, i, k_pr) for i in range(len(fake))]
    return {
        "precision": np.mean([any(math.dist(g, r) <= r3[i] for i, r in enumerate(real)) for g in fake]),
        "recall": np.mean([any(math.dist(r, g) <= g3[i] for i, g in enumerate(fake)) for r in real]),
        "density": sum(math.dist(g, r) < r5[i] for g in fake for i, r in enumerate(real))
        / (k_dc * len(fake)),
        "coverage": np.mean([any(math.dist(g, r) < r5[i] for g in fake) for i, r in enumerate(real)]),
    }


@pytest.mark.parametrize("pairs", [2**22, 70])  # in one block, and in blocks of one row
@pytest.mark.parametrize(
    "make",
    [
        lambda: draw(50, seed=1) + 0.7,
        lambda: draw(40, seed=1),
        lambda: draw(50)[torch.arange(50) % 20],
        lambda: draw(50),
    ],
    ids=["apart", "fewer", "copies", "same"],
)
def test_against_loops(monkeypatch, make, pairs):
    monkeypatch.setattr(module, "PAIRS", pairs)
    real, fake = draw(50), make()
    assert manifold(real, fake) == pytest.approx(loops(real, fake), abs=1e-12)


def test_ties_on_a_lattice_far_from_the_origin():
    """Every distance is tied with others, and the expanded square alone loses them all."""
    points = torch.cartesian_prod(*[torch.arange(4.0)] * 3)
    real, fake = points[:50] + 1e4, points[14:] + 1e4
    assert manifold(real, fake) == pytest.approx(loops(real, fake), abs=1e-12)


def test_of_a_set_with_itself_and_with_one_far_away():
    x = draw(60, 8)
    assert manifold(x, x) == {"precision": 1.0, "recall": 1.0, "density": 1.0, "coverage": 1.0}
    assert manifold(x, x + 1000) == {"precision": 0.0, "recall": 0.0, "density": 0.0, "coverage": 0.0}


def test_expectations_for_two_samples_of_one_distribution():
    n, k = 1500, 5
    found = manifold(draw(n, 4), draw(n, 4, seed=1))
    coverage = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    assert found["coverage"] == pytest.approx(coverage, abs=0.02) and found["density"] == pytest.approx(
        1, abs=0.05
    )


def test_radii_are_scikit_learns():
    neighbors = pytest.importorskip("sklearn.neighbors", reason="scikit-learn is not installed")
    x = draw(300, 6).double()
    theirs = neighbors.NearestNeighbors(n_neighbors=6).fit(x).kneighbors(x)[0][:, 1:]
    assert np.allclose(module._radii(x, 5), theirs, rtol=1e-12)


def test_too_few_examples():
    with pytest.raises(ValueError, match="given 5 and 9 images; must be 6 or more of each"):
        manifold(draw(5), draw(9))


def test_equals_torch_fidelity():
    metric = pytest.importorskip("torch_fidelity.metric_prc", reason="torch-fidelity is not installed")
    real, fake = draw(300, 5).double(), 1.3 * draw(300, 5, seed=1).double()
    theirs = metric.prc_features_to_metric(fake, real, verbose=False)
    ours = manifold(real, fake)
    assert (ours["precision"], ours["recall"]) == pytest.approx(
        (theirs[metric.KEY_METRIC_PRECISION], theirs[metric.KEY_METRIC_RECALL]), rel=1e-6
    )
    assert 0 < ours["precision"] < 1


def test_pairs_too_close_to_call_are_measured_again(monkeypatch):
    """Copies of points far from the mean: their distance is 0, the expanded square is off by 1e-3 either
    way."""
    x = 1e6 * draw(30, 8).double()
    y, radius = x.clone(), torch.zeros(30, 30, dtype=torch.float64)
    ((rows, squares),) = module._blocks(x, y)
    assert not torch.equal(torch.le(squares, radius), torch.eye(30, dtype=torch.bool))  # the test can fail
    expected = torch.eye(30, dtype=torch.bool)
    assert torch.equal(module._within(x[rows], y, squares, radius, torch.le), expected)
    monkeypatch.setattr(module, "PAIRS", 16)  # 3 pairs at a time
    sizes, exact = [], module._exact
    monkeypatch.setattr(module, "_exact", lambda a, b: sizes.append(len(a)) or exact(a, b))
    assert torch.equal(module._within(x[rows], y, squares, radius, torch.le), expected)
    assert sizes == [3] * 10  # the 30 copies alone are close to their radius, and memory is bounded


@pytest.mark.parametrize("factor, again", [(0.5, True), (0.99, True), (1.01, False), (100, False)])
def test_the_bound_of_what_is_measured_again(monkeypatch, factor, again):
    """|square - radius^2| <= 4 d eps (max |x|^2 + max |y|^2), within which the exact distance decides."""
    x = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    y = torch.tensor([[0.0, 1.0], [2.0, 0.0]], dtype=torch.float64)
    bound = 4 * 2 * torch.finfo(torch.float64).eps * (25 + 4)
    radius = torch.full((1, 2), 1e-9, dtype=torch.float64)
    squares = radius.square() + bound * torch.tensor([[-factor, factor]], dtype=torch.float64)
    measured = []
    monkeypatch.setattr(module, "_exact", lambda a, b: measured.append(len(a)) or torch.full((len(a),), 7.0))
    found = module._within(x, y, squares, radius, torch.le)
    assert sum(measured) == (2 if again else 0) and found.tolist() == [
        [False, False] if again else [True, False]
    ]
