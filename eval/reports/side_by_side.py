"""Pictures that several runs drew, side by side: as one PNG of the newest, or as a GIF through all of training.

    python -m eval.side_by_side RUN RUN ... --out compared.gif [--columns 3] [--picture NAME]

RUN is a run's folder (results/<name>/s<seed>), or one with runs in it, at any depth. Runs may have drawn at different steps and so many
times as they like: the GIF has as many frames as the run with most pictures, and the others show, at each, as great a part of their own.
"""

import argparse
import os
import sys

from PIL import Image, ImageDraw

from engine import pictures
from engine.errors import MissingError, UserError
from engine.flags import Parser, positive
from engine.pictures import gif
from eval.reports import runs

BAR = 22  # pixels above each picture, for the run's name
COLOURS = 128


def work(argv=None):
    """Reads the command line, writes the picture. Raises UserError or MissingError."""
    parser = Parser(
        prog="python -m eval.side_by_side",
        allow_abbrev=False,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--out", required=True, help="a .gif or a .png")
    parser.add_argument("--columns", type=positive, default=3, help="panels a row (default 3)")
    parser.add_argument(
        "--picture",
        default="",
        metavar="NAME",
        help="which, where runs draw several (as recon of samples/step_..._recon.png; default: the one without a name)",
    )
    args = parser.parse_args(argv)
    kind = os.path.splitext(args.out)[1].lower()
    if kind not in (".gif", ".png"):
        raise UserError(f"--out: given {args.out}; a .gif or a .png would do")
    found = [run for folder in args.runs for run in runs.find([folder])]
    drawn = {run: pictures_of(run, args.picture) for run in found}
    several = len({run.seed for run in found}) > 1
    names = {run: f"{os.path.basename(run.name)}{f', seed {run.seed}' if several else ''}" for run in found}
    most = 1 if kind == ".png" else max(map(len, drawn.values()))
    frames = [
        sheet([(names[run], paths[part(k, most, len(paths))]) for run, paths in drawn.items()], args.columns)
        for k in range(most)
    ]
    os.makedirs(os.path.dirname(os.path.abspath(args.out)), exist_ok=True)
    if kind == ".png":
        frames[0].save(args.out)
    else:
        palette = pictures.side_by_side([frames[0], frames[len(frames) // 2], frames[-1]]).quantize(COLOURS)
        gif(
            args.out,
            [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames],
            [0.1] * (most - 1) + [2.0],
        )
    print(f"{len(found)} runs, {most} frame{'s' if most > 1 else ''}: {args.out}")


def pictures_of(run, name):
    """The paths of a run's pictures of that name, by step. Raises MissingError where there is none."""
    found = pictures.frames(os.path.join(run.folder, "samples"))
    if name not in found:
        raise MissingError(
            f"{run.folder}: no pictures "
            + (
                f"named {name}; there is {', '.join(n or 'one without a name' for n in found)}"
                if found
                else "in samples/; a run that has trained would do"
            )
        )
    return [path for _, path in found[name]]


def part(k, most, n):
    """Which of n pictures stands at frame k of `most`: the last at the last."""
    return n - 1 if most == 1 else round(k * (n - 1) / (most - 1))


def sheet(panels, columns):
    """One picture of [(name, path), ...], row by row, each with its name above, on white."""
    images = [(name, Image.open(path).convert("RGB")) for name, path in panels]
    width, height = max(image.width for _, image in images), max(image.height for _, image in images) + BAR
    columns = min(columns, len(images))
    page = Image.new("RGB", (width * columns, height * -(-len(images) // columns)), "white")
    draw = ImageDraw.Draw(page)
    for i, (name, image) in enumerate(images):
        left, top = i % columns * width, i // columns * height
        draw.text((left + 6, top + 4), name, fill="black", font_size=14)
        page.paste(image, (left, top + BAR))
    return page


def main(argv=None):
    """The command line; returns the exit code."""
    try:
        work(argv)
    except UserError as error:
        print(f"eval.side_by_side: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(
            f"eval.side_by_side: {error.filename}: {error.strerror}; another --out would do", file=sys.stderr
        )
        return UserError.exit_code
    return 0
