"""The DCGAN-like networks of Dist-GAN and MS-GAN for 28x28 (three layers), 32x32, 48x48 and 64x64 (four).

Tran et al. 2018, 2019; modules/net_dcgan.py of tntrung/msgan.
Differs from the original: images lie in [-1, 1] at both ends, and the generator ends in 2 sigmoid(a) - 1.
48x48, which it lacks, follows the same rules.
"""

import itertools

from torch import nn

from networks import dist_gan
from networks.layers import Maps, ScaledSigmoid, choice, image_shape


def get_network(data_shape, n_classes, z_dim, width=64, classes=0, norm="batch", resize="crop"):
    """{"gen", "enc", "disc"} of L = 3 (up to 31 pixels) or 4 layers of 5x5 convolutions with stride 2.

    Layer i < L has width 2^i maps. enc: LeakyReLU 0.2 (28x28: ReLU) after each, batch norm in all but the
    first; dense to z_dim. gen: dense, BN, ReLU; transposed convolutions, each BN, ReLU; the last to the
    image, sigmoid. disc: as enc with LeakyReLU; Phi is its last maps, 4096 values for 28x28, 2048 for 32x32;
    logit and class logits are linear in it. classes: of the head, 4 or 5, 0 for none. norm: "batch" or None,
    in disc; with batch norm the gradient penalty of an example depends on the others. resize: where gen's
    maps do not double to the size they must have (8x8 to 7x7, for 28x28), their upper left part is taken
    ("crop", as in the original's Stacked MNIST networks), or a dense layer and a ReLU make them ("dense", as
    in its MNIST network: 51 million weights). data_shape: (C, H, W), H and W of at least 16; n_classes is not
    used. Raises ValueError for smaller ones.
    """
    channels, _, _ = image_shape(data_shape, 1)
    choice("norm", norm, ("batch", None))
    choice("resize", resize, ("crop", "dense"))
    widths, sizes = layout(data_shape, width)
    layers = len(widths)
    flat = widths[-1] * sizes[-1][0] * sizes[-1][1]

    ups = []
    for i in reversed(range(layers)):
        ups.append(dist_gan.deconv5(widths[i], widths[i - 1] if i else channels, bias=i == 0))
        doubled, wanted = (2 * sizes[i + 1][0], 2 * sizes[i + 1][1]), sizes[i]
        if doubled != wanted and resize == "crop":
            ups.append(dist_gan.Crop(*wanted))
        ups += [nn.BatchNorm2d(widths[i - 1]), dist_gan.relu()] if i else [ScaledSigmoid()]
        if doubled != wanted and resize == "dense":
            ups += dense(widths[i - 1], doubled, wanted)
    gen = nn.Sequential(
        nn.Linear(z_dim, flat, bias=False),
        nn.BatchNorm1d(flat),
        dist_gan.relu(),
        Maps(widths[-1], *sizes[-1]),
        *ups,
    )
    enc = encoder(data_shape, z_dim, width)
    disc = dist_gan.Discriminator(
        *down(channels, widths, dist_gan.leaky, norm),
        nn.Sequential(nn.Flatten(), nn.Linear(flat, 1), nn.Flatten(0)),
        head=dist_gan.head(flat, classes),
    )
    return {"gen": dist_gan.xavier(gen), "enc": dist_gan.xavier(enc), "disc": dist_gan.xavier(disc)}


def layout(data_shape, width):
    """(maps of each layer, sizes of the maps from the image inwards); raises ValueError for small images."""
    _, height, breadth = image_shape(data_shape, 1)
    if min(height, breadth) < 16:
        raise ValueError(f"images of {height}x{breadth} pixels: use sides of at least 16 with this network")
    widths = [width * 2**i for i in range(3 if min(height, breadth) < 32 else 4)]
    sizes = [(height, breadth)]
    for _ in widths:
        sizes.append(tuple(map(dist_gan.halved, sizes[-1])))
    return widths, sizes


def encoder(data_shape, z_dim, width):
    """The encoder, before its initialisation: images to codes [N, z_dim]; see get_network."""
    widths, sizes = layout(data_shape, width)
    flat = widths[-1] * sizes[-1][0] * sizes[-1][1]
    activation = dist_gan.relu if len(widths) == 3 else dist_gan.leaky
    return nn.Sequential(
        *down(data_shape[0], widths, activation, "batch"), nn.Flatten(), nn.Linear(flat, z_dim)
    )


def down(channels, widths, activation, norm):
    """Stages of convolutions of stride 2, with batch norm in all but the first."""

    def stage(a, b):
        if norm:
            return dist_gan.normed(dist_gan.conv5(a, b, bias=False), b, activation())
        return nn.Sequential(dist_gan.conv5(a, b), activation())

    first = nn.Sequential(dist_gan.conv5(channels, widths[0]), activation())
    return [first, *itertools.starmap(stage, itertools.pairwise(widths))]


def dense(features, size, wanted):
    """Maps of `size` to as many of the `wanted` size: a dense layer from all to all, ReLU."""
    a, b = features * size[0] * size[1], features * wanted[0] * wanted[1]
    return [nn.Flatten(), nn.Linear(a, b), dist_gan.relu(), Maps(features, *wanted)]
