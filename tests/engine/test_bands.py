"""Bands: intervals against scipy's, what lies outside, the command, where a run and a report show them."""

import json
import os

import numpy as np
import pytest
from scipy import stats

from engine import bands
from eval.bands import main
from eval.report import main as report
from eval.reports import bands as making
from tests.running import train


def test_a_curve_is_the_prediction_interval_of_one_more_run():
    values = {step: [1.0 + step, 2.0 + step, 4.0 + step] for step in (0, 10, 20)}
    found = making.curve(values)
    assert found["steps"] == [0, 10, 20]
    for step, low, high in zip(*found.values()):
        mean, s = np.mean(values[step]), np.std(values[step], ddof=1)
        expected = stats.t.interval(0.95, 2, mean, s * np.sqrt(1 + 1 / 3))
        assert (low, high) == pytest.approx(expected, rel=1e-4)


def test_it_holds_one_more_run_in_95_of_100_steps():
    draw = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        values = {step: list(draw.normal(size=5)) for step in range(20)}
        found = making.curve(values)
        points = [(step, draw.normal()) for step in range(20)]
        inside += 1 - bands.outside(points, found)[0]
    assert 0.94 < inside / 200 < 0.99  # s of neighbours is surer than t(4) takes it to be


def test_deviations_are_averaged_over_neighbours_and_steps_are_thinned():
    values = {step: [0.0, 0.0] if step else [0.0, 2.0] for step in range(4)}
    found = making.curve(values)
    half = [(high - low) / 2 for low, high in zip(found["low"], found["high"])]
    width = stats.t.ppf(0.975, 1) * np.sqrt(1.5)
    # s^2 = 2 at step 0; windows are of 3, 4, 4 and 3 steps, the last without step 0
    assert half == pytest.approx([width * np.sqrt(2 / n) for n in (3, 4, 4)] + [0], rel=1e-3)
    found = making.curve({step: [0.0, 1.0] for step in range(1000)})
    assert len(found["steps"]) == making.MOST and (found["steps"][0], found["steps"][-1]) == (0, 999)


CURVE = {"steps": [0, 10], "low": [0.0, 10.0], "high": [2.0, 12.0]}


def test_what_lies_outside():
    assert bands.limits(CURVE, 5) == (5, 7) and bands.limits(CURVE, 10) == (10, 12)
    assert bands.limits(CURVE, 11) is None and bands.limits({"steps": [3], "low": [1], "high": [2]}, 3) == (
        1,
        2,
    )
    assert bands.outside([(0, 1.0), (5, 8.0), (10, float("nan")), (99, 0.0)], CURVE) == (2 / 3, 5)
    assert bands.outside([(99, 0.0)], CURVE) == (None, None)
    band = {"name": "x/y", "seeds": [0, 1], "curves": {"disc/real": CURVE, "gen/adv": CURVE}}
    records = [{"step": s, "disc/real": s + 1.0, "gen/adv": s + 5.0 * (s > 2)} for s in range(0, 11, 2)]
    said = "outside the band of x/y (2 seeds), 1 of 2 curves: gen/adv (67% of its records, from step 4)"
    assert bands.verdict(records, band) == said
    for record in records[3:]:
        record["gen/adv"] = record["step"] + 1
    assert bands.verdict(records, band) == "inside the band of x/y (2 seeds): 2 of 2 curves"  # one of six
    assert bands.verdict([{"step": 3}], band) == ""


def test_the_command_the_run_and_the_report(tmp_path, capsys):
    words = ("--log_every=1", "--max_steps=6", "--name=n")
    assert main([str(tmp_path / "n")]) == 3 and "eval.bands" in capsys.readouterr().err
    for seed in (0, 1, 2):
        assert train(tmp_path, *words, f"--seed={seed}") == 0
    assert "the band of" not in capsys.readouterr().out
    assert main([str(tmp_path / "n")]) == 0
    path = tmp_path / "n" / "band.json"
    assert f"{path}: " in capsys.readouterr().out
    band = json.loads(path.read_text())
    assert band["seeds"] == [0, 1, 2] and {"disc/real", "disc/fake", "gen/adv"} <= band["curves"].keys()
    assert train(tmp_path, *words, "--seed=3") == 0
    assert "the band of n (3 seeds)" in capsys.readouterr().out
    assert train(tmp_path, *words, "--seed=4", "--lr=0.05") == 0  # another run
    assert "the band of" not in capsys.readouterr().out
    for curve in band["curves"].values():
        curve["low"] = curve["high"] = [-1e6] * len(curve["steps"])
    path.write_text(json.dumps(band))
    assert train(tmp_path, *words, "--seed=5") == 0
    assert "outside the band of n (3 seeds)" in capsys.readouterr().out
    assert "outside the band" in (tmp_path / "n" / "s5" / "log.txt").read_text()
    assert report([str(tmp_path), "-o", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "s5: outside the band of n (3 seeds)" in page and ">band</span>" in page and "<li>s4:" not in page
    path.write_text("[")  # a damaged band is no reason to stop
    assert train(tmp_path, *words, "--seed=6") == 0


def test_runs_that_differ_in_more_than_their_seed_have_no_band(tmp_path, capsys):
    for seed, rate in ((0, "1e-3"), (1, "2e-3")):
        assert train(tmp_path, "--name=n", "--max_steps=2", f"--seed={seed}", f"--lr={rate}") == 0
    capsys.readouterr()
    assert main([str(tmp_path / "n")]) == 2
    assert "--lr is 0.002, that of n/s0 is 0.001; a band is of runs" in capsys.readouterr().err
    assert train(tmp_path, "--name=other", "--max_steps=2") == 0
    assert main([str(tmp_path / "other")]) == 2 and "1 finished runs; a band needs" in capsys.readouterr().err
    assert main([str(tmp_path)]) == 2 and "holds 2 experiments" in capsys.readouterr().err


def test_the_bands_of_the_project_are_whole():
    names = os.listdir(bands.FOLDER)
    assert "quickstart.json" in names
    for name in names:
        with open(os.path.join(bands.FOLDER, name), encoding="utf8") as file:
            band = json.load(file)
        assert bands.path_of(band["name"]) == os.path.join(bands.FOLDER, name) and len(band["seeds"]) >= 3
        for curve in band["curves"].values():
            assert len(curve["steps"]) == len(curve["low"]) == len(curve["high"]) > 1
            assert all(low <= high for low, high in zip(curve["low"], curve["high"]))
