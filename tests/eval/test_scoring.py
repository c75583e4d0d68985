"""Evaluation of runs: in training, by --mode=evaluate, and as the tables read it."""

import json
import sys

import pytest
import torch

from engine.errors import UserError
from eval.reports import tables
from tests.running import assert_equal, launch, mode, newest, train

EVAL = ["--eval_every=1", "--extractor=pixels", "--metrics", "kid", "fid", "--ema=0.9"]


def records(tmp_path, name):
    return [json.loads(line) for line in (tmp_path / name / "s0" / "metrics.jsonl").read_text().splitlines()]


def test_evaluation_does_not_disturb_the_run_and_survives_a_resume(tmp_path):
    assert train(tmp_path, "--name=without", "--max_steps=15", "--ema=0.9") == 0
    assert train(tmp_path, "--name=with", "--max_steps=15", *EVAL) == 0
    assert_equal(newest(tmp_path, "without"), newest(tmp_path, "with"), besides=("flags", "provisional"))
    for steps in (7, 12, 15):
        assert train(tmp_path, "--name=parts", f"--max_steps={steps}", "--resume=auto", *EVAL) == 0
    assert_equal(newest(tmp_path, "with"), newest(tmp_path, "parts"))
    assert records(tmp_path, "with") == records(tmp_path, "parts")
    kids = {
        r["step"]: r["eval/KID-pixels 40-train"]
        for r in records(tmp_path, "with")
        if "eval/KID-pixels 40-train" in r
    }
    assert sorted(kids) == [5, 10, 15]
    best = [
        torch.load(tmp_path / n / "s0" / "checkpoints" / "best.pt", weights_only=True)
        for n in ("with", "parts")
    ]
    assert best[0]["step"] == best[1]["step"] == min(kids, key=kids.get)
    assert all(torch.equal(v, best[1]["modules"][n]) for n, v in best[0]["modules"].items())


def test_evaluate_mode_and_the_table_of_it(tmp_path, capsys, monkeypatch):
    for seed in (0, 1):
        assert train(tmp_path, f"--seed={seed}", "--max_steps=10", "--save_every_steps=5") == 0
    capsys.readouterr()
    words = ["--mode=evaluate", "--extractor=pixels", "--protocol=30-20-test"]
    assert mode(tmp_path, *words, "--at=all") == 0
    assert capsys.readouterr().out.count("FD-pixels 30-20-test") == 2
    assert mode(tmp_path, *words) == mode(tmp_path, *words, "--seed=1") == 0
    lines = [
        json.loads(line)
        for line in (tmp_path / "deleteme" / "s0" / "evaluations.jsonl").read_text().splitlines()
    ]
    # replaced, not doubled
    assert [(r["step"], r["metric"]) for r in lines] == [(5, "fid"), (5, "kid"), (10, "fid"), (10, "kid")]
    assert {
        "extractor",
        "sha256",
        "resize",
        "protocol",
        "n_real",
        "n_fake",
        "split",
        "seed",
        "singular",
        "versions",
        "ema",
        "checkpoint",
    } <= set(lines[0])
    assert lines[0]["singular"] and (lines[0]["n_real"], lines[0]["n_fake"]) == (30, 20)
    capsys.readouterr()
    assert tables.main([str(tmp_path), "--format", "csv"]) == 0
    assert "FD-pixels 30-20-test" in capsys.readouterr().out
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("INCEPTION_WEIGHTS", raising=False)
    for bad, code, said in (
        (["--protocol=50k-train"], 2, "the data has 40 train images"),
        (["--extractor=inceptio"], 2, "--extractor: given inceptio"),
        (["--at=7"], 3, "there is 10, 5"),
        (["--at=best"], 3, "--at=best: no such checkpoint"),
        (["--extractor=inception"], 3, "weights"),
        (["--metrics", "fed"], 2, "--metrics: given fed"),
    ):
        with pytest.raises(UserError) as caught:
            mode(tmp_path, *words, *bad)
        assert caught.value.exit_code == code and said in str(caught.value) and "\n" not in str(caught.value)


def test_what_evaluation_lacks_is_found_before_the_first_step(tmp_path):
    with pytest.raises(UserError):
        train(
            tmp_path,
            "--max_steps=15",
            "--eval_every=1",
            "--extractor=inception",
            "--inception_weights=nowhere.pth",
        )
    assert not (tmp_path / "deleteme").exists()


def test_neighbours_mode(tmp_path, capsys):
    assert train(tmp_path, "--max_steps=2") == 0
    assert mode(tmp_path, "--mode=neighbours", "--samples=3") == 0
    assert "distance to the nearest training image" in capsys.readouterr().out
    from PIL import Image

    assert Image.open(tmp_path / "deleteme" / "s0" / "neighbours_00000002.png").size == (
        6 * 50 + 2,
        3 * 50 + 2,
    )


def test_two_processes_give_the_same_scores_and_samples(tmp_path):
    import numpy as np

    assert train(tmp_path, "--max_steps=2") == 0
    group = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    words = ["--mode=evaluate", f"--save_path={tmp_path}", "--extractor=pixels", "--eval_batch_size=7"]
    outputs = [
        [
            line
            for line in launch(*words, launcher=launcher).stdout.splitlines()
            if not line.startswith("[Gloo]")  # which some versions of torch announce
        ]
        for launcher in ((sys.executable,), group)
    ]
    assert outputs[0] == outputs[1] and len(outputs[0]) == 4 and outputs[0][0].startswith("evaluates ")
    assert mode(tmp_path, "--mode=sample", "--samples=600", f"--out={tmp_path}/one.npz") == 0
    done = launch(
        "--mode=sample",
        f"--save_path={tmp_path}",
        "--samples=600",
        f"--out={tmp_path}/two.npz",
        launcher=group,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (np.load(tmp_path / "one.npz")["images"] == np.load(tmp_path / "two.npz")["images"]).all()
    done = launch("--mode=interpolate", f"--save_path={tmp_path}", launcher=group)
    assert done.returncode != 0 and done.stderr.count("--mode=interpolate: is for one process") == 1
