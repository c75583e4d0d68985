"""Minibatch discrimination: features that tell a discriminator how close an example is to the others of its batch.

Salimans et al. 2016, "Improved techniques for training GANs" (arXiv 1606.03498), section 3.2, and its code openai/improved-gan.
"""

import re
from typing import NamedTuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable

CHUNK = 2**22  # numbers held at a time beside inputs and outputs: 16 MB


def similarity(m, groups=1):
    """s_big = sum over j in group g of exp(-|m_bi - m_bj|_1), j = i included: m [B, n, C] -> [B, n, groups].

    The groups are equal consecutive parts of 0 .. n-1; groups must divide n. Differentiable twice; at a distance of 0 the
    derivative of |.| counts as 0. Besides m and s, memory is that of CHUNK numbers (or n^2, or in a second derivative, and on a GPU in the first,
    n^2 C, if that is more): the plain form m[:, :, None] - m[:, None] holds n^2 B C.
    """
    return _Similarity.apply(m, groups)


class _Similarity(torch.autograd.Function):
    """Forward and first derivative, which is a function with a derivative of its own: a penalty differentiates D twice."""

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
    """-sum_j a_bij k_bij sign(m_bi - m_bj), k the kernel, a_bij = grad_bi,g(j) + grad_bj,g(i), g(j) the group of j: [B, n, C]."""

    @staticmethod
    def forward(ctx, m, grad, groups):
        ctx.save_for_backward(m, grad)
        ctx.groups = groups
        factor = m.shape[2] if m.is_cuda else 1  # there cdist's backward holds [b, n, n, C]
        return torch.cat(
            [
                _pull(*_kernel(part), -_both(g, m.shape[1]))
                for part, g in zip(_parts(m, m, factor), _parts(grad, m, factor))
            ]
        )

    @staticmethod
    @once_differentiable
    def backward(ctx, v):
        m, grad = ctx.saved_tensors
        of_m, of_grad = [], []
        # V enters through p_ij = sum_c sign(m_ic - m_jc) (v_ic - v_jc), the change of the distance when m moves along V
        for part, g, along in zip(*(_parts(t, m, m.shape[2]) for t in (m, grad, v))):
            p = ((part[:, :, None] - part[:, None]).sign_() * (along[:, :, None] - along[:, None])).sum(3)
            of_grad.append(-(p * _kernel(part)[1]).unflatten(2, (ctx.groups, -1)).sum(3))
            of_m.append(_pull(*_kernel(part), _both(g, m.shape[1]) * p))
        return torch.cat(of_m), torch.cat(of_grad), None


def _parts(t, m=None, factor=1):
    """t [B, ...] in parts of as many kernels as CHUNK allows, n^2 factor numbers each."""
    n = (t if m is None else m).shape[1]
    return t.split(max(1, CHUNK // (n * n * factor)))


def _kernel(m):
    """(m, exp(-distances) [b, n, n]) of m [b, n, C]."""
    return m, torch.cdist(m, m, p=1).neg_().exp_()


def _both(grad, n):
    """a_bij of _SimilarityGrad from grad [b, n, groups]: [b, n, n]."""
    of_i = grad.repeat_interleave(n // grad.shape[2], dim=2)
    return of_i + of_i.transpose(1, 2)


def _pull(m, kernel, weights):
    """sum_j weights_bij kernel_bij sign(m_bi - m_bj): [b, n, C]. On a CPU cdist's own backward sums it without holding [b, n, n, C]."""
    with torch.enable_grad():
        first = m.detach().requires_grad_()
        distance = torch.cdist(first, m.detach(), p=1)
    return torch.autograd.grad(distance, first, weights * kernel)[0]


def sizes(text):
    """(100, 5) of "100x5", 100 kernels of 5 dimensions. Raises ValueError for anything else."""
    found = re.fullmatch("([1-9][0-9]*)x([1-9][0-9]*)", str(text))
    if not found:
        raise ValueError(f"minibatch_disc={text!r}: kernels x dimensions, such as 100x5, would do")
    kernels, dims = found.groups()
    return int(kernels), int(dims)


class Form(NamedTuple):
    """What the forms differ in; see MinibatchDiscrimination."""

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
    """[f, o], o_ib = sum_j exp(-|M_ib - M_jb|_1), M_i = f_i T: [N, A] (flattened if need be) -> [N, A + B], or [N, A + 2 B].

    T [A, B, C], B = kernels, C = dims. form: paper, the sum includes j = i; cifar, as in the code's CIFAR-10 and SVHN networks: j = i
    excluded, T = theta / |theta| exp(log_scale), |theta| over A, a learned bias on o (-1 at first); imagenet, as in its ImageNet
    network: the batch is a real half followed by a generated half of as many, and o is two means, over the real and over the
    generated examples other than i (`joint` tells the trainer). include_self overrides the form's.
    Statistics are each process's own batch's. Salimans et al. 2016, section 3.2. Raises ValueError for another form, or an odd joint batch.

    start_from(f) sets the scale from a batch, for all forms as the code does for CIFAR-10: the mean distance to the nearest neighbour
    becomes 2 in each kernel, and the bias minus the mean of o. Without it exp(-L1) may underflow for all pairs, and no gradient
    would flow; the initial T makes distances about 1 for features of variance 1.
    Differs from the code: means over a half are means (there: divided by n times the number of the half's pairs).
    """

    compares_examples = True

    def __init__(self, features, kernels=100, dims=5, form="paper", include_self=None):
        super().__init__()
        if form not in FORMS:
            raise ValueError(f"minibatch_form={form!r}: choose one of {', '.join(map(repr, FORMS))}")
        if include_self not in (None, True, False):
            raise ValueError(f"minibatch_self={include_self!r}: True or False would do")
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
        """M as [B, N, C]; in float32 at least, as distances are taken of it."""
        t = self.theta
        with torch.autocast(f.device.type, enabled=False):
            if self.form.normalise:
                t = t * (self.log_scale.exp() / t.norm(dim=0))
            m = f.to(t.dtype) @ t.flatten(1)
        return m.unflatten(1, t.shape[1:]).transpose(0, 1).contiguous()

    def similarities(self, f):
        """o [N, B] or [N, 2 B], without the bias; f [N, A]."""
        n = len(f)
        if self.joint and n % 2:
            raise ValueError(f"a joint batch of {n}: a real and a generated half of as many would do")
        o = similarity(self.project(f), 2 if self.joint else 1)  # [B, N, groups]
        if self.joint:
            own = torch.eye(2, dtype=f.dtype, device=f.device).repeat_interleave(
                n // 2, 0
            )  # [N, 2]: which half i is of
            left_out = torch.zeros_like(own) if self.include_self else own
            o = (o - left_out) / (n // 2 - left_out).clamp(min=1)
        elif not self.include_self:
            o = o - 1  # c(x, x) = exp(0)
        return o.permute(1, 2, 0).flatten(1)

    def forward(self, f):
        f = f.flatten(1)
        o = self.similarities(f)
        return torch.cat([f, o + self.bias if self.form.bias else o], 1)

    @torch.no_grad()
    def start_from(self, f):
        """Sets scale and bias from the features f [N, A] of a batch."""
        f = f.flatten(1)
        m = self.project(f)
        distance = torch.cdist(m, m, p=1)
        distance.diagonal(dim1=1, dim2=2).fill_(torch.inf)
        unit = distance.amin(2).mean(1) / 2  # [B]
        unit = torch.where(
            (unit > 0) & unit.isfinite(), unit, torch.ones_like(unit)
        )  # a batch of equal examples tells nothing
        if self.form.normalise:
            self.log_scale -= unit.log()[:, None]
        else:
            self.theta /= unit[:, None]
        if self.form.bias:
            self.bias.copy_(-self.similarities(f).mean(0))
