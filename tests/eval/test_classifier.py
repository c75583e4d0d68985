"""The classifier trained on a data set's own training split."""

import pytest
import torch

from engine.errors import UserError
from eval.metrics import classifier, extractors
from iterators.common import DataIterator


def blobs(n=120, size=8, seed=0, channels=1):
    """Images whose class is the quarter that is bright."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (n,), generator=draw)
    x = torch.randint(0, 60, (n, channels, size, size), generator=draw)
    for image, label in zip(x, labels):
        image[
            :,
            label // 2 * size // 2 : (label // 2 + 1) * size // 2,
            label % 2 * size // 2 : (label % 2 + 1) * size // 2,
        ] += 150
    return x.to(torch.uint8), labels


@pytest.fixture
def quick(monkeypatch):
    for name in ("RECIPE", "COLOUR"):
        monkeypatch.setattr(classifier, name, getattr(classifier, name) | {"steps": 60, "batch": 32})


def as_data(train, test, name="test"):
    return {
        "train": DataIterator({"x": train[0], "y": train[1]}, 8, indices=[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        name: DataIterator({"x": test[0], "y": test[1]}, 8, shuffle=False),
    }


def test_is_trained_once_and_found_after(quick, tmp_path, capsys, monkeypatch):
    data = as_data(blobs(), blobs(seed=1))  # a run that trains on nine images: the classifier has them all
    state = torch.get_rng_state()
    first = extractors.get("classifier", data=data, cache=str(tmp_path))
    assert torch.equal(state, torch.get_rng_state())
    assert (
        "training the classifier" in capsys.readouterr().err and "test accuracy 100.0%" in first.description
    )
    again = extractors.get("classifier", data=data, cache=str(tmp_path))
    assert capsys.readouterr().err == "" and first.sha256 == again.sha256
    x = blobs(5, seed=2)[0]
    assert torch.equal(first(x)["features"], again(x)["features"])
    assert first(x)["features"].shape == (5, 128) and first(x)["logits"].shape == (5, 4) and first.dim == 128
    assert first.title("fid") == "FD-classifier" and first.title("is") == "score-classifier"


def test_is_the_same_when_trained_again_and_another_on_other_data(quick, tmp_path):
    train, test = blobs(), blobs(seed=1)
    torch.manual_seed(0)
    a = classifier.trained(train, test, str(tmp_path / "a"))[2]
    torch.manual_seed(1)
    b = classifier.trained(train, test, str(tmp_path / "b"))[2]
    other = classifier.trained(blobs(seed=3), test, str(tmp_path / "a"))[2]
    assert a == b != other


def test_features_do_not_depend_on_the_batch(quick, tmp_path):
    net = extractors.get("classifier", data=as_data(blobs(), blobs(seed=1), "valid"), cache=str(tmp_path))
    x = blobs(7, seed=2)[0]
    whole = net(x)
    assert torch.allclose(
        torch.cat([net(part)["features"] for part in x.split(3)]), whole["features"], rtol=1e-5, atol=1e-6
    )


def test_images_of_another_shape_are_refused(quick, tmp_path):
    net = extractors.get("classifier", data=as_data(blobs(), blobs(seed=1)), cache=str(tmp_path))
    with pytest.raises(UserError, match=r"given images of shape \[1, 9, 9\]; must be \[1, 8, 8\]"):
        net(blobs(2, 9)[0])


@pytest.mark.parametrize("kind, channels", [(classifier.Classifier, 1), (classifier.ColourClassifier, 3)])
def test_larger_images_are_averaged_down(kind, channels):
    net = kind((channels, 64, 64), 5).eval()
    out = net(torch.zeros(2, channels, 64, 64, dtype=torch.uint8))
    assert net.size == (32, 32) and out["logits"].shape == (2, 5) and out["features"].shape == (2, net.dim)


def test_colour_images_have_a_classifier_of_their_own_and_a_score_of_at_most_their_classes(quick, tmp_path):
    from eval.metrics import evaluate

    def coloured(seed):  # mirrored pairs of quarters differ in colour alone
        x, y = blobs(160, seed=seed, channels=3)
        x[:, 1] //= 1 + y[:, None, None] % 2
        return x, y

    train, test = coloured(0), coloured(1)
    extractor = extractors.get("classifier", data=as_data(train, test), cache=str(tmp_path))
    assert isinstance(extractor.network.net, classifier.ColourClassifier) and extractor.dim == 256
    accuracy = float(extractor.description.split("accuracy ")[1].rstrip("%"))
    assert accuracy >= 95
    assert extractor(test[0][:5])["features"].shape == (5, 256) and torch.equal(
        extractor(test[0][:5])["features"][:2].argmax(1), extractor(test[0][:2])["features"].argmax(1)
    )
    (result,) = evaluate.evaluate(
        lambda n: test[0].repeat(3, 1, 1, 1)[:n],
        as_data(train, test),
        extractor,
        "20-160-train",
        ("is",),
        cache=str(tmp_path),
    )
    # the score of a classifier of four classes: named after it, never IS, and 4 at most
    assert (
        result["title"] == "score-classifier"
        and result["name"] == "score-classifier 160"
        and 2 < result["value"] <= 4
    )


def test_what_the_classifier_is_trained_on_is_moved_and_only_colour_is_mirrored():
    x = torch.zeros(64, 3, 16, 16)
    x[:, :, 6:10, 2:4] = 255.0  # a bar on the left
    still = {"turn": 0, "scale": 0, "shift": 0}
    assert torch.allclose(classifier.augmented(x, still), x, atol=1e-3)
    mirrored = classifier.augmented(x, still | {"flip": True})
    right = (mirrored - x.flip(-1)).abs().flatten(1).amax(1) < 1e-3
    left = (mirrored - x).abs().flatten(1).amax(1) < 1e-3
    assert (left ^ right).all() and 10 < right.sum() < 54
    assert "flip" not in classifier.RECIPE and classifier.COLOUR["flip"]


def test_data_that_does_not_do(tmp_path):
    x, y = blobs()
    with pytest.raises(UserError, match="the data has no labels"):
        extractors.get(
            "classifier",
            data={"train": DataIterator({"x": x}, 8), "test": DataIterator({"x": x}, 8)},
            cache=str(tmp_path),
        )
    with pytest.raises(
        UserError, match="the data has no valid split; use --iterator_args valid=N, data with one"
    ):
        extractors.get("classifier", data={"train": (x, y)}, cache=str(tmp_path))
    with pytest.raises(UserError, match="needs a data set with labels"):
        extractors.get("classifier")
    with pytest.raises(UserError, match="given images of 4x4 pixels; they must be 8x8 or larger"):
        extractors.get("classifier", data={"train": blobs(20, 4), "test": blobs(20, 4)}, cache=str(tmp_path))


def test_stacked_digits(quick, tmp_path):
    digits, labels = blobs(360)
    stacked = {
        name: (x.view(-1, 3, 8, 8), y.view(-1, 3) @ torch.tensor([100, 10, 1]))
        for name, (x, y) in {"train": (digits, labels), "test": blobs(90, seed=1)}.items()
    }
    net = extractors.get("stacked-classifier", data=stacked, cache=str(tmp_path))
    x, y = blobs(60, seed=2)
    out = net(x.view(20, 3, 8, 8))
    assert out["features"].shape == (20, 384) and out["logits"].shape == (20, 64)
    assert torch.equal(out["logits"].argmax(1), y.view(-1, 3) @ torch.tensor([16, 4, 1]))
    assert torch.allclose(out["logits"].exp().sum(1), torch.ones(20), atol=1e-5)


def test_data_read_item_by_item_and_parts_of_it():
    from torch.utils.data import TensorDataset

    x, y = blobs(30)
    lazy = type("Lazy", (TensorDataset,), {})(x.float() / 127.5 - 1, y)
    state = torch.get_rng_state()
    for source in (lazy, {"x": x, "y": y}):
        data = {"train": DataIterator(source, 2, indices=[4, 9, 2])}
        whole, part = (classifier.labelled(data, "train", whole) for whole in (True, False))
        assert torch.equal(whole[0], x) and torch.equal(whole[1], y)
        assert torch.equal(part[0], x[[4, 9, 2]]) and torch.equal(part[1], y[[4, 9, 2]])
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.slow
def test_accuracy_on_the_digits(tmp_path):
    from iterators import digits

    net = extractors.get("classifier", data=digits.get_iterators(64), cache=str(tmp_path))
    assert float(net.description.split("accuracy ")[1].rstrip("%")) >= 97.5
