"""Scores of a generator against real images, as dictionaries that say what they were computed from.

FID, Inception score, KID, precision, recall, density, coverage, classes covered; with any extractor of `eval.metrics.extractors`.
"""

import importlib.metadata
import platform

import torch

from engine import distributed
from engine.errors import UserError
from eval.metrics import modes_covered, sources, statistics
from eval.metrics import protocol as protocols
from eval.metrics.frechet import frechet, frechet_of_few
from eval.metrics.kid import kid
from eval.metrics.manifold import manifold

METRICS = ("fid", "is", "kid", "prdc", "modes")
SPLITS = 10  # of the Inception score
KEEP = 10_000  # features of each set that KID and prdc are computed from, at most


class Reference:
    """Statistics of real images, to be compared with any number of generators: n_real, n_fake, split, statistics (in process 0)."""

    def __init__(self, n_real, n_fake, split, gathered):
        self.n_real, self.n_fake, self.split, self.statistics = n_real, n_fake, split, gathered


def reference(real, extractor, protocol, metrics=("fid", "is", "kid", "prdc"), batch=64, cache=None):
    """The Reference for a protocol (see `eval.metrics.protocol`), found in <cache>/statistics/ or computed, and kept there.

    real: {split: DataIterator}, of which the protocol names one; or one source of real images as `eval.metrics.sources.of` takes them.
    The key is made of the images themselves, split, count, extractor, the sha256 of its weights and its resizing: statistics of
    other images or weights are never found. Data sets that are not held in memory are not kept. Called in every process.
    Raises UserError where the split is missing or smaller than the protocol asks.
    """
    check(metrics, extractor)
    wanted = protocols.parse(protocol)
    if isinstance(real, dict) and wanted.split not in real:
        raise UserError(
            f"--protocol: given {protocol}; the data has no {wanted.split} split, there is {', '.join(real)}"
        )
    source = sources.of(real[wanted.split] if isinstance(real, dict) else real, wanted.split)
    n_real, n_fake = wanted.resolve(source.n) if source.n is not None else (wanted.real, wanted.fake)
    keep = kept(metrics, n_real)
    images, facts, found = source.fingerprint(n_real), None, None
    if images is not None:
        facts = {
            "images": images,
            "split": wanted.split,
            "count": n_real,
            "extractor": extractor.name,
            "sha256": extractor.sha256,
            "resize": extractor.resize,
            "keep": keep,
        }
        found = statistics.find("statistics", facts, cache) if distributed.rank() == 0 else None
    if distributed.on_rank0(lambda: found is not None):
        return Reference(n_real, n_fake, wanted.split, found and statistics.Statistics.restored(found))
    gathered = statistics.collect(source, extractor, n_real, batch, keep)
    if facts is not None and distributed.rank() == 0:
        statistics.keep("statistics", facts, gathered.capture(), cache)
    return Reference(gathered.n, n_fake or gathered.n, wanted.split, gathered)


def evaluate(
    sample_fn, real, extractor, protocol, metrics=("fid", "is", "kid", "prdc"), batch=64, seed=0, cache=None
):
    """Scores of n images drawn by sample_fn, as a list of dictionaries, the same in every process.

    sample_fn(n) -> [n, C, H, W] in [-1, 1] or uint8, in evaluation mode; samples are drawn in blocks of 64, block k under
    (seed, "evaluate", k), and torch's, numpy's and Python's generators are as before afterwards. real: a Reference, or what
    `reference` takes. metrics: of METRICS. batch: how many images are measured at a time; neither it nor the number of processes,
    among which the work is shared, changes which images there are.

    Each result has metric, title ("FID", "FD-classifier"), name (with counts and split), value, std (over IS splits or KID
    subsets, else None), extractor, sha256, resize, protocol, n_real, n_fake, split, seed, singular (n <= d, for the Frechet
    distance), versions. Raises UserError for images that are not finite or not of the real ones' shape.
    """
    check(metrics, extractor)
    if not isinstance(real, Reference):
        real = reference(real, extractor, protocol, metrics, batch, cache)
    fake = statistics.collect(
        sources.Generated(sample_fn, seed),
        extractor,
        real.n_fake,
        batch,
        kept(metrics, real.n_fake),
        SPLITS if "is" in metrics else None,
    )

    def results():
        if fake.shape != real.statistics.shape:
            raise UserError(
                f"the generator's samples have shape {list(fake.shape)} and the real images {list(real.statistics.shape)}; "
                "the same would do"
            )
        return compare(real.statistics, fake, metrics, extractor, real.split, seed)

    return distributed.on_rank0(results)


def check(metrics, extractor):
    """Raises UserError for metrics that there are not, or that the extractor has no logits for."""
    unknown = [metric for metric in metrics if metric not in METRICS]
    if unknown or not metrics:
        raise UserError(f"--metrics: given {', '.join(unknown) or 'none'}; {', '.join(METRICS)} would do")
    if extractor.has_logits is False and {"is", "modes"} & set(metrics):
        raise UserError(
            f"--metrics: is and modes need a classifier's logits, which --extractor={extractor.name} has not; fid, kid and prdc would do"
        )


def kept(metrics, n):
    """How many feature rows the metrics need of n."""
    return min(KEEP, n or KEEP) if {"kid", "prdc"} & set(metrics) else 0


def compare(real, fake, metrics, extractor, split, seed=None):
    """The results of `evaluate` from two Statistics; in one process. Raises UserError for too few images, or a value not finite."""
    if min(real.n, fake.n) < 2:
        raise UserError(f"{real.n} real and {fake.n} generated images; two of each, or more, would do")
    versions = {package: importlib.metadata.version(package) for package in ("torch", "numpy", "scipy")}
    common = {
        "extractor": extractor.name,
        "sha256": extractor.sha256,
        "resize": extractor.resize,
        "split": split,
        "seed": seed,
        "protocol": protocols.label(real.n, fake.n, split),
        "versions": {"python": platform.python_version(), **versions, **extractor.versions},
    }
    check(metrics, extractor)  # of a user's file it is known by now what it gives
    results = []
    for kind in metrics:
        for metric, value, std, n_real, n_fake in SCORES[kind](real, fake):
            if not torch.isfinite(torch.tensor(value)):
                raise UserError(
                    f"{extractor.title(metric)}: {value}, which is no number; the features of extractor {extractor.name} are not finite"
                )
            results.append(
                {
                    "metric": metric,
                    "title": extractor.title(metric),
                    "name": name(metric, extractor, n_real, n_fake, split),
                    "value": value,
                    "std": std,
                    "n_real": n_real,
                    "n_fake": n_fake,
                    "singular": metric == "fid" and (real.singular or fake.singular),
                }
                | common
            )
    return results


def name(metric, extractor, n_real, n_fake, split):
    """ "fid50k_train", "is50k" with the official Inception network; "FD-classifier 1k-test", "score-classifier 1k" with others."""
    counts = protocols.short(n_fake) if n_real is None else protocols.label(n_real, n_fake, split)
    return (
        f"{metric}{counts.replace('-', '_')}" if extractor.official else f"{extractor.title(metric)} {counts}"
    )


# ------------------------------------------------------------- (metric, value, deviation, real images, generated images) each


def fid_scores(real, fake):
    """The Frechet distance."""
    if real.singular and fake.singular:
        value = frechet_of_few(real.features[: real.n], fake.features[: fake.n])
    else:
        value = frechet(real.mean, real.cov, fake.mean, fake.cov, min(real.n, fake.n) - 1)
    return [("fid", value, None, real.n, fake.n)]


def is_scores(real, fake):
    """The Inception score of the generated images alone."""
    if fake.n < SPLITS:
        raise UserError(
            f"--metrics: is needs {SPLITS} images or more, one for each of its parts; there are {fake.n}"
        )
    return [("is", *fake.score, None, fake.n)]


def kid_scores(real, fake):
    """The kernel distance of the features kept."""
    x, y = (torch.from_numpy(s.features[:KEEP]) for s in (real, fake))
    return [("kid", *kid(x, y), len(x), len(y))]


def prdc_scores(real, fake):
    """Precision, recall, density and coverage of as many features of one set as of the other."""
    n = min(KEEP, real.n, fake.n)
    try:
        found = manifold(*(torch.from_numpy(s.features[:n]) for s in (real, fake)))
    except ValueError as error:
        raise UserError(f"--metrics: prdc: {error}") from None
    return [(metric, found[metric], None, n, n) for metric in ("precision", "recall", "density", "coverage")]


def modes_scores(real, fake):
    """How many of the extractor's classes the generated images reach, the KL divergence of their shares from equal ones, their entropy."""
    found = modes_covered.classes(fake.counts)
    return [
        ("modes", float(found["modes"]), None, None, fake.n),
        ("kl", found["kl"], None, None, fake.n),
        ("entropy", found["entropy"], None, None, fake.n),
        ("confidence", fake.confidence, None, None, fake.n),
    ]


SCORES = {"fid": fid_scores, "is": is_scores, "kid": kid_scores, "prdc": prdc_scores, "modes": modes_scores}
