"""Perceptrons with an encoder, for the toy experiments with points [N, 1, 1, d].

Tran et al. 2018; distgan_toy1d and distgan_toy2d of tntrung/gan.

1-D: width=4 layers=1 gen_out=linear init=glorot. 2-D: width=128 layers=3 gen_out=tanh init=he. z_dim is d in
both.
"""

import math

from torch import nn

from networks import dist_gan, mlp
from networks.layers import choice


def get_network(
    data_shape,
    z_dim,
    width=128,
    layers=3,
    gen_out="tanh",
    activation="relu",
    init="he",
    variational=False,
    discs=1,
    fourier=0,
    fourier_scale=1.0,
):
    """{"gen", "disc"} of networks/mlp.py, with the same initial weights, "enc", and "disc_recon" for discs=2.

    enc: points -> codes [N, z_dim], or with variational=True [N, 2 z_dim], means and then log variances; as
    wide and deep as gen. fourier, fourier_scale: features of x that the discriminators see beside it. These,
    the other options, and what is raised: see networks/mlp.py.
    """
    options = {"width": width, "layers": layers, "activation": activation, "init": init}
    seen = {"fourier": fourier, "fourier_scale": fourier_scale}
    nets = mlp.get_network(data_shape, z_dim, gen_out=gen_out, **options, **seen)
    codes = z_dim * (2 if variational else 1)
    encoder = mlp.get_network((codes, 1, 1), math.prod(data_shape), gen_out="linear", **options)["gen"]
    nets["enc"] = nn.Sequential(nn.Flatten(), encoder, nn.Flatten())
    nets["disc"] = dist_gan.Discriminator(*nets["disc"].stages)
    if choice("discs", discs, (1, 2)) == 2:
        nets["disc_recon"] = mlp.get_network(data_shape, z_dim, **options, **seen)["disc"]
    return nets
