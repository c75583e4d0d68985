"""R3GAN's networks against its authors' code: numbers of parameters, values in float64, initial weights."""

import math

import pytest
import torch

from networks import r3gan


def build(shape=(3, 8, 8), z_dim=5, n_classes=3, **options):
    torch.manual_seed(0)
    return r3gan.get_network(
        shape, n_classes, z_dim, **({"width": 8, "group_width": 4, "embedding": 4} | options)
    )


def filled(net):
    """The network in float64 with known parameters."""
    for i, p in enumerate(net.double().parameters()):
        p.data = ((torch.arange(p.numel(), dtype=torch.float64).view(p.shape) * 0.7 + i).sin()) / 4
    return net


@pytest.mark.parametrize(
    "conditional, gen, disc", [(None, 20732160, 20683776), ("projection", 20781952, 21280512)]
)
def test_numbers_of_parameters_at_32x32_are_those_of_the_code(conditional, gen, disc):
    with torch.device("meta"):
        nets = r3gan.get_network((3, 32, 32), 10, 64, conditional=conditional)
    assert {role: sum(p.numel() for p in net.parameters()) for role, net in nets.items()} == {
        "gen": gen,
        "disc": disc,
    }


# by the authors' code in float64, for the parameters of filled(): the images' means and mean squares, D's
# logits
AUTHORS = {
    None: (
        [0.24319543908421712, 0.2432880500469591],
        [0.06118306977264271, 0.06114963612992765],
        [-0.0388169914550727, 0.06357112368609037],
    ),
    "projection": (
        [0.1058300388584169, 0.10510353270382078],
        [0.029114432767939888, 0.028897146072463145],
        [-0.020383995791588526, -0.03014014247282787],
    ),
}


@pytest.mark.parametrize("conditional", AUTHORS)
def test_values_are_those_of_the_authors_code(conditional):
    nets = {role: filled(net) for role, net in build(conditional=conditional).items()}
    z, x = (
        torch.linspace(-1, 1, 10, dtype=torch.float64).view(2, 5),
        torch.linspace(-1, 1, 384, dtype=torch.float64),
    )
    told = {"y": torch.tensor([2, 0])} if conditional else {}
    images, logits = nets["gen"](z, **told), nets["disc"](x.view(2, 3, 8, 8), **told)
    means, squares, want = AUTHORS[conditional]
    assert images.mean((1, 2, 3)).tolist() == pytest.approx(means, rel=1e-9)
    assert images.square().mean((1, 2, 3)).tolist() == pytest.approx(squares, rel=1e-9)
    assert logits.tolist() == pytest.approx(want, rel=1e-9)
    if conditional:  # shares of one class are that class, and logits are linear in shares
        shares = torch.eye(3, dtype=torch.float64)[told["y"]]
        assert torch.allclose(nets["gen"](z, shares), images)
        x = x.view(2, 3, 8, 8)
        other = nets["disc"](x, y=torch.tensor([1, 1]))
        half = (shares + torch.eye(3, dtype=torch.float64)[1]) / 2
        assert torch.allclose(nets["disc"](x, y=half), (logits + other) / 2)


@pytest.mark.parametrize("conditional", (None, "projection"))
@pytest.mark.parametrize("side, channels, stages", [(8, 3, 2), (28, 3, 3), (32, 1, 4)])
def test_shapes_and_stages(side, channels, stages, conditional):
    nets = build((channels, side, side), conditional=conditional)
    told = {"y": torch.tensor([0, 1])} if conditional else {}
    x = nets["gen"](torch.randn(2, 5), **told)
    assert x.shape == (2, channels, side, side) and nets["disc"].layers == stages
    logits = nets["disc"](x, **told)
    assert logits.shape == (2,)
    for k in range(stages):
        h = nets["disc"](x, stop=k)
        assert torch.allclose(nets["disc"](h, start=k, **told), logits)


def test_initial_weights_and_blocks_that_begin_as_the_identity():
    nets = build((3, 32, 32), z_dim=64, width=64, group_width=16)
    gain = math.sqrt(2 / 1.04) * 8**-0.25
    blocks = [m for m in nets["disc"].modules() if isinstance(m, r3gan.Block)]
    assert len(blocks) == 8
    for block in blocks:
        assert block.expand.weight.std().item() == pytest.approx(gain / math.sqrt(64), rel=0.05)
        assert block.spatial.weight.std().item() == pytest.approx(gain / math.sqrt(16 * 9), rel=0.05)
        assert not block.reduce.weight.any() and not block.expand.bias.any() and not block.spatial.bias.any()
        assert block.reduce.bias is None
    h = torch.randn(2, 64, 8, 8)
    assert torch.equal(blocks[0](h), h)
    assert nets["gen"].linear.weight.std().item() == pytest.approx(1 / 8, rel=0.05)
    assert nets["gen"].basis.std().item() == pytest.approx(1, rel=0.1)


def test_resampling_keeps_constants_and_slopes():
    line = torch.arange(8.0).expand(1, 1, 8, 8)
    up = r3gan.Upsample()(line)
    assert torch.allclose(up[0, 0, 4, 2:-2], torch.arange(0.75, 6.5, 0.5))
    down = r3gan.Downsample()(line)
    assert torch.allclose(down[0, 0, 1, 1:-1], torch.tensor([2.5, 4.5]))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"shape": (3, 8, 16)}, "use square ones"),
        ({"shape": (3, 36, 36)}, "use square ones"),
        ({"group_width": 5}, "group_width=5: must divide"),
        ({"conditional": "acgan"}, "conditional"),
        ({"conditional": "projection", "n_classes": 0}, "no labels"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)
