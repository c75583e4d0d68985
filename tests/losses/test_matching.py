import pytest
import torch

from losses.matching import MATCHING


def test_forms_against_hand_made_means():
    real = torch.tensor([[1.0, 2.0], [3.0, 6.0]])  # means 2, 4
    fake = torch.tensor([[0.0, 5.0], [2.0, 5.0], [1.0, 5.0]])  # means 1, 5
    assert (
        MATCHING["squared"](real, fake) == 2
        and MATCHING["mean_squared"](real, fake) == 1
        and MATCHING["absolute"](real, fake) == 1
    )
    real, fake = torch.randn(4, 3, 2, 2), torch.randn(5, 3, 2, 2)
    d = (real.mean(0) - fake.mean(0)).flatten()
    assert torch.allclose(MATCHING["squared"](real, fake), d @ d) and torch.allclose(
        MATCHING["absolute"](real, fake), d.abs().mean()
    )


@pytest.mark.parametrize("form", MATCHING)
def test_zero_for_identical_batches_and_no_gradient_to_the_real_part(form):
    real, fake = torch.randn(6, 5, requires_grad=True), torch.randn(6, 5, requires_grad=True)
    assert MATCHING[form](real, real) == 0 and MATCHING[form](real, real[torch.randperm(6)]) < 1e-6
    grads = torch.autograd.grad(MATCHING[form](real, fake), (real, fake), allow_unused=True)
    assert grads[0] is None and grads[1].abs().sum() > 0
