"""PacGAN's Stacked MNIST networks against the formulas of its released code."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from networks import pacgan_mnist

SETTINGS = [("veegan", {}), ("unrolled", {}), ("unrolled", {"disc_width": 4})]


def build(setting, **options):
    torch.manual_seed(0)
    return pacgan_mnist.get_network((3, 28, 28), 1000, 5, setting=setting, **options)


@pytest.mark.parametrize(
    "options, z_dim, gen, disc",
    [
        # model.py of VEEGAN_experiment, of D=0.25G and of D=0.5G: a bias in every layer, a scale and a
        # shift in every norm
        ({"setting": "veegan"}, 100, 4_514_819, 4_310_401),
        ({"setting": "unrolled"}, 256, 287_875, 585),
        ({"setting": "unrolled", "disc_width": 4}, 256, 287_875, 1_889),
    ],
)
def test_numbers_of_parameters_are_those_of_the_code(options, z_dim, gen, disc):
    with torch.device("meta"):
        nets = pacgan_mnist.get_network((3, 28, 28), 1000, z_dim, **options)
    assert [sum(p.numel() for p in nets[role].parameters()) for role in ("gen", "disc")] == [gen, disc]


@pytest.mark.parametrize("setting, options", SETTINGS)
def test_stages_and_shapes(setting, options):
    nets = build(setting, **options)
    disc, x = nets["disc"].eval(), torch.rand(4, 3, 28, 28) * 2 - 1
    for k in range(disc.layers):
        assert torch.equal(disc(disc(x, stop=k), start=k), disc(x))
    sides = [disc(x, stop=k).shape[2] for k in range(1, disc.layers)]
    assert sides == ([14, 7, 4, 2] if setting == "veegan" else [14, 7, 4])
    assert nets["gen"](torch.randn(4, 5)).shape == x.shape
    weights = [p for p in nets["disc"].parameters() if p.ndim == 4]
    assert all(w.abs().max() <= 0.04 for w in weights)
    # of a normal cut at two deviations
    assert weights[-1].detach().std().item() == pytest.approx(0.0176, rel=0.2)


def same(size, kernel):
    """TensorFlow's padding SAME of a convolution of stride 2: (before, after)."""
    total = max((-(-size // 2) - 1) * 2 + kernel - size, 0)
    return total // 2, total - total // 2


@pytest.mark.parametrize("setting, options", SETTINGS)
def test_discriminator_is_the_mirror_image_of_tensorflows(setting, options):
    """TensorFlow's padding in float64, with mirrored kernels on a mirrored image: the same logits."""
    disc = build(setting, **options)["disc"].double()
    x = torch.rand(6, 3, 28, 28, dtype=torch.float64) * 2 - 1
    slope = 0.2 if setting == "veegan" else 0.3
    h = x.flip(2, 3)
    h = (h + 1) / 2 if setting == "veegan" else h  # its data lie in [0, 1]
    for stage in list(disc.stages)[:-1]:
        (layer,) = [m for m in stage if isinstance(m, nn.Conv2d)]
        pad = same(h.shape[2], layer.kernel_size[0])
        h = F.conv2d(F.pad(h, pad * 2), layer.weight.flip(2, 3), layer.bias, stride=2)
        for norm in (m for m in stage if isinstance(m, nn.BatchNorm2d)):
            mean, var = h.mean((0, 2, 3), keepdim=True), h.var((0, 2, 3), correction=0, keepdim=True)
            h = (h - mean) / (var + 1e-5).sqrt()
            h = h * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1)
        h = torch.maximum(h, slope * h)
    dense = disc.stages[-1][1]
    expected = h.flip(2, 3).flatten(1) @ dense.weight[0] + dense.bias
    assert torch.allclose(disc(x), expected, rtol=1e-9, atol=1e-14)
    assert len([m for m in disc.modules() if isinstance(m, nn.BatchNorm2d)]) == 3


@pytest.mark.parametrize("setting", ("veegan", "unrolled"))
def test_generator_in_float64(setting):
    """Transposed convolutions are the gradients of the padded ones, as TensorFlow defines them."""
    gen = build(setting)["gen"].double()
    z = torch.randn(6, 5, dtype=torch.float64)
    h = gen.dense(z).view(6, *gen.start).flip(2, 3)
    for layer in gen.maps:
        if isinstance(layer, nn.ConvTranspose2d):
            side, k = {2: 4, 4: 7, 7: 14, 14: 28}[h.shape[2]], layer.kernel_size[0]
            x = torch.zeros(6, layer.out_channels, side, side, dtype=torch.float64, requires_grad=True)
            y = F.conv2d(F.pad(x, same(side, k) * 2), layer.weight.flip(2, 3), stride=2)
            (h,) = torch.autograd.grad(y, x, h, create_graph=True)
            h = h + layer.bias.view(1, -1, 1, 1)
        elif isinstance(layer, nn.Conv2d):
            h = F.conv2d(h, layer.weight.flip(2, 3), layer.bias, padding=1)
        else:
            h = layer(h)
    assert torch.allclose(gen(z), h.flip(2, 3), rtol=1e-9, atol=1e-12)


def test_the_range_of_the_veegan_setting():
    """tanh on a scale where images lie in [0, 1]: [-3, 1] in training, and clipped in evaluation."""
    gen = build("veegan")["gen"]
    gen.maps[-3].weight.data.mul_(1e3)
    z = torch.randn(50, 5)
    assert -3 <= gen(z).min() < -2 and gen(z).max() <= 1
    assert gen.eval()(z).min() == -1


def test_refusals():
    with pytest.raises(ValueError, match="28x28"):
        pacgan_mnist.get_network((3, 32, 32), 0, 5)
    with pytest.raises(ValueError, match="setting='x'"):
        pacgan_mnist.get_network((3, 28, 28), 0, 5, setting="x")
