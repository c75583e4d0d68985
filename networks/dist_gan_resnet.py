"""The residual networks of Dist-GAN and MS-GAN for 32x32 and 48x48 images.

Tran et al. 2018, 2019; modules/net_resnet.py of tntrung/msgan.
Differs from the original: images lie in [-1, 1] at both ends, and the generator ends in 2 sigmoid(a) - 1;
batch norm's running statistics have momentum 0.1 (there: 0.001, and they were never used).
"""

import itertools

import torch.nn.functional as F
from torch import nn

from networks import dist_gan, resnet
from networks.layers import (
    Conv3x3,
    GlobalPool,
    Maps,
    ResBlock,
    ScaledSigmoid,
    choice,
    glorot,
    image_shape,
    normal_norm,
)

PLAIN = {"conv": 1.0, "shortcut": 1.0, "bypass": 1.0, "pre": 1.0}  # Xavier everywhere


def get_network(data_shape, n_classes, z_dim, width=None, classes=0, down=None, port=False, fold=True):
    """{"gen", "enc", "disc"}: residual generator, encoder and discriminator.

    32x32 (and other multiples of 8 but 48x48), width 128: enc 3x3 convolution to 2 width maps and three
    halving blocks 2 width, BN, LeakyReLU, dense to z_dim; gen dense to 2 width maps of H/8 x W/8, three
    doubling blocks, BN, ReLU, 3x3 convolution, sigmoid; disc two halving blocks and two blocks of `width`,
    ReLU: Phi = 8192 values for 32x32. 48x48, width 64: enc width, 2, 4, 8 width; gen 8, 4, 2, 1 width; disc
    halving blocks 1, 2, 4, 8 width and a block 16 width: Phi = 9216. The logit is linear in the maps summed
    over pixels, the class logits in Phi. width: None for those. classes: of the head, 4 or 5, 0 for none.
    down: how disc halves maps, by 1x1 convolutions of stride 2 ("conv", the original's and the default), or
    by averages ("pool"). port: the networks of the PyTorch port (rmermin/msgan.pytorch) instead: down="pool",
    no bias in disc's dense layers, one PReLU for all of enc in place of LeakyReLU 0.2, norm scales N(1,
    0.02^2), dense layers as the framework starts them. n_classes is not used. Raises ValueError for other
    sizes.
    """
    channels, height, breadth = image_shape(data_shape, 8)
    down = choice("down", down or ("pool" if port else "conv"), ("conv", "pool"))
    large = (height, breadth) == (48, 48)
    width = width or (64 if large else 128)
    ups = [8 * width, 4 * width, 2 * width, width] if large else [2 * width] * 4
    halving = [width * 2**i for i in range(4)] if large else [width, width]
    same = [16 * width] if large else [width, width]
    start = ups[0], height // 8, breadth // 8
    flat = start[0] * start[1] * start[2]

    gen = nn.Sequential(
        nn.Linear(z_dim, flat),
        Maps(*start),
        *(gen_block(a, b, fold) for a, b in itertools.pairwise(ups)),
        nn.BatchNorm2d(ups[-1]),
        dist_gan.relu(),
        Conv3x3(ups[-1], channels),
        ScaledSigmoid(),
    )
    shared = nn.PReLU(init=dist_gan.SLOPE) if port else None  # a default argument there, so one for all
    enc = nn.Sequential(
        Conv3x3(channels, ups[-1]),
        *(enc_block(a, b, fold, shared) for a, b in itertools.pairwise(ups[::-1])),
        nn.BatchNorm2d(ups[0]),
        shared or dist_gan.leaky(),
        nn.Flatten(),
        nn.Linear(flat, z_dim),
    )
    widths = [channels, *halving, *same]
    blocks = [
        disc_block(a, b, i < len(halving), i == 0, down, fold)
        for i, (a, b) in enumerate(itertools.pairwise(widths))
    ]
    pixels = (height >> len(halving)) * (breadth >> len(halving))
    head = dist_gan.head(widths[-1] * pixels, classes)
    if port and head:
        head = nn.Linear(head.in_features, classes, bias=False)
    disc = dist_gan.Discriminator(
        *blocks[:-1],
        nn.Sequential(blocks[-1], nn.ReLU()),
        nn.Sequential(GlobalPool("sum"), nn.Linear(widths[-1], 1, bias=not port), nn.Flatten(0)),
        head=head,
    )
    start_weights = as_the_port if port else dist_gan.xavier
    return {"gen": start_weights(gen), "enc": start_weights(enc), "disc": start_weights(disc)}


def as_the_port(net):
    """`net` with Xavier-uniform convolutions and norm scales N(1, 0.02^2); the rest is the framework's."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            glorot(layer)
        elif isinstance(layer, nn.BatchNorm2d):
            normal_norm(layer)
    return net


def gen_block(features, out, fold):
    """G's block, H -> 2 H: BN, ReLU, doubling, conv3, BN, ReLU, conv3; shortcut: 1x1, doubling."""
    residual = nn.Sequential(
        nn.BatchNorm2d(features),
        dist_gan.relu(),
        Conv3x3(features, out, "up", fold=fold),
        nn.BatchNorm2d(out),
        dist_gan.relu(),
        Conv3x3(out, out),
    )
    return ResBlock(residual, nn.Sequential(nn.Conv2d(features, out, 1), nn.Upsample(scale_factor=2)))


def enc_block(features, out, fold, activation=None):
    """The encoder's block, H -> H / 2: twice [BN, LeakyReLU, conv3], average; shortcut: average, 1x1."""
    residual = nn.Sequential(
        nn.BatchNorm2d(features),
        activation or dist_gan.leaky(),
        Conv3x3(features, out),
        nn.BatchNorm2d(out),
        activation or dist_gan.leaky(),
        Conv3x3(out, out, "down", fold=fold),
    )
    return ResBlock(residual, nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(features, out, 1)))


def disc_block(features, out, halves, first, down, fold):
    """D's block: [ReLU,] conv3, ReLU, conv3[, halving]; a 1x1 shortcut where the shape changes.

    A 1x1 convolution of stride 2 reads every other pixel only, so the convolution before it computes those
    alone.
    """
    if down == "pool" or not halves:
        return resnet.disc_block(
            features, out, 2 if halves else 1, lambda layer: layer, PLAIN, first, bypass="identity", fold=fold
        )
    residual = nn.Sequential(
        *([] if first else [nn.ReLU()]),
        Conv3x3(features, out),
        dist_gan.relu(),
        nn.Conv2d(out, out, 3, stride=2, padding=1),
        nn.Conv2d(out, out, 1),
    )
    # the first block halves before its 1x1 convolution, the others after
    between = features if first else out
    shortcut = nn.Sequential(EveryOther(), nn.Conv2d(features, between, 1), nn.Conv2d(between, out, 1))
    return ResBlock(residual, shortcut)


class EveryOther(nn.Module):
    """Every other pixel along both axes: all that a 1x1 convolution of stride 2 reads.

    It stands in front of a 1x1 convolution of stride 1, because oneDNN crashes in the backward pass of one of
    stride 2 with 3 channels (torch 2.15, some batch sizes).
    """

    def forward(self, x):
        """x [N, C, H, W] -> [N, C, ceil(H / 2), ceil(W / 2)]."""
        # not a slice, whose gradient, and so every gradient before it, would be contiguous
        return F.avg_pool2d(x, 1, 2)
