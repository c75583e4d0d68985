"""The pipeline of ADA: random transformations of images [N, C, H, W], each applied with a probability.

Karras et al. 2020, "Training generative adversarial networks with limited data" (arXiv 2006.06676), appendix
B. An image goes through each transformation with probability (its strength) x p. A group of them is one
linear map: geometric ones are multiplied up and the image is sampled once, colour ones are one affine map of
its colours.
"""

import functools
import math

import torch
import torch.nn.functional as F
from torch import nn

from engine import accumulation
from engine.torch_private import grid_sample_transposed

# symlet-6 low-pass filter, by which images are up- and downsampled around the geometric map, and symlet-2, of
# which the filter bank is made (Daubechies 1992)
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
PAD = len(SYM6) // 4  # pixels that the map needs around the image, on each side

BLIT = {"flip": 1, "rotate90": 1, "shift": 1}
GEOMETRIC = {"scale": 1, "rotate": 1, "aniso": 1, "fraction": 1}
COLOR = {"brightness": 1, "contrast": 1, "lumaflip": 1, "hue": 1, "saturation": 1}

# the paper's sets by their names there, and that of R3GAN (Huang et al. 2024): {transformation: strength}
PIPES = {
    "blit": BLIT,
    "geom": GEOMETRIC,
    "color": COLOR,
    "filter": {"filter": 1},
    "noise": {"noise": 1},
    "cutout": {"cutout": 1},
    "bg": BLIT | GEOMETRIC,
    "bgc": BLIT | GEOMETRIC | COLOR,
    "bgcf": BLIT | GEOMETRIC | COLOR | {"filter": 1},
    "bgcfn": BLIT | GEOMETRIC | COLOR | {"filter": 1, "noise": 1},
    "bgcfnc": BLIT | GEOMETRIC | COLOR | {"filter": 1, "noise": 1, "cutout": 1},
    "r3gan": BLIT | GEOMETRIC | dict.fromkeys(COLOR, 0.5) | {"cutout": 1},
}


class Draws:
    """Random numbers for a batch: one an example, and whether it is transformed at all.

    x: images [N, C, H, W]; p: scalar tensor; constants: {name: tensor} of Pipe, on the device of x.
    """

    def __init__(self, x, p, generator, constants):
        self.constants = constants
        self.n, self.height, self.width = len(x), *x.shape[2:]
        self.p, self.generator, self.like = p, generator, {"dtype": x.dtype, "device": x.device}

    def uniform(self, *shape):
        """U(0, 1), [N, *shape]."""
        draw = lambda n: torch.rand(n, *shape, generator=self.generator, **self.like)
        return accumulation.rows(draw, self.n)

    def normal(self, *shape):
        """N(0, 1), [N, *shape]."""
        draw = lambda n: torch.randn(n, *shape, generator=self.generator, **self.like)
        return accumulation.rows(draw, self.n)

    def angle(self):
        """U(-pi, pi), [N]."""
        return (self.uniform() * 2 - 1) * math.pi

    def sometimes(self, value, otherwise, probability):
        """value [N, ...] with the probability, else `otherwise`; one decision an example."""
        chosen = self.uniform(*[1] * (value.ndim - 1)) < probability
        return torch.where(chosen, value, value.new_full((), otherwise))


# --- geometric maps: 3x3 matrices of homogeneous pixel coordinates about the image's centre, from the place
# in the result to the place in the image


def translated(x, y):
    """The result shows at a place what the image has (x, y) before it: [N, 3, 3]."""
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], -1).unflatten(-1, (3, 3))


def scaled(x, y):
    """The image stretched by x and y, [N]: [N, 3, 3]."""
    one = torch.ones_like(x)
    return torch.diag_embed(torch.stack([one / x, one / y, one], -1))


def rotated(angle):
    """The image turned by `angle` [N], from the axis of x towards that of y: [N, 3, 3]."""
    sin, cos, zero, one = angle.sin(), angle.cos(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], -1).unflatten(-1, (3, 3))


def flip(draws, strength):
    """Mirrored left to right or not, with probability 1/2 each."""
    mirrored = draws.sometimes((draws.uniform() * 2).floor(), 0, strength * draws.p)
    return scaled(1 - 2 * mirrored, torch.ones_like(mirrored))


def rotate90(draws, strength):
    """Turned by 0, 90, 180 or 270 degrees."""
    return rotated(draws.sometimes((draws.uniform() * 4).floor(), 0, strength * draws.p) * (math.pi / 2))


def shift(draws, strength):
    """Moved by whole pixels, U(-1/8, 1/8) of each side."""
    t = draws.sometimes((draws.uniform(2) * 2 - 1) * 0.125, 0, strength * draws.p)
    return translated((t[:, 0] * draws.width).round(), (t[:, 1] * draws.height).round())


def scale(draws, strength):
    """Stretched by 2^N(0, 0.2^2), both sides alike."""
    s = draws.sometimes((draws.normal() * 0.2).exp2(), 1, strength * draws.p)
    return scaled(s, s)


def rotate(draws, strength):
    """Turned by U(-pi, pi). It is drawn twice, before and after aniso: each with probability 1 - sqrt(1 -
    strength p), so that one of them is with probability strength p."""
    part = 1 - (1 - strength * draws.p).clamp(0, 1).sqrt()
    return rotated(draws.sometimes(draws.angle(), 0, part))


def aniso(draws, strength):
    """Stretched by s = 2^N(0, 0.2^2) across and 1/s along."""
    s = draws.sometimes((draws.normal() * 0.2).exp2(), 1, strength * draws.p)
    return scaled(s, 1 / s)


def fraction(draws, strength):
    """Moved by N(0, (1/8)^2) of each side."""
    t = draws.sometimes(draws.normal(2) * 0.125, 0, strength * draws.p)
    return translated(t[:, 0] * draws.width, t[:, 1] * draws.height)


GEOMETRY = {
    "flip": flip,
    "rotate90": rotate90,
    "shift": shift,
    "scale": scale,
    "rotate": rotate,
    "aniso": aniso,
    "rotate again": rotate,
    "fraction": fraction,
}


def sample(x, back, filter):
    """The images x [N, C, H, W] under the maps `back` [N, 3, 3], from places of the result to those of x.

    Mirrored at their borders as far as one side, upsampled by 2, sampled bilinearly, downsampled by 2; both
    with the symlet-6 filter [12], so that the identity gives x back. Differentiable twice.
    """
    n, channels, height, width = x.shape
    filter = filter / filter.sum()
    left, top, right, bottom = margins(back, width, height)
    x = F.pad(x, [left, right, top, bottom], mode="reflect")
    x = along_both(F.conv_transpose2d, x, 2 * filter, stride=2, padding=(len(SYM6) - 1) // 2)
    # to pixels of the finer, padded image: places are centres of pixels, and the centre has moved
    eye = torch.eye(3, dtype=x.dtype, device=x.device)
    moved, double, half = eye.clone(), 2 * eye, eye / 2
    moved[0, 2], moved[1, 2] = (left - right) / 2, (top - bottom) / 2
    double[2, 2] = half[2, 2] = 1
    finer, coarser = eye.clone(), eye.clone()
    finer[:2, 2], coarser[:2, 2] = -0.5, 0.5
    back = finer @ double @ moved @ back @ half @ coarser
    # then to -1 .. 1 across the image, as grid_sample has it
    size = [n, channels, 2 * (height + 2 * PAD), 2 * (width + 2 * PAD)]
    unit, pixels = eye.clone(), eye.clone()
    unit[0, 0], unit[1, 1] = 2 / x.shape[3], 2 / x.shape[2]
    pixels[0, 0], pixels[1, 1] = size[3] / 2, size[2] / 2
    grid = F.affine_grid((unit @ back @ pixels)[:, :2], size, align_corners=False)
    x = GridSample.apply(x, grid)
    return along_both(F.conv2d, x[:, :, 1:-1, 1:-1], filter, stride=2)


def margins(back, width, height):
    """How many pixels beyond the left, top, right and bottom border the maps reach, with the filters' own, at
    most a side less one. Where asking would make a device wait: that most."""
    if back.device.type != "cpu":
        return width - 1, height - 1, width - 1, height - 1
    x, y = (width - 1) / 2, (height - 1) / 2
    corners = back @ back.new_tensor([[-x, x, x, -x], [-y, -y, y, y], [1, 1, 1, 1]])
    far = torch.cat([(-corners).amax((0, 2))[:2], corners.amax((0, 2))[:2]])
    beyond = far + far.new_tensor([2 * PAD - x, 2 * PAD - y] * 2)
    most = far.new_tensor([width - 1, height - 1] * 2)
    return beyond.clamp(min=0).minimum(most).ceil().int().tolist()


def along_both(convolution, x, filter, padding=0, **options):
    """A convolution of each channel with the filter [k] along the last axis but one, and along the last."""
    channels = x.shape[1]
    for axis in (2, 3):
        shape = [1, -1] if axis == 3 else [-1, 1]
        weight = filter.view(1, 1, *shape).expand(channels, -1, -1, -1)
        pairs = {k: (1, v) if axis == 3 else (v, 1) for k, v in options.items()}
        pad = (0, padding) if axis == 3 else (padding, 0)
        x = convolution(x, weight, padding=pad, groups=channels, **pairs)
    return x


class GridSample(torch.autograd.Function):
    """F.grid_sample, bilinear, with zeros outside, of images and a constant grid; differentiable twice in the
    images, as penalties on slopes need it (torch's is once)."""

    @staticmethod
    def forward(ctx, x, grid):
        """x [N, C, H, W], grid [N, h, w, 2] in -1 .. 1 -> [N, C, h, w]."""
        ctx.save_for_backward(grid)
        ctx.size = x.shape
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    @staticmethod
    def backward(ctx, grad):
        """The transposed map."""
        (grid,) = ctx.saved_tensors
        return GridSampleTransposed.apply(grad, grid, ctx.size), None


class GridSampleTransposed(torch.autograd.Function):
    """The transpose of GridSample, a linear map of gradients; its own transpose is GridSample."""

    @staticmethod
    def forward(ctx, grad, grid, size):
        """grad [N, C, h, w] -> [N, C, H, W]."""
        ctx.save_for_backward(grid)
        return grid_sample_transposed(grad, grid, size)

    @staticmethod
    def backward(ctx, grad):
        """GridSample itself."""
        (grid,) = ctx.saved_tensors
        return GridSample.apply(grad, grid), None, None


# --- colour: 4x4 matrices of homogeneous colours (red, green, blue, 1)

LUMA = 1 / math.sqrt(3)  # each coordinate of the axis of grey


def luma(like):
    """The projection on the axis of grey, [4, 4]: v v^T, v = (1, 1, 1, 0) / sqrt(3)."""
    v = torch.full((4,), LUMA, **like)
    v[3] = 0
    return torch.outer(v, v)


def linear(matrix):
    """A 3x3 map of colours as a 4x4 one: [N, 4, 4]."""
    found = F.pad(matrix, (0, 1, 0, 1))
    found[:, 3, 3] = 1
    return found


def brightness(draws, strength):
    """All colours + N(0, 0.2^2)."""
    b = draws.sometimes(draws.normal() * 0.2, 0, strength * draws.p)
    found = torch.eye(4, **draws.like).repeat(draws.n, 1, 1)
    found[:, :3, 3] = b[:, None]
    return found


def contrast(draws, strength):
    """All colours x 2^N(0, 0.5^2): about 0, the middle of [-1, 1]."""
    c = draws.sometimes((draws.normal() * 0.5).exp2(), 1, strength * draws.p)
    return torch.diag_embed(torch.stack([c, c, c, torch.ones_like(c)], -1))


def lumaflip(draws, strength):
    """Light and dark exchanged, colours otherwise kept, or not, with probability 1/2 each: a reflection."""
    i = draws.sometimes((draws.uniform(1, 1) * 2).floor(), 0, strength * draws.p)
    return torch.eye(4, **draws.like) - 2 * luma(draws.like) * i


def hue(draws, strength):
    """Colours turned by U(-pi, pi) about the axis of grey (Rodrigues' formula)."""
    angle = draws.sometimes(draws.angle(), 0, strength * draws.p)[:, None, None]
    one = torch.eye(3, **draws.like)
    cross = LUMA * (one.roll(1, 0) - one.roll(1, 1))  # v x u = cross @ u
    axis = luma(draws.like)[:3, :3]
    return linear(angle.cos() * one + angle.sin() * cross + (1 - angle.cos()) * axis)


def saturation(draws, strength):
    """The part of a colour across the axis of grey x 2^N(0, 1)."""
    s = draws.sometimes(draws.normal(1, 1).exp2(), 1, strength * draws.p)
    axis = luma(draws.like)
    return axis + (torch.eye(4, **draws.like) - axis) * s


COLORS = {
    "brightness": brightness,
    "contrast": contrast,
    "lumaflip": lumaflip,
    "hue": hue,
    "saturation": saturation,
}
OF_COLOR = ("hue", "saturation")  # they leave grey images as they are


def recolor(x, maps):
    """The colours of x [N, 3, H, W], or the grey of [N, 1, H, W], under maps [N, 4, 4]."""
    if x.shape[1] == 1:  # grey is (g, g, g); the result's mean
        mean = maps[:, :3].mean(1, keepdim=True)
        factor, offset = mean[:, :, :3].sum(2, keepdim=True), mean[:, :, 3:]
        return x * factor[..., None] + offset[..., None]
    return (maps[:, :3, :3] @ x.flatten(2) + maps[:, :3, 3:]).view_as(x)


# --- filters, noise, cut-out


@functools.cache
def bank():
    """Four band-pass filters of symlet 2 as rows of an array [4, 43], which sum to the identity; float64."""
    low = torch.tensor(SYM2, dtype=torch.float64)
    high = low * torch.tensor([1.0, -1.0, 1.0, -1.0])
    low2, high2 = (convolve(h[None], h.flip(0))[0] / 2 for h in (low, high))
    rows = torch.eye(4, 1, dtype=torch.float64)
    for i in range(1, 4):
        finer = torch.zeros(4, 2 * rows.shape[1] - 1, dtype=torch.float64)
        finer[:, ::2] = rows
        rows = convolve(finer, low2)
        first = (rows.shape[1] - len(high2)) // 2
        rows[i, first : first + len(high2)] += high2
    return rows


def convolve(rows, filter):
    """The full convolution of each row of [n, k] with the filter [m]: [n, k + m - 1]."""
    return F.conv1d(rows[:, None], filter.flip(0)[None, None], padding=len(filter) - 1)[:, 0]


def filtered(x, draws, strength):
    """Each of four bands of frequencies x 2^N(0, 1), the expected power of an image kept."""
    filters, power = draws.constants["bank"], x.new_ones(4)
    power[0] = 10
    power = power / 13
    gains = x.new_ones(draws.n, len(filters))
    for i in range(len(filters)):
        band = x.new_ones(draws.n, len(filters))
        band[:, i] = draws.sometimes(draws.normal().exp2(), 1, strength * draws.p)
        gains = gains * band / (power * band.square()).sum(-1, keepdim=True).sqrt()
    n, channels, height, width = x.shape
    taps = (gains @ filters).repeat_interleave(channels, 0)
    pad = taps.shape[1] // 2
    x = F.pad(x.view(1, n * channels, height, width), [pad] * 4, mode="reflect")
    x = F.conv2d(x, taps[:, None, None, :], groups=n * channels)
    return F.conv2d(x, taps[:, None, :, None], groups=n * channels).view(n, channels, height, width)


def noisy(x, draws, strength):
    """x + s N(0, I), s ~ |N(0, 0.1^2)| an example."""
    std = draws.sometimes(draws.normal(1, 1, 1).abs() * 0.1, 0, strength * draws.p)
    return x + draws.normal(*x.shape[1:]) * std


def cutout(x, draws, strength):
    """x with a rectangle of half the sides set to 0, its centre uniform in the image."""
    size = draws.sometimes(x.new_full((draws.n, 1, 1, 1), 0.5), 0, strength * draws.p)
    centre = draws.uniform(2, 1, 1)
    inside = []
    for i, axis in enumerate((3, 2)):
        side = x.shape[axis]
        place = (torch.arange(side, dtype=x.dtype, device=x.device) + 0.5) / side
        near = (place - centre[:, i, 0]).abs() < size[:, 0, 0] / 2
        inside.append(near[:, None, None, :] if axis == 3 else near[:, None, :, None])
    return x * ~(inside[0] & inside[1])


BAND = 21  # pixels that the filters of bank() reach to each side
CORRUPTIONS = {"filter": filtered, "noise": noisy, "cutout": cutout}


class Pipe(nn.Module):
    """Transformations by their strengths, as PIPES has them: pipe(x, p, generator) -> T x.

    Its buffers are filters, which are on the device before the first step; checkpoints do not hold them.
    """

    def __init__(self, strengths):
        super().__init__()
        self.register_buffer("sym6", torch.tensor(SYM6), persistent=False)
        self.register_buffer("bank", bank().float(), persistent=False)
        self.geometry = [
            (f, strengths[n.split()[0]]) for n, f in GEOMETRY.items() if n.split()[0] in strengths
        ]
        self.colors = [(n, f, strengths[n]) for n, f in COLORS.items() if n in strengths]
        self.corruptions = [(f, strengths[n]) for n, f in CORRUPTIONS.items() if n in strengths]

    def forward(self, x, p, generator):
        """x: [N, C, H, W] in [-1, 1], C of 1 or 3 where colours are changed. p: scalar tensor, at least 0; as
        probabilities count, above 1 is 1."""
        constants = dict(self.named_buffers())
        if x.dtype == torch.float64:  # more digits than the buffers have
            constants = {"sym6": x.new_tensor(SYM6), "bank": bank().to(x)}
        draws = Draws(x, p, generator, constants)
        if self.geometry:
            maps = [function(draws, strength) for function, strength in self.geometry]
            x = sample(x, functools.reduce(torch.matmul, maps), constants["sym6"])
        colors = [(f, strength) for n, f, strength in self.colors if x.shape[1] > 1 or n not in OF_COLOR]
        if colors:
            maps = [function(draws, strength) for function, strength in colors]
            x = recolor(x, functools.reduce(lambda done, new: new @ done, maps))
        for function, strength in self.corruptions:
            x = function(x, draws, strength)
        return x
