"""How good interpolations between lines are: Berthelot et al. 2018 (arXiv 1807.07543), section 3.1.

Every line of the benchmark starts in the middle of its image and has an angle, so an interpolation can be
compared with all lines that there are. Functions of images and of draw(angles) -> images.
"""

import math

import torch

CANDIDATES = 10_000  # lines, at equal angles, among which the nearest is looked for
STILL = 1e-4  # radians from the first to the last image of an interpolation that has no smoothness


def nearest(images, draw, candidates=CANDIDATES, batch=1024):
    """(distances [n], angles [n] in radians) of images [n, 1, H, W]: of the line that is nearest to each.

    The distance is 1 - cos of the angle between the two images as vectors, in [0, 2], 0 for a line itself.
    draw(angles [k]): images [k, 1, H, W] of lines. float64.
    """
    angles = torch.arange(candidates, dtype=torch.float64) * (2 * math.pi / candidates)
    unit = lambda x: torch.nn.functional.normalize(x.flatten(1).double(), dim=1)
    lines, found = unit(draw(angles).cpu()), []
    for part in images.cpu().split(batch):
        found.append((unit(part) @ lines.t()).max(1))
    cosines, indices = (torch.cat(values) for values in zip(*found))
    return 1 - cosines, angles[indices]


def smoothness(angles):
    """How unevenly interpolations turn, [n]: max_i |a_i+1 - a_i| / |a_k - a_1| - 1 / (k - 1).

    angles: [n, k] in radians, of the k images of each interpolation, made continuous first: a difference of
    more than pi is taken the other way round. 0 where every step turns by the same angle, 1 - 1 / (k - 1)
    where one step makes the whole turn, more where the way goes back and forth. NaN where the last image has
    the angle of the first.
    """
    steps = torch.remainder(torch.diff(torch.as_tensor(angles).double()) + math.pi, 2 * math.pi) - math.pi
    total = steps.sum(1).abs()
    uneven = steps.abs().amax(1) / total - 1 / steps.shape[1]
    return torch.where(total < STILL, math.nan, uneven)


def score(walks, draw):
    """{"distance", "smoothness", "walks", "still"} of interpolations walks [n, k, 1, H, W].

    distance: mean over all images. smoothness: mean over the interpolations that have one, NaN if none has;
    still: how many have none. Differs from the authors' code: there those count as 0 in the mean.
    """
    n, k = walks.shape[:2]
    distances, angles = nearest(walks.flatten(0, 1), draw)
    uneven = smoothness(angles.view(n, k))
    return {
        "distance": float(distances.mean()),
        "smoothness": float(uneven.nanmean()),
        "walks": n,
        "still": int(uneven.isnan().sum()),
    }
