"""Scores of two sets of images, python -m eval.folder REAL GENERATED: folders, zips, or .npz files of
--mode=sample."""

import concurrent.futures
import json
import os
import sys
import zipfile

import numpy as np
import torch

from engine import distributed, memory
from engine.errors import MissingError, UserError
from engine.flags import DEVICE_HELP, Parser, positive
from eval import command
from eval.metrics import evaluate, extractors, statistics
from iterators.library import decoding
from iterators.library.files import EXTENSIONS, Files


class Folder:
    """The images below a folder or in a zip, decoded when they are read; processes share them.

    All are converted to colour, since a folder may mix modes. size: see `iterators.library.decoding.fit`.
    Raises MissingError if there are none or one cannot be decoded, UserError if they differ in size and no
    size is given.
    """

    def __init__(self, path, size=None, workers=2):
        if not os.path.exists(path):
            raise MissingError(f"{path}: no such file or folder; use a folder or a .zip of images")
        if os.path.isfile(path) and not zipfile.is_zipfile(path):
            raise MissingError(f"{path}: not a zip, or damaged; use a folder or a .zip of images")
        self.files, self.what, self.size, self.workers = Files(path), path, size, workers
        self.names = self.files.names
        if not self.names:
            raise MissingError(f"{path}: no images in it; use files ending in {' '.join(sorted(EXTENSIONS))}")
        if len(self.names) < 2:
            raise UserError(f"{path}: holds one image; use two or more")
        self.first = self.decode(0)

    def __len__(self):
        return len(self.names)

    def decode(self, i):
        """uint8 [3, H, W]."""
        name = self.names[i]
        pixels = decoding.decode(
            self.files.label(name), lambda: self.files.read(name), size=self.size, channels=3
        )
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)

    def same_size(self, i, image):
        """The image. Raises UserError if it is not as large as the first."""
        if image.shape != self.first.shape:
            (_, h, w), (_, h2, w2) = self.first.shape, image.shape
            raise UserError(
                f"{self.what}: the images differ in size, {self.names[0]} has {w}x{h} pixels and "
                f"{self.names[i]} {w2}x{h2}; use --size={min(h, w, h2, w2)}, which resizes all"
            )
        return image

    def batches(self, n, batch):
        """(positions, uint8 [b, 3, H, W]) of this process's share, in the order that torch-fidelity shuffles
        inputs to."""
        order = np.random.RandomState(2020).permutation(n).tolist()
        with concurrent.futures.ThreadPoolExecutor(self.workers) as pool:
            for start in range(0, n, batch)[distributed.rank() :: distributed.world_size()]:
                chosen = order[start : start + batch]
                images = [self.same_size(i, image) for i, image in zip(chosen, pool.map(self.decode, chosen))]
                yield torch.arange(start, start + len(chosen)), torch.stack(images)


class Array:
    """The array "images", uint8 [n, H, W, C], of a .npz file, as --mode=sample writes it."""

    def __init__(self, path):
        try:
            with np.load(path, allow_pickle=False) as arrays:
                images = arrays["images"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise MissingError(
                f"{path}: {error}; use a .npz with an array images, uint8 [n, H, W, C]"
            ) from None
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or len(images) < 2:
            raise UserError(
                f"{path}: images is {images.dtype} {list(images.shape)}; must be uint8 [n, H, W, C] with C "
                "of 1 or 3 and n of 2 or more"
            )
        images = torch.from_numpy(images).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
        self.rows, self.what, self.first = images, path, images[0]

    def __len__(self):
        return len(self.rows)

    def batches(self, n, batch):
        """(positions, uint8 [b, 3, H, W]) of this process's share, in the same order as `Folder.batches`."""
        order = torch.from_numpy(np.random.RandomState(2020).permutation(n)).split(batch)
        for k in range(len(order))[distributed.rank() :: distributed.world_size()]:
            yield torch.arange(k * batch, k * batch + len(order[k])), self.rows[order[k]]


def compare(args, device):
    """The report on args.real and args.generated: {"real", "generated", "results", "notes"}."""
    extractor = extractors.get(args.extractor, device, extractors.weights_of(args))
    evaluate.check(args.metrics or ["fid"], extractor)
    real, fake = (
        Array(path) if path.endswith(".npz") else Folder(path, args.size)
        for path in (args.real, args.generated)
    )
    extractor(real.first[None])  # only a call tells whether a user's extractor gives logits
    metrics = args.metrics
    if metrics is None:
        metrics = ["fid", "is", "kid", "prdc"] if extractor.has_logits else ["fid", "kid", "prdc"]
    n_real, n_fake = len(real), len(fake)
    evaluate.check_counts(metrics, n_real, n_fake)

    def collect(source, splits=None):
        rows = evaluate.rows_to_keep(metrics, len(source))
        return statistics.collect(source, extractor, len(source), args.batch, rows, splits)

    gathered = [collect(real), collect(fake, evaluate.SPLITS if "is" in metrics else None)]
    if gathered[0].d != gathered[1].d:
        raise UserError(
            f"--size: {args.real} has images of {size_of(real)} pixels and {args.generated} of "
            f"{size_of(fake)}; use --size, or an extractor that resizes (not {extractor.name})"
        )
    results = distributed.on_rank0(lambda: evaluate.compare(*gathered, metrics, extractor, "folder"))
    notes = [f"{extractor.name} ({extractor.why}): {extractor.description}; resized {extractor.resize}"]
    if size_of(real) != size_of(fake):
        notes.append(
            f"the images have {size_of(real)} and {size_of(fake)} pixels: that alone makes a distance; use "
            "--size"
        )
    if any(result["singular"] for result in results):
        notes.append(evaluate.few_images(min(n_real, n_fake), gathered[0].d))
    return {"real": args.real, "generated": args.generated, "results": results, "notes": notes}


def size_of(source):
    """Width and height, as "32x32"."""
    return f"{source.first.shape[2]}x{source.first.shape[1]}"


def summary_lines(report):
    """A line with the scores of a report, then its notes."""
    counts = report["results"][0]
    scores = [
        f"{r['title']} {r['value']:.5g}" + (f" ({r['std']:.2g} std)" if r["std"] is not None else "")
        for r in report["results"]
    ]
    return [
        f"{', '.join(scores)}: {report['generated']} against {report['real']} ({counts['protocol']})",
        *report["notes"],
    ]


def main(argv=None):
    """Compares the two sets of the command line. Prints a JSON object, and a summary on stderr. Returns the
    exit code."""
    parser = Parser(prog="python -m eval.folder", description=__doc__)
    parser.add_argument("real", help="a folder or .zip of images, or a .npz: the reference")
    parser.add_argument(
        "generated", help="the same, of the images to score; the Inception score is of these alone"
    )
    parser.add_argument(
        "--extractor",
        default="auto",
        help="auto, inception, efficientnet, dinov2, clip, pixels, or a .py file (default auto: inception if "
        "its weights are found, else efficientnet)",
    )
    parser.add_argument(
        "--inception_weights",
        default=None,
        help="file of the Inception weights (default: INCEPTION_WEIGHTS, then torch hub's cache)",
    )
    parser.add_argument(
        "--feature_weights",
        default=None,
        help="file of the weights of --extractor=dinov2 or clip (default: $DINOV2_WEIGHTS or $CLIP_WEIGHTS)",
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        default=None,
        help=f"of {', '.join(evaluate.METRICS)} (default fid is kid prdc, without is where the extractor has "
        "no logits)",
    )
    parser.add_argument(
        "--size",
        type=positive,
        default=None,
        help="resize all images first: the shorter side to SIZE (Lanczos), then crop the centre (default: no "
        "resizing)",
    )
    parser.add_argument("--batch", type=positive, default=64, help="images at a time (default 64)")
    parser.add_argument("--device", default="auto", help=DEVICE_HELP)
    parser.add_argument(
        "--threads", type=positive, default=None, help="CPU threads (default: torch's choice)"
    )
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    memory.keep_freed()
    device = distributed.start(args.device)
    report = compare(args, device)
    if distributed.rank() == 0:
        print(json.dumps(report, indent=1), flush=True)
        for line in summary_lines(report):
            print(line, file=sys.stderr)
    return 0


def command_line():
    """main() with errors as one line on stderr and as exit codes: 2 for what was given, 3 for what is
    missing."""
    try:
        return main()
    except UserError as error:
        if distributed.rank() == 0:
            command.print_error("eval.folder", error)
        return error.exit_code
    finally:
        distributed.stop()
