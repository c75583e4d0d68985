"""The results file of a run: one writer, one table of directions."""

import json
import math
import multiprocessing
import os
import re

import filelock
import pytest

from engine import files
from engine import results as file
from engine.errors import UserError
from engine.results import Results
from eval.metrics import directions
from eval.metrics.results import append_result, write_results
from tests.conftest import ROOT
from tests.running import mode, train

FORK = multiprocessing.get_context("fork")  # they only write files


class Run:
    def __init__(self, folder):
        self.folder, self.results = str(folder), Results(str(folder))


def lines(folder):
    with open(os.path.join(folder, "evaluations.jsonl"), encoding="utf8") as text:
        return [json.loads(line) for line in text]


def test_a_result_replaces_the_older_one_of_its_step_and_name_alone(tmp_path):
    run = Run(tmp_path)
    for step, name, value in ((1, "a", 1.0), (1, "b", 2.0), (2, "a", 3.0), (1, "a", 4.0)):
        append_result(run, step, "fid", name, value, "10-test", split="test")
    assert [(r["step"], r["name"], r["value"]) for r in lines(tmp_path)] == [
        (1, "b", 2.0),
        (2, "a", 3.0),
        (1, "a", 4.0),
    ]
    assert run.results.read() == lines(tmp_path) and lines(tmp_path)[0]["split"] == "test"
    run.results.cut(1)
    assert [r["step"] for r in lines(tmp_path)] == [1, 1]


def test_a_value_that_is_not_finite_is_null(tmp_path):
    write_results(Run(tmp_path), 3, [{"metric": "w1", "name": "w1", "value": math.nan, "std": math.inf}])
    assert lines(tmp_path) == [{"step": 3, "metric": "w1", "name": "w1", "value": None, "std": None}]


def test_damaged_lines_are_set_aside_and_good_ones_stay(tmp_path, capsys):
    good, run = '{"step": 1, "name": "a", "value": 1.0}', Run(tmp_path)
    bad = [b'{"step": 2, "na', b"\xff\xfe", b"[1, 2]", b'{"name": "b"}', b'{"step": "3"}', b'{"step": true}']
    (tmp_path / "evaluations.jsonl").write_bytes(b"\n".join([*bad, good.encode()]))  # without a last line end
    assert [r["name"] for r in run.results.read()] == ["a"]
    append_result(run, 1, "fid", "c", 2.0, "p")
    assert [r["name"] for r in lines(tmp_path)] == ["a", "c"]
    assert (tmp_path / "evaluations.jsonl.damaged").read_bytes() == b"\n".join(bad) + b"\n"
    assert "6 damaged line(s) moved" in capsys.readouterr().err


def write_many(folder, first, go):
    go.wait()
    for i in range(first, first + 25):
        append_result(Run(folder), i, "fid", "a", float(i), "p")


def test_what_a_killed_writer_left_is_removed_and_a_passing_error_read_again(tmp_path, monkeypatch, capsys):
    run = Run(tmp_path)
    append_result(run, 1, "fid", "a", 1.0, "10-test", split="test")
    for name in ("evaluations.jsonl.tmp123", "evaluations.jsonl.tmp", "other.tmp123"):
        (tmp_path / name).write_text("half")
    stat, errors = files.os.stat, [5, 5]

    def broken(path, *args, **kwargs):
        if str(path).endswith("evaluations.jsonl") and errors:
            raise OSError(errors.pop(), "Input/output error", path)
        return stat(path, *args, **kwargs)

    monkeypatch.setattr(files, "PAUSES", (0, 0, 0))
    monkeypatch.setattr(files.os, "stat", broken)
    assert [r["name"] for r in run.results.read()] == ["a"] and not errors
    errors[:] = [5, 5]
    run.results.cut(1)
    assert [r["name"] for r in lines(tmp_path)] == ["a"]
    left = {name for name in os.listdir(tmp_path) if ".tmp" in name}
    assert left == {"evaluations.jsonl.tmp", "other.tmp123"}
    errors[:] = [5] * 9
    assert run.results.read() == [] and "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("flock", [True, False])
def test_processes_that_write_at_once_lose_nothing(tmp_path, flock):
    go = FORK.Event()
    target = write_many if flock else write_many_without_flock
    processes = [FORK.Process(target=target, args=(str(tmp_path), 25 * k, go)) for k in range(4)]
    for process in processes:
        process.start()
    go.set()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert sorted(r["step"] for r in lines(tmp_path)) == list(range(100))


def write_many_without_flock(folder, first, go):
    def refuse(*_):
        raise NotImplementedError("no flock")

    filelock.FileLock.acquire = refuse
    write_many(folder, first, go)


def test_a_lock_that_is_not_given_back_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(file, "WAIT", 0.2)
    with filelock.FileLock(str(tmp_path / "evaluations.jsonl.lock")):
        with pytest.raises(UserError, match="another process has been writing it for 0.2 s") as caught:
            append_result(Run(tmp_path), 1, "fid", "a", 1.0, "p")
    assert caught.value.exit_code == 2 and not (tmp_path / "evaluations.jsonl").exists()
    append_result(Run(tmp_path), 1, "fid", "a", 1.0, "p")
    assert len(lines(tmp_path)) == 1


def test_no_other_code_writes_the_file():
    """The name stands in one module; messages, help and docstrings aside."""
    found = []
    for folder in ("engine", "eval", "trainers", "iterators"):
        for top, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in (n for n in names if n.endswith(".py")):
                with open(os.path.join(top, name), encoding="utf8") as text:
                    if re.search(r"""["']evaluations\.jsonl["']""", text.read()):
                        found.append(os.path.relpath(os.path.join(top, name), ROOT))
    assert found == [os.path.join("engine", "results.py")]


# --- directions


def test_metrics_without_a_direction_are_refused(tmp_path):
    with pytest.raises(ValueError, match="niceness: its direction is unknown"):
        append_result(Run(tmp_path), 1, "niceness", "niceness", 1.0, "p")
    assert not (tmp_path / "evaluations.jsonl").exists()


def test_every_metric_of_the_evaluator_has_a_direction():
    import torch

    from eval.metrics import evaluate, extractors

    class Net(torch.nn.Module):
        def forward(self, images):
            x = images.flatten(1).float() / 255
            return {"features": x[:, :3], "logits": x}

    extractor = extractors.Extractor("net", Net(), "cpu", "none", "none", "a test's")
    images = torch.randint(256, (40, 1, 4, 4), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    data = {"train": images[:30], "test": images[30:]}
    found = evaluate.evaluate(lambda n: images[torch.arange(n) % 40], data, extractor, "20", evaluate.METRICS)
    better = {result["metric"]: directions.direction(result["metric"]) for result in found}
    assert better == {
        "fid": "lower",
        "is": "higher",
        "kid": "lower",
        "precision": "higher",
        "recall": "higher",
        "density": "higher",
        "coverage": "higher",
        "modes": "higher",
        "kl": "lower",
        "entropy": "higher",
        "confidence": "higher",
        "cmmd": "lower",
        "vendi": "higher",
        "fld": "lower",
        "memorised": "lower",
        "nearer": None,
    }
    assert better == {result["metric"]: directions.direction(result["title"]) for result in found}


def test_every_metric_of_translations_has_a_direction():
    from eval.modes import translation

    for metric, _ in translation.LINES.values():
        directions.check(metric)


@pytest.mark.parametrize(
    "key, better",
    [
        ("probe/test_acc", "higher"),
        ("disc_ema/test_error", "lower"),
        ("ae/valid_recon", "lower"),
        ("recon/test", "lower"),
        ("points/w1", "lower"),
        ("points/high_quality", "higher"),
        ("points/mode_mass_3", None),
        ("random NNC_e-", None),
        ("margin CLS_e-", "higher"),
        ("EGr_b", None),
        ("gen/adv", None),
    ],
)
def test_directions_of_keys(key, better):
    assert directions.direction(key) == better


# --- points


def test_evaluating_points_writes_results_that_tables_show(tmp_path, capsys):
    from eval.reports import tables

    words = ["--iterator_args", "size=1", "--network=networks/mlp.py"]
    assert train(tmp_path, *words, "--max_steps=6", "--save_every_steps=3") == 0
    for _ in range(2):  # evaluated again, results are replaced
        assert mode(tmp_path, "--mode=evaluate", "--at=all") == 0
    found = lines(tmp_path / "deleteme" / "s0")
    assert {r["step"] for r in found} == {3, 6} and len({(r["step"], r["name"]) for r in found}) == len(found)
    assert {"w1", "js", "mean", "std"} <= {r["metric"] for r in found}
    assert {r["checkpoint"] for r in found} == {"step_00000003.pt", "step_00000006.pt"}
    printed = capsys.readouterr().out
    assert tables.main([str(tmp_path), "--metric", "w1"]) == 0
    w1 = next(r for r in found if r["metric"] == "w1" and r["step"] == 6)
    assert f"step 6  w1 {w1['value']:.6g}" in printed and w1["n_fake"] == 5000
    assert f"| deleteme   | {tables.show(w1['value'])} (n=1)" in capsys.readouterr().out
