"""A small classifier trained once on a data set's own training split: features for data far from ImageNet, as
digits are.

For grey images the network is the convolutional example of Keras: below 16 pixels a side the older one, as in
PacGAN (Lin et al. 2018), else the newer, which also pools after the first convolution and takes a quarter of
the time. Colour images have a residual network with batch norm.
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
from eval.metrics import sources, statistics

RECIPE = {"version": 1, "steps": 2000, "batch": 128, "lr": 3e-3, "turn": 10, "scale": 0.1, "shift": 0.08}
COLOUR = {
    "version": 1,
    "steps": 3200,
    "batch": 128,
    "lr": 3e-3,
    "turn": 5,
    "scale": 0.1,
    "shift": 0.1,
    "flip": True,
}
LARGEST = 32  # pixels a side: larger images are averaged down to it


class Classifier(nn.Module):
    """conv3 32, (max pool 2 if 16 pixels or more,) conv3 64, max pool 2, dropout .25, linear 128, dropout .5,
    linear K; ReLUs.

    forward: uint8 or float [N, C, H, W] in 0 .. 255 -> {"features": [N, 128] after the ReLU, "logits": [N,
    K]}.
    """

    dim = 128

    def __init__(self, shape, classes):
        super().__init__()
        self.shape = tuple(shape)
        channels, height, width = shape
        self.size = min(height, LARGEST), min(width, LARGEST)
        first_pool = nn.MaxPool2d(2) if min(self.size) >= 16 else nn.Identity()
        # pooling before the ReLU gives the same values from a quarter of the ReLUs
        self.body = nn.Sequential(
            nn.Conv2d(channels, 32, 3),
            first_pool,
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.LazyLinear(128),
            nn.ReLU(),
        )
        self.dropout, self.head = nn.Dropout(0.5), nn.Linear(128, classes)
        self(torch.zeros(1, channels, height, width))  # sets the width of the lazy layer

    def forward(self, images):
        """Features and logits of images [N, C, H, W]; see the class."""
        x = images.float() / 255
        if x.shape[2:] != self.size:
            x = F.adaptive_avg_pool2d(x, self.size)
        features = self.body(x)
        return {"features": features, "logits": self.head(self.dropout(features))}


class ColourClassifier(nn.Module):
    """conv4 32 of stride 2, conv3 64, max pool 2, conv3 128, residual conv3 128, max pool 2, conv3 256,
    residual conv3 256, mean over pixels, linear K; batch norm and ReLU after each convolution.

    forward: uint8 or float [N, C, H, W] in 0 .. 255 -> {"features": [N, 256], the means, "logits": [N, K]}.
    """

    dim = 256

    def __init__(self, shape, classes):
        super().__init__()
        self.shape = tuple(shape)
        channels, height, width = shape
        self.size = min(height, LARGEST), min(width, LARGEST)
        pool = nn.MaxPool2d(2)
        self.body = nn.Sequential(
            convolution(channels, 32, 4, 2),
            convolution(32, 64),
            pool,
            convolution(64, 128),
            Residual(convolution(128, 128)),
            pool,
            convolution(128, 256),
            Residual(convolution(256, 256)),
        )
        self.head = nn.Linear(256, classes)

    def forward(self, images):
        """Features and logits of images [N, C, H, W]; see the class."""
        x = images.float() / 127.5 - 1
        if x.shape[2:] != self.size:
            x = F.adaptive_avg_pool2d(x, self.size)
        features = self.body(x).mean((2, 3))
        return {"features": features, "logits": self.head(features)}


def convolution(inputs, outputs, kernel=3, stride=1):
    """Convolution with padding 1, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """x + body(x)."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        """See the class."""
        return x + self.body(x)


def trained(train, test, cache=None):
    """(network, test accuracy, digest of its weights): a Classifier for grey images, a ColourClassifier for
    others.

    train, test: pairs (images uint8 [N, C, H, W], labels int64 [N]). The network is loaded from
    <cache>/classifiers/, or trained by RECIPE or COLOUR with a fixed seed and stored there. The weights
    depend on the images, the version of torch and, in their last digits, the kind of processor; the digest
    tells them apart. Raises UserError for images under 8 pixels a side.
    """
    shape, classes = tuple(train[0].shape[1:]), int(train[1].max()) + 1
    if min(shape[1:]) < 8:
        raise UserError(
            f"--extractor=classifier: given images of {shape[1]}x{shape[2]} pixels; they must be 8x8 or "
            "larger"
        )
    kind, recipe = (Classifier, RECIPE) if shape[0] == 1 else (ColourClassifier, COLOUR)
    facts = {
        "recipe": recipe,
        "train": digest(*train),
        "test": digest(*test),
        "shape": list(shape),
        "classes": classes,
    }
    with seeded("classifier", recipe["version"]):
        net = kind(shape, classes).to(memory_format=torch.channels_last)
    found = statistics.load_cached("classifiers", facts, cache)
    if found is None:
        minutes = " (takes minutes)" if shape[0] > 1 else ""
        print(
            f"training the classifier for scores, once, on {len(train[0]):,} images{minutes}", file=sys.stderr
        )
        fit(net, *train, recipe)
        found = {"weights": net.state_dict(), "accuracy": accuracy(net, *test)}
        statistics.store_cached("classifiers", facts, found, cache)
    net.load_state_dict(found["weights"])
    return net.eval(), found["accuracy"], digest(*found["weights"].values())


def fit(net, images, labels, recipe):
    """Adam on the cross-entropy of augmented images; the learning rate falls from lr to 0 as a half
    cosine."""
    optim = torch.optim.Adam(net.parameters(), lr=recipe["lr"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optim, recipe["steps"])
    net.train()
    with one_thread(), seeded("classifier", recipe["version"], "training"), torch.enable_grad():
        for _ in range(recipe["steps"]):
            rows = torch.randint(len(images), (recipe["batch"],))
            loss = F.cross_entropy(net(augmented(images[rows].float(), recipe))["logits"], labels[rows])
            optim.zero_grad()
            loss.backward()
            optim.step()
            schedule.step()
    net.eval()


@contextlib.contextmanager
def one_thread():
    """Runs on one thread, so that the weights and their digest do not depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def augmented(x, recipe):
    """Each image rotated by up to `turn` degrees, scaled by 1 +- `scale`, shifted by up to `shift` of its
    side; with `flip` half are mirrored. All are uniform. x: float [N, C, H, W]."""
    n = len(x)
    turn, scale, across, down = (torch.rand(n) * 2 - 1 for _ in range(4))
    turn, scale = turn * recipe["turn"] * torch.pi / 180, 1 + scale * recipe["scale"]
    side = 1 - 2 * torch.randint(2, (n,)) if recipe.get("flip") else 1
    rows = [
        [side * turn.cos() / scale, -turn.sin() / scale, 2 * recipe["shift"] * across],
        [side * turn.sin() / scale, turn.cos() / scale, 2 * recipe["shift"] * down],
    ]
    matrices = torch.stack([torch.stack(row, 1) for row in rows], 1)
    grid = F.affine_grid(matrices, x.shape, align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


@torch.inference_mode()
def accuracy(net, images, labels):
    """The share of images whose largest logit is their label's."""
    batches = zip(images.split(512), labels.split(512))
    return sum(int((net(x)["logits"].argmax(1) == y).sum()) for x, y in batches) / len(labels)


def labelled(data, split, whole=False):
    """(images uint8 [N, C, H, W], labels int64 [N]) of a split, on the CPU.

    data: {split: DataIterator, or such a pair}. whole: also the images that --iterator_args valid or subset
    keep from the split. Raises UserError where the split is missing or has no labels.
    """
    if split not in data:
        raise UserError(
            f"--extractor=classifier: the data has no {split} split; use --iterator_args {split}=N, data "
            "with one, or --extractor=pixels"
        )
    given = data[split]
    if isinstance(given, (tuple, list)):
        x, y = given
    elif isinstance(getattr(getattr(given, "source", None), "tensors", None), dict):
        x, y = given.source.tensors["x"], given.source.tensors.get("y")
        x = getattr(given.source, "scaled", lambda images: images)(x)
        if not whole and given.indices is not None:
            x, y = x[given.indices.to(x.device)], y if y is None else y[given.indices.to(y.device)]
    else:
        batches = given
        if hasattr(given, "source"):  # read here, since a DataIterator gives a process its own share only
            part = given.source
            if not whole and given.indices is not None:
                part = Subset(part, given.indices.tolist())
            batches = DataLoader(
                part,
                256,
                num_workers=given.num_workers,
                collate_fn=given.collate_fn,
                generator=torch.Generator(),
            )
        batches = [batch if isinstance(batch, dict) else dict(zip(given.keys, batch)) for batch in batches]
        x = torch.cat([batch["x"] for batch in batches])
        y = torch.cat([batch["y"] for batch in batches]) if "y" in batches[0] else None
    if y is None:
        raise UserError(
            "--extractor=classifier: the data has no labels; use efficientnet, inception or pixels"
        )
    return sources.to_bytes(x, "the training images").cpu().contiguous(), torch.as_tensor(y).cpu().long()


def digest(*tensors):
    """The sha256 of the tensors' shapes and bytes."""
    result = hashlib.sha256()
    for tensor in tensors:
        result.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
        result.update(tensor.detach().cpu().contiguous().numpy())
    return result.hexdigest()
