import csv
import io
import json
import math
import os
import re
import statistics
import subprocess
import sys

import pytest
from scipy import stats

from eval.metrics import directions
from eval.reports import runs, tables

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FD = "FD-classifier 1k-test"


def make_run(
    root,
    name,
    seed,
    values=None,
    state="finished",
    log=None,
    text="",
    metric="FD-classifier",
    protocol="1k-test",
    flags=None,
    step=None,
    **fields,
):
    """A run's folder under `root` as the launcher and the evaluator leave it.

    values: {step: value of the metric}; log: {step: {key: value}} of metrics.jsonl; fields: further ones of
    each evaluation.
    """
    folder = os.path.join(root, name, f"s{seed}")
    os.makedirs(os.path.join(folder, "samples"))
    values, log = values or {}, log or {}
    title = f"{metric} {protocol}"
    steps = sorted(set(values) | set(log))
    put(
        folder,
        "flags.json",
        json.dumps(
            {
                "name": name,
                "seed": seed,
                "save_path": str(root),
                "lr": 2e-4,
                "loss": "jsgan",
                "network": "networks/small.py",
            }
            | (flags or {})
        ),
    )
    put(
        folder,
        "metrics.jsonl",
        "".join(
            json.dumps({"step": s, **log.get(s, {}), **({f"eval/{title}": values[s]} if s in values else {})})
            + "\n"
            for s in steps
        ),
    )
    lines = [
        {
            "step": s,
            "metric": metric,
            "name": title,
            "value": v,
            "std": None,
            "extractor": "classifier",
            "sha256": "ab" * 32,
            "resize": "none",
            "protocol": protocol,
            "n_real": 1000,
            "n_fake": 1000,
            "split": "test",
            "ema": True,
            "seed": 0,
            "singular": False,
            "versions": {},
            "checkpoint": f"step_{s:08d}.pt",
        }
        | fields
        for s, v in values.items()
    ]
    with open(os.path.join(folder, "evaluations.jsonl"), "a", encoding="utf8") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
    at = steps[-1] if steps and step is None else step or 0
    put(
        folder,
        "status.json",
        json.dumps({"state": state, "step": at, "text": text or f"{state}: {at} steps"}),
    )
    put(folder, "log.txt", f"2024-01-01 00:00:00 start at step 0\n2024-01-01 00:00:09 {state}\n")
    return folder


def put(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf8") as file:
        file.write(text)


def many(root, name, last, **more):
    """One finished run for each value: its metric is twice as high at step 100, and the value at step 200."""
    for seed, value in enumerate(last):
        make_run(root, name, seed, {100: 2 * value, 200: value}, **more)


def tidy(capsys, *words):
    """The rows of the CSV, as dicts."""
    capsys.readouterr()
    assert tables.main([*map(str, words), "--format=csv"]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def said(capsys, *words, code=2):
    """The one line on stderr of a call that is refused."""
    capsys.readouterr()
    assert tables.main([*map(str, words)]) == code
    captured = capsys.readouterr()
    assert (
        captured.out == "" and captured.err.count("\n") == 1 and captured.err.startswith("eval.tables: ")
    ), captured
    return captured.err


# --- numbers


def test_mean_and_sample_std_by_hand():
    assert tables.mean_std([1.0, 2.0, 4.0, 5.0]) == (3.0, pytest.approx(math.sqrt(10 / 3), abs=1e-15))
    assert tables.mean_std([7.5]) == (7.5, None)
    assert tables.mean_std([]) == (None, None)
    assert tables.mean_std([1e8 + 1, 1e8 + 2, 1e8 + 3])[1] == 1.0


def test_paired_interval_is_scipys():
    a, b = {0: 3.0, 1: 5.0, 2: 4.5, 7: 100.0}, {0: 2.5, 1: 4.0, 2: 4.4, 8: -100.0}
    found = tables.difference(a, b)
    interval = stats.ttest_rel([3.0, 5.0, 4.5], [2.5, 4.0, 4.4]).confidence_interval(0.95)
    assert found.how == "paired by seed" and found.n == 3
    assert found.mean == pytest.approx(1.6 / 3, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert found.low < 0 < found.high and tables.verdict(found, "lower") == "not resolved"


def test_widths_of_intervals_of_three_seeds():
    """± 2.48 s_d for three pairs, s_d the deviation of differences; ± 2.27 s for twice three of std s."""
    found = tables.difference({0: 1.0, 1: 2.0, 2: 3.0}, {0: 0.0, 1: 0.0, 2: 0.0})
    assert found.high - found.mean == pytest.approx(2.484, abs=1e-3)
    found = tables.difference({0: 1.0, 1: 2.0, 2: 3.0}, {3: 0.0, 4: 1.0, 5: 2.0})
    assert found.high - found.mean == pytest.approx(2.267, abs=1e-3)


def test_welchs_interval_is_scipys():
    a, b = [10.0, 12.0, 11.0, 15.0], [5.0, 5.5, 9.0]
    # one seed in common is no pairing
    found = tables.difference(dict(enumerate(a)), dict(enumerate(b, start=3)))
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert found.how == "unpaired (Welch)" and found.n == "4 and 3"
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert tables.verdict(found, "lower") == "the first is higher, worse"
    assert tables.verdict(found, "higher") == "the first is higher, better"
    assert tables.verdict(found, None) == "the first is higher"
    assert tables.difference(dict(enumerate(a)), dict(enumerate(a)), pair=False).how == "unpaired (Welch)"


def test_differences_of_too_few_or_of_equal_values():
    alone = tables.difference({0: 2.0}, {0: 1.0})
    assert (
        alone.mean == 1.0
        and alone.low is None
        and "two seeds" in alone.how
        and tables.verdict(alone, "lower") == "–"
    )
    same = tables.difference({0: 2.0, 1: 3.0}, {0: 2.0, 1: 3.0})
    assert (same.low, same.high) == (0, 0) and tables.verdict(same, "lower") == "not resolved"
    constant = tables.difference({0: 2.0, 1: 2.0}, {2: 1.0, 3: 1.0})
    assert (constant.low, constant.high) == (1.0, 1.0)


@pytest.mark.parametrize(
    "mean, std, text",
    [
        (12.3456, 0.0456, "12.346 ± 0.046"),
        (12.3456, 1.26, "12.3 ± 1.3"),
        (4321.6, 234.6, "4322 ± 235"),
        (0.98765, None, "0.9877"),
        (0.0, None, "0"),
        (-3.14159, None, "-3.142"),
        (2e-7, None, "2e-07"),
        (5.0, 0.0, "5.000 ± 0.000"),
        (12.0, 1e-12, "12.0000 ± 1e-12"),
        (3e9, None, "3e+09"),
        (None, None, "–"),
    ],
)
def test_digits_follow_the_std(mean, std, text):
    assert tables.show(mean, std) == text


def test_spans_and_seed_lists():
    assert tables.spans([5, 0, 1, 2]) == "0-2, 5" and tables.spans([]) == ""
    assert tables.seeds("0-2,5, 7-8") == [0, 1, 2, 5, 7, 8]


@pytest.mark.parametrize(
    "name, better",
    [
        ("FID 50k-train", "lower"),
        ("FD-classifier 1k-test", "lower"),
        ("KID 10k-test", "lower"),
        ("IS 50k", "higher"),
        ("score-classifier 1k-test", "higher"),
        ("probe/test_acc", "higher"),
        ("precision 10k-test", "higher"),
        ("recall", "higher"),
        ("disc/real", None),
        ("gen/adv", None),
        ("fid precision", None),
    ],
)
def test_directions(name, better):
    assert directions.direction(name) == better


# --- means over seeds


def test_table_has_mean_std_n_min_max_last_and_best(tmp_path, capsys):
    for seed, values in enumerate(
        [
            {100: 30.0, 200: 10.0, 300: 11.0},
            {100: 28.0, 200: 14.0, 300: 12.0},
            {100: 26.0, 200: 12.0, 300: 16.0},
        ]
    ):
        make_run(tmp_path, "mnist/ae", seed, values)
    (row,) = tidy(capsys, tmp_path)
    assert (row["experiment"], row["metric"], row["n"], row["better"]) == ("mnist/ae", FD, "3", "lower")
    assert float(row["mean"]) == 13.0 and float(row["std"]) == pytest.approx(math.sqrt(7), abs=1e-12)
    assert (row["min"], row["max"], row["steps"]) == ("11.0", "16.0", "300")
    assert float(row["best_mean"]) == pytest.approx(34 / 3) and float(row["best_std"]) == pytest.approx(
        math.sqrt(4 / 3), abs=1e-12
    )
    assert (row["protocol"], row["extractor"], row["sha256"], row["n_fake"]) == (
        "1k-test",
        "classifier",
        "ab" * 32,
        "1000",
    )
    assert row["values"] == "0=11.0 1=12.0 2=16.0"
    assert tables.main([str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert (
        "| mnist/ae   | 13.0 ± 2.6 (n=3)        |" in text
        and "best step, chosen by this very value (optimistic)" in text
        and "11.3 ± 1.2" in text
    )


def test_best_is_labelled_and_may_be_chosen_by_another_metric(tmp_path, capsys):
    for seed, (valid, test) in enumerate(
        [([0.5, 0.9, 0.8], [0.6, 0.7, 0.75]), ([0.4, 0.6, 0.7], [0.9, 0.5, 0.6])]
    ):
        make_run(
            tmp_path,
            "ae",
            seed,
            log={s: {"probe/valid_acc": v, "probe/test_acc": t} for s, v, t in zip((1, 2, 3), valid, test)},
        )
    (own,) = tidy(capsys, tmp_path, "--metric", "probe/test_acc", "--pick=best")
    assert float(own["mean"]) == pytest.approx((0.75 + 0.9) / 2) and "optimistic" in own["pick"]
    (other,) = tidy(capsys, tmp_path, "--metric", "probe/test_acc", "--pick=best", "--by=probe/valid_acc")
    assert (
        float(other["mean"]) == pytest.approx((0.7 + 0.6) / 2)
        and other["pick"].endswith("chosen by probe/valid_acc")
        and other["steps"] == "2-3"
    )
    (fixed,) = tidy(capsys, tmp_path, "--metric", "probe/test_acc", "--pick=2")
    assert (
        float(fixed["mean"]) == pytest.approx((0.7 + 0.5) / 2)
        and fixed["best_mean"] == own["mean"]
        and fixed["pick"] == "step 2"
    )
    assert "--by: only used with --pick=best" in said(
        capsys, tmp_path, "--metric", "probe/test_acc", "--by=probe/valid_acc"
    )


def test_weighted_terms_are_shown_without_their_weights(tmp_path, capsys):
    """A sweep over a weight can be read: recon itself grows with it."""
    for lamb in (1.0, 10.0):
        make_run(tmp_path, f"lamb{lamb:g}", 0, log={5: {"ae/recon": 0.3 * lamb, "ae/recon_raw": 0.3}})
    for word in ("ae/recon", "ae/recon_raw", "ae/*"):
        rows = tidy(capsys, tmp_path, "--metric", word)
        assert [(row["metric"], float(row["mean"])) for row in rows] == 2 * [("ae/recon_raw", 0.3)]
    assert tables.main([str(tmp_path), "--metric", "ae/recon"]) == 0
    assert "- ae/recon_raw: the term without its weight." in capsys.readouterr().out
    make_run(tmp_path, "old", 0, log={5: {"ae/recon": 3.0}})  # of before there was the other
    rows = tidy(capsys, tmp_path, "--metric", "ae/recon")
    assert {row["metric"] for row in rows} == {"ae/recon"} and len(rows) == 3


def test_best_of_an_unknown_direction_must_be_told(tmp_path, capsys):
    make_run(tmp_path, "a", 0, log={1: {"gen/adv": 3.0}, 2: {"gen/adv": 1.0}, 3: {"gen/adv": 2.0}})
    assert "use --lower 'gen/adv' or --higher 'gen/adv'" in said(
        capsys, tmp_path, "--metric", "gen/adv", "--pick=best"
    )
    assert (
        tidy(capsys, tmp_path, "--metric", "gen/adv", "--pick=best", "--lower", "gen/adv")[0]["mean"] == "1.0"
    )
    assert (
        tidy(capsys, tmp_path, "--metric", "gen/adv", "--pick=best", "--higher", "gen/*")[0]["mean"] == "3.0"
    )
    assert tidy(capsys, tmp_path, "--metric", "gen/adv")[0]["best_mean"] == ""
    assert "--lower: given disc/adv; use one of 'gen/adv'" in said(
        capsys, tmp_path, "--metric", "gen/adv", "--lower", "disc/adv"
    )


def test_runs_left_out_are_named_with_their_state(tmp_path, capsys):
    many(tmp_path, "a", [10.0, 12.0])
    make_run(tmp_path, "a", 3, {100: 90.0}, state="failed", text="RuntimeError: out of memory")
    make_run(tmp_path, "a", 4, {100: 80.0}, state="diverged", text="50 updates in a row")
    folder = make_run(tmp_path, "a", 6, {100: 70.0}, state="running")
    for name in ("metrics.jsonl", "status.json"):
        os.utime(os.path.join(folder, name), (1e9, 1e9))
    os.remove(os.path.join(make_run(tmp_path, "a", 7), "status.json"))
    make_run(tmp_path, "a", 8)  # finished, but never evaluated
    make_run(tmp_path, "a", 9, {100: 20.0, 200: None})
    (row,) = tidy(capsys, tmp_path)
    assert (row["n"], row["mean"], row["missing_seeds"]) == ("2", "11.0", "2, 5")
    tables.main([str(tmp_path), "--seeds=0-10"])
    text = capsys.readouterr().out
    for line in (
        "a: seeds 2, 5, 10 missing",
        "a/s3: failed at step 100 (RuntimeError: out of memory)",
        "a/s4: diverged at step 100 (50 updates in a row)",
        "a/s7: unknown: no readable status.json",
        f"a/s8: {FD}: no value",
        f"a/s9: {FD}: not finite at step 200",
    ):
        assert f"- {line}\n" in text
    assert re.search(r"- a/s6: running at step 100, no sign of life for \d+\.\d h\n", text)
    (row,) = tidy(capsys, tmp_path, "--unfinished")
    assert row["n"] == "5" and float(row["mean"]) == pytest.approx((10 + 12 + 90 + 80 + 70) / 5)
    tables.main([str(tmp_path), "--unfinished"])
    text = capsys.readouterr().out
    assert "a/s3: counted although failed at step 100" in text
    assert f"a, {FD}: the last values are of differing steps: s0 at 200, s1 at 200, s3 at 100" in text


def test_experiments_that_end_at_unlike_steps_are_pointed_out(tmp_path, capsys):
    for name, step in (("a", 100), ("b", 300), ("c", 100)):
        for seed in (0, 1):
            make_run(tmp_path, name, seed, {100: 5.0, step: 4.0})
    said = f"{FD}: experiments end at unlike steps: 100 (a, c), 300 (b); --pick=100 compares at one step."
    assert tables.main([str(tmp_path)]) == 0 and said in capsys.readouterr().out
    assert tables.main([str(tmp_path), "--pick=100"]) == 0 and "unlike" not in capsys.readouterr().out


def test_steps_that_a_run_lacks(tmp_path, capsys):
    many(tmp_path, "a", [10.0, 12.0])
    make_run(tmp_path, "a", 2, {200: 14.0})
    (row,) = tidy(capsys, tmp_path, "--pick=100")
    assert (row["n"], row["mean"], row["left_out"]) == ("2", "22.0", "s2: no value at step 100")


# --- protocols do not mix


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("sha256", "cd" * 32, ["sha256 abababababab in a/s0-1", "sha256 cdcdcdcdcdcd in b/s0-1"]),
        ("extractor", "pixels", ["extractor classifier in a/s0-1", "extractor pixels in b/s0-1"]),
        ("n_fake", 500, ["n_fake 1000 in a/s0-1", "n_fake 500 in b/s0-1"]),
        ("resize", "bilinear", ["resize bilinear in b/s0-1"]),
        ("protocol", "1k-valid", ["protocol 1k-valid in b/s0-1"]),
        ("split", "train", ["split train in b/s0-1"]),
    ],
)
def test_one_column_refuses_to_mix(tmp_path, capsys, field, value, words):
    many(tmp_path, "a", [10.0, 12.0])
    many(tmp_path, "b", [1.0, 3.0])
    for seed in (0, 1):
        path = os.path.join(tmp_path, "b", f"s{seed}", "evaluations.jsonl")
        lines = [json.loads(line) | {field: value} for line in open(path, encoding="utf8")]
        put(os.path.dirname(path), "evaluations.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    text = said(capsys, tmp_path)
    assert all(word in text for word in words) and "--split" in text
    rows = tidy(capsys, tmp_path, "--split")
    assert len({row["metric"] for row in rows}) == 2 and all(field in row["metric"] for row in rows)
    assert {(row["experiment"], row["mean"]) for row in rows if row["n"] == "2"} == {
        ("a", "11.0"),
        ("b", "2.0"),
    }


def test_a_family_is_one_column_and_names_are_many(tmp_path, capsys):
    many(tmp_path, "a", [10.0, 12.0])
    many(tmp_path, "b", [1.0, 3.0], protocol="5k-train", n_fake=5000, split="train")
    text = said(capsys, tmp_path, "--metric", "fd-classifier")
    assert (
        "protocol 1k-test, split test, n_fake 1000 in a/s0-1; protocol 5k-train, split train, n_fake 5000 in "
        "b/s0-1" in text
    )
    assert [r["metric"] for r in tidy(capsys, tmp_path) if r["n"] == "2"] == [FD, "FD-classifier 5k-train"]
    assert [r["metric"] for r in tidy(capsys, tmp_path, "--metric", "FD*") if r["n"] == "2"] == [
        FD,
        "FD-classifier 5k-train",
    ]
    assert len({r["metric"] for r in tidy(capsys, tmp_path, "--metric", "fd-classifier", "--split")}) == 2


def test_a_value_without_a_protocol_does_not_join_those_with_one(tmp_path, capsys):
    many(tmp_path, "a", [10.0, 12.0])
    many(tmp_path, "b", [1.0, 3.0])
    for seed in (0, 1):
        os.remove(tmp_path / "b" / f"s{seed}" / "evaluations.jsonl")
    assert "protocol not recorded in b/s0-1" in said(capsys, tmp_path)
    (row,) = tidy(capsys, tmp_path / "b")  # alone they make a table, which says that nothing is recorded
    assert (row["metric"], row["mean"], row["protocol"]) == (FD, "2.0", "")


def test_an_evaluation_made_again_replaces_the_older_line(tmp_path, capsys):
    folder = make_run(tmp_path, "a", 0, {100: 10.0})
    with open(os.path.join(folder, "evaluations.jsonl"), encoding="utf8") as file:
        line = json.loads(file.readline())
    with open(os.path.join(folder, "evaluations.jsonl"), "a", encoding="utf8") as file:
        file.write(json.dumps(line | {"value": 9.0}) + "\n")
    assert tidy(capsys, tmp_path)[0]["mean"] == "9.0"
    with open(os.path.join(folder, "evaluations.jsonl"), "a", encoding="utf8") as file:
        file.write(json.dumps(line | {"value": 5.0, "sha256": "ef" * 32}) + "\n")
    assert "a/s0" in said(capsys, tmp_path)  # within one run, too


def test_averaged_generators_and_singular_covariances_are_pointed_out(tmp_path, capsys):
    many(tmp_path, "a", [10.0, 12.0], ema=False)
    many(tmp_path, "b", [1.0, 3.0], singular=True)
    tables.main([str(tmp_path)])
    text = capsys.readouterr().out
    assert (
        "of the averaged generator in b, of the plain one elsewhere" in text
        and "singular covariance (no more samples than features) in b" in text
    )


@pytest.mark.parametrize(
    "words, said",
    (
        ({"subset": 100}, True),
        ({"subset": 100, "subset_seed": 3}, True),
        ({}, False),
        ({"subset": 100, "subset_seed": "run"}, False),
        ({"valid": 10}, False),
    ),
)
def test_a_subset_that_all_seeds_share_is_pointed_out(tmp_path, capsys, words, said):
    for seed in range(3):
        make_run(tmp_path, "few", seed, {100: 5.0 + seed}, flags={"iterator_args": words})
    assert tables.main([str(tmp_path)]) in (0, None)
    assert ("All seeds of few share one subset" in capsys.readouterr().out) == said


def test_inner_std_is_kept_apart(tmp_path, capsys):
    make_run(tmp_path, "a", 0, {1: 8.0}, metric="IS", std=0.2)
    make_run(tmp_path, "a", 1, {1: 9.0}, metric="IS", std=0.4)
    (row,) = tidy(capsys, tmp_path)
    assert (
        float(row["std"]) == pytest.approx(math.sqrt(0.5))
        and float(row["inner_std_mean"]) == pytest.approx(0.3)
        and row["better"] == "higher"
    )


# --- what is on disk


def test_torn_lines_foreign_files_and_folders_in_between(tmp_path, capsys):
    many(tmp_path, "mnist_downstream/ae", [10.0, 12.0])
    for name in ("metrics.jsonl", "evaluations.jsonl"):
        with open(tmp_path / "mnist_downstream" / "ae" / "s1" / name, "ab") as file:
            file.write(b'[1, 2]\n"text"\n{"value": 3}\n{"step": 300, "metric": "FD-cl\xff')
    os.makedirs(tmp_path / "s5")  # named like a run, but empty
    os.makedirs(tmp_path / "notes" / "s1" / "old")
    put(tmp_path / "notes", "flags.json", "{}")
    put(make_run(tmp_path, "broken", 0), "flags.json", "{not json")
    (row,) = tidy(capsys, tmp_path)
    assert (row["experiment"], row["n"], row["mean"]) == ("mnist_downstream/ae", "2", "11.0")
    assert {str(run) for run in runs.find([str(tmp_path)])} == {
        "broken/s0",
        "mnist_downstream/ae/s0",
        "mnist_downstream/ae/s1",
    }


def test_a_run_has_one_name_whatever_folder_was_given(tmp_path, monkeypatch):
    make_run(tmp_path / "results", "mnist/ae", 0)
    make_run(tmp_path / "results", "mnist/ae", 1)
    for given in (
        ["results"],
        ["results/mnist"],
        ["results/mnist/ae"],
        ["results/mnist/ae/s0", "results/mnist/ae/s1"],
        [".", "results/mnist/ae/s0"],
    ):
        monkeypatch.chdir(tmp_path)
        assert [str(run) for run in runs.find(given)] == ["mnist/ae/s0", "mnist/ae/s1"]
    os.rename("results/mnist", "results/digits")  # the path counts where the flags no longer agree
    assert [str(run) for run in runs.find(["results"])] == ["digits/ae/s0", "digits/ae/s1"]
    assert [str(run) for run in runs.find(["results/digits/ae/s1"])] == ["ae/s1"]


def test_equal_names_from_two_folders_are_two_experiments(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    many("old", "a", [10.0, 12.0])
    many("new", "a", [1.0, 3.0])
    assert [(r["experiment"], r["mean"]) for r in tidy(capsys, "old", "new")] == [
        ("new/a", "2.0"),
        ("old/a", "11.0"),
    ]
    os.symlink("old", "again")
    assert [r["experiment"] for r in tidy(capsys, "old", "again")] == ["a"]


def test_links_are_followed_once(tmp_path, monkeypatch):
    make_run(tmp_path / "disk", "a", 0)
    os.makedirs(tmp_path / "results")
    os.symlink(tmp_path / "disk" / "a", tmp_path / "results" / "a")
    os.symlink(tmp_path / "results", tmp_path / "results" / "circle")
    assert [str(run) for run in runs.find([str(tmp_path / "results")])] == ["a/s0"]


def test_nothing_to_read(tmp_path, capsys):
    assert "no run there" in said(capsys, tmp_path, code=3)
    assert "no such folder" in said(capsys, tmp_path / "gone", code=3)
    make_run(tmp_path, "a", 0)
    assert "nothing has been logged yet" in said(capsys, tmp_path)
    make_run(tmp_path, "a", 1, log={1: {"gen/adv": 1.0, "disc/real": 2.0}})
    assert "no run has a score; use one of disc/real, gen/adv" in said(capsys, tmp_path)
    assert "--metric: gen/adb: no run has it; use 'gen/adv'" in said(capsys, tmp_path, "--metric", "gen/adb")


@pytest.mark.parametrize(
    "words, message",
    [
        (["--pick=worst"], "--pick: given 'worst'; must be last, best or a step"),
        (["--seeds=4-0"], "--seeds: given '4-0'"),
        (["--seeds=a"], "--seeds: given 'a'"),
        (["--format=html"], "--format: invalid choice"),
        (["--metrics", "x"], "--metrics: unknown flag; use --metric or another"),
        (["--compare", "a", "c"], "--compare: no experiment c; use a"),
        (["--compare", "a"], "--compare: expected 2 arguments"),
        (["-o", "gone/x.md"], "-o: gone/x.md: No such file or directory"),
    ],
)
def test_bad_words(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    many("results", "a", [10.0, 12.0])
    assert message in said(capsys, "results", *words)


# --- published numbers


def test_published_numbers_are_those_of_their_sources():
    found = {(e.experiment, e.metric): e for e in tables.read_published(tables.PUBLISHED)}
    numbers = {key: (e.value, e.std, e.runs) for key, e in found.items()}
    mixup = {
        key: value
        for key, value in numbers.items()
        if key[0] in ("baseline_specnorm", "baseline_specnorm_hinge", "visible_dnorm0_specnorm")
    }
    assert mixup == {
        ("baseline_specnorm", "IS"): (7.94, 0.08, 3),
        ("baseline_specnorm", "FID"): (21.7, None, 3),
        ("baseline_specnorm_hinge", "IS"): (7.97, 0.10, 3),
        ("baseline_specnorm_hinge", "FID"): (22.2, None, 3),
        ("visible_dnorm0_specnorm", "IS"): (8.0, 0.08, None),
        ("visible_dnorm0_specnorm", "FID"): (21.5, None, None),
    }
    assert {found[key].protocol for key in mixup} == {"not stated"}
    # some of the others: Lin et al. 2018, Table 1; the README of jeffdonahue/bigan
    assert numbers["bigan/official", "EGr"] == (5.95, None, 1) and all(
        e.protocol and e.source for e in found.values()
    )


def test_published_numbers_stand_beside_ours_with_their_protocol(tmp_path, capsys):
    many(tmp_path, "baseline_specnorm", [20.0, 22.0, 24.0], metric="FID", protocol="50k-train")
    tables.main([str(tmp_path)])
    text = capsys.readouterr().out
    assert "| 22.0 ± 2.0 (n=3)" in text and "21.7 (3 runs, protocol not stated)" in text
    # measured by no column
    assert "- baseline_specnorm: IS 7.94 ± 0.08 (3 runs, protocol not stated); README of" in text
    tables.main([str(tmp_path), "--published", ""])
    assert "21.7" not in capsys.readouterr().out


def test_published_files_and_the_rule_of_agreement(tmp_path, capsys):
    many(tmp_path, "a", [20.0, 22.0, 24.0])  # mean 22, std 2; theirs 25 ± 1: |3| <= 2 sqrt(4/3 + 1) = 3.06
    put(
        tmp_path,
        "p.csv",
        f"experiment,metric,value,std,runs,protocol,source\na,{FD},25,1,5,1k-test,a "
        "paper\na,fd-classifier,25.1,1,,1k-test,another\na,FD-classifier,25,1,5,,a third\n",
    )
    tables.main([str(tmp_path), "--published", str(tmp_path / "p.csv")])
    text = capsys.readouterr().out
    assert (
        "25.0 ± 1.0 (5 runs, protocol 1k-test); ours agrees" in text
        and "25.1 ± 1.0 (runs not stated, protocol 1k-test); ours differs" in text
    )
    assert "(5 runs, protocol not stated) " in text  # and no word on agreement
    rows = tidy(capsys, tmp_path, "--published", tmp_path / "p.csv")
    assert [(r["published"], r["published_source"]) for r in rows] == [
        ("25.0", "a paper"),
        ("25.1", "another"),
        ("25.0", "a third"),
    ]


@pytest.mark.parametrize(
    "name, text, message, code",
    [
        ("p.json", "[", "not readable", 2),
        ("p.json", "{}", "must be a list of objects", 2),
        (
            "p.json",
            '[{"experiment": "a", "metric": "FID", "value": "low"}]',
            "entry 1: value: given 'low'",
            2,
        ),
        ("p.json", '[{"experiment": "a", "metric": "FID"}]', "entry 1: value is missing", 2),
        ("p.json", '[{"fid": 3}]', "entry 1: given {'fid': 3}", 2),
        ("p.csv", "experiment,metric,value\na,FID,1,2\n", "entry 1: given", 2),
        ("gone.json", None, "No such file", 3),
    ],
)
def test_bad_published_files(tmp_path, capsys, name, text, message, code):
    many(tmp_path, "a", [10.0, 12.0])
    if text is not None:
        put(tmp_path, name, text)
    assert message in said(capsys, tmp_path, "--published", tmp_path / name, code=code)


# --- differences


def test_compare_in_every_form(tmp_path, capsys):
    many(tmp_path, "plain", [20.0, 22.0, 24.5])
    many(tmp_path, "mixup", [18.0, 20.5, 22.0])
    make_run(tmp_path, "mixup", 5, {200: 50.0})
    interval = stats.ttest_rel([18.0, 20.5, 22.0], [20.0, 22.0, 24.5]).confidence_interval(0.95)
    (row,) = tidy(capsys, tmp_path, "--compare", "mixup", "plain")
    assert (row["a"], row["b"], row["how"], row["n"], row["verdict"], row["seeds_left_out"]) == (
        "mixup",
        "plain",
        "paired by seed",
        "3",
        "mixup is lower, better",
        "5",
    )
    assert (float(row["mean_difference"]), float(row["low"]), float(row["high"])) == pytest.approx(
        (-2.0, interval.low, interval.high), abs=1e-9
    )
    a, b = [18.0, 20.5, 22.0], [20.0, 22.0, 24.5]
    covariance = statistics.covariance(a, b)
    saved = 2 * covariance / (statistics.variance(a) + statistics.variance(b))
    assert float(row["variance_saved"]) == pytest.approx(saved, abs=1e-9) and saved > 0.9
    (row,) = tidy(capsys, tmp_path, "--compare", "mixup", "plain", "--unpaired")
    assert (
        row["variance_saved"] == ""
        and row["how"] == "unpaired (Welch)"
        and row["verdict"] == "not resolved"
        and row["n"] == "4 and 3"
    )
    tables.main([str(tmp_path), "--compare", "mixup", "plain"])
    text = capsys.readouterr().out
    assert (
        "| mixup − plain | FD-classifier 1k-test | paired by seed | 3 | -2.0            | [-3.2, -0.8] | "
        "97%              | mixup is lower, better |" in text
    )
    assert "seeds of one side alone left out: 5" in text


def test_what_pairing_saves_and_costs():
    seeds = lambda *values: dict(enumerate(values))
    assert tables.difference(seeds(1.0, 2, 4), seeds(3.0, 4, 6)).saved == pytest.approx(1)
    assert tables.difference(seeds(1.0, 2, 3), seeds(3.0, 2, 1)).saved == pytest.approx(-1)
    assert tables.difference(seeds(1.0, 2, 1, 2), seeds(1.0, 1, 2, 2)).saved == pytest.approx(0)
    assert tables.difference(seeds(1.0, 1), seeds(2.0, 2)).saved is None  # nothing to save
    assert tables.difference(seeds(1.0, 2), {5: 2.0, 6: 3.0}).saved is None


def test_compare_with_a_side_that_has_no_value_yet(tmp_path, capsys):
    many(tmp_path, "a", [10.0, 12.0])
    many(tmp_path, "b", [1.0, 3.0], state="running")
    many(tmp_path, "c", [1.0, 3.0], state="running", metric="KID")
    (row,) = tidy(capsys, tmp_path, "--compare", "a", "b")
    assert (row["how"], row["n"], row["mean_difference"], row["low"], row["verdict"]) == (
        "no value of b",
        "2 and 0",
        "",
        "",
        "–",
    )
    (row,) = tidy(capsys, tmp_path, "--compare", "b", "c")
    assert (row["how"], row["n"]) == ("no value of either", "0 and 0")
    assert (
        tables.main([str(tmp_path), "--compare", "b", "a"]) == 0
        and "| no value of b | 0 and 2 | –" in capsys.readouterr().out
    )


def test_names_sort_as_people_count(tmp_path):
    for name in ("lr_10", "lr_2", "a²"):
        make_run(tmp_path, name, 0)
    assert [run.name for run in runs.find([str(tmp_path)])] == ["a²", "lr_2", "lr_10"]


# --- forms


def test_markdown_is_a_table_that_odd_names_do_not_break(tmp_path, capsys):
    many(tmp_path, "a|b*c", [10.0, 12.0])
    tables.main([str(tmp_path)])
    text = capsys.readouterr().out
    assert r"a\|b\*c" in text
    for line in (line for line in text.splitlines() if line.startswith("| a")):
        header = next(h for h in text.splitlines() if h.startswith("| experiment"))
        assert len(re.findall(r"(?<!\\)\|", line)) >= len(re.findall(r"(?<!\\)\|", header)) - 8


def test_latex_is_escaped_and_balanced(tmp_path, capsys):
    many(tmp_path, "sn_50%&{x}$#^~", [10.0, 12.0])
    many(tmp_path, "plain", [11.0, 13.0])
    assert tables.main([str(tmp_path), "--format=latex", "--compare", "sn_50%&{x}$#^~", "plain"]) == 0
    text = capsys.readouterr().out
    assert r"sn\_50\%\&\{x\}\$\#\textasciicircum{}\textasciitilde{} & 11.0 $\pm$ 1.4 (n=2) \\" in text
    assert (
        text.count(r"\begin{tabular}")
        == text.count(r"\end{tabular}")
        == text.count(r"\toprule")
        == text.count(r"\bottomrule")
        == 4
    )
    assert "$-$1.0" in text and "±" not in "".join(
        line for line in text.splitlines() if not line.startswith("%")
    )
    for block in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end", text, re.S):
        assert {
            len(re.findall(r"(?<!\\)&", line)) + 1 for line in block[1].splitlines() if line.endswith(r"\\")
        } == {len(block[0])}


def test_files_take_their_form_from_their_name(tmp_path, capsys):
    many(tmp_path, "a", [10.0, 12.0])
    for name, start in (
        ("t.md", "## Means"),
        ("t.tex", "% \\usepackage{booktabs}"),
        ("t.csv", "experiment,metric"),
        ("t.txt", "## Means"),
    ):
        assert tables.main([str(tmp_path), "-o", str(tmp_path / name)]) == 0
        assert open(tmp_path / name, encoding="utf8").read().startswith(start)
    assert not [n for n in os.listdir(tmp_path) if ".tmp" in n]


def test_the_command_needs_no_torch(tmp_path):
    many(tmp_path, "a", [10.0, 12.0])
    code = (
        f"import sys; from eval import tables; code = tables.main([{str(tmp_path)!r}]); "
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "11.0 ± 1.4 (n=2)" in done.stdout, done.stderr


def test_a_metric_that_one_run_has_in_several_kinds_is_several_columns(tmp_path, capsys):
    """docs/amr.md: --metric "probe accuracy" is of the codes, an untrained encoder and PCA."""
    kinds = {"codes": 0.9, "random encoder": 0.7, "PCA": 0.8}
    for seed in (0, 1):
        folder = make_run(tmp_path, "plain", seed, log={1: {"probe/test_acc": 0.5}})
        lines = [
            {"step": 1, "metric": "probe accuracy", "name": f"probe accuracy, {kind}", "value": value + seed}
            | {"protocol": f"frozen {kind}"}
            for kind, value in kinds.items()
        ]
        put(folder, "evaluations.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    rows = tidy(capsys, tmp_path, "--metric", "probe accuracy", "probe/test_acc")
    assert {row["metric"]: float(row["mean"]) for row in rows} == pytest.approx(
        {f"probe accuracy, {kind}": value + 0.5 for kind, value in kinds.items()} | {"probe/test_acc": 0.5}
    )
    assert {row["better"] for row in rows} == {"higher"}
    (row,) = tidy(capsys, tmp_path, "--metric", "probe accuracy, codes")  # as the advice names one
    assert float(row["mean"]) == pytest.approx(1.4)
