"""--log_to: what files get, and that none of them can stop a run."""

import importlib.util
import json
import os
import re
import sys
import types

import pytest

from engine.errors import MissingError, UserError
from tests.running import SMALL, assert_equal, launch, newest, train

FILE = """
import json, os
def start(folder, flags, step):
    return [open(os.path.join(folder, "elsewhere.jsonl"), "a"), flags["loss"], step]
def log(session, step, values, pictures):
    print(json.dumps([step, values, {n: os.path.basename(p) for n, p in pictures.items()}]), file=session[0])
def stop(session, state):
    print(json.dumps([session[1:], state]), file=session[0])
    session[0].close()
"""


def lines(folder):
    return [json.loads(line) for line in (folder / "deleteme/s0/elsewhere.jsonl").read_text().splitlines()]


def test_a_file_gets_records_and_pictures_and_the_run_keeps_its_bits(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    assert train(tmp_path / "a", "--max_steps=4", "--health=4", f"--log_to={tmp_path / 'mine.py'}") == 0
    assert train(tmp_path / "b", "--max_steps=4", "--health=4") == 0
    assert_equal(newest(tmp_path / "a"), newest(tmp_path / "b"))
    *logged, last = lines(tmp_path / "a")
    assert last == [["jsgan", 0], "finished"]
    together = {}
    for step, values, _ in logged:
        together.setdefault(step, {}).update(values)
    records = (tmp_path / "b/deleteme/s0/metrics.jsonl").read_text().splitlines()
    assert [{"step": s} | v for s, v in together.items()] == [json.loads(line) for line in records]
    assert logged[-1] == [4, {}, {"samples": "step_00000004.png"}]


def test_a_run_that_goes_on_starts_again_and_a_finished_one_does_not(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    words = "--resume=auto", f"--log_to={tmp_path / 'mine.py'}"
    for steps in (2, 4, 4):
        assert train(tmp_path, f"--max_steps={steps}", *words) == 0
    assert [line for line in lines(tmp_path) if len(line) == 2] == [
        [["jsgan", 0], "finished"],
        [["jsgan", 2], "finished"],
    ]


@pytest.mark.parametrize(
    "broken, said",
    (
        ("def start(folder, flags, step): import not_there", "start of .* failed .ModuleNotFoundError"),
        ("def log(session, step, values, pictures): raise SystemExit(9)", "log of .* failed .SystemExit: 9"),
        ("def stop(session, state): 1 / 0", "stop of .* failed .ZeroDivisionError"),
    ),
)
def test_what_fails_is_a_warning(tmp_path, capsys, broken, said):
    (tmp_path / "mine.py").write_text(FILE + broken)
    assert train(tmp_path, "--max_steps=12", "--log_every=1", f"--log_to={tmp_path / 'mine.py'}") == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if "--log_to" in line]
    assert len(warned) == (3 if "log of" in said else 1) and warned[-1].endswith(
        "training goes on without it"
    )
    assert all(re.search(said, line) for line in warned)


def test_a_file_that_is_none_is_refused_before_training(tmp_path):
    with pytest.raises(MissingError, match="--log_to: no file"):
        train(tmp_path, "--max_steps=1", "--log_to=none.py")
    (tmp_path / "half.py").write_text("def start(folder, flags, step): pass\ndef log(*given): pass\n")
    with pytest.raises(UserError, match=r"--log_to: .*half.py has no function stop"):
        train(tmp_path, "--max_steps=1", f"--log_to={tmp_path / 'half.py'}")


def test_weights_and_biases_by_its_calls(tmp_path, monkeypatch):
    calls = []
    run = types.SimpleNamespace(
        log=lambda values: calls.append(values), finish=lambda exit_code: calls.append(exit_code)
    )
    fake = types.ModuleType("wandb")
    fake.init = lambda **given: calls.append(given) or run
    fake.Image = lambda path: ("image", path)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    assert train(tmp_path, "--max_steps=2", "--log_to=loggers/to_wandb.py") == 0
    first, *logged, last = calls
    assert first["resume"] == "allow" and first["config"]["batch_size"] == 8 and last == 0
    assert logged[0]["step"] == 2 and "gen/adv" in logged[0] and logged[-1]["samples"][0] == "image"
    assert os.environ["WANDB_MODE"] == "offline"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, made", [("wandb", "wandb/offline-run-*"), ("mlflow", "mlflow.db"), ("trackio", "trackio/*")]
)
def test_the_packages_themselves(tmp_path, name, made):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"loggers/to_{name}.py needs the package {name}")
    words = [*SMALL, f"--save_path={tmp_path}", "--max_steps=4", f"--log_to=loggers/to_{name}.py"]
    done = launch(*words)
    assert done.returncode == 0 and "--log_to" not in done.stderr
    assert list((tmp_path / "deleteme/s0").glob(made))


def test_the_example_of_the_page_runs(tmp_path):
    with open("docs/logging.md", encoding="utf8") as page:
        (tmp_path / "to_text.py").write_text(re.search(r"```python\n(.*?)```", page.read(), re.DOTALL)[1])
    assert train(tmp_path, "--max_steps=2", f"--log_to={tmp_path / 'to_text.py'}") == 0
    text = (tmp_path / "deleteme/s0/mine.txt").read_text().splitlines()
    assert text[0].startswith("2 ") and text[-2].endswith("step_00000002.png") and text[-1] == "finished"
