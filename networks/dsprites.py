"""The 64x64 networks for dSprites: Burgess et al. 2018 (arXiv 1804.03599), appendix A.1, with a discriminator after Beckham et al. 2019."""

from torch import nn

from networks.layers import Staged, image_shape, spectral, to_maps


def get_network(
    data_shape, n_classes, code=10, width=32, ndf=32, hidden=256, vae=False, spec_norm=True, probe=True
):
    """{"enc", "dec", "disc"}, and "probe" for data with labels.

    enc: four 4x4 convolutions of stride 2 to width maps, dense to hidden twice, ReLU after each, dense to the code [N, code];
    vae: to 2 code values, means and log variances. dec: the same backwards, a tanh at its end. disc: four such convolutions
    to ndf maps, spectrally normalised, dense to hidden twice, ReLU, dense to the logit [N]. data_shape: (C, 64, 64), or other
    multiples of 16; raises ValueError for another.
    Weights are Kaiming normal (He et al. 2015), biases 0; in transposed convolutions too, which the original leaves at the default.
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
        nn.Sequential(nn.Flatten(), *dense(flat // width * ndf, hidden, hidden)),
        nn.Sequential(kaiming(nn.Linear(hidden, 1)), nn.Flatten(0)),
    )
    return nets


class Encoder(nn.Sequential):
    """Images to codes [N, code], or to means and log variances [N, 2 code]; variational and code_shape say which."""

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
        layers = [
            part
            for _ in range(3)
            for part in (kaiming(nn.ConvTranspose2d(start[0], start[0], 4, 2, 1)), nn.ReLU(inplace=True))
        ]
        self.maps = nn.Sequential(
            *layers, kaiming(nn.ConvTranspose2d(start[0], channels, 4, 2, 1), "linear"), nn.Tanh()
        )

    def forward(self, h):
        return self.maps(to_maps(self.dense(h), *self.start))


def convolutions(channels, width, wrap=lambda layer: layer):
    """Four stages that halve the image."""
    return [
        nn.Sequential(
            wrap(kaiming(nn.Conv2d(channels if i == 0 else width, width, 4, 2, 1))), nn.ReLU(inplace=True)
        )
        for i in range(4)
    ]


def dense(*sizes):
    """Linear layers between the sizes, ReLU after each."""
    return [
        part for a, b in zip(sizes, sizes[1:]) for part in (kaiming(nn.Linear(a, b)), nn.ReLU(inplace=True))
    ]


def kaiming(layer, gain="relu"):
    """`layer` with weights N(0, gain^2 / fan_in) and bias 0; of a transposed convolution of stride 2, a quarter of its taps meet a pixel."""
    fan_in = (
        layer.weight[:, 0].numel() / 4 if getattr(layer, "transposed", False) else layer.weight[0].numel()
    )
    nn.init.normal_(layer.weight, 0.0, nn.init.calculate_gain(gain) / fan_in**0.5)
    nn.init.zeros_(layer.bias)
    return layer
