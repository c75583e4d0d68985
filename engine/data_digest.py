"""What a run is trained on, as one sha256, so that a resumed run can tell whether its data are still the
same."""

import hashlib
import json
import os

import torch


def of(data):
    """The digest of {split: iterator}, in hexadecimal; None where an iterator's data are made, or cannot be
    told apart.

    An iterator's own `digest` counts, if it has one: that of its files (their bytes, labels, names of classes
    and bounds of splits). Else it is made of its source: by the source's digest(), of arrays their bytes; of
    a map-style Dataset of its length, labels, names of classes, and the names and sizes of its files.
    """
    parts = {split: of_iterator(iterator) for split, iterator in data.items()}
    return None if None in parts.values() else of_facts(sorted(parts.items()))


def of_iterator(iterator):
    """The digest of one split, or None."""
    if getattr(iterator, "digest", None):
        return iterator.digest
    source = getattr(iterator, "source", None)
    if source is None or getattr(iterator, "mixture", None) is not None:
        return None  # points that are drawn may differ in their last bits between machines
    if hasattr(source, "digest"):
        return source.digest()
    while isinstance(source, torch.utils.data.Subset):
        source = source.dataset
    labels = getattr(source, "targets", getattr(source, "labels", None))
    return of_facts(
        type(source).__name__,
        len(source),
        list(map(str, getattr(source, "classes", None) or ())),
        None if labels is None else of_tensors({"labels": torch.as_tensor(labels)}),
        [named_file(item) for item in getattr(source, "samples", None) or ()],
    )


def named_file(item):
    """[name, size] of an example's file, as torchvision's folders list them."""
    path = item[0] if isinstance(item, (tuple, list)) else item
    path = str(path)
    return [os.path.basename(path), os.path.getsize(path) if os.path.isfile(path) else None]


def of_tensors(tensors):
    """The sha256 of {name: tensor}: names, shapes, types and bytes; images in the order [N, H, W, C]."""
    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        tensor = tensor.detach().cpu()
        total.update(repr((name, tuple(tensor.shape), str(tensor.dtype))).encode())
        for rows in tensor.split(4096):  # a mapped one may be larger than memory
            rows = rows.permute(0, 2, 3, 1) if rows.ndim == 4 else rows
            total.update(rows.contiguous().numpy())
    return total.hexdigest()


def of_facts(*facts):
    """The sha256 of plain facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
