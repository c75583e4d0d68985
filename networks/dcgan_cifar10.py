"""The two networks that published FIDs of "DCGAN" on CIFAR-10 belong to; neither is networks/dcgan.py.

variant="collections": w86763777/pytorch-gan-collections, source/models/dcgan.py. variant="mimicry":
kwotsin/mimicry, nets/dcgan/dcgan_cifar.py, which is residual.
"""

import itertools

from torch import nn

from networks import resnet
from networks.layers import Generator, ScaledSigmoid, Staged, ToUnit, choice, image_shape


def get_network(data_shape, n_classes, z_dim, variant="collections", width=None):
    """{"gen", "disc"} for sides that are multiples of 16.

    collections, width 64: gen without biases, a dense layer to 16 width maps of H/16 x W/16, BN, ReLU; 4x4
    transposed convolutions of stride 2 to 8, 4, 2 width maps, each BN, ReLU, and to the image, tanh. disc:
    5x5 convolutions of stride 2 without biases to 1, 2, 4, 8 width maps, LeakyReLU 0.2 and then BN (not
    after the first), dense. mimicry, width 128: mimicry's SN-GAN for 32x32 without spectral normalisation;
    images in [0, 1], a sigmoid at gen's end. Initial weights of collections are the framework's, as there.
    n_classes is not used. Raises ValueError for other sizes and variants.
    """
    channels, height, breadth = image_shape(data_shape, 16)
    if choice("variant", variant, {"collections": False, "mimicry": True}):
        return residual(data_shape, z_dim, width or 128)
    width = width or 64
    start = (16 * width, height // 16, breadth // 16)
    ups = [16 * width, 8 * width, 4 * width, 2 * width]

    def norm_relu(features):
        return nn.BatchNorm2d(features), nn.ReLU(inplace=True)

    def up(a, b):
        return nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)

    maps = [layer for a, b in itertools.pairwise(ups) for layer in (up(a, b), *norm_relu(b))]
    # of one pixel, for its initial weights
    dense = nn.ConvTranspose2d(z_dim, start[0], start[1:], bias=False)
    maps = nn.Sequential(dense, *norm_relu(start[0]), *maps, up(ups[-1], channels), nn.Tanh())
    gen = Generator(nn.Identity(), (z_dim, 1, 1), maps)

    def down(a, b, normed=True):
        layers = [nn.Conv2d(a, b, 5, 2, 2, bias=False), nn.LeakyReLU(0.2, inplace=True)]
        return nn.Sequential(*layers, *([nn.BatchNorm2d(b)] if normed else []))

    widths = [width * 2**i for i in range(4)]
    dense = nn.Linear(widths[-1] * start[1] * start[2], 1)
    disc = Staged(
        down(channels, width, normed=False),
        *itertools.starmap(down, itertools.pairwise(widths)),
        nn.Sequential(nn.Flatten(), dense, nn.Flatten(0)),
    )
    return {"gen": gen, "disc": disc}


def residual(data_shape, z_dim, width):
    """mimicry's variant; see get_network."""
    nets = resnet.get_network(
        data_shape,
        0,
        z_dim,
        width=width,
        gen_width=2 * width,
        bypass="identity",
        pool="sum",
        relu_shortcut=True,
        gen_shortcut="conv",
        upsample="bilinear",
        init="sngan",
    )
    nets["gen"].maps[-1] = ScaledSigmoid()
    first, *rest = nets["disc"].stages
    return {"gen": nets["gen"], "disc": Staged(nn.Sequential(ToUnit(), first), *rest)}
