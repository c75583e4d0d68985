"""Images written as they are drawn: to a folder of PNGs, a .zip of them, a .npz array or a .png grid."""

import io
import os
import shutil
import zipfile

import numpy as np

from engine import pictures
from engine.errors import UserError

LARGEST_GRID = 10_000  # images of a .png, which is made whole


class Writer:
    """What --out names, there once it is whole: with kind_of(...)(out, n, shape) as writer:
    writer.add(images), ...

    n: how many images will come; shape: of one, (C, H, W); images: [m, C, H, W] in [-1, 1]. Raises UserError
    if there is something of that name, also if it came in the meantime; an empty folder is filled.
    """

    def __init__(self, out, n, shape):
        self.out, self.n, self.shape, self.written, self.labels = out, n, tuple(shape), 0, []
        self.made = f"{out.rstrip(os.sep)}.tmp{os.getpid()}"

    def __enter__(self):
        refuse_existing(self.out, type(self))
        os.makedirs(os.path.dirname(os.path.abspath(self.out)), exist_ok=True)
        self.remove()
        self.open()
        return self

    def __exit__(self, kind, *error):
        try:
            self.close()
            if kind is None:
                refuse_existing(self.out, type(self))
                if os.path.isdir(self.out):
                    os.rmdir(self.out)  # it was there, empty
                os.replace(self.made, self.out)
        finally:
            self.remove()

    def remove(self):
        """Deletes what is there under the temporary name."""
        if os.path.isdir(self.made):
            shutil.rmtree(self.made)
        elif os.path.exists(self.made):
            os.remove(self.made)

    def add(self, images, labels=None):
        """The next images, and their classes int64 [m], which a .npz keeps."""
        self.write(images)
        self.written += len(images)
        if labels is not None:
            self.labels.append(labels)

    def open(self):
        """Begins under the temporary name."""

    def close(self):
        """Ends, whether or not all came."""


def refuse_existing(out, kind):
    """Raises UserError if there is something at the path `out` that a Writer of this kind would replace."""
    if os.path.exists(out) and not (kind is Folder and os.path.isdir(out) and not os.listdir(out)):
        raise UserError(f"--out: {out} exists; use another path, or move it away")


def png(image):
    """The bytes of a PNG of one image, uint8 [C, H, W]."""
    from PIL import Image

    array = image.permute(1, 2, 0).squeeze(2) if len(image) == 1 else image.permute(1, 2, 0)
    data = io.BytesIO()
    Image.fromarray(array.numpy()).save(data, "png")
    return data.getvalue()


class Folder(Writer):
    """PNGs 000000.png, 000001.png, ... of images of one to four channels."""

    def open(self):
        """The folder."""
        os.makedirs(self.made)

    def write(self, images):
        """A file for each."""
        for i, image in enumerate(pictures.to_uint8(images), self.written):
            with open(os.path.join(self.made, f"{i:06d}.png"), "wb") as file:
                file.write(png(image))


class Zip(Writer):
    """The same files in a zip, which does not compress them once more."""

    def open(self):
        """The archive."""
        self.archive = zipfile.ZipFile(self.made, "w")

    def write(self, images):
        """An entry for each, whose time does not depend on the clock."""
        for i, image in enumerate(pictures.to_uint8(images), self.written):
            self.archive.writestr(zipfile.ZipInfo(f"{i:06d}.png"), png(image))

    def close(self):
        """The archive's table."""
        self.archive.close()


class Npz(Writer):
    """Arrays, as numpy.savez writes them: "images" uint8 [n, H, W, C], or "points" float32 [n, d]; and
    "labels" int64 [n] where the images have classes."""

    def __init__(self, out, n, shape, points=False):
        super().__init__(out, n, shape)
        self.points = points

    def open(self):
        """The archive, and the array's header, which says how many will come."""
        channels, height, width = self.shape
        name, form, kind = (
            ("points", (self.n, channels * height * width), np.float32)
            if self.points
            else ("images", (self.n, height, width, channels), np.uint8)
        )
        self.archive = zipfile.ZipFile(self.made, "w")
        self.file = self.archive.open(f"{name}.npy", "w", force_zip64=True)
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(kind)),
            "fortran_order": False,
            "shape": form,
        }
        np.lib.format.write_array_header_1_0(self.file, header)

    def write(self, images):
        """The rows' bytes."""
        rows = images.float().flatten(1) if self.points else pictures.to_uint8(images).permute(0, 2, 3, 1)
        self.file.write(rows.contiguous().numpy().tobytes())

    def close(self):
        """The entry's length and sum, the labels, and the archive's table."""
        self.file.close()
        if self.labels:
            with self.archive.open("labels.npy", "w") as file:
                np.lib.format.write_array(file, np.concatenate([y.numpy() for y in self.labels]))
        self.archive.close()


class Grid(Writer):
    """One picture, made of all images once they are there; kept as bytes until then.

    rows: so many rows, for which the images come in turns; 0: a square.
    """

    def __init__(self, out, n, shape, rows=0):
        super().__init__(out, n, shape)
        self.rows = rows

    def open(self):
        """No image yet."""
        self.parts = []

    def write(self, images):
        """Keeps their bytes."""
        self.parts.append(pictures.to_uint8(images))

    def close(self):
        """The picture; none where there was no image."""
        import torch

        if self.parts:
            images = torch.cat(self.parts).float() / 127.5 - 1
            if self.rows:
                images = torch.cat([images[row :: self.rows] for row in range(self.rows)])
            columns = len(images) // self.rows if self.rows else None
            pictures.grid(images, columns).save(self.made, "png")


def kind_of(out, shape, n, points=False):
    """The Writer class that a path asks for. Raises UserError for another ending, for images that no PNG can
    hold, and for a grid of too many.

    shape: of one image; points: whether it is a point.
    """
    ending = os.path.splitext(out)[1].lower()
    kinds = {".png": Grid, ".npz": Npz, ".zip": Zip, "": Folder}
    if ending not in kinds:
        raise UserError(f"--out: given {out}; use a .png, a .npz, a .zip or a folder")
    if kinds[ending] in (Folder, Zip):
        if points:
            raise UserError(f"--out: given {out}; the data are points: use a .png or a .npz")
        if shape[0] > 4:
            raise UserError(f"--out: given {out}; images of {shape[0]} channels are no PNGs: use a .npz")
    if kinds[ending] is Grid and not points and n > LARGEST_GRID:
        raise UserError(
            f"--samples: given {n:,}; a .png shows at most {LARGEST_GRID:,}: use --out=FOLDER, a .npz or a "
            ".zip"
        )
    return kinds[ending]
