"""DCGAN and the networks of the semi-supervised experiments."""

import pytest
import torch
from torch import nn

from networks import dcgan, dcgan_cifar10, semi_cifar10, semi_mnist
from networks.layers import VirtualBatchNorm
from networks.minibatch import MinibatchDiscrimination


def shapes(disc, x):
    return [tuple(disc(x, stop=k).shape[1:]) for k in range(1, disc.layers)]


@pytest.mark.parametrize(
    "size, hidden",
    (
        (28, [(4, 14, 14), (8, 7, 7)]),
        (32, [(4, 16, 16), (8, 8, 8), (16, 4, 4)]),
        (64, [(4, 32, 32), (8, 16, 16), (16, 8, 8), (32, 4, 4)]),
        (128, [(4, 64, 64), (8, 32, 32), (16, 16, 16), (32, 8, 8), (64, 4, 4)]),
    ),
)
def test_layer_table(size, hidden):
    nets = dcgan.get_network((3, size, size), 0, 10, width=4)
    x = nets["gen"](torch.randn(2, 10))
    assert x.shape == (2, 3, size, size) and shapes(nets["disc"], x) == hidden
    widths = [m.out_channels for m in nets["gen"].modules() if isinstance(m, nn.ConvTranspose2d)]
    assert widths == [h[0] for h in hidden[-2::-1]] + [3]


def test_paper_widths_and_initialisation():
    """64x64: G 1024-512-256-128, D mirrored; all weights N(0, 0.02^2), scales of norms N(1, 0.02^2)."""
    torch.manual_seed(0)
    nets = dcgan.get_network((3, 64, 64), 0, 100)
    assert [m.in_channels for m in nets["gen"].modules() if isinstance(m, nn.ConvTranspose2d)] == [
        1024,
        512,
        256,
        128,
    ]
    assert [m.out_channels for m in nets["disc"].modules() if isinstance(m, nn.Conv2d)] == [
        128,
        256,
        512,
        1024,
    ]
    for net in nets.values():
        for m in net.modules():
            if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                assert abs(m.weight.std() / 0.02 - 1) < 0.03 and (m.bias is None or not m.bias.any())
            elif isinstance(m, nn.BatchNorm2d):
                assert abs(m.weight.mean() - 1) < 0.01 and 0.01 < m.weight.std() < 0.03 and not m.bias.any()
    # none in G's output layer and D's input layer
    assert not any(isinstance(m, nn.BatchNorm2d) for m in nets["disc"].stages[0].modules()) and isinstance(
        nets["gen"].maps[-2], nn.ConvTranspose2d
    )


def test_options():
    def build(**options):
        return dcgan.get_network((1, 32, 32), 0, 5, **{"width": 8} | options)

    x = torch.rand(4, 1, 32, 32)
    assert sum(isinstance(m, VirtualBatchNorm) for m in build(norm="vbn")["gen"].modules()) == 3
    assert not any(isinstance(m, nn.BatchNorm2d) for m in build(norm=None, disc_norm=None)["gen"].modules())
    for norm, groups in (("instance", 16), ("layer", 1)):
        found = [m for m in build(disc_norm=norm)["disc"].modules() if isinstance(m, nn.GroupNorm)]
        assert found[0].num_groups == groups
    assert build(depth=4)["disc"].layers == 5 and build(depth=4)["disc"](x).shape == (4,)
    assert [m.out_channels for m in build(max_width=16)["disc"].modules() if isinstance(m, nn.Conv2d)] == [
        8,
        16,
        16,
    ]
    assert [m.out_channels for m in build(max_width=4)["disc"].modules() if isinstance(m, nn.Conv2d)] == [
        4,
        4,
        4,
    ]
    assert build(max_width=4)["gen"](torch.randn(2, 5)).shape == (2, 1, 32, 32)
    for form, width in (("paper", 10), ("cifar", 10), ("imagenet", 20)):
        disc = build(minibatch_disc="10x5", minibatch_form=form)["disc"]
        assert disc.layers == 4 and disc.stages[3][2].in_features == 32 * 16 + width and disc(x).shape == (4,)
    assert build(minibatch_disc="10x5", minibatch_self=False)["disc"].stages[3][1].include_self is False
    assert all(
        hasattr(m, "parametrizations")
        for m in build(spec_norm=True)["disc"].modules()
        if isinstance(m, (nn.Conv2d, nn.Linear))
    )
    with pytest.raises(ValueError, match="minibatch_disc='ten'"):
        build(minibatch_disc="ten")
    with pytest.raises(ValueError, match="references=0"):
        build(norm="vbn", references=0)


def test_minibatch_discrimination_sees_the_batch():
    torch.manual_seed(0)
    x = torch.rand(6, 1, 32, 32)
    for options, alone in (({}, True), ({"minibatch_disc": "10x5"}, False)):
        disc = dcgan.get_network((1, 32, 32), 0, 5, width=8, disc_norm=None, **options)["disc"]
        disc.prepare(x)
        assert torch.allclose(disc(x)[:2], disc(x[:2]), atol=1e-6) == alone


def counts(net):
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def test_semi_mnist_is_the_table():
    torch.manual_seed(0)
    nets = semi_mnist.get_network((1, 28, 28), 10, 100)
    gen, disc = nets["gen"], nets["disc"]
    units = [784, 1000, 500, 250, 250, 250]
    # directions and biases, no scales; the last with its scale
    assert counts(disc) == sum(a * b + b for a, b in zip(units, units[1:])) + 250 * 10 + 10 + 10
    # shifts of batch norm, no scales; the last with scale and bias
    assert counts(gen) == 100 * 500 + 500 + 500 * 500 + 500 + 500 * 784 + 784 + 784
    x = torch.rand(200, 1, 28, 28) * 2 - 1
    disc.prepare(x)
    assert disc(x).shape == (200, 10) and shapes(disc, x) == [(u,) for u in units[1:]]
    # noise in training only
    assert not torch.equal(disc(x), disc(x)) and torch.equal(disc.eval()(x), disc(x))
    fake = gen(torch.rand(5, 100) * 2 - 1)
    assert fake.shape == (5, 1, 28, 28) and fake.abs().max() < 1
    assert abs(disc.train()(x, stop=1).square().mean() - 0.5) < 0.1  # unit variance before the ReLU


def test_semi_cifar10_is_the_table():
    torch.manual_seed(0)
    nets = semi_cifar10.get_network((3, 32, 32), 10, 100)

    def conv(a, b, k=3):
        return a * b * k * k + b

    assert (
        counts(nets["disc"])
        == conv(3, 96)
        + 2 * conv(96, 96)
        + conv(96, 192)
        + 3 * conv(192, 192)
        + 2 * conv(192, 192, 1)
        + 1920
        + 20
    )
    # train_cifar_feature_matching.py: a shift for each of the 8,192 units, then for each map
    assert counts(nets["gen"]) == 100 * 8192 + 8192 + 25 * (512 * 256 + 256 * 128 + 128 * 3) + 256 + 128 + 6
    x = torch.rand(4, 3, 32, 32)
    small = semi_cifar10.get_network(
        (3, 32, 32), 10, 5, width=8, gen_width=4, perturb="noise", minibatch_disc="10x5"
    )
    assert shapes(small["disc"], x) == [(8, 16, 16), (16, 8, 8), (16,)] and small["disc"](x).shape == (4, 10)
    assert isinstance(small["disc"].stages[3][0], MinibatchDiscrimination)
    small["gen"].prepare(lambda n: torch.randn(n, 5))
    small["disc"].prepare(x)
    assert small["gen"](torch.randn(2, 5)).shape == (2, 3, 32, 32)
    assert abs(nets["gen"].maps[-2].parametrizations.weight[0].std - 0.1) < 1e-9


def normalised(h, dims):
    """h with mean 0 and variance 1 over dims, as in openai/improved-gan's nn.py (epsilon 1e-6)."""
    centred = h - h.mean(dims, keepdim=True)
    return centred / (centred.square().mean(dims, keepdim=True) + 1e-6).sqrt()


def test_semi_cifar10_normalises_each_unit_of_the_dense_layer():
    """The generator of train_cifar_feature_matching.py in float64, layer by layer."""
    torch.manual_seed(0)
    gen = semi_cifar10.get_network((3, 32, 32), 10, 6, gen_width=4)["gen"].double()
    z = torch.rand(9, 6, dtype=torch.float64) * 2 - 1
    for name, value in gen.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(value)
    dense, first = gen.dense[1], gen.dense[2]
    h = normalised(((z + 1) / 2) @ dense.weight.T, (0,)) + first.bias
    h = h.relu().view(9, 16, 4, 4)
    for up, norm in ((gen.maps[0], gen.maps[1]), (gen.maps[3], gen.maps[4])):
        h = torch.nn.functional.conv_transpose2d(h, up.weight, None, 2, 2, 1)
        h = (normalised(h, (0, 2, 3)) + norm.bias.view(1, -1, 1, 1)).relu()
    last = gen.maps[6]
    v, scale = last.parametrizations.weight.original, last.parametrizations.weight[0].scale
    weight = v * scale.view(1, -1, 1, 1) / v.square().sum((0, 2, 3), keepdim=True).sqrt()
    expected = torch.nn.functional.conv_transpose2d(h, weight, last.bias, 2, 2, 1).tanh()
    assert torch.allclose(gen(z), expected, rtol=1e-9, atol=1e-12)


def test_semi_cifar10_with_virtual_batch_norm_judges_each_example_by_itself():
    torch.manual_seed(0)
    options = {"gen_width": 4, "norm": "vbn", "references": 7}
    gen = semi_cifar10.get_network((3, 32, 32), 10, 5, **options)["gen"]
    gen.prepare(lambda n: torch.rand(n, 5) * 2 - 1)
    z = torch.rand(6, 5) * 2 - 1
    assert gen.reference.shape == (7, 5) and gen.reference.abs().max() <= 1
    assert torch.allclose(gen(z)[:2], gen(z[:2]), atol=1e-5)
    assert not any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in gen.modules())
    assert sum(isinstance(m, VirtualBatchNorm) for m in gen.modules()) == 3
    with pytest.raises(ValueError, match="references"):
        semi_cifar10.get_network((3, 32, 32), 10, 5, references=7)


def test_semi_cifar10_without_labels_gives_one_logit():
    nets = semi_cifar10.get_network(
        (3, 32, 32), 0, 5, width=8, gen_width=4, minibatch_disc="4x2", labels=False
    )
    x = torch.rand(4, 3, 32, 32)
    nets["disc"].prepare(x)
    assert nets["disc"](x).shape == (4,)


def conv(a, b, k, norm=False):
    return a * b * k * k + (2 * b if norm else 0)


def test_dcgans_of_the_published_fids_have_their_numbers_of_parameters():
    """pytorch-gan-collections' and mimicry's (dcgan_cifar.py), counted by their own code."""
    with torch.device("meta"):
        nets = dcgan_cifar10.get_network((3, 32, 32), 0, 100)
        residual = dcgan_cifar10.get_network((3, 32, 32), 0, 128, variant="mimicry")
    gen = (
        conv(100, 1024, 2, True)
        + conv(1024, 512, 4, True)
        + conv(512, 256, 4, True)
        + conv(256, 128, 4, True)
    )
    assert counts(nets["gen"]) == gen + conv(128, 3, 4)
    disc = conv(3, 64, 5) + conv(64, 128, 5, True) + conv(128, 256, 5, True) + conv(256, 512, 5, True)
    assert counts(nets["disc"]) == disc + 2048 + 1
    assert (counts(residual["gen"]), counts(residual["disc"])) == (4_276_739, 1_053_825)


@pytest.mark.parametrize("variant", ("collections", "mimicry"))
def test_dcgans_of_the_published_fids(variant):
    torch.manual_seed(0)
    nets = dcgan_cifar10.get_network((3, 32, 32), 0, 5, variant=variant, width=4)
    x, disc = nets["gen"](torch.randn(3, 5)), nets["disc"].eval()
    assert x.shape == (3, 3, 32, 32) and nets["gen"](99 * torch.randn(3, 5)).abs().max() <= 1
    for k in range(disc.layers):
        assert torch.equal(disc(disc(x, stop=k), start=k), disc(x))
    if variant == "collections":  # LeakyReLU, then batch norm
        kinds = [type(m).__name__ for m in disc.stages[1]]
        assert kinds == ["Conv2d", "LeakyReLU", "BatchNorm2d"]
    with pytest.raises(ValueError, match="variant"):
        dcgan_cifar10.get_network((3, 32, 32), 0, 5, variant="x")


@pytest.mark.parametrize("module", (semi_mnist, semi_cifar10))
def test_semi_networks_refuse_data_without_labels(module):
    with pytest.raises(ValueError, match="data without labels"):
        module.get_network((3, 32, 32), 0, 5)
    with pytest.raises(ValueError, match="8x8|perturb"):
        semi_cifar10.get_network((3, 8, 8), 10, 5) if module is semi_cifar10 else semi_cifar10.get_network(
            (3, 32, 32), 10, 5, perturb="x"
        )
