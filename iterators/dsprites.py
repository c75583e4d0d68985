"""dSprites: every combination of shape, scale, orientation and position (Matthey et al. 2017), rendered here
or read from the published file."""

import functools
import math
import os
import zipfile

import numpy as np
import torch

from engine import data_digest
from engine.errors import MissingError, UserError
from iterators.common import Arrays, DataIterator, split

# shape (square, ellipse, heart), scale, orientation, x, y: 737,280 in all, in the order of the published file
SIZES = (3, 6, 40, 32, 32)
NAMES = ("shape", "scale", "orientation", "x", "y")
# pixels of an image; centres lie MARGIN to MARGIN + 31 pixels from the left and the top
SIDE, MARGIN = 64, 16
TABLE = 2 * SIDE  # side of a drawn sprite with an empty border, so that any shift is one slice of it


def get_iterators(batch_size, seed=0, npz=None, valid=0):
    """x [N, 1, 64, 64] in {-1, 1} and factors int64 [N, 5], indices into SIZES; 737,280 training images, no
    labels.

    Rendered: shape, scale (0.5, 0.6, ... 1), orientation (40 steps from 0 to 2 pi, both ends included as in
    the published set), and centres on a grid of 32 x 32 pixels; no antialiasing. npz: dsprites_ndarray_*.npz,
    whose sprites have other outlines. it.source.images(factors) gives images by factors. valid: how many, or
    which fraction, to hold out.
    """
    source = Rendered() if npz is None else Published(npz)
    chosen, held = split(len(source), valid)
    made = {"train": DataIterator(source, batch_size, seed, indices=chosen, n_classes=0)}
    if len(held):
        made["valid"] = DataIterator(
            source,
            min(batch_size, len(held)),
            seed,
            shuffle=False,
            indices=held,
            n_classes=0,
            what="validation images",
        )
    return made


def index_of(factors, sizes=SIZES):
    """int64 [n, 5] -> [n]: the last factor varies fastest."""
    index = 0
    for column, size in zip(factors.unbind(1), sizes):
        index = index * size + column
    return index


def factors_of(index, sizes=SIZES):
    """[n] -> int64 [n, 5]."""
    columns = []
    for size in reversed(sizes):
        columns.append(index % size)
        index = torch.div(index, size, rounding_mode="floor")
    return torch.stack(columns[::-1], 1)


class Factored(Arrays):
    """What both sources share: a batch is images(factors_of(index)), moved to [-1, 1] by the iterator as any
    uint8 image is."""

    sizes, names = SIZES, NAMES

    def __init__(self):
        self.device = torch.device("cpu")

    def __len__(self):
        return math.prod(self.sizes)

    def gather(self, indices):
        """{"x": uint8 [m, 1, 64, 64] of 0 and 255, "factors": int64 [m, 5]}."""
        return {"x": self.bytes_at(indices), "factors": factors_of(indices)}

    def digest(self):
        """None: rendered images are made by this file alone."""

    def images(self, factors):
        """float [n, 1, 64, 64] in {-1, 1} of factors int64 [n, 5]."""
        return self.bytes_at(index_of(factors.to(self.device))).float() / 127.5 - 1


class Rendered(Factored):
    """Images as shifts of 720 drawn sprites: a batch is one gather from their table."""

    def __init__(self):
        super().__init__()
        self.table = sprites()  # uint8 [720 * TABLE * TABLE]
        line = torch.arange(SIDE)
        self.window = (line[:, None] * TABLE + line).flatten()

    def to(self, device):
        """Moves the sprites once: some 70 MB."""
        self.table, self.window, self.device = self.table.to(device), self.window.to(device), device

    def bytes_at(self, indices):
        """uint8 [m, 1, 64, 64]."""
        position = indices % (SIZES[3] * SIZES[4])
        x, y = torch.div(position, SIZES[4], rounding_mode="floor"), position % SIZES[4]
        sprite = torch.div(indices, SIZES[3] * SIZES[4], rounding_mode="floor")
        # the sprite's centre is at SIDE of its table: the image's corner lies MARGIN + shift before it
        corner = (sprite * TABLE + SIDE - MARGIN - y) * TABLE + SIDE - MARGIN - x
        return self.table[corner[:, None] + self.window].view(-1, 1, SIDE, SIDE)


@functools.lru_cache(1)
def sprites():
    """The 720 sprites at the centre of a TABLE x TABLE square, uint8 [720 TABLE TABLE] of 0 and 255: a pixel
    is on if its centre lies inside."""
    axis = torch.arange(TABLE, dtype=torch.float64) - SIDE
    down, right = axis[:, None], axis[None, :]
    table = torch.zeros(SIZES[0], SIZES[1], SIZES[2], TABLE, TABLE, dtype=torch.uint8)
    near = slice(SIDE - 20, SIDE + 21)  # no sprite reaches farther
    for s, scale in enumerate(torch.linspace(0.5, 1, SIZES[1], dtype=torch.float64)):
        for o, angle in enumerate(torch.linspace(0, 2 * math.pi, SIZES[2], dtype=torch.float64)):
            u = (right[:, near] * angle.cos() + down[near] * angle.sin()) / scale
            v = (down[near] * angle.cos() - right[:, near] * angle.sin()) / scale
            for shape, inside in enumerate((square, ellipse, heart)):
                table[shape, s, o, near, near] = inside(u, v).to(torch.uint8) * 255
    return table.flatten()


def square(u, v):
    """18.5 pixels wide at scale 1; u to the right, v down. No edge meets a pixel's centre, where rounding
    would decide."""
    return (u.abs() <= 9.25) & (v.abs() <= 9.25)


def ellipse(u, v):
    """Half axes 7.1 and 13.1 pixels."""
    return (u / 7.1).square() + (v / 13.1).square() <= 1


def heart(u, v):
    """The curve (a^2 + b^2 - 1)^3 = a^2 b^3, b upwards, a unit of 10.1 pixels; it has no symmetry under
    rotation."""
    a, b = u / 10.1, -v / 10.1
    return (a.square() + b.square() - 1) ** 3 <= a.square() * b**3


class Published(Factored):
    """The published file's images, kept as bits: 377 MB in place of 3 GB.

    Raises MissingError if it is not there or not that file. Its metadata are pickled, and are not read.
    """

    def __init__(self, path):
        super().__init__()
        path = os.path.expanduser(str(path))
        if not os.path.isfile(path):
            raise MissingError(
                f"--iterator_args npz={path}: no such file; use "
                "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz of "
                "github.com/google-deepmind/dsprites-dataset, or no npz: then images are rendered"
            )
        try:
            with np.load(path, allow_pickle=False) as archive:
                classes = archive["latents_classes"]
            with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
                self.bits = packed(file)
        except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
            raise MissingError(
                f"--iterator_args npz={path}: cannot be read as dSprites ({error}); use the published file"
            ) from None
        self.sizes = tuple(int(n) for n in classes.max(0)[1:] + 1)  # the first is the colour, white
        if len(self.bits) != math.prod(self.sizes):
            raise UserError(
                f"--iterator_args npz={path}: {len(self.bits):,} images for {math.prod(self.sizes):,} "
                "combinations of factors; use the whole file"
            )

    def digest(self):
        """The sha256 of the images' bits."""
        return data_digest.of_tensors({"bits": torch.from_numpy(self.bits)})

    def to(self, device):
        """Stays in memory; batches move."""

    def gather(self, indices):
        """{"x": uint8 [m, 1, 64, 64] of 0 and 255, "factors": int64 [m, 5]}."""
        return {"x": self.bytes_at(indices), "factors": factors_of(indices, self.sizes)}

    def images(self, factors):
        """float [n, 1, 64, 64] in {-1, 1} of factors int64 [n, 5]."""
        return self.bytes_at(index_of(factors.cpu(), self.sizes)).float() / 127.5 - 1

    def bytes_at(self, indices):
        """uint8 [m, 1, 64, 64]."""
        bits = np.unpackbits(self.bits[indices.numpy()], axis=1)
        return torch.from_numpy(bits * np.uint8(255)).view(-1, 1, SIDE, SIDE)


def packed(file, rows=4096):
    """The bits [n, 512] of a uint8 .npy stream [n, 64, 64] of zeros and ones, read in parts."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("another .npy version")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if shape[1:] != (SIDE, SIDE) or fortran or dtype != np.uint8:
        raise ValueError(f"imgs has shape {shape} and type {dtype}")
    size, parts = SIDE * SIDE, []
    for start in range(0, shape[0], rows):
        count = min(rows, shape[0] - start)
        data = file.read(count * size)
        if len(data) != count * size:
            raise ValueError("imgs is cut short")
        parts.append(np.packbits(np.frombuffer(data, np.uint8).reshape(count, size), axis=1))
    return np.concatenate(parts)
