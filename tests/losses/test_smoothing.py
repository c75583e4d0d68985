import math

import pytest
import torch
import torch.nn.functional as F

from losses.adversarial import OBJECTIVES, smoothed


def optimum(objective, p_data, p_g):
    """sigma(l) at the minimum of p_data d_real(l) + p_g d_fake(l), by bisection of the derivative."""
    low, high = torch.tensor(-30.0, dtype=torch.float64), torch.tensor(30.0, dtype=torch.float64)
    for _ in range(100):
        l = ((low + high) / 2).requires_grad_()
        (slope,) = torch.autograd.grad(p_data * objective.d_real(l) + p_g * objective.d_fake(l), l)
        low, high = (low, l.detach()) if slope > 0 else (l.detach(), high)
    return float(torch.sigmoid(l.detach()))


@pytest.mark.parametrize("alpha, beta", ((0.9, 0.0), (0.75, 0.0), (0.9, 0.1), (1.0, 0.2)))
@pytest.mark.parametrize("p_data, p_g", ((1.0, 0.0), (0.5, 0.5), (0.3, 1.2)))
def test_the_optimal_discriminator(alpha, beta, p_data, p_g):
    """The optimum is (alpha p_data + beta p_g) / (p_data + p_g).

    With one-sided labels that is alpha where all is real, and alpha / 2 where the densities are equal.
    """
    objective = smoothed(OBJECTIVES["jsgan"], alpha, beta)
    if (p_data, p_g) != (1.0, 0.0) or alpha < 1:
        assert optimum(objective, p_data, p_g) == pytest.approx(
            (alpha * p_data + beta * p_g) / (p_data + p_g), abs=1e-9
        )


def test_losses_are_cross_entropies_of_soft_labels():
    l = torch.linspace(-5, 5, 11, dtype=torch.float64)
    objective = smoothed(OBJECTIVES["jsgan"], 0.9, 0.1)
    for loss, label in ((objective.d_real, 0.9), (objective.d_fake, 0.1)):
        assert torch.allclose(
            loss(l), F.binary_cross_entropy_with_logits(l, torch.full_like(l, label), reduction="none")
        )
    # one-sided: generated examples keep 0
    assert smoothed(OBJECTIVES["jsgan"], 0.9).d_fake is OBJECTIVES["jsgan"].d_fake
    assert smoothed(OBJECTIVES["hinge"]) == OBJECTIVES["hinge"]
    # for least squares a soft label is the label, up to a constant
    square = smoothed(OBJECTIVES["lsgan"], 0.9)
    assert torch.allclose(square.d_real(l) - (l - 0.9).square() / 2, torch.full_like(l, 0.9 * 0.1 / 2))


@pytest.mark.parametrize("target", (0.375, 0.45, 0.9))
def test_generators_target_is_a_divergence(target):
    g = smoothed(OBJECTIVES["jsgan"], g_label=target).g
    l = torch.tensor(math.log(target / (1 - target)), dtype=torch.float64, requires_grad=True)
    assert abs(g(l)) < 1e-12 and abs(torch.autograd.grad(g(l), l)[0]) < 1e-12
    other = torch.tensor([-3.0, 2.0, 1e3, -1e3], dtype=torch.float64)
    p = torch.sigmoid(other[:2])
    kl = target * (target / p).log() + (1 - target) * ((1 - target) / (1 - p)).log()
    assert torch.allclose(g(other)[:2], kl) and g(other).isfinite().all() and (g(other) > 0).all()
