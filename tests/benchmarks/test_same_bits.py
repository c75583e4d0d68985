"""benchmarks/same_bits.py passes this checkout against itself, and reports what a changed copy computes."""

import json
import shutil
import subprocess
import sys

import pytest
import torch

from benchmarks import same_bits, same_bits_cases
from engine.errors import UserError
from tests.running import ROOT

DRAW = """

def beta_weights(*args, own=beta_weights):
    torch.rand(())
    return own(*args)
"""
DIES = """

class History(History):
    def visit(self, parameters):
        import os
        os._exit(3)
"""


def run(other, *patterns):
    """(exit code, lines) of the script."""
    command = [sys.executable, f"{ROOT}/benchmarks/same_bits.py", str(other), "--only", *patterns]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def append(path, text):
    path.write_text(path.read_text() + text)


def test_a_checkout_equals_itself():
    code, lines = run(ROOT, "exps/quickstart.sh", "gan: --loss=jsgan --mixup=vh2 --penalty r1=1 r2")
    assert code == 0 and len(lines) == 1, lines
    assert lines[0].startswith("2 cases, 1 of them the distinct settings of 1 scripts: 2 equal, 0 refused")


def test_a_changed_copy_is_reported_case_by_case(tmp_path):
    """One more draw in a mix; a process that dies; a script's flags, of which a case trains with some."""
    copy = tmp_path / "copy"
    left_out = shutil.ignore_patterns(".git", "__pycache__", "results", "data", "docs", ".venv")
    shutil.copytree(ROOT, copy, ignore=left_out)
    append(copy / "losses" / "mixing.py", DRAW)
    append(copy / "losses" / "averaging.py", DIES)
    script = copy / "exps" / "quickstart.sh"
    script.write_text(
        script.read_text().replace("--lr=5e-4", "--lr=4e-4").replace("--epochs=100", "--epochs=90")
    )
    shutil.copy(script, copy / "exps" / "quickstart_gone.sh")
    patterns = ["--mixup=vh2 --penalty r1=1 r2", "gan: --penalty r1=1", "gan: --historical_averaging=1 --pen"]
    code, lines = run(
        copy, *(f"gan: --loss=jsgan {p}" if "vh2" in p else p for p in patterns), "exps/quickstart"
    )
    differing = {line[13:].split(": ")[0]: line for line in lines if line.startswith("differ")}
    text = "\n".join(lines)
    assert code == 1 and lines[-1].startswith(
        "5 cases, 1 of them the distinct settings of 1 scripts: 2 equal, 0"
    )
    assert "exps/quickstart_gone.sh: gone" in text
    assert "exps/quickstart.sh: its flags: epochs '90' there, '100' here" in text
    assert "lr 0.0004 there, 0.0005 here" in differing["exps/quickstart.sh"]
    mixed, dead = (next(line for line in lines if part in line) for part in ("vh2", "historical"))
    assert (
        "checkpoints/step_00000003.pt: " in mixed
        and "modules/" in mixed
        and "metrics.jsonl: line 1: " in mixed
    )
    assert "its process ended: " in dead and dead.endswith("there; trains here")


def test_what_counts_as_the_same_value():
    nan = torch.tensor([1.0, float("nan")])
    same = [(nan, nan.clone()), (torch.zeros(2, 3), torch.zeros(3, 2).T), (1, 1), ("a", "a"), ([], [])]
    other = [
        (torch.zeros(1), -torch.zeros(1)),
        (torch.zeros(1), torch.zeros(1).double()),
        (1, 1.0),
        (1, True),
    ]
    other += [(torch.zeros(2), torch.zeros(1, 2)), (torch.zeros(1), 0.0), (nan, torch.tensor([1.0, 0.0]))]
    assert all(same_bits.equal(a, b) for a, b in same) and not any(same_bits.equal(a, b) for a, b in other)
    there, here = {"a": {"b": [1, torch.zeros(2)]}, "old": 1}, {"a": {"b": [1, torch.ones(2)]}, "new": 2}
    found = same_bits.keys_that_differ(same_bits.flat(there), same_bits.flat(here))
    assert found == ["old only there", "new only here", "a/b/1 by 1"]


def test_flags_are_compared_without_where_the_checkouts_lie(tmp_path):
    roots = [str(tmp_path / "old"), str(tmp_path)]
    comparison = same_bits.Comparison(roots, str(tmp_path / "work"), {"allowed"})
    common = {"lr": 1, "save_path": "x"}
    flags = [
        common
        | {"trainer": f"{roots[0]}/trainers/gan.py", "iterator": f"{comparison.data[0]}/made.py"}
        | {"allowed": 1}
    ]
    flags += [common | {"trainer": "trainers/gan.py", "iterator": f"{comparison.data[1]}/made.py", "new": 1}]
    for name, value in zip("ab", flags):
        (tmp_path / name).write_text(json.dumps(value | {"save_path": name}))
    assert comparison.compare_files("flags.json", tmp_path / "a", tmp_path / "b") == ""
    assert comparison.new == {"new"}
    (tmp_path / "a").write_text(json.dumps(flags[0] | {"lr": 2, "gone": 3}))
    assert (
        comparison.compare_files("flags.json", tmp_path / "a", tmp_path / "b")
        == "gone only there; lr 2 there, 1 here"
    )


def test_settings_of_a_command_line():
    words = (
        "--loss=wgan --network_args width=4 a=1 --loss hinge --mixup_ff --penalty gp=1 "
        "--network_args a=2 --quirks x y"
    )
    found = same_bits_cases.settings(words.split())
    expected = {"loss": "hinge", "mixup_ff": "", "penalty": {"gp": "1"}, "quirks": "x y"}
    assert found == expected | {"network_args": {"width": "4", "a": "2"}}
    line = same_bits_cases.line_of(found | {"iterator": "iterators/cifar10.py", "epochs": "9"})
    assert "--loss=hinge --mixup_ff" in line and "epochs" not in line and "{data}/made.py" in line
    with pytest.raises(UserError, match="iterators/other.py: the shape of its data is not known"):
        same_bits_cases.line_of({"iterator": "iterators/other.py"})


def test_every_case_has_a_name_of_its_own():
    names = [case.name for case in same_bits_cases.table_cases()]
    assert len(names) == len(set(names)) > 400
    for part in (
        "two processes",
        "resumed",
        "--amp=bf16",
        "joint discriminator",
        "virtual batch norm",
        "batch norm",
    ):
        assert any(part in name for name in names)


@pytest.mark.parametrize(
    "words, said", [(["nowhere"], "OTHER: nowhere is no checkout"), ([ROOT, "--only", "zzz"], "--only: no")]
)
def test_arguments_that_do_not_fit_are_refused(words, said, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["same_bits.py", *words])
    with pytest.raises(UserError, match=said):
        same_bits.main()
