import os

import pytest
import torch

from engine import distributed
from engine.errors import UserError
from iterators import semi
from tests.running import ROOT

BASE = os.path.join(ROOT, "tests", "made_parts.py")


def streams(batch_size=8, seed=0, **options):
    return semi.get_iterators(batch_size, seed, base=BASE, **{"labels_per_class": 2} | options)


def take(iterator, n, step=0):
    stream = iterator.from_step(step)
    return [next(stream) for _ in range(n)]


def rows_of(iterator, images):
    """Which rows of the source the images are."""
    every = iterator._finish(iterator.source.gather(torch.arange(len(iterator.source))))["x"]
    return [int((every == x).flatten(1).all(1).nonzero()[0]) for x in images]


def test_counts_and_split_of_labels():
    data = streams()
    train = data["train"]
    y = train.source.tensors["y"]
    assert torch.equal(y[train.labelled], torch.tensor([0, 0, 1, 1, 2, 2])) and set(
        train.labelled.tolist()
    ) <= set(train.indices.tolist())
    assert torch.equal(train.labelled, streams(seed=5)["train"].labelled)  # not a matter of --seed
    assert not torch.equal(train.labelled, streams(label_seed=1)["train"].labelled)
    more = streams(labels_per_class=4)["train"].labelled
    # a set with fewer labels is a subset of one with more
    assert set(train.labelled.tolist()) <= set(more.tolist())
    assert {"train", "valid", "test"} == set(data) and train.data_shape == (1, 8, 8) and train.n_classes == 3


def test_labelled_images_cycle_in_their_own_order_and_labels_fit():
    train = streams()["train"]
    batches = take(train, 3 * len(train))
    assert all(len(b["x"]) == len(b["x_unlabelled"]) == len(b["x_unlabelled_g"]) for b in batches)
    x = torch.cat([b["x"] for b in batches])
    rows = rows_of(train, x)
    assert torch.equal(torch.cat([b["y"] for b in batches]), train.source.tensors["y"][rows])
    cycles = [rows[i : i + 6] for i in range(0, len(rows) - 5, 6)]
    assert (
        all(sorted(cycle) == sorted(train.labelled.tolist()) for cycle in cycles)
        and len({tuple(c) for c in cycles}) > 5
    )


def test_each_unlabelled_stream_sees_every_image_once_an_epoch_in_its_own_order():
    train = streams()["train"]
    epoch = take(train, len(train))
    orders = [
        rows_of(train, torch.cat([b[key] for b in epoch])) for key in ("x_unlabelled", "x_unlabelled_g")
    ]
    assert all(sorted(order) == sorted(train.indices.tolist()) for order in orders) and orders[0] != orders[1]
    assert "x_unlabelled_g" not in take(streams(fresh=False)["train"], 1)[0]


@pytest.mark.parametrize("step", (1, 4, 5, 11, 23))
def test_any_step_can_be_started_from(step):
    whole = take(streams()["train"], 26)
    for a, b in zip(whole[step:], take(streams()["train"], 26 - step, step)):
        assert all(torch.equal(a[key], b[key]) for key in ("x", "y", "x_unlabelled", "x_unlabelled_g"))


def test_processes_share_the_labelled_batch(monkeypatch):
    whole = take(streams()["train"], 12)
    parts = []
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        parts.append(take(streams()["train"], 12))
    for a, b, c in zip(whole, *parts):
        assert all(torch.equal(a[key], torch.cat([b[key], c[key]])) for key in ("x", "y", "x_unlabelled"))


def test_what_is_refused(tmp_path):
    with pytest.raises(UserError, match="labels_per_class: given 99; use 1 to "):
        streams(labels_per_class=99)
    with pytest.raises(UserError, match="labels_per_class: given 'two'"):
        streams(labels_per_class="two")
    (tmp_path / "plain.py").write_text(
        "import torch\nfrom iterators.common import DataIterator\ndef get_iterators(batch_size, seed=0):\n"
        " x = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)\n"
        " return {'train': DataIterator({'x': x}, batch_size, seed)}\n"
    )
    with pytest.raises(UserError, match="--iterator_args base: its training images have no labels"):
        semi.get_iterators(4, base=str(tmp_path / "plain.py"))
    with pytest.raises(UserError, match="--iterator_args: given colour"):
        semi.get_iterators(4, base=str(tmp_path / "plain.py"), colour=3)
