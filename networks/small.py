"""A small convolutional pair for images of 8x8 to 32x32, quick to train on a CPU. Not a published network."""

from torch import nn

from networks.conditional import parts
from networks.layers import Conv3x3, image_shape, spectral


def get_network(
    data_shape, n_classes, z_dim, width=64, spec_norm=True, slope=0.1, fold=True, conditional=None
):
    """Generator with batch norm, discriminator without, two convolutions each.

    gen: dense to width maps of H/4 x W/4, BN, ReLU, doubling 3x3 convolution to width // 2 maps, BN, ReLU,
    doubling 3x3 convolution, tanh. disc, in four stages: 4x4 convolutions of stride 2 to width // 2 and to
    width maps, dense to 2 width, each with a LeakyReLU of `slope`; dense to the logit. spec_norm: spectral
    normalisation of every layer of D. fold: resampling folded into the convolutions. data_shape: (C, H, W), H
    and W multiples of 4. conditional: class batch norm in gen, and D's last stage as
    networks/conditional.py has it; else n_classes is not used. Raises ValueError for other sizes.
    """
    made = parts(conditional, n_classes)
    channels, height, breadth = image_shape(data_shape, 4)
    start = (width, height // 4, breadth // 4)
    flat = start[0] * start[1] * start[2]
    sn = spectral if spec_norm else (lambda layer: layer)

    def norm_relu(features):
        return made.sequential(made.batch_norm(features), nn.ReLU(inplace=True))

    def stage(layer):
        return nn.Sequential(sn(layer), nn.LeakyReLU(slope, inplace=True))

    # no biases before a batch norm, which would subtract them
    gen = made.generator(
        nn.Linear(z_dim, flat),
        start,
        made.sequential(
            norm_relu(width),
            Conv3x3(width, width // 2, "up", bias=False, fold=fold),
            norm_relu(width // 2),
            Conv3x3(width // 2, channels, "up", fold=fold),
            nn.Tanh(),
        ),
    )
    disc = made.staged(
        stage(nn.Conv2d(channels, width // 2, 4, 2, 1)),
        stage(nn.Conv2d(width // 2, width, 4, 2, 1)),
        nn.Sequential(nn.Flatten(), stage(nn.Linear(flat, 2 * width))),
        made.last(2 * width, sn),
    )
    return {"gen": gen, "disc": disc}
