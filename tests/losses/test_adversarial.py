import math

import pytest
import torch

from losses.adversarial import OBJECTIVES, RELATIVISTIC, smoothed

LOGITS = torch.linspace(-6, 6, 25, dtype=torch.float64)


def reference(name, logits):
    """(d_real, d_fake, g) as the papers write them, in probabilities."""
    p = 1 / (1 + torch.exp(-logits))
    return {
        "jsgan": (-p.log(), -(1 - p).log(), -p.log()),
        "minimax": (-p.log(), -(1 - p).log(), (1 - p).log()),
        "wgan": (-logits, logits, -logits),
        "hinge": ((1 - logits).clamp(min=0), (1 + logits).clamp(min=0), -logits),
        "lsgan": ((logits - 1) ** 2 / 2, logits**2 / 2, (logits - 1) ** 2 / 2),
    }[name]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_equal_their_formulas(name):
    objective = OBJECTIVES[name]
    for ours, theirs in zip((objective.d_real, objective.d_fake, objective.g), reference(name, LOGITS)):
        assert torch.allclose(ours(LOGITS), theirs, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_each_player_descends_towards_its_aim(name):
    logits = torch.zeros(3, requires_grad=True)
    slope = lambda loss: torch.autograd.grad(loss(logits).sum(), logits)[0]
    objective = OBJECTIVES[name]
    assert (slope(objective.d_real) < 0).all()
    assert (slope(objective.g) < 0).all()
    if name == "lsgan":  # at its target already: look to one side of it
        logits = torch.full((3,), 0.5, requires_grad=True)
    assert (slope(objective.d_fake) > 0).all()


@pytest.mark.parametrize("name", ["jsgan", "minimax"])
def test_probabilities_stay_finite_at_extreme_logits(name):
    logits = torch.tensor([-1e4, -100.0, 100.0, 1e4], requires_grad=True)
    for loss in OBJECTIVES[name][:3]:
        value = loss(logits)
        (slope,) = torch.autograd.grad(value.sum(), logits)
        assert torch.isfinite(value).all() and torch.isfinite(slope).all()


def test_values_at_indifference():
    half = torch.zeros(4)
    js, hinge = OBJECTIVES["jsgan"], OBJECTIVES["hinge"]
    assert (js.d_real(half) + js.d_fake(half)).mean().item() == pytest.approx(2 * math.log(2), abs=1e-7)
    assert (js.d_real(half) + 2 * js.d_fake(half)).mean().item() == pytest.approx(3 * math.log(2), abs=1e-6)
    one = torch.ones(4, requires_grad=True)
    loss = hinge.d_real(one) + hinge.d_fake(-one)
    assert loss.sum() == 0 and torch.equal(torch.autograd.grad(loss.sum(), one)[0], torch.zeros(4))


def test_saturating_gradient_vanishes_where_the_other_does_not():
    sure_fake = torch.full((1,), -30.0, requires_grad=True)
    slope = lambda name: torch.autograd.grad(OBJECTIVES[name].g(sure_fake).sum(), sure_fake)[0].item()
    assert slope("jsgan") == pytest.approx(-1, abs=1e-6)
    assert slope("minimax") == pytest.approx(0, abs=1e-6)


def test_soft_label_is_least_at_its_own_value():
    lam, objective = 0.3, OBJECTIVES["jsgan"]
    logits = torch.linspace(-4, 4, 4001, dtype=torch.float64)
    loss = lam * objective.d_real(logits) + (1 - lam) * objective.d_fake(logits)
    assert torch.sigmoid(logits[loss.argmin()]).item() == pytest.approx(lam, abs=1e-3)


def test_output_is_a_probability_only_where_the_objective_has_one():
    for name, objective in OBJECTIVES.items():
        expected = torch.sigmoid(LOGITS) if name in ("jsgan", "minimax") else LOGITS
        assert torch.equal(objective.output(LOGITS), expected)


def pair():
    torch.manual_seed(0)
    return {name: torch.randn(7, dtype=torch.float64, requires_grad=True) for name in ("real", "fake")}


def test_relativistic_objectives_equal_their_formulas():
    """Those of Jolicoeur-Martineau 2019, in probabilities, and of R3GAN's paper."""
    logits = pair()
    real, fake = logits.values()
    log = lambda d: -(1 / (1 + torch.exp(-d))).log()
    hinge = lambda d: (1 - d).clamp(min=0)
    want = {
        "rpgan": ({"real": log(real - fake)}, log(fake - real)),
        "ragan": (
            {"real": log(real - fake.mean()), "fake": log(-(fake - real.mean()))},
            log(fake - real.mean()) + log(-(real - fake.mean())),
        ),
        "rahinge": (
            {"real": hinge(real - fake.mean()), "fake": hinge(-(fake - real.mean()))},
            hinge(fake - real.mean()) + hinge(-(real - fake.mean())),
        ),
    }
    for name, (d, g) in want.items():
        objective = RELATIVISTIC[name]
        found = objective.d_terms(logits, objective.unmixed())
        assert found.keys() == d.keys() and all(torch.allclose(found[k], d[k], atol=1e-12) for k in d), name
        assert torch.allclose(objective.among(logits).g(fake), g, atol=1e-12), name
        # only differences count
        moved = {k: v + 3 for k, v in logits.items()}
        again = objective.d_terms(moved, objective.unmixed())
        assert all(torch.allclose(found[k], again[k]) for k in d), name


def test_rahinge_of_the_lecam_repository_is_half_of_the_papers():
    """Its D's losses of these logits: a factor of 1/2 in each term. (Its G takes the mean of D(x) inside
    max.)"""
    real = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    fake = torch.tensor([-0.5, 1.5, 0.2], dtype=torch.float64)
    logits, objective = {"real": real, "fake": fake}, RELATIVISTIC["rahinge"]
    d = objective.d_terms(logits, objective.unmixed())
    assert [v.mean().item() / 2 for v in d.values()] == pytest.approx([0.55, 0.45], abs=1e-12)


def test_a_mix_is_compared_with_what_it_came_from():
    """With its real example as far as it is fake, with its generated one as far as it is real."""
    logits, objective = pair(), RELATIVISTIC["rpgan"]
    real, fake = logits.values()
    mix, lam = torch.randn(7, dtype=torch.float64), torch.rand(7, dtype=torch.float64)
    hard = objective.d_terms(logits | {"mix": mix}, objective.unmixed() | {"mix": 0})
    assert torch.allclose(hard["mix"], torch.nn.functional.softplus(mix - real))
    soft = objective.d_terms(logits | {"mix": mix}, objective.unmixed(soft=True) | {"mix": lam})
    softplus = torch.nn.functional.softplus
    assert soft.keys() == {"mix"}
    assert torch.allclose(soft["mix"], lam * softplus(fake - mix) + (1 - lam) * softplus(mix - real))
    # at lam 0 and 1 the pair itself
    for end, at in ((real, 1.0), (fake, 0.0)):
        labels = objective.unmixed(soft=True) | {"mix": torch.full((7,), at, dtype=torch.float64)}
        assert torch.allclose(objective.d_terms(logits | {"mix": end}, labels)["mix"], softplus(fake - real))


def test_smoothed_labels_of_pairs():
    logits = pair()
    d = logits["real"] - logits["fake"]
    found = smoothed(RELATIVISTIC["rpgan"], 0.9).d_terms(logits, RELATIVISTIC["rpgan"].unmixed())
    softplus = torch.nn.functional.softplus
    assert torch.allclose(found["real"], 0.9 * softplus(-d) + 0.1 * softplus(d))
