"""The mixers of adversarial mixup resynthesis."""

import pytest
import torch

from losses.mixing import MIXERS, fixed_order, mix, partners, shares


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", MIXERS)
@pytest.mark.parametrize("k", (2, 3, 5))
def test_weights_are_convex_and_equal_codes_a_fixed_point(name, k):
    w = MIXERS[name](6, 8, k)
    assert w.shape == ((k, 6) if name == "mixup" else (k, 6, 8)) and (w >= 0).all()
    assert torch.allclose(w.sum(0), torch.ones_like(w[0]))
    for shape in ((6, 8), (6, 8, 4, 4)):
        h = torch.randn(shape[1:]).expand(shape)
        assert torch.allclose(mix([h[i] for i in partners(6, k)], w), h, atol=1e-6)


@pytest.mark.parametrize("name", MIXERS)
def test_a_given_p(name):
    h, other = torch.randn(5, 7, 2, 2), torch.randn(5, 7, 2, 2)
    assert torch.equal(mix((h, other), MIXERS[name](5, 7, 2, 1.0)), h)
    assert torch.equal(mix((h, other), MIXERS[name](5, 7, 2, 0.0)), other)
    if name in ("fm", "fm2"):
        for p, taken in ((0.5, 3), (1 / 7, 1), (0.99, 6)):
            assert MIXERS[name](5, 7, 2, p)[0].sum(1).tolist() == [taken] * 5
    else:
        assert torch.allclose(mix((h, other), MIXERS[name](5, 7, 2, 0.3)), 0.3 * h + 0.7 * other)


def test_fm_takes_floor_of_p_times_channels_in_one_nested_order():
    assert int((fixed_order(100, 0.29, 2) == 0).sum()) == 29
    before = set()
    for p in torch.linspace(0, 1, 11).tolist():
        now = set((fixed_order(10, p, 2) == 0).nonzero().flatten().tolist())
        assert before <= now
        before = now
    assert fixed_order(12, (0.25, 0.25, 0.5), 3).bincount().tolist() == [3, 3, 6]


def test_shares_that_cannot_be():
    for p, k in ((1.5, 2), ((0.5, 0.5), 3), ((0.5, 0.4), 2), (-0.1, 2)):
        with pytest.raises(ValueError, match=f"{k} shares"):
            shares(p, k)


def test_moments_of_the_masks():
    many = torch.stack([MIXERS["fm"](20, 50)[0] for _ in range(200)])
    assert many.mean() == pytest.approx(0.5, abs=0.01) and many.var() == pytest.approx(0.25, abs=0.01)
    assert many.mean((1, 2)).var() == pytest.approx(0.25 / 1000, rel=0.3)  # elements are independent
    means = torch.stack([MIXERS["fm2"](20, 50)[0].mean() for _ in range(2000)])
    assert means.mean() == pytest.approx(0.5, abs=0.03) and means.var() == pytest.approx(1 / 12, rel=0.1)


@pytest.mark.parametrize("name", ("fm", "fm2"))
@pytest.mark.parametrize("k", (2, 3, 4))
def test_each_channel_has_one_source_and_all_sources_are_used(name, k):
    w = torch.stack([MIXERS[name](20, 30, k) for _ in range(100)])
    assert set(w.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(w.mean((0, 2, 3)), torch.full((k,), 1 / k), atol=0.08)


def test_dirichlet_of_two_is_uniform_and_of_three_has_its_moments():
    a = MIXERS["mixup"](20_000, 1, 2)[0]
    grid = torch.linspace(0.1, 0.9, 9)
    # Kolmogorov's distance at 9 points
    assert torch.allclose((a[:, None] < grid).float().mean(0), grid, atol=0.015)
    w = MIXERS["mixup"](20_000, 1, 3)
    assert torch.allclose(w.mean(1), torch.full((3,), 1 / 3), atol=0.01) and torch.allclose(
        w.var(1), torch.full((3,), 1 / 18), atol=0.003
    )


def test_partners_are_permutations_and_the_first_is_the_batch_itself():
    first, *others = partners(9, 4)
    assert first.tolist() == list(range(9)) and len(others) == 3
    assert (
        all(sorted(o.tolist()) == list(range(9)) for o in others) and others[0].tolist() != others[1].tolist()
    )
