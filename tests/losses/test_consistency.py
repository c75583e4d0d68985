"""CR, bCR, zCR, FSMR: closed forms, float64 references, what moves and what does not."""

import types

import pytest
import torch
from torch import nn

from losses import consistency
from losses.consistency import adain, flip_and_shift, mixing_statistics
from losses.penalties import Context, GContext

N = 6


def images(n=N, seed=1, shape=(3, 16, 8)):
    return torch.randn(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def drawn(seed=1):
    return torch.Generator().manual_seed(seed)


def context(disc, net=None, gen=None, z=None, **more):
    generators = {}

    def generator(purpose):
        return generators.setdefault(purpose, drawn(sum(map(ord, purpose))))

    def near(z, std, purpose):
        return gen(z + std * torch.randn(z.shape, dtype=z.dtype, generator=generator(purpose)))

    trainer = types.SimpleNamespace(generator=generator, disc=net, near=near)
    fake = gen(z) if gen else images(seed=2)
    return Context(disc, images(), fake, generator=generator, trainer=trainer, z=z, **more)


def test_flip_and_shift_moves_whole_pixels_reflected_at_the_border():
    x = images(300)
    found, changed = set(), flip_and_shift(x, drawn())
    ways = {
        mirrored: nn.functional.pad(x.flip(-1) if mirrored else x, (1, 1, 2, 2), mode="reflect")
        for mirrored in (False, True)
    }
    for i in range(len(x)):
        places = [
            (a, b, mirrored)
            for a in range(5)
            for b in range(3)
            for mirrored, padded in ways.items()
            if torch.equal(changed[i], padded[i, :, a : a + 16, b : b + 8])
        ]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) == 30
    assert torch.equal(
        flip_and_shift(x[..., :4, :4], drawn(2)).sort(-1).values, x[..., :4, :4].sort(-1).values
    )


def test_a_verdict_of_the_mean_is_consistent_and_one_of_a_corner_is_not():
    # with sides below 8 nothing is shifted, so a mean over pixels is the same after a flip
    small = lambda x: x[..., :4, :4].mean((1, 2, 3))
    corner = lambda x: x[:, 0, 0, 0]
    c = context(corner)
    changed = flip_and_shift(c.real, drawn(sum(map(ord, "cr"))))
    assert torch.allclose(consistency.cr(c), (corner(c.real) - corner(changed)).square(), atol=1e-14)
    c = context(corner)
    both = consistency.bcr(c)
    fake = flip_and_shift(c.fake, drawn(sum(map(ord, "bcr"))))
    expected = (corner(c.real) - corner(changed)).square() + (corner(c.fake) - corner(fake)).square()
    assert torch.allclose(both, expected, atol=1e-14) and both.shape == (N,)
    x = images(shape=(3, 4, 4))
    still = Context(small, x, x, generator=c.generator)
    assert torch.allclose(consistency.bcr(still), torch.zeros(N, dtype=torch.float64), atol=1e-25)


def test_both_sides_have_a_gradient():
    w = torch.ones((), dtype=torch.float64, requires_grad=True)
    c = context(lambda x: w * x[:, 0, 0, 0])
    value = consistency.cr(c)
    (grad,) = torch.autograd.grad(value.sum(), w)
    assert torch.allclose(grad, 2 * value.sum())  # (w d)^2 at w = 1; half of it if one side were held


def test_known_logits_are_not_computed_again():
    calls = []
    disc = lambda x: calls.append(1) or x[:, 0, 0, 0]
    c = context(disc, logits={"real": images()[:, 0, 0, 0]})
    consistency.cr(c)
    assert len(calls) == 1


def test_zcr_of_linear_players():
    """D(G(z)) = a . z: the D term is (a . dz)^2, E = 0.05^2 |a|^2; G's is -mean (W dz)^2."""
    torch.manual_seed(0)
    weight = torch.randn(4, 3 * 2 * 2, dtype=torch.float64)
    gen = lambda z: (z @ weight).reshape(-1, 3, 2, 2)
    b = torch.randn(12, dtype=torch.float64)
    z = torch.randn(20000, 4, dtype=torch.float64)
    c = context(lambda x: x.flatten(1) @ b, gen=gen, z=z)
    value = consistency.zcr(c)
    assert value.shape == (20000,)
    assert torch.allclose(value.mean(), 0.0025 * (weight @ b).square().sum(), rtol=0.05)
    dz = 0.05 * torch.randn(z.shape, dtype=z.dtype, generator=drawn(sum(map(ord, "zcr"))))
    assert torch.allclose(value, (dz @ weight @ b).square(), atol=1e-12)
    g = GContext(c.trainer, gen(z), z)
    dz = 0.05 * torch.randn(z.shape, dtype=z.dtype, generator=drawn(sum(map(ord, "zcr gen"))))
    assert torch.allclose(consistency.zcr_g(g), -(dz @ weight).square().mean(1), atol=1e-12)


def test_adain_takes_over_means_and_deviations():
    h, style = images(seed=3) * 3 + 1, images(seed=4) / 2 - 2
    found = adain(h, style, eps=0)
    for power in (1, 2):
        assert torch.allclose((found**power).mean((2, 3)), (style**power).mean((2, 3)))
    assert torch.allclose(adain(h, h), h)
    assert adain(torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), 3.0)).item() == 3.0


@pytest.mark.parametrize("bias", (False, True))
def test_fsmr_is_the_formula_and_its_hooks_go(bias):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, 3, padding=1, bias=bias).double()
    last = nn.Conv2d(5, 2, 3, bias=bias).double()
    net = nn.Sequential(conv, nn.LeakyReLU(0.2), last)
    disc = lambda x: net(x).sum((1, 2, 3))
    c = context(disc, net=net)
    found = consistency.fsmr(c)
    draw = drawn(sum(map(ord, "fsmr")))
    partner, a = torch.randperm(N, generator=draw), torch.rand((), generator=draw)

    def mixed(h, b):
        """The paper's place: before the bias."""
        h = h if b is None else h - b[:, None, None]
        m, s = h.mean((2, 3), keepdim=True), (h.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        h = a * h + (1 - a) * (s[partner] * (h - m) / s + m[partner])
        return h if b is None else h + b[:, None, None]

    h = nn.functional.leaky_relu(mixed(conv(c.real), conv.bias), 0.2)
    expected = (disc(c.real) - mixed(last(h), last.bias).sum((1, 2, 3))).square()
    assert torch.allclose(found, expected, atol=1e-10)
    assert not conv._forward_hooks and not last._forward_hooks
    assert torch.autograd.grad(found.sum(), conv.weight)[0].abs().sum() > 0


def test_a_share_of_one_mixes_nothing_and_a_fault_leaves_no_hooks():
    net, x = nn.Conv2d(3, 2, 3).double(), images()
    with mixing_statistics(net, torch.randperm(N), torch.tensor(1.0)):
        assert torch.allclose(net(x), nn.functional.conv2d(x, net.weight, net.bias))
    with pytest.raises(RuntimeError), mixing_statistics(net, torch.arange(N), torch.tensor(0.5)):
        net(x[:, :1])
    assert not net._forward_hooks
