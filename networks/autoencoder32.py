"""The 32x32 autoencoder of Berthelot et al. 2018 (ACAI) and the discriminator of Beckham et al. 2019."""

import math

import torch
from torch import nn

from networks.layers import Conv3x3, Staged, choice, glorot, image_shape, normal, spectral

SLOPE = 0.01


def get_network(
    data_shape,
    n_classes,
    code=32,
    width=16,
    scales=3,
    padding=0,
    norm="instance",
    spec_norm=True,
    output=None,
    probe=True,
    attributes=0,
    mixer_width=None,
    slope=SLOPE,
    fold=True,
):
    """{"enc", "dec", "disc"}, and "probe" for data with labels, "class_mixer" for `attributes` > 0.

    enc: 1x1 convolution to width maps; for s = 0, 1, 2 twice [3x3 convolution to width 2^s maps, norm,
    LeakyReLU 0.01], average pooling by 2; 3x3 to width 2^scales maps, norm, LeakyReLU; 3x3 to the code [N,
    code / 16, H / 8, W / 8] (32x32 images: 4x4 maps, so code is 32, 256 or 1024).
    dec: the same backwards with nearest-neighbour doubling. output: None (any range) or "tanh".
    disc: enc's stack without norm; the logit is the mean of its output. spec_norm: spectral normalisation of
    all its convolutions but the first, as the original has it.
    probe: a linear layer on the flat code. attributes: their number A. If it is not 0, disc has a second
    head, disc.attributes, a layer that is spectrally normalised if `spec_norm`, and class_mixer maps
    attributes [N, A] to a mask [N, maps of the code] in (0, 1), by hidden layers of mixer_width units (None:
    as many as the code has maps, as in the original).
    slope: of every LeakyReLU; AMR's code has 0.01, ACAI's 0.2.
    padding: of the first 1x1 convolutions, 0 or 1; "kyle" is 1, as in the original, where images grow to
    34x34 and lose a border row later. norm: "instance" or None. fold: doubling folded into the convolution
    after it. data_shape: (C, H, W), H and W multiples of 2^scales. Raises ValueError for another shape, code
    or option.
    Differs from the original: weights N(0, 1 / (1.04 fan_in)), biases 0, norm scales 1, in all networks
    (there: a wrong fan-in, scales with mean 0, and the discriminator left out); no bias before a norm.
    """
    channels, height, breadth = image_shape(data_shape, 2**scales)
    pad = choice("padding", padding, {0: 0, 1: 1, "kyle": 1})
    small = height // 2**scales, breadth // 2**scales
    positions = small[0] * small[1]
    if type(code) is not int or code < 1 or code % positions:
        raise ValueError(
            f"code={code!r}: must be a multiple of {positions}, the positions of a code of "
            f"{height}x{breadth} pixels"
        )
    latent = code // positions
    choice("norm", norm, ("instance", None))
    choice("output", output, ("tanh", None))
    enc = nn.Sequential(*encoder_stages(channels, latent, width, scales, pad, norm, slope=slope))
    nets = {"enc": enc, "dec": decoder(channels, latent, width, scales, norm, output, fold, slope)}
    if probe and n_classes:
        nets["probe"] = nn.Linear(code, n_classes)
    stages = encoder_stages(channels, latent, width, scales, pad, None, spec_norm, slope)
    nets["disc"] = Discriminator(stages, width * 2**scales, attributes, spec_norm)
    if attributes:
        nets["class_mixer"] = class_mixer(attributes, latent, mixer_width or latent)
    return nets


def encoder_stages(channels, latent, width, scales, pad, norm, spec_norm=False, slope=SLOPE):
    """A list of modules: one for each scale, then one for each of the two convolutions to the code."""
    wrap = spectral if spec_norm else (lambda layer: layer)
    stages, before = [], width
    for s in range(scales):
        features = width * 2**s
        layers = [scaled(nn.Conv2d(channels, width, 1, padding=pad))] if s == 0 else []
        layers += block(before, features, norm, wrap, slope=slope)
        layers += block(features, features, norm, wrap, slope=slope)
        stages.append(nn.Sequential(*layers, nn.AvgPool2d(2)))
        before = features
    stages.append(nn.Sequential(*block(before, width * 2**scales, norm, wrap, slope=slope)))
    stages.append(wrap(scaled(Conv3x3(width * 2**scales, latent))))
    return stages


def decoder(channels, latent, width, scales, norm, output, fold=True, slope=SLOPE):
    """Codes [N, latent, h, w] to images [N, channels, 2^scales h, 2^scales w]."""
    layers, before, resample = [], latent, None
    for s in reversed(range(scales)):
        features = width * 2**s
        layers += block(before, features, norm, resample=resample, fold=fold, slope=slope)
        layers += block(features, features, norm, slope=slope)
        before, resample = features, "up"
    layers += block(before, width, norm, resample="up", fold=fold, slope=slope)
    layers.append(scaled(Conv3x3(width, channels)))
    return nn.Sequential(*layers, *([nn.Tanh()] if output == "tanh" else []))


def block(before, features, norm=None, wrap=lambda layer: layer, resample=None, fold=True, slope=SLOPE):
    """3x3 convolution, norm, LeakyReLU."""
    convolution = wrap(scaled(Conv3x3(before, features, resample, bias=norm is None, fold=fold)))
    return [convolution] + ([InstanceNorm(features)] if norm else []) + [nn.LeakyReLU(slope, inplace=True)]


def scaled(layer):
    """`layer` with weights N(0, 1 / ((1 + 0.2^2) fan_in)) and bias 0: ACAI's code, for LeakyReLU 0.2."""
    return normal(layer, 1 / math.sqrt(1.04 * layer.weight[0].numel()))


class InstanceNorm(nn.Module):
    """nn.InstanceNorm2d(features, affine=True): each map of each example is normalised, scaled and shifted.

    nn.InstanceNorm2d leaves the channels-last layout. nn.GroupNorm(features, features) keeps it, but takes
    three to six times as long on a CPU, since it sums over the stride of the channels. Here sums over pixels
    are matrix products. It can be differentiated once only, so it is not for a discriminator with a gradient
    penalty.
    """

    def __init__(self, features, eps=1e-5):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.eps = eps

    def forward(self, x):
        """x [N, C, H, W] -> the same shape, channels-last."""
        return Normalise.apply(x, self.weight, self.bias, self.eps)


class Normalise(torch.autograd.Function):
    """y = c r w + b with c = x - mean x and r = (mean c^2 + eps)^(-1/2), means over pixels.

    The gradient is dx = r w (g - mean g - c r^2 mean(g c)), where g is the gradient of y.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, eps):
        """x [N, C, H, W], weight [C], bias [C] -> y [N, C, H, W], channels-last."""
        flat, pixels = rows(x), 1 / (x.shape[2] * x.shape[3])
        mean_of = x.new_full((x.shape[0], 1, flat.shape[1]), pixels)
        centred = flat - torch.bmm(mean_of, flat)
        root = torch.rsqrt(torch.bmm(mean_of, centred * centred) + eps)
        ctx.save_for_backward(centred, root, weight)
        y = torch.empty_like(x, memory_format=torch.channels_last)
        # out= into y itself: a view returned from here could not be changed in place afterwards
        torch.addcmul(bias, centred, root * weight, out=rows(y))
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        """The gradients of x, weight and bias, and None for eps."""
        centred, root, weight = ctx.saved_tensors
        flat, count = rows(grad), grad.shape[2] * grad.shape[3]
        mean_of = grad.new_full((len(grad), 1, count), 1 / count)
        mean, along = torch.bmm(mean_of, flat), torch.bmm(mean_of, flat * centred)
        dx = torch.addcmul(flat - mean, centred, along * root * root, value=-1).mul_(root * weight)
        dx = dx.unflatten(1, grad.shape[2:]).permute(0, 3, 1, 2)
        return dx, (along * root).sum((0, 1)) * count, mean.sum((0, 1)) * count, None


def rows(x):
    """[N, C, H, W] -> [N, H W, C]: a view if x is channels-last."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, x.shape[1])


class Discriminator(Staged):
    """The encoder's stages; the logit [N] is the mean of the last one's output.

    attributes: the number of logits of a second head, 0 for none; its dense layer is spectrally normalised
    with the rest of the network, as in the original.
    """

    def __init__(self, stages, features, attributes=0, spec_norm=True):
        super().__init__(*stages[:-1], nn.Sequential(stages[-1], MeanOfAll()))
        if attributes:
            layer = glorot(nn.Linear(features, attributes))
            self.head = nn.Sequential(Pooled(), spectral(layer) if spec_norm else layer)

    def attributes(self, x, start=0):
        """Attribute logits [N, A] of images or of h_start, linear in the means of the last hidden state."""
        return self.head(self(x, start=start, stop=self.layers - 1))


class MeanOfAll(nn.Module):
    """[N, ...] -> [N]."""

    def forward(self, h):
        """The mean over all but the first dimension."""
        return h.flatten(1).mean(1)


class Pooled(nn.Module):
    """[N, C, H, W] -> [N, C]."""

    def forward(self, h):
        """The mean over pixels."""
        return h.mean((2, 3))


def class_mixer(attributes, features, hidden):
    """Attributes [N, A] in {0, 1} -> mask [N, features] in (0, 1): three linear layers, ReLU, sigmoid.

    Differs from the original: no ReLU after the last linear layer, with which no mask is below 1/2.
    """
    return nn.Sequential(
        nn.Linear(attributes, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, features),
        nn.Sigmoid(),
    )
