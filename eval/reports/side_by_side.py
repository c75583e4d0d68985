"""Pictures that several runs drew, side by side: as one PNG of the newest, or as a GIF through all of
training.

    python -m eval.side_by_side RUN RUN ... --out compared.gif [--columns 3] [--picture NAME]

RUN is a run's folder (results/<name>/s<seed>), or one with runs below it, at any depth. The GIF has as many
frames as the run with most pictures. At each frame every run shows the picture at the same fraction of its
own pictures, the last at the end.
"""

import argparse
import os

from PIL import Image, ImageDraw

from engine import pictures
from engine.errors import MissingError, UserError
from engine.flags import Parser, positive
from engine.pictures import gif
from eval import command
from eval.reports import runs

BAR = 22  # pixels above each picture, for the run's name
COLOURS = 128


def write_pictures(argv=None):
    """Reads the command line and writes the picture. Raises UserError or MissingError. Returns the exit
    code."""
    parser = Parser(
        prog="python -m eval.side_by_side",
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
        help="which kind, where runs draw several (as recon of step_..._recon.png; default: the one without "
        "a name)",
    )
    args = parser.parse_args(argv)
    kind = os.path.splitext(args.out)[1].lower()
    if kind not in (".gif", ".png"):
        raise UserError(f"--out: given {args.out}; must end in .gif or .png")
    found = [run for folder in args.runs for run in runs.find([folder])]
    drawn = {run: pictures_of(run, args.picture) for run in found}
    several_seeds = len({run.seed for run in found}) > 1
    names = {
        run: os.path.basename(run.name) + (f", seed {run.seed}" if several_seeds else "") for run in found
    }
    n_frames = 1 if kind == ".png" else max(map(len, drawn.values()))
    frames = []
    for k in range(n_frames):
        panels = [(names[run], paths[picture_at(k, n_frames, len(paths))]) for run, paths in drawn.items()]
        frames.append(sheet(panels, args.columns))
    os.makedirs(os.path.dirname(os.path.abspath(args.out)), exist_ok=True)
    if kind == ".png":
        frames[0].save(args.out)
    else:
        palette = pictures.side_by_side([frames[0], frames[len(frames) // 2], frames[-1]]).quantize(COLOURS)
        gif(
            args.out,
            [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames],
            [0.1] * (n_frames - 1) + [2.0],
        )
    print(f"{len(found)} runs, {n_frames} frame{'s' if n_frames > 1 else ''}: {args.out}")
    return 0


def pictures_of(run, name):
    """The paths of a run's pictures of that name, by step. Raises MissingError if there are none."""
    found = pictures.frames(os.path.join(run.folder, "samples"))
    if name not in found:
        if not found:
            raise MissingError(f"{run.folder}: no pictures in samples/; use a run that has trained")
        kinds = ", ".join(kind or "'' (without a name)" for kind in found)
        raise MissingError(f"--picture: {run.folder} has no pictures named {name!r}; use one of {kinds}")
    return [path for _, path in found[name]]


def picture_at(k, n_frames, n):
    """The index of the picture, of n, in frame k of n_frames: the last one in the last frame."""
    return n - 1 if n_frames == 1 else round(k * (n - 1) / (n_frames - 1))


def sheet(panels, columns):
    """A picture of the panels [(name, path), ...] row by row, each below its name, on white."""
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
        return command.run("eval.side_by_side", write_pictures, argv)
    except OSError as error:
        command.print_error("eval.side_by_side", f"{error.filename}: {error.strerror}; use another --out")
        return UserError.exit_code
