"""Fully connected generators and discriminators, for points x [N, 1, 1, d] and for images."""

import math

import torch
from torch import nn

from networks.layers import Generator, Staged, at_least, choice, glorot, normal, spectral


class Maxout(nn.Module):
    """The maximum of each group of `pieces` units. Goodfellow et al. 2013."""

    def __init__(self, pieces):
        super().__init__()
        self.pieces = pieces

    def forward(self, h):
        """[N, units * pieces] -> [N, units]."""
        return h.unflatten(1, (-1, self.pieces)).amax(2)


class Fourier(nn.Module):
    """(x, sin 2 pi B x, cos 2 pi B x) with fixed B [n, d] ~ N(0, scale^2), in cycles per unit of x.

    Without such features a perceptron learns broad shapes long before narrow ones. Tancik et al. 2020,
    section 5.
    Differs from the paper: x itself is kept beside its features.
    """

    def __init__(self, d, n, scale):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(n, d) * (2 * math.pi * scale))

    def forward(self, x):
        """[N, d] -> [N, d + 2 n]."""
        phase = x @ self.frequencies.T
        return torch.cat([x, phase.sin(), phase.cos()], 1)


PIECES = 5  # of maxout, as in PacGAN
ACTIVATIONS = {
    "relu": lambda slope: nn.ReLU(inplace=True),
    "lrelu": lambda slope: nn.LeakyReLU(slope, inplace=True),
    "tanh": lambda slope: nn.Tanh(),
    "softplus": lambda slope: nn.Softplus(),
    "maxout": lambda slope: Maxout(PIECES),
}
OUTPUTS = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "linear": nn.Identity}
# None: the framework's default, U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for weights and biases
INITS = {
    None: lambda layer: layer,
    "glorot": lambda layer: zero_bias(glorot(layer)),
    "normal": normal,
    "he": lambda layer: zero_bias(he(layer)),
    "orthogonal": lambda layer: zero_bias(orthogonal(layer)),
}


def get_network(
    data_shape,
    z_dim,
    width=128,
    layers=3,
    gen_out="tanh",
    activation="lrelu",
    slope=0.2,
    init=None,
    gen_norm=False,
    spec_norm=False,
    disc_width=None,
    disc_layers=None,
    disc_activation=None,
    fourier=0,
    fourier_scale=1.0,
):
    """Perceptrons: gen z [N, z_dim] -> x [N, C, H, W], disc x -> logits [N] in `layers` + 1 stages.

    width, layers: units and number of hidden layers. disc_width, disc_layers, disc_activation: those of the
    discriminator, by default the generator's. gen_out: tanh (-1, 1), sigmoid (0, 1) or linear. activation:
    relu, lrelu (of `slope`), tanh, softplus, maxout (5 pieces for each unit). gen_norm: batch norm before
    each activation of the generator. spec_norm: spectral normalisation of all layers of the discriminator.
    init: of weights, None (the framework's), glorot (uniform), normal (deviation 0.02), he (N(0, 2 / fan_in))
    or orthogonal (gain 1.4, as in the released notebook of Metz et al. 2017); biases are 0 except with None.
    fourier: the number of random frequencies, with deviation fourier_scale in cycles per unit of x, whose
    sines and cosines the discriminator sees beside x. Raises ValueError for unknown values.

    The one-dimensional GANs of CS294-158: width=128 layers=3 slope=0.2 (2024), the defaults; width=256
    layers=3 slope=0.01 in the public code for the homework of 2020. PacGAN's two-dimensional GAN (Lin et al.
    2018, released code): width=400 layers=4 activation=relu gen_norm=True gen_out=linear init=normal
    disc_width=200 disc_layers=3 disc_activation=maxout.
    """
    disc_activation = disc_activation or activation
    activate = choice("activation", activation, ACTIVATIONS)
    activate_disc = choice("disc_activation", disc_activation, ACTIVATIONS)
    out = choice("gen_out", gen_out, OUTPUTS)
    initialise = choice("init", init, INITS)
    disc_width, disc_layers = disc_width or width, layers if disc_layers is None else disc_layers
    at_least(1, width=width, layers=layers, disc_width=disc_width, disc_layers=disc_layers)
    at_least(0, fourier=fourier)
    size = math.prod(data_shape)

    def hidden(inputs, units):
        # no bias before a batch norm, which would subtract it
        made = units * (PIECES if activation == "maxout" else 1)
        layer = initialise(nn.Linear(inputs, made, bias=not gen_norm))
        return [layer, *([nn.BatchNorm1d(made)] if gen_norm else []), activate(slope)]

    def stage(inputs, units):
        layer = initialise(nn.Linear(inputs, units * (PIECES if disc_activation == "maxout" else 1)))
        return nn.Sequential(spectral(layer) if spec_norm else layer, activate_disc(slope))

    units = [z_dim] + [width] * layers
    dense = [part for pair in zip(units, units[1:]) for part in hidden(*pair)]
    gen = Generator(nn.Sequential(*dense, initialise(nn.Linear(width, size))), tuple(data_shape), out())
    features = [nn.Flatten(), *([Fourier(size, fourier, fourier_scale)] if fourier else [])]
    stages = [stage(size + 2 * fourier if k == 0 else disc_width, disc_width) for k in range(disc_layers)]
    head = initialise(nn.Linear(disc_width, 1))
    last = nn.Sequential(spectral(head) if spec_norm else head, nn.Flatten(0))
    disc = Staged(nn.Sequential(*features, *stages[0]), *stages[1:], last)
    return {"gen": gen, "disc": disc}


def zero_bias(layer):
    """`layer` with bias 0."""
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def he(layer):
    """`layer` with weights N(0, 2 / fan_in) (He et al. 2015)."""
    nn.init.kaiming_normal_(layer.weight)
    return layer


def orthogonal(layer):
    """`layer` with weights 1.4 times an orthogonal matrix (Saxe et al. 2014)."""
    nn.init.orthogonal_(layer.weight, 1.4)
    return layer
