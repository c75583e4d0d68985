"""CycleGAN's networks: shapes, patches, counts of parameters, the layer table, options and refusals."""

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from networks import cyclegan, cyclegan_mnist


def build(module=cyclegan_mnist, shape=(1, 28, 28), shape_b=(3, 28, 28), **options):
    torch.manual_seed(0)
    return module.get_network(shape, 10, 62, shape_b, **options)


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    "module, side",
    [(cyclegan_mnist, 28), (cyclegan_mnist, 32), (cyclegan_mnist, 16), (cyclegan, 64), (cyclegan, 128)],
)
def test_translations_keep_the_size_and_lie_in_range(module, side):
    nets = build(module, (1, side, side), (3, side, side), width=8)
    a, b = torch.randn(2, 1, side, side), torch.randn(2, 3, side, side)
    with torch.no_grad():
        assert nets["gen_ab"](a).shape == b.shape and nets["gen_ba"](b).shape == a.shape
        assert nets["gen_ab"](50 * a).abs().max() <= 1


def test_patches():
    x = torch.randn(2, 3, 28, 28)
    assert build(width=8)["disc_b"](x).shape == (2, 5, 5)
    nets = build(width=8, strides=3, mean=True)
    assert nets["disc_b"](x).shape == (2,) and build(width=8, strides=3)["disc_b"](x).shape == (2, 1, 1)
    widths = []
    for module in nets["disc_b"].stages:
        module.register_forward_hook(lambda module, inputs, output: widths.append(output.shape[-1]))
    nets["disc_b"](x)
    assert widths[:4] == [14, 7, 3, 2]
    assert build(cyclegan, (3, 256, 256), (3, 256, 256), width=4)["disc_a"](
        torch.randn(1, 3, 256, 256)
    ).shape == (1, 30, 30)


@pytest.mark.parametrize("strides, patch", [(1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_its_patch_and_no_more(strides, patch):
    disc = cyclegan.patch_discriminator(1, 4, strides, norm="batch").eval().double()
    side = 96 + 32
    x = torch.zeros(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    logits = disc(x)
    middle = logits.shape[1] // 2
    (grad,) = torch.autograd.grad(logits[0, middle, middle], x)
    for axis in (0, 1):
        touched = grad[0, 0].abs().sum(axis).nonzero().flatten()
        assert touched[-1] - touched[0] + 1 == patch == len(touched)


def test_an_instance_norm_makes_patches_and_examples_independent():
    disc = build(width=8)["disc_b"].train()
    x = torch.randn(4, 3, 28, 28)
    assert torch.allclose(disc(x)[:2], disc(x[:2]), atol=1e-6)
    assert [type(m) for m in disc.modules() if "Norm" in type(m).__name__] == [nn.InstanceNorm2d] * 2
    assert (
        len([m for m in build(width=8, norm_last=False)["disc_b"].modules() if "Norm" in type(m).__name__])
        == 1
    )
    assert {type(m) for m in build(width=8)["gen_ab"].modules() if "Norm" in type(m).__name__} == {
        nn.BatchNorm2d
    }


def test_stages_compose():
    disc, x = build(width=8)["disc_b"].eval(), torch.randn(2, 3, 28, 28)
    assert disc.layers == 4
    for k in range(disc.layers):
        assert torch.equal(disc(disc(x, stop=k), start=k), disc(x))


def conv(c_in, c_out, k, bias):
    return c_in * c_out * k * k + bias * c_out


def test_counts_of_parameters():
    """The official networks' 11.378 M and 2.765 M, less their biases before norms."""
    nets = build(cyclegan, (3, 256, 256), (3, 256, 256))
    biases = 64 + 128 + 256 + 9 * 2 * 256 + 128 + 64
    assert count(nets["gen_ab"]) + biases == 11_378_179
    assert count(nets["disc_a"]) + 128 + 256 + 512 == 2_764_737
    assert len([m for m in nets["gen_ab"].modules() if isinstance(m, nn.Identity)]) == 9
    assert (
        len(
            [
                m
                for m in build(cyclegan, (3, 128, 128), (3, 128, 128))["gen_ab"].modules()
                if isinstance(m, nn.Identity)
            ]
        )
        == 6
    )
    small = build()
    maps = (
        conv(1, 16, 7, 0)
        + conv(16, 32, 3, 0)
        + conv(32, 64, 3, 0)
        + 6 * conv(64, 64, 3, 0)
        + conv(64, 32, 3, 0)
        + conv(32, 16, 3, 0)
        + conv(16, 3, 7, 1)
    )
    assert count(small["gen_ab"]) == maps + 2 * (16 + 32 + 64 + 6 * 64 + 32 + 16)
    assert count(build(strides=3, mean=True)["disc_b"]) == conv(3, 64, 4, 1) + conv(64, 128, 4, 0) + conv(
        128, 256, 4, 0
    ) + conv(256, 512, 4, 0) + conv(512, 1, 4, 1)


def test_the_translator_is_the_layer_table():
    net = build(blocks=1, width=4, norm="instance")["gen_ab"].double()
    x = torch.randn(2, 1, 28, 28).double()
    weights = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]

    def normed(h):
        return (h - h.mean((2, 3), keepdim=True)) / (
            h.var((2, 3), unbiased=False, keepdim=True) + 1e-5
        ).sqrt()

    def reflect(h, n):
        return F.pad(h, (n,) * 4, mode="reflect")

    h = normed(F.conv2d(reflect(x, 3), weights[0].weight)).relu()
    for w in weights[1:3]:
        h = normed(F.conv2d(h, w.weight, stride=2, padding=1)).relu()
    inner = normed(F.conv2d(reflect(h, 1), weights[3].weight)).relu()
    h = h + normed(F.conv2d(reflect(inner, 1), weights[4].weight))
    for w in weights[5:7]:
        h = normed(F.conv_transpose2d(h, w.weight, stride=2, padding=1, output_padding=1)).relu()
    assert torch.allclose(
        net(x), F.conv2d(reflect(h, 3), weights[7].weight, weights[7].bias).tanh(), atol=1e-10
    )


def test_initial_weights():
    for std in (0.02, 0.1):
        nets = build(cyclegan, (3, 64, 64), (3, 64, 64), width=16, init_std=std)
        for net in nets.values():
            for m in net.modules():
                if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) and m.weight.numel() > 2000:
                    assert abs(m.weight.std() - std) < 0.1 * std and (m.bias is None or not m.bias.any())
    assert build()["gen_ab"][1].weight.abs().max() <= 1 / 7  # the framework's own: U(-1 / sqrt(fan in), ...)
    scale = build(init_std=0.02, width=64)["gen_ab"][2].weight
    assert abs(scale.mean() - 1) < 0.02 and 0.01 < scale.std() < 0.03


def test_maps_stay_channels_last():
    nets, lost = build(width=8), []

    def look(layer, inputs, output):
        if not output.is_contiguous(memory_format=torch.channels_last):
            lost.append(layer)

    for net, channels in zip(nets.values(), (1, 3, 1, 3)):
        net.to(memory_format=torch.channels_last)
        x = torch.randn(2, channels, 28, 28).contiguous(memory_format=torch.channels_last)
        for m in net.modules():
            if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
                m.register_forward_hook(look)
        net(x)
        assert not lost


@pytest.mark.parametrize(
    "module, shapes, options, said",
    [
        (cyclegan_mnist, ((1, 28, 28), (3, 32, 32)), {}, "28x28 pixels in A and 32x32 in B"),
        (cyclegan_mnist, ((1, 30, 30),) * 2, {}, "multiples of 4"),
        (cyclegan, ((3, 32, 32),) * 2, {}, "at least 64"),
        (cyclegan_mnist, ((1, 28, 28),) * 2, {"norm": "group"}, "norm='group'"),
        (cyclegan_mnist, ((1, 28, 28),) * 2, {"disc_norm": None}, "norm=None"),
    ],
)
def test_refusals(module, shapes, options, said):
    with pytest.raises(ValueError, match=said):
        module.get_network(shapes[0], 0, 0, shapes[1], **options)


@pytest.mark.parametrize("module", (cyclegan, cyclegan_mnist))
def test_signature_serves_the_loader(module):
    parameters = inspect.signature(module.get_network).parameters
    assert (
        list(parameters)[:4] == ["data_shape", "n_classes", "z_dim", "data_shape_b"] and "width" in parameters
    )
    assert set(module.get_network((3, 64, 64), 0, 0, width=4)) == {"gen_ab", "gen_ba", "disc_a", "disc_b"}
