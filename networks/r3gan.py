"""The networks of R3GAN: residual, without normalisation. Huang et al. 2024, "The GAN is dead; long live the
GAN! A modern GAN baseline" (arXiv 2501.05441), configuration E, as their code has it at 32x32 pixels."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from networks.layers import Staged, at_least, choice, image_shape

SLOPE = 0.2  # of LeakyReLU
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the variance through it


def get_network(
    data_shape,
    n_classes,
    z_dim,
    width=768,
    blocks=2,
    group_width=16,
    expansion=2,
    conditional=None,
    embedding=64,
):
    """{"gen", "disc"} for square images of s 2^k pixels, s = 4 .. 7, in k + 1 stages of `blocks` blocks on
    `width` maps.

    Block: x + conv1x1(act(gconv3x3(act(conv1x1 x)))), of expansion x width maps inside, in groups of
    group_width; act: bias and LeakyReLU 0.2. gen: a learned s x s basis times a linear map of z; stages, the
    next of twice the side; 1x1 convolution to the image, no tanh. disc: 1x1 convolution from the image;
    stages, the next of half the side; depthwise s x s convolution and a linear map to the logit. Resampling
    by [1, 3, 3, 1] filters. Weights N(0, gain^2 / fan-in), in blocks gain = sqrt(2 / 1.04) L^(-1/4) for L
    blocks, and 0 in their last layer.
    conditional="projection": gen is given [z, e_y], e_y of `embedding` numbers; the logit is <phi(x), v_y>,
    phi of `width` numbers. The defaults are those of the paper's code at 32x32, s = 4. Raises ValueError for
    another size.
    """
    at_least(1, width=width, blocks=blocks, group_width=group_width, expansion=expansion, embedding=embedding)
    choice("conditional", conditional, (None, "projection"))
    channels, height, breadth = image_shape(data_shape, 4)
    side, stages = height, 1
    while side >= 8 and side % 2 == 0:
        side, stages = side // 2, stages + 1
    if height != breadth or not 4 <= side <= 7:
        raise ValueError(f"images of {height}x{breadth} pixels: use square ones of 28, 32, 64, ... pixels")
    if expansion * width % group_width:
        raise ValueError(f"group_width={group_width}: must divide expansion x width = {expansion * width}")
    classes = n_classes if conditional else 0
    if conditional and not n_classes:
        raise ValueError("conditional=projection: the data have no labels")
    make = lambda: Block(width, expansion, group_width, stages * blocks)
    return {
        "gen": Generator(channels, side, z_dim, width, stages, blocks, make, classes, embedding),
        "disc": discriminator(channels, side, width, stages, blocks, make, classes),
    }


def scaled_normal(layer, gain=1.0):
    """The layer with weights N(0, gain^2 / fan-in) and biases 0."""
    with torch.no_grad():
        fan_in = layer.weight[0].numel()
        layer.weight.normal_(0, gain / math.sqrt(fan_in))
        if layer.bias is not None:
            layer.bias.zero_()
    return layer


def conv1x1(narrow, wide, gain=1.0, bias=False):
    """A 1x1 convolution."""
    return scaled_normal(nn.Conv2d(narrow, wide, 1, bias=bias), gain)


class Block(nn.Module):
    """x + conv1x1(act(gconv3x3(act(conv1x1 x)))), which begins as the identity.

    depth: the number of blocks in the network, by which the weights are scaled.
    """

    def __init__(self, width, expansion, group_width, depth):
        super().__init__()
        wide, gain = expansion * width, GAIN * depth**-0.25
        self.expand = conv1x1(width, wide, gain, bias=True)
        self.spatial = scaled_normal(nn.Conv2d(wide, wide, 3, padding=1, groups=wide // group_width), gain)
        self.reduce = conv1x1(wide, width, 0)

    def forward(self, x):
        """x [N, C, H, W] -> the same shape."""
        h = F.leaky_relu(self.expand(x), SLOPE)
        h = F.leaky_relu(self.spatial(h), SLOPE)
        return x + self.reduce(h)


class Resampling(nn.Module):
    """The filter [1, 3, 3, 1] / 8 along both axes; a constant, which checkpoints do not hold."""

    def __init__(self):
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("taps", torch.outer(taps, taps), persistent=False)

    def weight(self, x):
        """For each map of x [N, C, H, W]: [C, 1, 4, 4]."""
        return self.taps.expand(x.shape[1], 1, 4, 4)


class Upsample(Resampling):
    """Maps of twice the side, interpolated linearly between their pixels."""

    def forward(self, x):
        """x [N, C, H, W] -> [N, C, 2 H, 2 W]."""
        return F.conv_transpose2d(x, 4 * self.weight(x), stride=2, padding=1, groups=x.shape[1])


class Downsample(Resampling):
    """Maps of half the side, smoothed first."""

    def forward(self, x):
        """x [N, C, H, W] -> [N, C, H / 2, W / 2]."""
        return F.conv2d(x, self.weight(x), stride=2, padding=1, groups=x.shape[1])


class ClassTable(nn.Embedding):
    """A vector for each class, N(0, gain^2 / number of classes): of labels [N], or of shares of classes [N,
    K]."""

    def __init__(self, classes, features, gain=1.0):
        super().__init__(classes, features)
        nn.init.normal_(self.weight, 0, gain / math.sqrt(classes))

    def forward(self, y):
        """y int64 [N] or float [N, K] -> [N, features]."""
        return y @ self.weight if y.is_floating_point() else super().forward(y)


class Generator(nn.Module):
    """Images [N, C, H, W] of z [N, z_dim], and of classes with a table of them."""

    def __init__(self, channels, side, z_dim, width, stages, blocks, make, classes, embedding):
        super().__init__()
        self.table = ClassTable(classes, embedding) if classes else None
        self.basis = nn.Parameter(torch.randn(width, side, side))
        self.linear = scaled_normal(nn.Linear(z_dim + (embedding if classes else 0), width, bias=False))
        first = [make() for _ in range(blocks)]
        others = [part for _ in range(stages - 1) for part in (Upsample(), *(make() for _ in range(blocks)))]
        self.maps = nn.Sequential(*first, *others, conv1x1(width, channels))

    def forward(self, z, y=None):
        """z [N, z_dim], classes y int64 [N] or float [N, K] -> [N, C, H, W]."""
        if self.table is not None:
            z = torch.cat([z, self.table(y)], 1)
        return self.maps(self.basis * self.linear(z)[:, :, None, None])


class Features(nn.Sequential):
    """Maps [N, C, s, s] as numbers: a depthwise s x s convolution, then a linear map to [N, features]."""

    def __init__(self, side, width, features):
        super().__init__(
            scaled_normal(nn.Conv2d(width, width, side, groups=width, bias=False)),
            nn.Flatten(),
            scaled_normal(nn.Linear(width, features, bias=False)),
        )


class Projection(nn.Module):
    """<phi(x), v_y>, [N]: a logit with no part that classes share."""

    def __init__(self, body, classes, width):
        super().__init__()
        self.body, self.table = body, ClassTable(classes, width, 1 / math.sqrt(width))

    def forward(self, x, y):
        """x [N, C, s, s], classes y -> [N]."""
        return (self.body(x) * self.table(y)).sum(1)


class ConditionalStaged(Staged):
    """Staged, whose last stage is given classes: disc(x, y=y), disc(h, start=k, y=y)."""

    def forward(self, x, start=0, stop=None, y=None):
        """h_stop of x = h_start [N, ...], by default the logits [N] of classes y."""
        last = self.layers - 1
        h = super().forward(x, start, last if stop is None else stop)
        return h if stop is not None else self.stages[last](h, y)


def discriminator(channels, side, width, stages, blocks, make, classes):
    """disc: stages that halve the side, and the last, at s x s pixels."""
    parts = [
        [*([conv1x1(channels, width)] if i == 0 else []), *(make() for _ in range(blocks))]
        for i in range(stages)
    ]
    firsts = [nn.Sequential(*part, Downsample()) for part in parts[:-1]]
    if classes:
        last = Projection(nn.Sequential(*parts[-1], Features(side, width, width)), classes, width)
        return ConditionalStaged(*firsts, last)
    return Staged(*firsts, nn.Sequential(*parts[-1], Features(side, width, 1), nn.Flatten(0)))
