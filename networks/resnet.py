"""The residual GANs for 32x32 images of GAN mixup and of SN-GAN.

GAN mixup: github.com/vikasverma1077/manifold_mixup, gan/networks. One architecture with options; the files
model_resnet*.py and sngan.py name its published settings. The generator is that
of Miyato et al. 2018, Table 4 (a), the discriminator that of Table 4 (b), 128 wide and with mean pooling by
default.
"""

import functools
import itertools

import torch
from torch import nn

from networks.conditional import parts
from networks.layers import (
    Conv3x3,
    GlobalPool,
    ResBlock,
    choice,
    glorot,
    image_shape,
    spectral,
)

# Glorot gains; None leaves the framework's default. "glorot" is GAN mixup's code, "sngan" SN-GAN's.
INITS = {
    "glorot": {"conv": 1.0, "shortcut": 2**0.5, "bypass": None, "pre": None},
    "sngan": {"conv": 2**0.5, "shortcut": 1.0, "bypass": 1.0, "pre": 2**0.5},
}

PLAIN = parts(None, 0)


def get_network(
    data_shape,
    n_classes,
    z_dim,
    width=128,
    gen_width=None,
    spec_norm=False,
    sn_bypass=True,
    sn_pre=True,
    bypass="conv",
    pre=None,
    pre_width=16,
    hidden=None,
    norm=None,
    pool="mean",
    head_bias=True,
    relu_shortcut=False,
    gen_shortcut="nearest",
    upsample="nearest",
    gen_eps=1e-5,
    init="glorot",
    fold=True,
    conditional=None,
):
    """The residual family: generator [N, z_dim] -> [N, C, H, W], discriminator [N, C, H, W] -> logits [N].

    data_shape: (C, H, W), H and W multiples of 8 (published for 32x32). n_classes is for `conditional`
    alone: class batch norm in G's blocks (the last batch norm is plain, as in SN-GAN's released code), and
    D's last stage as networks/conditional.py has it.
    width, gen_width: maps in D, and in G (None: the same).
    spec_norm: spectral normalisation of every layer of D; sn_bypass=False leaves the 1x1 bypasses of stride-1
    blocks without it, and sn_pre=False the preprocessing convolution.
    bypass: "conv" (1x1) or "identity" in D's stride-1 blocks.
    pre: None, "conv" (3x3) or "block" (pre-activation residual): a stage from C to pre_width maps before D's
    first block. hidden: where mixing is offered: "blocks" (after every block and after pooling), "pre" (after
    `pre` only) or "pooled" (the pooled vector only); None: "pre" where there is one, else "blocks".
    norm: None or "batch", after D's 3x3 convolutions. pool: "mean" or "sum", over the last maps. head_bias:
    whether D's last layer has a bias. relu_shortcut: whether the shortcuts of D's blocks, but the first's,
    read max(x, 0), as in kwotsin/mimicry, whose ReLU works in place.
    gen_shortcut: "nearest" (doubling alone) or "conv" (1x1 as well). upsample: "nearest" or "bilinear"
    doubling in G. gen_eps: what G's batch norms add to variances; PyTorch-StudioGAN has 1e-4. init: "glorot"
    or "sngan", see INITS; "sngan" also sets biases to 0. fold: resampling folded into the convolutions.
    Raises ValueError for sizes that are not multiples of 8 and for option values not listed here.
    """
    channels, height, breadth = image_shape(data_shape, 8)
    choice("init", init, INITS)
    start, made = (height // 8, breadth // 8), parts(conditional, n_classes)
    gen = generator(channels, start, z_dim, gen_width or width, gen_shortcut, init, fold, upsample, made=made)
    for part in gen.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = gen_eps
    disc = discriminator(
        channels,
        width,
        spec_norm=spec_norm,
        sn_bypass=sn_bypass,
        sn_pre=sn_pre,
        bypass=bypass,
        pre=pre,
        pre_width=pre_width,
        hidden=hidden,
        norm=norm,
        pool=pool,
        head_bias=head_bias,
        relu_shortcut=relu_shortcut,
        init=init,
        fold=fold,
        made=made,
    )
    return {"gen": gen, "disc": disc}


def generator(
    channels,
    start,
    z_dim,
    width,
    shortcut="nearest",
    init="glorot",
    fold=True,
    upsample="nearest",
    widths=None,
    made=PLAIN,
):
    """Dense to `start` = (h, w), three doubling blocks, BN, ReLU, 3x3 convolution, tanh: 8 h x 8 w images.

    widths: the maps of the dense layer's output and of each block's; None: `width` throughout. made: the
    parts, with or without classes.
    """
    choice("gen_shortcut", shortcut, ("nearest", "conv"))
    choice("upsample", upsample, ("nearest", "bilinear"))
    widths = widths or [width] * 4
    gains = INITS[init]
    layers = [up_block(a, b, shortcut, gains, fold, upsample, made) for a, b in itertools.pairwise(widths)]
    layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True), glorot(Conv3x3(widths[-1], channels))]
    dense = glorot(nn.Linear(z_dim, widths[0] * start[0] * start[1]))
    return _biases(made.generator(dense, (widths[0], *start), made.sequential(*layers, nn.Tanh())), init)


def up_block(in_width, width, shortcut, gains, fold, upsample="nearest", made=PLAIN):
    """G's block: BN, ReLU, doubling, conv, BN, ReLU, conv. [N, in_width, H, W] -> [N, width, 2 H, 2 W]."""
    double = nn.Upsample(scale_factor=2)
    first = glorot(Conv3x3(in_width, width, "up", fold=fold), gains["conv"])
    if upsample == "bilinear":  # the fold is for nearest-neighbour doubling
        double = nn.Upsample(scale_factor=2, mode="bilinear")
        first = nn.Sequential(double, glorot(Conv3x3(in_width, width), gains["conv"]))
    residual = made.sequential(
        made.batch_norm(in_width),
        nn.ReLU(inplace=True),
        first,
        made.batch_norm(width),
        nn.ReLU(inplace=True),
        glorot(Conv3x3(width, width), gains["conv"]),
    )
    if shortcut == "conv":  # before the doubling, with which it commutes: a quarter of the pixels
        double = nn.Sequential(glorot(nn.Conv2d(in_width, width, 1), gains["shortcut"]), double)
    return made.res_block(residual, double)


def discriminator(
    channels,
    width,
    spec_norm=False,
    sn_bypass=True,
    sn_pre=True,
    bypass="conv",
    pre=None,
    pre_width=16,
    hidden=None,
    norm=None,
    pool="mean",
    head_bias=True,
    relu_shortcut=False,
    init="glorot",
    fold=True,
    made=PLAIN,
):
    """Staged: [`pre`,] two halving blocks, two blocks, ReLU, global pooling, dense; see get_network."""
    choice("bypass", bypass, ("conv", "identity"))
    choice("pre", pre, (None, "conv", "block"))
    choice("norm", norm, (None, "batch"))
    hidden = hidden or ("pre" if pre else "blocks")
    choice("hidden", hidden, ("blocks", "pre", "pooled") if pre else ("blocks", "pooled"))
    gains, sn = INITS[init], spectral if spec_norm else _identity
    block = functools.partial(
        disc_block, sn=sn, gains=gains, bypass=bypass, sn_bypass=sn_bypass, norm=norm, fold=fold
    )
    pieces, features = [], channels
    if pre == "conv":
        convolution = glorot(Conv3x3(channels, pre_width), gains["pre"])
        pieces, features = [sn(convolution) if sn_pre else convolution], pre_width
    elif pre == "block":
        pieces, features = [block(channels, pre_width, stride=1)], pre_width

    def later(stride):
        if relu_shortcut:
            return nn.Sequential(nn.ReLU(), block(width, width, stride=stride, first=True))
        return block(width, width, stride=stride)

    pieces += [
        block(features, width, stride=2, first=True),
        *(later(stride) for stride in (2, 1, 1)),
        nn.Sequential(nn.ReLU(), GlobalPool(pool)),
        made.last(width, lambda layer: sn(glorot(layer)), head_bias),
    ]
    after = {"blocks": range(1, len(pieces)), "pre": [1], "pooled": [len(pieces) - 1]}[hidden]
    cuts = itertools.pairwise([0, *after, len(pieces)])
    stages = [pieces[a] if b == a + 1 else made.sequential(*pieces[a:b]) for a, b in cuts]
    return _biases(made.staged(*stages), init)


def disc_block(
    in_width,
    width,
    stride,
    sn,
    gains,
    first=False,
    bypass="conv",
    sn_bypass=True,
    norm=None,
    fold=True,
    between=None,
):
    """D's block: ReLU, conv, ReLU, conv, pool, plus the shortcut.

    [N, in_width, H, W] -> [N, width, H / stride, W / stride]. stride: 1 (no pooling) or 2. between: maps
    between the two convolutions (None: width). The `first` block
    has no ReLU before its first convolution: raw pixels must not pass one. The 1x1 shortcut of a halving
    block pools first; the two commute, and a quarter of the pixels is left. Batch norm stands between
    convolution and pooling. Its statistics are those of the unpooled maps, so pooling is not folded there.
    """

    def conv(features, out, resample=None):
        layer = sn(glorot(Conv3x3(features, out, resample, fold=fold), gains["conv"]))
        return layer if norm is None else nn.Sequential(layer, nn.BatchNorm2d(out))

    down, folded, between = stride == 2, norm is None, between or width
    residual = nn.Sequential(
        *([] if first else [nn.ReLU()]),  # not in place: the shortcut reads x as well
        conv(in_width, between),
        nn.ReLU(inplace=True),
        conv(between, width, "down" if down and folded else None),
        *([nn.AvgPool2d(2)] if down and not folded else []),
    )
    if down:
        shortcut = nn.Sequential(
            nn.AvgPool2d(2), sn(glorot(nn.Conv2d(in_width, width, 1), gains["shortcut"]))
        )
    elif bypass == "identity" and in_width == width:
        shortcut = nn.Identity()
    else:
        shortcut = (sn if sn_bypass else _identity)(glorot(nn.Conv2d(in_width, width, 1), gains["bypass"]))
    return ResBlock(residual, shortcut)


def _identity(layer):
    return layer


def _biases(net, init):
    """`net`, with its biases 0 if `init` is SN-GAN's, as in Chainer by default."""
    if init == "sngan":
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                if name.endswith("bias"):
                    parameter.zero_()
    return net
