"""torch's private functions against their public fall-backs: the same bits."""

import copy

import pytest
import torch

from engine import torch_private
from engine.adam import Adam


@pytest.fixture
def without(monkeypatch):
    """Hides torch's private functions when called."""
    return lambda: monkeypatch.setattr(torch_private, "private", lambda name, module=torch: None)


def parameters():
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape)) for shape in ((3, 4), (5,), (2, 3, 3, 3))]


def test_adam_and_skipped_steps(without):
    def steps():
        given = parameters()
        adam = Adam(given, lr=1e-2, betas=(0.5, 0.99), weight_decay=0.1, fused=True)
        torch.manual_seed(1)
        for bad in (0.0, 1.0, 0.0):
            before = copy.deepcopy((given, adam.state_dict()["state"]))
            adam.step_with([torch.randn_like(p) for p in given], torch.tensor(bad))
            if bad:  # neither parameters nor moments nor steps move
                assert all(torch.equal(a, b) for a, b in zip(before[0], given))
                for i, state in before[1].items():
                    assert all(torch.equal(v, adam.state_dict()["state"][i][k]) for k, v in state.items())
        return [*given, *(v for s in adam.state.values() for v in s.values())]

    ours = steps()
    without()
    assert all(torch.equal(a, b) for a, b in zip(ours, steps()))


def test_not_finite(without):
    cases = [
        [torch.ones(3)],
        [torch.ones(3), torch.tensor([1.0, float("inf")])],
        [torch.tensor(float("nan"))],
    ]
    ours = [torch_private.not_finite([t.clone() for t in case]) for case in cases]
    without()
    assert [float(x) for x in ours] == [float(torch_private.not_finite(case)) for case in cases] == [0, 1, 1]


def test_gamma(without):
    shape, draws = torch.full((2, 50), 1.2), []
    for hide in (False, True):
        if hide:
            without()
        torch.manual_seed(3)
        draws.append(torch_private.standard_gamma(shape))
    assert torch.equal(*draws)


def test_bfloat16_is_told_either_way(without):
    known = torch_private.bf16_on_cpu()
    without()
    assert torch_private.bf16_on_cpu() == known


def test_a_method_without_a_wrapper_is_itself():
    def plain():
        """Nothing."""

    assert torch_private.unwrapped(plain) is plain
