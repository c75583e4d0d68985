"""SN-GAN for 32x32 images and z_dim 128.

Miyato et al. 2018, Table 4; released code pfnet-research/sngan_projection, *_32.py.
G 256 wide with 1x1 shortcuts, D 128 wide with identity shortcuts in stride-1 blocks and sum pooling, spectral
normalisation of every layer of D, Glorot initialisation with gain sqrt 2 (3x3 in blocks) and 1 (all else),
biases 0, no bias in the last layer. Options: those of resnet.get_network.
With --conditional=projection it is the network of Miyato and Koyama 2018 for 32x32: class batch norm in G's
blocks, and a spectrally normalised embedding of classes beside D's last layer.
Differs from the released code: one power iteration an update; batch norm's epsilon is 1e-5 (there: 2e-5).
"""

import functools

from networks import resnet

get_network = functools.partial(
    resnet.get_network,
    width=128,
    gen_width=256,
    spec_norm=True,
    bypass="identity",
    pool="sum",
    head_bias=False,
    gen_shortcut="conv",
    init="sngan",
)
