"""--mode=predict, and python -m eval.ensemble: class probabilities averaged over runs."""

import json
import os

import numpy as np
import pytest

from engine.errors import UserError
from eval.reports import ensemble
from tests.running import mode, train
from tests.trainers.test_semi_supervised import WORDS


def run_of(folder, probabilities, labels, label_seed=0):
    (folder / "predict").mkdir(parents=True)
    words = {"label_seed": label_seed}
    (folder / "flags.json").write_text(json.dumps({"name": "x", "seed": 0, "iterator_args": words}))
    np.savez(folder / "predict" / "step00000002.npz", probabilities=probabilities, labels=labels)


def test_errors_by_hand(tmp_path, capsys):
    """Three images, two classes: each network has one wrong, their mean none."""
    labels = np.array([0, 1, 1])
    a = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], np.float32)
    b = np.array([[0.8, 0.2], [0.1, 0.9], [0.55, 0.45]], np.float32)
    assert ensemble.ensemble_error([a], labels) == pytest.approx(1 / 3)
    assert ensemble.ensemble_error([a, b], labels) == 0
    for seed, (probabilities, split) in enumerate([(a, 0), (b, 0), (a, 1), (a, 1)]):
        run_of(tmp_path / "x" / f"s{seed}", probabilities, labels, split)
    assert ensemble.main([str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "test images: 3" in said and "single networks: 0.333 ± 0" in said.replace("0.3333", "0.333")
    assert "ensemble of 2, label split 0: 0.0000" in said and "label split 1: 0.3333" in said
    assert "ensembles: 0.17 ± 0.24 (n=2)" in said
    assert ensemble.main([str(tmp_path), "--together"]) == 0
    assert "ensemble of 4, label split all:" in capsys.readouterr().out


def test_refusals(tmp_path, capsys):
    labels = np.array([0, 1])
    run_of(tmp_path / "x" / "s0", np.eye(2), labels)
    run_of(tmp_path / "x" / "s1", np.eye(2), labels[::-1])
    assert ensemble.main([str(tmp_path)]) == 2 and "test images are others" in capsys.readouterr().err
    os.remove(tmp_path / "x" / "s1" / "predict" / "step00000002.npz")
    assert ensemble.main([str(tmp_path)]) == 3 and "--mode=predict" in capsys.readouterr().err


def test_predictions_are_those_that_the_run_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    assert train(tmp_path, *WORDS, "--max_steps=6", "--epochs=1", "--z_dist=uniform") == 0
    capsys.readouterr()
    assert mode(tmp_path, *WORDS, "--z_dist=uniform", "--mode=predict", "--cpu") == 0
    (found,) = (tmp_path / "deleteme" / "s0" / "predict").iterdir()
    with np.load(found) as file:
        probabilities, labels = file["probabilities"], file["labels"]
    assert probabilities.shape == (len(labels), 3) and np.allclose(probabilities.sum(1), 1, atol=1e-5)
    records = [json.loads(line) for line in open(tmp_path / "deleteme" / "s0" / "metrics.jsonl")]
    measured = [r["disc_ema/test_error"] for r in records if "disc_ema/test_error" in r]
    if measured:
        assert ensemble.ensemble_error([probabilities], labels) == pytest.approx(measured[-1])


def test_a_trainer_that_classifies_nothing_is_refused(tmp_path):
    assert train(tmp_path, "--max_steps=2") == 0
    with pytest.raises(UserError, match="classify"):
        train(tmp_path, "--mode=predict")
