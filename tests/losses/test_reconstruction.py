import math

import pytest
import torch

from losses import reconstruction
from losses.reconstruction import LABELLED, RECONSTRUCTION


def test_distances_by_hand():
    recon, x = (
        torch.tensor([[[[0.5, -1.0]]], [[[0.0, 0.0]]]]),
        torch.tensor([[[[1.0, -1.0]]], [[[1.0, -1.0]]]]),
    )
    assert torch.allclose(RECONSTRUCTION["l1"](recon, x), torch.tensor([0.25, 1.0]))
    assert torch.allclose(RECONSTRUCTION["l2"](recon, x), torch.tensor([0.125, 1.0]))
    expected = torch.tensor([-math.log(0.75), 2 * math.log(2)])
    assert torch.allclose(RECONSTRUCTION["bce_sum"](recon, x), expected)
    assert torch.allclose(RECONSTRUCTION["bce"](recon, x), expected / 2)


def test_cross_entropy_stays_finite_at_the_ends_of_the_range():
    recon = torch.tensor([[1.0, -1.0]], requires_grad=True)
    loss = RECONSTRUCTION["bce_sum"](recon.tanh() * 1.0, torch.tensor([[-1.0, 1.0]])).sum()
    assert torch.isfinite(torch.autograd.grad(loss, recon)[0]).all()
    assert torch.isfinite(RECONSTRUCTION["bce_sum"](torch.tensor([[1.0]]), torch.tensor([[-1.0]]))).all()


def test_cross_entropy_of_a_diverged_image_is_not_a_number_and_no_error():
    recon = torch.tensor([[0.5, math.nan], [0.25, -0.5]], requires_grad=True)
    x = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    loss = reconstruction.bce(recon, x)
    expected = torch.nn.functional.binary_cross_entropy((recon[1] + 1) / 2, (x[1] + 1) / 2)
    assert loss[0].isnan() and torch.equal(loss[1], expected)
    plain = recon.detach().clone().requires_grad_()
    torch.nn.functional.binary_cross_entropy((plain[1:] + 1) / 2, (x[1:] + 1) / 2).backward()
    loss[1].backward()
    assert torch.equal(recon.grad[1], plain.grad[1])  # the same bits


def test_kl_is_that_of_torch():
    mean, log_var = torch.randn(5, 3), torch.randn(5, 3)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (log_var / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    ).sum(1)
    assert torch.allclose(reconstruction.kl_standard_normal(mean, log_var), expected, atol=1e-5)


@pytest.mark.parametrize("name", LABELLED)
def test_the_best_probability_is_the_label(name):
    """The minimum is at sigmoid(logit) = t; so ACAI's critic estimates 2 min(alpha, 1 - alpha)."""
    for t in (0.1, 0.5, 0.9):
        logits = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        optim = torch.optim.LBFGS([logits], max_iter=100, line_search_fn="strong_wolfe")

        def closure(t=t, logits=logits, optim=optim):
            optim.zero_grad()
            loss = LABELLED[name](logits, torch.tensor([t], dtype=torch.float64)).sum()
            loss.backward()
            return loss

        optim.step(closure)
        assert float(logits.detach().sigmoid()) == pytest.approx(t, abs=1e-3)
    assert LABELLED[name](torch.zeros(3), 1.0).shape == (3,)


def test_labelled_losses_by_hand():
    l = torch.tensor([0.0, 2.0])
    assert torch.allclose(LABELLED["bce"](l, 1.0), torch.nn.functional.softplus(-l)) and torch.allclose(
        LABELLED["bce"](l, 0.0), torch.nn.functional.softplus(l)
    )
    assert torch.allclose(LABELLED["mse"](l, 0.0), torch.sigmoid(l) ** 2)
    assert torch.isfinite(LABELLED["bce"](torch.tensor([1e4, -1e4]), 1.0)).all()
