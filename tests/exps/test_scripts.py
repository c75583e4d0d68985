"""Every script of exps/ runs two steps on made data, from any folder, with overriding flags at its end.

All of them look for their data by one rule, and begin by saying what they are.
"""

import functools
import glob
import json
import os
import re
import subprocess
import sys

import pytest

import task_launcher
from engine import flags
from tests.iterators.test_data_sets import write_idx
from tests.running import ROOT

FILES = sorted(glob.glob(os.path.join(ROOT, "exps", "**", "*.sh"), recursive=True))
SCRIPTS = [s for s in FILES if "task_launcher.py" in open(s, encoding="utf8").read()]
# this interpreter's environment, active
ENVIRONMENT = os.environ | {
    "VIRTUAL_ENV": sys.prefix,
    "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
}
# the settings of the original's experiments of GAN mixup
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
    "arena/stacked": ["size=28", "channels=3"],
    "arena/digits": ["size=8", "channels=3"],
    "arena/mnist10k": ["size=28", "channels=1"],
    "conditional/mnist10k": ["size=28", "channels=1"],
    "dist_gan/mnist": ["size=28", "channels=1"],
    "dist_gan/stl10": ["size=48", "channels=3"],
    "ssgan/stl10": ["size=48", "channels=3"],
    "dist_gan/celeba": ["size=64", "channels=3"],
    "cyclegan/images256": ["size=64", "channels=3", "channels_b=3"],
    "cyclegan": ["size=28", "channels=1", "channels_b=3"],
    "quickstart": ["size=8", "channels=1"],
    "points": ["size=1", "channels=1"],
    "dsprites": ["size=64", "channels=1"],
    "class_mixing": ["size=32", "channels=3", "attributes=40"],
    "semi": ["size=32", "channels=3", "labels_per_class=2"],
    "improved_techniques/cifar10/no_labels": ["size=32", "channels=3"],
    "improved_techniques/cifar10": ["size=32", "channels=3", "labels_per_class=2"],
    "": ["size=32", "channels=3"],
}


# what is not read from a data folder: the digits are inside scikit-learn, the others are made here
MADE_HERE = tuple(f"iterators/{name}.py" for name in ("digits", "dsprites", "lines", "points1d", "points2d"))
# the scripts whose flags.json says where their data lie; the others' iterator files read DATA_DIR
GIVE_ROOT = (
    "mnist10k_",
    "bigan/mnist10k",
    "cyclegan/",
    "wgan_gp/cifar10_short",
    "stacked_mnist/",
    "improved_techniques/folder/",
)
# what a file of exps/ sources: by its path, or beside itself
SOURCED = re.compile(r'(?:^|; )\. (?:(exps/\S+?\.sh)|"\$\(dirname "\$0"\)/(\S+?\.sh)")', re.M)


def name_of(script):
    return os.path.relpath(script, os.path.join(ROOT, "exps"))[:-3]


def header_of(script):
    """The text of the comment that a script begins with."""
    lines = open(script, encoding="utf8").read().split("\n")[1:]
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line.removeprefix("#").strip() for line in lines[:end])


def command_of(script, *more, cwd=ROOT, shell="sh"):
    """The flags that the script gives to the launcher, printed by the shell."""
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


@functools.cache
def plain_command_of(script):
    return tuple(command_of(script))


def run_name_of(script):
    """What the script calls its run."""
    (name,) = [
        word.removeprefix("--name=") for word in plain_command_of(script) if word.startswith("--name=")
    ]
    return name


def sources_of(path, script):
    """The files that `path` sources when `script`, which $0 is, runs."""
    folder = os.path.dirname(script)
    found = SOURCED.findall(open(path, encoding="utf8").read())
    return [
        os.path.normpath(os.path.join(ROOT, given) if given else os.path.join(folder, beside))
        for given, beside in found
    ]


def test_all_scripts_are_found():
    """Each file names the launcher, or is sourced by one that does, or is one of five that run others."""
    sourced, todo = set(), [(script, script) for script in SCRIPTS]
    while todo:
        path, script = todo.pop()
        for found in sources_of(path, script):
            assert os.path.isfile(found), f"{path} sources {found}"
            sourced.add(found)
            todo.append((found, script))
    assert len(SCRIPTS) == 372 and not sourced & set(SCRIPTS)
    others = {
        os.path.join(ROOT, "exps", name)
        for name in ("seeds.sh", "until_done.sh", "ensemble.sh", "grid.sh", "slurm/job.sh")
    }
    assert set(FILES) == set(SCRIPTS) | sourced | others
    assert all(os.access(script, os.X_OK) for script in SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_a_script_is_short_and_named_by_its_path(script):
    """A header, the line that sources, the command, and nothing else."""
    lines = open(script, encoding="utf8").read().splitlines()
    code = [line for line in lines if not line.startswith("#")]
    extra = {"quickstart": 1}.get(name_of(script), 0)  # it installs what is needed
    assert lines[0] == "#!/bin/sh" and lines[1].startswith("# ")
    assert code[0].startswith("set -eu; ") and code[1 + extra].startswith(
        "exec $LAUNCH task_launcher.py --name="
    )
    assert all(line.endswith(" \\") for line in code[1 + extra : -1]) and code[-1].endswith(' "$@"')
    assert max(map(len, lines)) <= 110 and len(code) <= 8 + extra
    name = re.sub(r"\.(?=[a-z])", "_", name_of(script))  # hidden.dnorm0.5.pp: hidden_dnorm0.5_pp
    name = re.sub(r"^(svhn32_\d+k)/", r"\1_own/", name)  # each seed has a subset of its own since subset_seed
    assert run_name_of(script) == name.replace("improved_techniques/", "improved_")


def test_the_example_of_the_readme_is_the_script():
    block = open(os.path.join(ROOT, "exps", "README.md"), encoding="utf8").read().split("```")[1]
    script = open(os.path.join(ROOT, "exps", "cifar10_1024", "mixup3.sh"), encoding="utf8").read()
    assert block == "sh\n" + script


def test_shared_flags_are_sourced():
    """No line of three flags or more stands in two rows: what they share is in the files that they source."""
    seen = {}
    for script in SCRIPTS:
        for line in set(open(script, encoding="utf8").read().splitlines()):
            if line.count(" --") >= 3:
                seen.setdefault(line, []).append(name_of(script))
    assert {line: names for line, names in seen.items() if len(names) > 1} == {}


NOT_THE_PATH = {"name", "iterator", "iterator_args", "epochs", "max_steps", "batch_size", "samples"}


def kind_of(script):
    """What decides which code a script runs: its flags, of numbers only whether they are 0, and its data."""
    args = vars(flags.parse(plain_command_of(script)))
    made = next(made for part, made in MADE.items() if part in name_of(script))
    return repr(({k: without_numbers(v) for k, v in args.items() if k not in NOT_THE_PATH}, made))


def without_numbers(value):
    if isinstance(value, dict):
        return {key: without_numbers(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_numbers(each) for each in value]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return ("a number", value != 0) if number else value


def two_steps():
    """All scripts; slow are those whose kind an earlier one has, and virtual batch norm at full width, of
    whose six one is enough."""
    seen = set()
    for script in SCRIPTS:
        kind = kind_of(script)
        long = kind in seen or "improved_techniques/cifar10/no_" in name_of(script)
        seen.add(kind)
        yield pytest.param(script, marks=pytest.mark.slow, id=name_of(script)) if long else script


@pytest.mark.parametrize("script", list(two_steps()), ids=name_of)
def test_two_steps(script, tmp_path, monkeypatch):
    """Every script, from another folder, with either shell, with overriding flags at its end; see
    two_steps()."""
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


# --- where the data lie


@pytest.fixture(scope="module")
def printing(tmp_path_factory):
    """A LAUNCH that prints DATA_DIR and the flags, with zero bytes between them."""
    path = tmp_path_factory.mktemp("launch") / "print.sh"
    path.write_text("""printf '%s\\0' "${DATA_DIR:-}" "$@"\n""")
    return f"sh {path}"


def place_of(script, printing, cwd, shell, *more, **variables):
    """Where a run of the script looks for its data: root, if its words give one, else DATA_DIR, else data."""
    plain = {k: v for k, v in ENVIRONMENT.items() if k not in ("DATA", "DATA_DIR", "FOLDER")}
    done = subprocess.run(
        [shell, script, *more],
        cwd=cwd,
        env=plain | variables | {"LAUNCH": printing},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    folder, _, *words = done.stdout.split("\0")[:-1]
    root = flags.parse(words).iterator_args.get("root")
    return folder or "data" if root is None else root


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_one_rule_says_where_the_data_lie(script, printing, tmp_path, monkeypatch):
    """DATA, else DATA_DIR, else data, and FOLDER before these where images are one's own; blanks are kept."""
    gives_root = any(word.startswith("root=") for word in plain_command_of(script))
    assert gives_root == name_of(script).startswith(GIVE_ROOT)
    if any(f"--iterator={file}" in plain_command_of(script) for file in MADE_HERE):
        return
    monkeypatch.chdir(ROOT)
    shell = ("sh", "bash")[SCRIPTS.index(script) % 2]
    inside = "/danbooru" if "improved_techniques/folder" in script else ""

    def place(*more, **variables):
        return place_of(script, printing, tmp_path, shell, *more, **variables)

    assert place() == "data" + inside
    assert place(DATA="/my data") == "/my data" + inside
    assert place(DATA_DIR="/my data") == "/my data" + inside
    assert place(DATA="my data", DATA_DIR="/other") == f"{tmp_path}/my data{inside}"
    if inside or "images256" in script:
        assert place(FOLDER="my images.zip", DATA="/other") == f"{tmp_path}/my images.zip"
    assert place("--iterator_args", "root=/said", DATA="/my data", FOLDER="/other") == "/said"


def test_a_script_reads_from_a_folder_with_blanks(tmp_path):
    """A script that gives root, and one whose iterator file reads DATA_DIR: both find the data by DATA."""
    write_idx(tmp_path / "my data")
    for script in ("mnist10k_improved/plain", "improved_techniques/mnist/plain"):
        done = subprocess.run(
            [
                "sh",
                os.path.join(ROOT, "exps", script + ".sh"),
                f"--save_path={tmp_path}",
                "--max_steps=1",
                "--batch_size=8",
                "--cpu",
                "--network_args",
                "width=8",
                "--samples=4",
            ],
            cwd=tmp_path,
            env=ENVIRONMENT | {"DATA": "my data", "DATA_DIR": "/nowhere"},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr


def test_without_a_folder_of_images_the_error_names_the_variable(tmp_path):
    script = os.path.join(ROOT, "exps", "improved_techniques", "folder", "plain.sh")
    plain = {k: v for k, v in ENVIRONMENT.items() if k not in ("DATA", "DATA_DIR", "FOLDER")} | {
        "DATA": "nowhere"
    }
    done = subprocess.run(
        ["sh", script, f"--save_path={tmp_path}", "--cpu"],
        cwd=tmp_path,
        env=plain,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 3
    assert (
        f"FOLDER: {tmp_path}/nowhere/danbooru does not exist; use FOLDER=PATH, a folder or a zip of images\n"
        in done.stderr
    )
    # nothing is said where the caller's flags name the data, or FOLDER does
    (tmp_path / "images").mkdir()
    for more, variables in (
        (["--iterator=tests/made.py"], {}),
        (["--iterator_args", "root=/x"], {}),
        ([], {"FOLDER": "images"}),
    ):
        done = subprocess.run(
            ["sh", script, *more],
            cwd=tmp_path,
            env=plain | variables | {"LAUNCH": "true"},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
