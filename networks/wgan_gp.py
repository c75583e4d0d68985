"""WGAN-GP's residual networks for 32x32 images: a course's homework, the seed's code, the paper.

Gulrajani et al. 2017, appendix C, and its code (igul222/improved_wgan_training); Berkeley CS294-158, homework
on GANs. No critic has batch norm: the penalty is on each example's own gradient.
"""

import torch
import torch.nn.functional as F
from torch import nn

from networks import resnet
from networks.conditional import parts
from networks.layers import Conv3x3, Generator, GlobalPool, ResBlock, Staged, choice, conv_up, image_shape

POOL = {"homework": "sum", "seed": "mean", "paper": "mean"}


def get_network(
    data_shape, n_classes, z_dim, variant="homework", width=128, pool=None, fold=True, conditional=None
):
    """Generator [N, z_dim] -> [N, C, H, W] in [-1, 1] and critic -> logits [N], one stage for each block.

    "homework": gen dense to 2 width maps of H/8 x W/8, three up-blocks of `width` maps, BN, ReLU, 3x3
    convolution, tanh. disc two down-blocks, two plain blocks, ReLU, global pooling, dense. Blocks resample at
    their second convolution. The first down-block passes raw pixels through a ReLU.
    "seed": the same gen. disc 3x3 convolution, ReLU, three down-blocks without their first ReLU, global
    pooling, dense. "paper": resnet.get_network with 1x1 shortcuts in gen, identity bypasses in disc, and
    SN-GAN's initial gains. Those are the gains of WGAN-GP's code too: "He" for 3x3 convolutions in blocks,
    Glorot for shortcuts, output and dense layers; biases 0. gen resamples at a block's first convolution,
    disc at its second, and disc's first block has no first ReLU. The other two variants have the framework's
    initial weights. pool: "mean" or "sum" over the last maps (None: sum for homework, else mean). fold:
    resampling folded into the convolutions, equal up to rounding. data_shape: (C, H, W), H and W multiples of
    8. conditional: of "paper" only, class batch norm in G's blocks and D's last stage as
    networks/conditional.py has it; else n_classes is not used. Raises ValueError for others.
    """
    channels, height, breadth = image_shape(data_shape, 8)
    pool, start = pool or choice("variant", variant, POOL), (height // 8, breadth // 8)
    if conditional is not None and variant != "paper":
        raise ValueError(f"variant={variant!r}: has no classes; use variant=paper with --conditional")
    if variant == "paper":
        made = parts(conditional, n_classes)
        options = {"bypass": "identity", "pool": pool, "init": "sngan", "fold": fold, "made": made}
        gen = resnet.generator(channels, start, z_dim, width, "conv", "sngan", fold, made=made)
        return {"gen": gen, "disc": resnet.discriminator(channels, width, **options)}
    end = [GlobalPool(pool), nn.Sequential(nn.Linear(width, 1), nn.Flatten(0))]
    if variant == "seed":
        disc = Staged(
            nn.Sequential(Conv3x3(channels, width), nn.ReLU(inplace=True)),
            *(down_block(width, width, first=nn.Identity(), fold=fold) for _ in range(3)),
            *end,
        )
    else:
        disc = Staged(
            down_block(channels, width, fold=fold),
            down_block(width, width, fold=fold),
            plain_block(width),
            plain_block(width),
            nn.Sequential(nn.ReLU(), end[0]),
            end[1],
        )
    return {"gen": generator(channels, start, z_dim, width, fold), "disc": disc}


def generator(channels, start, z_dim, width, fold):
    """Dense to 2 width maps of `start` = (h, w), three up-blocks, BN, ReLU, 3x3 convolution, tanh."""
    layers = [up_block(features, width, fold) for features in (2 * width, width, width)]
    dense = nn.Linear(z_dim, 2 * width * start[0] * start[1])
    layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True), Conv3x3(width, channels), nn.Tanh()]
    return Generator(dense, (2 * width, *start), nn.Sequential(*layers))


def up_block(inputs, width, fold=True):
    """BN, ReLU, conv, BN, ReLU, UpsampleConv; shortcut: 1x1 UpsampleConv.

    [N, inputs, H, W] -> [N, width, 2 H, 2 W].
    """
    residual = nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        Conv3x3(inputs, width, bias=False),  # no bias before BN
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        UpsampleConv(width, width, 3, fold),
    )
    return ResBlock(residual, UpsampleConv(inputs, width, 1, fold))


def down_block(inputs, width, first=None, fold=True):
    """`first`, conv, ReLU, DownsampleConv; shortcut: 1x1 DownsampleConv.

    [N, inputs, H, W] -> [N, width, H / 2, W / 2]. first: a module in place of the first ReLU.
    """
    # not in place: the shortcut reads x as well
    layers = [first or nn.ReLU(), Conv3x3(inputs, width), nn.ReLU(inplace=True)]
    residual = nn.Sequential(*layers, DownsampleConv(width, width, 3, fold))
    return ResBlock(residual, DownsampleConv(inputs, width, 1, fold))


def plain_block(width):
    """[N, width, H, W] -> the same shape: ReLU, conv, ReLU, conv, plus the input."""
    layers = [nn.ReLU(), Conv3x3(width, width), nn.ReLU(inplace=True), Conv3x3(width, width)]
    return ResBlock(nn.Sequential(*layers), nn.Identity())


class UpsampleConv(nn.Conv2d):
    """Nearest-neighbour doubling, as DepthToSpace(2) of four copies along the channels, then convolution.

    x [N, C, H, W] -> [N, out, 2 H, 2 W]; kernel 1 or 3. fold=False computes it as just written. fold=True is
    equal up to rounding: for kernel 3 one transposed convolution of stride 2 (conv_up), for kernel 1 the
    convolution before the doubling, on a quarter of the pixels.
    """

    def __init__(self, inputs, outputs, kernel, fold=True):
        super().__init__(inputs, outputs, choice("kernel", kernel, (1, 3)), padding=kernel // 2)
        self.fold = fold

    def forward(self, x):
        """[N, C, H, W] -> [N, out, 2 H, 2 W]."""
        if not self.fold:
            return super().forward(depth_to_space(torch.cat([x] * 4, 1)))
        if self.kernel_size == (1, 1):
            return F.interpolate(super().forward(x), scale_factor=2)
        return conv_up(x, self.weight, self.bias)


class DownsampleConv(nn.Conv2d):
    """2x2 average pooling, as the mean of the four chunks of SpaceToDepth(2), then convolution.

    x [N, C, H, W] -> [N, out, H / 2, W / 2]; kernel 1 or 3. fold=False computes it as just written, fold=True
    by pooling. Conv3x3 with "down" convolves before it pools, which for kernel 3 is another function.
    """

    def __init__(self, inputs, outputs, kernel, fold=True):
        super().__init__(inputs, outputs, choice("kernel", kernel, (1, 3)), padding=kernel // 2)
        self.fold = fold

    def forward(self, x):
        """[N, C, H, W] -> [N, out, H / 2, W / 2]."""
        return super().forward(F.avg_pool2d(x, 2) if self.fold else sum(space_to_depth(x).chunk(4, 1)) / 4)


def depth_to_space(x):
    """[N, 4 C, H, W] -> [N, C, 2 H, 2 W], channels-last in memory.

    Channel o C + c becomes channel c of pixel o of each 2x2 block, whose pixels are counted row by row.
    """
    n, channels, height, width = x.shape
    blocks = x.permute(0, 2, 3, 1).reshape(n, height, width, 2, 2, channels // 4)
    return blocks.transpose(2, 3).reshape(n, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)


def space_to_depth(x):
    """[N, C, 2 H, 2 W] -> [N, 4 C, H, W], the inverse of depth_to_space."""
    n, channels, height, width = x.shape
    blocks = x.permute(0, 2, 3, 1).reshape(n, height // 2, 2, width // 2, 2, channels)
    return blocks.transpose(2, 3).reshape(n, height // 2, width // 2, 4 * channels).permute(0, 3, 1, 2)
