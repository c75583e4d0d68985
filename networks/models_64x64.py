"""A DCGAN-like pair for 64x64 images, with instance norm in D.

GAN mixup, networks/models_64x64.py, after LynnHo's WGAN-GP.
Differs from the original: the sigmoid is in the loss; the number of layers follows from the size (the
original's last layer of each network was commented out, so that it made 32x32 images); no bias where a norm
would subtract it.
"""

import itertools
import math

from torch import nn

from networks.layers import Generator, Staged, image_shape


def get_network(data_shape, n_classes, z_dim, width=64):
    """Generator and discriminator with n = log2(H / 4) layers of 5x5 convolutions.

    Their widths are width, 2 width, ..., 2^(n-1) width, from the image inwards.
    gen: dense to 4x4, BN, ReLU; transposed convolutions of stride 2 with BN, ReLU between them and a tanh at
    the end. disc: convolutions of stride 2, LeakyReLU 0.2, instance norm in all but the first; a 4x4
    convolution gives the logit. A single stage: only pixels can be mixed. data_shape: (C, H, H); n_classes is
    not used. Raises ValueError unless H = W is a power of 2 from 8.
    """
    channels, height, breadth = image_shape(data_shape, 8)
    if breadth != height or height & (height - 1):
        raise ValueError(
            f"images of {height}x{breadth} pixels: use H = W = 8, 16, 32, 64, ... with this network"
        )
    widths = [width * 2**i for i in range(int(math.log2(height // 4)))]  # from the image inwards

    def up(wide, narrow):
        return nn.Sequential(_deconv(wide, narrow, bias=False), nn.BatchNorm2d(narrow), nn.ReLU(inplace=True))

    def down(narrow, wide):
        # one map a group is instance norm; nn.InstanceNorm2d itself leaves the channels-last layout
        return nn.Sequential(
            nn.Conv2d(narrow, wide, 5, 2, 2, bias=False),
            nn.GroupNorm(wide, wide),
            nn.LeakyReLU(0.2, inplace=True),
        )

    flat = widths[-1] * 4 * 4
    dense = nn.Sequential(nn.Linear(z_dim, flat, bias=False), nn.BatchNorm1d(flat), nn.ReLU(inplace=True))
    ups = itertools.starmap(up, itertools.pairwise(widths[::-1]))
    gen = Generator(dense, (widths[-1], 4, 4), nn.Sequential(*ups, _deconv(width, channels), nn.Tanh()))
    disc = Staged(
        nn.Sequential(
            nn.Conv2d(channels, width, 5, 2, 2),
            nn.LeakyReLU(0.2, inplace=True),
            *itertools.starmap(down, itertools.pairwise(widths)),
            nn.Conv2d(widths[-1], 1, 4),
            nn.Flatten(0),
        )
    )
    return {"gen": gen, "disc": disc}


def _deconv(wide, narrow, bias=True):
    return nn.ConvTranspose2d(wide, narrow, 5, stride=2, padding=2, output_padding=1, bias=bias)
