"""WGAN-GP's networks: resampling by rearranged channels, the layer tables, and no batch norm in a critic."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from networks import wgan_gp
from networks.wgan_gp import DownsampleConv, UpsampleConv, depth_to_space, space_to_depth

VARIANTS = ("homework", "seed", "paper")


def build(variant, **options):
    torch.manual_seed(0)
    return wgan_gp.get_network((3, 32, 32), 10, 16, **({"variant": variant, "width": 8} | options))


def test_the_rearrangements_are_inverse_and_place_each_channel():
    x = torch.arange(2 * 12 * 3 * 5.0).reshape(2, 12, 3, 5)
    y = depth_to_space(x)
    assert y.shape == (2, 3, 6, 10) and y.is_contiguous(memory_format=torch.channels_last)
    for o in range(4):
        assert torch.equal(y[:, :, o // 2 :: 2, o % 2 :: 2], x[:, 3 * o : 3 * o + 3])
    assert torch.equal(space_to_depth(y), x) and torch.equal(depth_to_space(space_to_depth(y)), y)


@pytest.mark.parametrize("kernel", (1, 3))
@pytest.mark.parametrize("fold", (True, False))
def test_resampling_convolutions_are_nearest_and_mean(kernel, fold):
    torch.manual_seed(0)
    x = torch.randn(2, 5, 6, 8).double()
    up, down = UpsampleConv(5, 4, kernel, fold).double(), DownsampleConv(5, 4, kernel, fold).double()
    for layer, resampled in (
        (up, F.interpolate(x, scale_factor=2, mode="nearest")),
        (down, F.avg_pool2d(x, 2)),
    ):
        expected = F.conv2d(resampled, layer.weight, layer.bias, padding=kernel // 2)
        assert torch.allclose(layer(x), expected, atol=1e-12, rtol=0)
    with pytest.raises(ValueError, match="kernel=5: must be one of 1, 3"):
        UpsampleConv(5, 4, 5)


def plain(conv, x):
    return F.conv2d(x, conv.weight, conv.bias, padding=conv.padding)


def test_homework_is_its_table():
    """Both networks layer by layer in float64, by plain convolutions, interpolate and avg_pool2d."""
    nets = build("homework")
    gen, disc = nets["gen"].double().eval(), nets["disc"].double()
    z, x = torch.randn(3, 16).double(), torch.randn(3, 3, 32, 32).double()
    h = gen.dense(z).reshape(3, 16, 4, 4)
    for block in gen.maps[:3]:
        norm1, _, conv1, norm2, _, conv2 = block.residual
        r = plain(conv1, norm1(h).relu())
        h = plain(conv2, F.interpolate(norm2(r).relu(), scale_factor=2)) + plain(
            block.shortcut, F.interpolate(h, scale_factor=2)
        )
    assert torch.allclose(gen(z), plain(gen.maps[5], gen.maps[3](h).relu()).tanh(), atol=1e-10)
    h = x
    for k, block in enumerate(disc.stages[:4]):
        pool = (lambda t: F.avg_pool2d(t, 2)) if k < 2 else (lambda t: t)
        r = plain(block.residual[3], pool(plain(block.residual[1], h.relu()).relu()))
        h = r + (plain(block.shortcut, pool(h)) if k < 2 else h)
    logits = disc.stages[5][0](h.relu().sum((2, 3))).flatten()
    assert h.shape == (3, 8, 8, 8) and torch.allclose(disc(x), logits, atol=1e-10)


def test_seed_critic_is_its_table():
    disc, x = build("seed")["disc"].double(), torch.randn(3, 3, 32, 32).double()
    h = plain(disc.stages[0][0], x).relu()
    for block in disc.stages[1:4]:
        h = plain(block.residual[3], F.avg_pool2d(plain(block.residual[1], h).relu(), 2)) + plain(
            block.shortcut, F.avg_pool2d(h, 2)
        )
    assert h.shape == (3, 8, 4, 4) and torch.allclose(
        disc(x), disc.stages[5][0](h.mean((2, 3))).flatten(), atol=1e-10
    )


def test_papers_critic_and_its_initial_weights():
    nets = build("paper", width=32)
    disc, x = nets["disc"].double(), torch.randn(2, 3, 32, 32).double()
    first, down, same = disc.stages[0], disc.stages[1], disc.stages[2]
    h = F.avg_pool2d(plain(first.residual[2], plain(first.residual[0], x).relu()), 2) + plain(
        first.shortcut[1], F.avg_pool2d(x, 2)
    )
    h = F.avg_pool2d(plain(down.residual[3], plain(down.residual[1], h.relu()).relu()), 2) + plain(
        down.shortcut[1], F.avg_pool2d(h, 2)
    )
    for block in disc.stages[2:4]:
        h = plain(block.residual[3], plain(block.residual[1], h.relu()).relu()) + h
    assert torch.allclose(disc(x), disc.stages[5][0](h.relu().mean((2, 3))).flatten(), atol=1e-10)
    for conv, gain in (
        (same.residual[1], 2**0.5),
        (down.shortcut[1], 1),
        (nets["gen"].maps[5], 1),
        (nets["gen"].maps[0].residual[2], 2**0.5),
    ):
        inside = conv.kernel_size[0] * conv.kernel_size[1]
        bound = gain * (6 / ((conv.in_channels + conv.out_channels) * inside)) ** 0.5
        assert 0.9 * bound < conv.weight.abs().max() <= bound * (1 + 1e-6) and not conv.bias.any()
    assert (
        nets["gen"].maps[0].residual[2].resample == "up" and nets["gen"].maps[0].residual[5].resample is None
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_critic_has_batch_norm_and_its_gradient_is_each_examples_own(variant):
    disc = build(variant)["disc"].double()
    assert not any(isinstance(m, nn.modules.batchnorm._NormBase) for m in disc.modules())
    x = torch.randn(3, 3, 32, 32).double().requires_grad_()
    jacobian = [torch.autograd.grad(logit, x, retain_graph=True)[0] for logit in disc(x)]
    for i, gradient in enumerate(jacobian):
        others = [j for j in range(3) if j != i]
        assert gradient[i].any() and not gradient[others].any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_folding_changes_nothing_but_rounding(variant):
    folded, unfolded = build(variant), build(variant, fold=False)
    for role, value in (("gen", torch.randn(3, 16)), ("disc", torch.randn(3, 3, 32, 32))):
        assert all(
            torch.equal(a, b)
            for a, b in zip(folded[role].state_dict().values(), unfolded[role].state_dict().values())
        )
        a, b = (nets[role].double().eval()(value.double()) for nets in (folded, unfolded))
        assert (a - b).abs().max() < 1e-11 * max(1, b.abs().max())


def test_pooling_and_refusals():
    x = torch.randn(2, 3, 32, 32)
    mean, total = (build("homework", pool=pool)["disc"](x, stop=5) for pool in ("mean", "sum"))
    assert torch.allclose(total, 64 * mean, rtol=1e-4, atol=1e-4)
    assert torch.equal(build("homework")["disc"](x, stop=5), total)
    for options, said in (
        ({"variant": "dcgan"}, "variant='dcgan'.*'homework', 'seed', 'paper'"),
        ({"pool": "max"}, "pool='max'"),
    ):
        with pytest.raises(ValueError, match=said):
            build(**({"variant": "homework"} | options))
    with pytest.raises(ValueError, match="28x28"):
        wgan_gp.get_network((1, 28, 28), 0, 16)
