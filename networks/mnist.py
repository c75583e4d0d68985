"""The MNIST networks of InfoGAN (Chen et al. 2016, appendix C.1), without its code and its second head.

GAN mixup's networks/mnist.py names them but imports modules that it lacks.
Differs from that code: LeakyReLU 0.1, as in the paper, not 0.2; every layer's output can be mixed, not the
flattened maps only; the sigmoid is in the loss; no bias where batch norm would subtract it.
"""

from torch import nn

from networks.layers import Generator, Staged, choice, image_shape, normal


def get_network(data_shape, n_classes, z_dim, width=64, dense_width=1024, norm="batch"):
    """Generator and discriminator of two strided layers each, N(0, 0.02^2) weights; made for 28x28.

    gen: dense 1024, dense 2 width x H/4 x W/4, 4x4 transposed convolutions of stride 2 to width and to C,
    tanh; BN and ReLU between. disc, in four stages: 4x4 convolutions of stride 2 to width and to 2 width,
    dense 1024, dense 1; LeakyReLU 0.1 between, batch norm in the second and third (norm=None: none).
    data_shape: (C, H, W), H and W multiples of 4; n_classes is not used. Raises ValueError for other sizes or
    norms.
    """
    channels, height, breadth = image_shape(data_shape, 4)
    choice("norm", norm, ("batch", None))
    start = (2 * width, height // 4, breadth // 4)
    flat = start[0] * start[1] * start[2]

    def relu(layer, norm_layer):
        return nn.Sequential(normal(layer), norm_layer, nn.ReLU(inplace=True))

    def leaky(layer, norm_layer=None):
        return nn.Sequential(normal(layer), norm_layer or nn.Identity(), nn.LeakyReLU(0.1, inplace=True))

    gen = Generator(
        nn.Sequential(
            relu(nn.Linear(z_dim, dense_width, bias=False), nn.BatchNorm1d(dense_width)),
            relu(nn.Linear(dense_width, flat, bias=False), nn.BatchNorm1d(flat)),
        ),
        start,
        nn.Sequential(
            relu(nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width)),
            normal(nn.ConvTranspose2d(width, channels, 4, 2, 1)),
            nn.Tanh(),
        ),
    )
    disc = Staged(
        leaky(nn.Conv2d(channels, width, 4, 2, 1)),
        leaky(nn.Conv2d(width, 2 * width, 4, 2, 1, bias=not norm), norm and nn.BatchNorm2d(2 * width)),
        nn.Sequential(
            nn.Flatten(),
            leaky(nn.Linear(flat, dense_width, bias=not norm), norm and nn.BatchNorm1d(dense_width)),
        ),
        nn.Sequential(normal(nn.Linear(dense_width, 1)), nn.Flatten(0)),
    )
    return {"gen": gen, "disc": disc}
