"""SN-GAN and SSGAN for STL-10 at 48x48, as kwotsin/mimicry has them (sngan_48.py, ssgan_48.py).

Miyato et al. 2018 and Chen et al. 2019; Lee and Town 2020 (mimicry). Its ReLU works in place, so that D's
shortcuts read max(x, 0) where SN-GAN's read x; the published numbers are of that network.
Differs from mimicry: biases are 0 at the start (there: the framework's default).
"""

import functools
import itertools

from torch import nn

from networks import dist_gan, resnet
from networks.layers import GlobalPool, glorot, image_shape, spectral


def get_network(
    data_shape, n_classes, z_dim, width=64, gen_width=None, classes=4, upsample="bilinear", fold=True
):
    """{"gen", "disc"}; disc.features are the sums of the last maps, [N, 16 width].

    gen: dense to 8 gen_width maps of H/8 x W/8, three doubling blocks, each to half the maps, with a 1x1
    shortcut; BN, ReLU, 3x3 convolution, tanh. gen_width: by default width. upsample: "bilinear" or "nearest"
    doubling. disc, spectrally normalised: four halving blocks to width, 2, 4 and 8 width maps and one to 16
    width, a 1x1 shortcut in each; all but the first begin with a ReLU for both branches, and have as many
    maps between their convolutions as before them; ReLU, sum over pixels, dense. classes: of the rotation
    head, 4 for SSGAN, 5 for MS-GAN on it, 0 (no head) for SN-GAN. data_shape: (C, H, W), multiples of 16;
    n_classes is not used. Raises ValueError for others.
    """
    channels, height, breadth = image_shape(data_shape, 16)
    gen_width = gen_width or width
    gen = resnet.generator(
        channels,
        (height // 8, breadth // 8),
        z_dim,
        gen_width,
        "conv",
        "sngan",
        fold,
        upsample,
        widths=[gen_width * 2**i for i in (3, 2, 1, 0)],
    )
    gains = resnet.INITS["sngan"]
    widths = [channels, *(width * 2**i for i in range(5))]
    block = functools.partial(resnet.disc_block, sn=spectral, gains=gains, first=True, fold=fold)
    blocks = [block(channels, widths[1], 2)]
    for a, b in itertools.pairwise(widths[1:]):
        # a ReLU before the block, not in its residual branch alone: the shortcut reads its output too
        blocks.append(nn.Sequential(nn.ReLU(), block(a, b, 1 if b == widths[-1] else 2, between=a)))
    last = nn.Sequential(spectral(glorot(nn.Linear(widths[-1], 1))), nn.Flatten(0))
    head = dist_gan.head(widths[-1], classes)
    disc = dist_gan.Discriminator(
        *blocks,
        nn.Sequential(nn.ReLU(), GlobalPool("sum")),
        last,
        head=head and spectral(glorot(head)),
    )
    for name, parameter in disc.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    return {"gen": gen, "disc": disc}
