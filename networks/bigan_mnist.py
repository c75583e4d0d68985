"""The fully connected networks of BiGAN for MNIST, the authors' (jeffdonahue/bigan) and the seed's."""

import torch
from torch import nn

from networks.layers import Maps, ScaledSigmoid, Staged, ToUnit, choice, normal

SLOPE = 0.2


def get_network(data_shape, n_classes, z_dim, variant="official", width=1024, squash=False):
    """gen(z) -> images [N, C, H, W] in [-1, 1], enc(x) -> codes [N, z_dim], disc(x, z) -> logits [N].

    Images have any shape (C, H, W) and are flattened.
    variant "official": gen z, width (BN, ReLU), width (BN, ReLU; z enters again: W h + V z), pixels. enc:
    pixels, width (LeakyReLU), width (BN, LeakyReLU), z_dim. disc: x alone to width (LeakyReLU), width (W h +
    V z, BN, LeakyReLU), the logit. No layer has a bias, no BN a gain. Weights N(0, 0.02^2), but 0 for the
    logit. As in the authors' code, pixels lie in [0, 1] inside: enc and disc begin with (x + 1) / 2, gen ends
    with 2 sigmoid(a) - 1 = tanh(a / 2). variant "seed": gen z, width (ReLU), width (BN, ReLU), pixels (tanh).
    enc as above. disc: x and z concatenated, width, width (LeakyReLU each), the logit; no BN. Layers have
    biases and the framework's initial weights; pixels lie in [-1, 1] inside too.
    squash: the code is 2 sigmoid(a) - 1, in (-1, 1), as in the official code for a uniform z.
    enc is Staged: enc(x, stop=2) is the layer before the code. n_classes is not used. Raises ValueError for
    another variant.
    Donahue et al. 2017, appendix C.1, and its code.
    """
    choice("variant", variant, ("official", "seed"))
    pixels = data_shape[0] * data_shape[1] * data_shape[2]
    code = [ScaledSigmoid()] if squash else []
    if variant == "seed":
        gen = nn.Sequential(
            nn.Linear(z_dim, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            norm(width),
            nn.ReLU(inplace=True),
            nn.Linear(width, pixels),
            nn.Tanh(),
            Maps(*data_shape),
        )
        enc = Staged(
            nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), leaky()),
            nn.Sequential(nn.Linear(width, width), norm(width), leaky()),
            nn.Sequential(nn.Linear(width, z_dim), *code),
        )
        body = nn.Sequential(
            nn.Linear(pixels + z_dim, width),
            leaky(),
            nn.Linear(width, width),
            leaky(),
            nn.Linear(width, 1),
            nn.Flatten(0),
        )
        return {"gen": gen, "enc": enc, "disc": Concatenated(body)}
    gen = Reentering(
        nn.Sequential(linear(z_dim, width), norm(width), nn.ReLU(inplace=True)),
        z_dim,
        width,
        nn.ReLU(inplace=True),
        nn.Sequential(linear(width, pixels), ScaledSigmoid(), Maps(*data_shape)),
    )
    enc = Staged(
        nn.Sequential(nn.Flatten(), ToUnit(), linear(pixels, width), leaky()),
        nn.Sequential(linear(width, width), norm(width), leaky()),
        nn.Sequential(linear(width, z_dim), *code),
    )
    disc = Reentering(
        nn.Sequential(nn.Flatten(), ToUnit(), linear(pixels, width), leaky()),
        z_dim,
        width,
        leaky(),
        nn.Sequential(linear(width, 1, 0.0), nn.Flatten(0)),
    )
    return {"gen": gen, "enc": enc, "disc": disc}


class Reentering(nn.Module):
    """last(act(BN(W h + V z))) with h = first(x): the latent z [N, z_dim] enters at the second layer.

    Called with x and z (a discriminator), or with z alone in place of both (a generator).
    """

    def __init__(self, first, z_dim, width, act, last):
        super().__init__()
        self.first = first
        self.hidden, self.latent, self.norm = linear(width, width), linear(z_dim, width), norm(width)
        self.act, self.last = act, last

    def forward(self, x, z=None):
        """x [N, ...] and z [N, z_dim], by default x itself -> what `last` returns."""
        return self.last(self.features(x, x if z is None else z))

    def features(self, x, z):
        """The last hidden state [N, width] of x [N, ...] and z [N, z_dim]."""
        return self.act(self.norm(self.hidden(self.first(x)) + self.latent(z)))


HIDDEN = 4  # layers of the body up to the last hidden state


class Concatenated(nn.Module):
    """body([x, z]) for flattened images x and latents z."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x, z):
        """x [N, C, H, W] and z [N, z_dim] -> logits [N]."""
        return self.body[HIDDEN:](self.features(x, z))

    def features(self, x, z):
        """The last hidden state [N, width] of x [N, C, H, W] and z [N, z_dim]."""
        return self.body[:HIDDEN](torch.cat([x.flatten(1), z], 1))


def linear(inputs, outputs, std=0.02):
    """A layer without bias, its weights N(0, std^2)."""
    return normal(nn.Linear(inputs, outputs, bias=False), std)


def norm(width):
    """Batch norm without gain and bias."""
    return nn.BatchNorm1d(width, affine=False)


def leaky():
    """LeakyReLU of slope 0.2, in place."""
    return nn.LeakyReLU(SLOPE, inplace=True)
