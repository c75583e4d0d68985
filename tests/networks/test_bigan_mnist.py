"""BiGAN's fully connected networks: layers, the equal form for pixels in [-1, 1], counts of parameters."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from networks import bigan_mnist

W, Z = 16, 5


def build(variant="official", shape=(1, 6, 6), **options):
    torch.manual_seed(0)
    nets = bigan_mnist.get_network(shape, 10, Z, **({"variant": variant, "width": W} | options))
    return {role: net.double() for role, net in nets.items()}


def data(n=7):
    torch.manual_seed(1)
    return torch.rand(n, 1, 6, 6).double() * 2 - 1, torch.randn(n, Z).double()


def bn(h):
    return (h - h.mean(0)) / (h.var(0, correction=0) + 1e-5).sqrt()


def linears(net):
    return [m.weight for m in net.modules() if isinstance(m, nn.Linear)]


def test_official_is_the_table_with_pixels_moved_to_the_unit_interval():
    nets, (x, z) = build(), data()
    leaky = lambda h: F.leaky_relu(h, 0.2)
    a, b, v, last = (
        nets["gen"].first[0].weight,
        nets["gen"].hidden.weight,
        nets["gen"].latent.weight,
        nets["gen"].last[0].weight,
    )
    sigmoid = (bn(bn(z @ a.T).relu() @ b.T + z @ v.T).relu() @ last.T).sigmoid()
    assert torch.allclose(nets["gen"](z), (2 * sigmoid - 1).view(7, 1, 6, 6), atol=1e-10)
    unit = (x.flatten(1) + 1) / 2
    a, b, c = linears(nets["enc"])
    assert torch.allclose(nets["enc"](x), leaky(bn(leaky(unit @ a.T) @ b.T)) @ c.T, atol=1e-10)
    assert torch.equal(nets["enc"](nets["enc"](x, stop=2), start=2), nets["enc"](x)) and nets["enc"](
        x, stop=2
    ).shape == (7, W)
    nn.init.normal_(nets["disc"].last[0].weight)
    a, b, v, last = (
        nets["disc"].first[2].weight,
        nets["disc"].hidden.weight,
        nets["disc"].latent.weight,
        nets["disc"].last[0].weight,
    )
    expected = leaky(bn(leaky(unit @ a.T) @ b.T + z @ v.T)) @ last.T
    logits = nets["disc"](x, z)
    assert logits.shape == (7,) and torch.allclose(logits, expected.flatten(), atol=1e-10)


def test_seed_is_the_table():
    nets, (x, z) = build("seed"), data()
    gen, body = nets["gen"], nets["disc"].body
    h = bn(gen[2](gen[0](z).relu())).relu()
    assert torch.allclose(gen(z), gen[5](h).tanh().view(7, 1, 6, 6), atol=1e-10)
    h = torch.cat([x.flatten(1), z], 1)
    for k in (0, 2):
        h = F.leaky_relu(body[k](h), 0.2)
    assert torch.allclose(nets["disc"](x, z), body[4](h).flatten(), atol=1e-10)
    assert not any(isinstance(m, nn.BatchNorm1d) for m in nets["disc"].modules())
    enc = nets["enc"].stages
    h = bn(enc[1][0](F.leaky_relu(enc[0][1](x.flatten(1)), 0.2)))
    assert torch.allclose(nets["enc"](x), enc[2][0](F.leaky_relu(h, 0.2)), atol=1e-10)


@pytest.mark.parametrize(
    "variant, gen, enc, disc",
    [
        ("official", Z * W + W * W + Z * W + W * 36, 36 * W + W * W + W * Z, 36 * W + W * W + Z * W + W),
        (
            "seed",
            (Z + 1) * W + (W + 1) * W + (W + 1) * 36,
            (36 + 1) * W + (W + 1) * W + (W + 1) * Z,
            (36 + Z + 1) * W + (W + 1) * W + W + 1,
        ),
    ],
)
def test_counts_of_parameters_and_no_gain_in_batch_norm(variant, gen, enc, disc):
    nets = build(variant)
    assert [sum(p.numel() for p in nets[role].parameters()) for role in ("gen", "enc", "disc")] == [
        gen,
        enc,
        disc,
    ]
    assert all(not m.affine for net in nets.values() for m in net.modules() if isinstance(m, nn.BatchNorm1d))


def test_initial_weights_and_a_squashed_code():
    torch.manual_seed(0)
    nets = bigan_mnist.get_network((1, 28, 28), 10, 50, width=64)
    assert not nets["disc"].last[0].weight.any()  # D says one half of everything
    for net in nets.values():
        for weight in linears(net)[:-1]:
            assert abs(weight.std() / 0.02 - 1) < 0.1
    x = torch.rand(3, 1, 6, 6).double()
    plain, squashed = (build(squash=squash)["enc"].eval()(x) for squash in (False, True))
    assert torch.allclose(squashed, 2 * plain.sigmoid() - 1, atol=1e-12)
    with pytest.raises(ValueError, match="variant='cnn': must be one of 'official', 'seed'"):
        build("cnn")
