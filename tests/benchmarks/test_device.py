"""benchmarks/device.py on the CPU, where it is shorter."""

import sys

import pytest
import torch

from benchmarks import device
from engine.errors import UserError


def test_it_prints_a_table_and_says_what_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr(device, "resumes", lambda device: True)
    words = ["exps/quickstart.sh", "--device=cpu", "--no_tests", "--seconds=1"]
    monkeypatch.setattr(sys, "argv", ["device.py", *words])
    device.main()
    out = capsys.readouterr().out.split("\n")
    rows = {line.split("|")[2].strip(): line for line in out if line.startswith("| `")}
    assert list(rows) == ["float32", "TF32", "bf16", "fp16"]  # compiling takes minutes on a CPU
    assert float(rows["float32"].split("|")[3]) > 0 and "no training for" in rows["fp16"]
    assert "resumed with --deterministic: the same bits; tests: left out" in out


def test_other_bits_are_a_failure(monkeypatch, capsys):
    monkeypatch.setattr(device, "resumes", lambda device: False)
    monkeypatch.setattr(device, "measure", lambda *args: (1.0, 1.0, None))
    monkeypatch.setattr(sys, "argv", ["device.py", "exps/quickstart.sh", "--device=cpu", "--no_tests"])
    with pytest.raises(SystemExit, match="1"):
        device.main()
    assert "OTHER BITS" in capsys.readouterr().out


def test_the_time_is_kept(monkeypatch, capsys):
    times = iter([0.0, *[61.0] * 20])
    monkeypatch.setattr(device.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(device, "resumes", lambda device: True)
    words = ["exps/quickstart.sh", "--device=cpu", "--no_tests", "--minutes=1"]
    monkeypatch.setattr(sys, "argv", ["device.py", *words])
    device.main()
    assert "not run within 1 minutes: exps/quickstart.sh float32, " in capsys.readouterr().out


def test_an_unknown_script_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["device.py", "exps/none.sh", "--device=cpu"])
    with pytest.raises(UserError, match="exps/none.sh: not known here; use one of"):
        device.main()


@pytest.mark.slow
def test_a_resumed_run_is_the_whole_one():
    assert device.resumes(torch.device("cpu"))
