"""Scores of more and more damaged images against real ones: a good metric follows the damage.

    python benchmarks/damaged_images.py cifar10-jpeg.zip [--n 1500] [--extractor efficientnet]

The zip holds train/<class>/*.jpg and test/<class>/*.jpg. One line for each kind of damage; the first two sets
are undamaged.
"""

import argparse
import io
import os
import random
import sys
import zipfile

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from eval.metrics import evaluate, extractors


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("zip")
    parser.add_argument("--n", type=int, default=1500, help="images of each set (default 1500)")
    parser.add_argument("--extractor", default="efficientnet")
    args = parser.parse_args()
    from torchvision.transforms.functional import gaussian_blur

    archive = zipfile.ZipFile(args.zip)
    names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
    random.seed(0)

    def some(part, n):
        chosen = random.sample([name for name in names if name.startswith(part)], n)
        images = [np.array(Image.open(io.BytesIO(archive.read(name)))) for name in chosen]
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()

    train, test = some("train", 2 * args.n), some("test", args.n)
    draw = torch.Generator().manual_seed(0)

    def noisy(s):
        x = test.float() + s * torch.randn(test.shape, generator=draw)
        return x.round().clamp(0, 255).to(torch.uint8)

    sets = {"other training images": train[args.n :], "test images": test}
    sets |= {f"blur s = {s}": gaussian_blur(test, 9, s) for s in (0.4, 0.7, 1.5)}
    sets |= {f"noise s = {s}": noisy(s) for s in (5, 15, 40)}
    sets |= {"random pixels": torch.randint(0, 256, test.shape, generator=draw, dtype=torch.uint8)}
    metrics, extractor = ("fid", "kid", "prdc"), extractors.get(args.extractor)
    real = evaluate.reference(train[: args.n], extractor, "full", metrics)
    for name, images in sets.items():
        batches = iter(torch.cat([images, images[:64]]).split(64))  # the evaluator draws whole batches
        results = evaluate.evaluate(
            lambda n, batches=batches: next(batches), real, extractor, "full", metrics
        )
        print(f"{name:<22}", "  ".join(f"{r['title']} {r['value']:.4g}" for r in results), flush=True)


if __name__ == "__main__":
    main()
