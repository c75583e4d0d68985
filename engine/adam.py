"""Adam without the calls around it."""

import torch

from engine.torch_private import fused_adam, unwrapped


class Adam(torch.optim.Adam):
    """Adam (Kingma and Ba 2015) by torch's fused kernel, with one group of parameters.

    state_dict and all options are those of torch.optim.Adam with fused=True. torch's own step() sorts
    parameters by device and type, and asks for hooks, each time: several times the cost of the kernel for a
    small network.
    """

    add_param_group = unwrapped(torch.optim.Optimizer.add_param_group)
    state_dict = unwrapped(torch.optim.Optimizer.state_dict)

    lists = None  # of steps, means and squares, as the kernel takes them

    def step_with(self, gradients, bad):
        """One step with these gradients, laid out in memory as the parameters are.

        Nothing moves, neither moments nor steps, where `bad`, a float scalar on the device, is 1 instead of
        0.
        """
        (group,) = self.param_groups
        parameters = group["params"]
        if not self.state:
            for p in parameters:
                self.state[p] = {
                    "step": torch.zeros((), device=p.device),
                    "exp_avg": torch.zeros_like(p),
                    "exp_avg_sq": torch.zeros_like(p),
                }
        if self.lists is None:
            self.lists = [
                [self.state[p][name] for p in parameters] for name in ("step", "exp_avg", "exp_avg_sq")
            ]
        steps, means, squares = self.lists
        fused_adam(parameters, gradients, means, squares, steps, group, bad)

    def load_state_dict(self, state_dict):
        """torch's; its tensors take the place of the old ones."""
        unwrapped(torch.optim.Optimizer.load_state_dict)(self, state_dict)
        self.lists = None
