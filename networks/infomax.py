"""InfoMax-GAN: the SN-GAN networks of networks/sngan.py with projections of D's local and global features.

Lee et al. 2021 (arXiv 2007.04589), and the code mimicry.
"""

from torch import nn

from networks import sngan
from networks.layers import ResBlock, Staged, at_least, glorot, spectral

LOCAL, GLOBAL = 3, 5  # layers of D: the third block's maps, and the sum of the fourth's


class Contrast(Staged):
    """A staged discriminator whose local and global features are projected to R dimensions."""

    def __init__(self, *stages, local, whole):
        super().__init__(*stages)
        self.local, self.whole = local, whole

    def contrast(self, x):
        """(l [N, R, P], g [N, R]) of images [N, C, H, W]: of P places of the third block, and of the pooled
        fourth."""
        maps = self(x, stop=LOCAL)
        return self.local(maps).flatten(2), self.whole(self(maps, start=LOCAL, stop=GLOBAL))


def get_network(data_shape, n_classes, z_dim, width=128, gen_width=None, dim=1024, **options):
    """{"gen", "disc"}; the places are those of maps of H/4 x W/4.

    A projection is layer(ReLU(layer(h))) + layer(h), of 1x1 convolutions or of linear layers, to `dim` values
    by way of `width`; all are spectrally normalised, Glorot with gain 1. gen_width: 2 width by default.
    options: those of networks/resnet.py. Raises ValueError for sizes that are not multiples of 8.
    """
    at_least(1, dim=dim)
    nets = sngan.get_network(
        data_shape, n_classes, z_dim, width=width, gen_width=gen_width or 2 * width, **options
    )
    disc = Contrast(
        *nets["disc"].stages,
        local=projection(lambda a, b: nn.Conv2d(a, b, 1), width, dim),
        whole=projection(nn.Linear, width, dim),
    )
    return {"gen": nets["gen"], "disc": disc}


def projection(layer, width, dim):
    """The residual projection of `width` features to `dim`; layer: function of both sizes."""
    new = lambda a, b: spectral(glorot(layer(a, b)))
    return ResBlock(nn.Sequential(new(width, width), nn.ReLU(), new(width, dim)), new(width, dim))
