import torch
import torch.nn.functional as F

from networks import dsprites
from networks.layers import SpectralNorm


def test_shapes():
    nets = dsprites.get_network((1, 64, 64), 0)
    x = torch.rand(2, 1, 64, 64) * 2 - 1
    h = nets["enc"](x)
    assert (
        h.shape == (2, 10)
        and nets["dec"](h).shape == x.shape
        and nets["dec"](100 * h).abs().max() <= 1
        and nets["disc"](x).shape == (2,)
    )
    assert set(nets) == {"enc", "dec", "disc"}
    vae = dsprites.get_network((1, 64, 64), 3, vae=True, width=8)
    assert (
        vae["enc"](x).shape == (2, 20)
        and vae["enc"].variational
        and vae["enc"].code_shape == (10,)
        and vae["probe"](h).shape == (2, 3)
    )
    assert torch.allclose(nets["disc"].eval()(nets["disc"](x, stop=3), start=3), nets["disc"](x), atol=1e-5)


def test_activations_keep_their_size():
    torch.manual_seed(0)
    nets = dsprites.get_network((1, 64, 64), 0)
    z = torch.randn(64, 10)
    before_tanh = nets["dec"].maps[:-1](nets["dec"].dense(z).view(64, 32, 4, 4))
    assert 0.1 < float(before_tanh.detach().std()) < 3


def test_discriminator_normalises_every_layer():
    """D's logit in float64: four convolutions and three dense layers, each weight divided by its sigma."""
    torch.manual_seed(0)
    disc = dsprites.get_network((1, 64, 64), 0, ndf=4, hidden=8)["disc"].double().eval()
    norms = [part for part in disc.modules() if isinstance(part, SpectralNorm)]
    layers = [part for part in disc.modules() if isinstance(part, (torch.nn.Conv2d, torch.nn.Linear))]
    assert len(norms) == len(layers) == 7
    h = x = torch.rand(3, 1, 64, 64, dtype=torch.float64) * 2 - 1
    for layer, norm in zip(layers, norms):
        weight = layer.parametrizations.weight.original
        weight = weight / (norm.u @ weight.flatten(1) @ norm.v)
        h = (
            F.conv2d(h, weight, layer.bias, 2, 1)
            if weight.ndim == 4
            else F.linear(h.flatten(1), weight, layer.bias)
        )
        h = h if layer is layers[-1] else h.relu()
    assert torch.allclose(disc(x), h[:, 0], rtol=1e-10)
    plain = dsprites.get_network((1, 64, 64), 0, spec_norm=False)["disc"]
    assert not any(isinstance(part, SpectralNorm) for part in plain.modules())
