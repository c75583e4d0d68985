"""The fully connected MNIST networks of the semi-supervised experiments of Salimans et al. 2016.

arXiv 1606.03498; code openai/improved-gan.
Differs from the code: images lie in [-1, 1]; G ends in 2 sigmoid - 1, and D maps images back to [0, 1], so
that its noise is on the code's scale; data-dependent initialisation from one batch of unlabelled images
(there: 500 images).
"""

import itertools

from torch import nn

from networks.layers import (
    GaussianNoise,
    Generator,
    ScaledSigmoid,
    Staged,
    ToUnit,
    at_least,
    glorot,
    normal,
    unscaled,
    weight_norm,
)


def get_network(data_shape, n_classes, z_dim, width=1000, noise=(0.3, 0.5)):
    """Generator, and discriminator with K = n_classes logits [N, K].

    gen: z -> (z + 1) / 2, which is U(0, 1) with --z_dist=uniform; twice [dense width/2, batch norm without a
    scale, softplus]; dense to the pixels, weight norm, 2 sigmoid - 1.
    disc, in six stages: dense width, width/2, and three times width/4, each with weight norm of constant
    scale and ReLU; dense K, with weight norm of learned scale. Gaussian noise of deviation noise[0] on the
    pixels, in [0, 1], and of noise[1] before each further layer.
    data_shape: any (C, H, W). Raises ValueError for data without labels.
    """
    if not n_classes:
        raise ValueError("data without labels: use labelled images, as this network classifies")
    at_least(4, width=width)
    pair = isinstance(noise, (tuple, list)) and len(noise) == 2
    if not pair or not all(isinstance(std, (int, float)) and std >= 0 for std in noise):
        raise ValueError(f"noise={noise!r}: use two standard deviations, such as (0.3,0.5)")
    pixels = data_shape[0] * data_shape[1] * data_shape[2]

    def softplus(inputs, units):
        dense = glorot(nn.Linear(inputs, units, bias=False))
        return nn.Sequential(dense, unscaled(nn.BatchNorm1d(units, eps=1e-6)), nn.Softplus())

    def stage(inputs, units, std, *before):
        dense = weight_norm(normal(nn.Linear(inputs, units), 0.1), learn=False)
        return nn.Sequential(*before, GaussianNoise(std), dense, nn.ReLU(inplace=True))

    half = width // 2
    last = nn.Linear(half, pixels)
    nn.init.zeros_(glorot(last).bias)
    gen = Generator(
        nn.Sequential(ToUnit(), softplus(z_dim, half), softplus(half, half), weight_norm(last, std=None)),
        data_shape,
        ScaledSigmoid(),
    )
    units = [width, width // 2, width // 4, width // 4, width // 4]
    disc = Staged(
        stage(pixels, width, noise[0], nn.Flatten(), ToUnit()),
        *(stage(a, b, noise[1]) for a, b in itertools.pairwise(units)),
        nn.Sequential(GaussianNoise(noise[1]), weight_norm(normal(nn.Linear(units[-1], n_classes), 0.1))),
    )
    return {"gen": gen, "disc": disc}
