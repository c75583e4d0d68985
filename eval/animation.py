"""The pictures that a run drew while it trained, one after the other, as a GIF."""

import os
import re

from PIL import Image

from engine.errors import MissingError
from eval.interpolate import gif

FRAME = re.compile(r"step_(\d{8})(_.+)?\.png")
COLOURS = 128


def frames(folder, every=0):
    """{name: [(step, path), ...] by step} of the pictures step_<8 digits>[_<name>].png in a folder.

    every: only multiples of so many steps, and the last; a run that was prolonged has pictures of its earlier ends besides.
    """
    found = {}
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        match = FRAME.fullmatch(file)
        if match:
            found.setdefault((match[2] or "")[1:], []).append((int(match[1]), os.path.join(folder, file)))
    return {
        name: [
            (step, path) for step, path in entries if not every or step % every == 0 or step == entries[-1][0]
        ]
        for name, entries in found.items()
    }


def animate(run, args):
    """Writes <run>/animation.gif, or animation_<name>.gif where pictures have names, from samples/; returns [(path, number of frames), ...].

    A frame a tenth of a second, the last for a second; one palette for all. Raises MissingError where there is no picture.
    """
    found = frames(run.samples, args.steps_per_epoch * args.save_images_every)
    if not found:
        raise MissingError(
            f"--mode=animate: no pictures in {run.samples}; a run that trained with --save_images_every=1 has one an epoch"
        )
    written = []
    for name, entries in found.items():
        pictures = [Image.open(path).convert("RGB") for _, path in entries]
        pictures = [
            picture for picture in pictures if picture.size == pictures[-1].size
        ]  # --samples may have changed
        path = os.path.join(run.folder, f"animation{'_' + name if name else ''}.gif")
        palette = side_by_side([pictures[0], pictures[len(pictures) // 2], pictures[-1]]).quantize(COLOURS)
        gif(
            path + ".tmp",
            [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures],
            [0.1] * (len(pictures) - 1) + [1.0],
        )
        os.replace(path + ".tmp", path)
        written.append((path, len(pictures)))
    return written


def side_by_side(pictures):
    """Pictures of one size as one."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width * len(pictures), height))
    for k, picture in enumerate(pictures):
        sheet.paste(picture, (k * width, 0))
    return sheet
