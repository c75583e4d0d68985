"""Folded convolutions against plain ones, spectral normalisation against the SVD, the stages' contract."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from networks.layers import (
    Conv3x3,
    GlobalPool,
    SpectralNorm,
    Staged,
    choice,
    glorot,
    image_shape,
    normal,
    spectral,
    to_maps,
)

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


def close(a, b):
    """Largest difference relative to the largest value."""
    return ((a - b).abs().max() / b.abs().max().clamp_min(1e-30)).item() < TOLERANCE[b.dtype]


def plain(mode, x, weight, bias):
    """The two folded forms by their definition."""
    if mode == "down":
        y = F.conv2d(x, weight, bias, padding=1)
        y = y[..., : y.shape[2] // 2 * 2, : y.shape[3] // 2 * 2]
        return (y[..., ::2, ::2] + y[..., 1::2, ::2] + y[..., ::2, 1::2] + y[..., 1::2, 1::2]) / 4
    return F.conv2d(x.repeat_interleave(2, 2).repeat_interleave(2, 3), weight, bias, padding=1)


def first_and_second(y, x, conv):
    """dL/d(x, W, b) of L = sum y^3, and the gradient of |dL/dx|^2 with respect to (x, W)."""
    first = torch.autograd.grad(y.pow(3).sum(), [x, conv.weight, conv.bias], create_graph=True)
    return [*first, *torch.autograd.grad(first[0].square().sum(), [x, conv.weight])]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(8, 8), (2, 2), (7, 6), (5, 9)])
@pytest.mark.parametrize("mode", ["down", "up"])
def test_folded_is_plain_up_to_second_derivatives(mode, size, dtype):
    torch.manual_seed(0)
    conv = Conv3x3(5, 4, mode).to(dtype)
    x = torch.randn(3, 5, *size, dtype=dtype, requires_grad=True)
    folded, reference = conv(x), plain(mode, x, conv.weight, conv.bias)
    assert folded.shape == reference.shape and close(folded, reference)
    for a, b in zip(first_and_second(folded, x, conv), first_and_second(reference, x, conv)):
        assert close(a, b)
    conv.fold = False
    assert close(conv(x), reference)


def test_folded_kernel_by_hand():
    """A one-hot kernel: pooling spreads the tap over 2x2 of the 4x4 kernel by 1/4, doubling sums."""
    conv = Conv3x3(1, 1, "down", bias=False)
    with torch.no_grad():
        conv.weight.zero_()[0, 0, 0, 1] = 4.0  # row above, same column: y[i, j] = 4 x[i - 1, j]
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert torch.equal(conv(x)[0, 0], torch.tensor([[0.0 + 1, 2 + 3], [4 + 5 + 8 + 9, 6 + 7 + 10 + 11]]))
    conv = Conv3x3(1, 1, "up", bias=False)
    with torch.no_grad():
        conv.weight.zero_()[0, 0, 0, 1] = 1.0  # y[i, j] = doubled[i - 1, j]
    y = conv(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))[0, 0]
    assert torch.equal(y, torch.tensor([[0.0, 0, 0, 0], [1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4]]))


@pytest.mark.parametrize("mode", [None, "down", "up"])
def test_parameters_are_those_of_the_3x3_kernel(mode):
    conv = Conv3x3(2, 3, mode)
    assert {k: v.shape for k, v in conv.state_dict().items()} == {"weight": (3, 2, 3, 3), "bias": (3,)}
    ordinary = nn.Conv2d(2, 3, 3, padding=1)
    ordinary.load_state_dict(conv.state_dict())
    if mode is None:
        x = torch.randn(2, 2, 5, 5)
        assert torch.equal(conv(x), ordinary(x))


@pytest.mark.parametrize("mode", [None, "down", "up"])
@pytest.mark.parametrize("fold", [True, False])
def test_conv_keeps_channels_last(mode, fold):
    for weights in (torch.contiguous_format, torch.channels_last):
        conv = Conv3x3(4, 6, mode, fold=fold).to(memory_format=weights)
        x = torch.randn(2, 4, 8, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
        y = conv(x)
        (grad,) = torch.autograd.grad(y, x, torch.randn_like(y))
        assert y.is_contiguous(memory_format=torch.channels_last) and grad.is_contiguous(
            memory_format=torch.channels_last
        )


def test_to_maps_is_reshape_in_channels_last():
    h = torch.arange(48.0).reshape(2, 24)
    maps = to_maps(h, 4, 2, 3)
    assert torch.equal(maps, h.reshape(2, 4, 2, 3)) and maps.is_contiguous(memory_format=torch.channels_last)


def test_pooling_shortcut_commutes():
    conv = nn.Conv2d(3, 5, 1).double()
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    assert close(conv(F.avg_pool2d(x, 2)), F.avg_pool2d(conv(x), 2))


# Spectral normalisation


def trained(features=6, out=4):
    """A spectrally normalised linear layer and its parametrisation."""
    torch.manual_seed(1)
    layer = spectral(nn.Linear(features, out))
    return layer, layer.parametrizations.weight[0]


def vectors(module):
    return [b.clone() for name, b in module.named_buffers() if name.endswith((".u", ".v"))]


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(3, 5, 3), Conv3x3(4, 4, "down"), nn.Linear(7, 3), nn.Embedding(5, 4), nn.Linear(4, 1)]
)
def test_sigma_is_the_largest_singular_value(layer):
    torch.manual_seed(0)
    original = layer.weight.detach().clone()
    norm = spectral(copy.deepcopy(layer))
    parametrisation = norm.parametrizations.weight[0]
    assert torch.equal(norm.parametrizations.weight.original, original)
    for _ in range(200):
        parametrisation.refresh()
        weight = norm.weight
    sigma = torch.linalg.svdvals(original.flatten(1).double())[0]
    assert torch.allclose(weight.double(), original.double() / sigma, rtol=1e-4, atol=1e-6)


def test_construction_already_iterates():
    torch.manual_seed(0)
    layer = spectral(nn.Linear(64, 64))
    assert 0.9 < torch.linalg.svdvals(layer.weight)[0] < 1.2  # 15 iterations: near 1, never far above


def test_one_iteration_per_refresh_by_hand():
    layer, norm = trained()
    weight = layer.parametrizations.weight.original.detach().clone()
    u = norm.u.clone()
    norm.refresh()
    layer(torch.randn(2, 6)), layer(torch.randn(2, 6)), layer(torch.randn(2, 6))
    v = F.normalize(weight.t() @ u, dim=0)
    u = F.normalize(weight @ v, dim=0)
    assert torch.allclose(norm.v, v, atol=1e-7) and torch.allclose(norm.u, u, atol=1e-7)
    assert torch.allclose(layer.weight, weight / (u @ weight @ v), atol=1e-6)


def test_iterations_depend_on_refresh_alone():
    layer, norm = trained()
    norm.refresh()
    _ = layer.weight
    before = vectors(layer)
    layer.eval()
    for context in (torch.no_grad, torch.enable_grad, torch.inference_mode):
        with context():
            norm.refresh()
            layer(torch.randn(2, 6))
    layer.train()
    with torch.inference_mode():
        layer(torch.randn(2, 6))  # sampling in mid-step
    assert all(map(torch.equal, vectors(layer), before))
    _ = layer.weight  # the refresh() above is still due
    assert not all(map(torch.equal, vectors(layer), before))
    before = vectors(layer)
    with torch.no_grad():
        _ = layer.weight
    layer(torch.randn(2, 6)).sum().backward()
    _ = layer.weight
    assert all(map(torch.equal, vectors(layer), before))


def test_forwards_of_a_step_share_one_tensor_and_graph():
    layer, norm = trained()
    norm.refresh()
    with torch.no_grad():
        quiet = layer.weight
    shared = layer.weight
    assert not quiet.requires_grad and shared.requires_grad and torch.equal(quiet, shared)
    assert layer.weight is shared
    with torch.no_grad():
        assert layer.weight.data_ptr() == shared.data_ptr() and not layer.weight.requires_grad
    layer.parametrizations.weight.original.requires_grad_(False)  # D frozen for G's step
    assert layer.weight.data_ptr() == shared.data_ptr() and not layer.weight.requires_grad
    layer.parametrizations.weight.original.requires_grad_(True)
    assert layer.weight is shared
    x = torch.randn(3, 6)
    loss = layer(x).sum() + layer(2 * x).pow(2).sum()
    sigma = norm.u @ layer.parametrizations.weight.original @ norm.v
    weight = layer.parametrizations.weight.original / sigma
    apart = F.linear(x, weight, layer.bias).sum() + F.linear(2 * x, weight, layer.bias).pow(2).sum()
    parameters = list(layer.parameters())
    for a, b in zip(torch.autograd.grad(loss, parameters), torch.autograd.grad(apart, parameters)):
        assert torch.allclose(a, b, atol=1e-5)


def test_inference_tensors_never_reach_a_graph():
    layer, norm = trained()
    norm.refresh()
    layer.parametrizations.weight.original.requires_grad_(False)
    with torch.inference_mode():
        layer(torch.randn(2, 6))
    x = torch.randn(2, 6, requires_grad=True)
    layer(x).sum().backward()
    assert torch.allclose(x.grad[0], layer.weight.sum(0))


def test_gradient_is_that_of_the_formula():
    """d/dW <A, W / (u^T W v)> = A / sigma - <A, W> u v^T / sigma^2, u, v constant; twice differentiable."""
    layer, norm = trained()
    layer.double()
    original = layer.parametrizations.weight.original
    norm.refresh()
    a = torch.randn(4, 6, dtype=torch.float64)
    (grad,) = torch.autograd.grad((a * layer.weight).sum(), original, create_graph=True)
    sigma = norm.u @ original.detach() @ norm.v
    by_hand = a / sigma - (a * original.detach()).sum() * torch.outer(norm.u, norm.v) / sigma**2
    assert torch.allclose(grad, by_hand, atol=1e-12)
    norm.eval()
    assert torch.autograd.gradgradcheck(norm, (original.detach().clone().requires_grad_(),))


def test_an_older_graph_survives_the_next_iteration():
    layer, norm = trained()
    norm.refresh()
    y = layer(torch.ones(1, 6)).sum()
    expected = torch.autograd.grad(y, layer.parametrizations.weight.original, retain_graph=True)[0]
    norm.refresh()
    layer(torch.ones(1, 6))  # overwrites u and v
    assert torch.equal(torch.autograd.grad(y, layer.parametrizations.weight.original)[0], expected)


@pytest.mark.parametrize("fused", [True, False])
def test_no_stale_weight_after_an_update(fused):
    """With refresh(), and in a user's loop without it. Fused updates do not raise the tensor's version."""
    for refresh in (True, False):
        layer, norm = trained()
        if refresh:
            norm.refresh()
        optim = torch.optim.Adam(layer.parameters(), lr=0.5, fused=fused)
        layer(torch.randn(2, 6)).square().sum().backward()
        optim.step()
        if refresh:
            norm.refresh()
        before, original = norm.u.clone(), layer.parametrizations.weight.original.detach()
        weight = layer.weight
        assert torch.allclose(weight, original / (norm.u @ original @ norm.v), atol=1e-6)
        assert not torch.equal(norm.u, before)  # the update was iterated on


def test_plain_loop_with_two_backward_passes_a_step():
    """Without refresh(), as in tutorials: D(real), backward, D(fake), backward; each forward iterates."""
    layer, norm = trained()
    layer(torch.ones(2, 6)).square().sum().backward()
    before = vectors(layer)
    layer(-torch.ones(2, 6)).square().sum().backward()
    assert not any(map(torch.equal, vectors(layer), before))


def test_changed_weight_is_noticed_without_refresh():
    layer, norm = trained()
    norm.refresh()
    _ = layer.weight
    with torch.no_grad():
        layer.parametrizations.weight.original.mul_(torch.linspace(0.5, 3, 6))
    original = layer.parametrizations.weight.original.detach()
    weight = layer.weight
    assert torch.allclose(weight, original / (norm.u @ original @ norm.v), atol=1e-6)


def test_state_dict_restores_bit_exactly_and_is_never_stale():
    layer, norm = trained()
    other, _ = trained()
    with torch.no_grad():
        layer.parametrizations.weight.original.mul_(torch.linspace(0.5, 3, 6))
    for _ in range(3):
        norm.refresh()
        _ = layer.weight
    assert set(layer.state_dict()) == {
        "bias",
        "parametrizations.weight.original",
        "parametrizations.weight.0.u",
        "parametrizations.weight.0.v",
    }
    other.parametrizations.weight[0].refresh()
    _ = other.weight  # a live cache of other weights
    other.load_state_dict(layer.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(other.state_dict().values(), layer.state_dict().values()))
    assert torch.equal(other.eval().weight, layer.eval().weight)
    other.train(), layer.train()
    for module in (other, layer):
        module.parametrizations.weight[0].refresh()
    assert torch.equal(other.weight, layer.weight)  # both iterate from the same u, v
    assert torch.equal(other.parametrizations.weight[0].u, norm.u)


def test_moving_the_module_is_never_stale():
    layer, norm = trained()
    norm.refresh()
    _ = layer.weight
    layer.double()
    assert layer.weight.dtype == torch.float64
    conv = spectral(nn.Conv2d(3, 4, 3))
    before = conv.eval().weight
    conv.to(memory_format=torch.channels_last)
    assert torch.allclose(conv.weight, before) and conv.weight.is_contiguous(
        memory_format=torch.channels_last
    )


def test_deepcopy_with_a_live_cache():
    layer, norm = trained()
    norm.refresh()
    y = layer(torch.randn(2, 6))
    twin = copy.deepcopy(layer)
    assert all(torch.equal(a, b) for a, b in zip(layer.state_dict().values(), twin.state_dict().values()))
    assert twin.parametrizations.weight[0].shared is None and norm.shared is not None
    with torch.no_grad():
        twin.parametrizations.weight.original.mul_(5)
    # W / sigma does not change with scale
    assert torch.allclose(twin.eval().weight, layer.eval().weight, atol=1e-6)
    y.sum().backward()
    assert (
        layer.parametrizations.weight.original.grad is not None
        and twin.parametrizations.weight.original.grad is None
    )


def test_spectral_rejects_what_it_cannot_normalise():
    for layer in (nn.ConvTranspose2d(2, 3, 4), nn.BatchNorm2d(3), nn.ReLU()):
        with pytest.raises(ValueError, match=type(layer).__name__):
            spectral(layer)


def test_buffers_are_unit_vectors_of_the_matrix():
    norm = SpectralNorm(torch.randn(5, 2, 3, 3))
    assert norm.u.shape == (5,) and norm.v.shape == (18,)
    assert abs(norm.u.norm() - 1) < 1e-6 and abs(norm.v.norm() - 1) < 1e-6
    assert not list(norm.parameters())


# Stages, pooling, initialisation, checks


def test_staged_by_hand():
    disc = Staged(nn.Linear(2, 3), nn.Tanh(), nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)))
    x = torch.randn(5, 2)
    assert disc.layers == 3 and disc(x, stop=0) is x
    h = disc.stages[0](x)
    assert torch.equal(disc(x, stop=1), h) and torch.equal(disc(x, stop=2), h.tanh())
    assert torch.equal(disc(h, start=1, stop=2), h.tanh()) and disc(h, start=1, stop=1) is h
    assert torch.equal(disc(h, start=1), disc(x)) and disc(x).shape == (5,)


@pytest.mark.parametrize("call", [{"stop": 3}, {"start": 3}, {"stop": -1}, {"start": -1}])
def test_staged_names_the_layer_it_lacks(call):
    disc = Staged(nn.Identity(), nn.Identity(), nn.Identity())
    ((name, k),) = call.items()
    with pytest.raises(ValueError, match=f"{name}={k}.* between 0 .* and 2"):
        disc(torch.zeros(1), **call)
    with pytest.raises(ValueError, match="stop=1: must be at least start=2"):
        disc(torch.zeros(1), start=2, stop=1)


def test_global_pool():
    h = torch.arange(16.0).reshape(1, 2, 2, 4)
    assert torch.equal(GlobalPool("sum")(h), torch.tensor([[28.0, 92.0]]))
    assert torch.equal(GlobalPool("mean")(h), torch.tensor([[3.5, 11.5]]))


def test_initialisation():
    torch.manual_seed(0)
    bias = (conv := nn.Conv2d(32, 64, 3)).bias.clone()
    bound = 2**0.5 * (6 / (9 * 32 + 9 * 64)) ** 0.5
    assert glorot(conv, 2**0.5) is conv and torch.equal(conv.bias, bias)
    assert conv.weight.abs().max() <= bound and abs(conv.weight.std() - bound / 3**0.5) < 0.01 * bound
    weight = conv.weight.clone()
    assert torch.equal(glorot(conv, None).weight, weight)
    assert abs(normal(conv).weight.std() - 0.02) < 5e-4 and not conv.bias.any()
    assert normal(nn.Linear(3, 4, bias=False)).bias is None


def test_checks_list_what_would_do():
    assert choice("norm", "a", {"a": 1}) == 1 and choice("norm", None, (None, "a")) is None
    with pytest.raises(ValueError, match="norm='layer'.*None, 'batch'"):
        choice("norm", "layer", (None, "batch"))
    with pytest.raises(ValueError, match="resample='twice'"):
        Conv3x3(1, 1, "twice")
    with pytest.raises(ValueError, match="pool='max'.*'mean', 'sum'"):
        GlobalPool("max")
    assert image_shape((3, 16, 8), 8) == (3, 16, 8)
    for size in ((3, 12, 8), (3, 8, 12), (3, 0, 8)):
        with pytest.raises(ValueError, match=f"{size[1]}x{size[2]}.*8"):
            image_shape(size, 8)


@pytest.mark.parametrize("name", ("Crop", "EveryOther", "VirtualBatchNorm"))
def test_gradients_stay_channels_last(name):
    from networks import dist_gan, dist_gan_resnet, layers

    part = {
        "Crop": lambda: dist_gan.Crop(7, 5),
        "EveryOther": dist_gan_resnet.EveryOther,
        "VirtualBatchNorm": lambda: layers.VirtualBatchNorm(6, 2),
    }[name]().double()
    x = (
        torch.randn(4, 6, 8, 8, dtype=torch.float64)
        .contiguous(memory_format=torch.channels_last)
        .requires_grad_()
    )
    y = part(x)
    (grad,) = torch.autograd.grad(y, x, torch.randn_like(y))
    assert y.is_contiguous(memory_format=torch.channels_last) and grad.is_contiguous(
        memory_format=torch.channels_last
    )
    if name != "VirtualBatchNorm":
        assert torch.equal(y, x[:, :, :7, :5] if name == "Crop" else x[:, :, ::2, ::2])


def test_a_network_exports_with_a_free_batch_size():
    """len(h) would fix the batch size that the export saw."""
    from networks.resnet import get_network

    gen = get_network((3, 8, 8), 10, 5, width=4)["gen"].eval()
    batch = torch.export.Dim("batch", min=2)
    exported = torch.export.export(gen, (torch.randn(3, 5),), dynamic_shapes=({0: batch},)).module()
    z = torch.randn(7, 5)
    assert torch.allclose(exported(z), gen(z), atol=1e-6)


@pytest.mark.parametrize("padding", (0, 1))
@pytest.mark.parametrize("size", ((5, 4), (2, 2), (7, 3)))
def test_the_own_gradient_of_sums_of_windows(padding, size):
    """First and second gradients in float64 by differences, and against those of avg_pool2d."""
    from networks.layers import _Windows, sums_of_windows

    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: _Windows.apply(x, padding, 4), x)
    assert torch.autograd.gradgradcheck(lambda x: _Windows.apply(x, padding, 4), x)
    y = F.avg_pool2d(x, 2, stride=1, padding=padding)
    g = torch.randn_like(y)
    (theirs,) = torch.autograd.grad(y, x, g)
    half = x.detach().bfloat16().requires_grad_()
    out = sums_of_windows(half, padding, 4)
    (ours,) = torch.autograd.grad(out, half, g.bfloat16())
    assert "_Windows" in type(out.grad_fn).__name__ and ours.dtype == torch.bfloat16
    assert torch.allclose(ours.double(), theirs, atol=0.05)


def test_a_convolution_that_doubles_has_no_bias_inside():
    """oneDNN's transposed convolution is slow with one."""
    from unittest import mock

    from networks.layers import conv_up

    x, w, b = torch.randn(2, 3, 4, 4), torch.randn(5, 3, 3, 3), torch.randn(5)
    with mock.patch.object(F, "conv_transpose2d", wraps=F.conv_transpose2d) as called:
        y = conv_up(x, w, b)
    assert "bias" not in called.call_args.kwargs and len(called.call_args.args) == 2
    plain = F.conv2d(F.interpolate(x, scale_factor=2), w, b, padding=1)
    assert torch.allclose(y, plain, atol=1e-5)
