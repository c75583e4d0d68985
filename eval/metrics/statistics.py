"""What scores are made of, gathered in one pass over images and any number of processes; that of real images is kept on disc."""

import hashlib
import json
import os
import sys

import numpy as np
import torch

from engine import checkpoint, distributed
from engine.errors import UserError
from eval.metrics import sources
from eval.metrics.inception_score import Score, split_of

FORMAT = 1  # part of every key: raise it when the same images would give other statistics


class Moments:
    """Count, mean [d] and scatter matrix sum (x - mean)(x - mean)^T [d, d] of feature rows, in float64 on their device.

    Batches and processes are merged by the formulas of Chan, Golub and LeVeque 1979: no difference of two large sums.
    """

    def __init__(self, d, device="cpu"):
        self.n = 0
        self.mean = torch.zeros(d, dtype=torch.float64, device=device)
        self.scatter = torch.zeros(d, d, dtype=torch.float64, device=device)

    def add(self, x):
        """x: [n, d]."""
        x = x.double()
        n, mean = self.n + len(x), x.mean(0)
        delta = mean - self.mean
        # the term of the means' difference rides along as one row more
        rows = torch.cat([x - mean, delta[None] * (self.n * len(x) / n) ** 0.5])
        self.scatter.addmm_(rows.T, rows)
        self.mean += delta * (len(x) / n)
        self.n = n

    def merge(self):
        """Merges those of all processes; to be called once, in each."""
        count = torch.tensor([float(self.n)], dtype=torch.float64, device=self.mean.device)
        n, total = distributed.sum_over([count, self.mean * self.n])
        delta = self.mean - total / n
        self.mean = total / n
        (self.scatter,) = distributed.sum_over([self.scatter + self.n * torch.outer(delta, delta)])
        self.n = int(n)

    def covariance(self):
        """[d, d], with divisor n - 1."""
        return self.scatter / (self.n - 1)


class Statistics:
    """Of n images, the same in every process: mean [d] and cov [d, d] (float64), features [kept, d] (float32) of the first ones,
    counts [K] of the classes that the extractor sees, confidence (mean largest probability), score (mean, deviation), shape.

    counts, confidence and score are None for an extractor without logits, score also where it was not asked for.
    """

    def __init__(self, n, shape, mean, cov, features, counts=None, confidence=None, score=None):
        self.n, self.shape, self.mean, self.cov, self.features = n, tuple(shape), mean, cov, features
        self.counts, self.confidence, self.score = counts, confidence, score

    @property
    def d(self):
        """How many features there are."""
        return len(self.mean)

    @property
    def singular(self):
        """Whether there are too few images for a covariance matrix of full rank."""
        return self.n <= self.d

    def capture(self):
        """The same as plain types and tensors, for `keep`."""
        return {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def restored(cls, state):
        """What `capture` gave."""
        return cls(
            **{name: value.numpy() if torch.is_tensor(value) else value for name, value in state.items()}
        )


def collect(source, extractor, n, batch=64, keep=0, splits=None):
    """Statistics of the first n images of a source of `eval.sources` (of all, if n is None).

    keep: how many feature rows to hold on to; all n are held if n <= d, as the Frechet distance needs them then. splits: of the
    Inception score, None for no score. Memory does not grow with n beyond that. Called in every process, returns in every process.
    Raises UserError, in all of them, for images that are not finite or that the extractor does not take.
    """
    gathered = error = None
    for positions, images in source.batches(n, batch):
        try:
            images = sources.to_bytes(images, source.what)
            out = extractor(images)
        except UserError as problem:
            if distributed.world_size() == 1:
                raise
            error = problem  # until the end all processes take part in what is common
            continue
        if gathered is None:
            facts = (
                tuple(images.shape[1:]),
                out["features"].shape[1],
                0 if out["logits"] is None else out["logits"].shape[1],
            )
            gathered = _Gathered(*facts, n, keep, splits, extractor.device)
        gathered.add(positions, out)
    for problem in filter(None, distributed.gather(error)):
        raise problem
    known = [facts for facts in distributed.gather(None if gathered is None else facts) if facts]
    if not known:
        raise UserError(f"{source.what}: there are none")
    if gathered is None:  # fewer batches than processes
        gathered = _Gathered(*known[0], n, keep, splits, extractor.device)
    return gathered.merged()


class _Gathered:
    """One process's part of Statistics."""

    def __init__(self, shape, d, classes, n, keep, splits, device):
        self.shape, self.keep, self.d = shape, keep, d
        self.hold = max(keep, d if n is None or n <= d else 0)
        self.moments, self.rows = Moments(d, device), []
        self.split = split_of(n, splits) if splits and classes else None
        self.score = Score(splits, classes, device) if self.split is not None else None
        self.counts = torch.zeros(classes, dtype=torch.float64, device=device) if classes else None
        self.confidence = torch.zeros(1, dtype=torch.float64, device=device)

    def add(self, positions, out):
        features, logits = out["features"], out["logits"]
        self.moments.add(features)
        held = positions < self.hold
        if held.any():
            self.rows.append((positions[held], features[held.to(features.device)].cpu()))
        if self.counts is not None:
            confidence, label = logits.double().softmax(1).max(1)
            self.counts += torch.bincount(label, minlength=len(self.counts))
            self.confidence += confidence.sum()
        if self.score is not None:
            self.score.add(logits, self.split[positions])

    def merged(self):
        self.moments.merge()
        n = self.moments.n
        rows = [part for parts in distributed.gather(self.rows) for part in parts]
        features = None
        if self.keep or n <= self.d:
            # in the order of their positions, so that it does not matter which process had which
            order = torch.cat([positions for positions, _ in rows]).argsort()
            features = torch.cat([part for _, part in rows])[order][
                : max(self.keep, n if n <= self.d else 0)
            ].numpy()
        counts = confidence = score = None
        if self.counts is not None:
            counts, confidence = distributed.sum_over([self.counts, self.confidence])
            counts, confidence = counts.long().tolist(), float(confidence) / n
        if self.score is not None:
            self.score.merge()
            score = self.score.result()
        return Statistics(
            n,
            self.shape,
            self.moments.mean.cpu().numpy(),
            self.moments.covariance().cpu().numpy(),
            features,
            counts,
            confidence,
            score,
        )


# ------------------------------------------------------------------------------------------------------------- on the disc


def find(kind, facts, cache=None):
    """What `keep` put by under the same facts, or None. A file that does not verify counts as none, and is reported."""
    path = _path(kind, facts, cache)
    if not os.path.exists(path):
        return None
    try:
        state = checkpoint.load(path)
        # the name is a digest of the facts; they are compared all the same, as a mix-up would not be seen in the numbers
        return state["value"] if state["facts"] == facts else None
    except (ValueError, OSError, KeyError, TypeError) as error:
        print(f"{path} is damaged ({error}); computing it again", file=sys.stderr)
        return None


def keep(kind, facts, value, cache=None):
    """Puts by dicts, lists, numbers and tensors for later starts; a folder that cannot be written costs those only time."""
    path = _path(kind, facts, cache)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        checkpoint.save(path, {"facts": facts, "value": value})
    except OSError as error:
        print(
            f"{path} could not be written ({error.strerror or error}); it will be computed again",
            file=sys.stderr,
        )


def _path(kind, facts, cache):
    """<cache>/<kind>/<digest of the facts>.pt, by default in ${XDG_CACHE_HOME:-~/.cache}/task_launcher/."""
    base = cache or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "task_launcher"
    )
    digest = hashlib.sha256(json.dumps([FORMAT, facts], sort_keys=True).encode()).hexdigest()
    return os.path.join(base, kind, digest[:32] + ".pt")
