"""Scores of real images, in place of generated ones: what a perfect generator would reach. Needs no run."""

import torch

from engine.errors import UserError
from eval.metrics import classifier, evaluate, extractors, sources
from eval.modes import points
from eval.modes.scoring import reference_of


def add_flags(declare):
    """Declares the flag of this mode; --metrics, --protocol and --extractor are shared ones."""
    declare("real").add_argument(
        "--real_split",
        kept=False,
        default="test",
        help="the split whose images stand in place of generated ones (default test)",
    )


def real(trainer, data, run, args):
    """Scores of real images of --real_split in place of generated ones, by --metrics, --extractor and
    --protocol as in --mode=evaluate, and, where the extractor has a logit for each class of the data, the
    share of these images that it classifies right. Printed; trainer and run are None."""
    vars(args)["batch_size"] = 2  # batches are not looked at, and a small set may have fewer images than one
    if args.real_split not in data:
        raise UserError(
            f"--real_split: given {args.real_split!r}, the data has no such split; use one of "
            f"{', '.join(data)}"
        )
    images = data[args.real_split]
    if hasattr(images, "domains") or points.are(images.data_shape):
        raise UserError(f"--mode=real: is for images of one domain; {args.iterator} has others")
    extractor = extractors.get(args.extractor, images.device, extractors.weights_of(args), data)
    metrics = args.metrics or (["fid", "is", "kid"] if extractor.has_logits else ["fid", "kid"])
    metrics = list(dict.fromkeys(metrics))
    reference = reference_of(args, data, extractor, metrics)
    source = sources.of(images, args.real_split)
    if source.n is not None and reference.n_fake > source.n:
        raise UserError(
            f"--protocol: given {args.protocol}, and the data has {source.n:,} {args.real_split} images to "
            "stand for generated ones; use fewer generated, as in 10k-1k-train"
        )
    print(
        f"{reference.n_fake} real images of {args.real_split} in place of generated ones, against "
        f"{reference.describe()}, with {extractor.name} ({extractor.why}; "
        f"{extractor.description}; sha256 {extractor.sha256[:12]})"
    )
    for result in evaluate.score(
        source, reference, extractor, metrics, args.eval_batch_size, args.seed, args.is_splits
    ):
        spread = "" if result["std"] is None else f" +/- {result['std']:.4g}"
        print(f"{result['name']} of real images  {result['value']:.6g}{spread}")
    right = accuracy(extractor, data, args.real_split, reference.n_fake, args.eval_batch_size)
    if right is not None:
        print(f"accuracy of {extractor.name} on them  {right:.6g}")
    return 0


@torch.inference_mode()
def accuracy(extractor, data, split, n, batch):
    """The share of the first n images of a split, in the order that scores take them, whose largest logit is
    that of their label; None without labels, or where logits are not of the data's classes."""
    if not data[split].n_classes or not extractor.has_logits:
        return None
    images, labels = classifier.labelled(data, split, whole=split == "train")
    rows = sources.Rows(images).order(n)
    right = 0
    for part in rows.split(batch):
        logits = extractor(images[part])["logits"]
        if logits.shape[1] != data[split].n_classes:
            return None
        right += int((logits.argmax(1).cpu() == labels[part]).sum())
    return right / len(rows)


MODES = {"real": real}
