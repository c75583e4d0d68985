"""Every network file: shapes, stages, counts of parameters, layout, gradients, restoring, refused options."""

import copy
import glob
import importlib
import inspect
import os

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from networks import (
    layers,
    model_resnet,
    model_resnet_bnd,
    model_resnet_ppresnet,
    model_resnet_specnorm,
    resnet,
    sngan,
)

FOLDER = os.path.dirname(layers.__file__)
FILES = sorted(os.path.basename(f)[:-3] for f in glob.glob(f"{FOLDER}/*.py"))
# files with other roles, or that are not of images alone, have tests of their own
OTHERS = {
    "__init__",
    "layers",
    "cyclegan",
    "cyclegan_mnist",
    "mlp",
    "autoencoder32",
    "dsprites",
    "bigan_mnist",
    "minibatch",
    "semi_mnist",
    "semi_cifar10",
    "dist_gan",
    "dist_gan_resnet",
    "dist_gan_sncnn",
    "dist_gan_dcgan",
    "dist_gan_mlp",
    "stacked_mnist",
    "ssgan",
    "ssgan48",
    "pacgan_mnist",
    "dcgan_cifar10",
    "r3gan",
    "conditional",
    "infomax",
    "unet",
}
FILES = [f for f in FILES if f not in OTHERS]
SHAPES = {"mnist": (1, 28, 28), "models_64x64": (3, 64, 64), "small": (1, 8, 8)}  # the others: 3x32x32
NARROW = {"sngan": {"width": 8, "gen_width": 12}, "mnist": {"width": 8, "dense_width": 32}}
SPECTRAL = [f for f in FILES if "specnorm" in f or f in ("sngan", "small")]
Z_DIM = 6


def shape_of(name):
    return SHAPES.get(name, (3, 32, 32))


def build(name, seed=0, **options):
    """A narrow instance of the network file `name`."""
    torch.manual_seed(seed)
    options = NARROW.get(name, {"width": 8}) | options
    return importlib.import_module(f"networks.{name}").get_network(shape_of(name), 0, Z_DIM, **options)


def images(name, n=3):
    return torch.rand(n, *shape_of(name)) * 2 - 1


def refresh(net):
    for module in net.modules():
        if hasattr(module, "refresh"):
            module.refresh()


def test_all_files_of_the_list_are_there():
    assert set(FILES) == {
        "resnet",
        "model_resnet",
        "model_resnet_specnorm",
        "model_resnet_specnorm_nosigm",
        "model_resnet_nosigm",
        "model_resnet_old",
        "model_resnet_old_specnorm",
        "model_resnet_preproc",
        "model_resnet_specnorm_preproc",
        "model_resnet_ppresnet",
        "model_resnet_bnd",
        "sngan",
        "dcgan",
        "wgan_gp",
        "models_64x64",
        "mnist",
        "small",
    }


@pytest.mark.parametrize("name", FILES)
def test_shapes_range_and_logits(name):
    nets = build(name)
    assert set(nets) == {"gen", "disc"}
    gen, disc = nets["gen"], nets["disc"]
    with torch.no_grad():
        fake = gen(torch.randn(5, Z_DIM))
        assert fake.shape == (5, *shape_of(name)) and fake.dtype == torch.float32
        assert fake.abs().max() <= 1 and not torch.equal(fake[0], fake[1])
        assert gen(50 * torch.randn(5, Z_DIM)).abs().max() <= 1
        last = []  # D returns what its last layer does: no sigmoid
        [m for m in disc.modules() if isinstance(m, (nn.Linear, nn.Conv2d))][-1].register_forward_hook(
            lambda module, inputs, output: last.append(output)
        )
        logits = disc(fake)
        assert logits.shape == (5,) and torch.equal(logits, last[0].flatten())
    assert any(isinstance(m, nn.Tanh) for m in gen.modules())


@pytest.mark.parametrize("name", FILES)
def test_stages_compose_bit_exactly(name):
    disc = build(name)["disc"].eval()
    x = images(name)
    with torch.no_grad():
        whole = disc(x)
        assert disc(x, stop=0) is x
        for k in range(disc.layers):
            h = disc(x, stop=k)
            assert len(h) == len(x) and torch.equal(disc(h, start=k), whole)
            for j in range(k):
                assert torch.equal(disc(disc(x, stop=j), start=j, stop=k), h)
            assert torch.equal(disc(x, stop=k), h)  # later stages did not overwrite h in place
        with pytest.raises(ValueError, match=f"stop={disc.layers}"):
            disc(x, stop=disc.layers)


@pytest.mark.parametrize(
    "name, hidden",
    [
        ("model_resnet", [(8, 16, 16), (8, 8, 8), (8, 8, 8), (8, 8, 8), (8,)]),
        ("model_resnet_old", [(8,)]),
        ("model_resnet_preproc", [(16, 32, 32)]),
        ("model_resnet_ppresnet", [(16, 32, 32)]),
        ("models_64x64", []),
        ("mnist", [(8, 14, 14), (16, 7, 7), (32,)]),
        ("dcgan", [(8, 16, 16), (16, 8, 8), (32, 4, 4)]),
        ("small", [(4, 4, 4), (8, 2, 2), (16,)]),
    ],
)
def test_hidden_states(name, hidden):
    disc = build(name)["disc"].eval()
    assert disc.layers == len(hidden) + 1
    assert [tuple(disc(images(name), stop=k)[0].shape) for k in range(1, disc.layers)] == hidden


@pytest.mark.parametrize("name", FILES)
def test_every_parameter_has_a_gradient(name):
    nets = build(name)
    disc = nets["disc"]
    refresh(disc)
    loss = disc(nets["gen"](torch.randn(4, Z_DIM))).sum() + disc(images(name, 4)).square().sum()
    for role, net in nets.items():
        named = dict(net.named_parameters())
        for key, grad in zip(named, torch.autograd.grad(loss, list(named.values()), retain_graph=True)):
            assert grad.isfinite().all(), f"{role}.{key}"
            # a bias before a batch norm: rounding only
            assert named[key].ndim == 1 or grad.any(), f"{role}.{key}"


@pytest.mark.parametrize("name", FILES)
def test_channels_last_is_kept_forward_and_backward(name):
    nets, lost = build(name), []

    def check(key, maps):
        if maps.ndim == 4 and maps.shape[1] > 1 and maps.shape[2] * maps.shape[3] > 1:
            checked.add(key)
            if not maps.is_contiguous(memory_format=torch.channels_last):
                lost.append(key)

    def watch(key):
        def hook(module, inputs, output):
            for side, maps in (("input", inputs[0]), ("output", output)):
                check((key, side), maps)
                if maps.requires_grad:
                    maps.register_hook(lambda grad, side=side: check((key, side, "gradient"), grad))

        return hook

    checked = set()
    for role, net in nets.items():
        net.to(memory_format=torch.channels_last)
        for key, module in net.named_modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                module.register_forward_hook(watch(f"{role}.{key}"))
    refresh(nets["disc"])
    x = images(name).to(memory_format=torch.channels_last)
    logits = nets["disc"](nets["gen"](torch.randn(4, Z_DIM))), nets["disc"](x)
    torch.cat(logits).sum().backward()
    assert not lost and len(checked) >= 8


@pytest.mark.parametrize("name", FILES)
def test_copies_and_restores_bit_exactly(name):
    nets, others = build(name, seed=0), build(name, seed=1)
    x, z = images(name), torch.randn(3, Z_DIM)
    optim = torch.optim.Adam([p for net in nets.values() for p in net.parameters()], lr=1e-3)
    for _ in range(2):
        refresh(nets["disc"])
        loss = nets["disc"](nets["gen"](z)).sum() - nets["disc"](x).sum()
        optim.zero_grad()
        loss.backward()
        copied = copy.deepcopy(nets)  # in mid-step, with gradients and live caches
        optim.step()
    assert any(not torch.equal(a, b) for a, b in zip(nets["disc"].parameters(), copied["disc"].parameters()))
    for role, net in nets.items():
        others[role].load_state_dict(net.state_dict())
        for key, tensor in others[role].state_dict().items():
            assert torch.equal(tensor, net.state_dict()[key]), key
    for mode in (False, True):
        for net in (*nets.values(), *others.values()):
            refresh(net.train(mode))
        fakes = nets["gen"](z), others["gen"](z)
        assert torch.equal(*fakes) and torch.equal(nets["disc"](x), others["disc"](x))
    for role, net in nets.items():
        assert all(
            torch.equal(a, b) for a, b in zip(net.state_dict().values(), others[role].state_dict().values())
        )


@pytest.mark.parametrize("name", FILES)
def test_seed_decides_the_initial_weights(name):
    a, b, c = (build(name, seed=s)["disc"].state_dict() for s in (0, 0, 1))
    assert all(torch.equal(a[key], b[key]) for key in a) and any(not torch.equal(a[key], c[key]) for key in a)


@pytest.mark.parametrize(
    "name",
    [
        f
        for f in FILES
        if "fold" in inspect.signature(importlib.import_module(f"networks.{f}").get_network).parameters
    ],
)
def test_folding_changes_nothing_but_rounding(name):
    folded, plain = build(name), build(name, fold=False)
    x, z = images(name).double(), torch.randn(3, Z_DIM).double()
    for role, value in (("gen", z), ("disc", x)):
        for a, b in zip(folded[role].state_dict().values(), plain[role].state_dict().values()):
            assert torch.equal(a, b)
        a, b = (net[role].double().eval()(value) for net in (folded, plain))
        assert (a - b).abs().max() < 1e-12 * max(1, b.abs().max())
    if name == "model_resnet_bnd":  # not folded in D, see disc_block
        assert not any(getattr(m, "resample", None) for m in folded["disc"].modules())


@pytest.mark.parametrize("name", SPECTRAL)
def test_every_layer_of_d_is_normalised(name):
    nets = build(name)
    found = [m for m in nets["disc"].modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert found and all(hasattr(m, "parametrizations") for m in found)
    assert not any(hasattr(m, "parametrizations") for m in nets["gen"].modules())
    disc = nets["disc"].eval()
    for m in found:  # at construction already
        assert 0.9 < torch.linalg.matrix_norm(m.weight.detach().flatten(1), 2) < 1.3
    x, y = images(name, 8), images(name, 8)
    assert disc(x).isfinite().all() and not torch.equal(disc(x), disc(y))


@pytest.mark.parametrize("name", [f for f in FILES if f not in SPECTRAL])
def test_the_others_are_not_normalised(name):
    assert not any(hasattr(m, "parametrizations") for net in build(name).values() for m in net.modules())


# Counts of parameters, from the layer tables


def conv(inputs, outputs, k=3):
    return inputs * outputs * k * k + outputs


def gen_count(z=62, width=128, shortcut=False):
    block = 2 * 2 * width + 2 * conv(width, width) + (conv(width, width, 1) if shortcut else 0)
    return z * 16 * width + 16 * width + 3 * block + 2 * width + conv(width, 3)


def disc_count(inputs=3, width=128, bypass=True, norm=False, bias=True):
    first = conv(inputs, width) + conv(width, width) + conv(inputs, width, 1)
    down = 2 * conv(width, width) + conv(width, width, 1)
    same = 2 * conv(width, width) + (conv(width, width, 1) if bypass else 0)
    return first + down + 2 * same + width + bias + (4 * 2 * 2 * width if norm else 0)


PP_BLOCK = conv(3, 16) + conv(16, 16) + conv(3, 16, 1)
COUNTS = {
    "model_resnet": (1_019_779, 1_086_849),
    "model_resnet_nosigm": (1_019_779, 1_086_849),
    "model_resnet_specnorm": (1_019_779, 1_086_849),
    "model_resnet_specnorm_nosigm": (1_019_779, 1_086_849),
    "model_resnet_old": (gen_count(), disc_count(bypass=False)),
    "model_resnet_old_specnorm": (gen_count(), disc_count(bypass=False)),
    "model_resnet_preproc": (gen_count(), conv(3, 16) + disc_count(16)),
    "model_resnet_specnorm_preproc": (gen_count(), conv(3, 16) + disc_count(16)),
    "model_resnet_ppresnet": (gen_count(), PP_BLOCK + disc_count(16)),
    "model_resnet_bnd": (gen_count(), disc_count(bypass=False, norm=True)),
    "sngan": (gen_count(width=256, shortcut=True), disc_count(bypass=False, bias=False)),
    "models_64x64": (
        62 * 8192 + 2 * 8192 + 25 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 3 + 2 * (256 + 128 + 64),
        25 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 64 + 2 * (128 + 256 + 512) + 16 * 512 + 1,
    ),
    "dcgan": (
        62 * 8192 + 2 * (512 + 256 + 128) + 16 * (512 * 256 + 256 * 128 + 128 * 3) + 3,
        16 * (3 * 128 + 128 * 256 + 256 * 512) + 128 + 2 * (256 + 512) + 8192 + 1,
    ),
    "mnist": (
        62 * 1024 + 2 * 1024 + 1024 * 6272 + 2 * 6272 + 16 * (128 * 64 + 64) + 2 * 64 + 1,
        conv(1, 64, 4) + 16 * 64 * 128 + 2 * 128 + 6272 * 1024 + 2 * 1024 + 1025,
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_parameters(name):
    nets = importlib.import_module(f"networks.{name}").get_network(shape_of(name), 0, z_dim=62)
    counts = tuple(sum(p.numel() for p in net.parameters() if p.requires_grad) for net in nets.values())
    assert counts == COUNTS[name]


def vectors(disc):
    return sum(b.numel() for key, b in disc.named_buffers() if key.endswith((".u", ".v")))


def test_counts_of_power_iteration_vectors():
    """The original keeps u and v as parameters: 1,096,480 in all, without bypasses of stride-1 blocks."""
    original = model_resnet_specnorm.get_network((3, 32, 32), 0, 62, sn_bypass=False)["disc"]
    assert 1_086_849 + vectors(original) == 1_096_480
    every = model_resnet_specnorm.get_network((3, 32, 32), 0, 62)["disc"]
    assert vectors(every) - vectors(original) == 2 * (128 + 128)
    pre = [
        vectors(
            importlib.import_module("networks.model_resnet_specnorm_preproc").get_network(
                (3, 32, 32), 0, 62, sn_pre=sn
            )["disc"]
        )
        for sn in (True, False)
    ]
    assert pre[0] - pre[1] == 16 + 27


# The residual family against the layer tables written out


def double(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def pooled(x):
    return F.avg_pool2d(x, 2)


def apply(conv_module, x):
    return F.conv2d(x, conv_module.weight, conv_module.bias, padding=conv_module.weight.shape[-1] // 2)


def convs(block):
    return [m for m in block.residual.modules() if isinstance(m, nn.Conv2d)], [
        m for m in block.shortcut.modules() if isinstance(m, nn.Conv2d)
    ]


def batch_norm(x):
    """Fresh batch norm in training mode: scale 1, shift 0."""
    return (x - x.mean((0, 2, 3), keepdim=True)) / (
        x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5
    ).sqrt()


@pytest.mark.parametrize(
    "module, identity, normed", [(model_resnet, False, False), (model_resnet_bnd, True, True)]
)
def test_discriminator_is_the_layer_table(module, identity, normed):
    """conv1x1 and pooling in the original's order, pooling apart from convolution, no ReLU on raw pixels."""
    torch.manual_seed(0)
    disc = module.get_network((3, 32, 32), 0, Z_DIM, width=8)["disc"].double()
    bn = batch_norm if normed else (lambda h: h)
    x = images("model_resnet", 4).double()
    (a, b), (bypass,) = convs(disc.stages[0])
    h = pooled(bn(apply(b, bn(apply(a, x)).relu()))) + apply(bypass, pooled(x))
    assert torch.allclose(disc(x, stop=1), h, atol=1e-12)
    (a, b), (bypass,) = convs(disc.stages[1])
    h = pooled(bn(apply(b, bn(apply(a, h.relu())).relu()))) + pooled(apply(bypass, h))
    assert torch.allclose(disc(x, stop=2), h, atol=1e-12)
    for k in (2, 3):
        (a, b), bypasses = convs(disc.stages[k])
        assert len(bypasses) == (0 if identity else 1)
        h = bn(apply(b, bn(apply(a, h.relu())).relu())) + (h if identity else apply(bypasses[0], h))
        assert torch.allclose(disc(x, stop=k + 1), h, atol=1e-12)
    dense = disc.stages[5][0]
    assert torch.allclose(disc(x), h.relu().mean((2, 3)) @ dense.weight[0] + dense.bias, atol=1e-12)


@pytest.mark.parametrize("shortcut", ["nearest", "conv"])
def test_generator_is_the_layer_table(shortcut):
    torch.manual_seed(0)
    gen = resnet.get_network((3, 32, 32), 0, Z_DIM, width=8, gen_shortcut=shortcut)["gen"].double()
    z = torch.randn(4, Z_DIM).double()
    h = gen.dense(z).reshape(4, 8, 4, 4)
    for block in gen.maps[:3]:
        (a, b), bypasses = convs(block)
        bypass = apply(bypasses[0], double(h)) if shortcut == "conv" else double(h)
        h = apply(b, batch_norm(apply(a, double(batch_norm(h).relu()))).relu()) + bypass
    assert torch.allclose(gen(z), apply(gen.maps[5], batch_norm(h).relu()).tanh(), atol=1e-10)


def test_preprocessing():
    """A 3x3 convolution alone, or a residual block with a ReLU on the pixels in its residual branch."""
    x = images("model_resnet").double()
    disc = build("model_resnet_preproc")["disc"].double()
    assert torch.allclose(disc(x, stop=1), apply(disc.stages[0], x), atol=1e-12)
    disc = build("model_resnet_ppresnet")["disc"].double()
    (a, b), (bypass,) = convs(disc.stages[0])
    assert torch.allclose(disc(x, stop=1), apply(b, apply(a, x.relu()).relu()) + apply(bypass, x), atol=1e-12)
    every = model_resnet_ppresnet.get_network((3, 32, 32), 0, Z_DIM, width=8, hidden="blocks")["disc"]
    assert every.layers == 7


def test_pooling_sums_or_means():
    mean, total = (build("model_resnet", pool=pool)["disc"].eval() for pool in ("mean", "sum"))
    x = images("model_resnet")
    assert torch.allclose(total(x, stop=5), 64 * mean(x, stop=5), rtol=1e-5)


def bound(module, gain):
    """Glorot's U(-a, a): largest weight at most a and near it."""
    o, i, kh, kw = module.weight.shape
    a = gain * (6 / ((i + o) * kh * kw)) ** 0.5
    return 0.9 * a < module.weight.abs().max() <= a * (1 + 1e-6)


def test_initial_gains():
    root = 2**0.5
    disc = build("model_resnet", width=32)["disc"]
    for k in range(4):
        residual, shortcut = convs(disc.stages[k])
        assert all(bound(c, 1) for c in residual)
        if k < 2:
            assert bound(shortcut[0], root)
        else:  # the framework's default, U(-1/sqrt(fan_in), ...), and its bias
            assert 0.9 * 32**-0.5 < shortcut[0].weight.abs().max() <= 32**-0.5 and shortcut[0].bias.any()
    gen = build("model_resnet", width=32)["gen"]
    assert all(bound(c, 1) for block in gen.maps[:3] for c in convs(block)[0]) and bound(gen.maps[5], 1)
    nets = sngan.get_network((3, 32, 32), 0, Z_DIM, width=32, gen_width=32, spec_norm=False)
    for blocks in (nets["gen"].maps[:3], nets["disc"].stages[:4]):
        for block in blocks:
            residual, shortcut = convs(block)
            assert all(bound(c, root) for c in residual) and all(bound(c, 1) for c in shortcut)
    assert bound(nets["gen"].maps[5], 1)
    assert not any(
        p.any() for net in nets.values() for key, p in net.named_parameters() if key.endswith("bias")
    )


# Options and sizes


@pytest.mark.parametrize(
    "name, shape",
    [
        ("resnet", (1, 8, 16)),
        ("resnet", (3, 48, 48)),
        ("sngan", (3, 64, 64)),
        ("models_64x64", (1, 32, 32)),
        ("models_64x64", (3, 16, 16)),
        ("dcgan", (1, 28, 28)),
        ("dcgan", (3, 64, 64)),
        ("dcgan", (3, 48, 96)),
        ("mnist", (3, 32, 32)),
        ("small", (3, 32, 32)),
        ("small", (1, 28, 28)),
        ("small", (2, 12, 8)),
    ],
)
def test_other_sizes(name, shape):
    nets = importlib.import_module(f"networks.{name}").get_network(
        shape, 10, Z_DIM, **NARROW.get(name, {"width": 8})
    )
    with torch.no_grad():
        fake = nets["gen"](torch.randn(2, Z_DIM))
        assert fake.shape == (2, *shape) and nets["disc"](fake).shape == (2,)


@pytest.mark.parametrize(
    "name, shape",
    [
        ("resnet", (3, 28, 28)),
        ("sngan", (3, 32, 20)),
        ("models_64x64", (3, 48, 48)),
        ("models_64x64", (3, 64, 32)),
        ("mnist", (1, 30, 28)),
        ("dcgan", (1, 27, 27)),
        ("small", (1, 8, 6)),
    ],
)
def test_sizes_refused(name, shape):
    with pytest.raises(ValueError, match=f"{shape[1]}x{shape[2]}"):
        importlib.import_module(f"networks.{name}").get_network(shape, 0, Z_DIM)


@pytest.mark.parametrize(
    "name, option, listed",
    [
        ("resnet", {"bypass": "conv3"}, "'conv', 'identity'"),
        ("resnet", {"pre": "relu"}, "'block'"),
        ("resnet", {"norm": "layer"}, "'batch'"),
        ("resnet", {"pool": "max"}, "'sum'"),
        ("resnet", {"init": "he"}, "'sngan'"),
        ("resnet", {"gen_shortcut": "bilinear"}, "'nearest'"),
        ("resnet", {"hidden": "all"}, "'blocks', 'pooled'"),
        ("resnet", {"hidden": "pre"}, "'blocks', 'pooled'"),
        ("mnist", {"norm": "group"}, "'batch'"),
        ("dcgan", {"norm": "layer"}, "'vbn'"),
        ("dcgan", {"disc_norm": "vbn"}, "'instance'"),
    ],
)
def test_values_refused(name, option, listed):
    ((key, value),) = option.items()
    with pytest.raises(ValueError, match=f"{key}='{value}'.*{listed}"):
        build(name, **option)


@pytest.mark.parametrize("name", FILES)
def test_signature_serves_the_loader(name):
    get_network = importlib.import_module(f"networks.{name}").get_network
    parameters = inspect.signature(get_network).parameters
    assert list(parameters)[:3] == ["data_shape", "n_classes", "z_dim"]
    assert all(p.default is not p.empty for p in list(parameters.values())[3:]) and "width" in parameters
    with pytest.raises(TypeError, match="colour"):
        build(name, colour=3)
    assert importlib.import_module(f"networks.{name}").__doc__


def test_a_preset_can_be_overridden():
    assert vectors(build("model_resnet_specnorm", spec_norm=False)["disc"]) == 0
    assert vectors(build("small", spec_norm=False)["disc"]) == 0
    assert not any(isinstance(m, nn.BatchNorm2d) for m in build("mnist", norm=None)["disc"].modules())
