"""Class numbers in a dataset.json beside images, as the tools of StyleGAN write them into folders and zips.

The file holds {"labels": [["00000/img00000000.png", 6], ...]}, or null in place of the list. Its folders are
thousands of images each, and no classes.
"""

import hashlib
import json
import os
from typing import NamedTuple

import numpy as np

from engine.errors import UserError

NAME = "dataset.json"


class WrittenLabels(NamedTuple):
    """numbers: {image's name: class number}, None where the file says that there are none. digest: of the
    file."""

    numbers: dict | None
    digest: str

    def of(self, names, root):
        """int64 [n] of images by name. Raises UserError for one that the file does not name."""
        lacking = next((name for name in names if name not in self.numbers), None)
        if lacking is not None:
            raise UserError(f"{root}: {NAME} has no label of {lacking}; use labels for all images, or null")
        return np.array([self.numbers[name] for name in names], np.int64)

    def classes(self):
        """The names of the classes: 0, 1, ... up to the largest number."""
        return [str(i) for i in range(max(self.numbers.values(), default=-1) + 1)] if self.numbers else []


def written_labels(files):
    """The WrittenLabels of `files.Files`, or None where no dataset.json at the top has the key "labels".

    Raises UserError for labels that are no class numbers.
    """
    try:
        if files.zipped:
            text = files.archive.read(NAME)
        else:
            with open(os.path.join(files.root, NAME), "rb") as file:
                text = file.read()
        found = json.loads(text)
    except (
        OSError,
        KeyError,
        ValueError,
        RecursionError,
        RuntimeError,
    ):  # not there, or another kind of file
        return None
    if not isinstance(found, dict) or "labels" not in found:
        return None
    pairs, digest = found["labels"], hashlib.sha256(text).hexdigest()
    if pairs is None:
        return WrittenLabels(None, digest)
    fits = lambda pair: isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)
    number = lambda y: isinstance(y, int) and not isinstance(y, bool) and y >= 0
    wrong = (
        next((p for p in pairs if not fits(p) or not number(p[1])), None)
        if isinstance(pairs, list)
        else pairs
    )
    if wrong is not None:
        raise UserError(
            f"{files.root}: {NAME} has the label {str(wrong)[:80]}; must be [name, class number from 0]"
        )
    return WrittenLabels({name.replace("\\", "/"): y for name, y in pairs}, digest)
