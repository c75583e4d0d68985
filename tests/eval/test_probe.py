import numpy as np
import pytest
import torch

from eval.metrics import probe


def blobs(n, k=3, d=4, spread=0.3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % k
    centres = 2 * torch.randn(k, d, generator=torch.Generator().manual_seed(9))
    return centres[labels] + spread * torch.randn(n, d, generator=draw), labels


def test_separable_classes_are_told_apart_and_noise_is_not():
    found = probe.linear_probe(blobs(120), blobs(60, seed=1), blobs(60, seed=2))
    assert found["test"] == found["valid"] == 1.0 and found["dims"] == 4
    noise = [(torch.randn(n, 4), torch.randint(0, 3, (n,))) for n in (300, 300, 600)]
    assert probe.linear_probe(*noise)["test"] == pytest.approx(1 / 3, abs=0.08)


def test_it_is_the_minimum_that_sklearn_finds():
    from sklearn.linear_model import LogisticRegression

    codes, labels = blobs(200, spread=2.0)
    codes = probe.standardiser(codes)(codes)
    weights, converged = probe.fit(codes, labels, 3, l2=1e-2)
    theirs = LogisticRegression(C=1 / (1e-2 * 200), tol=1e-10, max_iter=5000).fit(
        codes.numpy(), labels.numpy()
    )
    assert converged
    p, q = torch.softmax(codes @ weights[:-1] + weights[-1], 1).numpy(), theirs.predict_proba(codes.numpy())
    assert np.abs(p - q).max() < 1e-4


def test_it_does_not_depend_on_scale_and_drops_what_does_not_vary():
    train, valid, test = blobs(90, spread=2.0), blobs(90, spread=2.0, seed=1), blobs(90, spread=2.0, seed=2)
    scaled = [
        (torch.cat([c * torch.tensor([1e3, 1e-3, 1.0, 5.0]) + 7, torch.ones(len(c), 1)], 1), y)
        for c, y in (train, valid, test)
    ]
    a, b = probe.linear_probe(train, valid, test), probe.linear_probe(*scaled)
    assert (a["test"], a["valid"], a["dims"]) == (b["test"], b["valid"], b["dims"])


def test_the_penalty_is_chosen_on_validation_alone():
    train, valid = blobs(60, spread=2.0), blobs(60, spread=2.0, seed=1)
    chosen = {probe.linear_probe(train, valid, blobs(60, spread=2.0, seed=s))["l2"] for s in (2, 3, 4)}
    assert len(chosen) == 1


def test_pca_against_the_singular_value_decomposition():
    x = (
        torch.randn(50, 6, dtype=torch.float64)
        @ torch.diag(torch.tensor([5.0, 4, 3, 2, 1, 0.5], dtype=torch.float64))
        + 3
    )
    codes = probe.pca(x, 3)(x)
    u, s, _ = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    assert torch.allclose(codes.abs(), (u[:, :3] * s[:3]).abs(), atol=1e-8)
    assert probe.pca(x, 9)(x).shape == (50, 6)
    with pytest.raises(ValueError):
        probe.pca(x, 0)


def test_cluster_distance_by_hand():
    points = torch.tensor([[0.0, 0.0], [0.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
    # the first axis is -1 or 1 after centring, with deviation 1; the second is constant
    assert probe.cluster_distance(points, torch.tensor([0, 0, 1, 1])) == pytest.approx(4.0)
    assert probe.cluster_distance(points, torch.zeros(4)) == 0.0
    # each axis by its own deviation, so that units do not matter
    points, labels = torch.randn(60, 2, dtype=torch.float64), torch.arange(60) % 3
    z = (points - points.mean(0)) / points.std(0, correction=0)
    centres = [z[labels == c].mean(0) for c in range(3)]
    pairs = [(centres[a] - centres[b]).square().sum() for a, b in ((0, 1), (0, 2), (1, 2))]
    expected = pytest.approx(float(sum(pairs)) / 3)
    assert probe.cluster_distance(points, labels) == expected
    assert probe.cluster_distance(points * torch.tensor([1.0, 50.0]), labels) == expected
    assert probe.cluster_distance(torch.randn(4000, 2), torch.arange(4000) % 4) < 0.02


def test_strongly_correlated_codes_reach_the_same_minimum_soon():
    codes, labels = blobs(300, spread=2.0, d=6)
    codes = torch.cat(
        [
            codes.double(),
            codes.double() + 1e-3 * torch.randn(300, 6, generator=torch.Generator().manual_seed(1)).double(),
        ],
        1,
    )
    codes = probe.standardiser(codes)(codes)
    weights, converged = probe.fit(codes, labels, 3, l2=1e-4, steps=60)
    assert converged
    # the gradient, written out, vanishes there
    errors = torch.softmax(codes @ weights[:-1] + weights[-1], 1) - torch.nn.functional.one_hot(labels, 3)
    assert (codes.T @ errors / 300 + 1e-4 * weights[:-1]).norm() < 1e-5 and (errors.mean(0)).norm() < 1e-5


def test_the_nearest_neighbour():
    train = torch.tensor([[0.0, 0.0], [10.0, 0.0], [1e4, 1e4]]), torch.tensor([0, 1, 2])
    test = torch.tensor([[4.9, 0.0], [5.1, 0.0], [9e3, 9e3], [-50.0, 3.0]])
    assert probe.nearest_neighbour(train, (test, torch.tensor([0, 1, 2, 0]))) == 1.0
    assert probe.nearest_neighbour(train, (test, torch.tensor([0, 0, 2, 1])), batch=3) == 0.5
    (x, y), (xt, yt) = blobs(200, spread=2.0), blobs(90, spread=2.0, seed=1)
    expected = (y[torch.cdist(xt.double(), x.double()).argmin(1)] == yt).double().mean()
    assert probe.nearest_neighbour((x, y), (xt, yt)) == pytest.approx(float(expected))


def test_batch_norm_is_estimated_on_what_an_untrained_network_is_given():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4, affine=False))
    parts = (5 * torch.randn(600, 3) + 2).split(100)
    state = {n: p.clone() for n, p in net.named_parameters()}
    assert probe.estimate_batch_norm(net, parts) is net and not net.training
    h = net[0](torch.cat(parts))
    assert torch.allclose(net[1].running_mean, h.mean(0), atol=1e-4)
    assert torch.allclose(
        net[1].running_var, torch.stack([net[0](p).var(0) for p in parts]).mean(0), rtol=1e-4
    )
    assert abs(net(torch.cat(parts)).std() - 1) < 0.02 and net[1].momentum == 0.1
    assert all(torch.equal(p, state[n]) for n, p in net.named_parameters())
    plain = torch.nn.Linear(2, 2)
    # nothing is read where there is nothing to estimate
    assert probe.estimate_batch_norm(plain, iter(())) is plain
