"""--dry_run, --flags and --help, as a user types them."""

import json
import os

import pytest
import torch
from torch import nn

from engine import flags
from engine.errors import MissingError, UserError
from eval.modes import MODES, add_flags, dry_run
from tests.running import assert_equal, mode, newest, train


def test_it_says_what_would_be_trained_and_writes_nothing(tmp_path, capsys):
    words = ["--epochs=4", "--save_every=1", "--save_images_every=2", "--ema=0.9", "--keep_last=2"]
    assert train(tmp_path, "--dry_run", *words) == 0
    text = capsys.readouterr().out
    assert os.listdir(tmp_path) == []
    for said in (
        "train: 40 images of shape [1, 8, 8]",
        "averaged: gen (decay 0.9)",
        "steps 20, epochs 4 of 5 steps, batches of 8",
        "(3 steps)",
        "checkpoints 2 of ",
        "sets of pictures 2 of ",
        "records 10 of ",
        f"folder {tmp_path}/deleteme/s0",
    ):
        assert said in text, said
    assert train(tmp_path, *words) == 0
    capsys.readouterr()
    found = {
        name: os.stat(os.path.join(d, name)).st_mtime_ns
        for d, _, files in os.walk(tmp_path)
        for name in files
    }
    assert train(tmp_path, "--dry_run", "--resume=auto", *words) == 0
    assert "which has checkpoints up to step 20" in capsys.readouterr().out
    assert found == {
        name: os.stat(os.path.join(d, name)).st_mtime_ns
        for d, _, files in os.walk(tmp_path)
        for name in files
    }
    with pytest.raises(UserError, match="--dry_run: --mode=sample trains nothing; leave it out"):
        mode(tmp_path, "--mode=sample", "--dry_run")


def test_its_disk_space_is_what_a_run_takes(tmp_path, capsys):
    words = ["--epochs=3", "--save_every=1"]
    assert train(tmp_path, "--dry_run", *words) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " disk " in line]
    assert train(tmp_path, *words) == 0
    run = tmp_path / "deleteme" / "s0"
    taken = sum(f.stat().st_size for folder in ("checkpoints", "samples") for f in (run / folder).iterdir())
    number, unit = line.split()[1:3]
    said = float(number) * {"kB": 1e3, "MB": 1e6}[unit.rstrip(":")]
    assert abs(said - taken) < 0.1 * taken, (said, taken)


def test_parameters_and_multiply_adds_are_those_of_a_closed_form():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 5))
    with torch.no_grad(), dry_run.Passes(set(net.modules())) as passes:
        net(torch.zeros(2, 3, 4, 4))
    conv, dense = 16 * 8 * 3 * 9, 8 * 16 * 5
    assert dry_run.row("net", net, passes.found) == (
        "net",
        "Sequential",
        "[3, 4, 4]",
        "[5]",
        f"{8 * 27 + 8 + dense + 5:,}",
        f"{conv + dense:,}",
    )
    assert dry_run.row("", net[0], passes.found)[-1] == f"{conv:,}"


@pytest.mark.parametrize(
    "trainer, network, more",
    (
        ("trainers/bigan.py", "networks/bigan_mnist.py", ["size=28"]),
        ("trainers/cyclegan.py", "networks/cyclegan_mnist.py", ["size=32", "channels_b=3"]),
    ),
)
def test_other_trainers(tmp_path, capsys, trainer, network, more):
    words = [f"--trainer={trainer}", f"--network={network}", "--iterator=tests/made.py"]
    words += ["--iterator_args", "channels=1", *more, "--batch_size=8", "--epochs=1", "--cpu", "--dry_run"]
    assert mode(tmp_path, *words) == 0
    text = capsys.readouterr().out
    assert "sets of pictures 1 of " in text and "multiply-adds" in text


def test_what_is_kept_and_due():
    assert dry_run.multiples(10, 4, 0) == [4, 8, 10] and dry_run.multiples(10) == [10]
    args = type("Args", (), {"keep_last": 2, "keep_every": 4})
    assert dry_run.kept_checkpoints([2, 4, 6, 8, 10], args) == [4, 8, 10]


def test_a_run_from_another_runs_flags_is_the_same_run(tmp_path):
    words = [
        "--loss=hinge",
        "--penalty",
        "r1=0.1",
        "--ema=0.9",
        "--max_steps=3",
        "--name=a",
        "--lr_schedule=linear",
    ]
    assert train(tmp_path, *words) == 0
    file = tmp_path / "a" / "s0" / "flags.json"
    assert mode(tmp_path, f"--flags={file}", "--name=b", "--cpu") == 0
    assert_equal(newest(tmp_path, "a"), newest(tmp_path, "b"))
    assert newest(tmp_path, "b")["flags"]["penalty"] == {"r1": 0.1}
    # flags of the command line come on top; a plan of the run's length is made anew
    assert mode(tmp_path, f"--flags={file}", "--name=c", "--cpu", "--max_steps=4", "--seed=1") == 0
    state = newest(tmp_path, "c", seed=1)
    assert state["step"] == 4 and state["flags"]["schedule_steps"] == 4 and state["flags"]["loss"] == "hinge"


def parse(*words):
    return flags.parse(list(words), {"train": None} | MODES, add_flags)


def test_a_written_file_counts_as_words_before_the_command_lines(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(
        json.dumps(
            {
                "name": "mine",
                "loss": "hinge",
                "penalty": {"gp": 10},
                "network": "networks/small.py",
                "network_args": {"width": 8},
                "iterator_args": {"root": "12", "flip": True},
                "tensorboard": True,
                "mixup_ff": False,
                "metrics": ["fid", "kid"],
                "last_epoch": None,
            }
        )
    )
    args = parse(f"--flags={file}", "--loss=wgan", "--penalty", "r1=1")
    assert (args.name, args.loss, args.penalty) == ("mine", "wgan", {"gp": 10, "r1": 1})
    assert (args.network, args.network_args) == ("networks/small.py", {"width": 8})
    assert args.iterator_args == {"root": "12", "flip": True} and args.tensorboard and not args.mixup_ff
    assert args.metrics == ["fid", "kid"] and args.last_epoch is None


@pytest.mark.parametrize(
    "content, said",
    [
        ("[1]", "must hold one object"),
        ("{", "not readable as JSON"),
        ('{"los": 1}', "los: unknown flag of this trainer; use loss or another"),
        ('{"lr": true}', "lr: given true; must be one value"),
        ('{"lr": -1}', "--lr: given '-1'; must be a number above 0"),
        ('{"penalty": "gp=1"}', 'penalty: given "gp=1"; must be an object'),
        ('{"tensorboard": 1}', "tensorboard: given 1; must be true or false"),
        ('{"metrics": "fid"}', 'metrics: given "fid"; must be a list'),
        ('{"at": "best"}', "--at: --mode=train does not read it"),
    ],
)
def test_files_that_hold_no_flags(tmp_path, content, said):
    file = tmp_path / "bad.json"
    file.write_text(content)
    with pytest.raises(UserError) as caught:
        parse(f"--flags={file}")
    assert said in str(caught.value) and len(str(caught.value)) - len(str(file)) < 250
    with pytest.raises(MissingError, match="--flags: none.json: No such file"):
        parse("--flags=none.json")


def shown(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        parse(*words)
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_help_opens_with_three_lines_and_lists_modes_with_their_flags(capsys):
    text = shown(capsys, "--help")
    lines = text.splitlines()
    assert (
        lines[0].startswith("usage:") and lines[3] == "" and all("task_launcher.py" in x for x in lines[:3])
    )
    for name, function in MODES.items():
        assert f"\n  {name} " in text and function.__doc__, name
    assert "--at --standing_stats --labels --frames --interpolation" in text and max(map(len, lines)) <= 110
    # of one mode: its own flags, and no others; no run is looked for
    text = shown(capsys, "--mode=save_frames", "--help")
    assert "--framerate" in text and "--votes" not in text and "--lr" not in text
