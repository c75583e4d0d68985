"""The optimiser against torch's own."""

import copy

import pytest
import torch

from engine.adam import Adam


@pytest.mark.parametrize("options", ({}, {"weight_decay": 0.1, "eps": 1e-4}))
def test_steps_are_those_of_torch_bit_for_bit(options):
    """Skipped steps, changed rates and a state handed from one to the other included; a convolution's weight
    is in channels-last memory."""
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last)
    twin = copy.deepcopy(layer)
    ours, theirs = (
        kind(net.parameters(), 0.01, (0.5, 0.9), fused=True, **options)
        for kind, net in ((Adam, layer), (torch.optim.Adam, twin))
    )
    for step in range(8):
        gradients = [torch.randn_like(p) for p in layer.parameters()]
        bad = torch.tensor(float(step in (0, 3)))
        for optim in (ours, theirs):
            optim.param_groups[0]["lr"] = 0.01 / (1 + step)
        ours.step_with(gradients, bad)
        for p, g in zip(twin.parameters(), gradients):
            p.grad = g
        theirs.grad_scale, theirs.found_inf = None, bad
        theirs.step()
        assert all(torch.equal(p, q) for p, q in zip(layer.parameters(), twin.parameters()))
        assert str(ours.state_dict()) == str(theirs.state_dict())
        if step == 5:
            states = copy.deepcopy(ours.state_dict()), copy.deepcopy(theirs.state_dict())
            ours.load_state_dict(states[1])
            theirs.load_state_dict(states[0])
    assert {int(s["step"]) for s in ours.state.values()} == {6} and not any(
        p.grad is not None for p in layer.parameters()
    )
