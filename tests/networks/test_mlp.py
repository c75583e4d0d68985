"""Fully connected pairs."""

import pytest
import torch
from torch import nn

from networks import mlp


def build(shape=(1, 1, 2), z_dim=3, **options):
    torch.manual_seed(0)
    return mlp.get_network(shape, z_dim, **{"width": 8} | options)


def linears(net):
    return [m for m in net.modules() if isinstance(m, nn.Linear)]


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 2), (3, 4, 4)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layers": 1},
        {"gen_norm": True, "activation": "relu"},
        {"spec_norm": True},
        {"activation": "maxout", "gen_norm": True},
        {"disc_layers": 2, "disc_width": 5},
        {"fourier": 7},
    ],
)
def test_shapes_stages_and_logits(shape, options):
    nets = build(shape, **options)
    gen, disc = nets["gen"], nets["disc"]
    x = gen(torch.randn(6, 3))
    assert x.shape == (6, *shape) and x.abs().max() <= 1 and disc(x).shape == (6,)
    assert disc.layers == options.get("disc_layers", options.get("layers", 3)) + 1
    disc.eval()
    whole = disc(x)
    for k in range(disc.layers):
        h = disc(x, stop=k)
        assert torch.equal(disc(h, start=k), whole) and (
            k == 0 or h.shape == (6, options.get("disc_width", 8))
        )
    assert isinstance(list(disc.modules())[-1], nn.Flatten)  # no sigmoid: logits
    gen(torch.randn(6, 3)).sum().backward()
    disc(torch.randn(6, *shape)).sum().backward()
    assert all(
        p.grad is not None and torch.isfinite(p.grad).all() for net in nets.values() for p in net.parameters()
    )


def test_the_networks_of_the_2020_homework():
    """5, 256, 256, 256, 1 with LeakyReLU(0.01) and tanh; 1, 256, 256, 256, 1 without a sigmoid."""
    nets = mlp.get_network((1, 1, 1), 5, width=256, layers=3, slope=0.01)
    assert [(m.in_features, m.out_features) for m in linears(nets["gen"])] == [
        (5, 256),
        (256, 256),
        (256, 256),
        (256, 1),
    ]
    assert [(m.in_features, m.out_features) for m in linears(nets["disc"])] == [
        (1, 256),
        (256, 256),
        (256, 256),
        (256, 1),
    ]
    assert {
        m.negative_slope for net in nets.values() for m in net.modules() if isinstance(m, nn.LeakyReLU)
    } == {0.01}
    assert sum(p.numel() for net in nets.values() for p in net.parameters()) == (5 + 1) * 256 + (
        1 + 1
    ) * 256 + 2 * (2 * 257 * 256 + 257)
    defaults = mlp.get_network((1, 1, 1), 5)
    assert [m.out_features for m in linears(defaults["gen"])] == [128, 128, 128, 1] and isinstance(
        defaults["gen"].maps, nn.Tanh
    )


def test_the_networks_of_pacgan():
    """Lin et al. 2018, released code.

    gen: 2, four times 400 with BN and ReLU, 2. disc: 2, three times 200 maxout units of 5 pieces, 1.
    """
    nets = mlp.get_network(
        (1, 1, 2),
        2,
        width=400,
        layers=4,
        activation="relu",
        gen_norm=True,
        gen_out="linear",
        init="normal",
        disc_width=200,
        disc_layers=3,
        disc_activation="maxout",
    )
    assert [(m.in_features, m.out_features, m.bias is None) for m in linears(nets["gen"])] == [
        (2, 400, True)
    ] + 3 * [(400, 400, True)] + [(400, 2, False)]
    assert [(m.in_features, m.out_features) for m in linears(nets["disc"])] == [
        (2, 1000),
        (200, 1000),
        (200, 1000),
        (200, 1),
    ]
    assert nets["disc"](torch.randn(3, 1, 1, 2), stop=2).shape == (3, 200)


def test_maxout_takes_the_largest_piece():
    h = torch.tensor([[1.0, 5, 2, 0, 3, -1, -2, -7, -4, -9]])
    assert mlp.Maxout(5)(h).tolist() == [[5, -1]]


def test_fourier_features_are_fixed_and_kept():
    disc = build(fourier=4000, fourier_scale=0.5, width=4)["disc"]
    features = disc.stages[0][1]
    assert (
        features.frequencies.std().item() == pytest.approx(torch.pi, rel=0.03)
        and "stages.0.1.frequencies" in disc.state_dict()
    )
    assert not any("frequencies" in name for name, _ in disc.named_parameters())
    x, y = torch.randn(2, 5, 2) * 0.3
    # <features(x), features(y)> is the kernel exp(-|2 pi scale (x - y)|^2 / 2) it approximates, and <x, y>
    found = (features(x)[:, 2:] * features(y)[:, 2:]).sum(1) / 4000
    assert torch.allclose(
        found, (-(torch.pi * (x - y)).square().sum(1) / 2).exp(), atol=0.06
    ) and torch.equal(features(x)[:, :2], x)
    with pytest.raises(ValueError, match="fourier="):
        build(fourier=-1)


def test_outputs():
    z = 100 * torch.randn(50, 3)
    for out, low, high in (("tanh", -1, 1), ("sigmoid", 0, 1)):
        x = build(gen_out=out)["gen"](z)
        assert x.min() >= low and x.max() <= high and (x.max() - x.min()) > 0.9 * (high - low)
    linear = build(gen_out="linear")["gen"]
    with torch.no_grad():
        linears(linear)[-1].bias += 7
    assert linear(z).abs().max() > 2


@pytest.mark.parametrize("init", [None, "glorot", "normal", "he", "orthogonal"])
def test_initial_weights(init):
    nets = build(width=200, init=init)
    for net in nets.values():
        weight, bias = (p.detach() for p in (linears(net)[1].weight, linears(net)[1].bias))
        expected = {
            None: 1 / (3 * 200) ** 0.5,
            "glorot": 1 / 200**0.5,
            "normal": 0.02,
            "he": (2 / 200) ** 0.5,
            "orthogonal": 1.4 / 200**0.5,
        }[init]
        assert float(weight.std()) == pytest.approx(expected, rel=0.03) and bool(bias.abs().sum() == 0) == (
            init is not None
        )
    if init == "orthogonal":
        assert torch.allclose(weight @ weight.T, 1.4**2 * torch.eye(200), atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "gelu"},
        {"gen_out": "softmax"},
        {"init": "ones"},
        {"layers": 0},
        {"disc_activation": "x"},
        {"width": 2.5},
    ],
)
def test_what_there_is_not_is_refused_by_name(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}="):
        build(**options)
