"""Blocks that the networks share: staged discriminators, folded resampling, normalisation, initialisation."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrize import register_parametrization


class Staged(nn.Module):
    """A discriminator as a list of stages: h_0 = x, h_k = stage_k(h_{k-1}), the last gives the logits [N].

    disc(x) are the logits, disc(x, stop=k) is h_k, and disc(h, start=k) goes on from h_k, so that
    disc(disc(x, stop=k), start=k) = disc(x). k is 0 .. layers - 1. Raises ValueError for any other k, and for
    stop < start.
    """

    def __init__(self, *stages):
        super().__init__()
        self.stages = nn.ModuleList(stages)

    @property
    def layers(self):
        """The number of layers at which the network can be cut; layer 0 is its input."""
        return len(self.stages)

    def forward(self, x, start=0, stop=None):
        """h_stop (by default the logits [N]) of x = h_start [N, ...]."""
        for name, k in (("start", start), ("stop", stop)):
            if k is not None and not 0 <= k < self.layers:
                raise ValueError(
                    f"{name}={k}: must be between 0 (the input) and {self.layers - 1} for this network"
                )
        if stop is not None and stop < start:
            raise ValueError(f"stop={stop}: must be at least start={start}")
        # a slice self.stages[start:stop] takes longer than a small layer
        for stage in itertools.islice(self.stages, start, stop):
            x = stage(x)
        return x

    def prepare(self, x):
        """Data-dependent initialisation of the layers that have one, from images x [N, C, H, W]."""
        data_dependent_init(self, x)


class Generator(nn.Module):
    """x = maps(reshape(dense(z))), from z [N, z_dim] to images [N, C, H, W] in [-1, 1].

    dense: module from [N, z_dim] to [N, c * h * w]. start: (c, h, w). maps: module from [N, c, h, w] to the
    images, with a tanh at its end.
    """

    def __init__(self, dense, start, maps):
        super().__init__()
        self.dense, self.start, self.maps = dense, start, maps

    def forward(self, z):
        """z [N, z_dim] -> images [N, C, H, W]."""
        return self.maps(to_maps(self.dense(z), *self.start))

    def prepare(self, noise):
        """Data-dependent initialisation of the layers that have one; noise(n) draws z [n, z_dim]."""
        data_dependent_init(self, lambda: noise(100))


class ReferenceGenerator(Generator):
    """A Generator with virtual batch norm: a reference batch z [n, z_dim] runs in front of every batch.

    The reference batch is constant and is saved in checkpoints. An image depends on its own z and the
    reference batch only. Activations of the reference batch are computed with the current weights, and
    gradients flow through them. prepare(noise) draws it from the distribution that the generator is trained
    with; until then it is N(0, I). Salimans et al. 2016, section 3.5.
    """

    def __init__(self, dense, start, maps, z_dim, references):
        super().__init__(dense, start, maps)
        if type(references) is not int or references < 1:
            raise ValueError(f"references={references!r}: must be a whole number of at least 1")
        self.register_buffer("reference", torch.randn(references, z_dim))

    def forward(self, z):
        """z [N, z_dim] -> images [N, C, H, W]; those of the reference batch are dropped."""
        return super().forward(torch.cat([self.reference.to(z.dtype), z]))[len(self.reference) :]

    def prepare(self, noise):
        """Draws the reference batch, then as Generator.prepare."""
        self.reference.copy_(noise(len(self.reference)))
        super().prepare(noise)


class ResBlock(nn.Module):
    """residual(x) + shortcut(x), of two modules with outputs of the same shape (He et al. 2016)."""

    def __init__(self, residual, shortcut):
        super().__init__()
        self.residual, self.shortcut = residual, shortcut

    def forward(self, x):
        """x [N, ...] -> residual(x) + shortcut(x)."""
        return self.residual(x) + self.shortcut(x)


class GlobalPool(nn.Module):
    """The mean or the sum of each map: [N, C, H, W] -> [N, C]. Raises ValueError for any other `reduce`."""

    def __init__(self, reduce="mean"):
        super().__init__()
        self.reduce = choice("pool", reduce, {"mean": torch.mean, "sum": torch.sum})

    def forward(self, h):
        """[N, C, H, W] -> [N, C]."""
        return self.reduce(h, dim=(2, 3))


def to_maps(h, channels, height, width):
    """[N, channels * height * width] -> [N, channels, height, width], channels-last in memory.

    After a plain reshape the layers that follow would keep the slower contiguous layout, up to the first
    convolution.
    """
    return h.reshape(h.shape[0], channels, height, width).contiguous(memory_format=torch.channels_last)


class Maps(nn.Module):
    """`to_maps` as a module: [N, c * h * w] -> [N, c, h, w], channels-last in memory."""

    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, h):
        """[N, c * h * w] -> [N, c, h, w]."""
        return to_maps(h, *self.shape)


# Resampling folded into convolution


class Conv3x3(nn.Conv2d):
    """3x3 convolution with padding 1; "down" averages 2x2 pixels after it, "up" doubles pixels before it.

    x [N, C, H, W] -> [N, out, H, W], [N, out, H // 2, W // 2] ("down") or [N, out, 2 H, 2 W] ("up"). With
    fold=True the convolution runs at the smaller of the two sizes, strided or transposed, and the rest is
    sums over 2x2 windows. That takes a quarter of the products. The result equals the plain form (fold=False)
    up to rounding, for odd sizes too. The parameters are the same either way. Raises ValueError for any other
    `resample`.
    Differs from the fold of Karras et al. 2018 (released code, fused_scale): there a 4x4 kernel is made of
    four shifts of the 3x3 one, with 16 products in place of these 9.
    """

    def __init__(self, in_channels, out_channels, resample=None, bias=True, fold=True):
        super().__init__(in_channels, out_channels, 3, padding=1, bias=bias)
        choice("resample", resample, (None, "down", "up"))
        self.resample, self.fold = resample, fold

    def forward(self, x):
        """x [N, C, H, W] -> the convolved and resampled maps."""
        if self.resample and self.fold:
            return (conv_down if self.resample == "down" else conv_up)(x, self.weight, self.bias)
        if self.resample == "up":
            x = F.interpolate(x, scale_factor=2)
        y = super().forward(x)
        return F.avg_pool2d(y, 2) if self.resample == "down" else y

    def extra_repr(self):
        """The options in the printed form of the module."""
        return f"{super().extra_repr()}, resample={self.resample!r}, fold={self.fold}"


def conv_down(x, weight, bias=None):
    """avg_pool2d(conv2d(x, weight, bias, padding=1), 2), as a convolution of stride 2 on 2x2 means.

    x [N, C, H, W], weight [out, C, 3, 3], bias [out] -> [N, out, H // 2, W // 2]. Both operations are
    convolutions and commute, so the mean may come first. It is [N, C, H + 1, W + 1]; its border holds means
    with the padding.
    """
    return F.conv2d(sums_of_windows(x, 1, 4), weight, bias, stride=2)


def conv_up(x, weight, bias=None):
    """conv2d(interpolate(x, scale_factor=2), weight, bias, padding=1), computed at the small size.

    x [N, C, H, W], weight [out, C, 3, 3], bias [out] -> [N, out, 2 H, 2 W]. To double pixels is to put zeros
    between them, then to sum each 2x2 window. The sum may come last, so the rest is a transposed convolution
    of stride 2, with the kernel flipped and its input channels first. The bias comes last of all: inside the
    transposed convolution it costs a processor more than it does outside.
    """
    kernel = weight.flip(2, 3).transpose(0, 1)
    y = F.conv_transpose2d(x, kernel, stride=2)  # [N, out, 2 H + 1, 2 W + 1]
    y = sums_of_windows(y, 0, 1)
    return y if bias is None else y.add_(bias[:, None, None])


def sums_of_windows(x, padding, divisor):
    """avg_pool2d of 2x2 windows, stride 1, divided by `divisor`: x [N, C, H, W], padding 0 or 1.

    In bfloat16 a processor's backward pass of it is three times slower than this one (_Windows).
    """
    if x.dtype == torch.bfloat16 and x.device.type == "cpu" and torch.is_grad_enabled() and x.requires_grad:
        return _Windows.apply(x, padding, divisor)
    return F.avg_pool2d(x, 2, stride=1, padding=padding, divisor_override=divisor)


class _Windows(torch.autograd.Function):
    """sums_of_windows, whose gradient is the same sums of the output's gradient with the other padding."""

    @staticmethod
    def forward(x, padding, divisor):
        return F.avg_pool2d(x, 2, stride=1, padding=padding, divisor_override=divisor)

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.padding, ctx.divisor = inputs

    @staticmethod
    def backward(ctx, grad):
        return sums_of_windows(grad, 1 - ctx.padding, ctx.divisor), None, None


# Spectral normalisation


class SpectralNorm(nn.Module):
    """W / sigma, sigma = u^T W v, with W as a matrix (out, rest).

    u and v are its first singular vectors, found by power iteration. weight: [out, ...], at least two
    dimensions. Buffers u [out] and v [rest], constants in the gradient. Miyato et al. 2018, Algorithm 1.
    Differs from the paper: 15 iterations at construction (as torch's own), so that sigma is right from the
    first step.

    One step's forwards cost one normalisation. The first forward in training mode after `refresh()` does one
    power iteration. Those that follow share its W / sigma and its graph, until the next refresh() or until
    the weight is seen to have changed. A forward that records a graph after one that did not (no_grad)
    computes its own from the same u and v. Evaluation and inference mode use u and v as they are; they do not
    iterate and keep nothing. A backward pass frees the shared graph. So between two calls of refresh() only
    one may go through the weights, unless it retains the graph. Before the first refresh() (a user's plain
    loop) nothing is shared: every forward in training mode iterates, as torch's own spectral norm does.
    """

    def __init__(self, weight):
        super().__init__()
        for name, size in (("u", len(weight)), ("v", weight[0].numel())):
            self.register_buffer(name, F.normalize(weight.new_empty(size).normal_(), dim=0))
        for _ in range(15):
            self.iterate(weight)
        self.shares, self.shared, self.shared_for = False, None, None
        self.given = (
            None  # W / sigma where it is computed before the network is called (engine.setup.compile_net)
        )

    def refresh(self):
        """Forgets W / sigma; the next forward in training mode iterates once and computes it again."""
        self.shares, self.shared, self.shared_for = True, None, None

    @torch.no_grad()
    def iterate(self, weight):
        """One power iteration, in place: v <- W^T u / |W^T u|, u <- W v / |W v|."""
        matrix = weight.flatten(1)
        self.v.copy_(F.normalize(torch.mv(matrix.t(), self.u), dim=0))
        self.u.copy_(F.normalize(torch.mv(matrix, self.v), dim=0))

    def normalised(self, weight):
        """W / (u^T W v), from the current u and v.

        They are copied, so that the graph stays valid when the next iteration overwrites them.
        """
        return weight / torch.dot(self.u.clone(), torch.mv(weight.flatten(1), self.v.clone()))

    def forward(self, weight):
        """W / sigma in the weight's own precision, inside autocast too."""
        if self.given is not None:
            return self.given
        if not torch.is_autocast_enabled(weight.device.type):
            return self.current(weight)
        with torch.autocast(weight.device.type, enabled=False):  # half precision is too coarse for sigma
            return self.current(weight)

    def current(self, weight):
        """W / sigma, shared by the forwards of a step (see the class)."""
        if not self.training or torch.is_inference_mode_enabled():
            return self.normalised(weight)
        # catches a loaded or moved weight, but not every update: fused optimisers do not raise the version
        version = (weight.data_ptr(), weight._version)
        if not self.shares or version != self.shared_for:
            self.iterate(weight)
            self.shared, self.shared_for = None, version
        recorded = torch.is_grad_enabled() and weight.requires_grad
        if self.shared is None or (recorded and not self.shared.requires_grad):
            self.shared = self.normalised(weight)
        return self.shared if recorded else self.shared.detach()

    def __getstate__(self):
        # a graph cannot be copied
        return {**self.__dict__, "shared": None, "shared_for": None, "given": None}


def spectral(layer):
    """`layer` (convolution, linear or embedding), initialised before, with its weight spectrally normalised.

    The parameter becomes parametrizations.weight.original, with buffers parametrizations.weight.0.u and .v.
    Raises ValueError for a transposed convolution (its weight is not (out, rest)) and for a layer without a
    weight matrix.
    """
    weight = getattr(layer, "weight", None)
    if weight is None or weight.ndim < 2 or getattr(layer, "transposed", False):
        raise ValueError(
            f"spectral normalisation is for layers with a weight [out, ...], not {type(layer).__name__}"
        )
    # unsafe=True skips torch's check of shapes, which would call the module and so iterate once more
    register_parametrization(layer, "weight", SpectralNorm(weight.detach()), unsafe=True)
    return layer


# Virtual batch norm, weight normalisation, data-dependent initialisation


class VirtualBatchNorm(nn.Module):
    """gamma (x - mu) / sqrt(eps + var) + beta, with statistics of a reference batch and of x itself.

    x: [n + N, C, ...], the n reference examples first (ReferenceGenerator puts them there). Returns the same
    shape. Reference examples are normalised by their own statistics, over batch and space. For each other
    example, with w = 1 / (n + 1): mean mu = w mu_x + (1 - w) mu_R, mean square s = w s_x + (1 - w) s_R, var =
    s - mu^2. Here mu_x and s_x are the example's own, over space (x and x^2 if there is no space). The
    variance is computed as w var_x + (1 - w) var_R + w (1 - w) (mu_x - mu_R)^2, which is equal and never
    negative. Initial gamma ~ N(1, 0.02^2), beta = 0. Salimans et al. 2016, section 3.5, and
    openai/improved-gan (eps, shares).
    """

    def __init__(self, features, references, eps=1e-5):
        super().__init__()
        self.references, self.eps = references, eps
        self.weight = nn.Parameter(1 + 0.02 * torch.randn(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        """x [n + N, C, ...] -> the same shape, normalised."""
        n, space = self.references, tuple(range(2, x.ndim))
        x = x.to(self.weight.dtype)  # statistics in float32, as those of batch norm
        reference, own = x.split([n, x.shape[0] - n])
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
    """The parametrisation scale v / |v| of a weight v, with one |v| and one scale for each output.

    dim: the weight's dimension of outputs. learn: whether the scale is trained. std: the deviation of the
    outputs after data-dependent initialisation, or None for no such initialisation. Salimans and Kingma 2016,
    eq. 2.
    """

    def __init__(self, outputs, dim, std=1.0, learn=True):
        super().__init__()
        self.dim, self.std = dim, std
        self.scale = nn.Parameter(torch.ones(outputs), requires_grad=learn)

    def forward(self, v):
        """scale v / |v|, of v's shape."""
        norm = torch.linalg.vector_norm(v, dim=[d for d in range(v.ndim) if d != self.dim], keepdim=True)
        return v * (self.scale.reshape(norm.shape) / norm.clamp(min=1e-6))

    @torch.no_grad()
    def set_scale(self, layer, y):
        """Sets scale and bias of `layer` so that its outputs y [N, C, ...] get mean 0 and deviation std.

        Returns the new outputs. The bias must be 0 before. Salimans and Kingma 2016, section 3.
        """
        by_channel = y.transpose(0, 1).flatten(1)
        mean, deviation = by_channel.mean(1), by_channel.std(1, correction=0)
        factor = torch.where(deviation > 1e-6, self.std / deviation, 1.0)  # a constant output keeps its scale
        self.scale *= factor
        layer.bias.copy_(-mean * factor)
        shape = (-1, *[1] * (y.ndim - 2))
        return y * factor.reshape(shape) + layer.bias.reshape(shape)


def weight_norm(layer, std=1.0, learn=True):
    """`layer` (linear or convolution, transposed or not, with a bias) with its weight under WeightNorm."""
    dim = 1 if getattr(layer, "transposed", False) else 0
    register_parametrization(
        layer, "weight", WeightNorm(layer.weight.shape[dim], dim, std, learn), unsafe=True
    )
    return layer


def init_hook(layer):
    """A layer's data-dependent initialisation, (layer, inputs, output) -> new output, or None."""
    norm = None
    if hasattr(layer, "parametrizations") and "weight" in layer.parametrizations:
        norm = layer.parametrizations.weight[0]
    if isinstance(norm, WeightNorm) and norm.std is not None:
        return lambda layer, inputs, output: norm.set_scale(layer, output)
    if hasattr(layer, "init_from_data"):

        def hook(layer, inputs, output):
            layer.init_from_data(*inputs)
            return layer.forward(*inputs)

        return hook
    return None


def data_dependent_init(net, x):
    """One forward pass of `net` on x, in which each layer that has a data-dependent initialisation does it.

    So each layer sees inputs from layers that are initialised already. x: the net's input, or a function that
    returns it. The function is not called where no layer has such an initialisation, and then nothing is
    drawn.
    """
    hooks = {layer: hook for layer in net.modules() if (hook := init_hook(layer))}
    if not hooks:
        return
    handles = [layer.register_forward_hook(hook) for layer, hook in hooks.items()]
    try:
        with torch.no_grad():
            net(x() if callable(x) else x)
    finally:
        for handle in handles:
            handle.remove()


class ToUnit(nn.Module):
    """(x + 1) / 2: [-1, 1] to [0, 1]."""

    def forward(self, x):
        """x in [-1, 1] -> the same shape in [0, 1]."""
        return (x + 1) / 2


class ScaledSigmoid(nn.Module):
    """2 sigmoid(a) - 1 = tanh(a / 2): a sigmoid's output in [0, 1], mapped to [-1, 1]."""

    def forward(self, a):
        """a in any range -> the same shape in [-1, 1]."""
        return torch.tanh(a / 2)


class GaussianNoise(nn.Module):
    """x + std e, e ~ N(0, I), in training mode; x otherwise."""

    def __init__(self, std):
        super().__init__()
        self.std = std

    def forward(self, x):
        """x -> the same shape."""
        return x + self.std * torch.randn_like(x) if self.training else x

    def extra_repr(self):
        """The deviation in the printed form of the module."""
        return f"std={self.std}"


# Initialisation, and checks of options


def glorot(layer, gain=1.0):
    """`layer` with weights U(-a, a), a = gain sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010).

    The bias is unchanged. gain=None leaves the weights at the framework's default too.
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
    """A norm layer whose scale stays 1; only its shift is trained."""
    norm.weight.requires_grad_(False)
    return norm


def choice(option, value, choices):
    """choices[value] of a dict, `value` itself of a tuple. Raises ValueError for any other value."""
    if value not in choices:
        raise ValueError(f"{option}={value!r}: must be one of {', '.join(map(repr, choices))}")
    return choices[value] if isinstance(choices, dict) else value


def at_least(least, **options):
    """Raises ValueError for an option that is not a whole number of at least `least`."""
    for option, number in options.items():
        if type(number) is not int or number < least:
            raise ValueError(f"{option}={number!r}: must be a whole number of at least {least}")


def image_shape(data_shape, multiple):
    """(C, H, W) of `data_shape`; raises ValueError if H or W is not a positive multiple of `multiple`."""
    channels, height, width = data_shape
    if min(height, width) < multiple or height % multiple or width % multiple:
        raise ValueError(
            f"images of {height}x{width} pixels: use sides that are multiples of {multiple} with this network"
        )
    return channels, height, width
