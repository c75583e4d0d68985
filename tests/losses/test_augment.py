"""Augmentation of what D sees: closed forms, gradients, and the values of the authors' code."""

import pytest
import torch

from losses import augment


def images(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def drawn(seed=1):
    return torch.Generator().manual_seed(seed)


def test_colours_move_the_means_that_they_should_and_no_others():
    x = images(400, 3, 5, 4)
    moved = augment.brightness(x, drawn()) - x
    assert torch.allclose(moved, moved[:, :1, :1, :1].expand_as(moved))
    assert -0.5 <= moved.min() < -0.4 and 0.4 < moved.max() <= 0.5
    saturated = augment.saturation(x, drawn())
    assert torch.allclose(saturated.mean(1), x.mean(1))
    s = (saturated - x.mean(1, keepdim=True)) / (x - x.mean(1, keepdim=True))
    assert torch.allclose(s, s[:, :1, :1, :1].expand_as(s)) and 0 <= s.min() < 0.1 and 1.9 < s.max() <= 2
    m = x.mean((1, 2, 3), keepdim=True)
    c = (augment.contrast(x, drawn()) - m) / (x - m)
    assert torch.allclose(c, c[:, :1, :1, :1].expand_as(c)) and 0.5 <= c.min() < 0.6 and 1.4 < c.max() <= 1.5


def test_translation_moves_whole_pixels_and_fills_with_zeros():
    x = images(200, 2, 16, 8)
    moved, found = augment.translation(x, drawn()), set()
    for i in range(len(x)):
        padded = torch.nn.functional.pad(x[i], (1, 1, 2, 2))
        places = [
            (a, b)
            for a in range(-2, 3)
            for b in range(-1, 2)
            if torch.equal(moved[i], padded[:, 2 + a : 18 + a, 1 + b : 9 + b])
        ]
        assert len(places) == 1
        found |= set(places)
    assert len(found) == 15  # 1/8 of each side, either way


@pytest.mark.parametrize("side, size", [(8, 4), (6, 3), (5, 3)])
def test_cutout_blanks_a_square_of_half_the_side_cut_at_the_border(side, size):
    x = images(400, 2, side, side).abs() + 0.1
    blank = augment.cutout(x, drawn()) == 0
    assert torch.equal(blank[:, 0], blank[:, 1])
    rows, columns = blank[:, 0].any(2), blank[:, 0].any(1)
    assert torch.equal(blank[:, 0], rows[:, :, None] & columns[:, None, :])
    low = size // 2 if size % 2 == 0 else size // 2 + 1
    assert set(rows.sum(1).tolist()) <= set(range(0 if size % 2 == 0 else low, size + 1))
    # the centre is uniform over side + 1 places if the square is even, over the pixels if it is odd
    assert len({tuple(r.tolist()) for r in rows}) == side + (1 - size % 2)
    whole = rows.sum(1) == size
    assert whole.double().mean() == pytest.approx((side - size + 1) / (side + 1 - size % 2), abs=0.08)


def test_the_values_of_the_authors_code():
    """Means of T x by data-efficient-gans' PyTorch code in float64, for the same generator."""
    x = torch.linspace(-1, 1, 2 * 3 * 8 * 8, dtype=torch.float64).view(2, 3, 8, 8)
    for name, want in AUTHORS.items():
        draw = drawn(7)
        found = x
        for policy in name.split(","):
            found = augment.POLICIES[policy](found, draw)
        assert found.mean((1, 2, 3)).tolist() == pytest.approx(want, abs=1e-12), name


AUTHORS = {
    "color": [-0.7219250531223165, 0.2749991966804863],
    "translation": [-0.45691906005221933, 0.4409268929503916],
    "cutout": [-0.443782637075718, 0.3785900783289817],
    "color,translation,cutout": [-0.42203354030944046, 0.2010031362475877],
}


@pytest.mark.parametrize("name", augment.POLICIES)
def test_each_policy_passes_gradients_and_leaves_other_draws_alone(name):
    x = images(3, 3, 8, 8).requires_grad_()
    state = torch.get_rng_state()
    found = augment.POLICIES[name](x, drawn())
    assert torch.equal(state, torch.get_rng_state())
    assert found.dtype == x.dtype and found.shape == x.shape
    (grad,) = torch.autograd.grad(found.sum(), x)
    assert grad.isfinite().all() and (grad != 0).any()
    again = augment.POLICIES[name](x, drawn())
    assert torch.equal(found, again)
    small = x.detach().float()[:2, :, :4, :4].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: augment.POLICIES[name](x, drawn()), small.double())
