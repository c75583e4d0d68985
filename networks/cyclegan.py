"""CycleGAN's networks for images of 64x64 pixels and more: residual translators and PatchGAN discriminators.

Zhu et al. 2017, section 4 and appendix 7.2. Translator: Johnson et al. 2016. 70x70 PatchGAN: Isola et al.
2017, section 3.2.2.
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
    """gen_ab, gen_ba: `translator`s; disc_a, disc_b: `patch_discriminator`s with logits [N, h, w].

    data_shape, data_shape_b: (C, H, W) of domains A and B (by default that of A), with the same H and W,
    multiples of 4 from 64 on. width, disc_width: maps after the first convolution of a translator and (by
    default as many) of a discriminator. blocks: residual blocks of a translator, by default 9 from 256 pixels
    on, else 6. strides: a logit sees a patch of 70x70 pixels for 3. norm: "instance" or "batch". init_std:
    weights N(0, init_std^2), or None for the framework's default. n_classes and z_dim are not used. Raises
    ValueError for other shapes or values.
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
    """The four roles, built by generator(channels in, channels out) and discriminator(channels).

    least: the smallest side in pixels. Raises ValueError for smaller images, or domains of different sizes.
    """
    a, b = data_shape, data_shape_b or data_shape
    if tuple(a[1:]) != tuple(b[1:]):
        raise ValueError(
            f"images of {a[1]}x{a[2]} pixels in A and {b[1]}x{b[2]} in B: must be of the same size"
        )
    if min(a[1:]) < least or a[1] % 4 or a[2] % 4:
        raise ValueError(
            f"images of {a[1]}x{a[2]} pixels: sides must be multiples of 4, and at least {least}"
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

    7x7 convolution to width maps; two 3x3 convolutions of stride 2 to 2 width and 4 width; `blocks` residual
    blocks; two transposed 3x3 convolutions back; 7x7 convolution; tanh. A norm and a ReLU follow each
    convolution but the last. The 7x7 convolutions and the residual blocks are padded by reflection.
    Differs from the authors' code: convolutions before a norm have no bias, which the norm would subtract.
    """
    norm_layer = choice("norm", norm, NORMS)

    def layer(conv, features):
        return [conv, norm_layer(features), nn.ReLU(inplace=True)]

    def block(features):
        def conv():
            return [nn.ReflectionPad2d(1), nn.Conv2d(features, features, 3, bias=False), norm_layer(features)]

        return ResBlock(nn.Sequential(*conv(), nn.ReLU(inplace=True), *conv()), nn.Identity())

    layers = [nn.ReflectionPad2d(3), *layer(nn.Conv2d(c_in, width, 7, bias=False), width)]
    for features in (width, 2 * width):
        layers += layer(nn.Conv2d(features, 2 * features, 3, 2, 1, bias=False), 2 * features)
    layers += [block(4 * width) for _ in range(blocks)]
    for features in (2 * width, width):
        up = nn.ConvTranspose2d(2 * features, features, 3, 2, 1, output_padding=1, bias=False)
        layers += layer(up, features)
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, c_out, 7), nn.Tanh())


def patch_discriminator(channels, width, strides=3, norm="instance", norm_last=True, mean=False):
    """Images [N, channels, H, W] -> logits [N, h, w], one for each patch, or with `mean` their means [N].

    4x4 convolutions with padding 1, each a stage: `strides` of stride 2, the first to width maps, each
    further one to twice as many (8 width at most); one of stride 1, doubling once more; one of stride 1 to
    the logit. LeakyReLU(0.2) after each but the last. A norm before it, but not in the first, and in the last
    hidden layer only with norm_last. A logit sees a patch of 16, 34, 70 pixels for strides 1, 2, 3.
    """
    widths = [width * min(2**k, 8) for k in range(strides + 1)]
    stages = [nn.Sequential(nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True))]
    for k in range(1, strides + 1):
        normed = norm_last or k < strides
        conv = nn.Conv2d(widths[k - 1], widths[k], 4, 2 if k < strides else 1, 1, bias=not normed)
        norms = [choice("norm", norm, NORMS)(widths[k])] if normed else []
        stages.append(nn.Sequential(conv, *norms, nn.LeakyReLU(0.2, inplace=True)))
    return Staged(*stages, nn.Sequential(nn.Conv2d(widths[-1], 1, 4, 1, 1), Logits(mean)))


class Logits(nn.Module):
    """[N, 1, h, w] -> [N, h, w], or with `mean` [N]."""

    def __init__(self, mean):
        super().__init__()
        self.mean = mean

    def forward(self, h):
        """h [N, 1, h, w] -> logits."""
        h = h.squeeze(1)
        return h.mean((1, 2)) if self.mean else h
