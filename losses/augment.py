"""Augmentation of what D sees: functions of images [N, C, H, W] in [-1, 1] that pass gradients on.

Each draws from the generator that it is given, one draw an example, and keeps the images' shape, type and
device. POLICIES are those of DiffAugment (Zhao et al. 2020, arXiv 2006.10738), applied to every image. ADA's
pipeline is in losses/ada.py; the probability that drives it is here.
"""

import torch
import torch.nn.functional as F
from torch import nn

from engine import accumulation


def uniform(x, generator, low=0.0, high=1.0):
    """U(low, high), one an example, shaped to multiply x: [N, 1, 1, 1]."""
    draw = accumulation.rows(
        lambda n: torch.rand(n, 1, 1, 1, dtype=x.dtype, device=x.device, generator=generator), len(x)
    )
    return low + (high - low) * draw


def whole(x, generator, low, high):
    """A whole number in low .. high, one an example: int64 [N, 1]."""
    return accumulation.rows(
        lambda n: torch.randint(low, high + 1, (n, 1), device=x.device, generator=generator), len(x)
    )


def brightness(x, generator):
    """x + b, b ~ U(-1/2, 1/2) an example."""
    return x + uniform(x, generator, -0.5, 0.5)


def saturation(x, generator):
    """m + s (x - m), m the mean over channels at each pixel, s ~ U(0, 2) an example."""
    mean = x.mean(1, keepdim=True)
    return mean + uniform(x, generator, 0, 2) * (x - mean)


def contrast(x, generator):
    """m + c (x - m), m the mean of the image, c ~ U(1/2, 3/2) an example."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + uniform(x, generator, 0.5, 1.5) * (x - mean)


def color(x, generator):
    """brightness, saturation, contrast, one after another."""
    for function in (brightness, saturation, contrast):
        x = function(x, generator)
    return x


def translation(x, generator, ratio=0.125):
    """x moved by whole pixels, -r .. r of each axis with r = side / 8 rounded, zeros moved in."""
    for axis in (2, 3):
        side = x.shape[axis]
        far = int(side * ratio + 0.5)
        shift = whole(x, generator, -far, far)
        # pixel i is that of place i + shift; the padding is where that lies outside
        place = (torch.arange(side, device=x.device) + shift + far).view(
            [-1, 1] + [side if a == axis else 1 for a in (2, 3)]
        )
        padded = F.pad(x, [far, far, 0, 0] if axis == 3 else [0, 0, far, far])
        shape = [*x.shape[:axis], side, *x.shape[axis + 1 :]]
        x = padded.gather(axis, place.expand(shape))
    return x


def cutout(x, generator, ratio=0.5):
    """x with a square of half the side set to 0, its centre uniform over the pixels, cut at the border."""
    covered = []
    for axis in (2, 3):
        side = x.shape[axis]
        size = int(side * ratio + 0.5)
        # an even square has side + 1 places for its middle
        first = whole(x, generator, 0, side - size % 2) - size // 2
        place = torch.arange(side, device=x.device) - first
        covered.append((place >= 0) & (place < size))
    rows, columns = covered
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])


POLICIES = {"color": color, "translation": translation, "cutout": cutout}


class AdaptiveProbability(nn.Module):
    """ADA's p, which rises while D is too sure of real images and falls while it is not.

    r_t = E sign D(T x) over the real images of `every` batches; then p <- max(0, p + sign(r_t - target) every
    B / images). Karras et al. 2020, section 3.1: target 0.6, every 4, and images 500,000, in which p goes
    from 0 to 1. p is a buffer, and so are the sums behind r_t.
    """

    def __init__(self, target=0.6, images=500_000, every=4):
        super().__init__()
        self.target, self.images, self.every = target, images, every
        self.register_buffer("p", torch.zeros(()))
        self.register_buffer("signs", torch.zeros(2))  # the sum of r_t over batches, and how many
        self.before = []

    def observe(self, r, batch_size, step):
        """Takes in r, the mean sign of a step's logits of real images (scalar); moves p at each every-th step
        (from 0)."""
        self.before = [b.clone() for b in self.buffers()]
        self.signs += torch.stack([r, torch.ones_like(r)])
        if (step + 1) % self.every == 0:
            way = (self.signs[0] / self.signs[1] - self.target).sign()
            self.p.add_(way * (self.every * batch_size / self.images)).clamp_(min=0)
            self.signs.zero_()

    def of_batch(self):
        """Why it needs the whole batch at once, see Penalties: it does not, r is a mean over examples."""
        return {}

    def settle(self, bad):
        """After an update: buffers as they were before it where `bad`, a scalar on the device, is 1."""
        for buffer, old in zip(self.buffers(), self.before):
            buffer.copy_(torch.where(bad.bool(), old, buffer))
        self.before = []
