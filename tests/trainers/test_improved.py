"""The improved techniques in trainers/gan.py: terms, layers, combinations, and errors."""

import math

import pytest
import torch
from torch import nn

from engine.errors import UserError
from losses.matching import MATCHING
from losses.penalties import PENALTIES, Context
from networks import dcgan, small
from tests.running import assert_equal, assert_weighted, newest, train
from tests.trainers.test_gan import arguments, batch
from trainers import gan
from trainers.base import weighted

ALL = ["--g_loss=mixed", "--historical_averaging=1", "--real_label=0.9"]


def trainer(*words, **options):
    torch.manual_seed(0)
    nets = dcgan.get_network(
        (1, 8, 8),
        0,
        5,
        **{"width": 8, "references": 6 if options.get("norm") == "vbn" else None, "depth": 1} | options,
    )
    t = gan.get_trainer(nets, arguments("--z_dim=5", *words)).train()
    t.initialise(batch(8))
    return t


def run(t, steps=3, n=6):
    for step in range(steps):
        t.on_step_start(step)
        log = t.step(batch(n), step)
    return log


@pytest.mark.parametrize("form", ("paper", "cifar", "imagenet"))
@pytest.mark.parametrize("mixup", ("none", "pixel", "hidden"))
@pytest.mark.parametrize("label", ("hard", "soft"))
def test_all_techniques_compose_with_mixup(form, mixup, label):
    words = [
        *ALL,
        "--adv_weight=0.5",
        "--fm_weight=2",
        "--historical_averaging=3",
        f"--mixup={mixup}",
        f"--mixup_label={label}",
        "--ema=0.9",
        *(["--mixup_ff"] if mixup != "none" else []),
    ]
    if form != "imagenet":  # a joint batch has no gradient of an image's own logit
        words += ["--penalty", "gp=1", "r1=0.1", "--dnorm=0.1", "--dnorm_step=separate"]
    t = trainer(*words, norm="vbn", minibatch_disc="4x3", minibatch_form=form)
    before = {n: p.clone() for n, p in t.named_parameters()}
    log = run(t)
    weights = {"gen/adv": 0.5, "gen/fm": 2, "gen/history": 3, "disc/history": 3}
    weights |= {"disc/gp": 1, "disc/r1": 0.1, "disc/dnorm": 0.1} if form != "imagenet" else {}
    assert set(weights) <= assert_weighted(log, weights) and all(math.isfinite(v) for v in log.values())
    assert t.bad_steps.tolist() == [0, 0]
    still = [n for n, p in t.named_parameters() if torch.equal(before[n], p)]
    # a generator that matches means with batch-independent norms still moves everywhere; so does every kernel
    assert not still


@pytest.mark.parametrize("form", MATCHING)
@pytest.mark.parametrize("layer", (None, 0, 1, 2))
def test_feature_matching_replaces_or_joins_the_adversarial_loss(form, layer):
    words = [f"--fm_form={form}", "--fm_weight=3", *([] if layer is None else [f"--fm_layer={layer}"])]
    torch.manual_seed(0)
    t = gan.get_trainer(
        small.get_network((1, 8, 8), 0, 5, width=8),
        arguments("--z_dim=5", "--g_loss=mixed", "--adv_weight=0.5", *words),
    ).eval()
    real = batch()["x"]
    torch.manual_seed(7)
    terms = weighted(t.g_terms(real))
    torch.manual_seed(7)
    fake, k = t.gen(t.noise(6)), 3 if layer is None else layer
    assert torch.allclose(
        terms["fm"], 3 * MATCHING[form](t.disc(real, stop=k), t.disc(fake, stop=k)), rtol=1e-5
    )
    assert torch.allclose(terms["adv"], 0.5 * t.objective.g(t.disc(fake)), rtol=1e-5)
    alone = gan.get_trainer(
        {"gen": t.gen, "disc": t.disc}, arguments("--z_dim=5", "--g_loss=feature_matching")
    ).eval()
    assert list(weighted(alone.g_terms(real))) == ["fm"]


def test_feature_matching_leaves_d_alone_and_gs_step_reaches_all_of_g():
    t = trainer("--g_loss=feature_matching")
    before = {n: p.clone() for n, p in t.named_parameters()}
    t.on_step_start(0)
    t.update("gen", t.g_terms(batch()["x"]))
    moved = {n for n, p in t.named_parameters() if not torch.equal(before[n], p)}
    assert moved == {n for n in before if n.startswith("gen.")}
    assert all(p.grad is None for p in t.parameters())


def test_g_steps():
    t = trainer("--g_steps=3", "--update_g_every=2")
    run(t, 4)
    assert {int(s["step"]) for s in t.optims["gen"].state.values()} == {6}


def test_the_mean_is_that_of_every_update_of_either_player():
    t = trainer(
        "--historical_averaging=0.5",
        "--dnorm=0.1",
        "--dnorm_step=separate",
        "--update_g_every=2",
        disc_norm=None,
    )
    seen = {"gen": [], "disc": []}
    for name, optim in t.optims.items():
        optim.step_with = lambda *given, apply=optim.step_with, name=name: (
            seen[name].append([p.detach().double().clone() for p in t.parameters_of(name)]),
            apply(*given),
        )
    run(t, 5)
    assert [len(values) for values in seen.values()] == [3, 10]
    for name, values in seen.items():
        means = [sum(v) / len(values) for v in zip(*values)]
        assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(t.histories[name].means, means))
    t.on_step_start(5)
    log = t.step(batch(), 5)
    assert log["disc/history"] > 0 and {"disc/dnorm", "disc/real"} <= set(log)
    grads = {}
    t.optims["gen"].step_with = lambda gradients, bad: grads.update(
        {i: g.clone() for i, g in enumerate(gradients)}
    )
    t.update("gen", {"nothing": sum(p.sum() * 0 for p in t.parameters_of("gen"))})
    for i, (p, mean) in enumerate(zip(t.parameters_of("gen"), t.histories["gen"].means)):
        assert torch.allclose(grads[i], 0.5 * 2 * (p - mean.float()), atol=1e-7)


def test_labels_of_d_and_of_mixes(monkeypatch):
    lam = torch.linspace(0, 1, 6)
    monkeypatch.setattr(gan, "beta_weights", lambda *a: torch.stack([lam, 1 - lam]))
    real, fake = batch()["x"], -batch()["x"]
    bce = nn.functional.binary_cross_entropy_with_logits
    for label in ("hard", "soft"):
        t = trainer("--real_label=0.9", "--fake_label=0.2", "--mixup=pixel", f"--mixup_label={label}").eval()
        terms, w = weighted(t.d_terms(real, fake)), lam.reshape(-1, 1, 1, 1)
        target = torch.full((6,), 0.2) if label == "hard" else 0.9 * lam + 0.2 * (1 - lam)
        assert torch.allclose(
            terms["mix"], bce(t.disc(w * real + (1 - w) * fake), target, reduction="none"), atol=1e-6
        )
        if label == "hard":
            assert torch.allclose(
                terms["real"], bce(t.disc(real), torch.full((6,), 0.9), reduction="none"), atol=1e-6
            )


def test_joint_batches_put_the_judged_beside_the_real(monkeypatch):
    monkeypatch.setattr(
        gan, "beta_weights", lambda n, *a: torch.stack([torch.full((n,), 0.25), torch.full((n,), 0.75)])
    )
    t = trainer("--mixup=1", minibatch_disc="4x3", minibatch_form="imagenet", disc_norm=None).eval()
    real, fake = batch()["x"], -batch()["x"].flip(0)
    terms = weighted(t.d_terms(real, fake))
    logits = t.disc(torch.cat([real, fake]))
    assert torch.allclose(terms["real"], t.objective.d_real(logits[:6]), atol=1e-6) and torch.allclose(
        terms["fake"], t.objective.d_fake(logits[6:]), atol=1e-6
    )
    h_real, h_fake = t.disc(real, stop=1), t.disc(fake, stop=1)
    mixed = t.disc(torch.cat([h_real, 0.25 * h_real + 0.75 * h_fake]), start=1)[6:]
    assert torch.allclose(terms["mix"], t.objective.d_fake(mixed), atol=1e-6)
    assert t.diagnose(batch()) == {}
    torch.manual_seed(3)
    adv = weighted(t.g_terms(real))["adv"]
    torch.manual_seed(3)
    fake = t.gen(t.noise(6))
    assert torch.allclose(adv, t.objective.g(t.disc(torch.cat([real, fake]))[6:]), atol=1e-6)
    assert not torch.allclose(adv, t.objective.g(t.disc(torch.cat([-real, fake]))[6:]), atol=1e-6)


@pytest.mark.parametrize(
    "words, judged",
    ((["--g_loss=mixed", "--fm_layer=2"], "adv"), (["--mixup=2"], "real"), (["--mixup=2"], "fake")),
)
def test_batch_norm_sees_both_halves_of_a_joint_batch(words, judged):
    """At any layer at which D is cut, in D's and in G's step."""
    t = trainer(*words, minibatch_disc="4x3", minibatch_form="imagenet", depth=2)
    real, fake = batch()["x"], -batch()["x"].flip(0)
    t.gen.forward = lambda z: fake
    logits = t.disc(torch.cat([real, fake]))
    terms = weighted(t.g_terms(real)) if judged == "adv" else weighted(t.d_terms(real, fake))
    expected = {
        "adv": t.objective.g(logits[6:]),
        "real": t.objective.d_real(logits[:6]),
        "fake": t.objective.d_fake(logits[6:]),
    }[judged]
    assert torch.allclose(terms[judged], expected, atol=1e-5)
    assert not torch.allclose(
        t.disc(torch.cat([t.disc(real, stop=2), t.disc(fake, stop=2)]), start=2), logits, atol=1e-4
    )


def test_other_logits_and_streams_are_refused():
    from networks import semi_mnist

    t = gan.get_trainer(semi_mnist.get_network((1, 8, 8), 3, 5, width=8), arguments("--z_dim=5")).train()
    with pytest.raises(
        UserError,
        match=r"--network: disc of .* gives \[2, 3\] for two examples; must be \[2\]; .*classes need",
    ):
        t.check_networks()
    with pytest.raises(UserError, match="--iterator: .* gives unlabelled images too"):
        trainer().initialise(batch() | {"x_unlabelled": batch()["x"]})


def test_penalties_differentiate_minibatch_discrimination_twice():
    """The gradient of R1 with respect to T against central differences in float64."""
    t = trainer("--penalty", "r1=1", minibatch_disc="4x3", disc_norm=None).double()
    x = batch()["x"].double()
    theta = t.disc.stages[-1][1].theta

    def value():
        return PENALTIES["r1"](Context(t.judge.score, x, x)).mean()

    (grad,) = torch.autograd.grad(value(), theta)
    for at in ((0, 0, 0), (5, 3, 2), (17, 1, 1)):
        theta.data[at] += 1e-6
        up = value()
        theta.data[at] -= 2e-6
        down = value()
        theta.data[at] += 1e-6
        assert abs((up - down) / 2e-6 - grad[at]) < 1e-6 * max(1, grad.abs().max())
    assert any("minibatch discrimination" in w for w in t.warnings)


def test_preparation_sets_the_reference_and_the_kernels_scale():
    t = trainer("--z_dist=uniform", norm="vbn", minibatch_disc="4x3", disc_norm=None)
    assert t.gen.reference.shape == (6, 5) and t.gen.reference.abs().max() <= 1
    layer = t.disc.stages[-1][1]
    m = layer.project(t.disc(batch(8)["x"], stop=1).flatten(1))
    distance = torch.cdist(m, m, p=1) + torch.diag_embed(torch.full((8,), torch.inf))
    assert torch.allclose(distance.amin(2).mean(1), torch.full((4,), 2.0), rtol=1e-3)


@pytest.mark.parametrize(
    "words, said",
    [
        (["--g_loss=mixed", "--fm_layer=9"], "--fm_layer=9: .* offers layers 0 to 1"),
        (
            ["--loss=wgan", "--real_label=0.9"],
            "--real_label, --fake_label: a Wasserstein critic has no labels",
        ),
        (["--real_label=0.3", "--fake_label=0.3"], "--fake_label=0.3: must be below --real_label=0.3"),
        (["--loss=hinge", "--g_label=0.5"], "--g_label=0.5: only valid with --loss=jsgan"),
        (["--penalty", "r1=1"], "--penalty, --dnorm: the discriminator compares"),
        (["--dnorm=1"], "--penalty, --dnorm: the discriminator compares"),
    ],
)
def test_what_cannot_be_is_refused(words, said):
    with pytest.raises(UserError, match=said):
        trainer(*words, minibatch_disc="4x3", minibatch_form="imagenet")


def test_matching_needs_a_hidden_layer_or_to_be_told():
    nets = {
        "gen": small.get_network((1, 8, 8), 0, 5, width=8)["gen"],
        "disc": nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0)),
    }
    with pytest.raises(UserError, match="--g_loss=feature_matching: .* no hidden layer"):
        gan.get_trainer(nets, arguments("--z_dim=5", "--g_loss=feature_matching"))
    t = gan.get_trainer(nets, arguments("--z_dim=5", "--g_loss=feature_matching", "--fm_layer=0"))
    t.on_step_start(0)
    assert math.isfinite(t.step(batch(), 0)["gen/fm"])


@pytest.mark.parametrize("form", ("paper", "cifar", "imagenet"))
def test_resume_is_bitwise_with_all_techniques(form, tmp_path):
    words = [
        "--network=networks/dcgan.py",
        "--network_args",
        "norm=vbn",
        "minibatch_disc=4x3",
        f"minibatch_form={form}",
        "references=6",
        *ALL,
        "--mixup=hidden",
        "--ema=0.9",
        "--dnorm=0" if form == "imagenet" else "--dnorm=0.1",
        "--dnorm_step=separate",
    ]
    assert train(tmp_path, *words, "--name=whole", "--max_steps=7") == 0
    assert train(tmp_path, *words, "--name=parts", "--max_steps=3") == 0
    assert train(tmp_path, *words, "--name=parts", "--max_steps=7", "--resume=auto") == 0
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))
    state = newest(tmp_path, "whole")["modules"]
    assert {"gen.reference", "gen_ema.reference", "histories.gen.t", "histories.disc.mean0"} <= set(state)
    assert state["histories.gen.t"] == 7 and state["histories.disc.t"] == (7 if form == "imagenet" else 14)
    assert (tmp_path / "whole" / "s0" / "metrics.jsonl").read_bytes() == (
        tmp_path / "parts" / "s0" / "metrics.jsonl"
    ).read_bytes()
