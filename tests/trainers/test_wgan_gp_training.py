"""WGAN-GP: flags of the GAN trainer on its own networks."""

import math

import pytest
import torch

from networks import wgan_gp
from tests.running import assert_equal, newest, train
from tests.trainers.test_gan import arguments
from trainers import gan
from trainers.base import weighted

FLAGS = [
    "--loss=wgan",
    "--penalty",
    "gp=10",
    "--update_g_every=5",
    "--lr_schedule=linear",
    "--beta1=0",
    "--beta2=0.9",
]
VARIANTS = ("homework", "seed", "paper")


def trainer(variant, *words):
    torch.manual_seed(0)
    return gan.get_trainer(
        wgan_gp.get_network((3, 16, 16), 0, 5, variant, width=8), arguments("--z_dim=5", *FLAGS, *words)
    ).train()


def batch(n=6):
    return {"x": torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_moves_and_nothing_is_warned_of(variant):
    t = trainer(variant)
    assert not t.warnings  # no batch norm under the penalty, and a penalty under the critic
    before = {n: p.clone() for n, p in t.named_parameters()}
    for step in range(6):
        t.on_step_start(step)
        log = t.step(batch(), step)
    assert all(math.isfinite(v) for v in log.values()) and t.bad_steps.tolist() == [0, 0]
    # a constant added to a critic changes neither loss nor penalty: biases after its last ReLU need not move
    still = {n for n, p in t.named_parameters() if torch.equal(before[n], p)}
    assert still <= {
        "disc.stages.5.0.bias",
        *(f"disc.stages.3.{part}.bias" for part in ("shortcut", "residual.3") if variant == "seed"),
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_terms_are_the_formulas_and_the_estimate_is_read_from_the_log(variant):
    t = trainer(variant).double()
    real, fake = batch()["x"].double(), batch()["x"].double().flip(0) * 0.5
    torch.manual_seed(5)
    terms = weighted(t.d_terms(real, fake))
    torch.manual_seed(5)
    eps = torch.rand(6, 1, 1, 1, dtype=torch.float64)
    x = (eps * real + (1 - eps) * fake).requires_grad_()
    norms = torch.stack([torch.autograd.grad(t.disc(x)[i], x)[0][i].norm() for i in range(6)])
    assert torch.allclose(terms["gp"], 10 * (norms - 1) ** 2, atol=1e-10)
    means = lambda terms: {term: value.mean() for term, value in weighted(terms).items()}
    t.update = lambda name, terms, *batch: {f"{name}/{k}": v for k, v in means(terms(*batch)).items()}
    t.args.update_g_every = 2
    t.noise = lambda n, generator=None: torch.randn(n, 5, dtype=torch.float64)
    torch.manual_seed(5)
    log = t.step({"x": real}, 1)
    torch.manual_seed(5)
    assert torch.allclose(
        log["disc/wasserstein"], t.disc(real).mean() - t.disc(t.gen(t.noise(6))).mean(), atol=1e-12
    )
    grads = torch.autograd.grad(
        terms["gp"].mean(), [p for n, p in t.disc.named_parameters() if n.endswith("weight")]
    )
    assert all(g.any() for g in grads)  # through the second derivative, every layer
    assert all(
        g is None
        for g in torch.autograd.grad(
            weighted(t.d_terms(real, t.gen(t.noise(6)).detach()))["gp"].mean(),
            list(t.gen.parameters()),
            allow_unused=True,
        )
    )


@pytest.mark.parametrize("n", (9, 10, 11))
def test_g_steps_are_a_fifth_rounded_up_and_the_last_rate_is_zero(tmp_path, n):
    words = ["--network=networks/wgan_gp.py", *FLAGS, "--schedule_steps=10"]
    assert train(tmp_path, f"--max_steps={n}", *words) == 0
    optims = newest(tmp_path)["optims"]
    steps = {name: {int(s["step"]) for s in state["state"].values()} for name, state in optims.items()}
    assert steps == {"gen": {math.ceil(n / 5)}, "disc": {n}}
    t = trainer("homework", "--schedule_steps=10")
    assert [
        (t.on_step_start(step), t.optims["disc"].param_groups[0]["lr"])[1] for step in (0, 5, 10, 11)
    ] == [
        2e-4,
        1e-4,
        0.0,
        0.0,
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_in_two_parts_equals_an_unbroken_one(tmp_path, variant):
    words = [
        "--network=networks/wgan_gp.py",
        "--network_args",
        f"variant={variant}",
        *FLAGS,
        "--schedule_steps=12",
    ]
    assert train(tmp_path / "whole", "--max_steps=12", *words) == 0
    for n in (4, 12):  # the second part begins at a step without an update of G
        assert train(tmp_path / "parts", f"--max_steps={n}", "--resume=auto", *words) == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))
