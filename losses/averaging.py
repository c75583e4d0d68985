"""Historical averaging keeps parameters near their mean over the past.

Salimans et al. 2016 (arXiv 1606.03498), section 3.3.
"""

import torch
from torch import nn

from engine.torch_private import foreach


class History(nn.Module):
    """The mean of past parameters, theta-bar_t = 1/t sum_{i <= t} theta[i], in buffers.

    The mean is float64. In float32 the steps (theta - theta-bar) / t round to 0 after some 100,000 updates.
    """

    same_everywhere = True  # each process makes it of the same parameters: see Trainer.shared_buffers

    def __init__(self, parameters):
        """parameters: tensors of the right shapes. Their values are first counted by `visit`."""
        super().__init__()
        self.register_buffer("t", torch.zeros((), dtype=torch.int64))
        for i, p in enumerate(parameters):
            self.register_buffer(f"mean{i}", torch.zeros_like(p, dtype=torch.float64, requires_grad=False))

    @property
    def means(self):
        """theta-bar, in the order of the parameters."""
        return [b for name, b in self.named_buffers() if name != "t"]

    def visit(self, parameters):
        """Updates the mean: theta-bar_t = theta-bar_{t-1} + (theta_t - theta-bar_{t-1}) / t."""
        self.t += 1
        means = self.means
        steps = foreach("sub", [p.detach().double() for p in parameters], means)
        foreach("add_", means, list(foreach("div", steps, self.t.double())))

    def penalty(self, parameters):
        """|theta - theta-bar|_2^2, a scalar; theta-bar is constant in the gradient 2 (theta - theta-bar)."""
        return sum((p - mean.to(p.dtype)).square().sum() for p, mean in zip(parameters, self.means))
