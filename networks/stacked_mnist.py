"""The small networks of Stacked MNIST, 28x28 in three channels.

Metz et al. 2017 (Unrolled GAN), appendix; Tran et al. 2019, modules/net_dcgan.py of tntrung/msgan.
Differs from the original: images lie in [-1, 1] at both ends, and the generator ends in 2 sigmoid(a) - 1.
"""

import itertools

from torch import nn

from networks import dist_gan
from networks.layers import Maps, ScaledSigmoid, image_shape


def get_network(data_shape, n_classes, z_dim, width=8, k=4, classes=0):
    """{"gen", "enc", "disc"}; k = 4, 2 or 1 makes disc's first layer width / k maps wide.

    gen: dense to 8 width maps of 4x4, BN, ReLU; 5x5 transposed convolutions of stride 2 to 4 (cropped to
    7x7), 2 and 1 width, each BN, ReLU; 5x5 convolution, sigmoid. disc: 5x5 convolutions of stride 2 to w, 2
    w, 4 w, w = width / k, each LeakyReLU 0.2, no batch norm; Phi = 4 x 4 x 4 w = 512 / k values; logit and
    class logits are linear in it. enc: 5x5 convolutions of stride 2 to 1, 2, 4, 8 width, ReLU; dense to
    z_dim. classes: of the head, 4 or 5, 0 for none. data_shape: (C, 28, 28); n_classes is not used. Raises
    ValueError for another size, or a k that does not divide width.
    """
    channels, height, breadth = image_shape(data_shape, 1)
    if (height, breadth) != (28, 28):
        raise ValueError(f"images of {height}x{breadth} pixels: use 28x28 with this network")
    if type(k) is not int or k < 1 or width % k:
        raise ValueError(f"k={k!r}: must be a divisor of width={width}")
    w = width // k

    def up(wide, narrow, *crop):
        return nn.Sequential(
            dist_gan.deconv5(wide, narrow, bias=False), *crop, nn.BatchNorm2d(narrow), dist_gan.relu()
        )

    def down(narrow, wide, activation):
        return nn.Sequential(dist_gan.conv5(narrow, wide), activation())

    gen = nn.Sequential(
        dist_gan.normed(nn.Linear(z_dim, 8 * width * 16, bias=False), 8 * width * 16, dist_gan.relu()),
        Maps(8 * width, 4, 4),
        up(8 * width, 4 * width, dist_gan.Crop(7, 7)),
        up(4 * width, 2 * width),
        up(2 * width, width),
        nn.Conv2d(width, channels, 5, padding=2),
        ScaledSigmoid(),
    )
    widths = itertools.pairwise([channels, width, 2 * width, 4 * width, 8 * width])
    enc = nn.Sequential(
        *(down(a, b, dist_gan.relu) for a, b in widths),
        nn.Flatten(),
        nn.Linear(8 * width * 4, z_dim),
    )
    widths = itertools.pairwise([channels, w, 2 * w, 4 * w])
    disc = dist_gan.Discriminator(
        *(down(a, b, dist_gan.leaky) for a, b in widths),
        nn.Sequential(nn.Flatten(), nn.Linear(64 * w, 1), nn.Flatten(0)),
        head=dist_gan.head(64 * w, classes),
    )
    return {"gen": dist_gan.xavier(gen), "enc": dist_gan.xavier(enc), "disc": dist_gan.xavier(disc)}
