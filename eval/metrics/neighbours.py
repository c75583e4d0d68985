"""The real images nearest to samples, which show whether a generator has memorised its training images."""

import torch

from engine.pictures import grid
from engine.record import Progress
from eval.metrics import sources

SHOWN = 100  # rows of a picture
HELD = 256 << 20  # bytes of samples, as float64, that are compared at a time


def blocks(parts):
    """Samples [m, C, H, W] in parts of any lengths, as uint8 in larger parts, each of at most HELD bytes as
    float64 (or one part): so many are compared in one pass over the real images."""
    held = []
    for part in parts:
        part = sources.to_bytes(part, "the samples").cpu()
        if held and 8 * part[0].numel() * (sum(map(len, held)) + len(part)) > HELD:
            yield torch.cat(held)
            held = []
        held.append(part)
    yield torch.cat(held)


def nearest(samples, real, k=5, extractor=None, batch=1024):
    """{"indices": int64 [m, k], "distances": float64 [m, k], "images": uint8 [m, k, C, H, W]} of the k
    nearest of the real images.

    samples: [m, C, H, W], uint8 or in [-1, 1]; real: what `eval.metrics.sources.of` takes; indices count in
    its own order. Distances are Euclidean, between pixels 0 .. 255 (exact, as they are sums of whole numbers)
    or an extractor's features. To be called in one process.
    """

    def embed(images):
        if extractor is None:
            return images.flatten(1).double()
        return extractor(images)["features"].double().cpu()

    x = embed(sources.to_bytes(samples, "the samples").cpu())
    best = None
    source = sources.of(real)
    # so that a batch of large images takes no more than the samples may
    batch = max(1, min(batch, HELD // (8 * max(1, samples[0].numel()))))
    with Progress("the real images", source.n) as progress:
        for indices, images in sources.in_order(source, batch):
            best = nearer(best, x, embed, indices, images, k)
            progress.add(len(indices))
    squares, indices, images = best
    return {"indices": indices, "distances": squares.sqrt(), "images": images}


def nearer(best, x, embed, indices, images, k):
    """(squared distances, indices, images) [m, k] of the nearest so far: `best`, or among these images."""
    images = sources.to_bytes(images, "the real images").cpu()
    y = embed(images)
    squares = (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T).clamp(min=0)
    nearest_squares, columns = squares.topk(min(k, len(y)), largest=False)
    found = nearest_squares, indices[columns], images[columns]
    if best is None:
        return found
    merged = [torch.cat(pair, 1) for pair in zip(best, found)]
    order = merged[0].topk(min(k, merged[0].shape[1]), largest=False).indices
    return tuple(torch.stack([row[chosen] for row, chosen in zip(part, order)]) for part in merged)


def picture(samples, images):
    """A PIL image with a row for each sample: the sample, then its neighbours, nearest first.

    samples: [m, C, H, W]; images: [m, k, C, H, W].
    """
    rows = torch.cat([sources.to_bytes(samples, "the samples").cpu()[:, None], images], 1)
    return grid(rows.flatten(0, 1).float() / 127.5 - 1, columns=rows.shape[1])
