"""Pictures for people: grids, curves, animations. Does not import torch, so that reports start without it."""

import contextlib
import io
import math
import os
import re
import shutil
import subprocess

from PIL import Image, ImageDraw

from engine.errors import MissingError
from engine.files import write_atomically
from engine.results import unweighted

FRAME = re.compile(r"step_(\d{8})(_.+)?\.png")
COLOURS = 128


def to_uint8(images):
    """127.5 (x + 1), rounded and clipped to 0 .. 255; NaN becomes 0. All images become bytes here."""
    return images.float().nan_to_num(-1.0).add(1).mul(127.5).round().clamp(0, 255).byte().cpu()


MORE_CHANNELS = 5  # shown beside the colours of images that have more than three channels


def shown(images):
    """Images [n, C, H, W] as grey or colour ones, [n, 1 or 3, H, W'].

    If C is neither 1 nor 3, channels stand side by side: the first three in colour if C > 3, the others each
    in grey. Of more than MORE_CHANNELS others, so many are shown, evenly spread.
    """
    channels = images.shape[1]
    if channels in (1, 3):
        return images
    first = [images[:, :3]] if channels > 3 else []
    others = list(range(3 if first else 0, channels))
    if len(others) > MORE_CHANNELS:
        others = [others[round(k * (len(others) - 1) / (MORE_CHANNELS - 1))] for k in range(MORE_CHANNELS)]
    greys = [images[:, k : k + 1].expand(-1, 3 if first else 1, -1, -1) for k in others]
    import torch  # not above: reports start without it

    return torch.cat(first + greys, 3)


def rows(*batches):
    """Batches [n, C, H, W] as [rows, n, C, H, W] for `grid`: grey ones beside colour ones as colour. Where
    others differ in channels each is as `shown`, on black up to the widest."""
    import torch

    if len({x.shape[1] for x in batches} - {1, 3}) and len({x.shape[1] for x in batches}) > 1:
        batches = [shown(x) for x in batches]
        width = max(x.shape[3] for x in batches)
        batches = [torch.nn.functional.pad(x, (0, width - x.shape[3]), value=-1.0) for x in batches]
    channels = max(x.shape[1] for x in batches)
    return torch.stack([x.expand(-1, channels, -1, -1) if x.shape[1] == 1 else x for x in batches])


def grid(images, columns=None):
    """Images [n, C, H, W] in [-1, 1] as one PIL image, row by row. Small images are enlarged, pixel by pixel.

    Images [rows, columns, C, H, W] keep their rows and columns. Channels other than grey or colour: see
    `shown`.
    """
    if images.ndim == 5:
        images, columns = images.flatten(0, 1), images.shape[1]
    images = shown(images)
    n, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    scale = max(1, round(48 / max(height, width)))
    tiles = to_uint8(images).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    height, width, gap = height * scale, width * scale, 2
    sheet = tiles.new_zeros(channels, rows * (height + gap) + gap, columns * (width + gap) + gap)
    for i, tile in enumerate(tiles):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        sheet[:, top : top + height, left : left + width] = tile
    sheet = sheet.permute(1, 2, 0)
    return Image.fromarray((sheet.squeeze(2) if channels == 1 else sheet).numpy())


def tiles_of(images, times=1):
    """Images [n, C, H, W] in [-1, 1] as a list of PIL images, `times` as large as in a `grid`."""
    images = shown(images)
    scale = max(1, round(48 / max(images.shape[2:]))) * times
    pixels = to_uint8(images).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    arrays = pixels.permute(0, 2, 3, 1)
    return [Image.fromarray((a.squeeze(2) if a.shape[2] == 1 else a).numpy()) for a in arrays]


TEXT = 12  # pixels of a line of text


def width_of(text):
    """Pixels across a line of text."""
    return math.ceil(ImageDraw.Draw(Image.new("L", (1, 1))).textlength(text))


def captioned(images, captions, columns, gap=2):
    """Images [n, C, H, W] in [-1, 1] as one PIL image in colour, row by row, with lines of text under each.

    captions: for each image [(text, colour), ...]. A tile is as wide as the widest line.
    """
    tiles, lines = tiles_of(images), max(map(len, captions))
    width = max([tiles[0].width, *(width_of(text) for lines in captions for text, _ in lines)]) + gap
    height = tiles[0].height + TEXT * lines + gap
    columns = min(columns, len(tiles))
    sheet = Image.new("RGB", (columns * width + gap, math.ceil(len(tiles) / columns) * height + gap))
    draw = ImageDraw.Draw(sheet)
    for k, (tile, lines) in enumerate(zip(tiles, captions)):
        left, top = gap + k % columns * width, gap + k // columns * height
        sheet.paste(tile, (left, top))
        for line, (text, colour) in enumerate(lines):
            draw.text((left, top + tile.height + TEXT * line), text, fill=colour)
    return sheet


def headed(images, heads, labels):
    """Images [rows, columns, C, H, W] in [-1, 1] as one PIL image: a `grid` with a line of text above each
    column, and one at the left of each row."""
    sheet = grid(images)
    left, across, down = max(map(width_of, labels)) + 4, sheet.width / len(heads), sheet.height / len(labels)
    made = Image.new(sheet.mode, (left + sheet.width, TEXT + sheet.height))
    made.paste(sheet, (left, TEXT))
    draw = ImageDraw.Draw(made)
    for k, text in enumerate(heads):
        draw.text((left + (k + 0.5) * across, TEXT - 3), text, anchor="ms", fill="white")
    for k, text in enumerate(labels):
        draw.text((2, TEXT + (k + 0.5) * down), text, anchor="lm", fill="white")
    return made


def triangle(images, gap=2):
    """Images [m (m + 1) / 2, C, H, W] in [-1, 1] as one PIL image: row i, from the top, has i + 1 of them."""
    tiles = tiles_of(images)
    rows = math.isqrt(2 * len(tiles))
    width, height = (size + gap for size in tiles[0].size)
    sheet = Image.new(tiles[0].mode, (rows * width + gap, rows * height + gap))
    places = ((row, column) for row in range(rows) for column in range(row + 1))
    for tile, (row, column) in zip(tiles, places):
        left = gap + (rows - 1 - row) * width // 2 + column * width
        sheet.paste(tile, (left, gap + row * height))
    return sheet


def between(corners, mixed, shares, gap=2, bar=4):
    """One PIL image of three images [3, C, H, W] in [-1, 1] at the corners of a triangle, and of what they
    give together, [1, C, H, W], twice as large in its middle. A bar under each corner is as long as its
    share."""
    corners, (middle,) = tiles_of(corners), tiles_of(mixed, 2)
    width, height = corners[0].size
    row = height + bar + 2 * gap
    sheet = Image.new(middle.mode, (4 * width + 2 * gap, 2 * row + 2 * height + 2 * gap))
    sheet.paste(middle, (gap + width, row + gap))
    places = (
        (gap + 3 * width // 2, gap),
        (gap, row + 2 * height + gap),
        (gap + 3 * width, row + 2 * height + gap),
    )
    white = Image.new(middle.mode, (width, bar), 255 if middle.mode == "L" else (255, 255, 255))
    for tile, share, (left, top) in zip(corners, shares, places):
        sheet.paste(tile, (left, top))
        sheet.paste(white.crop((0, 0, round(share * width), bar)), (left, top + height + gap))
    return sheet


def save_picture(picture, path):
    """Writes a PIL image as PNG, whole or not at all."""
    data = io.BytesIO()
    picture.save(data, "png")
    write_atomically(path, data.getvalue())


COLUMNS = 3  # panels of curves beside one another
LINES = 8  # in a panel, at most
APART = 100.0  # terms whose sizes differ by more have panels of their own; one that spans more has a log axis


def curves(records, path, title, bands=None):
    """A plot of the logged scalars over steps: a panel for each network (a name's part before the slash).

    A term with a weight is drawn without it. A network has several panels if its terms differ in size by more
    than a factor of APART, or are more than LINES. A row has three panels. An axis is logarithmic if a term
    spans more than that factor. bands: {name: {"steps", "low", "high"}}, shaded behind the lines where there
    are any.
    """
    bands = bands or {}
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    series = {}
    for record in records:
        for name, value in record.items():
            if name != "step" and isinstance(value, (int, float)) and not isinstance(value, bool):
                series.setdefault(name, []).append((record["step"], value))
    found = panels({name: series[name] for name in unweighted(series)})
    if not found:
        return
    columns, rows = min(COLUMNS, len(found)), math.ceil(len(found) / COLUMNS)
    figure = Figure(figsize=(5.5 * columns, 4 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    every = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, (panel, names) in zip(every, found):
        for name in names:
            (line,) = axes.plot(
                *zip(*series[name]), label=name.split("/", 1)[-1].replace("_", " ").strip(), linewidth=1
            )
            if name in bands:
                edges = (bands[name][side] for side in ("steps", "low", "high"))
                axes.fill_between(*edges, color=line.get_color(), alpha=0.15, linewidth=0)
        axes.set_title(panel, parse_math=False)
        axes.set(xlabel="step")
        axes.grid(alpha=0.3)
        for text in axes.legend(fontsize=8).get_texts():
            text.set_parse_math(False)  # a name with $ is no formula
        scale(axes, [abs(value) for name in names for _, value in series[name]], series, names)
    for axes in every[len(found) :]:
        axes.set_axis_off()
    figure.suptitle(title, parse_math=False)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    write_atomically(path, data.getvalue())


def panels(series):
    """[(title, names)] of terms {name: [(step, value), ...]}: by network, then by size, then at most
    LINES."""
    found = []
    for network in sorted({name.split("/")[0] for name in series}):
        groups = []
        for name in sorted(
            (n for n in series if n.split("/")[0] == network), key=lambda n: (size(series[n]), n)
        ):
            if (
                groups
                and size(series[name]) <= APART * size(series[groups[-1][0]])
                and len(groups[-1]) < LINES
            ):
                groups[-1].append(name)
            else:
                groups.append([name])
        for k, names in enumerate(groups):
            found.append(
                (network if len(groups) == 1 else f"{network} {k + 1} of {len(groups)}", sorted(names))
            )
    return found


def size(points):
    """The median of a term's magnitudes that are not 0; those below 1e-8 count as that."""
    values = sorted(abs(value) for _, value in points if value)
    return max(values[len(values) // 2], 1e-8) if values else 1e-8


def scale(axes, magnitudes, series, names):
    """A logarithmic y axis where magnitudes span more than a factor of APART; linear around 0 where values
    cross it."""
    sizes = sorted(value for value in magnitudes if value)
    if not sizes or sizes[-1] <= APART * sizes[len(sizes) // 20]:  # a few values near 0 are no decades
        return
    if all(value > 0 for name in names for _, value in series[name]):
        axes.set_yscale("log")
    else:
        axes.set_yscale("symlog", linthresh=sizes[len(sizes) // 20])


def gif(path, frames, seconds=0.1):
    """Writes PIL images as an animation that repeats. seconds: for one frame, or a list of those of each."""
    times = [round(1000 * t) for t in seconds] if isinstance(seconds, list) else round(1000 * seconds)
    frames[0].save(path, "gif", save_all=True, append_images=frames[1:], duration=times, loop=0)


def webp(path, frames, seconds=0.1):
    """Writes PIL images as a lossless WebP animation that repeats, a frame for so many seconds."""
    options = {"duration": round(1000 * seconds), "loop": 0, "lossless": True}
    frames[0].save(path, "webp", save_all=True, append_images=frames[1:], **options)


def ffmpeg():
    """The path of ffmpeg: the one on PATH, else that of the package imageio-ffmpeg; None without either."""
    found = shutil.which("ffmpeg")
    if found is None:
        with contextlib.suppress(ImportError, RuntimeError):  # RuntimeError: the package found no program
            import imageio_ffmpeg

            found = imageio_ffmpeg.get_ffmpeg_exe()
    return found


def mp4(path, frames, seconds=0.1, crf=23):
    """Writes PIL images of one size as an H.264 film, a frame for so many seconds; crf: libx264's quality.

    Returns None, or why there is no film: ffmpeg is missing or failed.
    """
    program = ffmpeg()
    if program is None:
        return "no ffmpeg on PATH; install it, or the package imageio-ffmpeg"
    width, height = frames[0].size
    given = [
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        f"{width}x{height}",
        "-r",
        f"{1 / seconds:g}",
        "-i",
        "-",
    ]
    # H.264 with colours at half the resolution takes even sides alone
    coded = [
        "-c:v",
        "libx264",
        "-crf",
        str(crf),
        "-vf",
        "pad=ceil(iw/2)*2:ceil(ih/2)*2",
        "-pix_fmt",
        "yuv420p",
    ]
    done = subprocess.run(
        [program, "-y", "-loglevel", "error", *given, *coded, "-movflags", "+faststart", path],
        input=b"".join(frame.convert("RGB").tobytes() for frame in frames),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        return f"ffmpeg failed: {done.stderr.decode(errors='replace').strip()[:200]}"
    return None


def film(stem, frames, seconds=0.1, crf=23):
    """Writes PIL images as stem.gif, stem.webp and, where there is ffmpeg, stem.mp4.

    Returns their names for a message, with the reason where there is no .mp4.
    """
    gif(stem + ".gif", frames, seconds)
    webp(stem + ".webp", frames, seconds)
    missing = mp4(stem + ".mp4", frames, seconds, crf)
    return f"{stem}.gif, .webp" + (" and .mp4" if missing is None else f" (no .mp4: {missing})")


def frames(folder, every=0):
    """{name: [(step, path), ...] by step} of the pictures step_<8 digits>[_<name>].png in a folder.

    every: take only multiples of so many steps, and the last. That leaves out pictures of the earlier ends of
    a run that was prolonged.
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
    """Writes <run>/animation.gif from samples/; if pictures have names, animation_<name>.gif for each.

    A frame is shown for a tenth of a second, the last for a second. All have one palette. Returns [(path,
    number of frames), ...]. Raises MissingError if there is no picture.
    """
    found = frames(run.samples, args.steps_per_epoch * args.save_images_every)
    if not found:
        raise MissingError(
            f"--mode=animate: no pictures in {run.samples}; "
            "train with --save_images_every=1 to have one for each epoch"
        )
    written = []
    for name, entries in found.items():
        pictures = [Image.open(path).convert("RGB") for _, path in entries]
        # --samples may have changed
        pictures = [picture for picture in pictures if picture.size == pictures[-1].size]
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
    """Pictures of one size as one picture, from left to right."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width * len(pictures), height))
    for k, picture in enumerate(pictures):
        sheet.paste(picture, (k * width, 0))
    return sheet
