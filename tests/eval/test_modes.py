import json
import math
import os
import subprocess
import sys

import pytest
import torch

from engine.errors import UserError
from eval.modes.walks import slerp
from tests.running import ROOT, launch, mode, train


def test_slerp_keeps_to_the_arc():
    z0, z1 = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    path = slerp(z0, z1, torch.tensor([0.0, 1 / 3, 1.0]))[0]
    expected = 3 * torch.tensor([[1, 0], [math.cos(math.pi / 6), 0.5], [0, 1]])
    assert torch.allclose(path, expected, atol=1e-6)
    same = slerp(z0, z0 * 2, torch.tensor([0.5]))[0]
    assert torch.allclose(same, torch.tensor([[4.5, 0.0]]))
    z = torch.randn(2, 4, 50)
    assert torch.isfinite(slerp(z[0], -z[0], torch.linspace(0, 1, 5))).all()


def test_interpolate_mode(tmp_path):
    from PIL import Image

    assert train(tmp_path, "--max_steps=2") == 0
    assert mode(tmp_path, "--mode=interpolate", "--samples=3", "--frames=5") == 0
    picture = Image.open(tmp_path / "deleteme" / "s0" / "interpolate_00000002.png")
    assert picture.size == (5 * 50 + 2, 3 * 50 + 2)
    movie = Image.open(tmp_path / "deleteme" / "s0" / "interpolate_00000002.gif")
    assert movie.n_frames == 2 * (5 - 1)  # there and back


def test_at_is_read_by_every_mode_that_restores_a_checkpoint(tmp_path):
    assert train(tmp_path, "--max_steps=4", "--save_every_steps=2") == 0
    run = tmp_path / "deleteme" / "s0"
    assert mode(tmp_path, "--mode=sample", "--at=2") == 0
    assert (run / "samples_00000002.png").exists() and not (run / "samples_00000004.png").exists()
    assert mode(tmp_path, "--mode=interpolate", "--at=all", "--samples=1", "--frames=2") == 0
    assert sorted(path.name for path in run.glob("interpolate_*.png")) == [
        "interpolate_00000002.png",
        "interpolate_00000004.png",
    ]
    for words, said in (
        (["--mode=sample", "--at=all", f"--out={tmp_path}/x.npz"], "leave out --out"),
        (["--mode=animate", "--at=2"], "--at: --mode=animate does not read it"),
        (["--mode=sample", "--votes", "1", "1"], "--votes: --mode=sample does not read it"),
        (["--mode=sample", "--at=3"], "--at=3: no such checkpoint"),
    ):
        with pytest.raises(UserError, match=said):
            mode(tmp_path, *words)
    # a training flag is no error
    assert mode(tmp_path, "--mode=neighbours", "--lr=0.1", "--at=4", "--samples=1") == 0


def test_commands_of_eval_run_from_a_folder_that_has_an_engine_of_its_own(tmp_path):
    for name in ("engine", "losses"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    done = subprocess.run(
        [sys.executable, "-m", "eval.tables", "--help"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "usage: python -m eval.tables" in done.stdout, done.stderr


def test_the_launcher_runs_from_any_folder(tmp_path):
    words = ["--network=networks/small.py", "--iterator=iterators/digits.py", "--max_steps=1", "--cpu"]
    for name, text in (
        ("blocks.py", "VALUE = 1"),
        ("mine.py", "from networks.blocks import VALUE\nfrom networks.small import *"),
    ):
        path = tmp_path / "networks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    done = launch(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = launch(*words, "--network=networks/mine.py", "--name=mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    recorded = [
        json.loads((tmp_path / "results" / n / "s0" / "flags.json").read_text()) for n in ("deleteme", "mine")
    ]
    assert recorded[0]["network"] == "networks/small.py" and recorded[0]["trainer"] == "trainers/gan.py"
    assert recorded[1]["network"] == str(tmp_path / "networks" / "mine.py")
    done = launch(
        *words, "--max_steps=2", "--resume=auto", f"--network={ROOT}/networks/small.py", cwd=tmp_path
    )
    assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
