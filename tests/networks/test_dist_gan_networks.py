"""The networks of Dist-GAN, SSGAN and MS-GAN: shapes, Phi, heads, ranges, initialisation, refusals."""

import importlib

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from networks import dist_gan_dcgan, dist_gan_mlp, dist_gan_resnet, ssgan, ssgan48, stacked_mnist
from networks.layers import ScaledSigmoid, SpectralNorm

# file, shape of the data, z_dim, options, Phi's size at the published widths, and a narrow width
SETS = [
    ("dist_gan_resnet", (3, 32, 32), 128, {"classes": 5}, 8192, 8),
    ("dist_gan_resnet", (3, 48, 48), 128, {"classes": 4}, 9216, 4),
    ("dist_gan_resnet", (3, 32, 32), 128, {"down": "pool"}, 8192, 8),
    ("dist_gan_resnet", (3, 32, 32), 128, {"port": True, "classes": 5}, 8192, 8),
    ("dist_gan_sncnn", (3, 32, 32), 128, {"classes": 5}, 8192, 4),
    ("dist_gan_sncnn", (3, 32, 32), 128, {"encoder": "mirror", "slope": 0.1}, 8192, 4),
    ("dist_gan_sncnn", (3, 48, 48), 128, {"classes": 4, "spec_norm": True}, 18432, 4),
    ("dist_gan_dcgan", (3, 32, 32), 128, {"classes": 5}, 2048, 8),
    ("dist_gan_dcgan", (1, 28, 28), 100, {"classes": 4, "norm": None}, 4096, 8),
    ("dist_gan_dcgan", (1, 28, 28), 100, {"resize": "dense"}, 4096, 2),
    ("dist_gan_dcgan", (3, 48, 48), 128, {}, None, 4),
    ("dist_gan_dcgan", (3, 64, 64), 100, {"classes": 5}, None, 4),
    ("stacked_mnist", (3, 28, 28), 256, {"classes": 5}, 128, None),
    ("stacked_mnist", (3, 28, 28), 256, {"k": 2}, 256, None),
    ("stacked_mnist", (3, 28, 28), 256, {"k": 1, "classes": 4}, 512, None),
    ("ssgan", (3, 32, 32), 128, {}, None, 8),
    ("ssgan", (3, 32, 32), 128, {"upsample": "bilinear", "relu_shortcut": True}, None, 8),
    ("ssgan48", (3, 48, 48), 128, {}, None, 2),
    ("ssgan48", (3, 48, 48), 128, {"classes": 0, "gen_width": 3, "upsample": "nearest"}, None, 2),
    ("dist_gan_mlp", (1, 1, 2), 2, {"gen_out": "sigmoid"}, 128, 8),
    ("dist_gan_mlp", (1, 1, 1), 1, {"variational": True, "discs": 2, "layers": 1}, 128, 4),
]
IDS = [f"{name} {shape[1]} {options}" for name, shape, _, options, _, _ in SETS]


def build(name, shape, z_dim, options, width):
    torch.manual_seed(0)
    options = options | ({"width": width} if width else {})
    return importlib.import_module(f"networks.{name}").get_network(
        data_shape=shape, z_dim=z_dim, **({} if name == "dist_gan_mlp" else {"n_classes": 0}), **options
    )


@pytest.mark.parametrize("name, shape, z_dim, options, m, width", SETS, ids=IDS)
def test_shapes_stages_and_heads(name, shape, z_dim, options, m, width):
    nets = build(name, shape, z_dim, options, width)
    x, z = torch.rand(3, *shape) * 2 - 1, torch.randn(3, z_dim)
    fake = nets["gen"](z)
    assert fake.shape == x.shape and not torch.equal(fake[0], fake[1])
    if name != "dist_gan_mlp":
        assert nets["gen"](50 * z).abs().max() <= 1
    if "enc" in nets:
        assert nets["enc"](x).shape == (3, z_dim * (2 if options.get("variational") else 1))
    disc = nets["disc"].eval()
    logits = disc(x)
    assert logits.shape == (3,)
    for k in range(disc.layers):
        assert torch.equal(disc(disc(x, stop=k), start=k), logits)
    classes = options.get("classes", 4 if name.startswith("ssgan") else 0)
    if name == "dist_gan_mlp":
        return
    h = disc(x, stop=disc.layers - 1)
    assert disc.classes == classes and torch.equal(disc.features(x), h.flatten(1))
    if classes:
        assert disc.rotation(x).shape == (3, classes) and torch.equal(
            disc.rotation(h, start=disc.layers - 1), disc.rotation(x)
        )
    else:
        with pytest.raises(ValueError, match="classes=0"):
            disc.rotation(x)


@pytest.mark.parametrize(
    "name, shape, z_dim, options, m, width",
    [s for s in SETS if s[4]],
    ids=[i for i, s in zip(IDS, SETS) if s[4]],
)
def test_phi_has_the_published_size(name, shape, z_dim, options, m, width):
    with torch.device("meta"):  # sizes alone: nothing is computed
        disc = build(
            name, shape, z_dim, {key: value for key, value in options.items() if key != "spec_norm"}, None
        )["disc"]
        h = disc(torch.empty(2, *shape), stop=disc.layers - 1)
    assert h.flatten(1).shape == (2, m)


@pytest.mark.parametrize("name, shape, z_dim, options, m, width", SETS, ids=IDS)
def test_every_parameter_has_a_gradient(name, shape, z_dim, options, m, width):
    nets = build(name, shape, z_dim, options, width)
    for net in nets.values():
        for part in net.modules():
            if hasattr(part, "refresh"):
                part.refresh()
    x = torch.rand(4, *shape) * 2 - 1
    loss = nets["gen"](torch.randn(4, z_dim)).square().sum() + nets["disc"](x).square().sum()
    loss = (
        loss
        + (nets["enc"](x).square().sum() if "enc" in nets else 0)
        + (nets["disc_recon"](x).sum() if "disc_recon" in nets else 0)
    )
    if getattr(nets["disc"], "classes", 0):
        loss = loss + nets["disc"].rotation(x).square().sum()
    named = {f"{role}.{key}": p for role, net in nets.items() for key, p in net.named_parameters()}
    for key, grad in zip(named, torch.autograd.grad(loss, list(named.values()))):
        assert grad.isfinite().all() and (grad.any() or named[key].ndim == 1), key


def test_sigmoid_is_that_of_the_original_on_another_scale():
    a = torch.linspace(-5, 5, 11, dtype=torch.float64)
    assert torch.allclose(ScaledSigmoid()(a), 2 * torch.sigmoid(a) - 1)


def test_weights_are_xavier_and_biases_zero():
    nets = dist_gan_resnet.get_network((3, 32, 32), 0, 16, width=16, classes=4)
    for net in nets.values():
        for layer in net.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                field = layer.weight[0, 0].numel()
                bound = (6 / (layer.weight.shape[0] * field + layer.weight.shape[1] * field)) ** 0.5
                assert 0.9 * bound < layer.weight.abs().max() <= bound or layer.weight.numel() < 50
                assert layer.bias is None or not layer.bias.any()


def test_halving_by_a_strided_1x1_convolution_reads_every_other_pixel():
    """The original's 3x3 convolution at stride 1, then 1x1 at stride 2, which drops three pixels of four."""
    block = dist_gan_resnet.disc_block(4, 6, True, False, "conv", True)
    x = torch.randn(2, 4, 8, 8)
    first, second, last = block.residual[1], block.residual[3], block.residual[4]
    h = F.conv2d(F.relu(x), first.weight, first.bias, padding=1)
    h = F.conv2d(F.relu(h), second.weight, second.bias, padding=1)
    h = F.conv2d(h, last.weight, last.bias, stride=2)
    _, skip, narrow = block.shortcut
    expected = h + F.conv2d(F.conv2d(x, skip.weight, skip.bias)[:, :, ::2, ::2], narrow.weight, narrow.bias)
    assert torch.allclose(block(x), expected, atol=1e-5)


def test_stacked_mnist_is_as_the_table_says():
    nets = stacked_mnist.get_network((3, 28, 28), 1000, 256)
    sizes, x = [], torch.zeros(1, 3, 28, 28)
    for stage in list(nets["disc"].stages)[:-1]:
        x = stage(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes == [(2, 14, 14), (4, 7, 7), (8, 4, 4)]
    kinds = [type(m).__name__ for m in nets["disc"].modules()]
    assert (
        "BatchNorm2d" not in kinds and sum(isinstance(m, nn.BatchNorm2d) for m in nets["gen"].modules()) == 3
    )


def test_the_toys_discriminator_and_generator_are_those_of_the_plain_gan():
    from networks import mlp

    torch.manual_seed(3)
    plain = mlp.get_network((1, 1, 2), 2, activation="relu", init="he", width=8)
    torch.manual_seed(3)
    ours = dist_gan_mlp.get_network((1, 1, 2), 2, width=8)
    for role in ("gen", "disc"):
        assert all(torch.equal(a, b) for a, b in zip(plain[role].parameters(), ours[role].parameters()))


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    "module, size, options, gen, disc",
    [
        (ssgan48, 48, {}, 4_878_083, 10_145_541),
        (ssgan48, 48, {"classes": 0}, 4_878_083, 10_141_441),
        (ssgan, 32, {"head_bias": True}, 4_276_739, 1_054_341),
        (ssgan, 32, {"head_bias": True, "classes": 0}, 4_276_739, 1_053_825),
    ],
)
def test_mimicrys_networks_have_its_numbers_of_parameters(module, size, options, gen, disc):
    """Counted by mimicry's own code: sngan_32.py, ssgan_32.py, sngan_48.py, ssgan_48.py."""
    with torch.device("meta"):
        options = options | ({"upsample": "bilinear", "relu_shortcut": True} if module is ssgan else {})
        nets = module.get_network((3, size, size), 0, 128, **options)
    assert (count(nets["gen"]), count(nets["disc"])) == (gen, disc)


def conv(a, b, k=3, bias=True):
    return a * b * k * k + (b if bias else 0)


def normed(a, b, k):
    """A layer without a bias, and its batch norm."""
    return conv(a, b, k, False) + 2 * b


SNCNN_ENC = (
    normed(64, 128, 5) + normed(128, 256, 5) + normed(256, 512, 5) + conv(3, 64, 5) + conv(2048, 128, 1)
)
MIRROR = conv(3, 128) + normed(128, 256, 4) + normed(256, 512, 4) + normed(512, 1024, 4)
SNCNN_GEN = normed(1024, 512, 4) + normed(512, 256, 4) + normed(256, 128, 4) + conv(128, 3)
MNIST_ENC = conv(1, 64, 5) + normed(64, 128, 5) + normed(128, 256, 5)
MNIST_GEN = (
    normed(100, 4096, 1) + normed(256, 128, 5) + conv(8192, 6272, 1) + normed(128, 64, 5) + conv(64, 1, 5)
)


@pytest.mark.parametrize(
    "name, shape, z_dim, options, gen, enc",
    [
        ("dist_gan_sncnn", (3, 32, 32), 128, {}, conv(128, 16 * 1024, 1) + SNCNN_GEN, SNCNN_ENC),
        (
            "dist_gan_sncnn",
            (3, 48, 48),
            128,
            {},
            conv(128, 36 * 1024, 1) + SNCNN_GEN,
            MIRROR + conv(36 * 1024, 128, 1),
        ),
        (
            "dist_gan_dcgan",
            (1, 28, 28),
            100,
            {"resize": "dense"},
            MNIST_GEN,
            MNIST_ENC + conv(4096, 100, 1),
        ),
        ("dist_gan_resnet", (3, 32, 32), 128, {"port": True}, 4_276_739, 4_273_025),
    ],
)
def test_generators_and_encoders_have_the_authors_numbers_of_parameters(
    name, shape, z_dim, options, gen, enc
):
    """Counted from the source of tntrung/msgan, msdistgan.py's create_encoder; the port's by its own code."""
    with torch.device("meta"):
        nets = build(name, shape, z_dim, options, None)
    assert (count(nets["gen"]), count(nets["enc"])) == (gen, enc)


def test_the_ports_encoder_has_one_slope_and_its_discriminator_no_bias_at_the_end():
    nets = build("dist_gan_resnet", (3, 32, 32), 8, {"port": True, "classes": 5}, 4)
    assert sum(isinstance(m, nn.PReLU) for m in nets["enc"].modules()) == 1
    assert nets["disc"].head.bias is None and nets["disc"].stages[-1][1].bias is None
    assert any(isinstance(m, nn.AvgPool2d) for m in nets["disc"].modules())
    x = torch.rand(2, 3, 32, 32)
    nets["enc"](x).sum().backward()
    (slope,) = [m.weight for m in nets["enc"].modules() if isinstance(m, nn.PReLU)]
    assert slope.item() == pytest.approx(0.2) and slope.grad.item() != 0


def test_mnists_generator_has_a_dense_layer_from_8x8_to_7x7():
    """generator_dcgan_mnist of tntrung/msgan in float64."""
    gen = build("dist_gan_dcgan", (1, 28, 28), 5, {"resize": "dense"}, 2)["gen"].double()
    z = torch.randn(6, 5, dtype=torch.float64)
    layers = [m for m in gen.modules() if isinstance(m, (nn.Linear, nn.ConvTranspose2d))]
    norms = [m for m in gen.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]

    def up(h, layer):
        return F.conv_transpose2d(h, layer.weight, layer.bias, 2, 2, 1)

    h = norms[0](z @ layers[0].weight.T).relu().view(6, 8, 4, 4)
    h = norms[1](up(h, layers[1])).relu()
    h = (h.flatten(1) @ layers[2].weight.T + layers[2].bias).relu().view(6, 4, 7, 7)
    h = up(norms[2](up(h, layers[3])).relu(), layers[4])
    assert torch.allclose(gen(z), 2 * h.sigmoid() - 1, rtol=1e-9)


def test_the_slope_of_the_older_code_is_in_the_discriminator_alone():
    nets = build("dist_gan_sncnn", (3, 32, 32), 8, {"slope": 0.1}, 2)
    slopes = {
        r: {m.negative_slope for m in n.modules() if isinstance(m, nn.LeakyReLU)} for r, n in nets.items()
    }
    assert slopes == {"gen": set(), "enc": {0.2}, "disc": {0.1}}


def sigma_free(layer):
    """The layer's normalised weight, from its u and v."""
    norm, weight = layer.parametrizations.weight[0], layer.parametrizations.weight.original
    assert isinstance(norm, SpectralNorm)
    return weight / (norm.u @ weight.flatten(1) @ norm.v)


@pytest.mark.parametrize("name", ("ssgan", "ssgan48"))
def test_mimicrys_discriminator_in_float64(name):
    """Its ReLU works in place: from the second block on both branches read max(x, 0). Chen et al.'s head."""
    options = {"relu_shortcut": True, "head_bias": True} if name == "ssgan" else {}
    size = 32 if name == "ssgan" else 48
    disc = build(name, (3, size, size), 8, options, 4)["disc"].double().eval()
    x = h = torch.rand(2, 3, size, size, dtype=torch.float64) * 2 - 1
    blocks = list(disc.stages)[:-2]
    for i, block in enumerate(blocks):
        convs = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
        a, b, *skip = [(sigma_free(c), c.bias) for c in convs]
        h = h.relu() if i else h
        y = F.conv2d(F.conv2d(h, *a, padding=1).relu(), *b, padding=1)
        h = F.conv2d(h, *skip[0]) if skip else h
        if i < (2 if name == "ssgan" else 4):
            y, h = F.avg_pool2d(y, 2), F.avg_pool2d(h, 2)
        h = y + h
    phi = h.relu().sum((2, 3))
    assert torch.allclose(disc.features(x), phi, rtol=1e-9)
    last = disc.stages[-1][0]
    assert torch.allclose(disc(x), (phi @ sigma_free(last).T + last.bias)[:, 0], rtol=1e-8)
    assert torch.allclose(disc.rotation(x), phi @ sigma_free(disc.head).T + disc.head.bias, rtol=1e-8)


@pytest.mark.parametrize("name", ("ssgan", "ssgan48"))
def test_mimicrys_generator_doubles_bilinearly(name):
    size, options = (32, {"upsample": "bilinear"}) if name == "ssgan" else (48, {})
    gen = build(name, (3, size, size), 8, options, 4)["gen"].double()
    z = torch.randn(3, 8, dtype=torch.float64)
    h = gen.dense(z).view(3, -1, size // 8, size // 8)

    def double(h):
        return F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=False)

    for block in list(gen.maps)[:3]:
        first, second = [m for m in block.residual.modules() if isinstance(m, nn.Conv2d)]
        skip = block.shortcut[0]
        y = F.conv2d(double(block.residual[0](h).relu()), first.weight, first.bias, padding=1)
        y = F.conv2d(block.residual[3](y).relu(), second.weight, second.bias, padding=1)
        h = y + F.conv2d(double(h), skip.weight, skip.bias)
    assert torch.allclose(gen(z), gen.maps[3:](h), rtol=1e-9)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: stacked_mnist.get_network((3, 32, 32), 0, 8), "28x28"),
        (lambda: stacked_mnist.get_network((3, 28, 28), 0, 8, k=3), "k=3"),
        (lambda: dist_gan_dcgan.get_network((3, 8, 8), 0, 8), "at least 16"),
        (lambda: ssgan48.get_network((3, 40, 40), 0, 8), "multiples of 16"),
        (lambda: dist_gan_dcgan.get_network((3, 32, 32), 0, 8, norm="layer"), "norm='layer'"),
        (lambda: dist_gan_resnet.get_network((3, 36, 36), 0, 8), "multiples of 8"),
        (lambda: dist_gan_resnet.get_network((3, 32, 32), 0, 8, width=4, classes="5"), "classes='5'"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
