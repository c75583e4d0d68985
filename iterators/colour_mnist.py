"""Digits, and digits coloured by a photograph inside out: two unpaired domains of 28x28 pixels, the second
made here.

Domain B is made as in W. Bulten's tutorial on "colorful MNIST", which a course at UC Berkeley (CS294-158)
took up. For each digit:

  1  it is enlarged from 28 to 64 pixels (bilinear, corners on corners); its mask is where it is above 1/2
  2  a random 64x64 crop of a photograph, values 0 .. 1; inside the mask v becomes 1 - v
  3  the crop is shrunk to 28 pixels by averaging over areas

Differs from the tutorial: the photograph is a procedural texture (below) unless a folder of photographs is
given.
"""

import hashlib

import numpy as np
import torch
import torch.nn.functional as F

from engine import data_digest
from engine.errors import MissingError, UserError
from engine.load import call
from engine.randomness import generator, key
from iterators import digits as sklearn_digits
from iterators import fashion_mnist, kmnist, mnist
from iterators.library import decoding, files
from iterators.library.unpaired import Unpaired

SOURCES = {"mnist": mnist, "digits": sklearn_digits, "kmnist": kmnist, "fashion_mnist": fashion_mnist}
SIZE, LARGE = 28, 64  # pixels of an image, and of its crop of the photograph


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    source="mnist",
    root=None,
    download=True,
    photos=None,
    texture_size=512,
    data_seed=0,
):
    """x [N, 1, 28, 28], grey digits, and x_b [N, 3, 28, 28], coloured ones, unpaired; y and y_b [N] in 0 ..
    9.

    The splits are the source's: for MNIST 60,000 train and 10,000 test images, in both domains the same
    digits. source: mnist, kmnist, fashion_mnist (root, download: see theirs), or digits, scikit-learn's 8x8
    ones enlarged, which need no download. photos: a folder or zip of photographs of 64x64 pixels or more,
    used as they are; by default one texture of texture_size pixels. data_seed: of the texture and the crops;
    the data do not depend on the run's seed. Raises UserError for another source or photographs that are too
    small, MissingError where data are missing.
    """
    if source not in SOURCES:
        raise UserError(f"--iterator_args source: given {source!r}; use {', '.join(SOURCES)}")
    words = {"size": SIZE} if source == "digits" else {"root": root, "download": download}
    grey = call(
        SOURCES[source].get_iterators,
        {"batch_size": batch_size, "seed": seed, "num_workers": num_workers},
        words,
        "--iterator_args",
    )
    pictures, of_photos = (
        ([texture(texture_size, data_seed)], None) if photos is None else photographs(photos)
    )
    made = {}
    for split, iterator in grey.items():
        a = iterator.source
        b = {"x": coloured(a.tensors["x"], pictures, data_seed, split), "y": a.tensors["y"]}
        made[split] = Unpaired(
            a,
            b,
            min(batch_size, len(a)) if split != "train" else batch_size,
            seed,
            shuffle=split == "train",
            n_classes=10,
            what=f"{split} images",
            digest=data_digest.of_facts(data_digest.of_iterator(iterator), of_photos),
        )
    return made


def coloured(x, pictures, *words):
    """Coloured digits uint8 [n, 3, 28, 28] of grey ones uint8 [n, 1, 28, 28], by crops of the pictures (uint8
    [H, W, 3]) that `words` fix."""
    draw = generator("colour", *words)
    n = len(x)
    which = torch.randint(len(pictures), (n,), generator=draw)
    corners = torch.rand(n, 2, generator=draw)
    pictures = [torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous() for picture in pictures]
    areas = area_weights(LARGE, SIZE)
    out = torch.empty(n, 3, SIZE, SIZE, dtype=torch.uint8)
    for start in range(0, n, 500):
        rows = range(start, min(start + 500, n))
        crops = torch.stack([crop(pictures[which[i]], corners[i]) for i in rows])
        out[start : start + 500] = (
            blend(x[start : start + 500].float() / 255, crops, areas).round().to(torch.uint8)
        )
    return out


def crop(picture, corner):
    """The 64x64 pixels of [3, H, W] whose corner lies at those shares, 0 .. 1, of the room there is."""
    top, left = (int(share * (side - LARGE + 1)) for share, side in zip(corner.tolist(), picture.shape[1:]))
    return picture[:, top : top + LARGE, left : left + LARGE]


def blend(digit, crops, areas):
    """Digits [n, 1, 28, 28] in 0 .. 1 and crops uint8 [n, 3, 64, 64] -> coloured digits float [n, 3, 28, 28]
    in 0 .. 255."""
    mask = F.interpolate(digit, (LARGE, LARGE), mode="bilinear", align_corners=True) > 0.5
    return areas @ torch.where(mask, 255 - crops, crops).float() @ areas.t()


def area_weights(large, small):
    """[small, large]: the share of each of `large` pixels in each of `small` ones that cover the same length;
    rows sum to 1."""
    edges = torch.arange(small + 1, dtype=torch.float64) * large / small
    low, high = torch.arange(large, dtype=torch.float64), torch.arange(1, large + 1, dtype=torch.float64)
    covered = torch.minimum(edges[1:, None], high) - torch.maximum(edges[:-1, None], low)
    return (covered.clamp(min=0) * small / large).float()


def texture(side=512, seed=0):
    """A colourful picture uint8 [side, side, 3] with smooth parts, gradients, edges and some grain, as
    photographs have.

    Three layers of smooth colour (Gaussian fields with a power spectrum f^-5) lie over one another, cut out
    along the level lines of further fields, as objects hide what is behind them; shading (f^-3) runs over
    all. Ranks of each channel's values then become v = (1 - cos(pi rank)) / 2, so that light and dark are
    more frequent than the middle, where 1 - v would look like v.
    """
    if type(side) is not int or side < LARGE:
        raise UserError(f"--iterator_args texture_size: given {side!r}; use {LARGE} or more")
    draw = np.random.default_rng(key("texture", side, seed))
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.maximum(np.hypot(fy, fx), 1 / side)

    def field(power):
        """Gaussian, periodic, mean 0 and deviation 1; amplitudes fall as f^-(power / 2)."""
        values = np.fft.irfft2(
            np.fft.rfft2(draw.standard_normal((side, side))) * frequency ** (-power / 2), (side, side)
        )
        return (values - values.mean()) / values.std()

    picture = np.stack([field(5) for _ in range(3)], 2)
    for _ in range(2):
        front = np.stack([field(5) for _ in range(3)], 2)
        inside = 1 / (1 + np.exp(-20 * (field(4) - 0.3)))[..., None]
        picture = inside * front + (1 - inside) * picture
    picture += 0.4 * field(3)[..., None]
    ranks = np.stack(
        [np.argsort(np.argsort(picture[..., c], axis=None)).reshape(side, side) for c in range(3)], 2
    ) / (side * side - 1)
    return np.rint(255 * (1 - np.cos(np.pi * ranks)) / 2).astype(np.uint8)


def photographs(root):
    """(the images below a folder or in a zip, uint8 [H, W, 3] each, sorted by name; the digest of their
    files)."""
    found_in = files.Files(root)
    if not found_in.names:
        raise MissingError(
            f"--iterator_args photos={root}: no images in it; use photographs of {LARGE}x{LARGE} pixels or "
            "more"
        )
    found, hashes = [], []
    for name in found_in.names:
        hashes.append(hashlib.sha256(found_in.read(name)).hexdigest())
        found.append(decoding.decode(found_in.label(name), lambda name=name: found_in.read(name), channels=3))
        if min(found[-1].shape[:2]) < LARGE:
            raise UserError(
                f"--iterator_args photos: {found_in.label(name)} has "
                f"{found[-1].shape[1]}x{found[-1].shape[0]} pixels; use {LARGE}x{LARGE} or more"
            )
    return found, data_digest.of_facts(hashes)
