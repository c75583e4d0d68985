"""The convolutional networks of Dist-GAN and MS-GAN for 32x32 and 48x48, after SN-GAN's Table 3.

Miyato et al. 2018; modules/net_sngan.py of tntrung/msgan, models_sngan.py of tntrung/gan.
Differs from the original: images lie in [-1, 1] at both ends, and the generator ends in 2 sigmoid(a) - 1.
"""

import itertools

from torch import nn

from networks import dist_gan, dist_gan_dcgan
from networks.layers import Maps, ScaledSigmoid, choice, image_shape, spectral


def get_network(
    data_shape, n_classes, z_dim, width=64, classes=0, spec_norm=False, encoder=None, slope=dist_gan.SLOPE
):
    """{"gen", "enc", "disc"}.

    encoder: "dcgan", that of networks/dist_gan_dcgan.py, which both codes take for CIFAR and ImageNet, or
    "mirror", which they take for STL-10: 3x3 convolution to 2 width maps, ReLU; 4x4 convolutions of stride 2
    to 4, 8, 16 width, each BN, LeakyReLU; dense to z_dim. None: "dcgan" for images of at most 32 pixels.
    slope: of the LeakyReLU of disc and of the mirrored encoder, 0.2 in tntrung/msgan, 0.1 in tntrung/gan.
    gen: dense to 16 width maps of H/8 x W/8, ReLU; 4x4 transposed convolutions of stride 2 to 8, 4, 2 width,
    each BN, ReLU; 3x3 convolution, sigmoid. disc, LeakyReLU after each: 3x3 to width, 4x4 of stride 2 to
    width, the same with 2 and 4 width, 3x3 to 8 width: Phi = 8192 values for 32x32, 18432 for 48x48; logit
    and class logits are linear in it. classes: of the head, 4 or 5, 0 for none. spec_norm: spectral
    normalisation of every layer of disc, as in SN-GAN; the original has none, in spite of its name.
    data_shape: (C, H, W), multiples of 8; n_classes is not used. Raises ValueError for others.
    """
    channels, height, breadth = image_shape(data_shape, 8)
    encoder = encoder or ("dcgan" if max(height, breadth) <= 32 else "mirror")
    choice("encoder", encoder, ("dcgan", "mirror"))
    start = 16 * width, height // 8, breadth // 8
    flat = start[0] * start[1] * start[2]
    ups = [16 * width, 8 * width, 4 * width, 2 * width]
    sn = spectral if spec_norm else (lambda layer: layer)

    gen = nn.Sequential(
        nn.Linear(z_dim, flat),
        dist_gan.relu(),
        Maps(*start),
        *(
            dist_gan.normed(nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), b, dist_gan.relu())
            for a, b in itertools.pairwise(ups)
        ),
        nn.Conv2d(ups[-1], channels, 3, padding=1),
        ScaledSigmoid(),
    )

    def leaky():
        return nn.LeakyReLU(slope, inplace=True)

    if encoder == "dcgan":
        enc = dist_gan_dcgan.encoder(data_shape, z_dim, width)
    else:
        enc = nn.Sequential(
            nn.Conv2d(channels, ups[-1], 3, padding=1),
            dist_gan.relu(),
            *(
                dist_gan.normed(nn.Conv2d(a, b, 4, 2, 1, bias=False), b, leaky())
                for a, b in itertools.pairwise(ups[::-1])
            ),
            nn.Flatten(),
            nn.Linear(flat, z_dim),
        )

    def stage(features, out, halves):
        layer = nn.Conv2d(features, out, 4, 2, 1) if halves else nn.Conv2d(features, out, 3, 1, 1)
        return nn.Sequential(sn(dist_gan.xavier(layer)), leaky())

    widths = [channels, width, width, 2 * width, 2 * width, 4 * width, 4 * width, 8 * width]
    stages = [stage(a, b, i % 2 == 1) for i, (a, b) in enumerate(itertools.pairwise(widths))]
    features = 8 * width * start[1] * start[2]
    head = dist_gan.head(features, classes)
    disc = dist_gan.Discriminator(
        *stages,
        nn.Sequential(nn.Flatten(), sn(dist_gan.xavier(nn.Linear(features, 1))), nn.Flatten(0)),
        head=head and sn(head),
    )
    return {"gen": dist_gan.xavier(gen), "enc": dist_gan.xavier(enc), "disc": disc}
