"""All private functions of torch that the project calls, each with a public fall-back for a torch that lacks
it.

The private ones are quicker, or the only way to keep the device from waiting for the host. Both give the same
bits on the CPU, which tests/engine/test_torch_private.py compares.
"""

import inspect

import torch
from torch.optim.adam import adam


def private(name, module=torch):
    """The function `name` of torch, or None where this version has none."""
    return getattr(module, name, None)


def unwrapped(method):
    """A method of torch's optimisers without the wrapper against compilation, which imports the whole
    compiler (torch._dynamo, sympy) at its first call; the method itself where it has no wrapper."""
    return inspect.unwrap(method)


def foreach(operator, tensors, *others):
    """A tensor's method of that name for each of a list, in one call of torch: [t.operator(*o)], where each
    of `others` is a list beside `tensors` or one value for all."""
    together = private("_foreach_" + operator)
    if together is not None:
        return together(tensors, *others)
    rows = [other if isinstance(other, list) else [other] * len(tensors) for other in others]
    return [getattr(t, operator)(*row) for t, *row in zip(tensors, *rows)]


def fused_adam(parameters, gradients, means, squares, steps, group, bad):
    """Adam's fused kernel, in place, with the settings of a parameter group; nothing moves where `bad`, a
    float scalar on the device, is 1 instead of 0. steps: float32 scalars."""
    kernel = private("_fused_adam_")
    lr, eps, decay, (beta1, beta2) = group["lr"], group["eps"], group["weight_decay"], group["betas"]
    options = {"lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": decay, "eps": eps}
    options |= {"amsgrad": False, "maximize": False, "grad_scale": None, "found_inf": bad}
    if kernel is None:
        adam(parameters, gradients, means, squares, [], steps, fused=True, **options)
        return
    # a list: a lone scalar tensor would be read by the host, which waits for the device
    foreach("add_", steps, [1 - bad] * len(steps))
    # where the kernel does nothing it does not look at the step either
    kernel(parameters, gradients, means, squares, [], steps, **options)


def not_finite(tensors):
    """1.0 if some number in the tensors (of one device) is infinite or not a number, else 0.0: a scalar on
    their device."""
    check = private("_amp_foreach_non_finite_check_and_unscale_")  # a gradient scaler's: one kernel for all
    if check is None:
        return torch.stack([t.isfinite().all() for t in tensors]).all().logical_not().float()
    found, scale = torch.zeros((), device=tensors[0].device), torch.ones((), device=tensors[0].device)
    check(tensors, found, scale)
    return found


def conv_relu(x, conv):
    """relu(conv(x)), for evaluation, of an nn.Conv2d with zeros around; on a CPU as one kernel. A separate
    ReLU, which reads and writes all values once more, takes an eighth of the time."""
    kernel = private("_convolution_pointwise", torch.ops.mkldnn)
    if kernel is None or x.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return torch.relu_(conv(x))
    return kernel(
        x, conv.weight, conv.bias, conv.padding, conv.stride, conv.dilation, conv.groups, "relu", [], ""
    )


def onednn_linear(x, weight, bias=None):
    """x weight^T + bias by oneDNN, on a CPU; by the library that torch chooses where oneDNN is not there."""
    kernel = private("_linear_pointwise", torch.ops.mkldnn)
    if kernel is None or not torch.backends.mkldnn.is_available():
        return torch.nn.functional.linear(x, weight, bias)
    return kernel(x, weight, bias, "none", [], "")


def standard_gamma(shape):
    """Draws of Gamma(a, 1) for a tensor of shapes a > 0."""
    draw = private("_standard_gamma")
    return torch.distributions.Gamma(shape, torch.ones_like(shape)).sample() if draw is None else draw(shape)


def grid_sample_transposed(grad, grid, size):
    """The gradient of F.grid_sample(x, grid, align_corners=False) in images x of `size`, from that in its
    result."""
    transposed = private("grid_sampler_2d_backward", torch.ops.aten)
    if transposed is None:
        with torch.enable_grad():
            x = grad.new_zeros(size).requires_grad_()
            y = torch.nn.functional.grid_sample(x, grid, align_corners=False)
        return torch.autograd.grad(y, x, grad)[0]
    modes = 0, 0, False  # bilinear, zeros outside, corners not aligned
    x = grad.new_empty(()).expand(size)  # its values do not matter
    return transposed(grad.contiguous(), x, grid, *modes, (True, False))[0]


def bf16_on_cpu():
    """Whether this processor has bfloat16 arithmetic for training."""
    supported = private("_is_mkldnn_bf16_supported", torch.ops.mkldnn)
    if supported is not None:
        return supported()
    try:
        with open("/proc/cpuinfo", encoding="utf8") as file:
            return any(word in file.read() for word in ("avx512_bf16", "amx_bf16", " bf16"))
    except OSError:
        return False
