"""A discriminator that judges the image and each of its pixels: U-Net GAN at 32x32. Not a published size.

Schoenfeld et al. 2020 (arXiv 2002.12655), section 3.1. The encoder is a residual discriminator, its last maps
give the logit of the image; a decoder of residual blocks goes back to the image's size, where each block's
output stands beside the encoder's maps of that size, and gives a logit for each pixel.
Differs from the paper: three halvings for 32x32 images (there: five or six for 128x128 and 256x256).
"""

import torch
from torch import nn

from networks import resnet, sngan
from networks.layers import Conv3x3, GlobalPool, ResBlock, Staged, glorot, image_shape, spectral

GAINS = resnet.INITS["sngan"]


class UNet(Staged):
    """An encoder in stages, whose first ones halve the maps, and a decoder from their states to pixels."""

    def __init__(self, *stages, ups, last):
        """ups: the decoder's blocks, one for each of the encoder's; last: from its maps to the logits."""
        super().__init__(*stages)
        self.ups, self.last = nn.ModuleList(ups), last

    def pixels(self, x):
        """Logits [N, 1, H, W], one a pixel, of images [N, C, H, W]."""
        states = []
        for stage in self.stages[: len(self.ups)]:
            x = stage(x)
            states.append(x)
        h = states.pop()
        for up in self.ups:
            h = up(h)
            h = torch.cat([h, states.pop()], 1) if states else h
        return self.last(h)


def get_network(data_shape, n_classes, z_dim, width=64, gen_width=256, fold=True):
    """{"gen", "disc"}: the generator of networks/sngan.py, and a U-Net of spectrally normalised layers.

    disc: halving blocks to width, 2 width and 4 width maps, ReLU, sum over pixels, dense without bias: the
    image's logit; doubling blocks to 2 width, width and width maps, ReLU, 3x3 convolution: a logit for each
    pixel. gen_width: maps in G. fold: resampling folded into the convolutions. n_classes is not used. Raises
    ValueError for sizes that are not multiples of 8.
    """
    channels, *_ = image_shape(data_shape, 8)
    gen = sngan.get_network(data_shape, n_classes, z_dim, width=8, gen_width=gen_width, fold=fold)["gen"]

    def down(a, b, first=False):
        return resnet.disc_block(a, b, 2, spectral, GAINS, first=first, fold=fold)

    disc = UNet(
        down(channels, width, first=True),
        down(width, 2 * width),
        down(2 * width, 4 * width),
        nn.Sequential(nn.ReLU(), GlobalPool("sum")),
        nn.Sequential(spectral(glorot(nn.Linear(4 * width, 1, bias=False))), nn.Flatten(0)),
        ups=[up(a, b, fold) for a, b in ((4 * width, 2 * width), (4 * width, width), (2 * width, width))],
        last=nn.Sequential(nn.ReLU(), spectral(glorot(Conv3x3(width, 1)))),
    )
    return {"gen": gen, "disc": disc}


def up(in_width, width, fold):
    """The decoder's block: ReLU, doubling conv, ReLU, conv, plus the shortcut, a 1x1 convolution.

    [N, in_width, H, W] -> [N, width, 2 H, 2 W].
    """
    residual = nn.Sequential(
        nn.ReLU(),
        spectral(glorot(Conv3x3(in_width, width, "up", fold=fold), GAINS["conv"])),
        nn.ReLU(inplace=True),
        spectral(glorot(Conv3x3(width, width), GAINS["conv"])),
    )
    # before the doubling, with which it commutes: a quarter of the pixels
    shortcut = nn.Sequential(
        spectral(glorot(nn.Conv2d(in_width, width, 1), GAINS["shortcut"])), nn.Upsample(scale_factor=2)
    )
    return ResBlock(residual, shortcut)
