"""CycleGAN's networks for images of 64x64 pixels and more: residual translators and PatchGAN discriminators.

Zhu et al. 2017, section 4 and appendix 7.2; translator: Johnson et al. 2016; 70x70 PatchGAN: Isola et al. 2017, section 3.2.2.
"""

from torch import nn

from networks.layers import ResBlock, Staged, choice

NORMS = {"instance": nn.InstanceNorm2d, "batch": nn.BatchNorm2d}


def get_network(
    data_shape,
    n_classes,
    z_dim,
    data_shape_b=None,
    width=64,
    disc_width=None,
    blocks=None,
    strides=3,
    norm="instance",
    init_std=0.02,
):
    """gen_ab and gen_ba: `translator` of `blocks` residual blocks (by default 9 from 256 pixels on, else 6); disc_a and disc_b:
    `patch_discriminator`, logits [N, h, w], each of a patch of 70x70 pixels with strides=3.

    data_shape, data_shape_b: (C, H, W) of domains A and B (by default that of A), of one H and W, multiples of 4 from 64 on.
    width, disc_width: maps after the first convolution of a translator and (by default as many) a discriminator. norm:
    "instance" or "batch". init_std: weights N(0, init_std^2), or None for the framework's default. n_classes and z_dim are not
    used. Raises ValueError for other shapes or values.
    """
    blocks = blocks or (9 if min(data_shape[1:]) >= 256 else 6)
    return networks(
        data_shape,
        data_shape_b,
        64,
        init_std,
        lambda c_in, c_out: translator(c_in, c_out, width, blocks, norm),
        lambda channels: patch_discriminator(channels, disc_width or width, strides, norm),
    )


def networks(data_shape, data_shape_b, least, init_std, generator, discriminator):
    """The four roles, by generator(channels in, channels out) and discriminator(channels), for sides of `least` pixels or more."""
    a, b = data_shape, data_shape_b or data_shape
    if tuple(a[1:]) != tuple(b[1:]):
        raise ValueError(
            f"images of {a[1]}x{a[2]} pixels in A and {b[1]}x{b[2]} in B: translations keep the size, so the same would do"
        )
    if min(a[1:]) < least or a[1] % 4 or a[2] % 4:
        raise ValueError(
            f"images of {a[1]}x{a[2]} pixels: this network needs sides of {least} or more that are multiples of 4"
        )
    nets = {
        "gen_ab": generator(a[0], b[0]),
        "gen_ba": generator(b[0], a[0]),
        "disc_a": discriminator(a[0]),
        "disc_b": discriminator(b[0]),
    }
    if init_std is not None:
        for net in nets.values():
            net.apply(lambda layer: initialise(layer, init_std))
    return nets


def initialise(layer, std):
    """Convolutions' weights N(0, std^2) and biases 0, batch norms' scales N(1, std^2): the authors' code."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0.0, std)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, std)


def translator(c_in, c_out, width, blocks, norm="instance"):
    """Images [N, c_in, H, W] -> [N, c_out, H, W] in [-1, 1]; H and W multiples of 4.

    7x7 convolution to width maps; two 3x3 convolutions of stride 2 to 2 width and 4 width; `blocks` residual blocks; two
    transposed 3x3 convolutions back; 7x7 convolution; tanh. A norm and a ReLU follow each convolution but the last; the 7x7 ones and
    the residual blocks are padded by reflection.
    Differs from the authors' code: convolutions before a norm have no bias, which the norm would subtract.
    """

    def layer(conv, features):
        return [conv, choice("norm", norm, NORMS)(features), nn.ReLU(inplace=True)]

    def block(features):
        def conv():
            return [nn.ReflectionPad2d(1), nn.Conv2d(features, features, 3, bias=False)]

        return ResBlock(
            nn.Sequential(
                *conv(),
                choice("norm", norm, NORMS)(features),
                nn.ReLU(inplace=True),
                *conv(),
                choice("norm", norm, NORMS)(features),
            ),
            nn.Identity(),
        )

    layers = [nn.ReflectionPad2d(3), *layer(nn.Conv2d(c_in, width, 7, bias=False), width)]
    for features in (width, 2 * width):
        layers += layer(nn.Conv2d(features, 2 * features, 3, 2, 1, bias=False), 2 * features)
    layers += [block(4 * width) for _ in range(blocks)]
    for features in (2 * width, width):
        layers += layer(
            nn.ConvTranspose2d(2 * features, features, 3, 2, 1, output_padding=1, bias=False), features
        )
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, c_out, 7), nn.Tanh())


def patch_discriminator(channels, width, strides=3, norm="instance", norm_last=True, mean=False):
    """Images [N, channels, H, W] -> logits [N, h, w], one a patch; with `mean` their means [N]. Staged: one stage a convolution.

    4x4 convolutions with padding 1: `strides` of stride 2, to width maps and twice as many each time (8 width at most), one of
    stride 1 to as many again, one of stride 1 to the logit. LeakyReLU(0.2) after each but the last, a norm before it but for the
    first. norm_last: the norm of the last hidden layer too. A logit sees a patch of 16, 34, 70 pixels for strides 1, 2, 3.
    """
    widths = [width * min(2**k, 8) for k in range(strides + 1)]
    stages = [nn.Sequential(nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True))]
    for k in range(1, strides + 1):
        normed = norm_last or k < strides
        conv = nn.Conv2d(widths[k - 1], widths[k], 4, 2 if k < strides else 1, 1, bias=not normed)
        stages.append(
            nn.Sequential(
                conv,
                *([choice("norm", norm, NORMS)(widths[k])] if normed else []),
                nn.LeakyReLU(0.2, inplace=True),
            )
        )
    return Staged(*stages, nn.Sequential(nn.Conv2d(widths[-1], 1, 4, 1, 1), Logits(mean)))


class Logits(nn.Module):
    """[N, 1, h, w] -> [N, h, w], or with `mean` [N]."""

    def __init__(self, mean):
        super().__init__()
        self.mean = mean

    def forward(self, h):
        h = h.squeeze(1)
        return h.mean((1, 2)) if self.mean else h
