import pytest
import torch
from torch import nn

from networks import autoencoder32


@pytest.mark.parametrize("channels, code, padding", [(1, 32, 0), (3, 256, "kyle"), (3, 1024, 0)])
def test_shapes_and_layers(channels, code, padding):
    nets = autoencoder32.get_network((channels, 32, 32), 10, code=code, padding=padding)
    x = torch.rand(2, channels, 32, 32)
    h = nets["enc"](x)
    assert (
        h.shape == (2, code // 16, 4, 4) and nets["dec"](h).shape == x.shape and nets["disc"](x).shape == (2,)
    )
    assert nets["probe"](h.flatten(1)).shape == (2, 10)
    assert torch.allclose(nets["disc"].eval()(nets["disc"](x, stop=2), start=2), nets["disc"](x), atol=1e-5)
    assert all(
        hasattr(m, "parametrizations") == (m.kernel_size != (1, 1))
        for m in nets["disc"].modules()
        if isinstance(m, nn.Conv2d)
    )
    count = lambda net: sum(p.numel() for p in net.parameters())
    if (channels, code) == (1, 32):
        # 1x1; 16, 32, 64 twice; 128; 2: weights, two values of each norm, biases where there is no norm
        convs = [
            16,
            16 * 16 * 9,
            16 * 16 * 9,
            32 * 16 * 9,
            32 * 32 * 9,
            64 * 32 * 9,
            64 * 64 * 9,
            128 * 64 * 9,
            2 * 128 * 9,
        ]
        assert count(nets["enc"]) == sum(convs) + 16 + 2 * (16 * 2 + 32 * 2 + 64 * 2 + 128) + 2


def test_initialisation():
    torch.manual_seed(0)
    nets = autoencoder32.get_network((3, 32, 32), 10, code=1024)
    for net in nets["enc"], nets["dec"]:
        for m in net.modules():
            if isinstance(m, autoencoder32.InstanceNorm):
                assert (m.weight == 1).all() and (m.bias == 0).all()
            if isinstance(m, nn.Conv2d) and m.weight.numel() > 2000:
                assert float(m.weight.detach().std()) == pytest.approx(
                    (1.04 * m.weight[0].numel()) ** -0.5, rel=0.08
                )
    norms = [
        (m, m.weight.flatten(1)) for m in nets["disc"].eval().modules() if hasattr(m, "parametrizations")
    ]
    assert all(torch.linalg.matrix_norm(w.detach(), 2) == pytest.approx(1, rel=0.15) for _, w in norms)


@pytest.mark.parametrize("layout", (torch.channels_last, torch.contiguous_format))
def test_instance_norm_is_that_of_torch_gradients_included(layout):
    torch.manual_seed(0)
    ours, theirs = autoencoder32.InstanceNorm(5).double(), nn.InstanceNorm2d(5, affine=True).double()
    for p, q in zip(ours.parameters(), theirs.parameters()):
        nn.init.normal_(p)
        q.data.copy_(p)
    x = torch.randn(3, 5, 6, 4, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    g = torch.randn(3, 5, 6, 4, dtype=torch.float64)
    assert torch.allclose(ours(x), theirs(x)) and ours(x).is_contiguous(memory_format=torch.channels_last)
    for a, b in zip(
        torch.autograd.grad(ours(x), [x, *ours.parameters()], g),
        torch.autograd.grad(theirs(x), [x, *theirs.parameters()], g),
    ):
        assert torch.allclose(a, b)
    assert torch.isfinite(ours.float()(torch.ones(2, 5, 4, 4))).all()


def test_the_folded_doubling_is_nearest_neighbour_and_convolution():
    net = autoencoder32.get_network((1, 32, 32), 0)["dec"]
    h = torch.randn(2, 2, 4, 4)
    folded = net(h)
    for m in net.modules():
        if hasattr(m, "fold"):
            m.fold = False
    assert torch.allclose(net(h), folded, atol=1e-4)


def test_options():
    nets = autoencoder32.get_network((3, 32, 32), 0, code=256, attributes=4, output="tanh", spec_norm=False)
    assert "probe" not in nets and nets["disc"].attributes(torch.rand(2, 3, 32, 32)).shape == (2, 4)
    mask = nets["class_mixer"](torch.randint(0, 2, (5, 4)).float())
    assert mask.shape == (5, 16) and (mask > 0).all() and (mask < 1).all() and (mask < 0.5).any()
    assert nets["dec"](torch.randn(2, 16, 4, 4) * 9).abs().max() <= 1
    for bad in ({"code": 30}, {"padding": 2}, {"norm": "batch"}, {"output": "sigmoid"}):
        with pytest.raises(ValueError):
            autoencoder32.get_network((3, 32, 32), 0, **bad)
    with pytest.raises(ValueError, match="multiples of 8"):
        autoencoder32.get_network((1, 28, 28), 0)


def test_class_mixing_has_the_layers_of_the_original():
    """Its attribute head is spectrally normalised.

    Its mixer's hidden layers are as wide as the code has maps.
    """
    nets = autoencoder32.get_network((3, 32, 32), 0, code=256, attributes=4)
    head = nets["disc"].head[1].eval()
    assert torch.linalg.matrix_norm(head.weight.detach(), 2) == pytest.approx(1, rel=0.01)
    shapes = [tuple(m.weight.shape) for m in nets["class_mixer"] if isinstance(m, nn.Linear)]
    assert shapes == [(16, 4), (16, 16), (16, 16)]
    plain = autoencoder32.get_network((3, 32, 32), 0, attributes=4, spec_norm=False, mixer_width=9)
    assert not hasattr(plain["disc"].head[1], "parametrizations")
    assert plain["class_mixer"][0].out_features == 9


def test_acai_paper_is_the_released_network():
    """brain-research/acai, lib/layers.py.

    A bias in every convolution, LeakyReLU 0.2, no norm; counted by hand for depth 16, latent 2.
    """
    torch.manual_seed(0)
    nets = autoencoder32.get_network((1, 32, 32), 10, norm=None, spec_norm=False, slope=0.2)

    def conv(a, b, k=3):
        return a * b * k * k + b

    down = conv(1, 16, 1) + 2 * conv(16, 16) + conv(16, 32) + conv(32, 32) + conv(32, 64) + conv(64, 64)
    enc = down + conv(64, 128) + conv(128, 2)
    dec = (
        conv(2, 64) + conv(64, 64) + conv(64, 32) + conv(32, 32) + conv(32, 16) + conv(16, 16) + conv(16, 16)
    )
    count = {role: sum(p.numel() for p in net.parameters()) for role, net in nets.items()}
    assert count == {"enc": enc, "disc": enc, "dec": dec + conv(16, 1), "probe": 330}
    slopes = [m.negative_slope for net in nets.values() for m in net.modules() if isinstance(m, nn.LeakyReLU)]
    assert len(slopes) == 7 + 7 + 7 and set(slopes) == {0.2}
