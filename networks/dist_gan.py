"""What the networks of Dist-GAN, SSGAN and MS-GAN share: a discriminator with two heads, and layers.

Tran et al. 2018 (Dist-GAN, arXiv 1803.08887) and 2019 (MS-GAN, arXiv 1911.06997); their code, tntrung/gan and
tntrung/msgan.
"""

import torch.nn.functional as F
from torch import nn

from networks.layers import Staged, glorot

SLOPE = 0.2  # of every LeakyReLU in their code


class Discriminator(Staged):
    """A staged discriminator with a second head: class logits of Phi(x), the last hidden state, flattened.

    disc(x) are the logits [N]; disc.features(x) is Phi [N, m]; disc.rotation(x) are the class logits [N,
    classes]. To share one pass, take h = disc(x, stop=disc.layers - 1), then disc(h, start=disc.layers - 1)
    and disc.rotation(h, start=disc.layers - 1). head: a layer from m values to the classes, or None for no
    classes.
    """

    def __init__(self, *stages, head=None):
        super().__init__(*stages)
        self.head, self.classes = head, head.out_features if head is not None else 0

    def features(self, x):
        """Phi(x), [N, m], of images [N, C, H, W]."""
        return self(x, stop=self.layers - 1).flatten(1)

    def rotation(self, x, start=0):
        """Class logits [N, classes] of images or of h_start. Raises ValueError if there is no head."""
        if self.head is None:
            raise ValueError("classes=0: this discriminator has no classification head")
        return self.head(self(x, start=start, stop=self.layers - 1).flatten(1))


def head(features, classes):
    """The classification layer from `features` values to `classes` logits, or None for 0 of them."""
    if type(classes) is not int or classes < 0:
        raise ValueError(
            f"classes={classes!r}: use 0 (no head), 4 (rotations), 5 (rotations and generated) or 8 "
            "(rotations of both)"
        )
    return xavier(nn.Linear(features, classes)) if classes else None


class Crop(nn.Module):
    """The upper left height x width pixels of maps."""

    def __init__(self, height, width):
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x):
        """x [N, C, H, W] -> [N, C, height, width]."""
        # padding by negative numbers, as the gradient of a slice would be contiguous
        return F.pad(x, (0, self.width - x.shape[3], 0, self.height - x.shape[2]))


def xavier(net):
    """`net` with Xavier-uniform weights (Glorot and Bengio 2010) and biases 0, as in the original."""
    for layer in net.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            glorot(layer)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


def halved(size):
    """The side of maps after a convolution of stride 2 with half padding."""
    return -(-size // 2)


def conv5(in_channels, channels, bias=True):
    """5x5 convolution of stride 2: H -> ceil(H / 2)."""
    return nn.Conv2d(in_channels, channels, 5, stride=2, padding=2, bias=bias)


def deconv5(in_channels, channels, bias=True):
    """5x5 transposed convolution of stride 2: H -> 2 H."""
    return nn.ConvTranspose2d(in_channels, channels, 5, stride=2, padding=2, output_padding=1, bias=bias)


def normed(layer, features, activation):
    """layer, batch norm, activation."""
    norm = nn.BatchNorm1d if isinstance(layer, nn.Linear) else nn.BatchNorm2d
    return nn.Sequential(layer, norm(features), activation)


def relu():
    """ReLU, in place."""
    return nn.ReLU(inplace=True)


def leaky():
    """LeakyReLU of slope 0.2, in place."""
    return nn.LeakyReLU(SLOPE, inplace=True)
