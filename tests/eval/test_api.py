import json
import re

import pytest
import torch

from engine.errors import MissingError
from eval.api import load
from tests.running import ROOT, mode, train


def test_load(tmp_path):
    assert train(tmp_path, "--max_steps=4", "--ema=0.5", "--save_every_steps=2") == 0
    folder = tmp_path / "deleteme" / "s0"
    run = load(folder)
    images = run.generate(5, seed=3)
    assert images.shape == (5, 1, 8, 8) and images.abs().max() <= 1
    assert torch.equal(images, run.generate(5, seed=3)) and not torch.equal(images, run.generate(5, seed=4))
    assert run.step == 4 and run.args.z_dim == 5 and set(run.nets) == {"gen", "disc"}
    assert run.nets["gen"] is run.trainer.gen_ema and not run.nets["gen"].training
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    columns = run.metrics()
    assert columns["step"] == [r["step"] for r in records]
    assert columns["gen/adv"] == [r["gen/adv"] for r in records]
    earlier = load(folder, at=2)
    assert earlier.step == 2 and not torch.equal(earlier.generate(5, seed=3), images)
    with pytest.raises(MissingError, match="no such checkpoint"):
        load(folder, at=3)
    with pytest.raises(MissingError, match="no run in"):
        load(tmp_path)


def test_generate_draws_what_mode_sample_draws(tmp_path):
    import numpy as np

    assert train(tmp_path, "--max_steps=2") == 0
    assert mode(tmp_path, "--mode=sample", "--samples=256", f"--out={tmp_path / 'x.npz'}") == 0
    images = load(tmp_path / "deleteme" / "s0").generate(256, seed=0)
    wanted = np.load(tmp_path / "x.npz")["images"]
    given = ((images + 1) * 127.5).round().permute(0, 2, 3, 1).numpy()
    assert np.abs(given - wanted).max() <= 1


def test_the_lines_of_the_readme_run(tmp_path, monkeypatch, capsys):
    assert train(tmp_path / "results", "--max_steps=2", "--name=quickstart") == 0
    with open(f"{ROOT}/README.md", encoding="utf8") as file:
        blocks = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
    (block,) = [block for block in blocks if "eval.api" in block]
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    exec(block, {})
    assert "torch.Size([16, 1, 8, 8])" in capsys.readouterr().out
