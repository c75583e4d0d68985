"""ACAI's evaluation: interpolations between lines, clusters of codes."""

import itertools
import json
import math
import os
import shutil

import pytest
import torch
from PIL import Image

from engine.errors import UserError
from eval.metrics import lines as metric
from eval.metrics import probe
from iterators.lines import draw
from tests.eval.test_autoencoder_modes import launcher
from tests.running import train


def lines_at(angles):
    return draw(torch.as_tensor(angles, dtype=torch.float64), 16)


def test_a_line_is_at_distance_0_and_another_by_its_cosine():
    angles = torch.arange(8).double() * math.pi / 4
    distances, found = metric.nearest(lines_at(angles), lines_at, 8)
    assert distances.abs().max() < 1e-12 and torch.equal(found, angles)
    grey = torch.full((2, 1, 16, 16), 0.5)
    grey[1, :, :8] = -1
    distances, _ = metric.nearest(grey, lines_at, 8, batch=1)
    for image, distance in zip(grey.double().flatten(1), distances):
        cosines = [
            image @ line / (image.norm() * line.norm()) for line in lines_at(angles).double().flatten(1)
        ]
        assert abs(float(distance) - (1 - float(max(cosines)))) < 1e-12


def test_smoothness():
    even = torch.linspace(6.0, 7.5, 16, dtype=torch.float64) % (2 * math.pi)  # over the full turn
    jump = torch.cat([torch.zeros(7), torch.ones(9)]).double()
    back = torch.tensor([0.0, 1.0] * 7 + [0.0, 0.5]).double()
    still = torch.full((16,), 0.3).double()
    found = metric.smoothness(torch.stack([even, jump, back, still]))
    assert found[:3].tolist() == pytest.approx([0, 1 - 1 / 15, 1 / 0.5 - 1 / 15], abs=1e-9)
    assert found[3].isnan()


def test_walks_along_angles_are_perfect_and_fades_are_not():
    start, turn = torch.rand(6, 1, generator=torch.Generator().manual_seed(0)).double() * 6, 2.0
    p = torch.linspace(0, 1, 9, dtype=torch.float64)
    along = lines_at((start + turn * p).flatten()).view(6, 9, 1, 16, 16)
    found = metric.score(along, lines_at)
    assert found["distance"] < 1e-5 and found["smoothness"] < 0.01 and found["still"] == 0
    fade = torch.lerp(along[:, :1], along[:, -1:], p.view(1, -1, 1, 1, 1))
    faded = metric.score(fade, lines_at)
    assert faded["distance"] > 100 * found["distance"] and faded["smoothness"] > 0.5
    assert metric.score(along[:, :1].expand(6, 9, 1, 16, 16), lines_at)["still"] == 6


def test_whitened_codes_have_one_covariance():
    draws = torch.Generator().manual_seed(0)
    codes = torch.randn(200, 4, generator=draws) @ torch.randn(4, 4, generator=draws) + 3
    white = probe.whitener(codes)(codes)
    assert (white.t() @ white - torch.eye(4)).abs().max() < 1e-4 and white.mean(0).abs().max() < 1e-12


def test_cluster_accuracy_is_that_of_the_best_matching():
    draws = torch.Generator().manual_seed(0)
    clusters, labels = (torch.randint(4, (60,), generator=draws) for _ in range(2))
    best = max(
        float((torch.tensor(order)[clusters] == labels).double().mean())
        for order in itertools.permutations(range(4))
    )
    assert probe.cluster_accuracy(clusters, labels, 4) == pytest.approx(best, abs=1e-12)
    assert probe.cluster_accuracy((labels + 1) % 4, labels, 4) == 1


# --- the modes


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run on lines and one on made images with labels."""
    at = tmp_path_factory.mktemp("runs")
    net = ["--network=networks/autoencoder32.py", "--network_args", "width=4", "code=8", "scales=2"]
    acai = ["--trainer=trainers/acai.py", "--acai=paper", "--max_steps=4", "--log_every=5"]
    drawn = ["--iterator=iterators/lines.py", "--iterator_args", "size=8", "n=40", "valid=10", "n_test=20"]
    shutil.rmtree(at)
    words = [f"--save_path={at}", "--cpu", "--batch_size=8", "--samples=4"]
    assert launcher(*words, *net, *acai, *drawn, "--name=lines") == 0
    train(at, *net, *acai, "--iterator=tests/made_parts.py", "--name=made")
    return at


@pytest.fixture
def mode(runs, tmp_path):
    def go(name, run, *words):
        shutil.copytree(runs / run, tmp_path / run, dirs_exist_ok=True)
        assert launcher(f"--save_path={tmp_path}", f"--name={run}", f"--mode={name}", "--cpu", *words) == 0
        return tmp_path / run / "s0"

    return go


def test_lines(mode):
    at = mode("lines", "lines", "--line_pairs=3", "--line_images=5")
    folder = at / "lines" / "mixup_step00000004"
    assert sorted(os.listdir(folder)) == ["all.png", "lines.json", *(f"pair_000{i}.png" for i in range(3))]
    assert Image.open(folder / "pair_0000.png").size == (5 * 50 + 2, 52)
    found = json.load(open(folder / "lines.json"))
    assert found["codes"]["walks"] == found["pixels"]["walks"] == 3 and found["images"] == 5
    results = [json.loads(line) for line in (at / "evaluations.jsonl").read_text().splitlines()]
    assert {r["name"]: r["value"] for r in results} == {
        "line distance": pytest.approx(found["codes"]["distance"]),
        "line smoothness": pytest.approx(found["codes"]["smoothness"], nan_ok=True),
    }


@pytest.mark.parametrize("whiten", (0, 1))
def test_cluster(mode, whiten, capsys):
    at = mode("cluster", "made", f"--whiten={whiten}", "--kmeans_starts=2")
    found = json.load(open(at / "clusters.json"))
    assert found["clusters"] == 3 and found["examples"] == {"train": 40, "test": 30}
    assert 1 / 3 <= found["accuracy"]["test"] <= 1
    (result,) = [json.loads(line) for line in (at / "evaluations.jsonl").read_text().splitlines()]
    assert result["value"] == found["accuracy"]["test"]
    assert result["name"] == "cluster accuracy" + (", whitened" if whiten else "")
    assert f"accuracy on test {100 * result['value']:.2f}%" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name, run, words, message",
    [
        ("lines", "made", [], "use --iterator=iterators/lines.py"),
        ("lines", "lines", ["--line_pairs=11"], "--line_pairs: given 11; must be at most 10"),
        ("cluster", "lines", ["--line_pairs=11"], "--line_pairs: --mode=cluster does not read it"),
    ],
)
def test_what_the_modes_are_not_for(mode, name, run, words, message):
    with pytest.raises(UserError, match=message):
        mode(name, run, *words)
