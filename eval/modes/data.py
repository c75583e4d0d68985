"""What a data set looks like to a run: a picture of training images by class, and its counts, range and
classes. Needs no run."""

import math
import os

import torch
from PIL import Image, ImageDraw

from engine import data_digest, pictures
from engine.console import counted
from engine.errors import UserError
from engine.randomness import permutation
from eval.modes import points

ROWS, MARGIN = 20, 4  # classes that are shown; pixels around their names


def show(trainer, data, run, args):
    """A picture of --samples training images, --out: a row for each class (of many, so many that are spread
    evenly), or of each domain; and a line for each split. Builds no network and takes no lock: trainer and
    run are None."""
    out = args.out or "data.png"
    if os.path.splitext(out)[1].lower() != ".png":
        raise UserError(f"--out: given {out}; --mode=data writes a picture: use a .png")
    if os.path.exists(out):
        raise UserError(f"--out: {out} exists; use another path, or move it away")
    vars(args)["batch_size"] = (
        2  # batches are not looked at, and a small set may have fewer images than a batch
    )
    for split, iterator in data.items():
        for line in described(split, iterator):
            print(line)
    digest = data_digest.of(data)
    if digest:
        print(f"sha256 of the data: {digest}")
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    picture(data["train"], args.samples, args.seed).save(out)
    print(f"picture of the training data: {out}")
    return 0


def described(split, iterator):
    """Lines on one split: how many examples of which shape, range and classes."""
    domains = getattr(iterator, "domains", None)
    if domains:
        return [
            line
            for side, part in domains.items()
            for line in described(f"{split}, domain {side.upper()}", part)
        ]
    kind = "point" if points.are(iterator.data_shape) else "image"
    lines = [f"{split}: {counted(iterator.n, kind)} of shape {list(iterator.data_shape)}, {values(iterator)}"]
    labels = labels_of(iterator)
    if iterator.n_classes and labels is not None:
        counts = torch.bincount(labels, minlength=iterator.n_classes).tolist()
        each = f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"
        lines.append(f"  {iterator.n_classes:,} classes of {each}: {named_counts(iterator, counts)}")
    elif iterator.n_classes:
        lines.append(f"  {iterator.n_classes:,} classes")
    else:
        lines.append("  no classes")
    return lines


def named_counts(iterator, counts, most=20):
    """The names of classes, each with its count, as in: cat 10, dog 12."""
    names = names_of(iterator)
    more = f", and {len(counts) - most:,} more" if len(counts) > most else ""
    return ", ".join(f"{name} {count:,}" for name, count in zip(names[:most], counts)) + more


def names_of(iterator):
    """The names of the classes; their numbers where they have none."""
    known = (
        getattr(iterator, "classes", None)
        or getattr(getattr(iterator, "source", None), "classes", None)
        or ()
    )
    return [str(known[k]) if k < len(known) else str(k) for k in range(iterator.n_classes)]


def values(iterator):
    """What the values are stored as, which of them become -1 and 1, and what lies in batches."""
    x = examples(iterator, min(iterator.n, 256), 0)["x"]
    lies = f"x of {x.min():.3g} .. {x.max():.3g}"
    source = getattr(iterator, "source", None)
    held = (
        getattr(source, "tensors", {}).get("x")
        if isinstance(getattr(source, "tensors", None), dict)
        else None
    )
    if held is None:
        return lies
    low_high = source.value_range or ((0, 255) if held.dtype == torch.uint8 else None)
    kind = "uint16" if source.unsigned else str(held.dtype).removeprefix("torch.")
    scaled = f", {low_high[0]:g} is black and {low_high[1]:g} white" if low_high else ""
    return f"stored as {kind}{scaled}; {lies}"


def labels_of(iterator):
    """The labels int64 [n] of a split whose labels are held; else None."""
    tensors = getattr(getattr(iterator, "source", None), "tensors", None)
    if isinstance(tensors, dict) and "y" in tensors:
        y = tensors["y"].cpu()
        return (y if iterator.indices is None else y[iterator.indices]).long()
    found = getattr(getattr(iterator, "source", None), "targets", None)
    return None if found is None or iterator.indices is not None else torch.as_tensor(found).long()


def examples(iterator, n, seed):
    """n random examples of a split, as a batch."""
    return iterator.pick(permutation(iterator.n, "data", seed)[:n])


def picture(train, n, seed):
    """A PIL image of n random training examples: a row of each class or domain."""
    if points.are(train.data_shape):
        return scatter(train, seed)
    domains = getattr(train, "domains", None)
    if domains:
        rows = {f"domain {side.upper()}": part for side, part in domains.items()}
        return labelled({name: [(part, None)] for name, part in rows.items()}, n, seed)
    y = labels_of(train)
    if y is None or not train.n_classes:
        return pictures.grid(examples(train, min(n, train.n), seed)["x"].cpu())
    names = names_of(train)
    chosen = range(train.n_classes)
    if train.n_classes > ROWS:
        chosen = sorted({round(k * (train.n_classes - 1) / (ROWS - 1)) for k in range(ROWS)})
    rows = {names[k]: [(train, (y == k).nonzero().flatten())] for k in chosen}
    return labelled(rows, n, seed)


def labelled(rows, n, seed):
    """Rows of images with their names at the left. rows: {name: [(iterator, positions to draw from, or None
    for all)]}."""
    most = max(iterator.n if at is None else len(at) for ((iterator, at),) in rows.values())
    columns = min(most, max(1, math.ceil(n / len(rows))))
    strips = {}
    for name, ((iterator, positions),) in rows.items():
        positions = torch.arange(iterator.n) if positions is None else positions
        order = permutation(max(1, len(positions)), "data", seed, name)[:columns]
        strips[name] = (
            pictures.grid(iterator.pick(positions[order]).pop("x").cpu(), columns) if len(positions) else None
        )
    width = (
        max(ImageDraw.Draw(Image.new("L", (1, 1))).textbbox((0, 0), name)[2] for name in strips) + 2 * MARGIN
    )
    sizes = [strip.size for strip in strips.values() if strip is not None]
    blank = Image.new("L", (max(w for w, _ in sizes), min(h for _, h in sizes)))  # a class without images
    strips = {name: strip or blank for name, strip in strips.items()}
    mode = "RGB" if any(strip.mode == "RGB" for strip in strips.values()) else "L"
    height = sum(strip.height for strip in strips.values())
    sheet = Image.new(mode, (width + max(strip.width for strip in strips.values()), height))
    top, draw = 0, ImageDraw.Draw(sheet)
    for name, strip in strips.items():
        sheet.paste(strip, (width, top))
        draw.text((MARGIN, top + strip.height // 2), name, anchor="lm", fill="white")
        top += strip.height
    return sheet


def scatter(train, seed):
    """Points of the plane, or a histogram of those on a line, as a PIL image."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    x = examples(train, min(train.n, 10_000), seed)["x"].flatten(1).cpu().numpy()
    figure = Figure(figsize=(5, 5), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    if x.shape[1] == 1:
        axes.hist(x[:, 0], bins=100)
    else:
        axes.scatter(x[:, 0], x[:, 1], s=2)
    canvas.draw()
    return Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")


MODES = {"data": show}
