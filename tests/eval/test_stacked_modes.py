"""Stacked MNIST from training to modes and KL by commands, on made digits and a classifier of three steps."""

import json
import math

import pytest

from engine.errors import UserError
from eval.metrics import classifier
from tests.iterators.test_data_sets import write_idx
from tests.running import mode, train


def test_modes_by_the_commands(tmp_path, monkeypatch):
    write_idx(tmp_path / "data")
    monkeypatch.setitem(classifier.RECIPE, "steps", 3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = [
        "--trainer=trainers/dist_gan.py",
        "--network=networks/stacked_mnist.py",
        "--network_args",
        "width=8",
        "k=4",
        "--iterator=iterators/stacked_mnist.py",
        "--loss=log",
        "--weights=fixed",
        "--lambda_r=0.01",
        "--ae_updates=enc+gen",
        "--z_dist=uniform",
        "--batch_size=12",
        "--max_steps=2",
    ]
    # the words of the small runs name another data set's: the last --iterator_args that argparse merges must
    # be this one's alone
    from tests import running

    monkeypatch.setattr(
        running, "SMALL", [w for w in running.SMALL if w not in ("--iterator_args", "size=8", "channels=1")]
    )
    data = ["--iterator_args", f"root={tmp_path}/data", "n=60", "n_test=20"]
    assert train(tmp_path, *words, *data) == 0
    assert (
        mode(
            tmp_path,
            "--mode=evaluate",
            "--metrics",
            "modes",
            "--extractor=stacked-classifier",
            "--protocol=20-100",
            "--cpu",
        )
        == 0
    )
    found = {
        r["metric"]: r for r in map(json.loads, open(tmp_path / "deleteme" / "s0" / "evaluations.jsonl"))
    }
    assert (
        {"modes", "kl", "confidence"} <= set(found)
        and found["modes"]["n_fake"] == 100
        and found["modes"]["extractor"] == "stacked-classifier"
    )
    assert 1 <= found["modes"]["value"] <= 100 and found["kl"]["value"] >= math.log(1000 / 100) - 1e-6


def test_its_classifier_is_refused_for_other_data(tmp_path):
    assert train(tmp_path, "--max_steps=1") == 0
    with pytest.raises(
        UserError,
        match="^--extractor=stacked-classifier: is for 1,000 classes of three digits .*; use classifier$",
    ):
        mode(
            tmp_path,
            "--mode=evaluate",
            "--metrics",
            "modes",
            "--extractor=stacked-classifier",
            "--protocol=20-100",
            "--cpu",
        )
