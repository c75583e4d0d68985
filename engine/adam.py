"""Adam without the calls around it."""

import inspect

import torch


class Adam(torch.optim.Adam):
    """Adam (Kingma and Ba 2015) by torch's fused kernel; state_dict and all options as torch.optim.Adam with fused=True, one group of parameters.

    torch's own step() sorts parameters by device and type, and asks for hooks, each time: several times the cost of the kernel for a small network.
    """

    # torch wraps these against compilation, and the wrapper imports the whole compiler (torch._dynamo, sympy) at the first call: as long as torch itself takes
    add_param_group, state_dict = (
        inspect.unwrap(getattr(torch.optim.Optimizer, name)) for name in ("add_param_group", "state_dict")
    )

    lists = None  # of steps, means and squares, as the kernel takes them

    def step_with(self, gradients, bad):
        """One step with these gradients, laid out in memory as the parameters are; nothing where `bad`, a float scalar on the device, is 1 instead of 0."""
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
        # a list: a lone scalar tensor would be read by the host, which waits for the device
        torch._foreach_add_(steps, [1 - bad] * len(steps))
        # where the kernel does nothing it does not look at the step either
        torch._fused_adam_(
            parameters,
            gradients,
            means,
            squares,
            [],
            steps,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
            grad_scale=None,
            found_inf=bad,
        )

    def load_state_dict(self, state_dict):
        """torch's; its tensors take the place of the old ones."""
        inspect.unwrap(torch.optim.Optimizer.load_state_dict)(self, state_dict)
        self.lists = None
