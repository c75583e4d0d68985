"""SSGAN: the SN-GAN networks of networks/sngan.py with a rotation head on D's pooled features (Chen et al. 2019, arXiv 1811.11212; compare_gan, mimicry)."""

from networks import dist_gan, sngan
from networks.layers import glorot, spectral


def get_network(data_shape, n_classes, z_dim, width=128, gen_width=None, classes=4, **options):
    """{"gen", "disc"}; Phi are D's sum-pooled features, [N, width], and the class logits a spectrally normalised layer on them.

    classes: 4 rotations (5: and generated images, for MS-GAN; 0: no head). gen_width: 2 width by default. options: those of
    networks/resnet.py. Raises ValueError for sizes that are not multiples of 8.
    """
    nets = sngan.get_network(
        data_shape, n_classes, z_dim, width=width, gen_width=gen_width or 2 * width, **options
    )
    head = dist_gan.head(width, classes)
    return {
        "gen": nets["gen"],
        "disc": dist_gan.Discriminator(*nets["disc"].stages, head=head and spectral(glorot(head))),
    }
