import pytest
import torch

from losses import distances


def test_gap():
    a, b = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([2.0, 2.0])
    assert distances.gap(a, b) == 1 and distances.gap(b, a) == 1 and distances.gap(a, a.flip(0)) == 0


def test_latent_data_distance_has_signed_means():
    torch.manual_seed(0)
    data, latent = torch.randn(5, 8, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    value = distances.latent_data_distance(data, latent, 0.5)
    assert torch.allclose(value, (data.sum() / 40 - 0.5 * latent.sum() / 10) ** 2) and value.ndim == 0
    spread = torch.tensor([[-100.0, 100.0]])  # no variance is seen
    assert distances.latent_data_distance(spread, torch.zeros(1, 2), 1.0) == 0


@pytest.mark.parametrize(
    "progress, mu",
    [(0, 0), (0.25, 0), (0.5, 0), (0.625, 0.025), (0.75, 0.05), (0.9, 0.05), (1, 0.05), (2, 0.05)],
)
def test_moving_weights(progress, mu):
    assert distances.mu(progress) == pytest.approx(mu, abs=1e-15)
    w_real, w_recon = distances.WEIGHTS["moving"](progress)
    assert (
        w_real == pytest.approx(0.95 + mu)
        and w_recon == pytest.approx(0.05 - mu)
        and w_real + w_recon == pytest.approx(1, abs=1e-15)
    )


def test_other_weights_sum_to_one():
    assert {name: weights(0.7) for name, weights in distances.WEIGHTS.items() if name != "moving"} == {
        "fixed": (0.95, 0.05),
        "half": (0.5, 0.5),
    }
