"""The statistics that scores are computed from: one pass over images, in any number of processes, with a
cache on disk."""

import hashlib
import json
import os
import sys

import numpy as np
import torch

from engine import checkpoint, distributed, preemption
from engine.errors import Interrupted, UserError
from engine.record import Progress
from eval.metrics import sources
from eval.metrics.inception_score import Score, split_of

FORMAT = 1  # part of every cache key; raise it when the same images give other statistics than before


class Moments:
    """Count, mean [d] and scatter matrix sum (x - mean)(x - mean)^T [d, d] of feature rows, in float64 on
    their device.

    Batches and processes are merged by Chan, Golub and LeVeque 1979, which subtracts no two large sums from
    each other.
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
        # the outer product of the difference of means is added as one more row of the same matrix product
        rows = torch.cat([x - mean, delta[None] * (self.n * len(x) / n) ** 0.5])
        self.scatter.addmm_(rows.T, rows)
        self.mean += delta * (len(x) / n)
        self.n = n

    def merge(self):
        """Merges those of all processes. To be called once, in every process."""
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
    """Statistics of n images, the same in every process.

    shape: of one image; mean [d], cov [d, d]: float64; features: float32 [kept, d] of the first images;
    counts [K]: how many images the extractor takes for each class; confidence: the mean largest probability;
    score: the Inception score's (mean, deviation). Without logits counts, confidence and score are None;
    score also where it was not asked for.
    """

    def __init__(self, n, shape, mean, cov, features, counts=None, confidence=None, score=None):
        self.n, self.shape, self.mean, self.cov, self.features = n, tuple(shape), mean, cov, features
        self.counts, self.confidence, self.score = counts, confidence, score

    @property
    def d(self):
        """The number of features."""
        return len(self.mean)

    @property
    def singular(self):
        """Whether n <= d: too few images for a covariance matrix of full rank."""
        return self.n is not None and self.n <= self.d

    def capture(self):
        """The fields as plain types and tensors, for `store_cached`."""
        to_tensor = lambda value: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        return {name: to_tensor(value) for name, value in vars(self).items()}

    @classmethod
    def restored(cls, state):
        """The Statistics that `capture` was called on."""
        to_array = lambda value: value.numpy() if torch.is_tensor(value) else value
        return cls(**{name: to_array(value) for name, value in state.items()})


def collect(source, extractor, n, batch=64, keep=0, splits=None):
    """Statistics of the first n images of a source of `eval.metrics.sources` (of all, if n is None).

    keep: the number of feature rows to keep; if n <= d all n are kept, as the Frechet distance then needs
    them. splits: of the Inception score, None for no score. Beyond that memory does not grow with n. To be
    called in every process. Raises UserError, in every process, for images that are not finite or that the
    extractor does not take.
    """
    gathered = error = None
    with Progress(source.what, n) as progress:
        for positions, images in source.batches(n, batch):
            try:
                preemption.break_off()
                images = sources.to_bytes(images, source.what)
                out = extractor(images)
            except (UserError, Interrupted) as problem:
                if distributed.world_size() == 1:
                    raise
                error = problem  # raised after the loop: until then the others wait for this process's part
                if source.apart:
                    break
                continue
            if gathered is None:
                classes = 0 if out["logits"] is None else out["logits"].shape[1]
                sizes = tuple(images.shape[1:]), out["features"].shape[1], classes
                gathered = _Accumulator(*sizes, n, keep, splits, extractor.device)
            gathered.add(positions, out)
            progress.add(len(images))
    for problem in filter(None, distributed.gather(error)):
        raise problem
    known = [found for found in distributed.gather(None if gathered is None else sizes) if found]
    if not known:
        raise UserError(f"{source.what}: there are none; use data with images")
    if gathered is None:  # fewer batches than processes
        gathered = _Accumulator(*known[0], n, keep, splits, extractor.device)
    merged = gathered.merged()
    if n is not None and merged.n != n:  # a data set whose collate_fn leaves some out, say
        raise UserError(
            f"{source.what}: {merged.n:,} came of the {n:,} that --protocol names; use data that gives each "
            "of its images, or a protocol of fewer"
        )
    return merged


class _Accumulator:
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
            self.counts.index_add_(0, label, torch.ones_like(self.counts[:1]).expand(len(label)))
            self.confidence += confidence.sum()
        if self.score is not None:
            self.score.add(logits, self.split[positions])

    def merged(self):
        self.moments.merge()
        n = self.moments.n
        rows = [part for parts in distributed.gather(self.rows) for part in parts]
        features = None
        keep = max(self.keep, n if n <= self.d else 0)
        if keep:
            # by position, so that it does not matter which process measured which image
            order = torch.cat([positions for positions, _ in rows]).argsort()
            features = torch.cat([part for _, part in rows])[order][:keep].numpy()
        counts = confidence = score = None
        if self.counts is not None:
            counts, confidence = distributed.sum_over([self.counts, self.confidence])
            counts, confidence = counts.long().tolist(), float(confidence) / n
        if self.score is not None:
            self.score.merge()
            score = self.score.result()
        mean, cov = self.moments.mean.cpu().numpy(), self.moments.covariance().cpu().numpy()
        return Statistics(n, self.shape, mean, cov, features, counts, confidence, score)


# --- the cache on disk


def load_cached(kind, facts, cache=None):
    """What `store_cached` wrote under the same facts, or None. A damaged file counts as none, with a
    warning."""
    path = _path(kind, facts, cache)
    if not os.path.exists(path):
        return None
    try:
        state = checkpoint.load(path)
        # the file's name is a digest of the facts; compared all the same, since nothing else would reveal a
        # wrong file
        return state["value"] if state["facts"] == facts else None
    except (ValueError, OSError, KeyError, TypeError) as error:
        print(f"warning: {path} is damaged ({error}) and is computed again", file=sys.stderr)
        return None


def store_cached(kind, facts, value, cache=None):
    """Writes dicts, lists, numbers and tensors for later starts. If the folder cannot be written, a warning
    says so."""
    path = _path(kind, facts, cache)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        checkpoint.save(path, {"facts": facts, "value": value})
    except OSError as error:
        reason = error.strerror or error
        print(
            f"warning: {path} could not be written ({reason}); each start computes it again", file=sys.stderr
        )


def _path(kind, facts, cache):
    """<cache>/<kind>/<digest of the facts>.pt, by default in ${XDG_CACHE_HOME:-~/.cache}/task_launcher/."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    base = cache or os.path.join(home, "task_launcher")
    digest = hashlib.sha256(json.dumps([FORMAT, facts], sort_keys=True).encode()).hexdigest()
    return os.path.join(base, kind, digest[:32] + ".pt")
