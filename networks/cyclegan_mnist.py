"""CycleGAN's networks for digits of 28x28 pixels: narrow translators, discriminators of small patches.

With five 4x4 convolutions, as for 256 pixels, the maps of a 28x28 image are 14, 7, 3, 2 and 1 wide, and the
last norm is over 2x2 values. Here two strides are the default: maps are 14, 7 and 6 wide, and there are 5x5
logits, each of a patch of 34 pixels, the image's border included.
"""

from networks.cyclegan import networks, patch_discriminator, translator


def get_network(
    data_shape,
    n_classes,
    z_dim,
    data_shape_b=None,
    width=16,
    disc_width=64,
    blocks=3,
    strides=2,
    norm="batch",
    disc_norm="instance",
    norm_last=True,
    mean=False,
    init_std=None,
):
    """gen_ab, gen_ba: `translator`s of networks/cyclegan.py; disc_a, disc_b: `patch_discriminator`s.

    data_shape, data_shape_b: (C, H, W) of domains A and B (by default that of A), with the same H and W,
    multiples of 4 from 16 on. strides=3 mean=True is the discriminator of a public course solution: five
    convolutions, and the mean of the logits, [N]. norm: of the translators; disc_norm, norm_last: of the
    discriminators. init_std: weights N(0, init_std^2), or None for the framework's default. n_classes and
    z_dim are not used. Raises ValueError for other shapes or values.
    """
    return networks(
        data_shape,
        data_shape_b,
        16,
        init_std,
        lambda c_in, c_out: translator(c_in, c_out, width, blocks, norm),
        lambda channels: patch_discriminator(channels, disc_width, strides, disc_norm, norm_last, mean),
    )
