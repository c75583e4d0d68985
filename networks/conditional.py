"""What class-conditional networks are made of: batch norm with classes, and discriminators told classes.

Classes are labels, int64 [N], or shares of classes, float [N, K] that sum to 1 (of a mix, or between two
classes). A network file takes `conditional`, None or one of KINDS, and makes its networks of parts(...).
"""

import torch
import torch.nn.functional as F
from torch import nn

from networks.layers import Generator, ResBlock, Staged, choice, to_maps

KINDS = ("projection", "acgan", "concat", "d2dce")


class ClassTable(nn.Embedding):
    """A vector for each class: e_y of labels [N], sum_k c_k e_k of shares [N, K]. Returns [N, features]."""

    bias = None  # as layers without a bias have it, for functions that initialise them

    def forward(self, y):
        """y int64 [N] or float [N, K] -> [N, features]."""
        return y @ self.weight if y.is_floating_point() else super().forward(y)


class Told(nn.Sequential):
    """nn.Sequential whose parts with a true `takes_classes` are given the classes too."""

    takes_classes = True

    def forward(self, x, y):
        """x [N, ...], classes y -> the last part's output."""
        for part in self:
            x = part(x, y) if getattr(part, "takes_classes", False) else part(x)
        return x


class ToldResBlock(ResBlock):
    """residual(x, y) + shortcut(x)."""

    takes_classes = True

    def forward(self, x, y):
        """x [N, ...], classes y -> residual(x, y) + shortcut(x)."""
        return self.residual(x, y) + self.shortcut(x)


class ClassBatchNorm2d(nn.BatchNorm2d):
    """gamma_y (x - mean) / sqrt(var + eps) + beta_y: batch norm whose scale and shift are the class's own.

    Statistics are of the whole batch, whatever its classes. Initial gamma 1, beta 0. Dumoulin et al. 2017, "A
    learned representation for artistic style", eq. 5; in GANs Miyato and Koyama 2018.
    """

    takes_classes = True

    def __init__(self, features, n_classes, eps=1e-5):
        super().__init__(features, eps=eps, affine=False)
        self.scale, self.shift = ClassTable(n_classes, features), ClassTable(n_classes, features)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x, y):
        """x [N, C, H, W], classes y -> the same shape."""
        scale, shift = (table(y)[:, :, None, None] for table in (self.scale, self.shift))
        return scale * super().forward(x) + shift


class ClassGenerator(Generator):
    """A Generator of z and classes, which the norms of its maps are given."""

    def forward(self, z, y):
        """z [N, z_dim], classes y -> images [N, C, H, W]."""
        return self.maps(to_maps(self.dense(z), *self.start), y)


class ClassStaged(Staged):
    """Staged, whose last stage is given classes: disc(x, y=y), disc(h, start=k, y=y).

    disc(x, stop=k) needs none: hidden states do not depend on classes, so a mix at any layer has one meaning.
    """

    def forward(self, x, start=0, stop=None, y=None):
        """h_stop of x = h_start [N, ...] (by default D's output, of classes y)."""
        last = self.layers - 1
        h = super().forward(x, start, last if stop is None else stop)
        return h if stop is not None else self.stages[last](h, y)

    def prepare(self, x):
        """Data-dependent initialisation of all stages but the last, from images x [N, C, H, W]."""
        if len(self.stages) > 1:
            Staged(*self.stages[:-1]).prepare(x)


class Projection(nn.Module):
    """psi(phi) + v_y . phi, logits [N]: Miyato and Koyama 2018, eq. 3."""

    takes_classes = True

    def __init__(self, features, n_classes, layer, bias):
        super().__init__()
        self.linear = layer(nn.Linear(features, 1, bias=bias))
        self.table = layer(ClassTable(n_classes, features))

    def forward(self, phi, y):
        """phi [N, features], classes y -> [N]."""
        return self.linear(phi).flatten(0) + (self.table(y) * phi).sum(1)


class Concatenation(nn.Module):
    """psi(LeakyReLU(W [phi, e_y])), logits [N]: the joint layer of Mirza and Osindero 2014, section 3.2.

    e_y and the joint layer have min(features, 256) units. Differs from the paper: LeakyReLU 0.2 of one layer,
    where it has maxout units, also between y and the joint layer.
    """

    takes_classes = True

    def __init__(self, features, n_classes, layer, bias):
        super().__init__()
        units = min(features, 256)
        self.of_phi = layer(nn.Linear(features, units))
        self.table = layer(ClassTable(n_classes, units))
        self.activation = nn.LeakyReLU(0.2)
        self.linear = layer(nn.Linear(units, 1, bias=bias))

    def forward(self, phi, y):
        """phi [N, features], classes y -> [N]."""
        # W [phi, e_y] = W_1 phi + W_2 e_y, where W_2 e_y is a vector of the class's own again
        return self.linear(self.activation(self.of_phi(phi) + self.table(y))).flatten(0)


class Auxiliary(nn.Module):
    """[psi(phi), class logits], [N, 1 + K]: AC-GAN's D (Odena et al. 2017). Classes are not used."""

    takes_classes = True

    def __init__(self, features, n_classes, layer, bias):
        super().__init__()
        self.linear = layer(nn.Linear(features, 1, bias=bias))
        self.classifier = layer(nn.Linear(features, n_classes))

    def forward(self, phi, y=None):
        """phi [N, features] -> [N, 1 + K]."""
        return torch.cat([self.linear(phi), self.classifier(phi)], 1)


class DataToData(nn.Module):
    """[psi(phi), cosines of f and the proxies v_k, f], [N, 1 + K + d], for D2D-CE (Kang et al. 2021).

    f = W phi / |W phi|, v_k of length 1; d = 512, as in the authors' code. Classes are not used.
    """

    takes_classes = True

    def __init__(self, features, n_classes, layer, bias, d=512):
        super().__init__()
        self.linear = layer(nn.Linear(features, 1, bias=bias))
        self.embed = layer(nn.Linear(features, d))
        self.proxies = layer(ClassTable(n_classes, d))

    def forward(self, phi, y=None):
        """phi [N, features] -> [N, 1 + K + d]."""
        f, proxies = F.normalize(self.embed(phi), dim=1), F.normalize(self.proxies.weight, dim=1)
        return torch.cat([self.linear(phi), f @ proxies.t(), f], 1)


HEADS = dict(zip(KINDS, (Projection, Auxiliary, Concatenation, DataToData)))


class Parts:
    """The parts of a network without classes: torch's and those of networks/layers.py."""

    batch_norm, sequential, res_block, generator, staged = (
        nn.BatchNorm2d,
        nn.Sequential,
        ResBlock,
        Generator,
        Staged,
    )

    def last(self, features, layer, bias=True, before=()):
        """D's last stage: the modules `before`, phi [N, features] -> logits [N]. layer(l): the layer l,
        initialised and normalised."""
        return nn.Sequential(*before, layer(nn.Linear(features, 1, bias=bias)), nn.Flatten(0))


class ClassParts(Parts):
    """The same for a network with classes; the head is HEADS[kind]."""

    sequential, res_block, generator, staged = Told, ToldResBlock, ClassGenerator, ClassStaged

    def __init__(self, kind, n_classes):
        self.kind, self.n_classes = choice("conditional", kind, KINDS), n_classes
        if n_classes < 1:
            raise ValueError(f"conditional={kind!r}: the data have no classes; use data with labels")

    def batch_norm(self, features, **options):
        """ClassBatchNorm2d."""
        return ClassBatchNorm2d(features, self.n_classes, **options)

    def last(self, features, layer, bias=True, before=()):
        """D's last stage: `before`, then HEADS[kind]: phi [N, features], classes -> D's output."""
        return Told(*before, HEADS[self.kind](features, self.n_classes, layer, bias))


def parts(conditional, n_classes):
    """The Parts of a network: conditional is None or one of KINDS. Raises ValueError for another."""
    return Parts() if conditional is None else ClassParts(conditional, n_classes)
