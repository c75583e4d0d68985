"""A checkpoint alone is enough for the modes and for load: no flags.json, no folder of a run."""

import json
import os
import shutil

import numpy as np
import pytest
import torch

import task_launcher
from engine.errors import MissingError, UserError
from eval.api import load
from tests.running import ROOT, mode, train

STEP = "deleteme/s0/checkpoints/step_00000003.pt"


@pytest.fixture
def lone(tmp_path):
    """A checkpoint whose run is gone, in a folder of its own."""
    assert train(tmp_path / "run", "--max_steps=3", "--ema=0.5") == 0
    os.makedirs(tmp_path / "alone")
    shutil.move(tmp_path / "run" / STEP, tmp_path / "alone" / "mine.pt")
    shutil.rmtree(tmp_path / "run")
    return tmp_path / "alone" / "mine.pt"


def call(*words):
    return task_launcher.main([str(word) for word in words])


def test_modes_take_it_and_write_beside_it(lone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("--mode=sample", f"--resume={lone}", "--samples=4", "--cpu") == 0
    assert call("--mode=interpolate", "--resume=alone/mine.pt", "--samples=2", "--frames=3", "--cpu") == 0
    assert sorted(p.name for p in lone.parent.iterdir()) == [
        "interpolate_00000003.gif",
        "interpolate_00000003.png",
        "interpolate_00000003.webp",
        "mine.pt",
        "samples_00000003.png",
    ]


@pytest.mark.slow
def test_export_and_evaluate_take_it(lone, monkeypatch):
    monkeypatch.chdir(lone.parent)
    assert call("--mode=export", "--resume=mine.pt", "--cpu") == 0
    assert json.loads((lone.parent / "export" / "model.json").read_text())["flags"]["z_dim"] == 5
    words = "--metrics", "fid", "--extractor=pixels", "--protocol=16-16-test"
    assert call("--mode=evaluate", "--resume=mine.pt", *words, "--cpu") == 0
    (line,) = (lone.parent / "mine_evaluations.jsonl").read_text().splitlines()
    assert json.loads(line)["checkpoint"] == "mine.pt"


def test_it_draws_what_the_run_drew(tmp_path):
    assert train(tmp_path, "--max_steps=3") == 0
    assert mode(tmp_path, "--mode=sample", "--samples=4", f"--out={tmp_path / 'run.npz'}") == 0
    shutil.copy(tmp_path / STEP, tmp_path / "copy.pt")
    assert (
        call("--mode=sample", f"--resume={tmp_path}/copy.pt", "--samples=4", f"--out={tmp_path}/lone.npz")
        == 0
    )
    a, b = (np.load(tmp_path / name)["images"] for name in ("run.npz", "lone.npz"))
    assert np.array_equal(a, b)


def test_load_takes_it(lone):
    run = load(lone)
    assert run.step == 3 and run.generate(2).shape == (2, 1, 8, 8) and run.metrics() == {}


def test_in_the_folder_of_its_run_it_means_that_run(tmp_path):
    assert train(tmp_path, "--max_steps=3") == 0
    assert call("--mode=sample", f"--resume={tmp_path / STEP}", "--samples=4") == 0
    assert (tmp_path / "deleteme" / "s0" / "samples_00000003.png").exists()
    assert load(tmp_path / STEP).folder == str(tmp_path / "deleteme" / "s0")


def test_a_named_run_takes_no_checkpoint_of_another(tmp_path):
    assert train(tmp_path, "--max_steps=3") == 0
    assert train(tmp_path, "--max_steps=3", "--name=other", "--lr=0.1") == 0
    with pytest.raises(UserError, match="--resume: .*is of another run than .*other.*--lr.*leave out --name"):
        mode(tmp_path, "--name=other", "--mode=sample", f"--resume={tmp_path / STEP}")
    # where --name has no run, as in a script of exps/, the checkpoint is enough
    assert mode(tmp_path, "--name=gone", "--mode=sample", f"--resume={tmp_path / STEP}", "--samples=4") == 0


def test_a_seed_that_is_not_its_own_is_refused(lone):
    with pytest.raises(UserError, match="--seed: given 3, .* is of seed 0; leave it out"):
        call("--mode=sample", f"--resume={lone}", "--seed=3")


def test_a_network_of_ones_own(tmp_path, monkeypatch):
    """Gone: named. Moved: given. Other text than the run began with: refused unless named."""
    net = tmp_path / "net.py"
    shutil.copy(os.path.join(ROOT, "networks", "small.py"), net)
    assert train(tmp_path / "run", "--max_steps=3", f"--network={net}") == 0
    lone = tmp_path / "mine.pt"
    shutil.copy(tmp_path / "run" / STEP, lone)
    shutil.rmtree(tmp_path / "run")
    assert call("--mode=sample", f"--resume={lone}", "--samples=4", f"--out={tmp_path}/a.npz") == 0
    net.write_text(net.read_text() + "\n# edited\n")
    with pytest.raises(UserError, match=r"--network: .*net.py.*not the file that the run began with.*trust"):
        call("--mode=sample", f"--resume={lone}")
    assert (
        call(
            "--mode=sample", f"--resume={lone}", f"--network={net}", "--samples=4", f"--out={tmp_path}/b.npz"
        )
        == 0
    )
    net.rename(tmp_path / "moved.py")
    with pytest.raises(
        MissingError, match=r"--network: the run was trained with .*net.py, which is gone; use"
    ):
        call("--mode=sample", f"--resume={lone}")
    with pytest.raises(MissingError, match=r"which is gone"):
        load(lone)
    assert load(lone, network=tmp_path / "moved.py").step == 3
    a, b = (np.load(tmp_path / name)["images"] for name in ("a.npz", "b.npz"))
    assert np.array_equal(a, b)


def test_what_is_no_checkpoint_is_refused_in_a_line(tmp_path):
    with pytest.raises(UserError, match="--resume: .*nothing.pt: No such file.*use another checkpoint"):
        call("--mode=sample", f"--resume={tmp_path}/nothing.pt")
    torch.save({"gen": torch.zeros(2)}, tmp_path / "weights.pt")
    with pytest.raises(UserError, match="--resume: .*weights.pt: .*use another checkpoint"):
        call("--mode=sample", f"--resume={tmp_path}/weights.pt")
    with pytest.raises(MissingError, match="or use --resume=FILE with a checkpoint"):
        call("--mode=sample", f"--save_path={tmp_path}", "--name=none")
