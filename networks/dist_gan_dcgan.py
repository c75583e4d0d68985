"""The DCGAN-like networks of Dist-GAN and MS-GAN for 28x28 (three layers), 32x32, 48x48 and 64x64 (four).

Tran et al. 2018, 2019; modules/net_dcgan.py of tntrung/msgan.
Differs from the original: images lie in [-1, 1] at both ends, and the generator ends in 2 sigmoid(a) - 1.
Where sizes do not halve evenly (28x28) the generator's maps are cropped from 8x8 to 7x7, as in the original's
Stacked MNIST networks (its MNIST network has a dense layer of 51 million weights there). 48x48, which it
lacks, follows the same rule.
"""

import itertools

from torch import nn

from networks import dist_gan
from networks.layers import Maps, ScaledSigmoid, choice, image_shape


def get_network(data_shape, n_classes, z_dim, width=64, classes=0, norm="batch"):
    """{"gen", "enc", "disc"} of L = 3 (up to 31 pixels) or 4 layers of 5x5 convolutions with stride 2.

    Layer i < L has width 2^i maps. enc: LeakyReLU 0.2 (28x28: ReLU) after each, batch norm in all but the
    first; dense to z_dim. gen: dense, BN, ReLU; transposed convolutions, each BN, ReLU; the last to the
    image, sigmoid. disc: as enc with LeakyReLU; Phi is its last maps, 4096 values for 28x28, 2048 for 32x32;
    logit and class logits are linear in it. classes: of the head, 4 or 5, 0 for none. norm: "batch" or None,
    in disc; with batch norm the gradient penalty of an example depends on the others.
    data_shape: (C, H, W), H and W of at least 16; n_classes is not used. Raises ValueError for smaller ones.
    """
    channels, height, breadth = image_shape(data_shape, 1)
    choice("norm", norm, ("batch", None))
    if min(height, breadth) < 16:
        raise ValueError(f"images of {height}x{breadth} pixels: use sides of at least 16 with this network")
    layers = 3 if min(height, breadth) < 32 else 4
    widths = [width * 2**i for i in range(layers)]
    sizes = [(height, breadth)]  # of the maps, from the image inwards
    for _ in range(layers):
        sizes.append(tuple(map(dist_gan.halved, sizes[-1])))
    flat = widths[-1] * sizes[-1][0] * sizes[-1][1]
    activation = dist_gan.relu if layers == 3 else dist_gan.leaky

    ups = []
    for i in reversed(range(layers)):
        ups.append(dist_gan.deconv5(widths[i], widths[i - 1] if i else channels, bias=i == 0))
        ups += crop(sizes[i + 1], sizes[i])
        ups += [nn.BatchNorm2d(widths[i - 1]), dist_gan.relu()] if i else [ScaledSigmoid()]
    gen = nn.Sequential(
        nn.Linear(z_dim, flat, bias=False),
        nn.BatchNorm1d(flat),
        dist_gan.relu(),
        Maps(widths[-1], *sizes[-1]),
        *ups,
    )
    enc = nn.Sequential(*down(channels, widths, activation, "batch"), nn.Flatten(), nn.Linear(flat, z_dim))
    disc = dist_gan.Discriminator(
        *down(channels, widths, dist_gan.leaky, norm),
        nn.Sequential(nn.Flatten(), nn.Linear(flat, 1), nn.Flatten(0)),
        head=dist_gan.head(flat, classes),
    )
    return {"gen": dist_gan.xavier(gen), "enc": dist_gan.xavier(enc), "disc": dist_gan.xavier(disc)}


def down(channels, widths, activation, norm):
    """Stages of convolutions of stride 2, with batch norm in all but the first."""

    def stage(a, b):
        if norm:
            return dist_gan.normed(dist_gan.conv5(a, b, bias=False), b, activation())
        return nn.Sequential(dist_gan.conv5(a, b), activation())

    first = nn.Sequential(dist_gan.conv5(channels, widths[0]), activation())
    return [first, *itertools.starmap(stage, itertools.pairwise(widths))]


def crop(size, wanted):
    """[Crop] where maps of twice `size` are larger than `wanted`, else []."""
    return [] if (2 * size[0], 2 * size[1]) == wanted else [dist_gan.Crop(*wanted)]
