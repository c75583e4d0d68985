"""Minibatch discrimination: features that say how close an example is to the others of its batch.

Salimans et al. 2016, "Improved techniques for training GANs" (arXiv 1606.03498), section 3.2, and its code
openai/improved-gan.
"""

import re
from typing import NamedTuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable

CHUNK = 2**22  # numbers held at a time beside inputs and outputs: 16 MB


def similarity(m, groups=1):
    """s_big = sum over j in group g of exp(-|m_bi - m_bj|_1), j = i included: m [B, n, C] -> [B, n, groups].

    The groups are equal consecutive parts of 0 .. n-1; groups must divide n. Differentiable twice; at a
    distance of 0 the derivative of |.| is taken as 0. Besides m and s it holds CHUNK numbers, or n^2 if that
    is more (n^2 C in a second derivative, and on a GPU in the first). The plain form m[:, :, None] - m[:,
    None] holds n^2 B C.
    """
    return _Similarity.apply(m, groups)


class _Similarity(torch.autograd.Function):
    """The sum and its gradient, which has a derivative of its own: penalties differentiate D twice."""

    @staticmethod
    def forward(ctx, m, groups):
        ctx.save_for_backward(m)
        ctx.groups = groups
        return torch.cat([_kernel(part)[1].unflatten(2, (groups, -1)).sum(3) for part in _parts(m)])

    @staticmethod
    def backward(ctx, grad):
        (m,) = ctx.saved_tensors
        return _SimilarityGrad.apply(m, grad, ctx.groups), None


class _SimilarityGrad(torch.autograd.Function):
    """-sum_j a_bij k_bij sign(m_bi - m_bj), [B, n, C], with the kernel k_bij = exp(-|m_bi - m_bj|_1).

    a_bij = grad_bi,g(j) + grad_bj,g(i), where g(j) is the group of j.
    """

    @staticmethod
    def forward(ctx, m, grad, groups):
        ctx.save_for_backward(m, grad)
        ctx.groups = groups
        factor = m.shape[2] if m.is_cuda else 1  # on a GPU cdist's backward holds [b, n, n, C]
        parts = zip(_parts(m, m, factor), _parts(grad, m, factor))
        return torch.cat([_weighted_signs(*_kernel(part), -_both(g, m.shape[1])) for part, g in parts])

    @staticmethod
    @once_differentiable
    def backward(ctx, v):
        m, grad = ctx.saved_tensors
        of_m, of_grad = [], []
        # v enters through p_ij = sum_c sign(m_ic - m_jc) (v_ic - v_jc), the distance's derivative along v
        for part, g, along in zip(*(_parts(t, m, m.shape[2]) for t in (m, grad, v))):
            p = ((part[:, :, None] - part[:, None]).sign_() * (along[:, :, None] - along[:, None])).sum(3)
            of_grad.append(-(p * _kernel(part)[1]).unflatten(2, (ctx.groups, -1)).sum(3))
            of_m.append(_weighted_signs(*_kernel(part), _both(g, m.shape[1]) * p))
        return torch.cat(of_m), torch.cat(of_grad), None


def _parts(t, m=None, factor=1):
    """t [B, ...] split into parts of as many kernels as fit in CHUNK numbers, n^2 factor for each kernel."""
    n = (t if m is None else m).shape[1]
    return t.split(max(1, CHUNK // (n * n * factor)))


def _kernel(m):
    """(m, exp(-distances) [b, n, n]) of m [b, n, C]."""
    return m, torch.cdist(m, m, p=1).neg_().exp_()


def _both(grad, n):
    """a_bij of _SimilarityGrad from grad [b, n, groups]: [b, n, n]."""
    of_i = grad.repeat_interleave(n // grad.shape[2], dim=2)
    return of_i + of_i.transpose(1, 2)


def _weighted_signs(m, kernel, weights):
    """sum_j weights_bij kernel_bij sign(m_bi - m_bj), [b, n, C].

    This is cdist's own backward, which on a CPU does not hold [b, n, n, C].
    """
    with torch.enable_grad():
        first = m.detach().requires_grad_()
        distance = torch.cdist(first, m.detach(), p=1)
    return torch.autograd.grad(distance, first, weights * kernel)[0]


def sizes(text):
    """(100, 5) of "100x5", 100 kernels of 5 dimensions. Raises ValueError for anything else."""
    found = re.fullmatch("([1-9][0-9]*)x([1-9][0-9]*)", str(text))
    if not found:
        raise ValueError(f"minibatch_disc={text!r}: use kernels x dimensions, such as 100x5")
    kernels, dims = found.groups()
    return int(kernels), int(dims)


class Form(NamedTuple):
    """The options of a form; see MinibatchDiscrimination."""

    include_self: bool
    normalise: bool
    bias: bool
    joint: bool


FORMS = {
    "paper": Form(True, False, False, False),
    "cifar": Form(False, True, True, False),
    "imagenet": Form(False, False, False, True),
}


class MinibatchDiscrimination(nn.Module):
    """[f, o] with o_ib = sum_j exp(-|M_ib - M_jb|_1), M_i = f_i T.

    f: [N, A], or [N, ...] which is flattened. T: [A, B, C], B = kernels, C = dims. Returns [N, A + B], or [N,
    A + 2 B] with the form imagenet. Statistics are of each process's own batch. Forms:
    paper: the sum includes j = i.
    cifar, as in the code's CIFAR-10 and SVHN networks: j = i is excluded; T = theta / |theta| exp(log_scale),
    |theta| over A; a learned bias, at first -1, is added to o.
    imagenet, as in the code's ImageNet network: the batch is a real half followed by a generated half, and o
    is two means, over the real and over the generated examples, without j = i. The attribute `joint` tells
    the trainer so. include_self: True or False overrides the form's. Raises ValueError for another form, or
    an odd joint batch.

    init_from_data(f) sets the scale from a batch, as the code does for CIFAR-10, but for all forms. The mean
    distance to the nearest neighbour becomes 2 in each kernel, and the bias becomes minus the mean of o.
    Without it exp(-L1) may underflow for all pairs, and no gradient flows. The initial T makes distances
    about 1 for features of variance 1. Salimans et al. 2016, section 3.2.
    Differs from the code: means over a half are means (there: divided by n times the number of the half's
    pairs).
    """

    compares_examples = True

    def __init__(self, features, kernels=100, dims=5, form="paper", include_self=None):
        super().__init__()
        if form not in FORMS:
            raise ValueError(f"minibatch_form={form!r}: must be one of {', '.join(map(repr, FORMS))}")
        if include_self not in (None, True, False):
            raise ValueError(f"minibatch_self={include_self!r}: use True or False")
        self.form = FORMS[form]
        self.joint = self.form.joint
        self.include_self = self.form.include_self if include_self is None else include_self
        self.out_features = features + kernels * (2 if self.joint else 1)
        std = 0.05 if self.form.normalise else (torch.pi / features) ** 0.5 / (2 * dims)
        self.theta = nn.Parameter(torch.randn(features, kernels, dims) * std)
        if self.form.normalise:
            self.log_scale = nn.Parameter(torch.zeros(kernels, dims))
        if self.form.bias:
            self.bias = nn.Parameter(-torch.ones(kernels))

    def project(self, f):
        """M as [B, N, C], in float32 at least: distances need the precision."""
        t = self.theta
        with torch.autocast(f.device.type, enabled=False):
            if self.form.normalise:
                t = t * (self.log_scale.exp() / t.norm(dim=0))
            m = f.to(t.dtype) @ t.flatten(1)
        return m.unflatten(1, t.shape[1:]).transpose(0, 1).contiguous()

    def similarities(self, f):
        """o [N, B] or [N, 2 B], without the bias; f [N, A]."""
        n = f.shape[0]
        if self.joint and n % 2:
            raise ValueError(f"a joint batch of {n}: must be even, a real and a generated half of one size")
        o = similarity(self.project(f), 2 if self.joint else 1)  # [B, N, groups]
        if self.joint:
            # [N, 2]: the half that i is in
            own = torch.eye(2, dtype=f.dtype, device=f.device).repeat_interleave(n // 2, 0)
            left_out = torch.zeros_like(own) if self.include_self else own
            o = (o - left_out) / (n // 2 - left_out).clamp(min=1)
        elif not self.include_self:
            o = o - 1  # c(x, x) = exp(0)
        return o.permute(1, 2, 0).flatten(1)

    def forward(self, f):
        """f [N, ...] -> [f, o]."""
        f = f.flatten(1)
        o = self.similarities(f)
        return torch.cat([f, o + self.bias if self.form.bias else o], 1)

    @torch.no_grad()
    def init_from_data(self, f):
        """Sets scale and bias from the features f [N, A] of a batch."""
        f = f.flatten(1)
        m = self.project(f)
        distance = torch.cdist(m, m, p=1)
        distance.diagonal(dim1=1, dim2=2).fill_(torch.inf)
        unit = distance.amin(2).mean(1) / 2  # [B]
        # a batch of equal examples leaves the scale as it is
        unit = torch.where((unit > 0) & unit.isfinite(), unit, torch.ones_like(unit))
        if self.form.normalise:
            self.log_scale -= unit.log()[:, None]
        else:
            self.theta /= unit[:, None]
        if self.form.bias:
            self.bias.copy_(-self.similarities(f).mean(0))
