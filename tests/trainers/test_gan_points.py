"""The GAN of trainers/gan.py on points, against what theory says of its discriminator and its objectives."""

import pytest
import torch
from torch import nn

from networks import mlp
from networks.layers import Staged
from tests.running import assert_equal, newest, train
from tests.trainers.test_gan import arguments
from trainers import gan
from trainers.base import weighted

P, Q = (0.5, 0.6), (-0.4, 0.9)  # data N(m, s^2), and what the fixed generator gives


class Affine(nn.Module):
    """G(z) = m + s z, which is N(m, s^2) for standard normal z."""

    def __init__(self, m, s):
        super().__init__()
        self.m, self.s = nn.Parameter(torch.tensor(float(m))), nn.Parameter(torch.tensor(float(s)))

    def forward(self, z):
        return (self.m + self.s * z).reshape(-1, 1, 1, 1)


class Square(nn.Module):
    """x -> (x, x^2): the logit of two Gaussians is linear in it."""

    def forward(self, x):
        x = x.flatten(1)
        return torch.cat([x, x.square()], 1)


def log_ratio(x):
    """log p(x)/q(x): D's optimal logit, for which D = p / (p + q) (Goodfellow et al. 2014, proposition 1)."""
    return torch.distributions.Normal(*P).log_prob(x) - torch.distributions.Normal(*Q).log_prob(x)


def train_d(disc, steps, batch, words=(), lr=0.01):
    """The discriminator after so many updates on fresh points, against a generator that never moves."""
    torch.manual_seed(0)
    t = gan.get_trainer(
        {"gen": Affine(*Q), "disc": disc},
        arguments("--z_dim=1", f"--lr={lr}", "--beta1=0.9", "--lr_schedule=linear", *words),
    ).train()
    vars(t.args)["schedule_steps"] = steps
    for step in range(steps):
        t.on_step_start(step)
        real = (P[0] + P[1] * torch.randn(batch)).reshape(-1, 1, 1, 1)
        with torch.no_grad():
            fake = t.gen(t.noise(batch))
        t.update("disc", t.d_terms(real, fake))
    return t.eval()


@pytest.mark.parametrize("loss", ("jsgan", "minimax"))
def test_the_optimal_discriminator_of_gaussians_is_p_over_p_plus_q(loss):
    """A logit a x + b x^2 + c can be exactly optimal: the trained one is, but for the batches' noise."""
    t = train_d(
        Staged(nn.Sequential(Square(), nn.Linear(2, 1), nn.Flatten(0))), 1500, 1000, [f"--loss={loss}"]
    )
    x = torch.linspace(-2.5, 2.5, 101)
    with torch.no_grad():
        found = t.probability(x.reshape(-1, 1, 1, 1))
    assert (found - torch.sigmoid(log_ratio(x))).abs().max() < 0.02
    layer = t.disc.stages[0][1]
    (m, s), (n, r) = P, Q
    exact = torch.tensor([m / s**2 - n / r**2, 1 / (2 * r**2) - 1 / (2 * s**2)])
    assert torch.allclose(layer.weight[0].detach(), exact, rtol=0.05)
    # at the optimum D's loss is 2 log 2 - 2 JS(p, q)
    grid = torch.linspace(-6, 6, 20_001, dtype=torch.float64)
    p, q = (torch.distributions.Normal(*map(torch.tensor, pair)).log_prob(grid).exp() for pair in (P, Q))
    dx = 12 / 20_000
    optimum = -(p * (p / (p + q)).log() + q * (q / (p + q)).log()).sum() * dx
    terms = weighted(
        t.d_terms(
            (P[0] + P[1] * torch.randn(200_000)).reshape(-1, 1, 1, 1), t.gen(torch.randn(200_000)).detach()
        )
    )
    assert float((terms["real"].mean() + terms["fake"].mean()).detach()) == pytest.approx(
        float(optimum), abs=0.01
    )


def test_a_perceptron_finds_the_optimal_discriminator_where_there_are_points():
    t = train_d(mlp.get_network((1, 1, 1), 1, width=32, layers=2)["disc"], 1200, 512, lr=5e-3)
    x = torch.linspace(-1.5, 1.5, 61)  # less than two deviations from either mean
    with torch.no_grad():
        found = t.probability(x.reshape(-1, 1, 1, 1))
    assert (found - torch.sigmoid(log_ratio(x))).abs().max() < 0.06


def test_logit_forms_are_the_naive_ones_and_stay_finite():
    """-log D, -log(1 - D), log(1 - D) of D = sigmoid(l), in float64, for both games."""
    l = torch.linspace(-12, 12, 241, dtype=torch.float64)
    d = torch.sigmoid(l)
    minimax, jsgan = gan.OBJECTIVES["minimax"], gan.OBJECTIVES["jsgan"]
    for objective in (minimax, jsgan):
        assert torch.allclose(objective.d_real(l), -d.log(), atol=1e-6) and torch.allclose(
            objective.d_fake(l), -(1 - d).log(), atol=1e-6
        )
        far = torch.tensor([-100.0, 100.0], requires_grad=True)
        losses = objective.d_real(far), objective.d_fake(far), objective.g(far)
        assert all(torch.isfinite(v).all() for v in losses)
        assert torch.isfinite(torch.autograd.grad(sum(v.sum() for v in losses), far)[0]).all()
    assert torch.allclose(minimax.g(l), (1 - d).log(), atol=1e-6) and torch.allclose(
        jsgan.g(l), -d.log(), atol=1e-6
    )
    # where D is sure that a sample is generated, the saturating game stands still; the other moves
    sure = torch.tensor(-30.0, requires_grad=True)
    assert float(torch.autograd.grad(jsgan.g(sure), sure)[0]) == pytest.approx(-1) and float(
        torch.autograd.grad(minimax.g(sure), sure)[0]
    ) == pytest.approx(0, abs=1e-9)


def test_the_generator_finds_a_gaussian():
    """G(z) = m + s z against a quadratic D, penalised: mean and deviation come out."""
    torch.manual_seed(0)
    t = gan.get_trainer(
        {"gen": Affine(*Q), "disc": Staged(nn.Sequential(Square(), nn.Linear(2, 1), nn.Flatten(0)))},
        arguments(
            "--z_dim=1", "--lr=0.02", "--lr_schedule=linear", "--beta1=0", "--penalty", "r1=1", "--ema=0.98"
        ),
    ).train()
    vars(t.args)["schedule_steps"] = 800
    for step in range(800):
        t.on_step_start(step)
        t.step({"x": (P[0] + P[1] * torch.randn(512)).reshape(-1, 1, 1, 1)}, step)
    best = t.sampling_net("gen")
    assert float(best.m) == pytest.approx(P[0], abs=0.05) and abs(float(best.s)) == pytest.approx(
        P[1], abs=0.05
    )


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--mixup=hidden", "--mixup_ff", "--penalty", "r1=0.1"),
        ("--loss=wgan", "--penalty", "gp=10", "--update_g_every=5"),
        ("--loss=minimax", "--network_args", "gen_norm=True", "spec_norm=True", "--ema=0.9"),
    ],
)
def test_points_in_two_parts_equal_an_unbroken_run(tmp_path, words):
    flags = ["--network=networks/mlp.py", "--iterator_args", "size=1", *words]
    assert train(tmp_path / "whole", "--max_steps=12", *flags) == 0
    for steps in (5, 7, 12):
        assert train(tmp_path / "parts", f"--max_steps={steps}", "--resume=auto", *flags) == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))
