"""LSUN, scenes (Yu et al. 2015, arXiv 1506.03365), from its lmdb databases."""

import os

from engine import distributed
from engine.errors import MissingError, UserError
from engine.randomness import permutation
from iterators import common
from iterators.library import vision
from iterators.library.cache import IN_MEMORY, cached_images, whole
from iterators.library.files import listing
from iterators.library.splits import subset_words


def get_iterators(
    batch_size,
    seed=0,
    num_workers=2,
    root=None,
    classes="bedroom",
    size=64,
    flip=False,
    subset=None,
    cache=None,
    in_memory=IN_MEMORY,
    subset_seed=None,
):
    """x [N, 3, size, size] of one category: train (bedroom: 3,033,042 images) and its 300 official validation
    images.

    root ($DATA_DIR, or data, by default) holds <classes>_train_lmdb and, for "valid", <classes>_val_lmdb, as
    for torchvision's LSUN, and as github.com/fyu/lsun downloads and unzips them; reading them needs the
    package lmdb. subset: how many of the train images to decode, a random part (subset_seed: see
    `common.choose_subset`). The first start decodes all: run it alone before torchrun, whose other processes
    wait for it 30 minutes at most. flip: see `common.iterators`; cache, in_memory: see `images`. Differs from
    torchvision's LSUN: that one pickles a list of keys into the current directory, and reads it from there.
    """
    root = vision.data_root(root)
    whole("subset", subset)
    words = subset_words(seed, subset_seed)
    if subset is None and subset_seed is not None:
        raise UserError("--iterator_args subset_seed: given without subset; use it with subset=N")
    folders = {
        split: os.path.join(root, f"{classes}_{name}_lmdb")
        for split, name in (("train", "train"), ("valid", "val"))
    }
    folders = {
        split: folder for split, folder in folders.items() if os.path.isfile(os.path.join(folder, "data.mdb"))
    }
    if "train" not in folders:
        raise MissingError(
            f"--iterator_args root={root}: no LSUN {classes} there ({classes}_train_lmdb/data.mdb); unzip it "
            "there (github.com/fyu/lsun), or give root=... or set DATA_DIR"
        )
    opened = {}

    def plan():
        lmdb = import_lmdb()
        names = {}
        for split, folder in folders.items():
            opened[split] = lmdb.open(folder, readonly=True, lock=False, readahead=False, meminit=False)
            with opened[split].begin() as transaction:
                keys = list(transaction.cursor().iternext(keys=True, values=False))
            if split == "train" and subset is not None:
                if subset > len(keys):
                    raise UserError(
                        f"--iterator_args subset: given {subset}; use 1 to {len(keys)}, the number of "
                        "training images"
                    )
                keys = [keys[i] for i in permutation(len(keys), *words)[:subset].sort().values.tolist()]
            names[split] = [(split, key) for key in keys]
        return names, {}, {}

    def read(name):
        with opened[name[0]].begin() as transaction:
            return transaction.get(name[1])

    listed = listing(root, [os.path.join(folder, "data.mdb") for folder in folders.values()])
    with distributed.rank0_first():
        splits, _ = cached_images(
            folders["train"],
            (listed.key, listed.identity),
            plan,
            read,
            lambda name: f"{folders[name[0]]}:{name[1].decode()}",
            size,
            channels=3,
            workers=num_workers,
            cache=cache,
            in_memory=in_memory,
            options=[subset, *words, classes],
        )
    return common.iterators(splits, batch_size, seed, flip=flip)


def import_lmdb():
    """The package lmdb. Raises MissingError where it is not installed."""
    try:
        import lmdb
    except ImportError:
        raise MissingError("LSUN needs the package lmdb; run pip install lmdb") from None
    return lmdb
