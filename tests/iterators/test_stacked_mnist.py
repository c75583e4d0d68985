"""Stacked MNIST and ImageNet 32x32, on made files."""

import numpy as np
import pytest
import torch

from engine.errors import MissingError, UserError
from eval.metrics import extractors, modes_covered, sources
from eval.metrics.classifier import labelled
from iterators import imagenet32, mnist, stacked_mnist
from tests.iterators.test_data_sets import everything, write_idx


def test_channels_are_the_digits_of_the_label(tmp_path):
    write_idx(tmp_path)
    data = stacked_mnist.get_iterators(8, root=tmp_path, n=50, n_test=20)
    digits = {split: everything(it) for split, it in mnist.get_iterators(8, root=tmp_path).items()}
    for split, n in (("train", 50), ("test", 20)):
        it, single = data[split], digits[split]
        assert it.n == n and it.data_shape == (3, 28, 28) and it.n_classes == 1000
        made = everything(it)
        flat = single["x"].flatten(1)
        for image, y in zip(made["x"], made["y"].tolist()):
            for channel, digit in zip(image.flatten(1), (y // 100, y // 10 % 10, y % 10)):
                match = (flat == channel).all(1)
                assert match.any() and digit in single["y"][match].tolist()
        assert next(iter(it))["x"].is_contiguous(memory_format=torch.channels_last)
    assert len(data["train"].source.digits) == 30  # the digits are held, not the stacks


def test_triples_are_fixed_by_their_seed_and_ordered_by_the_runs(tmp_path):
    write_idx(tmp_path)
    made = {
        name: stacked_mnist.get_iterators(10, root=tmp_path, n=50, n_test=20, **words)["train"]
        for name, words in {"a": {"seed": 0}, "b": {"seed": 1}, "c": {"seed": 0, "data_seed": 1}}.items()
    }
    triples = {name: it.source.triples for name, it in made.items()}
    assert torch.equal(triples["a"], triples["b"]) and not torch.equal(triples["a"], triples["c"])
    first = {name: next(it.from_step(0))["y"] for name, it in made.items()}
    assert (
        not torch.equal(first["a"], first["b"])
        and torch.equal(first["a"], next(made["a"].from_step(5))["y"]) is False
    )
    stream = made["a"].from_step(0)
    batches = [next(stream) for _ in range(8)]
    assert all(torch.equal(batches[7][key], next(made["a"].from_step(7))[key]) for key in ("x", "y"))


def test_fresh_triples_are_functions_of_the_step(tmp_path):
    write_idx(tmp_path)
    words = {"root": tmp_path, "n": 50, "n_test": 20, "fresh": True}
    it = stacked_mnist.get_iterators(10, seed=3, **words)["train"]
    stream = it.from_step(0)
    batches = [next(stream) for _ in range(12)]
    assert len(it) == 5 and all(b["x"].shape == (10, 3, 28, 28) for b in batches)
    assert not any(torch.equal(batches[i]["x"], batches[i + 5]["x"]) for i in range(5))
    again = next(it.from_step(7))
    assert all(torch.equal(again[key], batches[7][key]) for key in ("x", "y"))
    other = next(stacked_mnist.get_iterators(10, seed=4, **words)["train"].from_step(7))
    assert not torch.equal(other["x"], again["x"])
    single = everything(mnist.get_iterators(8, root=tmp_path)["train"])
    flat = single["x"].flatten(1)
    for image, y in zip(again["x"], again["y"].tolist()):
        for channel, digit in zip(image.flatten(1), (y // 100, y // 10 % 10, y % 10)):
            assert digit in single["y"][(flat == channel).all(1)].tolist()


def test_triples_of_all_digits_in_the_order_drawn(tmp_path):
    write_idx(tmp_path)
    words = {"root": tmp_path, "n": 50, "n_test": 20}
    plain = stacked_mnist.get_iterators(10, **words)["train"].source
    it = stacked_mnist.get_iterators(10, shuffle=False, test_digits=True, **words)["train"]
    test = mnist.get_iterators(8, root=tmp_path)["test"]
    assert len(it.source.digits) == len(plain.digits) + test.n and it.source.triples.max() >= len(
        plain.digits
    )
    stream = it.from_step(0)
    epoch = [next(stream) for _ in range(10)]
    assert torch.equal(epoch[1]["x"], it._finish(it.source.gather(torch.arange(10, 20)))["x"])
    assert torch.equal(epoch[1]["x"], epoch[6]["x"])


def test_triples_are_uniform():
    counts = np.bincount(stacked_mnist.triples(10, 100_000, 0, "train").ravel(), minlength=10)
    assert np.abs(counts - 30_000).max() < 5 * np.sqrt(27_000)


def test_the_evaluation_can_read_it(tmp_path):
    write_idx(tmp_path)
    data = stacked_mnist.get_iterators(8, root=tmp_path, n=50, n_test=20, num_workers=0)
    images, labels = labelled(data, "train", whole=True)
    assert images.dtype == torch.uint8 and images.shape == (50, 3, 28, 28) and len(labels) == 50
    single, digits = extractors.unstacked((images, labels))
    assert torch.equal(single[3], images[1, :1]) and digits[3:6].tolist() == [
        labels[1] // 100,
        labels[1] // 10 % 10,
        labels[1] % 10,
    ]
    source = sources.of(data["train"])
    read = torch.cat([part for _, part in source.batches(50, 16)])
    assert torch.equal(read, images[source.order(50)])


def test_modes_are_counted_in_all_thousand_bins():
    """Labels by hand. A histogram over the range of the labels seen has bins of another width."""
    labels = torch.tensor([7, 7, 8, 500, 993])
    counts = modes_covered.counts_of(labels, 1000)
    assert counts.nonzero().flatten().tolist() == [7, 8, 500, 993] and counts[7] == 2 and len(counts) == 1000
    assert modes_covered.classes(counts)["modes"] == 4
    wrong = np.histogram(np.array([7, 8, 9]), 1000)[0]
    assert wrong[[7, 8, 9]].sum() == 0  # the published code's count
    one = modes_covered.classes(modes_covered.counts_of(torch.zeros(100, dtype=torch.int64), 1000))
    assert (one["modes"], one["kl"]) == (1, pytest.approx(np.log(1000)))
    perfect = modes_covered.classes(modes_covered.counts_of(torch.arange(25_000) % 1000, 1000))
    assert perfect["modes"] == 1000 and perfect["kl"] == pytest.approx(0, abs=1e-12)


def test_what_cannot_be(tmp_path):
    write_idx(tmp_path)
    for words, message in (
        ({"digits": "letters"}, "digits: given 'letters'"),
        ({"n": 0}, "n: given 0"),
        ({"n": None}, "n: given None"),
        ({"n_test": 1.5}, "n_test: given 1.5"),
    ):
        with pytest.raises(UserError, match=message):
            stacked_mnist.get_iterators(8, root=tmp_path, **words)


def write_imagenet(root, size=8, each=3):
    root.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    kept = []
    for k, name in enumerate(imagenet32.TRAIN + imagenet32.TEST):
        data, labels = (
            rng.integers(0, 256, (each, 3 * size * size), dtype=np.uint8),
            [(k * each + i) % 1000 + 1 for i in range(each)],
        )
        np.savez(root / name, data=data, labels=labels)
        kept.append((data, labels))
    return kept


def test_imagenet_batches_come_in_their_order(tmp_path):
    kept = write_imagenet(tmp_path / "imagenet32")
    for _ in range(2):  # unpacked, then found
        data = imagenet32.get_iterators(4, root=tmp_path, size=8)
        assert {split: it.n for split, it in data.items()} == {"train": 30, "test": 3} and data[
            "train"
        ].n_classes == 1000
        test = everything(data["test"])
        assert torch.equal(test["x"], torch.from_numpy(kept[-1][0]).reshape(3, 3, 8, 8) / 127.5 - 1) and test[
            "y"
        ].tolist() == [y - 1 for y in kept[-1][1]]
        train = everything(data["train"])
        rows = {tuple(row) for row in torch.cat([torch.from_numpy(d) for d, _ in kept[:-1]]).tolist()}
        assert {tuple(row) for row in ((train["x"] + 1) * 127.5).round().long().flatten(1).tolist()} == rows


def test_imagenet_files_that_lack_or_differ_are_one_line(tmp_path):
    with pytest.raises(MissingError, match="no train_data_batch_1.npz and 10 more"):
        imagenet32.get_iterators(4, root=tmp_path, size=8)
    write_imagenet(tmp_path)
    with pytest.raises(UserError, match="size=16: .* not 3 images of 16x16"):
        imagenet32.get_iterators(4, root=tmp_path, size=16)
    (tmp_path / "val_data.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(MissingError, match="val_data.npz: cannot be read"):
        imagenet32.get_iterators(4, root=tmp_path, size=8)
