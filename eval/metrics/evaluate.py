"""Scores of a generator against real images, as dictionaries that say what they were computed from.

FID, Inception score, KID, precision, recall, density, coverage and classes covered, with any extractor of
`extractors`.
"""

import importlib.metadata
import os
import platform
from collections.abc import Mapping

import torch

from engine import distributed, preemption
from engine.errors import UserError
from eval.metrics import foreign, likelihood, modes_covered, sources, statistics
from eval.metrics import protocol as protocols
from eval.metrics.cmmd import cmmd
from eval.metrics.extractors import file_sha256
from eval.metrics.frechet import frechet, frechet_of_few
from eval.metrics.kid import kid
from eval.metrics.manifold import manifold
from eval.metrics.vendi import vendi

METRICS = ("fid", "is", "kid", "prdc", "modes", "cmmd", "vendi", "fld", "memorised")
OF_ROWS = {"kid", "prdc", "cmmd", "vendi", "fld", "memorised"}  # need features, not only their statistics
OF_PAIR = {"fld", "memorised"}  # look at training images and at images that were held out
OF_FILE = {"fid", "is", "modes", "vendi"}  # can do with another tool's statistics of real images
SPLITS = 10  # of the Inception score, each of one image or more, unless another number is asked for
PRDC_LEAST = 6  # images that the 5 nearest neighbours of density and coverage need
KEEP = 10_000  # scores of rows are computed from at most so many features of each set
TRAINING = 200_000  # training images that memorisation looks for copies among


class Reference:
    """Statistics of real images, to compare generators with: n_real, n_fake, split, statistics (in process
    0); note: what a user should know of the choice of images, or ""; pair: Statistics of training and of
    held-out images, see add_pair; file: facts of another tool's file."""

    pair, file = None, None

    def __init__(self, n_real, n_fake, split, gathered, note=""):
        self.n_real, self.n_fake, self.split, self.statistics = n_real, n_fake, split, gathered
        self.note = note

    def describe(self):
        """What it is of, in words."""
        return f"statistics of {self.split}" if self.file else f"{self.n_real} real images of {self.split}"


def reference(
    real, extractor, protocol, metrics=("fid", "is", "kid", "prdc"), batch=64, cache=None, splits=SPLITS
):
    """The Reference for a protocol (see `protocol`), loaded from <cache>/statistics/, or computed and stored
    there.

    real: {split: DataIterator}, of which the protocol names one, or anything that `sources.of` takes. The key
    of the cache holds the images themselves, split, count, extractor, the sha256 of its weights and its
    resizing, so that statistics of other images or weights are never taken. Data sets that are not in memory
    are not cached. To be called in every process. Raises UserError where the split is missing or smaller than
    the protocol asks, or too small for a metric.
    """
    check(metrics, extractor)
    wanted = protocols.parse(protocol)
    if isinstance(real, Mapping) and wanted.split not in real:
        raise UserError(
            f"--protocol: given {protocol}, and the data has no {wanted.split} split; use one of "
            f"{', '.join(real)}"
        )
    source = sources.of(real[wanted.split] if isinstance(real, Mapping) else real, wanted.split)
    n_real, n_fake = wanted.resolve(source.n) if source.n is not None else (wanted.real, wanted.fake)
    note = ""
    if source.n is not None and wanted.shortened(source.n):
        used = protocols.label(n_real, n_fake, wanted.split)
        note = (
            f"{wanted.split} has {source.n:,} images: --protocol={used} is used; "
            f"full-{wanted.split} takes all of them"
        )
    check_counts(metrics, n_real, n_fake or n_real, splits)
    keep = rows_to_keep(metrics, n_real)
    fingerprint, facts, found = source.fingerprint(n_real), None, None
    if fingerprint is not None:
        facts = {
            "images": fingerprint,
            "split": wanted.split,
            "count": n_real,
            "extractor": extractor.name,
            "sha256": extractor.sha256,
            "resize": extractor.resize,
            "keep": keep,
        }
        found = statistics.load_cached("statistics", facts, cache) if distributed.rank() == 0 else None
    if distributed.on_rank0(lambda: found is not None):
        restored = found and statistics.Statistics.restored(found)
        return Reference(n_real, n_fake, wanted.split, restored, note)
    gathered = statistics.collect(source, extractor, n_real, batch, keep)
    if facts is not None and distributed.rank() == 0:
        statistics.store_cached("statistics", facts, gathered.capture(), cache)
    return Reference(gathered.n, n_fake or gathered.n, wanted.split, gathered, note)


def add_pair(real, data, extractor, metrics, batch=64):
    """Gives a Reference what `fld` and `memorised` look at, where they are among the metrics: features of the
    training images, and of those of valid, else test, at most TRAINING and KEEP. To be called in every
    process. Raises UserError where the data have no such splits."""
    wanted = [metric for metric in metrics if metric in OF_PAIR]
    if not wanted:
        return real
    held_out = next((s for s in ("valid", "test") if isinstance(data, Mapping) and s in data), None)
    if held_out is None or "train" not in data:
        raise UserError(
            f"--metrics: {wanted[0]} compares training with held-out images; use data with train, and with "
            "test or valid (--iterator_args valid=1000)"
        )
    pair = []
    for split, most in (("train", TRAINING), (held_out, KEEP)):
        source = sources.of(data[split], "")  # of train what the run was trained on, no more
        n = min(most, source.n or most)
        check_counts(wanted, n, n)
        pair.append(statistics.collect(source, extractor, n, batch, n))
    real.pair = tuple(pair)
    return real


def from_file(path, extractor, protocol, metrics):
    """The Reference of statistics that another tool has written; see foreign.read. They say nothing of the
    network that they are of: the extractor must be the same.

    Raises UserError for metrics that need more, for another number of features than the extractor gives, and
    for a protocol without a number of generated images where the file does not tell one.
    """
    check(metrics, extractor)
    more = [metric for metric in metrics if metric not in OF_FILE]
    if more:
        raise UserError(
            f"--metrics: {', '.join(more)} need images, --real_statistics has none; use some of "
            f"{', '.join(m for m in METRICS if m in OF_FILE)}"
        )
    mean, cov, n = foreign.read(path, "fd_dinov2" if extractor.name.startswith("dinov2") else "fid")
    if extractor.dim not in (None, len(mean)):
        raise UserError(
            f"--real_statistics: {path} is of {len(mean)} features, --extractor={extractor.name} gives "
            f"{extractor.dim}; use the network that the file was made with"
        )
    n_fake = protocols.parse(protocol).fake or n
    if n_fake is None:
        raise UserError(
            f"--protocol: given {protocol}, and {path} does not say how many images it is of; use a number, "
            "as in 50k-train"
        )
    name = os.path.basename(path)
    real = Reference(n, n_fake, name, statistics.Statistics(n, (), mean, cov, None))
    real.file = {"real_statistics": name, "real_statistics_sha256": file_sha256(path)}
    return real


def evaluate(
    sample_fn,
    real,
    extractor,
    protocol,
    metrics=("fid", "is", "kid", "prdc"),
    batch=64,
    seed=0,
    cache=None,
    splits=SPLITS,
):
    """Scores of n images drawn by sample_fn, as a list of dictionaries, the same in every process.

    sample_fn(n) -> [n, C, H, W] in [-1, 1] or uint8, in evaluation mode. Samples are drawn in blocks of 64,
    block k under (seed, "evaluate", k); afterwards torch's, numpy's and Python's generators are put back.
    real: a Reference, or what `reference` takes. metrics: some of METRICS. batch: images measured at a time;
    neither it nor the number of processes, which share the work, changes the samples. splits: of the
    Inception score; another number than SPLITS is in its name.

    Each result has metric, title ("FID", "FD-classifier"), name (with counts and split), value, std (over IS
    splits or KID subsets, else None), extractor, sha256, resize, protocol, n_real, n_fake, split, seed,
    singular (n <= d, for the Frechet distance), versions. Raises UserError for images that are not finite or
    not of the real ones' shape.
    """
    check(metrics, extractor)
    if not isinstance(real, Reference):
        data, real = real, reference(real, extractor, protocol, metrics, batch, cache, splits)
        add_pair(real, data, extractor, metrics, batch)
    source = sources.Generated(sample_fn, seed)
    return score(source, real, extractor, metrics, batch, seed, splits)


def score(source, real, extractor, metrics, batch=64, seed=0, splits=SPLITS):
    """The results of `evaluate` for the first real.n_fake images of a source of eval/metrics/sources.py."""
    check_counts(metrics, real.n_real, real.n_fake, splits)
    fake = statistics.collect(
        source,
        extractor,
        real.n_fake,
        batch,
        rows_to_keep(metrics, real.n_fake),
        splits if "is" in metrics else None,
    )

    def results():
        if real.file is None and fake.shape != real.statistics.shape:
            raise UserError(
                f"the generator's samples have shape {list(fake.shape)} and the real images "
                f"{list(real.statistics.shape)}; they must be equal"
            )
        found = compare(real.statistics, fake, metrics, extractor, real.split, seed, splits, real.pair)
        return [result | (real.file or {}) for result in found]

    return distributed.on_rank0(results)


def check(metrics, extractor):
    """Raises UserError for unknown metrics, and for those that need logits where the extractor has none."""
    unknown = [metric for metric in metrics if metric not in METRICS]
    if unknown or not metrics:
        raise UserError(f"--metrics: given {', '.join(unknown) or 'none'}; use some of {', '.join(METRICS)}")
    if extractor.has_logits is False and {"is", "modes"} & set(metrics):
        raise UserError(
            f"--metrics: is and modes need logits, which --extractor={extractor.name} does not have; use "
            "fid, kid, prdc"
        )


def check_counts(metrics, n_real, n_fake, splits=SPLITS):
    """Raises UserError where a metric needs more images than there are; None for a number that is not known
    yet."""
    needed = {"is": (0, splits), "prdc": (PRDC_LEAST, PRDC_LEAST), "fld": (4, 2)}
    for metric in metrics:
        least_real, least_fake = needed.get(metric, (2, 2))
        if any(n is not None and n < least for n, least in ((n_real, least_real), (n_fake, least_fake))):
            which = (
                f"{least_fake} generated images" if not least_real else f"{least_real} images of each kind"
            )
            raise UserError(
                f"--metrics: {metric} needs {which} or more, given {n_real} real and {n_fake} generated; use "
                "more images, as in --protocol=1k-train or full-train"
            )


OFTEN_USED = ("10k", 10_000), ("50k", 50_000)  # numbers of images that scores are published for


def few_images(n, d):
    """What to say of a Frechet distance from n images with d features, n <= d."""
    return (
        f"{n:,} images for {d:,} features: the Frechet distance of so few is far too large, and comparable "
        f"only with those of as many; use more than {d:,} images"
        + next((f", as in --protocol={k}-train" for k, count in OFTEN_USED if count > d), "")
    )


def rows_to_keep(metrics, n):
    """The number of feature rows to keep of n images (None: not known yet)."""
    return min(KEEP, n or KEEP) if OF_ROWS & set(metrics) else 0


def compare(real, fake, metrics, extractor, split, seed=None, splits=SPLITS, pair=None):
    """The results of `evaluate` from two Statistics, in one process. splits: those of fake's Inception score;
    pair: see Reference.

    Raises UserError for too few images, and for a score that is not finite.
    """
    check_counts(metrics, real.n, fake.n, splits)
    if pair is None and OF_PAIR & set(metrics):
        raise UserError(
            "--metrics: fld and memorised compare training with held-out images; use --mode=evaluate of a run"
        )
    versions = {package: importlib.metadata.version(package) for package in ("torch", "numpy", "scipy")}
    common = {
        "extractor": extractor.name,
        "sha256": extractor.sha256,
        "resize": extractor.resize,
        "split": split,
        "seed": seed,
        "protocol": protocols.label(real.n or fake.n, fake.n, split),
        "versions": {"python": platform.python_version(), **versions, **extractor.versions},
    }
    check(metrics, extractor)  # again: only now is it known whether a user's extractor gives logits
    results = []
    for kind in metrics:
        preemption.break_off()
        for metric, value, std, n_real, n_fake in SCORES[kind](
            real, fake, *((pair,) if kind in OF_PAIR else ())
        ):
            if not torch.isfinite(torch.tensor(value)):
                raise UserError(
                    f"{extractor.title(metric)} is {value}: the features of --extractor={extractor.name} are "
                    "not finite; use another extractor, or an earlier checkpoint"
                )
            results.append(
                {
                    "metric": metric,
                    "title": extractor.title(metric),
                    "name": name(metric, extractor, n_real, n_fake, split, splits),
                    "value": value,
                    "std": std,
                    "n_real": n_real,
                    "n_fake": n_fake,
                    "singular": metric == "fid" and (real.singular or fake.singular),
                }
                | common
            )
    return results


def name(metric, extractor, n_real, n_fake, split, splits=SPLITS):
    """A score's name: "fid50k_train", "is50k" with the official network, else "FD-classifier 1k-test"; of an
    Inception score in another number of splits than SPLITS also that."""
    counts = protocols.short(n_fake) if n_real is None else protocols.label(n_real, n_fake, split)
    against = f" against {split}" if n_real is None and metric == "fid" else ""
    if metric == "is" and splits != SPLITS:
        counts += f", {splits} split{'s' * (splits > 1)}"
    if extractor.official:
        return f"{metric}{counts.replace('-', '_')}{against}"
    return f"{extractor.title(metric)} {counts}{against}"


# --- each metric: a list of (metric, value, deviation, number of real images, number of generated images)


def fid_scores(real, fake):
    """The Frechet distance."""
    if real.singular and fake.singular and real.features is not None:
        value = frechet_of_few(real.features[: real.n], fake.features[: fake.n])
    else:
        value = frechet(real.mean, real.cov, fake.mean, fake.cov, min(real.n or fake.n, fake.n) - 1)
    return [("fid", value, None, real.n, fake.n)]


def is_scores(real, fake):
    """The Inception score of the generated images alone."""
    return [("is", *fake.score, None, fake.n)]


def kid_scores(real, fake):
    """The kernel distance between the first KEEP features of each set."""
    x, y = (torch.from_numpy(s.features[:KEEP]) for s in (real, fake))
    return [("kid", *kid(x, y), len(x), len(y))]


def prdc_scores(real, fake):
    """Precision, recall, density and coverage of equal numbers of features."""
    n = min(KEEP, real.n, fake.n)
    found = manifold(*(torch.from_numpy(s.features[:n]) for s in (real, fake)))
    return [(metric, found[metric], None, n, n) for metric in ("precision", "recall", "density", "coverage")]


def modes_scores(real, fake):
    """Of the extractor's classes: how many the generated images cover, the KL divergence of their shares from
    equal ones, the entropy of the shares, and the mean confidence."""
    found = modes_covered.classes(fake.counts)
    return [
        ("modes", float(found["modes"]), None, None, fake.n),
        ("kl", found["kl"], None, None, fake.n),
        ("entropy", found["entropy"], None, None, fake.n),
        ("confidence", fake.confidence, None, None, fake.n),
    ]


def cmmd_scores(real, fake):
    """The kernel distance of CLIP embeddings."""
    x, y = (torch.from_numpy(s.features[:KEEP]) for s in (real, fake))
    return [("cmmd", cmmd(x, y), None, len(x), len(y))]


def vendi_scores(real, fake):
    """The effective number of different images among the first KEEP generated ones."""
    x = torch.from_numpy(fake.features[:KEEP])
    return [("vendi", vendi(x), None, None, len(x))]


def fld_scores(real, fake, pair):
    """The feature likelihood divergence, of the generated images."""
    train, held_out, x = (torch.from_numpy(s.features) for s in (*pair, fake))
    return [("fld", likelihood.fld(train, held_out, x[:KEEP]), None, None, len(x[:KEEP]))]


def memorised_scores(real, fake, pair):
    """How much nearer to training images the generated ones are than held-out ones; n_real counts the
    training images."""
    train, held_out, x = (torch.from_numpy(s.features) for s in (*pair, fake))
    found = likelihood.memorisation(train, held_out, x[:KEEP])
    return [(metric, value, None, len(train), len(x[:KEEP])) for metric, value in found.items()]


SCORES = {
    "fid": fid_scores,
    "is": is_scores,
    "kid": kid_scores,
    "prdc": prdc_scores,
    "modes": modes_scores,
    "cmmd": cmmd_scores,
    "vendi": vendi_scores,
    "fld": fld_scores,
    "memorised": memorised_scores,
}
