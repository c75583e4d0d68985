"""torch's private functions against their public fall-backs: the same bits."""

import copy
import glob
import os
import re

import pytest
import torch

from engine import torch_private
from engine.adam import Adam

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = "engine", "trainers", "losses", "networks", "iterators", "eval", "benchmarks"


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


def test_foreach(without):
    given = [torch.tensor([1.0, 2.0]), torch.tensor([[3.0]])]
    others = [torch.tensor([0.5, 4.0]), torch.tensor([[0.3]])]
    found = []
    for hide in (False, True):
        if hide:
            without()
        moved = [t.clone() for t in given]
        torch_private.foreach("lerp_", moved, others, 0.3)
        torch_private.foreach("copy_", moved[:1], others[:1])
        found.append([*moved, *torch_private.foreach("div", given, torch.tensor(3.0))])
    assert all(torch.equal(a, b) for a, b in zip(*found))
    assert torch.equal(found[0][0], others[0]) and torch.equal(found[0][2], given[0] / 3)


def test_products_and_convolutions_of_onednn(without):
    torch.manual_seed(0)
    conv, x = torch.nn.Conv2d(4, 6, 3, 2, 1), torch.randn(2, 4, 9, 9)
    a, b, bias = torch.randn(5, 7), torch.randn(3, 7), torch.randn(3)
    exact = torch.relu(conv.double()(x.double())), a.double() @ b.double().T + bias.double()
    conv.float()
    for hide in (False, True):
        if hide:
            without()
        with torch.no_grad():
            found = torch_private.conv_relu(x, conv), torch_private.onednn_linear(a, b, bias)
        assert all(torch.allclose(f.double(), e, rtol=1e-5, atol=1e-6) for f, e in zip(found, exact))


def test_the_transpose_of_grid_sample(without):
    torch.manual_seed(0)
    grid, grad = torch.rand(2, 5, 4, 2) * 2.4 - 1.2, torch.randn(2, 3, 5, 4)
    x = torch.randn(2, 3, 6, 7, requires_grad=True)
    y = torch.nn.functional.grid_sample(x, grid, align_corners=False)
    (want,) = torch.autograd.grad(y, x, grad)
    ours = torch_private.grid_sample_transposed(grad, grid, x.shape)
    without()
    assert torch.equal(ours, want) and torch.equal(
        ours, torch_private.grid_sample_transposed(grad, grid, x.shape)
    )


def test_no_other_file_calls_private_functions_of_torch():
    call = re.compile(r"torch(\.\w+)*\._(?!_)\w+")
    files = [p for p in glob.glob("**/*.py", root_dir=ROOT, recursive=True) if p.split(os.sep)[0] in FOLDERS]
    assert len(files) > 100
    found = {}
    for path in files:
        with open(os.path.join(ROOT, path), encoding="utf8") as file:
            names = {match.group() for match in call.finditer(file.read())}
        if names and path != os.path.join("engine", "torch_private.py"):
            found[path] = names
    # these two replace torch's own functions to measure, or to pretend a processor, and say so
    assert found == {
        os.path.join("benchmarks", "steps.py"): {"torch.utils._python_dispatch"},
        os.path.join("benchmarks", "same_bits.py"): {"torch.ops.mkldnn._is_mkldnn_bf16_supported"},
    }


def test_bfloat16_is_told_either_way(without):
    known = torch_private.bf16_on_cpu()
    without()
    assert torch_private.bf16_on_cpu() == known


def test_a_method_without_a_wrapper_is_itself():
    def plain():
        """Nothing."""

    assert torch_private.unwrapped(plain) is plain
