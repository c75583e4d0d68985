"""The 64x64 networks for dSprites: Burgess et al. 2018 (arXiv 1804.03599), appendix A.1.

The discriminator is after Beckham et al. 2019.
"""

import itertools

from torch import nn

from networks.layers import Staged, image_shape, spectral, to_maps


def get_network(
    data_shape, n_classes, code=10, width=32, ndf=32, hidden=256, vae=False, spec_norm=True, probe=True
):
    """{"enc", "dec", "disc"}, and "probe" for data with labels.

    enc: four 4x4 convolutions of stride 2 to width maps, dense to hidden twice, ReLU after each, dense to the
    code [N, code]; vae: to 2 code values, means and log variances. dec: the same backwards, a tanh at its
    end. disc: four such convolutions to ndf maps, dense to hidden twice, ReLU, dense to the logit [N], all
    seven layers spectrally normalised (spec_norm=False: none). data_shape: (C, 64, 64), or other multiples
    of 16; raises ValueError for another. Weights are Kaiming normal (He et al. 2015), biases 0.
    Differs from the original: so are transposed convolutions, which it leaves at the framework's default.
    """
    channels, height, breadth = image_shape(data_shape, 16)
    start = (width, height // 16, breadth // 16)
    flat = start[0] * start[1] * start[2]
    nets = {
        "enc": Encoder(convolutions(channels, width), flat, hidden, code, vae),
        "dec": Decoder(code, hidden, start, channels),
    }
    if probe and n_classes:
        nets["probe"] = nn.Linear(code, n_classes)
    wrap = spectral if spec_norm else (lambda layer: layer)
    nets["disc"] = Staged(
        *convolutions(channels, ndf, wrap),
        nn.Sequential(nn.Flatten(), *dense(flat // width * ndf, hidden, hidden, wrap=wrap)),
        nn.Sequential(wrap(kaiming(nn.Linear(hidden, 1))), nn.Flatten(0)),
    )
    return nets


class Encoder(nn.Sequential):
    """Images to codes [N, code], or with vae to means and log variances [N, 2 code].

    The attributes variational and code_shape tell trainers which.
    """

    def __init__(self, stages, flat, hidden, code, vae):
        super().__init__(
            *stages,
            nn.Flatten(),
            *dense(flat, hidden, hidden),
            kaiming(nn.Linear(hidden, code * (1 + bool(vae)))),
        )
        self.variational, self.code_shape = bool(vae), (code,)


class Decoder(nn.Module):
    """Codes [N, code] to images in [-1, 1]."""

    def __init__(self, code, hidden, start, channels):
        super().__init__()
        self.start = start
        self.dense = nn.Sequential(*dense(code, hidden, hidden, start[0] * start[1] * start[2]))
        layers = []
        for _ in range(3):
            layers += [kaiming(nn.ConvTranspose2d(start[0], start[0], 4, 2, 1)), nn.ReLU(inplace=True)]
        layers += [kaiming(nn.ConvTranspose2d(start[0], channels, 4, 2, 1), "linear"), nn.Tanh()]
        self.maps = nn.Sequential(*layers)

    def forward(self, h):
        """h [N, code] -> images [N, C, H, W]."""
        return self.maps(to_maps(self.dense(h), *self.start))


def convolutions(channels, width, wrap=lambda layer: layer):
    """Four stages, each of which halves the image."""
    layers = [wrap(kaiming(nn.Conv2d(inputs, width, 4, 2, 1))) for inputs in (channels, width, width, width)]
    return [nn.Sequential(layer, nn.ReLU(inplace=True)) for layer in layers]


def dense(*sizes, wrap=lambda layer: layer):
    """Linear layers between the sizes, ReLU after each."""
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [wrap(kaiming(nn.Linear(a, b))), nn.ReLU(inplace=True)]
    return layers


def kaiming(layer, gain="relu"):
    """`layer` with weights N(0, gain^2 / fan_in) and bias 0.

    In a transposed convolution of stride 2 a pixel is reached by a quarter of the taps, and the fan-in counts
    those.
    """
    if getattr(layer, "transposed", False):
        fan_in = layer.weight[:, 0].numel() / 4
    else:
        fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, 0.0, nn.init.calculate_gain(gain) / fan_in**0.5)
    nn.init.zeros_(layer.bias)
    return layer
