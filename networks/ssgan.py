"""SSGAN: the SN-GAN networks of networks/sngan.py with a rotation head on D's pooled features.

Chen et al. 2019 (arXiv 1811.11212), and the codes compare_gan and mimicry.
"""

from networks import dist_gan, sngan
from networks.layers import glorot, spectral


def get_network(data_shape, n_classes, z_dim, width=128, gen_width=None, classes=4, **options):
    """{"gen", "disc"}; Phi is D's sum-pooled features, [N, width].

    The class logits are a spectrally normalised linear layer on Phi. classes: 4 (rotations), 5 (and generated
    images, for MS-GAN), 8 (rotations of both kinds, for SSGAN-LA) or 0 (no head). gen_width: 2 width by
    default. options: those of networks/resnet.py.
    Raises ValueError for sizes that are not multiples of 8.
    """
    gen_width = gen_width or 2 * width
    nets = sngan.get_network(data_shape, n_classes, z_dim, width=width, gen_width=gen_width, **options)
    head = dist_gan.head(width, classes)
    disc = dist_gan.Discriminator(*nets["disc"].stages, head=head and spectral(glorot(head)))
    return {"gen": nets["gen"], "disc": disc}
