"""The lines of Berthelot et al. 2018."""

import math

import pytest
import torch

from engine.errors import UserError
from iterators import lines


def by_hand(angle, size=32):
    """A line drawn pixel by pixel: the formula of `lines.draw`, one scalar at a time."""
    c = size / 2
    x, y = c + (c - 1) * math.cos(angle), c - (c - 1) * math.sin(angle)
    flat = abs(y - c) < abs(x - c)
    ends = sorted([(c, c), (x, y) if flat else (y, x)])
    (m0, o0), (m1, o1) = ends
    slope = (o1 - o0) / (m1 - m0)
    image = [[-1.0] * size for _ in range(size)]
    for row in range(int(m0), math.ceil(m1)):
        start = o0 + (row - m0 - 0.5) * slope - 1
        part = math.ceil(m0) - m0 if row < math.ceil(m0) else 1
        for column in range(size):
            covered = max(0.0, min(column + 1, start + 2) - max(column, start)) * part
            at = (column, row) if flat else (row, column)
            image[at[0]][at[1]] = 2 * covered - 1
    return torch.tensor(image, dtype=torch.float64)


def test_pixels_are_those_of_the_formula():
    draws = torch.Generator().manual_seed(0)
    angles = [0.0, math.pi / 4, math.pi / 2, math.pi, 5 * math.pi / 4, 3 * math.pi / 2]
    angles = torch.cat([torch.tensor(angles).double(), 7 * torch.rand(40, generator=draws).double()])
    for size in (32, 9):
        made = lines.draw(angles, size)
        assert made.shape == (len(angles), 1, size, size) and made.dtype == torch.float64
        for image, angle in zip(made, angles.tolist()):
            assert (image[0] - by_hand(angle, size)).abs().max() < 1e-12


def test_a_line_to_the_right_is_two_pixels_thick():
    image = lines.draw(torch.zeros(1), 32)[0, 0]
    on = torch.full((32, 32), -1.0, dtype=torch.float64)
    on[15:17, 16:31] = 1
    assert torch.equal(image, on)
    upright = lines.draw(torch.tensor([math.pi / 2], dtype=torch.float64), 32)[0, 0]
    assert (upright[1:16, 15:17] - 1).abs().max() < 1e-12 and int((upright > -0.99).sum()) == 30


def test_splits_labels_and_seeds():
    made = lines.get_iterators(8, n=40, valid=11, n_test=23)
    assert {name: it.n for name, it in made.items()} == {"train": 40, "valid": 11, "test": 23}
    assert made["train"].data_shape == (1, 32, 32) and made["train"].n_classes == 10
    assert "valid" not in lines.get_iterators(8, n=40, n_test=23)
    for it in made.values():
        turns, batch = it.source.turns, it.source.gather(torch.arange(it.n))
        assert torch.equal(batch["y"], (10 * turns).floor().long()) and batch["x"].abs().max() <= 1
        assert torch.equal(batch["x"], it.source.draw(2 * math.pi * turns))
    other = lines.get_iterators(8, seed=1, n=40, n_test=23)
    assert torch.equal(other["test"].source.turns, made["test"].source.turns)
    moved = lines.get_iterators(8, n=40, n_test=23, data_seed=1)
    assert not torch.equal(moved["test"].source.turns, made["test"].source.turns)
    assert made["train"].source.digest() != moved["train"].source.digest()


@pytest.mark.parametrize("fresh", (True, False))
def test_streams_start_at_any_step_and_fresh_lines_never_come_again(fresh):
    it = lines.get_iterators(10, seed=3, n=50, n_test=20, fresh=fresh)["train"]
    stream = it.from_step(0)
    batches = [next(stream) for _ in range(12)]
    assert len(it) == 5 and all(batch["x"].shape == (10, 1, 32, 32) for batch in batches)
    again = next(it.from_step(7))
    assert all(torch.equal(again[key], batches[7][key]) for key in ("x", "y"))
    seen = torch.cat([batch["x"] for batch in batches]).flatten(1).unique(dim=0)
    assert len(seen) == (120 if fresh else 50)


@pytest.mark.parametrize(
    "words, message",
    [
        ({"size": 7}, "size: given 7; must be a whole number between 8"),
        ({"n": 1}, "n: given 1; use a whole number"),
        ({"n_test": 0}, "n_test"),
        ({"valid": -1}, "valid: given -1; must be"),
        ({"valid": 0.1}, "valid: given 0.1; must be"),
        ({"fresh": 1}, "fresh: given 1; use True or False"),
    ],
)
def test_what_cannot_be(words, message):
    with pytest.raises(UserError, match=message):
        lines.get_iterators(8, **words)
