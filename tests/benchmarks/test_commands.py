"""The benchmarks run: their help, and every form of a step that benchmarks/steps.py compares."""

import importlib
import sys
from pathlib import Path

import pytest

from benchmarks import quiet, steps
from engine.errors import UserError
from networks.layers import SpectralNorm

FOLDER = Path(steps.__file__).parent
COMMANDS = sorted(
    path.stem for path in FOLDER.glob("*.py") if path.stem not in ("common", "same_bits_cases", "__init__")
)


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name, monkeypatch, capsys):
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [f"benchmarks/{name}.py", "--help"])
    with pytest.raises(SystemExit) as end:
        module.main()
    said = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0 and "usage: " in said and " ".join(module.__doc__.split()[:8]) in said


def test_every_form_of_a_step_computes(monkeypatch):
    """A narrow GAN with spectral norm, in all six forms; without refresh() each forward pass iterates."""
    iterations, iterate = [], SpectralNorm.iterate
    monkeypatch.setattr(SpectralNorm, "iterate", lambda self, w: (iterations.append(self), iterate(self, w)))
    more = ["--mixup=none", "--update_g_every=2", "--batch_size=4", "--network_args", "width=4"]
    cases = steps.cases_of("exps/quickstart.sh", [(1, 8, 8)], more, plain=True, bf16=False)
    assert list(cases) == ["ours", "unfolded", "contiguous", "norm per forward", "by hand", "original"]
    counts = {}
    for name, case in cases.items():
        before = {n: p.clone() for n, p in case.trainer.named_parameters()}
        iterations.clear()
        case.run(case.period)
        counts[name] = len(iterations)
        moved = {n.split(".")[0] for n, p in case.trainer.named_parameters() if not (p == before[n]).all()}
        assert case.step_number == case.period == 2 and {"gen", "disc"} <= moved, name
    layers = sum(isinstance(m, SpectralNorm) for m in cases["ours"].trainer.modules())
    # ours: at most one power iteration for each update, two of D and one of G
    assert counts["ours"] == counts["unfolded"] == counts["contiguous"] <= 3 * layers
    assert counts["norm per forward"] > counts["ours"] and counts["original"] > counts["ours"]


@pytest.mark.parametrize(
    "words, message",
    [
        (("exps/none.sh",), "exps/none.sh: no such script"),
        (("exps/points/ring_gan.sh",), "add --shape=C,H,W"),
        (("exps/quickstart.sh", "3,3"), "--shape: given 3,3; use channels, height and width"),
    ],
)
def test_errors_of_steps(words, message):
    with pytest.raises(UserError, match=message):
        steps.shapes_of(*words)


def test_shapes_of_two_domains():
    found = steps.shapes_of("exps/cyclegan/mnist10k.sh", "1,8,8:3,16,16")
    assert found == ("exps/cyclegan/mnist10k.sh", [(1, 8, 8), (3, 16, 16)])


def test_quiet_writes_what_each_benchmark_printed_and_what_it_had_no_time_for(tmp_path, monkeypatch):
    out, clock = tmp_path / "figures.md", [0.0]
    measure = quiet.measure

    def measured(command, *rest):
        measure(command, *rest)
        clock[0] += 55

    monkeypatch.setattr(quiet, "COMMANDS", ["startup.py --no_such_flag", "steps.py late"])
    monkeypatch.setattr(quiet, "measure", measured)
    monkeypatch.setattr(quiet, "now", lambda: clock[0])
    monkeypatch.setattr(sys, "argv", ["quiet.py", f"--out={out}", "--minutes=1"])
    quiet.main()
    text = out.read_text()
    assert "`python benchmarks/startup.py --no_such_flag`" in text and "exit code 2" in text
    assert "no_such_flag" in text.split("exit code 2")[1]
    assert text.endswith("No minutes left for:\n\n    steps.py late\n")
    with pytest.raises(UserError, match="--out: .* exists; use another name"):
        quiet.main()


def test_quiet_names_benchmarks_and_scripts_that_exist():
    for command in quiet.COMMANDS:
        benchmark, *words = command.split()
        assert benchmark.removesuffix(".py") in COMMANDS
        assert all((FOLDER.parent / word).is_file() for word in words if word.startswith("exps/"))
