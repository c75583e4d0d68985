import pytest
import torch

from eval.metrics.disentanglement import beta_vae, factor_vae

SIZES = (3, 6, 40, 32, 32)
FEW = {"images": 32, "train": 400, "evaluation": 400}


def perfect(factors):
    """Each factor in a dimension of its own, permuted, scaled and bent."""
    f = factors.double()
    return torch.stack([f[:, 3] * 100, f[:, 0].exp(), -f[:, 4], f[:, 1] ** 3, f[:, 2] * 0.1], 1)


def noise(factors):
    return torch.randn(len(factors), 10, generator=torch.Generator().manual_seed(int(factors.sum()) % 2**31))


def test_perfect_factors():
    assert factor_vae(perfect, SIZES, scale=2000, **FEW)["score"] == 1.0
    assert beta_vae(perfect, SIZES, **FEW)["score"] == 1.0


def test_noise_is_chance():
    assert factor_vae(noise, SIZES, scale=2000, **FEW)["score"] == pytest.approx(0.2, abs=0.07)
    assert beta_vae(noise, SIZES, **FEW)["score"] == pytest.approx(0.2, abs=0.07)


def test_one_factor_copied_and_two_of_five():
    copied = factor_vae(lambda f: f[:, 2:3].double().repeat(1, 6), SIZES, scale=2000, **FEW)
    assert copied["score"] == pytest.approx(0.2, abs=0.07)
    two = factor_vae(lambda f: f[:, 3:5].double(), SIZES, scale=2000, **FEW)
    # the two factors always win their dimension; the votes of the other three are wrong
    assert two["score"] == pytest.approx(0.4, abs=0.07)


def test_dimensions_that_do_nothing():
    dead = factor_vae(
        lambda f: torch.cat([perfect(f), torch.zeros(len(f), 3, dtype=torch.float64)], 1),
        SIZES,
        scale=2000,
        **FEW,
    )
    assert dead["score"] == 1.0 and dead["active"] == 5
    none = factor_vae(lambda f: torch.zeros(len(f), 4), SIZES, scale=100, **FEW)
    assert none["score"] == 0.0 and none["active"] == 0
    assert beta_vae(lambda f: torch.zeros(len(f), 4), SIZES, **FEW)["score"] == 0.2


def test_a_factor_with_one_value_is_not_asked_for():
    sizes = (1, 6, 10)
    code = lambda f: f[:, 1:].double()
    found = factor_vae(code, sizes, scale=1000, **FEW)
    assert found["score"] == 1.0 and found["chance"] == 0.5
    assert beta_vae(code, sizes, **FEW)["score"] == 1.0
