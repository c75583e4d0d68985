"""The networks of PacGAN's Stacked MNIST tables: the DCGANs that packing is added to.

Lin et al. 2018 (arXiv 1712.04086), Tables 2 and 3; released code fjxmlzn/PacGAN, stacked_MNIST_experiments.
Convolutions that halve an even size are padded on the other side than TensorFlow's: a network here is the
mirror image of theirs.
"""

import itertools

from torch import nn

from networks.layers import Generator, Staged, ToUnit, choice, image_shape, normal

SIZES = (28, 14, 7, 4, 2)  # of the maps, from the image inwards


def get_network(data_shape, n_classes, z_dim, setting="unrolled", width=None, disc_width=None):
    """{"gen", "disc"} for 28x28 images, convolutions of stride 2 in both.

    setting="veegan", widths 64 and 64, 5x5 kernels, images in [0, 1]. disc: convolutions to 1, 2, 4, 8
    disc_width maps of 14, 7, 4, 2 pixels, BN in all but the first, LeakyReLU 0.2, dense. gen: dense to 8
    width maps of 2x2, BN, ReLU; transposed convolutions to 4, 2, 1 width maps, each BN, ReLU, and to the
    image, tanh. That tanh covers [-1, 1] on a scale where images lie in [0, 1], so on ours gen gives [-3, 1]
    in training, as there; in evaluation its images are clipped to [-1, 1].
    setting="unrolled", widths 8 and 2 (disc_width=4: the table's D of half G's width), 3x3 kernels, images in
    [-1, 1]. disc: convolutions to 1, 2, 4 disc_width maps, each BN, LeakyReLU 0.3, dense. gen: dense to 8
    width maps of 4x4, BN, ReLU; transposed convolutions to 4, 2, 1 width maps, each BN, ReLU; a convolution
    of stride 1 to the image, tanh.
    Weights N(0, 0.02^2), those of convolutions truncated at 0.04, biases 0. data_shape: (C, 28, 28);
    n_classes is not used. Raises ValueError for another size or setting.
    """
    channels, height, breadth = image_shape(data_shape, 1)
    if (height, breadth) != SIZES[:1] * 2:
        raise ValueError(f"images of {height}x{breadth} pixels: use 28x28 with this network")
    veegan = choice("setting", setting, {"veegan": True, "unrolled": False})
    width, disc_width = width or (64 if veegan else 8), disc_width or (64 if veegan else 2)
    kernel, depth = (5, 4) if veegan else (3, 3)
    start = (8 * width, SIZES[depth], SIZES[depth])

    def up(a, b, size, normed=True):
        doubled = 1 if size % 2 == 0 else 0  # 4 to 7 pixels is one less than twice
        layer = nn.ConvTranspose2d(a, b, kernel, 2, kernel // 2, output_padding=doubled)
        return [normal(layer), *(norm_relu(b) if normed else [])]

    widths = [8 * width, 4 * width, 2 * width, width]
    ups = [
        layer
        for (a, b), size in zip(itertools.pairwise(widths), SIZES[depth - 1 :: -1])
        for layer in up(a, b, size)
    ]
    if veegan:
        last = [*up(width, channels, SIZES[0], normed=False), nn.Tanh(), FromUnit()]
    else:
        last = [truncated(nn.Conv2d(width, channels, kernel, padding=1)), nn.Tanh()]
    flat = start[0] * start[1] * start[2]
    dense = normal(nn.Linear(z_dim, flat))
    gen = Generator(dense, start, nn.Sequential(*norm_relu(start[0]), *ups, *last))

    def down(a, b, *before, normed=True):
        layer = truncated(nn.Conv2d(a, b, kernel, 2, kernel // 2))
        norm = [nn.BatchNorm2d(b)] if normed else []
        return nn.Sequential(*before, layer, *norm, nn.LeakyReLU(0.2 if veegan else 0.3, inplace=True))

    widths = [disc_width * 2**i for i in range(depth)]
    first = down(channels, disc_width, *([ToUnit()] if veegan else []), normed=not veegan)
    dense = normal(nn.Linear(widths[-1] * SIZES[depth] ** 2, 1))
    disc = Staged(
        first,
        *itertools.starmap(down, itertools.pairwise(widths)),
        nn.Sequential(nn.Flatten(), dense, nn.Flatten(0)),
    )
    return {"gen": gen, "disc": disc}


class FromUnit(nn.Module):
    """2 u - 1: images of [0, 1] to [-1, 1]. In evaluation what lies outside is clipped."""

    def forward(self, u):
        """u [N, C, H, W] -> the same shape."""
        x = 2 * u - 1
        return x if self.training else x.clamp(-1, 1)


def norm_relu(features):
    """Batch norm and ReLU."""
    return nn.BatchNorm2d(features), nn.ReLU(inplace=True)


def truncated(layer, std=0.02):
    """`layer` with weights N(0, std^2) cut off at two deviations and bias 0."""
    nn.init.trunc_normal_(layer.weight, 0.0, std, -2 * std, 2 * std)
    nn.init.zeros_(layer.bias)
    return layer
