"""Time of an epoch of data alone, ours and a plain loader's: python benchmarks/data.py.

Images are random: sets of 9,000 grey 28x28 and 50,000 colour 32x32 images, in batches of 64, from uint8 to
float32 in [-1, 1], mirrored at random in one form.
"""

import argparse
import functools
import os
import sys

import torch
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from benchmarks.common import machine, medians
from iterators.common import DataIterator, random_flip


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's choice)")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    print(machine())
    for n, shape in ((9000, (1, 28, 28)), (50000, (3, 32, 32))):
        images = torch.randint(0, 256, (n, *shape), dtype=torch.uint8)
        ours = DataIterator({"x": images}, 64)
        mirrored = DataIterator({"x": images}, 64, augment=random_flip)
        plain = DataLoader(TensorDataset(images), 64, shuffle=True)

        def epoch(iterator):
            stream = iterator.from_step(0)
            for _ in range(len(iterator)):
                next(stream)

        def loader(plain=plain):
            for (x,) in plain:
                x.float().div(127.5).sub(1)

        seconds = medians(
            {
                "ours": functools.partial(epoch, ours),
                "ours, mirrored": functools.partial(epoch, mirrored),
                "DataLoader, same process": loader,
            },
            args.repeats,
        )
        for name, s in seconds.items():
            data = f"{n:>6} images of {'x'.join(map(str, shape)):<9}"
            speed = f"{1000 * s:8.1f} ms an epoch  {n / s:12,.0f} images/s  x {s / seconds['ours']:.1f}"
            print(f"{data} {name:<26} {speed}", flush=True)


if __name__ == "__main__":
    main()
