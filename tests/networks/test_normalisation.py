"""Virtual batch norm, weight norm and data-dependent initialisation."""

import copy

import pytest
import torch
from torch import nn

from networks import dcgan
from networks.layers import (
    GaussianNoise,
    ReferenceGenerator,
    Staged,
    VirtualBatchNorm,
    data_dependent_init,
    normal,
    weight_norm,
)


def vbn(features=3, references=5):
    torch.manual_seed(0)
    norm = VirtualBatchNorm(features, references).double()
    norm.bias.data.normal_()
    return norm


@pytest.mark.parametrize("space", ((), (4,), (4, 2)))
def test_vbn_is_the_formula_with_means_and_mean_squares(space):
    norm, n = vbn(), 5
    x = torch.randn(n + 4, 3, *space, dtype=torch.float64) * 2 + 1
    axes = tuple(range(2, x.ndim))
    shape = (3, *[1] * len(space))
    reference, own = x[:n], x[n:]
    mean_r, square_r = (v.mean((0, *axes)) for v in (reference, reference.square()))
    out = norm(x)
    for i, example in enumerate(own):
        mean_x, square_x = (v.flatten(1).mean(1) if space else v for v in (example, example.square()))
        mu = mean_x / (n + 1) + mean_r * n / (n + 1)
        s = square_x / (n + 1) + square_r * n / (n + 1)
        expected = norm.weight.reshape(shape) * (example - mu.reshape(shape)) / (
            1e-5 + s - mu.square()
        ).sqrt().reshape(shape) + norm.bias.reshape(shape)
        assert torch.allclose(out[n + i], expected, atol=1e-12)
    plain = (out[:n] - norm.bias.reshape(shape)) / norm.weight.reshape(shape)
    assert plain.mean((0, *axes)).abs().max() < 1e-12  # reference examples: by their own statistics
    assert (plain.var((0, *axes), correction=0) - 1).abs().max() < 1e-4


def test_vbn_closed_forms():
    example = torch.randn(1, 3, 6, 6, dtype=torch.float64)
    norm = VirtualBatchNorm(3, 1).double()
    norm.weight.data.fill_(1.0)
    alone = norm(torch.cat([example, example]))  # a reference of the example itself
    assert torch.allclose(alone[1:], nn.InstanceNorm2d(3)(example), atol=1e-10)
    many = torch.randn(1000, 3, 4, 4, dtype=torch.float64)
    norm = VirtualBatchNorm(3, 1000).double()
    norm.weight.data.fill_(1.0)
    batch = nn.BatchNorm2d(3).double()(many)
    assert torch.allclose(norm(torch.cat([many, many[:7]]))[1000:], batch[:7], atol=5e-3)
    assert torch.allclose(norm(torch.cat([many, many[:7]]))[:1000], batch, atol=1e-6)
    norm = VirtualBatchNorm(3, 4)  # a large mean, no variance: no root of a negative number
    assert norm(torch.full((6, 3, 4, 4), 1e4)).isfinite().all()


def generator(norm="vbn"):
    torch.manual_seed(0)
    return dcgan.get_network((1, 16, 16), 0, 6, width=8, norm=norm, references=7 if norm == "vbn" else None)[
        "gen"
    ].double()


def test_outputs_depend_on_their_own_input_and_the_reference_alone():
    gen, z = generator(), torch.randn(9, 6, dtype=torch.float64)
    whole = gen(z)
    assert torch.allclose(torch.cat([gen(z[:1]), gen(z[1:4]), gen(z[4:])]), whole, atol=1e-12)
    assert torch.allclose(gen.eval()(z), whole, atol=1e-12)  # sampling is training's function
    gen.reference.copy_(torch.randn(7, 6))
    assert (gen(z) - whole).abs().max() > 1e-3
    batch = generator("batch")
    assert (
        batch(z)[:1] - batch(torch.cat([z[:1], z[4:]]))[:1]
    ).abs().max() > 1e-3  # what batch norm does not do


def test_gradients_flow_through_the_reference():
    gen, z = generator(), torch.randn(2, 6, dtype=torch.float64)
    norm = next(m for m in gen.modules() if isinstance(m, VirtualBatchNorm))
    seen = []
    norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    out = gen(z)
    (grad,) = torch.autograd.grad(out.square().sum(), seen[0])
    assert grad[:7].abs().max() > 0 and grad[7:].abs().max() > 0
    x = torch.randn(5 + 2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(vbn(), x)


def test_the_reference_is_a_buffer_drawn_from_the_noise_of_training():
    gen = generator()
    assert isinstance(gen, ReferenceGenerator) and "reference" in gen.state_dict()
    gen.prepare(lambda n: torch.full((n, 6), 0.25))
    assert torch.equal(gen.reference, torch.full((7, 6), 0.25, dtype=torch.float64))
    assert torch.equal(copy.deepcopy(gen).reference, gen.reference)


@pytest.mark.parametrize(
    "make", (lambda: nn.Linear(6, 4), lambda: nn.Conv2d(6, 4, 3), lambda: nn.ConvTranspose2d(6, 4, 3))
)
def test_weight_norm_is_scale_times_direction_and_starts_from_data(make):
    torch.manual_seed(0)
    layer = weight_norm(normal(make(), 0.1), std=0.5)
    v, dim = layer.parametrizations.weight.original, 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    axes = [d for d in range(v.ndim) if d != dim]
    norm = layer.parametrizations.weight[0]
    norm.scale.data = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert torch.allclose(torch.linalg.vector_norm(layer.weight, dim=axes), norm.scale, rtol=1e-5)
    assert torch.allclose(
        nn.functional.cosine_similarity(
            layer.weight.transpose(0, dim).flatten(1), v.transpose(0, dim).flatten(1)
        ),
        torch.ones(4),
    )
    x = torch.randn(20, 6, *[5] * (v.ndim - 2)) * 3 + 2
    net = nn.Sequential(layer)
    data_dependent_init(net, x)
    y = net(x).transpose(0, 1).flatten(1)
    assert y.mean(1).abs().max() < 1e-5 and torch.allclose(
        y.std(1, correction=0), torch.full((4,), 0.5), rtol=1e-4
    )


def test_starts_run_through_a_network_layer_by_layer_and_leave_no_hooks():
    torch.manual_seed(0)
    net = Staged(
        nn.Sequential(weight_norm(normal(nn.Linear(6, 8), 0.1), learn=False), nn.ReLU()),
        weight_norm(normal(nn.Linear(8, 3), 0.1)),
    )
    x = torch.randn(30, 6)
    net.prepare(x)
    assert (
        torch.allclose(net(x).std(0, correction=0), torch.ones(3), rtol=1e-4)
        and net(x).mean(0).abs().max() < 1e-5
    )
    assert not any(m._forward_hooks for m in net.modules())
    fixed = net.stages[0][0].parametrizations.weight[0].scale
    assert not fixed.requires_grad and net.stages[1].parametrizations.weight[0].scale.requires_grad
    calls = []
    plain = nn.Sequential(nn.Linear(2, 2), weight_norm(nn.Linear(2, 2), std=None))
    data_dependent_init(plain, lambda: calls.append(1))  # no layer has one: nothing is drawn or run
    assert not calls


def test_a_compiled_network_starts_once():
    torch.manual_seed(0)
    net = Staged(
        nn.Sequential(weight_norm(normal(nn.Linear(6, 8), 0.1)), nn.ReLU()),
        weight_norm(normal(nn.Linear(8, 3), 0.1)),
    )
    net.compile(backend="eager")
    net.prepare(torch.randn(30, 6))
    before = copy.deepcopy(net.state_dict())
    with torch.no_grad():
        net(torch.randn(30, 6) * 5)
    assert all(torch.equal(a, b) for a, b in zip(before.values(), net.state_dict().values()))


def test_gaussian_noise_is_for_training_alone():
    noise, x = GaussianNoise(0.3), torch.zeros(20000)
    assert noise.eval()(x) is x
    assert abs(noise.train()(x).std() - 0.3) < 0.01
