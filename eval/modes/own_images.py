"""Pictures of the user's own, which --images names, for modes that read and write some."""

import os
import zipfile

import numpy as np
import torch
from PIL import Image, ImageOps

from engine.errors import MissingError, UserError
from iterators.library import decoding
from iterators.library.files import EXTENSIONS, Files


class OwnImages:
    """The images below a folder or in a zip, by their paths in it. Raises MissingError if there are none."""

    def __init__(self, path):
        if not path:
            raise UserError("--images: not given; use --images=FOLDER, or a .zip of images")
        if not os.path.exists(path) or os.path.isfile(path) and not zipfile.is_zipfile(path):
            raise MissingError(f"--images: {path}: no such folder or zip; use a folder or a .zip of images")
        self.files = Files(path)
        self.names = self.files.names
        if not self.names:
            raise MissingError(
                f"--images: {path}: no images in it; use files ending in {' '.join(sorted(EXTENSIONS))}"
            )

    def read(self, name, channels):
        """uint8 [H, W, channels] of an image, as large as it is. channels: 1, 3 or 4. Raises MissingError
        where it cannot be decoded."""
        if channels not in (1, 3, 4):
            raise UserError(f"--images: the run's images have {channels} channels; pictures have 1, 3 or 4")
        return decoding.decode(self.files.label(name), lambda: self.files.read(name), channels=channels)

    def fitted(self, shape):
        """All images as float32 [n, C, H, W] in [-1, 1]: resized by Lanczos' kernel, then the middle of them.

        shape: (C, H, W).
        """
        channels, height, width = shape
        fit = lambda image: ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        arrays = [decoding.pixels(fit(to_picture(self.read(name, channels)))) for name in self.names]
        return torch.stack([to_tensor(array) for array in arrays])


def to_picture(pixels):
    """uint8 [H, W, C] as a PIL image, grey where C = 1."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def to_tensor(pixels):
    """uint8 [H, W, C] as float32 [C, H, W] in [-1, 1]."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float().div(127.5).sub(1)
