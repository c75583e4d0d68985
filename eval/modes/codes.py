"""The evaluation of ACAI (Berthelot et al. 2018), for the codes of any autoencoder: interpolations between
lines, and clusters of codes. Functions of (trainer, data, run, args), see __init__.py.

The paper's third measure, a single-layer classifier of codes, is the probe of trainers/autoencoder.py: it is
trained beside the autoencoder, as theirs is.
"""

import json
import os

import torch

from engine.errors import MissingError, UserError
from engine.flags import number, positive
from eval.metrics import lines as metric
from eval.metrics import probe
from eval.metrics.results import append_result
from eval.modes.autoencoder import codes_of, examples, folder_of, mixer_name, split_of, strips
from eval.modes.restoring import for_each_checkpoint

SHOWN = 16  # interpolations whose pictures are written


def add_flags(declare):
    """Declares the flags of these modes; defaults are those of Berthelot et al. 2018's code."""
    group = declare("lines", of="codes")
    group.add_argument(
        "--line_pairs", type=positive, default=256, help="how many interpolations to measure (default 256)"
    )
    group.add_argument(
        "--line_images",
        type=number(int, 3),
        default=16,
        help="images of an interpolation, both ends included (default 16)",
    )
    group = declare("cluster", of="codes")
    group.add_argument(
        "--kmeans_starts",
        type=positive,
        default=100,
        help="random starts of k-means, of which the best is taken (default 100; Berthelot et al. 2018's "
        "code: 1000)",
    )
    group.add_argument(
        "--whiten",
        type=int,
        choices=(0, 1),
        default=1,
        help="whether codes are decorrelated and scaled to unit variance first, 0 or 1 (default 1)",
    )


@for_each_checkpoint("decode")
def lines(trainer, data, run, args, step):
    """How good interpolations between --line_pairs pairs of test lines are, --line_images images each, in
    code space by --mixer, and, as a yardstick, between pixels: mean distance of the images from the nearest
    line, and smoothness (eval/metrics/lines.py), 0 is best of both. A .json and pictures in <run>/lines/,
    lines for `python -m eval.tables` in evaluations.jsonl. For data of iterators/lines.py."""
    part = split_of(data, "test")
    draw = getattr(getattr(part, "source", None), "draw", None)
    if draw is None:
        raise UserError(
            f"--mode=lines: {args.iterator} has no lines by their angles; use --iterator=iterators/lines.py"
        )
    most = len(part.source) // 2
    if args.line_pairs > most:
        raise UserError(
            f"--line_pairs: given {args.line_pairs}; must be at most {most}, for which the test split has "
            "lines"
        )
    ends = examples(part, 2 * args.line_pairs, args.seed)["x"].chunk(2)
    ps = torch.linspace(1, 0, args.line_images).tolist()
    with trainer.evaluating():
        h, other = map(trainer.encode, ends)
        walks = torch.stack([trainer.decode(trainer.interpolate(h, other, p)) for p in ps], 1)
    pixels = torch.stack([torch.lerp(ends[1], ends[0], p) for p in ps], 1)
    found = {"codes": metric.score(walks, draw), "pixels": metric.score(pixels, draw)}
    path = folder_of(run, args, f"{mixer_name(args)}_step{step:08d}")
    with open(os.path.join(path, "lines.json"), "w", encoding="utf8") as file:
        json.dump({"step": step, "images": args.line_images} | found, file, indent=1)
    for kind, name in (("distance", "line distance"), ("smoothness", "line smoothness")):
        append_result(
            run,
            step,
            name,
            name,
            found["codes"][kind],
            f"{args.line_pairs} pairs of test, {args.line_images} images each",
            split="test",
            n_real=2 * args.line_pairs,
        )
    strips(path, walks[:SHOWN].transpose(0, 1), ps, tuple(end[:SHOWN] for end in ends))
    for kind, result in found.items():
        still = f" ({result['still']} of them do not turn)" if result["still"] else ""
        print(
            f"{kind}: distance {result['distance']:.6f}, smoothness {result['smoothness']:.4f} of "
            f"{result['walks']} interpolations{still}"
        )


@for_each_checkpoint("encode")
def cluster(trainer, data, run, args, step):
    """How well clusters of codes are classes: k-means with as many clusters as there are classes, fitted on
    the training codes, and the share of test examples in the cluster that is matched with their class. The
    matching, of one cluster with each class, is the best for that split (the Hungarian method). --whiten=0:
    of codes as they are. Writes clusters.json (clusters_step<...>.json for another --at), and a line for
    `python -m eval.tables` in evaluations.jsonl."""
    try:
        from sklearn.cluster import KMeans
    except ImportError:
        raise MissingError(
            "--mode=cluster: the package scikit-learn is not installed; pip install scikit-learn"
        ) from None
    with trainer.evaluating():
        parts = {name: codes_of(trainer.encode, split_of(data, name)) for name in ("train", "test")}
    if parts["train"][1] is None:
        raise UserError("--mode=cluster: the data has no labels y; use data with labels")
    change = probe.whitener(parts["train"][0]) if args.whiten else lambda codes: codes.double()
    parts = {name: (change(codes).numpy(), labels) for name, (codes, labels) in parts.items()}
    clusters = args.n_classes
    fitted = KMeans(
        clusters, init="random", n_init=args.kmeans_starts, max_iter=1000, random_state=args.seed
    ).fit(parts["train"][0])
    found = {
        name: probe.cluster_accuracy(torch.from_numpy(fitted.predict(codes)).long(), labels, clusters)
        for name, (codes, labels) in parts.items()
    }
    counts = {name: len(labels) for name, (_, labels) in parts.items()}
    name = "clusters.json" if args.at == "latest" else f"clusters_step{step:08d}.json"
    with open(os.path.join(run.folder, name), "w", encoding="utf8") as file:
        json.dump(
            {
                "step": step,
                "clusters": clusters,
                "whiten": args.whiten,
                "starts": args.kmeans_starts,
                "accuracy": found,
                "examples": counts,
            },
            file,
            indent=1,
        )
    append_result(
        run,
        step,
        "cluster accuracy",
        "cluster accuracy" + (", whitened" if args.whiten else ""),
        found["test"],
        f"k-means of {counts['train']} train codes, {clusters} clusters, {args.kmeans_starts} starts",
        split="test",
        n_real=counts["test"],
    )
    print(
        f"{clusters} clusters of {'whitened ' if args.whiten else ''}codes: accuracy on test "
        f"{100 * found['test']:.2f}%, on train {100 * found['train']:.2f}%"
    )


MODES = {"lines": lines, "cluster": cluster}
