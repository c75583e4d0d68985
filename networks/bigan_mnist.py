"""The fully connected networks of BiGAN for MNIST: of the authors' code (jeffdonahue/bigan, mnist_mlp), and of the seed's code."""

import torch
from torch import nn

from networks.layers import Staged, choice, normal, to_maps

SLOPE = 0.2


def get_network(data_shape, n_classes, z_dim, variant="official", width=1024, squash=False):
    """{"gen", "enc", "disc"} for images of any shape, flattened: gen(z) -> [N, C, H, W] in [-1, 1], enc(x) -> [N, z_dim], disc(x, z) -> logits [N].

    variant "official": gen z, width (BN, ReLU), width (BN, ReLU; z enters again: W h + V z), pixels. enc: pixels, width (LeakyReLU), width (BN,
    LeakyReLU), z_dim. disc: x alone to width (LeakyReLU), width (W h + V z, BN, LeakyReLU), the logit. No layer has a bias, no BN a gain.
    Weights N(0, 0.02^2), those of the logit 0. Between the layers pixels lie in [0, 1], as there: enc and disc are given (x + 1) / 2, and gen gives
    2 sigmoid(a) - 1, which is tanh(a / 2).
    variant "seed": gen z, width (ReLU), width (BN, ReLU), pixels (tanh). enc as above. disc: (x, z) side by side, width, width (LeakyReLU
    each), the logit; no BN. Biases, the framework's initial weights, pixels in [-1, 1].
    squash: the code is 2 sigmoid(a) - 1, in (-1, 1), as the official code has it for a uniform z.
    enc is Staged: enc(x, stop=2) is the layer before the code. n_classes is not used. Raises ValueError for another variant.
    Donahue et al. 2017, appendix C.1, and its code.
    """
    choice("variant", variant, ("official", "seed"))
    pixels = data_shape[0] * data_shape[1] * data_shape[2]
    code = [FromUnit()] if squash else []
    if variant == "seed":
        gen = nn.Sequential(
            nn.Linear(z_dim, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            norm(width),
            nn.ReLU(inplace=True),
            nn.Linear(width, pixels),
            nn.Tanh(),
            Images(data_shape),
        )
        enc = Staged(
            nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), leaky()),
            nn.Sequential(nn.Linear(width, width), norm(width), leaky()),
            nn.Sequential(nn.Linear(width, z_dim), *code),
        )
        disc = SideBySide(
            nn.Sequential(
                nn.Linear(pixels + z_dim, width),
                leaky(),
                nn.Linear(width, width),
                leaky(),
                nn.Linear(width, 1),
                nn.Flatten(0),
            )
        )
        return {"gen": gen, "enc": enc, "disc": disc}
    gen = Reentering(
        nn.Sequential(linear(z_dim, width), norm(width), nn.ReLU(inplace=True)),
        z_dim,
        width,
        nn.ReLU(inplace=True),
        nn.Sequential(linear(width, pixels), FromUnit(), Images(data_shape)),
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
    """last(act(BN(W h + V z))), h = first(x): the latent z [N, z_dim] enters at the second layer. Called with x and z, or with z alone as both."""

    def __init__(self, first, z_dim, width, act, last):
        super().__init__()
        self.first, self.hidden, self.latent, self.norm, self.act, self.last = (
            first,
            linear(width, width),
            linear(z_dim, width),
            norm(width),
            act,
            last,
        )

    def forward(self, x, z=None):
        z = x if z is None else z
        return self.last(self.act(self.norm(self.hidden(self.first(x)) + self.latent(z))))


class SideBySide(nn.Module):
    """body([x, z]) for images x, flattened, and latents z."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x, z):
        return self.body(torch.cat([x.flatten(1), z], 1))


class ToUnit(nn.Module):
    """[-1, 1] -> [0, 1]."""

    def forward(self, x):
        return (x + 1) / 2


class FromUnit(nn.Module):
    """2 sigmoid(a) - 1 in (-1, 1)."""

    def forward(self, a):
        return torch.tanh(a / 2)


class Images(nn.Module):
    """[N, C H W] -> [N, C, H, W]."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, h):
        return to_maps(h, *self.shape)


def linear(inputs, outputs, std=0.02):
    """A layer without bias, its weights N(0, std^2)."""
    return normal(nn.Linear(inputs, outputs, bias=False), std)


def norm(width):
    """Batch norm without gain and bias."""
    return nn.BatchNorm1d(width, affine=False)


def leaky():
    return nn.LeakyReLU(SLOPE, inplace=True)
