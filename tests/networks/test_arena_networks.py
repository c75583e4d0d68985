"""networks/infomax.py and networks/unet.py: heads, what they read, gradients."""

import pytest
import torch
from torch import nn

from networks import infomax, unet


def images(n=3, size=16):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_infomax_projects_the_third_and_the_pooled_fourth_block():
    nets = infomax.get_network((3, 16, 16), 0, 5, width=8, dim=6)
    disc, x = nets["disc"].eval(), images()
    local, whole = disc.contrast(x)
    assert local.shape == (3, 6, 16) and whole.shape == (3, 6) and disc(x).shape == (3,)
    h = disc(x, stop=3)
    residual, shortcut = disc.local.residual, disc.local.shortcut
    weight = lambda layer: layer.weight.flatten(1)
    p = h.permute(0, 2, 3, 1).reshape(-1, 8)  # a place a row
    first = (p @ weight(residual[0]).T + residual[0].bias).relu()
    expected = first @ weight(residual[2]).T + residual[2].bias + p @ weight(shortcut).T + shortcut.bias
    assert torch.allclose(local.transpose(1, 2).reshape(-1, 6), expected, atol=1e-5)
    assert torch.allclose(whole, disc.whole(torch.relu(disc(x, stop=4)).sum((2, 3))), atol=1e-5)
    assert nets["gen"](torch.randn(2, 5)).shape == (2, 3, 16, 16)


def test_infomax_has_the_parameters_of_mimicrys():
    nets = infomax.get_network((3, 32, 32), 0, 128)
    w, r = 128, 1024
    one = w * w + w + 2 * (w * r + r)
    count = sum(
        p.numel() for name, p in nets["disc"].named_parameters() if name.startswith(("local", "whole"))
    )
    assert count == 2 * one


def test_unet_judges_the_image_and_its_pixels():
    nets = unet.get_network((3, 16, 24), 0, 5, width=4, gen_width=8)
    disc = nets["disc"].eval()
    x = torch.rand(2, 3, 16, 24, requires_grad=True)
    assert disc(x).shape == (2,) and disc.pixels(x).shape == (2, 1, 16, 24) and disc.layers == 5
    assert nets["gen"](torch.randn(2, 5)).shape == (2, 3, 16, 24)
    # examples are judged alone
    assert torch.allclose(disc.pixels(x[:1]), disc.pixels(x)[:1], atol=1e-6)
    # each block of the encoder is read twice: by the next, and by the decoder's of its size
    states = [disc(x, stop=k) for k in (1, 2, 3)]
    h = disc.ups[0](states[2])
    for block, state in zip(disc.ups[1:], (states[1], states[0])):
        assert h.shape[2:] == state.shape[2:]
        h = block(torch.cat([h, state], 1))
    assert torch.allclose(disc.last(h), disc.pixels(x), atol=1e-6)
    grads = torch.autograd.grad((disc.pixels(x).mean((1, 2, 3)) + disc(x)).sum(), list(disc.parameters()))
    assert all(g.abs().sum() > 0 for g in grads)


@pytest.mark.parametrize("network", (infomax, unet))
def test_every_layer_of_d_is_spectrally_normalised(network):
    disc = network.get_network((3, 16, 16), 0, 5, width=8)["disc"]
    layers = [m for m in disc.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert layers and all(hasattr(m, "parametrizations") for m in layers)


@pytest.mark.parametrize("network", (infomax, unet))
def test_sizes_are_multiples_of_8(network):
    with pytest.raises(ValueError, match="8"):
        network.get_network((3, 20, 20), 0, 5)
