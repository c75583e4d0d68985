"""Lines from the middle of an image at any angle: the benchmark of interpolation of Berthelot et al. 2018.

arXiv 1807.07543, section 3; pixels are those of the authors' code (brain-research/acai, lines32).
"""

import itertools
import math

import torch

from engine import data_digest
from engine.errors import UserError
from engine.randomness import generator
from iterators import common
from iterators.points1d import check_count

WIDTH = 2.0  # pixels of a line, measured along the rows or columns that it crosses
CLASSES = 10  # equal parts of the full turn


def get_iterators(batch_size, seed=0, size=32, n=50_000, valid=0, n_test=5_000, data_seed=0, fresh=True):
    """x [N, 1, size, size] in [-1, 1], y [N] in 0 .. 9, which tenth of the full turn; angles are uniform.

    Every line starts in the middle and is size / 2 - 1 pixels long. fresh: every training batch has new
    lines, as in the authors' code, and n is the length of what is called an epoch; fresh=False: n fixed
    ones. n_test and valid: how many fixed ones each of these splits has. data_seed fixes the lines; --seed
    orders them. it.source.draw(angles) gives images [k, 1, size, size] by angles in radians. Raises
    UserError for what cannot be.
    """
    check_count("n", n)
    check_count("n_test", n_test)
    if type(size) is not int or not 8 <= size <= 1024:
        raise UserError(f"--iterator_args size: given {size!r}; must be a whole number between 8 and 1024")
    if type(valid) is not int or valid < 0:
        raise UserError(f"--iterator_args valid: given {valid!r}; must be a whole number of at least 0")
    if type(fresh) is not bool:
        raise UserError(f"--iterator_args fresh: given {fresh!r}; use True or False")
    made = {}
    for split, count in (("train", n), ("valid", valid), ("test", n_test)):
        if not count:
            continue
        source = Lines(turns(count, "lines", data_seed, split), size)
        training = split == "train"
        kind = Fresh if training and fresh else common.DataIterator
        made[split] = kind(
            source,
            batch_size if training else min(batch_size, count),
            seed,
            shuffle=training,
            n_classes=CLASSES,
            what="lines" if training else f"{split} lines",
        )
    return made


def turns(n, *words):
    """float64 [n] ~ U(0, 1), parts of the full turn, fixed by the words."""
    return torch.rand(n, dtype=torch.float64, generator=generator(*words))


class Lines(common.Arrays):
    """Images drawn when they are asked for, of which only the angles are held. lines[i] is one example.

    turns: float64 [n] in [0, 1), parts of the full turn.
    """

    def __init__(self, turns, size):
        self.turns, self.size, self.device = turns, size, torch.device("cpu")

    def __len__(self):
        return len(self.turns)

    def __getitem__(self, i):
        return {name: value[0] for name, value in self.gather(torch.tensor([i], device=self.device)).items()}

    def to(self, device):
        """Moves the angles once. Devices without float64 leave them, and the drawing, to the processor."""
        if device.type != "mps":
            self.turns, self.device = self.turns.to(device), device

    def digest(self):
        """The sha256 of the angles and the size."""
        return data_digest.of_tensors({"turns": self.turns, "size": torch.tensor([self.size])})

    def gather(self, indices):
        """{"x": float32 [m, 1, size, size] in [-1, 1], "y": int64 [m]}; indices: int64 [m] on self.device."""
        return self.at(self.turns[indices])

    def at(self, turns):
        """`gather` of the given parts of the full turn, float64 [m]."""
        return {"x": self.draw(2 * math.pi * turns), "y": (turns * CLASSES).long().clamp(max=CLASSES - 1)}

    def draw(self, angles):
        """float32 [k, 1, size, size] in [-1, 1] of angles [k] in radians, counted from the right upwards."""
        return draw(angles, self.size).float()


class Fresh(common.DataIterator):
    """A DataIterator of Lines whose batches have lines of their own, drawn under (seed, "lines", step,
    rank)."""

    def from_step(self, step):
        """The endless stream of this process's batches from global step `step` (0-based) on."""
        for at, indices in self._local(itertools.count(step)):
            chosen = turns(len(indices), self.seed, "lines", at, self.rank)
            yield self._finish(self.source.at(chosen.to(self.source.device)))


def draw(angles, size):
    """Lines of angles [k] in radians as float64 images [k, 1, size, size]: -1, and 1 where a line is.

    A line goes along that axis, m, on which it is longer, and across it, on o, is WIDTH wide; its ends are
    the middle, c = size / 2, and (c + (c - 1) cos a, c - (c - 1) sin a). With (m_0, o_0) the end of smaller
    m and d = (o_1 - o_0) / (m_1 - m_0), row p of m is covered from o_0 + (p - m_0 - 1/2) d - WIDTH / 2 on,
    and a pixel is 2 * (the part of it that is covered) - 1. Rows are floor(m_0) .. ceil(m_1) - 1, the first
    weighted by the part of it that lies beyond m_0. Of the authors' code.
    """
    angles = angles.double()[:, None, None]
    middle = torch.full_like(angles, size / 2)
    right, down = middle + (middle - 1) * angles.cos(), middle - (middle - 1) * angles.sin()
    # the authors' rows are the second of their coordinates; a tie goes along these
    flat = (down - middle).abs() < (right - middle).abs()
    along, across = torch.where(flat, right, down), torch.where(flat, down, right)
    back = along < middle  # then the tip comes first
    m0, m1 = torch.where(back, along, middle), torch.where(back, middle, along)
    o0, o1 = torch.where(back, across, middle), torch.where(back, middle, across)
    slope = (o1 - o0) / (m1 - m0)
    pixels = torch.arange(size, dtype=torch.float64, device=angles.device)
    rows, columns = pixels[None, :, None], pixels[None, None, :]
    start = o0 + (rows - m0 - 0.5) * slope - WIDTH / 2
    covered = (torch.minimum(columns + 1, start + WIDTH) - torch.maximum(columns, start)).clamp(0, 1)
    inside = ((rows >= m0.floor()) & (rows < m1.ceil())).double()
    first = torch.where(rows < m0.ceil(), m0.ceil() - m0, torch.ones_like(rows))
    images = covered * inside * first
    images = torch.where(flat, images.transpose(1, 2), images)
    return (2 * images - 1)[:, None]
