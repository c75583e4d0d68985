"""Penalties on the norm of a discriminator's gradient with respect to its input.

All are called as penalty(disc, real, fake) and return [N], one value an example. `disc` maps [N, ...] to [N] and treats examples
independently (with batch norm the gradient of the sum is not each example's own). real, fake: [N, ...], neither differentiated.
"""

import torch


def input_gradient(disc, x, create_graph=True):
    """grad_x sum_i disc(x)_i, flattened: [N, d]; in float32 inside autocast too. Raises RuntimeError if disc ignores its input."""
    x = x.detach().requires_grad_()
    with torch.autocast(x.device.type, enabled=False):
        (grad,) = torch.autograd.grad(disc(x).sum(), x, create_graph=create_graph)
    return grad.flatten(1)


def squared_slope(output, x):
    """|grad_x output_i|_2^2, [N], of an output [N] that was computed from x [N, ...], which requires its gradient; in float32 inside autocast too."""
    with torch.autocast(x.device.type, enabled=False):
        (grad,) = torch.autograd.grad(output.sum(), x, create_graph=True)
    return grad.flatten(1).square().sum(1)


def zero_centred(disc, x, create_graph=True):
    """|grad_x disc(x)|_2^2, [N]."""
    return input_gradient(disc, x, create_graph).square().sum(1)


def one_centred(disc, x):
    """(|grad_x disc(x)|_2 - 1)^2, [N]; its gradient is finite where the norm is 0."""
    return (input_gradient(disc, x).norm(dim=1) - 1).square()


def uniform(x):
    """lam ~ U(0, 1), one an example, shaped to multiply x: [N, 1, ...]."""
    return torch.rand(len(x), *[1] * (x.ndim - 1), dtype=x.dtype, device=x.device)


def r1(disc, real, fake):
    """1/2 |grad D(x)|^2 at real x. Mescheder et al. 2018, eq. 9 (the weight is their gamma)."""
    return zero_centred(disc, real) / 2


def r2(disc, real, fake):
    """1/2 |grad D(x)|^2 at generated x. Mescheder et al. 2018, eq. 10."""
    return zero_centred(disc, fake) / 2


def gradient_penalty(disc, real, fake):
    """(|grad D(x)| - 1)^2 at x = lam real + (1 - lam) fake, lam ~ U(0, 1) per example. Gulrajani et al. 2017, Algorithm 1."""
    return one_centred(disc, torch.lerp(fake, real, uniform(real)))


def dragan(disc, real, fake):
    """(|grad D(x)| - 1)^2 at x = real + lam u, lam ~ U(0, 1) per example, u ~ U(0, s/2) per pixel, s the batch's standard deviation.

    Kodali et al. 2017, section 2.4. Differs from the paper: delta ~ N(0, cI) there; the noise above is that of the authors' code.
    s is each process's own.
    """
    return one_centred(disc, real + uniform(real) * torch.rand_like(real) * real.std() / 2)


PENALTIES = {"gp": gradient_penalty, "r1": r1, "r2": r2, "dragan": dragan}
