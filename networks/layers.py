"""Blocks that the networks share: staged discriminators, convolutions with resampling folded in, spectral normalisation."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrize import register_parametrization


class Staged(nn.Module):
    """A discriminator as a list of stages, h_k = stage_k(h_{k-1}), h_0 = x; the last stage gives the logits [N].

    disc(x) are the logits, disc(x, stop=k) is h_k, disc(h, start=k) goes on from h_k, so that
    disc(disc(x, stop=k), start=k) = disc(x). `layers` is the number of k that can be asked for: 0 .. layers - 1.
    Raises ValueError for any other k, and for stop < start.
    """

    def __init__(self, *stages):
        super().__init__()
        self.stages = nn.ModuleList(stages)

    @property
    def layers(self):
        return len(self.stages)

    def forward(self, x, start=0, stop=None):
        for name, k in (("start", start), ("stop", stop)):
            if k is not None and not 0 <= k < self.layers:
                raise ValueError(
                    f"{name}={k}: this network offers the layers 0 to {self.layers - 1} (0 is its input)"
                )
        if stop is not None and stop < start:
            raise ValueError(f"stop={stop} comes before start={start}")
        for stage in itertools.islice(
            self.stages, start, stop
        ):  # indexing them costs more than a small layer's arithmetic
            x = stage(x)
        return x

    def prepare(self, x):
        """Data-dependent start from images x [N, C, H, W], of layers that have one."""
        data_dependent_start(self, x)


class Generator(nn.Module):
    """x = maps(reshape(dense(z))), from z [N, z_dim] to images [N, C, H, W] in [-1, 1].

    dense: module from [N, z_dim] to [N, c * h * w]; start: the shape (c, h, w) it is given; maps: module from
    [N, c, h, w] to the images, a tanh at its end.
    """

    def __init__(self, dense, start, maps):
        super().__init__()
        self.dense, self.start, self.maps = dense, start, maps

    def forward(self, z):
        return self.maps(to_maps(self.dense(z), *self.start))

    def prepare(self, noise):
        """Data-dependent start of layers that have one; noise(n) draws z [n, z_dim]."""
        data_dependent_start(self, lambda: noise(100))


class ReferenceGenerator(Generator):
    """A Generator with virtual batch norm: its reference batch, a constant z [n, z_dim] in the checkpoint, runs in front of every batch.

    x_i depends on z_i and the reference alone. Reference activations are those of the current weights, and carry gradients.
    prepare(noise) draws the reference from the noise that the generator is trained with; before that it is N(0, I).
    Salimans et al. 2016, section 3.5.
    """

    def __init__(self, dense, start, maps, z_dim, references):
        super().__init__(dense, start, maps)
        if type(references) is not int or references < 1:
            raise ValueError(f"references={references!r}: a reference batch of 1 or more would do")
        self.register_buffer("reference", torch.randn(references, z_dim))

    def forward(self, z):
        return super().forward(torch.cat([self.reference.to(z.dtype), z]))[len(self.reference) :]

    def prepare(self, noise):
        self.reference.copy_(noise(len(self.reference)))
        super().prepare(noise)


class ResBlock(nn.Module):
    """residual(x) + shortcut(x), two modules whose outputs have one shape (He et al. 2016)."""

    def __init__(self, residual, shortcut):
        super().__init__()
        self.residual, self.shortcut = residual, shortcut

    def forward(self, x):
        return self.residual(x) + self.shortcut(x)


class GlobalPool(nn.Module):
    """The mean or the sum of each map: [N, C, H, W] -> [N, C]. Raises ValueError for any other `reduce`."""

    def __init__(self, reduce="mean"):
        super().__init__()
        self.reduce = choice("pool", reduce, {"mean": torch.mean, "sum": torch.sum})

    def forward(self, h):
        return self.reduce(h, dim=(2, 3))


def to_maps(h, channels, height, width):
    """[N, channels * height * width] -> [N, channels, height, width], channels-last in memory.

    A plain reshape of a dense layer's output is contiguous, and what follows would keep that slower layout
    wherever no convolution changes it.
    """
    return h.reshape(len(h), channels, height, width).contiguous(memory_format=torch.channels_last)


# Resampling folded into convolution


class Conv3x3(nn.Conv2d):
    """3x3 convolution with padding 1; resample="down" averages 2x2 pixels after it, "up" doubles pixels before it.

    x [N, C, H, W] -> [N, out, H, W], [N, out, H // 2, W // 2] ("down") or [N, out, 2 H, 2 W] ("up"). With fold=True
    the convolution runs at the smaller of the two sizes, strided or transposed, and sums over 2x2 windows do the rest: a
    quarter of the products, equal to the plain form (fold=False) but for rounding, odd sizes included. The parameters are
    those of the 3x3 convolution either way. Raises ValueError for any other `resample`.
    Differs from the fold known since Karras et al. 2018 (released code, fused_scale): there a 4x4 kernel made of four shifts
    of the 3x3 one, 16 products in place of these 9.
    """

    def __init__(self, in_channels, out_channels, resample=None, bias=True, fold=True):
        super().__init__(in_channels, out_channels, 3, padding=1, bias=bias)
        choice("resample", resample, (None, "down", "up"))
        self.resample, self.fold = resample, fold

    def forward(self, x):
        if self.resample and self.fold:
            return (conv_down if self.resample == "down" else conv_up)(x, self.weight, self.bias)
        if self.resample == "up":
            x = F.interpolate(x, scale_factor=2)
        y = super().forward(x)
        return F.avg_pool2d(y, 2) if self.resample == "down" else y

    def extra_repr(self):
        return f"{super().extra_repr()}, resample={self.resample!r}, fold={self.fold}"


def conv_down(x, weight, bias=None):
    """avg_pool2d(conv2d(x, weight, bias, padding=1), 2) as the mean of each pixel with its right and lower neighbours, then a convolution of stride 2.

    x [N, C, H, W], weight [out, C, 3, 3], bias [out] -> [N, out, H // 2, W // 2]. Convolutions commute, so the mean may come first:
    m = avg_pool2d(x, 2, stride=1, padding=1) [N, C, H + 1, W + 1], whose border holds the means with the padding.
    """
    return F.conv2d(F.avg_pool2d(x, 2, stride=1, padding=1), weight, bias, stride=2)


def conv_up(x, weight, bias=None):
    """conv2d(interpolate(x, scale_factor=2), weight, bias, padding=1) as a transposed convolution of stride 2, then the sum of each 2x2 window.

    x [N, C, H, W], weight [out, C, 3, 3], bias [out] -> [N, out, 2 H, 2 W]. Doubling pixels is spreading them apart with zeros between, then summing 2x2
    windows; the sum may come last. The kernel is flipped, input channels first, as transposed convolutions have them; each of a window's four pixels
    brings a quarter of the bias.
    """
    y = F.conv_transpose2d(
        x, weight.flip(2, 3).transpose(0, 1), None if bias is None else bias / 4, stride=2
    )  # [N, out, 2 H + 1, 2 W + 1]
    return F.avg_pool2d(y, 2, stride=1, divisor_override=1)


# Spectral normalisation


class SpectralNorm(nn.Module):
    """W / sigma, sigma = u^T W v, with W as a matrix (out, rest) and u, v its first singular vectors by power iteration.

    weight: [out, ...], at least two dimensions. Buffers u [out] and v [rest], constants in the gradient.
    Miyato et al. 2018, Algorithm 1. Differs from the paper: 15 iterations at construction (as torch's own), so that sigma
    is right from the first step.

    The first forward in training mode after `refresh()` does the one power iteration, and those that follow share its
    W / sigma, graph included, until the next refresh() or until the weight is seen to have changed: one step's forwards
    cost one normalisation. A forward that records a graph after one that did not (no_grad) computes its own from the same
    u and v. Evaluation and inference mode compute from u and v as they are, and neither iterate nor keep anything.
    Between two calls of refresh() only one backward pass may go through the weights unless it retains the graph, since it
    frees the shared part. Until refresh() is called for the first time (a user's plain loop) nothing is shared: every
    forward in training mode iterates, as torch's own spectral norm does.
    """

    def __init__(self, weight):
        super().__init__()
        for name, size in (("u", len(weight)), ("v", weight[0].numel())):
            self.register_buffer(name, F.normalize(weight.new_empty(size).normal_(), dim=0))
        for _ in range(15):
            self.iterate(weight)
        self.shares, self.shared, self.shared_for = False, None, None

    def refresh(self):
        """Forget W / sigma: the next forward in training mode iterates once and computes it anew."""
        self.shares, self.shared, self.shared_for = True, None, None

    @torch.no_grad()
    def iterate(self, weight):
        """One power iteration, in place: v <- W^T u / |W^T u|, u <- W v / |W v|."""
        matrix = weight.flatten(1)
        self.v.copy_(F.normalize(torch.mv(matrix.t(), self.u), dim=0))
        self.u.copy_(F.normalize(torch.mv(matrix, self.v), dim=0))

    def normalised(self, weight):
        """W / (u^T W v) from u and v as they are. The copies keep a graph valid when the next iteration overwrites them."""
        return weight / torch.dot(self.u.clone(), torch.mv(weight.flatten(1), self.v.clone()))

    def forward(self, weight):
        if not torch.is_autocast_enabled(weight.device.type):
            return self.current(weight)
        with torch.autocast(weight.device.type, enabled=False):  # sigma to half precision would not be sigma
            return self.current(weight)

    def current(self, weight):
        """W / sigma: shared by the forwards of a step, as said above."""
        if not self.training or torch.is_inference_mode_enabled():
            return self.normalised(weight)
        # catches a loaded or moved weight; not every update, as fused optimisers leave the version as it is
        version = (weight.data_ptr(), weight._version)
        if not self.shares or version != self.shared_for:
            self.iterate(weight)
            self.shared, self.shared_for = None, version
        recorded = torch.is_grad_enabled() and weight.requires_grad
        if self.shared is None or (recorded and not self.shared.requires_grad):
            self.shared = self.normalised(weight)
        return self.shared if recorded else self.shared.detach()

    def __getstate__(self):
        return {
            **self.__dict__,
            "shared": None,
            "shared_for": None,
        }  # a copy shares no graph (and could not copy one)


def spectral(layer):
    """`layer` (convolution, linear or embedding) with its weight spectrally normalised; initialise it before.

    The parameter is kept as parametrizations.weight.original, with u and v beside it as parametrizations.weight.0.u and .v.
    Raises ValueError for a transposed convolution (its weight is not (out, rest)) and for a layer without a weight matrix.
    """
    weight = getattr(layer, "weight", None)
    if weight is None or weight.ndim < 2 or getattr(layer, "transposed", False):
        raise ValueError(
            f"spectral normalisation is for layers with a weight [out, ...], not {type(layer).__name__}"
        )
    # unsafe: no check of shapes, whose call would be a power iteration more
    register_parametrization(layer, "weight", SpectralNorm(weight.detach()), unsafe=True)
    return layer


# Normalisation by a reference batch, weight normalisation, and starting from data


class VirtualBatchNorm(nn.Module):
    """gamma (x - mu) / sqrt(eps + var) + beta, with statistics of a reference batch and, by a share of 1 / (n + 1), of x itself.

    x: [n + N, C, ...], the n reference examples first (ReferenceGenerator puts them there); same shape out. Reference examples are
    normalised by their own statistics, over batch and space. The others: mean mu = w mu_x + (1 - w) mu_R, mean square
    s = w s_x + (1 - w) s_R, w = 1 / (n + 1), mu_x and s_x those of the one example over space (without space x and x^2), and var = s - mu^2,
    computed as w var_x + (1 - w) var_R + w (1 - w) (mu_x - mu_R)^2, which is the same and never negative.
    gamma ~ N(1, 0.02^2), beta = 0. Salimans et al. 2016, section 3.5, and openai/improved-gan (eps, shares).
    """

    def __init__(self, features, references, eps=1e-5):
        super().__init__()
        self.references, self.eps = references, eps
        self.weight, self.bias = (
            nn.Parameter(1 + 0.02 * torch.randn(features)),
            nn.Parameter(torch.zeros(features)),
        )

    def forward(self, x):
        n, space, x = (
            self.references,
            tuple(range(2, x.ndim)),
            x.to(self.weight.dtype),
        )  # statistics in float32, as batch norm's
        reference, own = x.split([n, len(x) - n])
        var_r, mean_r = torch.var_mean(reference, (0, *space), correction=0, keepdim=True)
        var_x, mean_x = (
            torch.var_mean(own, space, correction=0, keepdim=True) if space else (torch.zeros_like(own), own)
        )
        w = 1 / (n + 1)
        mean = torch.lerp(mean_r.expand_as(mean_x), mean_x, w)
        var = w * var_x + (1 - w) * var_r + w * (1 - w) * (mean_x - mean_r).square()
        gamma, beta = (p.reshape(-1, *[1] * len(space)) for p in (self.weight, self.bias))
        parts = []
        for part, mu, v in ((reference, mean_r, var_r), (own, mean, var)):
            scale = gamma * (v + self.eps).rsqrt()
            parts.append(part * scale + (beta - mu * scale))
        return torch.cat(parts)


class WeightNorm(nn.Module):
    """scale v / |v|, one |v| and one scale an output: the parametrisation of a weight v. Salimans and Kingma 2016, eq. 2.

    dim: the weight's dimension of outputs. learn: whether the scale is trained. std: of the outputs after a data-dependent start; None: no such
    start.
    """

    def __init__(self, outputs, dim, std=1.0, learn=True):
        super().__init__()
        self.dim, self.std = dim, std
        self.scale = nn.Parameter(torch.ones(outputs), requires_grad=learn)

    def forward(self, v):
        norm = torch.linalg.vector_norm(v, dim=[d for d in range(v.ndim) if d != self.dim], keepdim=True)
        return v * (self.scale.reshape(norm.shape) / norm.clamp(min=1e-6))

    @torch.no_grad()
    def set_scale(self, layer, y):
        """Sets the scale, and the layer's bias, so that these outputs y [N, C, ...] of it have mean 0 and deviation std; returns those.

        Salimans and Kingma 2016, section 3: the bias must be 0 before.
        """
        mean, deviation = (
            y.transpose(0, 1).flatten(1).mean(1),
            y.transpose(0, 1).flatten(1).std(1, correction=0),
        )
        factor = torch.where(deviation > 1e-6, self.std / deviation, 1.0)  # a constant output tells no scale
        self.scale *= factor
        layer.bias.copy_(-mean * factor)
        shape = (-1, *[1] * (y.ndim - 2))
        return y * factor.reshape(shape) + layer.bias.reshape(shape)


def weight_norm(layer, std=1.0, learn=True):
    """`layer` (convolution, transposed or not, or linear, with a bias) with a WeightNorm weight."""
    dim = 1 if getattr(layer, "transposed", False) else 0
    register_parametrization(
        layer, "weight", WeightNorm(layer.weight.shape[dim], dim, std, learn), unsafe=True
    )
    return layer


def starts(layer):
    """The data-dependent start of a layer, (inputs, output) -> the output that goes on; None where it has none."""
    norm = (
        layer.parametrizations.weight[0]
        if hasattr(layer, "parametrizations") and "weight" in layer.parametrizations
        else None
    )
    if isinstance(norm, WeightNorm) and norm.std is not None:
        return lambda inputs, output: norm.set_scale(layer, output)
    if hasattr(layer, "start_from"):
        return lambda inputs, output: (layer.start_from(*inputs), layer.forward(*inputs))[1]
    return None


def data_dependent_start(net, x):
    """One forward pass of `net` on x, in which each layer sets what it starts from data, on inputs from layers that have done so.

    x: the net's input, or a function that gives it. Does nothing, and draws nothing, where no layer has such a start.
    """
    hooks = {layer: start for layer in net.modules() if (start := starts(layer))}
    if not hooks:
        return
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output: hooks[layer](inputs, output))
        for layer in hooks
    ]
    try:
        with torch.no_grad():
            net(x() if callable(x) else x)
    finally:
        for handle in handles:
            handle.remove()


class ToUnit(nn.Module):
    """(x + 1) / 2: [-1, 1] to [0, 1]."""

    def forward(self, x):
        return (x + 1) / 2


class GaussianNoise(nn.Module):
    """x + std e, e ~ N(0, I), in training mode; x otherwise."""

    def __init__(self, std):
        super().__init__()
        self.std = std

    def forward(self, x):
        return x + self.std * torch.randn_like(x) if self.training else x

    def extra_repr(self):
        return f"std={self.std}"


# Initialisation, and checks of options


def glorot(layer, gain=1.0):
    """`layer` with weights U(-a, a), a = gain sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010); its bias is left.

    gain None leaves the weights too, with the framework's default.
    """
    if gain is not None:
        nn.init.xavier_uniform_(layer.weight, gain)
    return layer


def normal(layer, std=0.02):
    """`layer` with weights N(0, std^2) and bias 0 (Radford et al. 2016, section 4)."""
    nn.init.normal_(layer.weight, 0.0, std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def normal_norm(norm, std=0.02):
    """A norm layer with scale N(1, std^2) and shift 0 (Radford et al. 2016's code)."""
    nn.init.normal_(norm.weight, 1.0, std)
    return norm


def unscaled(norm):
    """A norm layer whose scale stays 1: it learns a shift alone."""
    norm.weight.requires_grad_(False)
    return norm


def choice(option, value, choices):
    """choices[value] of a dict, or `value` itself of a tuple; raises ValueError with the choices if it is not there."""
    if value not in choices:
        raise ValueError(f"{option}={value!r}: choose one of {', '.join(map(repr, choices))}")
    return choices[value] if isinstance(choices, dict) else value


def at_least(least, **options):
    """Raises ValueError for an option that is not a whole number of at least `least`."""
    for option, number in options.items():
        if type(number) is not int or number < least:
            raise ValueError(f"{option}={number!r}: a whole number of at least {least} would do")


def image_shape(data_shape, multiple):
    """(C, H, W) of `data_shape`; raises ValueError if H or W is not a positive multiple of `multiple`."""
    channels, height, width = data_shape
    if min(height, width) < multiple or height % multiple or width % multiple:
        raise ValueError(
            f"images of {height}x{width} pixels: this network needs sides that are multiples of {multiple}"
        )
    return channels, height, width
