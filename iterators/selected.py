"""Instance selection: another iterator file's training images without the least typical of each class.

DeVries, Drozdzal and Taylor 2020, "Instance selection for GANs" (arXiv 2007.15255): on ImageNet at 128 x 128
with half of the images, FID 9.6 in place of 11.5.
"""

import torch

from engine import data_digest, distributed
from engine.errors import UserError
from engine.load import call, load_file
from engine.pictures import to_uint8
from iterators import common
from iterators.library.selection import SCORES, select

WORDS = ("base", "keep", "score", "embedding")


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    base="iterators/cifar10.py",
    keep=0.5,
    score="ppca",
    embedding="pixels",
    **options,
):
    """As the iterator file `base` gives with `options`; of its training images the share `keep` with the
    highest scores in their class (of all, where they have no labels).

    score, of features f(x) of all training images of a class: "gaussian", the log-likelihood of a Gaussian;
    "ppca", of probabilistic PCA with 95% of the variance; "knn", minus the distance to the fifth nearest.
    embedding: f, "pixels", or a file whose get_extractor() gives a function from uint8 [N, C, H, W] to
    features [N, d], as for --extractor. The choice is made at each start, and is part of the digest of the
    data. Raises UserError where the base's images are not held in arrays, or a score cannot be computed.
    """
    if not isinstance(keep, (int, float)) or not 0 < keep <= 1:
        raise UserError(f"--iterator_args keep: given {keep!r}; must be above 0 and at most 1")
    if score not in SCORES:
        raise UserError(f"--iterator_args score: given {score!r}; use {', '.join(SCORES)}")
    if embedding != "pixels" and not str(embedding).endswith(".py"):
        raise UserError(
            f"--iterator_args embedding: given {embedding!r}; use pixels, or a Python file with get_extractor"
        )
    offered = {"batch_size": batch_size, "seed": seed, "num_workers": num_workers}
    load = load_file(str(base), "--iterator_args base", "get_iterators").get_iterators
    made = common.wrap(call(load, offered, options, "--iterator_args", WORDS), batch_size, seed)
    train = made["train"]
    if type(train) is not common.DataIterator or "x" not in getattr(train.source, "tensors", {}):
        raise UserError(
            "--iterator_args base: its training images are made, drawn or read one by one; use a data set "
            "held in arrays"
        )
    places = distributed.on_rank0(lambda: chosen(train, keep, score, str(embedding)))
    rows = places if train.indices is None else train.indices[places]
    digest = data_digest.of_iterator(train)
    kept = common.DataIterator(
        train.source,
        train.batch_size,
        train.seed,
        augment=train.augment,
        n_classes=train.n_classes,
        indices=rows,
        what="training images (--iterator_args keep)",
        mixture=train.mixture,
        classes=train.classes,
        digest=digest and data_digest.of_facts(digest, data_digest.of_tensors({"selected": rows})),
    )
    kept.attribute_names = train.attribute_names
    return made | {"train": kept}


def chosen(train, keep, score, embedding):
    """The places, among the training images, of those that are kept: int64, ascending."""
    embed = lambda x: x.flatten(1)
    if embedding != "pixels":
        extractor = load_file(embedding, "--iterator_args embedding", "get_extractor").get_extractor()
        if isinstance(extractor, torch.nn.Module):
            extractor.eval()
        embed = lambda x: extractor(to_uint8(x))
    features, labels = [], []
    with torch.no_grad():
        for places in torch.arange(train.n).split(256):
            batch = train.pick(places)
            found = embed(batch["x"])
            found = found["features"] if isinstance(found, dict) else found
            if found.ndim != 2 or len(found) != len(places):
                raise UserError(
                    f"--iterator_args embedding={embedding}: gives features of shape {list(found.shape)} for "
                    f"{len(places)} images; must be [{len(places)}, d]"
                )
            features.append(found.double().cpu())
            labels.append(batch["y"].cpu() if train.n_classes else None)
    return select(torch.cat(features), torch.cat(labels) if train.n_classes else None, keep, score)
