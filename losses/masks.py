"""Forms of a mix: from the weights of two examples to the share of each at every place of the mix.

A form is a function (weights [2, N], h [N, ...], fold, draw) -> weights [2, N] or masks [2, N, 1, H, W],
which losses.mixing.mix takes either way. weights[0] = lam is the share that the first example shall have, so
every form draws the same lam from the step's own generator; `draw()` gives the generator of what a form draws
besides. fold: the first example must never be the larger part.
"""

import torch

from engine import accumulation


def linear(weights, h, fold, draw):
    """lam at every place: Zhang et al. 2018, section 2 (mixup)."""
    return weights


def cutmix(weights, h, fold, draw):
    """A box of one example in the other: M in {0, 1}, [2, N, 1, H, W].

    The box has sides H sqrt(a) and W sqrt(a), rounded down, and a centre drawn uniformly from the pixels;
    what lies outside the image is cut off. With probability 1/2 it is the first example's, a = lam, else the
    second's, a = 1 - lam. So M's mean is lam but for rounding and cutting, and M itself says what was mixed.
    With `fold` a mask whose mean is above 1/2 is complemented. Yun et al. 2019 (arXiv 1905.04899), Algorithm
    1, with alpha = 1; Schoenfeld et al. 2020 (U-Net GAN, arXiv 2002.12655), section 3.2.
    Differs from the papers: lam ~ Beta(alpha, alpha) of any alpha; Yun et al. always paste into the first
    example.
    """
    (height, width), (pasted, centres) = h.shape[2:], place(h, draw())
    side = torch.where(pasted, weights[0], weights[1]).sqrt()
    rows = inside(side, centres[0], height)
    columns = inside(side, centres[1], width)
    return masks(rows[:, :, None] & columns[:, None, :], pasted, weights, fold)


def place(h, generator):
    """(whether the region is the first example's, bool [N]; its centre, [2, N] in 0 .. 1), for N examples."""
    draws = [lambda n: torch.rand(n, device=h.device, generator=generator)] * 3
    whose, *centres = (accumulation.rows(draw, len(h)) for draw in draws)
    return whose < 0.5, centres


def inside(side, centre, size):
    """Which pixels of an axis lie in a box: bool [N, size]. side, centre: [N], as parts of the axis."""
    length = (side * size).long()[:, None]
    first = (centre * size).long()[:, None] - length // 2
    pixel = torch.arange(size, device=side.device)
    return (pixel >= first) & (pixel < first + length)


def smoothmix(weights, h, fold, draw):
    """A spot of one example in the other, with smooth edges: M [2, N, 1, H, W].

    The spot is exp(-((i - i0)^2 + (j - j0)^2) / (2 s^2)) at pixel (i, j), its centre (i0, j0) uniform over
    the image. With probability 1/2 it is the first example's, else the second's, as in cutmix. s is such that
    M's mean is lam. Lee et al. 2020, "SmoothMix: a simple yet effective data augmentation to train robust
    classifiers", section 3: the mask and the label, its mean.
    Differs from the paper: there s ~ U(1/4, 1/2) of the side, so that lam follows from s; here lam ~
    Beta(alpha, alpha), as in the other forms, and s follows from lam.
    """
    (height, width), (pasted, centres) = h.shape[2:], place(h, draw())
    squares = [
        (torch.arange(size, device=h.device) + 0.5 - centre[:, None] * size).square()
        for size, centre in zip((height, width), centres)
    ]
    area = torch.where(pasted, weights[0], weights[1])
    rows, columns = spot(squares, area)
    return masks(rows[:, :, None] * columns[:, None, :], pasted, weights, fold)


def spot(squares, area):
    """The rows [N, H] and columns [N, W] whose product is the spot with the mean `area` [N].

    squares: the squared distances from the centre along each axis. The mean grows with s, from 0 to 1, so s
    is found by bisection of log s, to the accuracy of the floats.
    """

    def profiles(log_s):
        scale = torch.exp(-2 * log_s)[:, None] / 2
        return [torch.exp(-square * scale) for square in squares]

    low, high = torch.full_like(area, -8.0), torch.full_like(area, 16.0)
    for _ in range(40):
        middle = (low + high) / 2
        rows, columns = profiles(middle)
        small = rows.mean(1) * columns.mean(1) < area
        low, high = torch.where(small, middle, low), torch.where(small, high, middle)
    return profiles(low)


def masks(region, pasted, weights, fold):
    """[M, 1 - M], [2, N, 1, H, W], of a region [N, H, W] that is the first example's where `pasted` [N], the
    second's elsewhere."""
    region = region[:, None].to(weights.dtype)
    mask = torch.where(pasted[:, None, None, None], region, 1 - region)
    if fold:
        large = mask.mean((1, 2, 3), keepdim=True) > 0.5
        mask = torch.where(large, 1 - mask, mask)
    return torch.stack([mask, 1 - mask])


def share(weight):
    """The share [N] of one example in a mix, of its weights [N] or its mask [N, 1, H, W], the mean."""
    return weight if weight.ndim == 1 else weight.mean((1, 2, 3))


# form(weights, h, fold, draw) -> weights [2, N] or [2, N, 1, H, W]
FORMS = {"linear": linear, "cutmix": cutmix, "smoothmix": smoothmix}
