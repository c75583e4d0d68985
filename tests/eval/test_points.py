"""Measures and pictures of points, the animation, and that both survive interruptions bit for bit."""

import contextlib
import filecmp
import json
import math
import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from engine import pictures
from engine.errors import MissingError, UserError
from eval.modes.points import Points, are
from iterators import points1d, points2d
from iterators.common import DataIterator
from tests.faults import inject
from tests.running import SMALL, mode, train

ARGS = SimpleNamespace(
    seed=0, steps_per_epoch=5, save_images_every=2, data_shape=[1, 1, 1], standing_stats=0, ema=0.0
)
# the launcher's small flags, on points
LINE = ["--iterator_args", "size=1", "--network=networks/mlp.py"]


class Fake(torch.nn.Module):
    """A trainer whose samples are given points in turn, and whose D is a logistic function of the first
    coordinate."""

    probability = None

    def __init__(self, points, d=True):
        super().__init__()
        self.points, self.one = (
            torch.as_tensor(points, dtype=torch.float32).reshape(len(points), 1, 1, -1),
            torch.nn.Parameter(torch.ones(())),
        )
        if d:
            self.probability = lambda x: torch.sigmoid(4 * x.flatten(1)[:, 0])

    def evaluating(self):
        return torch.no_grad()

    def sample(self, n):
        return self.points[torch.arange(n) % len(self.points)]


@pytest.fixture(scope="module")
def line():
    return Points(points1d.get_iterators(64), ARGS)


@pytest.fixture(scope="module")
def grid():
    return Points(points2d.get_iterators(64, layout="grid", n=5000, n_test=5000), ARGS)


def test_what_points_are():
    assert (
        are((1, 1, 1))
        and are([1, 1, 2])
        and not are((1, 1, 3))
        and not are((1, 2, 1))
        and not are((3, 1, 1))
        and not are((1, 28, 28))
    )


def test_measures_of_the_line(line):
    same = line.measure(line.real)
    assert (
        (same["w1"], same["js"]) == (0, 0)
        and same["mean"] == line.real.mean()
        and same["std"] == line.real.std()
    )
    assert line.measure(line.real + 0.25)["w1"] == pytest.approx(0.25, abs=1e-12)
    assert line.measure(line.real + 5)["js"] == pytest.approx(math.log(2), abs=1e-12)
    # 5,000 points against 5,000 others of the same distribution are about 0.01 apart
    assert 0.001 < line.measure(line.some)["w1"] < 0.015 and line.measure(line.some)["js"] < 0.003


def test_masses_of_modes(line):
    centres, sigma = line.mixture["centres"].flatten().numpy(), line.mixture["sigma"].numpy()
    assert line.measure(np.repeat(centres, (3, 1))[:, None])["mode_mass_0"] == 0.75
    # the border lies where both are equally many deviations away
    border = (centres[0] * sigma[1] + centres[1] * sigma[0]) / sigma.sum()
    x = np.array([border - 1e-3, border - 0.2, border + 1e-3])[:, None]
    found = line.measure(x)
    assert (found["mode_mass_0"], found["mode_mass_1"]) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert "mode_mass_0" not in Points(points1d.get_iterators(64, data="gaussian"), ARGS).measure(x)


@pytest.mark.parametrize(
    "layout, share",
    [
        ("grid", 1 - math.exp(-4.5)),
        ("ring", 1 - math.exp(-4.5)),
        ("square", 1 - math.exp(-4)),
        ("plus", 1 - math.exp(-4)),
        ("sine", 1 - math.exp(-4)),
    ],
)
def test_perfect_samples_have_the_analytic_share(layout, share):
    """1 - exp(-r^2 / 2) of round Gaussians lies within r deviations; all modes are covered, equally."""
    made = points2d.get_iterators(100, layout=layout, n=40_000, n_test=40_000)
    found = Points(made, ARGS).measure(made["test"].source.tensors["x"].flatten(1).numpy())
    assert found["modes"] == len(made["train"].mixture["centres"])
    assert (
        found["high_quality"] == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 40_000))
        and found["reverse_kl"] < 1e-3
    )


def test_measures_of_made_points(grid):
    centres, sigma = grid.mixture["centres"].numpy(), grid.mixture["sigma"]
    found = grid.measure(centres)
    assert found == {"modes": 25, "high_quality": 1, "reverse_kl": pytest.approx(0, abs=1e-12)}
    found = grid.measure(np.repeat(centres[:5], 4, 0))
    assert found == {"modes": 5, "high_quality": 1, "reverse_kl": pytest.approx(math.log(5))}
    inside, outside = centres[:10] + [2.999 * sigma, 0], centres[:10] + [0, 3.001 * sigma]
    assert grid.measure(np.concatenate([inside, outside])) == {
        "modes": 10,
        "high_quality": 0.5,
        "reverse_kl": pytest.approx(math.log(2.5)),
    }
    assert math.isnan(grid.measure(outside)["reverse_kl"]) and grid.measure(outside)["modes"] == 0
    # Dist-GAN's rule: twenty points make a mode
    square = Points(points2d.get_iterators(64, layout="square", n=500, n_test=500), ARGS)
    centre = square.mixture["centres"][:2].numpy()
    assert square.measure(np.repeat(centre, (20, 19), 0))["modes"] == 1


@pytest.mark.parametrize(
    "layout, n", [("ring", 2500), ("grid", 2500), ("square", 2000), ("plus", 2000), ("sine", 2000)]
)
def test_each_protocol_has_its_number_of_samples(layout, n):
    measured = Points(points2d.get_iterators(64, layout=layout, n=4000, n_test=500), ARGS)
    assert len(measured.draw(Sampler())) == len(measured.some) == n
    assert measured.describe().startswith(f"points: {n} samples are measured")
    names = [result["name"] for result in measured.results(measured.measure(measured.some), "c")]
    assert names[0] == f"modes 500-{n // 1000}k-test" or names[0] == f"modes 500-{n}-test"
    bare = DataIterator({"x": torch.zeros(10, 1, 1, 2)}, 5)
    assert Points({"train": bare}, ARGS).n == 2500


class Sampler(torch.nn.Module):
    """A trainer that draws the origin."""

    @contextlib.contextmanager
    def evaluating(self):
        yield

    def sample(self, n):
        return torch.zeros(n, 1, 1, 2)


def test_points_that_are_not_finite_are_measured_as_no_number(line, grid):
    for points in (line, grid):
        x = points.some.copy()
        x[3, 0] = math.inf
        found = points.measure(x)
        assert found.keys() == points.measure(points.some).keys() and all(
            math.isnan(v) for v in found.values()
        )
        assert points.picture(Fake(x), 7).size == (480, 400)


def test_the_event_measures_when_a_picture_is_due_and_the_same_points_each_time(line):
    every, measure = line.event(Fake(line.some))
    assert every == 10
    state = torch.get_rng_state()
    found = measure(10)
    assert torch.equal(state, torch.get_rng_state()) and set(found) == {
        "points/" + n for n in ("w1", "js", "mean", "std", "mode_mass_0", "mode_mass_1")
    }
    assert found == measure(20) and found["points/w1"] == pytest.approx(
        line.measure(line.some)["w1"], abs=1e-6
    )
    args = SimpleNamespace(**vars(ARGS) | {"save_images_every": 0})
    assert Points(points1d.get_iterators(64, n=100, n_test=100), args).event(None)[0] == math.inf


def pixels(picture, colour, away=40):
    """How many pixels are near a colour, and their mean column and row."""
    array = np.asarray(picture).astype(int)
    rows, columns = (np.abs(array - colour).sum(2) < away).nonzero()
    return len(rows), columns.mean() if len(rows) else None, rows.mean() if len(rows) else None


def test_the_picture_of_the_line_shows_samples_and_d(line):
    left, right = (line.picture(Fake(np.full((10, 1), at)), 5) for at in (-0.5, 0.5))
    blue = (99, 144, 188)
    a, b = pixels(left, blue), pixels(right, blue)
    assert a[0] > 50 and b[0] > 50 and b[1] - a[1] > 60
    orange = (224, 112, 32)
    assert pixels(left, orange)[0] > 200 and pixels(line.picture(Fake(line.some, d=False), 5), orange)[0] == 0
    assert (
        line.picture(Fake(line.some), 5).tobytes()
        == line.picture(Fake(line.some), 5).tobytes()
        != line.picture(Fake(line.some), 6).tobytes()
    )


def test_the_picture_of_the_plane_shows_samples_and_d(grid):
    high, low = (grid.picture(Fake(np.tile([[0.5, y]], (10, 1))), 5) for y in (3.0, -3.0))
    assert high.tobytes() != low.tobytes()
    with_d, without = grid.picture(Fake(grid.some), 5), grid.picture(Fake(grid.some, d=False), 5)
    white = lambda picture: pixels(picture, (255, 255, 255), 1)[0]
    assert white(with_d) < white(without) - 20_000


def test_points_without_a_mixture_are_drawn_and_measured_by_what_needs_none():
    for d, names in ((1, {"w1", "js", "mean", "std"}), (2, set())):
        draw = torch.Generator().manual_seed(0)
        points = Points({"train": DataIterator({"x": torch.rand(50, 1, 1, d, generator=draw)}, 10)}, ARGS)
        assert (
            points.split == "train"
            and set(points.measure(points.some)) == names
            and points.picture(Fake(points.some), 1).size == (480, 400)
        )


def frames_of(path):
    with Image.open(path) as picture:
        seen = []
        for k in range(picture.n_frames):
            picture.seek(k)
            seen.append(picture.convert("RGB").tobytes())
        return seen, picture.size, picture.info["duration"]


def test_a_run_leaves_pictures_measures_and_an_animation(tmp_path):
    assert train(tmp_path, *LINE, "--max_steps=23") == 0
    run = tmp_path / "deleteme" / "s0"
    assert sorted(os.listdir(run / "samples")) == [f"step_{step:08d}.png" for step in (5, 10, 15, 20, 23)]
    frames, size, last = frames_of(run / "animation.gif")
    assert (
        len(frames) == len(set(frames)) == 5
        and size == Image.open(run / "samples" / "step_00000005.png").size
        and last == 1000
    )
    for frame, step in zip(frames, (5, 10, 15, 20, 23)):  # each shows its picture, as well as 128 colours can
        there = np.asarray(Image.open(run / "samples" / f"step_{step:08d}.png")).astype(int).ravel()
        assert np.abs(np.frombuffer(frame, np.uint8) - there).mean() < 3
    records = [json.loads(line) for line in open(run / "metrics.jsonl")]
    assert [r["step"] for r in records if "points/w1" in r] == [5, 10, 15, 20, 23]
    assert "measured against 40 of test" in open(run / "log.txt").read()


def test_the_modes_serve_points_or_say_why_not(tmp_path, capsys):
    assert train(tmp_path, *LINE, "--max_steps=10", "--save_every_steps=5") == 0
    run = tmp_path / "deleteme" / "s0"
    os.remove(run / "animation.gif")
    assert mode(tmp_path, "--mode=animate", "--cpu") == 0 and len(frames_of(run / "animation.gif")[0]) == 2
    assert mode(tmp_path, "--mode=sample", "--samples=7", f"--out={tmp_path}/points.npz", "--cpu") == 0
    assert np.load(tmp_path / "points.npz")["points"].shape == (7, 1)
    assert mode(tmp_path, "--mode=sample", f"--out={tmp_path}/points.png", "--cpu") == 0
    assert filecmp.cmp(tmp_path / "points.png", run / "samples" / "step_00000010.png", shallow=False)
    capsys.readouterr()
    assert mode(tmp_path, "--mode=evaluate", "--at=all", "--cpu") == 0
    lines = capsys.readouterr().out.splitlines()
    logged = {
        r["step"]: r["points/w1"] for r in map(json.loads, open(run / "metrics.jsonl")) if "points/w1" in r
    }
    assert len(lines) == 3 and [f"step {step}  w1 {value:.6g}" for step, value in logged.items()] == [
        line.split("  js")[0] for line in lines[1:]
    ]
    for words, name in (
        (["--mode=interpolate"], "--mode=interpolate"),
        (["--mode=neighbours"], "--mode=neighbours"),
        (["--mode=sample", f"--out={tmp_path}/folder"], "--out"),
    ):
        with pytest.raises(UserError, match=f"{name}: .*points"):
            mode(tmp_path, *words, "--cpu")
    with pytest.raises(UserError, match="--eval_every: .*points"):
        train(tmp_path / "other", *LINE, "--max_steps=2", "--eval_every=1")


def test_animation_of_images_and_of_nothing(tmp_path):
    assert train(tmp_path, "--max_steps=10") == 0
    assert (
        not (tmp_path / "deleteme" / "s0" / "animation.gif").exists()
        and mode(tmp_path, "--mode=animate", "--cpu") == 0
    )
    assert len(frames_of(tmp_path / "deleteme" / "s0" / "animation.gif")[0]) == 2
    with pytest.raises(MissingError, match="no pictures"):
        pictures.animate(SimpleNamespace(samples=str(tmp_path / "none"), folder=str(tmp_path)), ARGS)


def assert_alike(a, b):
    """Two runs' records, pictures (those of `a`) and animations hold the same bytes."""
    for name in ["metrics.jsonl", "animation.gif"] + [
        os.path.join("samples", file) for file in os.listdir(a / "samples")
    ]:
        assert filecmp.cmp(a / name, b / name, shallow=False), name


def test_a_prolonged_run_has_the_pictures_of_an_unbroken_one(tmp_path):
    assert train(tmp_path, *LINE, "--max_steps=20", "--name=whole", "--ema=0.9") == 0
    for steps in (3, 7, 20):  # in mid-epoch: the picture of an earlier end is no frame
        assert (
            train(tmp_path, *LINE, f"--max_steps={steps}", "--name=parts", "--resume=auto", "--ema=0.9") == 0
        )
    assert_alike(tmp_path / "whole" / "s0", tmp_path / "parts" / "s0")


def test_a_killed_run_has_the_pictures_of_an_unbroken_one(tmp_path):
    words = [
        *SMALL,
        *LINE,
        f"--save_path={tmp_path}",
        "--max_steps=20",
        "--save_every_steps=3",
        "--resume=auto",
    ]
    assert inject.run([*words, "--name=whole"]) == 0
    for n in (3, 4, 12, 16):  # before the n-th rename: of a checkpoint, of pictures, of the animation
        assert (
            inject.run([*words, f"--name=broken{n}"], inject.at_call(os, "replace", n, inject.die))
            == -signal.SIGKILL
        )
        assert inject.run([*words, f"--name=broken{n}"]) == 0
        assert_alike(tmp_path / "whole" / "s0", tmp_path / f"broken{n}" / "s0")
