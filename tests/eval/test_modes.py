import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from engine import flags, setup
from engine.errors import UserError
from eval.modes import MODES, add_flags, restoring
from eval.modes.walks import slerp, straight
from tests.running import ROOT, launch, mode, newest, train
from trainers.gan import MixupGAN


def test_slerp_keeps_to_the_arc():
    z0, z1 = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    path = slerp(z0, z1, torch.tensor([0.0, 1 / 3, 1.0]))[0]
    expected = 3 * torch.tensor([[1, 0], [math.cos(math.pi / 6), 0.5], [0, 1]])
    assert torch.allclose(path, expected, atol=1e-6)
    same = slerp(z0, z0 * 2, torch.tensor([0.5]))[0]
    assert torch.allclose(same, torch.tensor([[4.5, 0.0]]))
    z = torch.randn(2, 4, 50)
    assert torch.isfinite(slerp(z[0], -z[0], torch.linspace(0, 1, 5))).all()


def test_a_straight_walk():
    z0, z1 = torch.randn(2, 4, 50, generator=torch.Generator().manual_seed(0)).unbind(0)
    path = straight(z0, z1, torch.tensor([0.0, 0.25, 1.0]))
    assert path.shape == (4, 3, 50) and torch.equal(path[:, 0], z0) and torch.equal(path[:, 2], z1)
    assert torch.allclose(path[:, 1], 0.75 * z0 + 0.25 * z1, atol=1e-6)


@pytest.mark.parametrize(
    "dist, given, inside",
    [
        ("uniform", [], True),
        ("uniform", ["--interpolation=linear"], True),
        ("normal", ["--interpolation=linear"], True),
        ("normal", [], False),
        ("normal", ["--interpolation=spherical"], False),
    ],
)
def test_the_way_between_two_noise_points(dist, given, inside, tmp_path, monkeypatch):
    """Linear walks lie between their ends, coordinate by coordinate; arcs keep the norm."""
    assert train(tmp_path, "--max_steps=1", f"--z_dist={dist}", "--z_dim=50") == 0
    seen = []
    generate = MixupGAN.generate
    monkeypatch.setattr(MixupGAN, "generate", lambda self, z: seen.append(z) or generate(self, z))
    assert mode(tmp_path, "--mode=interpolate", "--samples=3", "--frames=5", *given) == 0
    for z in seen:
        low, high = torch.minimum(z[0], z[-1]), torch.maximum(z[0], z[-1])
        within = bool(((z >= low - 1e-6) & (z <= high + 1e-6)).all())
        assert len(z) == 5 and within == inside
        norms = z.norm(dim=1)
        assert bool((norms > 0.99 * norms[[0, -1]].min()).all()) != inside


def test_an_arc_would_leave_the_cube_of_uniform_noise(tmp_path):
    assert train(tmp_path, "--max_steps=1", "--z_dist=uniform") == 0
    with pytest.raises(UserError, match="--interpolation=spherical: .* use --interpolation=linear"):
        mode(tmp_path, "--mode=interpolate", "--interpolation=spherical")


# --- standing statistics


def test_standing_statistics_are_those_of_the_generators_own_batches(tmp_path):
    assert train(tmp_path, "--max_steps=3", "--ema=0.5") == 0
    words = [f"--save_path={tmp_path}", "--mode=sample", "--cpu", "--standing_stats=4", "--batch_size=6"]
    args = flags.parse(words, ("train", *MODES), add_flags)
    trainer = setup.trainer(args, setup.networks(args))
    trainer.restore(newest(tmp_path))
    first = next(part for part in trainer.gen_ema.modules() if isinstance(part, torch.nn.BatchNorm2d))
    entered = []
    handle = first.register_forward_pre_hook(lambda module, inputs: entered.append(inputs[0]))
    restoring.standing_statistics(trainer, args)
    handle.remove()
    assert len(entered) == 4 and all(len(x) == 6 for x in entered)
    means = torch.stack([x.mean((0, 2, 3)) for x in entered])
    variances = torch.stack([x.transpose(0, 1).flatten(1).var(1) for x in entered])
    assert torch.allclose(first.running_mean, means.mean(0), atol=1e-6)
    assert torch.allclose(first.running_var, variances.mean(0), atol=1e-6)
    assert first.momentum == 0.1 and trainer.training and not trainer.gen_ema.training
    for name, value in trainer.state_dict().items():  # nothing else has changed
        if not name.startswith("gen_ema.") or "running" not in name and "num_batches" not in name:
            assert torch.equal(value, newest(tmp_path)["modules"][name]), name


def test_standing_statistics_change_samples_and_scores(tmp_path):
    assert train(tmp_path, "--max_steps=3") == 0
    run = tmp_path / "deleteme" / "s0"
    images = []
    for k, n in enumerate((0, 3, 3)):
        out = f"--out={tmp_path}/{k}.npz"
        assert mode(tmp_path, "--mode=sample", "--samples=8", out, f"--standing_stats={n}") == 0
        images.append(np.load(f"{tmp_path}/{k}.npz")["images"])
    assert (images[1] == images[2]).all() and (images[0] != images[1]).any()
    scores = []
    for n in (0, 3):
        words = ["--mode=evaluate", "--extractor=pixels", "--metrics", "fid", "--protocol=20-20-train"]
        assert mode(tmp_path, *words, f"--standing_stats={n}") == 0
        scores.append(json.loads((run / "evaluations.jsonl").read_text().splitlines()[-1]))
    assert scores[0]["value"] != scores[1]["value"]
    assert [score["name"] for score in scores] == [
        "FD-pixels 20-train",
        "FD-pixels 20-train, 3 standing batches",
    ]


def test_what_has_no_standing_statistics(tmp_path):
    net = ["--network=networks/dcgan.py", "--network_args", "norm=None", "width=4", "depth=2"]
    assert train(tmp_path, "--max_steps=1", *net) == 0
    with pytest.raises(UserError, match="--standing_stats: the generator of networks/dcgan.py has no batch"):
        mode(tmp_path, "--mode=sample", "--standing_stats=2")
    with pytest.raises(UserError, match="--standing_stats: --mode=animate does not read it"):
        mode(tmp_path, "--mode=animate", "--standing_stats=2")


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
    done = launch(*words, cwd=tmp_path, launcher=[sys.executable])
    assert done.returncode == 0, done.stderr
    done = launch(
        *words, "--network=networks/mine.py", "--name=mine", cwd=tmp_path, launcher=[sys.executable]
    )
    assert done.returncode == 0, done.stderr
    recorded = [
        json.loads((tmp_path / "results" / n / "s0" / "flags.json").read_text()) for n in ("deleteme", "mine")
    ]
    assert recorded[0]["network"] == "networks/small.py" and recorded[0]["trainer"] == "trainers/gan.py"
    assert recorded[1]["network"] == str(tmp_path / "networks" / "mine.py")
    done = launch(
        *words,
        "--max_steps=2",
        "--resume=auto",
        f"--network={ROOT}/networks/small.py",
        cwd=tmp_path,
        launcher=[sys.executable],
    )
    assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
