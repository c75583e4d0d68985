"""Methods of the arena together: every pair is built, and pairs and triples drawn at random run, stop and go
on."""

import copy
import itertools
import random

import pytest
import torch

from engine.errors import UserError
from tests.running import assert_equal
from tests.trainers.test_arena import METHODS, flags_of, steps
from tests.trainers.test_gan import trainer

# what a GAN has one of, or has or not: {name: flags}; a draw takes at most one of each
CHOICES = (
    {
        "objective": {name: (f"--loss={name}",) for name in ("hinge", "lsgan", "wgan", "minimax")}
        | {name: METHODS[name] for name in ("rpgan", "ragan", "rahinge")},
        "mixup": {
            "pixel": ("--mixup=pixel",),
            "hidden": ("--mixup=hidden",),
            "fake-fake": ("--mixup=pixel", "--mixup_ff"),
            "soft": ("--mixup=1", "--mixup_label=soft"),
            "cutmix": ("--mixup=hidden", "--mixup_form=cutmix"),
            "smoothmix": ("--mixup=pixel", "--mixup_form=smoothmix", "--mixup_label=soft"),
            "adaptive": ("--mixup=1,2", "--mixup_form=adaptive", "--alpha=1"),
        },
        "augmentation": {name: METHODS[name] for name in ("ada", "ada fixed")},
        "average": {"ema": ("--ema=0.9",), "annealed": METHODS["annealed"]},
        "matching": {"feature matching": ("--g_loss=feature_matching",), "mixed": ("--g_loss=mixed",)},
        "dnorm": {"dnorm": ("--dnorm=1",), "dnorm apart": ("--dnorm=1", "--dnorm_step=separate")},
    }
    | {
        name: {name: METHODS[name]}
        for name in (
            "diffaugment",
            "apa",
            "noise",
            "top_k",
            "lecam",
            "gp0",
            "ortho",
            "clip",
            "cr",
            "bcr",
            "zcr",
            "fsmr",
        )
    }
    | {
        "gp": {"gp": ("--penalty", "gp=1")},
        "r1": {"r1": ("--penalty", "r1=0.1", "r2=0.1")},
        "dragan": {"dragan": ("--penalty", "dragan=1")},
        "smoothing": {"smoothing": ("--real_label=0.9",)},
        "history": {"history": ("--historical_averaging=0.1",)},
        "g_steps": {"g_steps": ("--g_steps=2",)},
        "accumulate": {"accumulate": ("--accumulate=2",)},
    }
)
WORDS = {name: words for options in CHOICES.values() for name, words in options.items()}
GROUP = {name: group for group, options in CHOICES.items() for name in options}
PAIRS = [pair for pair in itertools.combinations(WORDS, 2) if GROUP[pair[0]] != GROUP[pair[1]]]
# the pairs that docs/arena.md says cannot be, and the flag that the refusal names
WHOLE_BATCH = (
    "ragan",
    "rahinge",
    "fake-fake",
    "feature matching",
    "mixed",
    "top_k",
    "lecam",
    "dragan",
    "adaptive",
    "zcr",
    "fsmr",
)
REFUSED = {("wgan", "smoothing"): "--real_label"}
REFUSED |= {(name, "accumulate"): "--accumulate" for name in WHOLE_BATCH}


def made(*words):
    """The trainer, checked as the launcher does."""
    t = trainer(*words)
    if t.args.accumulate > 1:
        t.check_accumulate()
    return t


def test_every_pair_is_built_but_those_that_are_refused_by_name():
    found = {}
    for pair in PAIRS:
        try:
            made(*flags_of(*pair, table=WORDS))
        except UserError as error:
            found[pair] = str(error)
    assert found.keys() == REFUSED.keys()
    assert all(found[pair].startswith(flag) for pair, flag in REFUSED.items())
    assert len(found) <= len(PAIRS) / 10


def drawn(number):
    """`number` pairs and triples, the same each time."""
    draw, found = random.Random(0), []
    while len(found) < number:
        groups = draw.sample(sorted(CHOICES), draw.choice((2, 3)))
        names = tuple(draw.choice(sorted(CHOICES[group])) for group in groups)
        if not any(set(pair) <= set(names) for pair in REFUSED) and names not in found:
            found.append(names)
    return found


DRAWN = [
    pytest.param(names, marks=[pytest.mark.slow] * (i >= 10), id=" ".join(names))
    for i, names in enumerate(drawn(60))
]


@pytest.mark.parametrize("names", DRAWN)
def test_methods_together_stop_and_go_on_bit_for_bit(names):
    words = ["--update_g_every=2", *flags_of(*names, table=WORDS)]
    whole, parts, again = made(*words), made(*words), made(*words)
    begun = [p.clone() for p in whole.parameters()]
    steps(whole, 0, 5)
    steps(parts, 0, 2)
    with torch.no_grad():
        for p in again.parameters():
            p.add_(1)
    again.restore(copy.deepcopy(parts.capture()))
    steps(again, 2, 5)
    assert_equal(whole.capture(), again.capture())
    assert all(p.isfinite().all() for p in whole.parameters())
    assert not whole.bad_steps.any() and any(not torch.equal(a, b) for a, b in zip(begun, whole.parameters()))
