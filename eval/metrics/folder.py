"""Compares two sets of images made by anyone: python -m eval.folder REAL GENERATED. Folders, zips, or .npz files of --mode=sample."""

import concurrent.futures
import json
import os
import sys
import zipfile

import numpy as np
import torch

from engine import distributed, memory
from engine.errors import MissingError, UserError
from engine.flags import Parser, positive
from eval.metrics import evaluate, extractors, statistics
from iterators.library import cache as decoding


class Folder:
    """The images below a folder or in a zip, decoded as they are asked for and shared out among processes.

    In colour whatever their mode, as a folder may mix modes; size: see `iterators.cache.fit`. Raises MissingError if there are
    none or one cannot be decoded, UserError if they differ in size and none is given.
    """

    def __init__(self, path, size=None, workers=2):
        if not os.path.exists(path):
            raise MissingError(f"{path}: no such file or folder; a folder or a .zip of images would do")
        if os.path.isfile(path) and not zipfile.is_zipfile(path):
            raise MissingError(f"{path}: not a zip, or a damaged one; a folder or a .zip of images would do")
        self.files, self.what, self.size, self.workers = decoding.Files(path), path, size, workers
        self.names = self.files.names
        if not self.names:
            raise MissingError(
                f"{path}: no images in it; files ending in {' '.join(sorted(decoding.EXTENSIONS))} would do"
            )
        if len(self.names) < 2:
            raise UserError(f"{path}: one image; two or more would do, as one has no spread")
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
                f"{self.what}: the images differ in size, {self.names[0]} has {w}x{h} pixels and {self.names[i]} {w2}x{h2}; "
                f"--size={min(h, w, h2, w2)}, which resizes all, would do"
            )
        return image

    def batches(self, n, batch):
        """(positions, uint8 [b, 3, H, W]) of this process's share, in the order that torch-fidelity shuffles its inputs to."""
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
                f"{path}: {error}; a .npz with an array images, uint8 [n, H, W, C], would do"
            ) from None
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or len(images) < 2:
            raise UserError(
                f"{path}: images is {images.dtype} {list(images.shape)}; uint8 [n, H, W, C], C 1 or 3 and n 2 or more, would do"
            )
        images = torch.from_numpy(images).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
        self.rows, self.what, self.first = images, path, images[0]

    def __len__(self):
        return len(self.rows)

    def batches(self, n, batch):
        order = torch.from_numpy(np.random.RandomState(2020).permutation(n)).split(batch)
        for k in range(len(order))[distributed.rank() :: distributed.world_size()]:
            yield torch.arange(k * batch, k * batch + len(order[k])), self.rows[order[k]]


def compared(args, device):
    """The report on args.real and args.generated: {"real", "generated", "results", "notes"}."""
    extractor = extractors.get(args.extractor, device, args.inception_weights)
    evaluate.check(args.metrics or ["fid"], extractor)
    real, fake = (
        Array(path) if path.endswith(".npz") else Folder(path, args.size)
        for path in (args.real, args.generated)
    )
    extractor(real.first[None])  # of a user's file only this tells whether it has logits
    metrics = args.metrics or (
        ["fid", "is", "kid", "prdc"] if extractor.has_logits else ["fid", "kid", "prdc"]
    )
    n_real, n_fake = len(real), len(fake)
    gathered = [
        statistics.collect(
            source, extractor, len(source), args.batch, evaluate.kept(metrics, len(source)), splits
        )
        for source, splits in ((real, None), (fake, evaluate.SPLITS if "is" in metrics else None))
    ]
    if gathered[0].d != gathered[1].d:
        raise UserError(
            f"--size: the images of {args.real} have {size_of(real)} pixels and those of {args.generated} {size_of(fake)}; one --size for "
            f"both, or an extractor that resizes, would do with --extractor={extractor.name}"
        )
    results = distributed.on_rank0(lambda: evaluate.compare(*gathered, metrics, extractor, "folder"))
    notes = [f"{extractor.name} ({extractor.why}): {extractor.description}; resized {extractor.resize}"]
    if size_of(real) != size_of(fake):
        notes.append(
            f"the images differ in size: {size_of(real)} and {size_of(fake)} pixels, which alone makes them differ"
        )
    if any(result["singular"] for result in results):
        notes.append(
            f"{min(n_real, n_fake):,} images for {gathered[0].d:,} features: a distance of so few is far too large, and only to be compared "
            "with one of the same numbers"
        )
    return {"real": args.real, "generated": args.generated, "results": results, "notes": notes}


def size_of(source):
    """ "32x32"."""
    return f"{source.first.shape[2]}x{source.first.shape[1]}"


def lines(report):
    """What a person wants to read of a report."""
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
    """Compares the two that the command line names; prints a JSON object, and lines for people on stderr. Returns the exit code."""
    parser = Parser(prog="python -m eval.folder", description=__doc__, allow_abbrev=False)
    parser.add_argument("real", help="a folder or .zip of images, or a .npz: what is compared against")
    parser.add_argument(
        "generated", help="the same: what is judged; the Inception score is of this one alone"
    )
    parser.add_argument(
        "--extractor",
        default="auto",
        help="auto, inception, efficientnet, pixels, or a .py file (default auto: inception if its weights are there, else efficientnet)",
    )
    parser.add_argument(
        "--inception_weights",
        default=None,
        help="file of the Inception weights (default: INCEPTION_WEIGHTS, then torch hub's cache)",
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        default=None,
        help=f"of {', '.join(evaluate.METRICS)} (default fid is kid prdc, without is where the extractor is no classifier)",
    )
    parser.add_argument(
        "--size",
        type=positive,
        default=None,
        help="resize all images first: shorter side to SIZE by Lanczos' kernel, then the middle (default: as they are)",
    )
    parser.add_argument("--batch", type=positive, default=64, help="images at a time (default 64)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<n> (default auto)")
    parser.add_argument(
        "--threads", type=positive, default=None, help="CPU threads (default: torch's choice)"
    )
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    memory.keep_freed()
    device = distributed.start(args.device)
    report = compared(args, device)
    if distributed.rank() == 0:
        print(json.dumps(report, indent=1), flush=True)
        for line in lines(report):
            print(line, file=sys.stderr)
    return 0


def command_line():
    """main() with errors as one line on stderr and as exit codes: 2 for what was given, 3 for what is not there."""
    try:
        return main()
    except UserError as error:
        if distributed.rank() == 0:
            print(f"eval.folder: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    finally:
        distributed.stop()
