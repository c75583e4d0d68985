"""Test errors of ensembles of classifiers: class probabilities averaged over runs.

    python -m eval.ensemble RUN ... [--together]

RUN is a run's folder, or one with runs below it, which --mode=predict has looked at. Runs that share their
labelled images (label_seed of --iterator_args) make an ensemble, so that the errors of several label splits
have a mean and a sample standard deviation (Salimans et al. 2016, Tables 1 and 2); --together makes one of
all runs. The last predictions of each run count.
"""

import argparse
import glob
import os

import numpy as np

from engine.errors import MissingError, UserError
from engine.flags import Parser
from eval import command
from eval.reports import runs
from eval.reports.tables import mean_std, show


def ensemble_error(members, labels):
    """The share of examples that argmax_k of the mean of probabilities gets wrong.

    members: arrays [n, K] of probabilities; labels: [n].
    """
    return float((np.mean(members, axis=0, dtype=np.float64).argmax(1) != labels).mean())


def predictions(run):
    """(probabilities [n, K], labels [n]) of a run's last step. Raises MissingError if there are none."""
    found = sorted(glob.glob(os.path.join(glob.escape(run.folder), "predict", "step*.npz")))
    if not found:
        raise MissingError(f"{run.folder}: no predictions; use --mode=predict on the run first")
    with np.load(found[-1]) as file:
        return file["probabilities"], file["labels"]


def split_of(run):
    """The label_seed of a run, 0 by default."""
    flags = runs.read_object(os.path.join(run.folder, "flags.json"))
    words = flags.get("iterator_args") or {}
    return words.get("label_seed", 0) if isinstance(words, dict) else 0


def write_errors(argv=None):
    """Reads the command line and prints the errors; returns the exit code.

    Raises UserError or MissingError.
    """
    parser = Parser(
        prog="python -m eval.ensemble",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--together", action="store_true", help="one ensemble of all runs")
    args = parser.parse_args(argv)
    groups, labels, single = {}, None, []
    for run in runs.find(args.runs):
        probabilities, truth = predictions(run)
        if labels is not None and not np.array_equal(truth, labels):
            raise UserError(f"{run.folder}: its test images are others; use runs on the same data")
        labels = truth
        split = "all" if args.together else split_of(run)
        groups.setdefault(split, []).append(probabilities)
        single.append(ensemble_error([probabilities], labels))
    print(f"test images: {len(labels)}")
    print(f"single networks: {show(*mean_std(single))} (n={len(single)})")
    errors = []
    for split, members in sorted(groups.items(), key=lambda item: str(item[0])):
        errors.append(ensemble_error(members, labels))
        print(f"ensemble of {len(members)}, label split {split}: {errors[-1]:.4f}")
    if len(errors) > 1:
        print(f"ensembles: {show(*mean_std(errors))} (n={len(errors)})")
    return 0


def main(argv=None):
    """The command line; returns the exit code."""
    return command.run("eval.ensemble", write_errors, argv)
