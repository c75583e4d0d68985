"""The real images nearest to samples: what a generator that has learnt its training images by heart cannot hide."""

import torch

from engine.pictures import grid
from eval.metrics import sources


def nearest(samples, real, k=5, extractor=None, batch=1024):
    """{"indices": int64 [m, k], "distances": float64 [m, k], "images": uint8 [m, k, C, H, W]} of the k nearest of the real images.

    samples: [m, C, H, W], uint8 or in [-1, 1]; real: as `eval.metrics.sources.of` takes it, read in its own order, which the indices
    count. Distances are Euclidean between pixels 0 .. 255 (exact: sums of whole numbers), or between an extractor's features. To be
    called in one process.
    """

    def embed(images):
        return (
            images.flatten(1).double() if extractor is None else extractor(images)["features"].double().cpu()
        )

    x = embed(sources.to_bytes(samples, "the samples").cpu())
    best = None
    for indices, images in sources.in_order(sources.of(real), batch):
        images = sources.to_bytes(images, "the real images").cpu()
        y = embed(images)
        squares = (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T).clamp(min=0)
        least, at = squares.topk(min(k, len(y)), largest=False)
        found = least, indices[at], images[at]
        if best is not None:
            found = tuple(torch.cat(pair, 1) for pair in zip(best, found))
            order = found[0].topk(min(k, found[0].shape[1]), largest=False).indices
            found = tuple(torch.stack([row[chosen] for row, chosen in zip(part, order)]) for part in found)
        best = found
    return {"indices": best[1], "distances": best[0].sqrt(), "images": best[2]}


def picture(samples, images):
    """One row a sample: the sample, then its neighbours, nearest first. samples: [m, C, H, W]; images: [m, k, C, H, W]; a PIL image."""
    rows = torch.cat([sources.to_bytes(samples, "the samples").cpu()[:, None], images], 1)
    return grid(rows.flatten(0, 1).float() / 127.5 - 1, columns=rows.shape[1])
