"""The scripts of WGAN-GP and BiGAN say what the sources' settings are."""

import math
import os

import pytest

from engine import flags
from tests.exps.test_scripts import command_of
from tests.running import ROOT


def flags_of(name):
    return flags.parse(command_of(os.path.join(ROOT, "exps", name + ".sh")))


@pytest.mark.parametrize(
    "name, variant, batch, critic_steps, g_steps",
    [
        ("homework", "homework", 256, 125_000, 25_000),
        ("homework_25k_critic", "homework", 256, 25_000, 5_000),
        ("seed", "seed", 256, 128 * math.ceil(50_000 / 256), 5_018),
        ("paper", "paper", 64, 500_000, 100_000),
    ],
)
def test_wgan_gp(name, variant, batch, critic_steps, g_steps):
    args = flags_of(f"wgan_gp/{name}")
    assert (args.loss, args.penalty, args.update_g_every, args.lr, args.beta1, args.beta2) == (
        "wgan",
        {"gp": 10},
        5,
        2e-4,
        0.0,
        0.9,
    )
    assert (args.lr_schedule, args.schedule_steps, args.z_dim, args.z_dist, args.mixup, args.dnorm) == (
        "linear",
        0,
        128,
        "normal",
        "none",
        0.0,
    )
    assert args.network_args == {"variant": variant} and args.batch_size == batch
    steps = args.max_steps or args.epochs * math.ceil(50_000 / batch)
    assert steps == critic_steps and math.ceil(steps / args.update_g_every) == g_steps
    assert args.iterator_args == ({"dequantise": True} if name == "paper" else {})


@pytest.mark.parametrize(
    "name, loss, z_dist, decay, schedule, epochs",
    [
        ("official", "jsgan", "uniform", 5e-5, "half_exp", 400),
        ("normal", "jsgan", "normal", 5e-5, "linear", 100),
        ("seed", "minimax", "normal", 0.0, "linear", 256),
    ],
)
def test_bigan(name, loss, z_dist, decay, schedule, epochs):
    args = flags_of(f"bigan/{name}")
    assert (args.loss, args.z_dist, args.weight_decay, args.lr_schedule, args.epochs) == (
        loss,
        z_dist,
        decay,
        schedule,
        epochs,
    )
    assert (args.z_dim, args.batch_size, args.lr, args.beta1, args.beta2) == (50, 128, 2e-4, 0.5, 0.999)
    assert args.network_args.get("squash", False) == (name == "official") and args.network_args[
        "variant"
    ] == ("seed" if name == "seed" else "official")
