"""Modes of a class-conditional generator: samples of given classes, walks, the exported networks, load()."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import UserError
from eval.api import load
from eval.modes import gan
from tests.running import mode, train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditional")
    words = [
        "--conditional=projection",
        "--max_steps=3",
        "--batch_size=32",
        "--z_dim=5",
        "--cpu",
        "--lr=0.05",
    ]
    import task_launcher
    from tests.running import ROOT

    here = os.getcwd()
    os.chdir(ROOT)
    try:
        more = ["--network=networks/small.py", "--network_args", "width=8", "--iterator=iterators/digits.py"]
        assert task_launcher.main([*words, *more, f"--save_path={folder}", "--samples=20"]) == 0
    finally:
        os.chdir(here)
    return folder


def test_samples_have_the_classes_asked_for(run, tmp_path):
    assert mode(run, "--mode=sample", "--labels=3,5", "--samples=7", f"--out={tmp_path}/a.npz") == 0
    a = np.load(tmp_path / "a.npz")
    assert a["labels"].tolist() == [3, 5, 3, 5, 3, 5, 3] and a["images"].shape == (7, 8, 8, 1)
    # the i-th image does not depend on how many are drawn; other classes change it
    assert mode(run, "--mode=sample", "--labels=3,5", "--samples=3", f"--out={tmp_path}/b.npz") == 0
    assert np.array_equal(np.load(tmp_path / "b.npz")["images"], a["images"][:3])
    assert mode(run, "--mode=sample", "--labels=3", "--samples=7", f"--out={tmp_path}/c.npz") == 0
    c = np.load(tmp_path / "c.npz")["images"]
    assert np.array_equal(c[::2], a["images"][::2]) and not np.array_equal(c[1], a["images"][1])
    # without --labels they are drawn, and kept all the same
    assert mode(run, "--mode=sample", "--samples=9", f"--out={tmp_path}/d.npz") == 0
    drawn = np.load(tmp_path / "d.npz")["labels"]
    assert drawn.shape == (9,) and len(set(drawn.tolist())) > 1


def test_a_picture_has_a_row_a_class(run, tmp_path):
    assert mode(run, "--mode=sample", "--labels=all", "--samples=25", f"--out={tmp_path}/a.png") == 0
    picture = Image.open(tmp_path / "a.png")
    # row k is class k: its images are those that --labels=k has at these places
    assert mode(run, "--mode=sample", "--labels=all", "--samples=20", f"--out={tmp_path}/a.npz") == 0
    images = torch.from_numpy(np.load(tmp_path / "a.npz")["images"]).permute(0, 3, 1, 2).float() / 127.5 - 1
    from engine import pictures

    wanted = pictures.grid(torch.cat([images[k::10] for k in range(10)]), 2)
    assert np.array_equal(np.asarray(picture), np.asarray(wanted))


def test_walks_keep_their_class_or_go_to_the_next(run, monkeypatch):
    seen = []
    real = gan.classes_on_the_way
    monkeypatch.setattr(gan, "classes_on_the_way", lambda *given: seen.append(real(*given)) or seen[-1])
    for words in (["--labels=3"], ["--labels=3,5"], []):
        assert mode(run, "--mode=interpolate", "--samples=4", "--frames=3", *words) == 0
    within, between, drawn = (found[0] for found in seen)
    assert within.shape == (4, 3, 10) and (within[..., 3] == 1).all()
    assert between[0, :, 3].tolist() == [1, 0.5, 0] and between[0, :, 5].tolist() == [0, 0.5, 1]
    assert between[1, :, 5].tolist() == [1, 0.5, 0]
    assert torch.equal(drawn[:, 0], drawn[:, 2]) and drawn.sum(-1).eq(1).all()


def test_labels_that_cannot_be(run, tmp_path):
    with pytest.raises(UserError, match="--labels: given 12; the data have classes 0 to 9"):
        mode(run, "--mode=sample", "--labels=12")
    with pytest.raises(UserError, match="use all, or classes as in 3 or 3,5"):
        mode(run, "--mode=sample", "--labels=three")
    assert train(tmp_path, "--max_steps=2") == 0
    with pytest.raises(UserError, match="is told no classes"):
        mode(tmp_path, "--mode=sample", "--labels=1")


def test_exported_networks_take_classes(run, tmp_path):
    out = tmp_path / "out"
    assert mode(run, "--mode=export", f"--out={out}") == 0
    about = json.loads((out / "model.json").read_text())["networks"]
    assert about["gen"]["inputs"] == {"input_0": ["batch", 5], "input_1": ["batch"]}
    assert about["disc"]["inputs"] == {"input_0": ["batch", 1, 8, 8], "input_1": ["batch"]}
    card = (out / "README.md").read_text()
    (line,) = [line for line in card.splitlines() if line.startswith("out = net(")]
    code = f'import torch\nnet = torch.export.load("model.pt2").module()\n{line}\nprint(tuple(out.shape))'
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=out, capture_output=True, text=True)
    assert done.stdout.strip() == "(16, 1, 8, 8)", done.stderr


def test_load_takes_labels(run):
    found = load(run / "deleteme" / "s0")
    a, b = found.generate(4, seed=1, labels=2), found.generate(4, seed=1, labels=[2, 2, 2, 7])
    assert torch.equal(a[:3], b[:3]) and not torch.equal(a[3], b[3])


def test_found_codes_and_directions_keep_their_class(run, tmp_path):
    images = tmp_path / "images"
    assert mode(run, "--mode=sample", "--labels=4", "--samples=3", f"--out={images}") == 0
    assert mode(run, "--mode=invert", "--labels=2,4", f"--images={images}", "--invert_steps=3") == 0
    found = np.load(run / "deleteme" / "s0" / "invert_00000003.npz")
    assert set(found["labels"].tolist()) <= {2, 4} and found["labels"].shape == (3,)
    trainer = load(run / "deleteme" / "s0").trainer
    x = torch.stack([torch.from_numpy(np.array(Image.open(images / f"{i:06d}.png"))) for i in range(3)])
    with torch.no_grad():
        made = trainer.generate(torch.from_numpy(found["z"]), torch.from_numpy(found["labels"]))
    errors = (made - (x[:, None].float() / 127.5 - 1)).square().flatten(1).mean(1)
    assert torch.allclose(errors, torch.from_numpy(found["errors"]), atol=1e-5)
    assert mode(run, "--mode=directions", "--labels=1,2", "--directions=2") == 0
    with pytest.raises(UserError, match="the data have classes 0 to 9"):
        mode(run, "--mode=directions", "--labels=10")


def test_scores_by_class(run, capsys, monkeypatch):
    """Those of a class are those of its images alone; a generator that copies has accuracy 1."""
    from eval.metrics import classifier, evaluate, extractors
    from eval.modes import by_class

    monkeypatch.setattr(classifier, "RECIPE", classifier.RECIPE | {"steps": 30, "batch": 32})
    words = ["--mode=evaluate", "--per_class", "--extractor=pixels", "--metrics", "fid", "kid"]
    assert mode(run, *words, "--protocol=full-test") == 0
    said = capsys.readouterr().out
    assert "of class 3" in said and "accuracy after generated images" in said
    lines = [json.loads(line) for line in open(run / "deleteme" / "s0" / "evaluations.jsonl")]
    kid = {line["name"].split(" of class ")[1]: line for line in lines if line["metric"] == "kid of class"}
    assert len(kid) == 10 and {"accuracy of generated images", "accuracy after generated images"} <= {
        line["name"] for line in lines
    }
    fd = [line for line in lines if line["metric"] == "fid of class"]
    assert len(fd) == 10 and all(line["singular"] for line in fd)
    found = load(run / "deleteme" / "s0")
    trainer, (x, y) = found.trainer, classifier.labelled(found.data, "test")
    (alone,) = evaluate.evaluate(
        lambda n: trainer.generate(trainer.noise(n), torch.full((n,), 7)),
        x[y == 7],
        extractors.get("pixels"),
        "full-test",
        ["kid"],
    )
    assert alone["value"] == kid["7"]["value"] and alone["n_real"] == int((y == 7).sum())
    # a generator that gives real images of the class asked for
    images, labels = classifier.labelled(found.data, "train")
    by = by_class.ByClass(found.args, found.data, extractors.get("pixels"), [], trainer)
    monkeypatch.setattr(by, "generated", lambda trainer, wanted: images)
    of, after = by.accuracies(trainer)
    net, accuracy, _ = classifier.trained((images, labels), classifier.labelled(found.data, "test"))
    assert after["value"] == accuracy and of["value"] == classifier.accuracy(net, images, labels)


def test_scores_by_class_of_a_run_without(tmp_path):
    assert train(tmp_path, "--max_steps=2") == 0
    with pytest.raises(UserError, match="--per_class: the run's generator is told no classes"):
        mode(tmp_path, "--mode=evaluate", "--per_class", "--extractor=pixels", "--metrics", "kid")
