import copy

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from networks import minibatch
from networks.minibatch import FORMS, MinibatchDiscrimination, similarity, sizes


def naive(m, groups):
    """The sum as it is written, one pair after the other: m [B, n, C]."""
    kernels, n, _ = m.shape
    out = [[[torch.zeros((), dtype=m.dtype)] * groups for _ in range(n)] for _ in range(kernels)]
    for b in range(kernels):
        for i in range(n):
            for j in range(n):
                g = j // (n // groups)
                out[b][i][g] = out[b][i][g] + torch.exp(-(m[b, i] - m[b, j]).abs().sum())
    return torch.stack([torch.stack([torch.stack(row) for row in rows]) for rows in out])


@pytest.mark.parametrize("groups", (1, 2))
def test_frugal_form_is_the_triple_loop_and_so_are_its_derivatives(groups):
    torch.manual_seed(0)
    m = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    ours, theirs = similarity(m, groups), naive(m, groups)
    assert torch.allclose(ours, theirs, atol=1e-14)
    weights = torch.randn_like(ours)
    first = [torch.autograd.grad((s * weights).sum(), m, create_graph=True)[0] for s in (ours, theirs)]
    assert torch.allclose(*first, atol=1e-14)
    second = [torch.autograd.grad(g.square().sum(), m)[0] for g in first]
    assert torch.allclose(*second, atol=1e-13) and second[0].abs().max() > 0.1


@pytest.mark.parametrize("groups", (1, 2, 3))
def test_gradcheck_of_both_derivatives(groups):
    torch.manual_seed(1)
    m = torch.randn(2, 6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m: similarity(m, groups), m)
    assert torch.autograd.gradgradcheck(lambda m: similarity(m, groups), m)


def test_parts_change_nothing_and_no_large_tensor_is_made(monkeypatch):
    """In parts of one kernel each the results are equal, and no tensor is larger than the input or n^2 C."""
    torch.manual_seed(2)
    kernels, n, dims = 12, 20, 6
    m = torch.randn(kernels, n, dims, dtype=torch.float64, requires_grad=True)

    def derivatives():
        s = similarity(m, 2)
        (first,) = torch.autograd.grad(s.square().sum(), m, create_graph=True)
        return s, first, torch.autograd.grad(first.square().sum(), m)[0]

    whole = derivatives()
    monkeypatch.setattr(minibatch, "CHUNK", 1)
    largest = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            largest.extend(
                t.numel() for t in (out if isinstance(out, (tuple, list)) else [out]) if torch.is_tensor(t)
            )
            return out

    with Watch():
        parts = derivatives()
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(whole, parts))
    assert max(largest) == max(n * n * dims, kernels * n * dims) < n * n * kernels * dims / 10


def test_distance_zero_has_derivative_zero():
    m = torch.ones(2, 5, 3, dtype=torch.float64, requires_grad=True)
    s = similarity(m)
    assert (s == 5).all()
    (first,) = torch.autograd.grad((s * torch.randn_like(s)).sum(), m, create_graph=True)
    assert not first.any() and not torch.autograd.grad(first.sum(), m)[0].any()


def layer(form="paper", features=6, include_self=None, **options):
    torch.manual_seed(3)
    return MinibatchDiscrimination(features, 4, 3, form, include_self, **options)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("include_self", (None, True, False))
def test_layer_is_its_formula(form, include_self):
    net = layer(form, include_self=include_self).double()
    f = torch.randn(8, 6, dtype=torch.float64)
    t = net.theta
    if form == "cifar":
        net.log_scale.data.normal_()
        t = t / t.square().sum(0).sqrt() * net.log_scale.exp()
    m = torch.einsum("na,abc->nbc", f, t)
    c = torch.exp(-(m[:, None] - m[None]).abs().sum(3))  # [i, j, b]
    keep = torch.ones(8, 8) if net.include_self else 1 - torch.eye(8)
    assert net.include_self == (form == "paper" if include_self is None else include_self)
    kept = c * keep[..., None]
    if form == "imagenet":
        halves = [
            kept[:, half].sum(1) / keep[:, half].sum(1, keepdim=True) for half in (slice(0, 4), slice(4, 8))
        ]
        expected = torch.stack(halves, 1).flatten(1)  # of the real half, then of the generated one
    else:
        expected = kept.sum(1) - (1 if form == "cifar" else 0)
    out = net(f)
    assert out.shape == (8, net.out_features) and torch.equal(out[:, :6], f)
    assert torch.allclose(out[:, 6:], expected, atol=1e-12)


@pytest.mark.parametrize("include_self, of_equal, of_far", ((True, 7, 1), (False, 6, 0)))
def test_equal_and_distant_rows(include_self, of_equal, of_far):
    net = layer(include_self=include_self)
    assert torch.allclose(net(torch.ones(7, 6))[:, 6:], torch.tensor(float(of_equal)))
    far = net(torch.randn(7, 6) * 1e4)[:, 6:]
    assert torch.allclose(far, torch.tensor(float(of_far)), atol=1e-6)


def test_a_permutation_of_the_batch_permutes_the_output():
    net, f = layer().double(), torch.randn(9, 6, dtype=torch.float64)
    order = torch.randperm(9)
    assert torch.allclose(net(f)[order], net(f[order]), atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_data_dependent_init(form):
    """For inputs of any scale: nearest neighbours at mean distance 2 in each kernel; with a bias, mean 0."""
    net = layer(form)
    f = torch.randn(10, 6) * 1000
    dead = net(f)[:, 6:]
    net.init_from_data(f)
    m = net.project(f)
    distance = torch.cdist(m, m, p=1) + torch.diag_embed(torch.full((10,), torch.inf))
    assert torch.allclose(distance.amin(2).mean(1), torch.full((4,), 2.0), rtol=1e-4)
    o = net(f)[:, 6:]
    assert o.var(0).min() > 100 * dead.var(0).max() or form == "cifar"
    if form == "cifar":
        assert o.mean(0).abs().max() < 1e-5
    before = copy.deepcopy(net.state_dict())
    net.init_from_data(torch.ones(10, 6))  # equal examples: the scale stays
    assert all(
        torch.equal(a, b) for (name, a), b in zip(before.items(), net.state_dict().values()) if name != "bias"
    )


def test_initial_distances_are_about_one():
    torch.manual_seed(0)
    net = MinibatchDiscrimination(400, 20, 5)
    m = net.project(torch.randn(64, 400))
    assert 0.8 < torch.cdist(m, m, p=1).sum() / (20 * 64 * 63) < 1.2


def test_what_is_refused():
    with pytest.raises(ValueError, match="form='other'.*'paper', 'cifar', 'imagenet'"):
        layer("other")
    with pytest.raises(ValueError, match="a joint batch of 5"):
        layer("imagenet")(torch.randn(5, 6))
    for text in ("100", "x5", "axb", "0x5", None, 5):
        with pytest.raises(ValueError, match="such as 100x5"):
            sizes(text)
    assert sizes("100x5") == (100, 5)
