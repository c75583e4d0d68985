"""Every trainer's steps on a pretended accelerator (pretended.py), with the settings of exps/.

No mixed devices, no value read on the host, no copy between host and device in a step, and steps of one kind
run the same operators on the same shapes. By default one setting of each trainer and family of networks; all
with -m slow.
"""

import functools
import glob
import json
import os
import subprocess
import sys

import pytest

from tests.exps.test_scripts import MADE, SCRIPTS, name_of, plain_command_of
from tests.running import ROOT

TRAINERS = sorted(
    os.path.relpath(path, ROOT)
    for path in glob.glob(os.path.join(ROOT, "trainers", "*.py"))
    if "\ndef get_trainer(" in open(path, encoding="utf8").read()
)
SMALL = [
    "--iterator=tests/made.py",
    "--network=networks/model_resnet_specnorm.py",
    "--network_args",
    "width=8",
    "--batch_size=4",
]
TINY = [
    "--iterator=tests/made.py",
    "--network=networks/small.py",
    "--network_args",
    "width=4",
    "--batch_size=4",
]
# what no script of exps/ says
MORE = {
    "trainers/gan.py": [
        [*SMALL, "--ema=0.9", "--mixup=vh1", "--mixup_ff", "--lr_schedule=linear"],
        [*SMALL, "--ema=0.9", "--historical_averaging=1", "--penalty", "gp=1", "dragan=1", "r2=1"],
        [*TINY, "--ada=bgcfnc", "--apa", "--diffaugment", "color", "translation", "cutout"],
        [*TINY, "--mixup=hidden", "--mixup_form=cutmix", "--penalty", "bcr=1", "fsmr=1", "zcr=1"],
    ],
    "trainers/cyclegan.py": [
        ["--trainer=trainers/cyclegan.py", "--network=networks/cyclegan_mnist.py", "--iterator=tests/made.py"]
        + [
            "--iterator_args",
            "size=28",
            "channels=1",
            "channels_b=3",
            "--batch_size=4",
            "--network_args",
            "width=8",
        ]
        + ["--pool_size=0", "--ema=0.9", "--identity=0"],
    ],
}
FOUND = {
    "item": {"error": "DataDependentOutputException"},
    "if": {"error": "DataDependentOutputException"},
    "host tensor": {"error": "FakeTensorDeviceMismatchError"},
    "host scalar": {"copies": "aten.add.Tensor cpu and pretended"},
    "copy": {"copies": "aten._to_copy.default cpu and pretended"},
    "growing": {"differing": "aten.zeros.default"},
}


def without(words, flag):
    """The words without a flag that takes several values."""
    while flag in words:
        at = words.index(flag)
        end = next((i for i in range(at + 1, len(words)) if words[i].startswith("--")), len(words))
        words = words[:at] + words[end:]
    return words


def settings_of(script):
    """The script's words, on small made data and narrow networks."""
    made = next(made for part, made in MADE.items() if part in name_of(script))
    words = without(list(plain_command_of(script)), "--iterator_args")
    # what --anneal changes is a number of the host, so such steps cannot be replayed
    words = without(words, "--anneal")
    left_out = ("--name=", "--iterator=", "--batch_size=", "--epochs=", "--anneal_images=")
    plain = [w for w in words if not w.startswith(left_out)]
    more = [
        "--iterator=tests/made.py",
        "--iterator_args",
        *made,
        "--batch_size=4",
        "--network_args",
        "width=8",
        *(["gen_width=8"] if any(word.startswith("gen_width=") for word in plain) else []),
    ]
    return [*plain, *more]


def file_of(words, kind, default):
    """The file that --<kind>= names."""
    return next((w.partition("=")[2] for w in words if w.startswith(f"--{kind}=")), default)


@functools.cache
def settings():
    """{trainer file: {network file: distinct settings}} of all scripts, and of MORE."""
    found = {trainer: {} for trainer in TRAINERS}
    everything = [settings_of(script) for script in SCRIPTS] + [
        words for more in MORE.values() for words in more
    ]
    for words in everything:
        of_trainer = found[file_of(words, "trainer", "trainers/gan.py")]
        of_network = of_trainer.setdefault(file_of(words, "network", ""), [])
        if words not in of_network:
            of_network.append(words)
    return found


@pytest.fixture(scope="module")
def pretended():
    """A function: arguments of pretended.run (words None: pretended.parts) to its result."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.devices.pretended"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def ask(words, **more):
            process.stdin.write(json.dumps({"words": words} | more) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()
    assert process.returncode == 0


def faults(pretended, cases, **more):
    """{words: what is wrong}, of the cases with which something is."""
    wrong = {}
    for words in cases:
        found = pretended(words, **more)
        compared = found.pop("compared", 0)
        bad = {k: v for k, v in found.items() if v}
        if bad or not compared:
            wrong[" ".join(words)] = bad
    return wrong


@pytest.mark.parametrize("trainer", TRAINERS)
def test_steps_stay_on_the_device_and_repeat(pretended, trainer):
    """One setting of the trainer with each family of network files, those whose names begin alike."""
    assert settings()[trainer], "no script of exps/ has this trainer"
    families = {}
    for file, some in settings()[trainer].items():
        families.setdefault(os.path.basename(file).split("_")[0].removesuffix(".py"), some[0])
    cases = list(families.values())
    assert faults(pretended, [*cases, *MORE.get(trainer, [])]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("trainer", TRAINERS)
def test_steps_stay_on_the_device_and_repeat_with_all_settings(pretended, trainer):
    assert (
        faults(pretended, [words for some in settings()[trainer].values() for words in some], rounds=3) == {}
    )


def test_all_scripts_are_among_the_settings():
    # as of now; fewer: the scripts are not read rightly
    assert sum(len(some) for of_trainer in settings().values() for some in of_trainer.values()) >= 199


def test_augmentation_and_streamed_statistics_stay_on_the_device(pretended):
    assert pretended(None) == {"copies": {}}


@pytest.mark.parametrize("patch", FOUND)
def test_what_is_put_into_a_step_is_found(pretended, patch):
    """A read, a tensor or a scalar without a device, a copy, a shape that changes: each is seen."""
    ((key, value),) = FOUND[patch].items()
    found = pretended(SMALL, patch=patch)
    assert value in str(found.get(key)), found
