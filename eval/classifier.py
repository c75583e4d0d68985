"""A small classifier, trained once on a data set's own training split: the feature network where ImageNet's say little, as for digits.

The network is the usual convolutional example of Keras: for small images the old one, as in PacGAN (Lin et al. 2018), for others
the newer, which pools after the first convolution too and costs a quarter.
"""
import contextlib
import hashlib
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Subset

from engine.errors import UserError
from engine.randomness import seeded
from eval import sources, statistics

RECIPE = {"version": 1, "steps": 2000, "batch": 128, "lr": 3e-3, "turn": 10, "scale": 0.1, "shift": 0.08}
LARGEST = 32                          # pixels a side: larger images are averaged down to it


class Classifier(nn.Module):
    """conv3 32, (max pool 2 from 16 pixels on,) conv3 64, max pool 2, dropout .25, fully connected 128, dropout .5, fully connected
    K, with ReLUs.

    forward: uint8 or float [N, C, H, W] in 0 .. 255 -> {"features": [N, 128] after the ReLU, "logits": [N, K]}.
    """

    def __init__(self, shape, classes):
        super().__init__()
        self.shape = tuple(shape)
        channels, height, width = shape
        self.size = min(height, LARGEST), min(width, LARGEST)
        early = nn.MaxPool2d(2) if min(self.size) >= 16 else nn.Identity()
        # pooling before the ReLU gives the same, and spares three quarters of it
        self.body = nn.Sequential(nn.Conv2d(channels, 32, 3), early, nn.ReLU(), nn.Conv2d(32, 64, 3), nn.MaxPool2d(2), nn.ReLU(),
                                  nn.Dropout(0.25), nn.Flatten(), nn.LazyLinear(128), nn.ReLU())
        self.dropout, self.head = nn.Dropout(0.5), nn.Linear(128, classes)
        self(torch.zeros(1, channels, height, width))    # gives the lazy layer its width

    def forward(self, images):
        x = images.float() / 255
        if x.shape[2:] != self.size:
            x = F.adaptive_avg_pool2d(x, self.size)
        features = self.body(x)
        return {"features": features, "logits": self.head(self.dropout(features))}


def trained(train, test, cache=None):
    """(Classifier, test accuracy, digest of its weights) for pairs of images uint8 [N, C, H, W] and labels int64 [N].

    Found in <cache>/classifiers/ or trained, by RECIPE and one seed, and kept there. The weights depend on the images, on torch
    and, in their last digits, on the kind of processor; the digest tells. Raises UserError for images
    under 8 pixels a side.
    """
    shape, classes = tuple(train[0].shape[1:]), int(train[1].max()) + 1
    if min(shape[1:]) < 8:
        raise UserError(f"--extractor classifier: given images of {shape[1]}x{shape[2]} pixels; 8x8 or more would do")
    facts = {"recipe": RECIPE, "train": digest(*train), "test": digest(*test), "shape": list(shape), "classes": classes}
    with seeded("classifier", RECIPE["version"]):
        net = Classifier(shape, classes).to(memory_format=torch.channels_last)
    found = statistics.find("classifiers", facts, cache)
    if found is None:
        print(f"training the classifier that scores are computed with, once, on {len(train[0]):,} images", file=sys.stderr)
        fit(net, *train)
        found = {"weights": net.state_dict(), "accuracy": accuracy(net, *test)}
        statistics.keep("classifiers", facts, found, cache)
    net.load_state_dict(found["weights"])
    return net.eval(), found["accuracy"], digest(*found["weights"].values())


def fit(net, images, labels):
    """Adam on cross-entropy, the learning rate falling from lr to 0 as a half cosine, each image turned, scaled and shifted at random."""
    optim = torch.optim.Adam(net.parameters(), lr=RECIPE["lr"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optim, RECIPE["steps"])
    net.train()
    with one_thread(), seeded("classifier", RECIPE["version"], "training"), torch.enable_grad():
        for _ in range(RECIPE["steps"]):
            rows = torch.randint(len(images), (RECIPE["batch"],))
            loss = F.cross_entropy(net(jittered(images[rows].float()))["logits"], labels[rows])
            optim.zero_grad()
            loss.backward()
            optim.step()
            schedule.step()
    net.eval()


@contextlib.contextmanager
def one_thread():
    """The weights, and so their digest, shall not depend on the number of threads; of many, so small a network gains little."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def jittered(x):
    """Each image turned by up to `turn` degrees, scaled by up to `scale` and shifted by up to `shift` of its side, all uniform."""
    n = len(x)
    turn, scale, across, down = (torch.rand(n) * 2 - 1 for _ in range(4))
    turn, scale = turn * RECIPE["turn"] * torch.pi / 180, 1 + scale * RECIPE["scale"]
    rows = [[turn.cos() / scale, -turn.sin() / scale, 2 * RECIPE["shift"] * across],
            [turn.sin() / scale, turn.cos() / scale, 2 * RECIPE["shift"] * down]]
    matrices = torch.stack([torch.stack(row, 1) for row in rows], 1)
    return F.grid_sample(x, F.affine_grid(matrices, x.shape, align_corners=False), padding_mode="border", align_corners=False)


@torch.inference_mode()
def accuracy(net, images, labels):
    """The share of images whose largest logit is their label's."""
    right = sum(int((net(x)["logits"].argmax(1) == y).sum()) for x, y in zip(images.split(512), labels.split(512)))
    return right / len(labels)


def labelled(data, split, whole=False):
    """(uint8 [N, C, H, W], int64 [N]) on the CPU: a split of data, {split: DataIterator, or a pair of that kind}; with `whole`
    also what --iterator_args valid or subset keep from it. Raises UserError where the split is missing or has no labels.
    """
    if split not in data:
        raise UserError(f"--extractor classifier: the data has no {split} split; there is {', '.join(data)}")
    given = data[split]
    if isinstance(given, (tuple, list)):
        x, y = given
    elif isinstance(getattr(getattr(given, "source", None), "tensors", None), dict):
        x, y = given.source.tensors["x"], given.source.tensors.get("y")
        if not whole and given.indices is not None:
            x, y = x[given.indices.to(x.device)], y if y is None else y[given.indices.to(y.device)]
    else:
        batches = given
        if hasattr(given, "source"):                     # iterating gives a process its own share only
            part = given.source if whole or given.indices is None else Subset(given.source, given.indices.tolist())
            batches = DataLoader(part, 256, num_workers=given.num_workers, collate_fn=given.collate_fn, generator=torch.Generator())
        batches = [batch if isinstance(batch, dict) else dict(zip(given.keys, batch)) for batch in batches]
        x = torch.cat([batch["x"] for batch in batches])
        y = torch.cat([batch["y"] for batch in batches]) if "y" in batches[0] else None
    if y is None:
        raise UserError("--extractor classifier: the data has no labels; efficientnet, inception or pixels would do")
    return sources.to_bytes(x, "the training images").cpu().contiguous(), torch.as_tensor(y).cpu().long()


def digest(*tensors):
    """The sha256 of the tensors' shapes and bytes."""
    result = hashlib.sha256()
    for tensor in tensors:
        result.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
        result.update(tensor.detach().cpu().contiguous().numpy())
    return result.hexdigest()
