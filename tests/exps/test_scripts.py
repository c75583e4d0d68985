"""Every script of exps/ runs two steps on made data, from any folder, with overriding flags at its end."""

import glob
import json
import os
import re
import subprocess
import sys

import pytest

import task_launcher
from engine import flags
from tests.running import ROOT

SCRIPTS = sorted(
    s
    for s in glob.glob(os.path.join(ROOT, "exps", "**", "*.sh"), recursive=True)
    if "task_launcher.py" in open(s, encoding="utf8").read()
)
# this interpreter's environment, active
ENVIRONMENT = os.environ | {
    "VIRTUAL_ENV": sys.prefix,
    "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
}
# the sheet's table: what each experiment of GAN mixup must say
TABLE = {
    "baseline.specnorm": ("networks/model_resnet_specnorm.py", "jsgan", "none", 0.0, 5, 500, 20),
    "baseline.specnorm.hinge": ("networks/model_resnet_specnorm_nosigm.py", "hinge", "none", 0.0, 5, 500, 10),
    "visible.dnorm0.specnorm": ("networks/model_resnet_specnorm.py", "jsgan", "pixel", 0.0, 5, 600, 20),
    "hidden.dnorm0.5.pp": ("networks/model_resnet_preproc.py", "jsgan", "vh1", 0.5, 1, 500, 10),
    "cifar10.baseline.dnorm10": ("networks/model_resnet_old.py", "jsgan", "none", 10.0, 1, 500, 10),
}
# made data for the scripts whose names contain a word; the first that fits counts
MADE = {
    "square_official": ["size=1", "channels=1", "unit=True"],
    "dist_gan_toys": ["size=1", "channels=1"],
    "stacked_mnist": ["size=28", "channels=3"],
    "dist_gan/mnist": ["size=28", "channels=1"],
    "dist_gan/stl10": ["size=48", "channels=3"],
    "dist_gan/celeba": ["size=64", "channels=3"],
    "cyclegan/images256": ["size=64", "channels=3", "channels_b=3"],
    "cyclegan": ["size=28", "channels=1", "channels_b=3"],
    "quickstart": ["size=8", "channels=1"],
    "points": ["size=1", "channels=1"],
    "dsprites": ["size=64", "channels=1"],
    "class_mixing": ["size=32", "channels=3", "attributes=40"],
    "semi": ["size=32", "channels=3", "labels_per_class=2"],
    "": ["size=32", "channels=3"],
}


def name_of(script):
    return os.path.relpath(script, os.path.join(ROOT, "exps"))[:-3]


def command_of(script, *more, cwd=ROOT, shell="sh"):
    """The launcher's words as the script gives them, by letting the shell print them."""
    done = subprocess.run(
        [shell, script, *more],
        cwd=cwd,
        env=ENVIRONMENT | {"LAUNCH": r"printf %s\0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    words = done.stdout.split("\0")
    assert words[0].endswith("task_launcher.py") and words[-1] == ""
    return words[1:-1]


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_two_steps(script, tmp_path, monkeypatch):
    """Every script, from another folder, with either shell, with overriding flags at its end."""
    made = next(made for part, made in MADE.items() if part in name_of(script))
    words = command_of(
        script,
        f"--save_path={tmp_path}",
        "--max_steps=2",
        "--batch_size=4",
        "--cpu",
        "--log_every=1",
        "--iterator=tests/made.py",
        "--network_args",
        "width=8",
        "--samples=4",
        cwd=tmp_path,
        shell=("sh", "bash")[SCRIPTS.index(script) % 2],
    )
    while "--iterator_args" in words:  # the script's own words are of another data set
        at = words.index("--iterator_args")
        end = next((i for i in range(at + 1, len(words)) if words[i].startswith("--")), len(words))
        words = words[:at] + words[end:]
    monkeypatch.chdir(ROOT)
    assert task_launcher.main([*words, "--iterator_args", *made]) == 0
    (status,) = glob.glob(os.path.join(tmp_path, "**", "status.json"), recursive=True)
    assert json.load(open(status))["state"] == "finished"


def test_a_script_as_a_user_runs_it(tmp_path):
    done = subprocess.run(
        [
            "bash",
            SCRIPTS[[name_of(s) for s in SCRIPTS].index("quickstart")],
            f"--save_path={tmp_path}",
            "--max_steps=2",
        ],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0 and re.search("samples +.*step_00000002.png", done.stdout), done.stderr


@pytest.mark.parametrize("name", TABLE)
def test_the_experiments_of_gan_mixup_say_what_the_table_says(name):
    text = open(os.path.join(ROOT, "exps", name + ".sh"), encoding="utf8").read()
    args = flags.parse(command_of(os.path.join(ROOT, "exps", name + ".sh")))
    network, loss, mixup, dnorm, every, epochs, save = TABLE[name]
    assert (
        args.network,
        args.loss,
        args.mixup,
        args.dnorm,
        args.update_g_every,
        args.epochs,
        args.save_every,
    ) == (network, loss, mixup, dnorm, every, epochs, save)
    assert (args.batch_size, args.z_dim, args.beta1, args.beta2, args.lr, args.alpha, args.resume) == (
        64,
        62,
        0.0,
        0.999,
        2e-4,
        0.2,
        "auto",
    )
    assert "Published" in text and os.access(os.path.join(ROOT, "exps", name + ".sh"), os.X_OK)
