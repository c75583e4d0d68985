"""--mode=real: scores of real images in place of generated ones; Inception scores in any number of parts."""

import re

import pytest
import torch

import task_launcher
from engine.errors import UserError
from eval.metrics import classifier, evaluate, extractors, inception_score, sources
from iterators import digits
from tests.running import mode, train

DIGITS = ["--mode=real", "--iterator=iterators/digits.py", "--extractor=classifier", "--cpu"]


@pytest.fixture(autouse=True)
def caches_in_tmp(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(classifier, "RECIPE", classifier.RECIPE | {"steps": 30})


def test_score_and_accuracy_of_real_images(capsys):
    words = ["--protocol=full-200-train", "--is_splits=1", "--metrics", "is", "fid"]
    assert task_launcher.main([*DIGITS, *words]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "200 real images of test in place of generated ones, against 1500 real images of train, with "
    )
    data = digits.get_iterators(8)
    extractor = extractors.get("classifier", data=data)
    images, labels = classifier.labelled(data, "test")
    rows = sources.Rows(images).order(200)
    logits = extractor(images[rows])["logits"]
    score, _ = inception_score.inception_score(logits, 1)
    right = float((logits.argmax(1) == labels[rows]).double().mean())
    assert f"score-classifier 200, 1 split of real images  {score:.6g} +/- 0\n" in said
    assert f"accuracy of classifier on them  {right:.6g}\n" in said
    assert 0.5 < right < 1 < score < 10
    distance = float(re.search(r"FD-classifier 1500-200-train of real images  (\S+)", said)[1])
    assert distance > 0


def test_the_training_images_are_at_distance_0_from_themselves(capsys):
    words = ["--real_split=train", "--extractor=pixels", "--metrics", "fid"]
    assert task_launcher.main([*DIGITS, *words]) == 0
    said = capsys.readouterr().out
    assert "accuracy" not in said
    assert abs(float(re.search(r"FD-pixels 1500-train of real images  (\S+)", said)[1])) < 1e-9


@pytest.mark.parametrize(
    "words, message",
    [
        (["--real_split=valid"], "--real_split: given 'valid', the data has no such split; use one of train"),
        (["--protocol=full-500-train"], "297 test images to stand for generated ones; use fewer generated"),
        (["--iterator=iterators/points2d.py"], "--mode=real: is for images of one domain"),
        (["--protocol=10-5-train", "--metrics", "is"], "is needs 10 generated images or more"),
        (["--samples=3", "--frames=3"], "--frames: --mode=real does not read it"),
    ],
)
def test_what_cannot_be(words, message):
    with pytest.raises(UserError, match=message):
        task_launcher.main([*DIGITS, *words])


def test_parts_of_a_score_of_a_run(tmp_path, capsys):
    assert train(tmp_path, "--max_steps=1", "--save_images_every=0") == 0
    words = ["--mode=evaluate", "--extractor=classifier", "--metrics", "is", "--protocol=20-5-train"]
    with pytest.raises(UserError, match="is needs 10 generated images or more"):
        mode(tmp_path, *words)
    assert mode(tmp_path, *words, "--is_splits=2") == 0
    assert "score-classifier 5, 2 splits  " in capsys.readouterr().out


def test_results_of_parts():
    images = torch.randint(0, 256, (60, 1, 8, 8), generator=torch.Generator().manual_seed(0)).byte()
    weights = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))

    def network(given):
        flat = given.float().flatten(1) / 255
        return {"features": flat, "logits": flat @ weights}

    made = extractors.Extractor("made", network, "cpu", "0", "none", "made")
    for splits, name in (
        (10, "score-made 60"),
        (3, "score-made 60, 3 splits"),
        (1, "score-made 60, 1 split"),
    ):
        reference = evaluate.reference(images, made, "full", ("is",), splits=splits)
        source = sources.Rows(images)
        (result,) = evaluate.score(source, reference, made, ("is",), splits=splits)
        logits = network(images[source.order(60)])["logits"]
        value, std = inception_score.inception_score(logits, splits)
        assert result["name"] == name
        assert (result["value"], result["std"]) == pytest.approx((value, std), rel=1e-6)
