import math

import pytest
import torch

from losses.mixing import beta_weights, mix, pick


def test_weights_sum_to_one_and_fold_keeps_the_real_part_small():
    torch.manual_seed(0)
    for alpha in (1e-3, 0.2, 1.0, 50.0):
        for fold in (False, True):
            weights = beta_weights(1000, alpha, fold)
            assert weights.shape == (2, 1000) and torch.isfinite(weights).all()
            assert torch.equal(weights[0] + weights[1], torch.ones(1000))
            assert (weights >= 0).all() and (not fold or (weights[0] <= 0.5).all())


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_mean_of_folded_lambda(alpha):
    torch.manual_seed(1)
    n = 200_000
    lam = beta_weights(n, alpha, True)[0].double()
    beta = math.gamma(alpha) ** 2 / math.gamma(2 * alpha)
    expected = 0.5 - 2 ** (-2 * alpha) / (alpha * beta)
    assert abs(lam.mean().item() - expected) < 5 * lam.std().item() / n**0.5
    if alpha == 1.0:
        assert expected == pytest.approx(0.25)
    if alpha == 0.2:
        assert expected == pytest.approx(0.101, abs=5e-4)


def test_limits_of_alpha():
    torch.manual_seed(2)
    assert beta_weights(2000, 1e-4, True)[0].mean() < 1e-2
    assert beta_weights(2000, 1e6, True)[0].mean() > 0.499


def test_mix_is_the_weighted_sum():
    torch.manual_seed(3)
    hs = [torch.randn(4, 3, 2, 2, dtype=torch.float64) for _ in range(3)]
    weights = torch.rand(3, 4, dtype=torch.float64)
    weights /= weights.sum(0)
    expected = torch.stack([sum(weights[i, n] * hs[i][n] for i in range(3)) for n in range(4)])
    assert torch.allclose(mix(hs, weights), expected, atol=1e-14)
    channels = torch.rand(3, 4, 3, dtype=torch.float64)
    expected = torch.einsum("knc,knchw->nchw", channels, torch.stack(hs))
    assert torch.allclose(mix(hs, channels), expected, atol=1e-14)
    vectors = [h.flatten(1) for h in hs]
    assert torch.allclose(
        mix(vectors, weights), torch.einsum("kn,knd->nd", weights, torch.stack(vectors)), atol=1e-14
    )


def test_ends_and_fixed_points_are_exact():
    a, b = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2)
    one, zero = torch.ones(4), torch.zeros(4)
    assert torch.equal(mix((a, b), torch.stack([one, zero])), a)
    assert torch.equal(mix((a, b), torch.stack([zero, one])), b)
    quarter = torch.stack([one / 4, one * 3 / 4])
    assert torch.allclose(mix((a, a), quarter), a, atol=1e-6)


def test_memory_format_is_kept():
    a, b = (torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last) for _ in range(2))
    assert mix((a, b), beta_weights(4, 1.0)).is_contiguous(memory_format=torch.channels_last)


def test_layers_are_drawn_uniformly():
    torch.manual_seed(4)
    drawn = [pick((1, 2, 0)) for _ in range(3000)]
    for k in (0, 1, 2):
        assert abs(drawn.count(k) - 1000) < 5 * math.sqrt(3000 * 2 / 9)
