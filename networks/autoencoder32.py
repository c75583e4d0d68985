"""The 32x32 autoencoder of Berthelot et al. 2018 (ACAI) as Beckham et al. 2019 use it, with a spectrally normalised discriminator."""

import math

import torch
from torch import nn

from networks.layers import Conv3x3, Staged, choice, image_shape, normal, spectral

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
    fold=True,
):
    """{"enc", "dec", "disc"}, and "probe" for data with labels, "class_mixer" for `attributes` > 0.

    enc: 1x1 convolution to width maps; for s = 0, 1, 2 twice [3x3 convolution to width 2^s maps, norm, LeakyReLU 0.01], average
    pooling by 2; 3x3 to width 2^scales maps, norm, LeakyReLU; 3x3 to the code [N, code / 16, H / 8, W / 8] (32x32 images: 4x4
    maps, so code is 32, 256 or 1024). dec: the same backwards with nearest-neighbour doubling; output: None (any range) or "tanh".
    disc: enc's stack without norm, logit = mean of its output; spec_norm: of all its convolutions but the first, as the
    original has it. probe: a linear layer on the flat code. attributes: their number; then disc has a second head,
    disc.attributes, and class_mixer maps attributes [N, A] to a mask [N, maps of the code] in (0, 1).
    padding: of the first 1x1 convolutions; 0, or "kyle" for 1 as in the original, whose image grows to 34x34 and loses a border
    row later. norm: "instance", or None. fold: doubling folded into the convolution after it. data_shape: (C, H, W), multiples of 2^scales; raises ValueError for another.
    Differs from the original: weights N(0, 1 / (1.04 fan_in)), biases 0, norm scales 1, in all networks (there: a wrong fan-in,
    scales with mean 0, and the discriminator left out); no bias before a norm.
    """
    channels, height, breadth = image_shape(data_shape, 2**scales)
    pad = choice("padding", padding, {0: 0, 1: 1, "kyle": 1})
    small = height // 2**scales, breadth // 2**scales
    positions = small[0] * small[1]
    if type(code) is not int or code < 1 or code % positions:
        raise ValueError(
            f"code={code!r}: images of {height}x{breadth} pixels have codes of {positions} positions; a multiple of it would do"
        )
    latent = code // positions
    choice("norm", norm, ("instance", None))
    choice("output", output, ("tanh", None))
    nets = {
        "enc": nn.Sequential(*encoder_stages(channels, latent, width, scales, pad, norm)),
        "dec": decoder(channels, latent, width, scales, norm, output, fold),
    }
    if probe and n_classes:
        nets["probe"] = nn.Linear(code, n_classes)
    nets["disc"] = Discriminator(
        encoder_stages(channels, latent, width, scales, pad, None, spec_norm), width * 2**scales, attributes
    )
    if attributes:
        nets["class_mixer"] = class_mixer(attributes, latent)
    return nets


def encoder_stages(channels, latent, width, scales, pad, norm, spec_norm=False):
    """A list of modules: one a scale, then one for each of the code's two convolutions."""
    wrap = spectral if spec_norm else (lambda layer: layer)
    stages, before = [], width
    for s in range(scales):
        features = width * 2**s
        first = [scaled(nn.Conv2d(channels, width, 1, padding=pad))] if s == 0 else []
        stages.append(
            nn.Sequential(
                *first,
                *block(before, features, norm, wrap),
                *block(features, features, norm, wrap),
                nn.AvgPool2d(2),
            )
        )
        before = features
    return stages + [
        nn.Sequential(*block(before, width * 2**scales, norm, wrap)),
        wrap(scaled(Conv3x3(width * 2**scales, latent))),
    ]


def decoder(channels, latent, width, scales, norm, output, fold=True):
    """Code [N, latent, h, w] to images [N, channels, 2^scales h, 2^scales w]; fold: doubling folded into the convolution after it."""
    layers, before, resample = [], latent, None
    for s in reversed(range(scales)):
        features = width * 2**s
        layers += block(before, features, norm, resample=resample, fold=fold) + block(
            features, features, norm
        )
        before, resample = features, "up"
    layers += block(before, width, norm, resample="up", fold=fold) + [scaled(Conv3x3(width, channels))]
    return nn.Sequential(*layers, *([nn.Tanh()] if output == "tanh" else []))


def block(before, features, norm=None, wrap=lambda layer: layer, resample=None, fold=True):
    """3x3 convolution, norm, LeakyReLU."""
    convolution = wrap(scaled(Conv3x3(before, features, resample, bias=norm is None, fold=fold)))
    return [convolution] + ([InstanceNorm(features)] if norm else []) + [nn.LeakyReLU(SLOPE, inplace=True)]


def scaled(layer):
    """`layer` with weights N(0, 1 / ((1 + 0.2^2) fan_in)) and bias 0: ACAI's code, whose LeakyReLU has slope 0.2."""
    return normal(layer, 1 / math.sqrt(1.04 * layer.weight[0].numel()))


class InstanceNorm(nn.Module):
    """nn.InstanceNorm2d(features, affine=True): each map of each example to mean 0 and variance 1, then scale and shift.

    nn.InstanceNorm2d leaves channels-last, and nn.GroupNorm(features, features), which keeps it, takes three to six times as
    long on a CPU: it sums over the stride of the channels. Here sums over pixels are matrix products.
    Once differentiable: a penalty on a gradient would need another norm.
    """

    def __init__(self, features, eps=1e-5):
        super().__init__()
        self.weight, self.bias, self.eps = (
            nn.Parameter(torch.ones(features)),
            nn.Parameter(torch.zeros(features)),
            eps,
        )

    def forward(self, x):
        return Normalise.apply(x, self.weight, self.bias, self.eps)


class Normalise(torch.autograd.Function):
    """y = c (v + eps)^(-1/2) w + b with c = x - mean x, v = mean c^2 over pixels; dx = r w (g - mean g - c r^2 mean(g c)), r the root."""

    @staticmethod
    def forward(ctx, x, weight, bias, eps):
        flat, pixels = rows(x), 1 / (x.shape[2] * x.shape[3])
        mean_of = x.new_full((len(x), 1, flat.shape[1]), pixels)
        centred = flat - torch.bmm(mean_of, flat)
        root = torch.rsqrt(torch.bmm(mean_of, centred * centred) + eps)
        ctx.save_for_backward(centred, root, weight)
        y = torch.empty_like(x, memory_format=torch.channels_last)
        torch.addcmul(
            bias, centred, root * weight, out=rows(y)
        )  # no view, which could not be changed in place
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        centred, root, weight = ctx.saved_tensors
        flat, count = rows(grad), grad.shape[2] * grad.shape[3]
        mean_of = grad.new_full((len(grad), 1, count), 1 / count)
        mean, along = torch.bmm(mean_of, flat), torch.bmm(mean_of, flat * centred)
        dx = torch.addcmul(flat - mean, centred, along * root * root, value=-1).mul_(root * weight)
        return (
            dx.unflatten(1, grad.shape[2:]).permute(0, 3, 1, 2),
            (along * root).sum((0, 1)) * count,
            mean.sum((0, 1)) * count,
            None,
        )


def rows(x):
    """[N, C, H, W] -> [N, H W, C]: a view if x is channels-last."""
    return x.permute(0, 2, 3, 1).reshape(len(x), -1, x.shape[1])


class Discriminator(Staged):
    """Stages of the encoder; the logit [N] is the mean of what the last gives. attributes > 0: a second head of as many logits."""

    def __init__(self, stages, features, attributes=0):
        super().__init__(*stages[:-1], nn.Sequential(stages[-1], MeanOfAll()))
        if attributes:
            self.head = nn.Sequential(Pooled(), nn.Linear(features, attributes))

    def attributes(self, x, start=0):
        """Attribute logits [N, A] of images, or of the hidden state h_start: a linear layer on the last hidden state's means."""
        return self.head(self(x, start=start, stop=self.layers - 1))


class MeanOfAll(nn.Module):
    """[N, ...] -> [N]."""

    def forward(self, h):
        return h.flatten(1).mean(1)


class Pooled(nn.Module):
    """[N, C, H, W] -> [N, C]."""

    def forward(self, h):
        return h.mean((2, 3))


def class_mixer(attributes, features, hidden=64):
    """Attributes [N, A] in {0, 1} -> mask [N, features] in (0, 1): three linear layers, ReLU between them, sigmoid.

    Differs from the original: no ReLU after the last, with which no mask is below 1/2.
    """
    return nn.Sequential(
        nn.Linear(attributes, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, features),
        nn.Sigmoid(),
    )
