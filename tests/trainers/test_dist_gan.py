"""Dist-GAN, SSGAN, MS-GAN and the toys' autoencoder GANs: what a step computes and moves; exact resume."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from engine.errors import UserError
from losses import distances, rotation
from networks import dist_gan_dcgan, dist_gan_mlp, small, ssgan
from networks.dist_gan import Discriminator
from tests.running import ROOT, assert_equal, assert_weighted, newest, train
from trainers import ae_gans, dist_gan
from trainers import ssgan as ssgan_trainer
from trainers.base import weighted

SIZE, Z, TOTAL = 16, 6, 12


def arguments(file, *words, shape=(1, SIZE, SIZE), z_dim=Z):
    from engine import flags

    args = flags.parse(
        [f"--trainer={ROOT}/trainers/{file}.py", f"--z_dim={z_dim}", "--z_dist=uniform", *words]
    )
    args.steps_per_epoch, args.schedule_steps, args.data_shape = 5, args.schedule_steps or TOTAL, list(shape)
    flags.resolve(args)
    return args


def trainer(*words, classes=0, nets=None, norm=None, shape=(1, SIZE, SIZE)):
    torch.manual_seed(0)
    nets = nets or dist_gan_dcgan.get_network(shape, 0, Z, width=4, classes=classes, norm=norm)
    return dist_gan.get_trainer(nets, arguments("dist_gan", *words, shape=shape)).train()


def self_supervised(*words, classes=4):
    torch.manual_seed(0)
    return ssgan_trainer.get_trainer(
        ssgan.get_network((1, SIZE, SIZE), 0, Z, width=4, classes=classes), arguments("ssgan", *words)
    ).train()


def toy(model, *words):
    torch.manual_seed(0)
    nets = dist_gan_mlp.get_network(
        (1, 1, 2),
        2,
        width=8,
        layers=2,
        gen_out="linear",
        discs=2 if model == "mdgan" else 1,
        variational=model == "vaegan",
    )
    return ae_gans.get_trainer(
        nets, arguments("ae_gans", f"--model={model}", *words, shape=(1, 1, 2), z_dim=2)
    ).train()


def batch(n=12, shape=(1, SIZE, SIZE)):
    torch.manual_seed(1)
    return {"x": torch.rand(n, *shape) * 2 - 1}


def steps(t, n, data=None):
    logs = []
    for step in range(n):
        t.on_step_start(step)
        torch.manual_seed(100 + step)
        logs.append(t.step(data or batch(), step))
    return logs


def moved(t, before):
    """The roles of which some parameter has changed."""
    return {name.split(".")[0] for name, p in t.named_parameters() if not torch.equal(before[name], p)}


def parameters(t):
    return {name: p.detach().clone() for name, p in t.named_parameters()}


# --- every product of options

AE = list(itertools.product(("enc", "enc+gen"), ("one", "two"), ("recon", "real"), ("features", "data")))


@pytest.mark.parametrize("updates, optimisers, features, phi", AE)
def test_the_autoencoders_step_moves_whom_it_says(updates, optimisers, features, phi):
    t = trainer(
        f"--ae_updates={updates}",
        f"--ae_optimisers={optimisers}",
        f"--reg_features={features}",
        f"--phi={phi}",
    )
    t.on_step_start(0)
    before, d_before = parameters(t), {n: b.clone() for n, b in t.disc.named_buffers()}
    log = t.ae_step(batch()["x"])
    assert moved(t, before) == ({"enc", "gen"} if updates == "enc+gen" else {"enc"})
    assert all(torch.equal(d_before[n], b) for n, b in t.disc.named_buffers())
    reg = "ae/reg" if optimisers == "one" else "reg/reg"
    assert assert_weighted(log, {reg: t.args.lambda_r}) == {"ae/recon", reg}
    assert all(p.grad is None for p in t.parameters())


@pytest.mark.parametrize("task, weight", [("none", 0.0), ("ss", 0.0), ("ss", 0.1), ("ms", 0.1)])
@pytest.mark.parametrize("g_task", ("help", "match"))
@pytest.mark.parametrize("norm", (None, "batch"))
def test_the_other_two_steps_move_one_player_each(task, weight, g_task, norm):
    t = trainer(
        f"--self_supervised={task}",
        f"--lambda_g={weight}",
        f"--g_task={g_task}",
        classes={"none": 0, "ss": 4, "ms": 5}[task],
        norm=norm,
    )
    t.on_step_start(0)
    before = parameters(t)
    log = t.update("disc", t.d_terms(batch()["x"]))
    assert moved(t, before) == {"disc"}
    weights = {"disc/real": t.w_real, "disc/recon": t.w_recon, "disc/gp": t.args.lambda_p}
    weights |= {"disc/rotation": t.args.lambda_d} if task != "none" else {}
    assert assert_weighted(log, weights) == {"disc/fake", *weights}
    before = parameters(t)
    log = t.update("gen", t.g_terms(batch()["x"]))
    weights = {"gen/rotation": weight} if weight else {}
    assert moved(t, before) == {"gen"} and assert_weighted(log, weights) == {"gen/match", *weights}
    assert all(p.grad is None for p in t.parameters())


PRODUCTS = [
    ("--loss=log", "--weights=half", "--penalty_norm=l2"),
    ("--loss=hinge", "--weights=fixed", "--lambda_p=0", "--lambda_r=0"),
    ("--d_steps=3", "--lambda_r=0.01"),
    ("--self_supervised=ms", "--lambda_g=0.1", "--rotations=stratified"),
    ("--self_supervised=ss", "--rotations=full", "--ema=0.9"),
    ("--official_quirks", "sigmoid_hinge", "negative_penalty", "recon_fake", "batch_statistics"),
    ("--self_supervised=ms", "--lambda_g=0.1", "--official_quirks", "one_hot_bce"),
    ("--ae_updates=enc+gen", "--ae_optimisers=two", "--reg_features=real"),
]


@pytest.mark.parametrize("words", PRODUCTS, ids=" ".join)
def test_all_parameters_move_and_all_terms_are_finite(words):
    t = trainer(
        *words, classes=5 if "--self_supervised=ms" in words else 4 if "--self_supervised=ss" in words else 0
    )
    before = parameters(t)
    logs = steps(t, 4, batch(20))
    assert all(math.isfinite(v) and v.ndim == 0 for log in logs for v in log.values())
    still = {n for n, p in t.named_parameters() if torch.equal(before[n], p)}
    # within the margin a constant added to the logits does not change the hinge loss, as w_r + w_c = 1: the
    # last bias may stay
    assert still <= {"disc.stages.3.1.bias"} and t.bad_steps.tolist() == [0, 0]
    assert t.eval().sample(5).shape == (5, 1, SIZE, SIZE)


# --- the formulas


def fresh(monkeypatch, t, n, *draws):
    """Makes t.noise give these tensors, one after the other."""
    given = iter(draws)
    monkeypatch.setattr(t, "noise", lambda m: next(given))


@pytest.mark.parametrize("features", ("recon", "real"))
def test_the_autoencoders_terms_are_the_formulas(features):
    t = trainer(f"--reg_features={features}", "--lambda_r=0.3").eval()
    x, z = batch(5)["x"], torch.rand(5, Z) * 2 - 1
    z_e = t.enc(x)
    x_r, x_f = t.gen(z_e), t.gen(z)
    phi = lambda images: t.disc.features(images)
    m = phi(x).shape[1]
    f = (phi(x_r if features == "recon" else x) - phi(x_f)).mean()
    g = math.sqrt(Z / m) * (z_e - z).mean()
    assert torch.allclose(t.reconstructed(x)[0], z_e) and torch.allclose(t.reconstructed(x)[1], phi(x_r))
    assert torch.allclose(
        t.recon_term(phi(x), phi(x_r))["recon"].mean(), (phi(x) - phi(x_r)).square().mean(), rtol=1e-5
    )
    assert torch.allclose(
        weighted(t.reg_term(phi(x), phi(x_r), z_e, z))["reg"], 0.3 * (f - g) ** 2, rtol=1e-4, atol=1e-9
    )


@pytest.mark.parametrize("loss", ("log", "hinge"))
@pytest.mark.parametrize("quirks", ((), ("recon_fake",), ("negative_penalty",), ("sigmoid_hinge",)))
def test_ds_terms_are_the_formulas(loss, quirks, monkeypatch):
    if loss == "log" and "sigmoid_hinge" in quirks:
        return
    t = trainer(
        f"--loss={loss}", "--lambda_p=0.7", *(["--official_quirks", *quirks] if quirks else [])
    ).eval()
    x, z, eps = batch(5)["x"], torch.rand(5, Z) * 2 - 1, torch.rand(5, 1, 1, 1)
    fresh(monkeypatch, t, 5, z)
    monkeypatch.setattr("losses.penalties.uniform", lambda v: eps)
    t.on_step_start(int(0.625 * TOTAL))
    progress = int(0.625 * TOTAL) / TOTAL
    terms = weighted(t.d_terms(x))
    x_f, x_r = t.gen(z), t.gen(t.enc(x))
    d = (lambda images: torch.sigmoid(t.disc(images))) if "sigmoid_hinge" in quirks else t.disc
    real, fake = (
        (lambda l: F.relu(1 - l), lambda l: F.relu(1 + l))
        if loss == "hinge"
        else (lambda l: -torch.sigmoid(l).log(), lambda l: -(1 - torch.sigmoid(l)).log())
    )
    mu = distances.mu(progress)
    assert torch.allclose(terms["real"], (0.95 + mu) * real(d(x)), atol=1e-5) and torch.allclose(
        terms["fake"], fake(d(x_f)), atol=1e-5
    )
    assert torch.allclose(
        terms["recon"], (0.05 - mu) * (fake if "recon_fake" in quirks else real)(d(x_r)), atol=1e-5
    )
    between = ((eps * x + (1 - eps) * x_f).detach() + 1) / 2  # in [0, 1], as the original's images
    between.requires_grad_()
    (grad,) = torch.autograd.grad(t.disc(2 * between - 1).sum(), between)
    slope = grad.flatten(1).square().mean(1).sqrt()
    sign = -1 if "negative_penalty" in quirks else 1
    assert torch.allclose(terms["gp"], sign * 0.7 * (slope - 1) ** 2, rtol=1e-3)


class Linear(nn.Module):
    layers = 1

    def __init__(self, a):
        super().__init__()
        self.a = nn.Parameter(a)

    def forward(self, x):
        return x.flatten(1) @ self.a


@pytest.mark.parametrize("scale, factor", [("unit", 2.0), ("given", 1.0), ("auto", 2.0)])
@pytest.mark.parametrize("norm", ("l2", "rms"))
def test_the_penalty_of_a_linear_discriminator(scale, factor, norm):
    """(|a| - 1)^2, or (|a| / sqrt(d) - 1)^2; moved to [0, 1] a gradient is twice that in [-1, 1]."""
    a = torch.randn(SIZE * SIZE)
    nets = dist_gan_dcgan.get_network((1, SIZE, SIZE), 0, Z, width=4) | {"disc": Linear(a)}
    t = trainer("--phi=data", f"--scale={scale}", f"--penalty_norm={norm}", nets=nets)
    slope = factor * a.norm() / (SIZE if norm == "rms" else 1)
    assert torch.allclose(t.penalty(batch(4)["x"], -batch(4)["x"]), ((slope - 1) ** 2).expand(4), rtol=1e-4)


def test_points_are_taken_as_they_are():
    t = dist_gan.get_trainer(
        dist_gan_mlp.get_network((1, 1, 2), 2, width=4),
        arguments("dist_gan", "--phi=data", shape=(1, 1, 2), z_dim=2),
    )
    assert t.steepness == math.sqrt(2) and torch.equal(t.phi(torch.ones(1, 1, 1, 2)), torch.ones(1, 2))
    t = trainer("--phi=data")
    assert t.steepness == SIZE / 2 and torch.equal(t.phi(-torch.ones(1, 1, 1, 2)), torch.zeros(1, 2))


def test_recon_by_cross_entropy():
    t = trainer("--phi=data", "--recon_loss=bce")
    x, x_r = batch(3)["x"], 0.9 * batch(3)["x"].flip(0)
    p, q = (x + 1) / 2, (x_r + 1) / 2
    assert torch.allclose(
        t.recon_term(t.phi(x), t.phi(x_r))["recon"],
        -(p * q.log() + (1 - p) * (1 - q).log()).flatten(1).mean(1),
        atol=1e-5,
    )


def test_gs_terms_are_the_formulas(monkeypatch):
    t = trainer("--self_supervised=ms", "--lambda_g=0.2", classes=5).eval()
    x, z = batch(8)["x"], torch.rand(8, Z) * 2 - 1
    fresh(monkeypatch, t, 8, z)
    source, turn = torch.tensor([3, 1, 4, 1, 5, 0, 2, 6]), torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
    monkeypatch.setattr(t, "pool", lambda n, classes: (source, turn) if classes == 4 else None)
    terms = weighted(t.g_terms(x))
    x_f = t.gen(z)
    p = lambda images: torch.sigmoid(t.disc(images)).mean()
    assert torch.allclose(terms["match"], (p(x) - p(x_f)).abs(), atol=1e-6)
    turned = lambda images: torch.stack(
        [torch.rot90(images[i], k, (1, 2)) for i, k in zip(source.tolist(), turn.tolist())]
    )
    ce = lambda images: F.cross_entropy(t.disc.rotation(turned(images)), turn)
    assert torch.allclose(terms["rotation"], 0.2 * (ce(x_f) - ce(x)).abs(), atol=1e-6)


def test_gs_loss_is_zero_where_generated_images_are_real_ones(monkeypatch):
    """Same indices for both, so that equal batches have equal losses."""
    t = trainer("--self_supervised=ss", "--lambda_g=1", classes=4)
    x = batch(8)["x"]
    monkeypatch.setattr(t.gen, "forward", lambda z: x.clone().requires_grad_())
    terms = weighted(t.g_terms(x))
    assert terms["match"] == 0 and terms["rotation"] == 0


@pytest.mark.parametrize("task, classes", [("ss", 4), ("ms", 5)])
def test_ds_task_at_equal_logits_is_log_k(task, classes):
    t = trainer(f"--self_supervised={task}", "--lambda_d=0.5", classes=classes)
    nn.init.zeros_(t.disc.head.weight)
    t.on_step_start(0)
    assert torch.allclose(
        weighted(t.d_terms(batch(8)["x"]))["rotation"], torch.full((8,), 0.5 * math.log(classes))
    )


def test_one_pass_or_one_each():
    """With batch norm in D, real and generated images are normalised separately."""
    t = trainer(norm="batch")
    x, y = batch(6)["x"], batch(6)["x"] * 0.1
    a, b = t.trunk(a=x, b=y).values()
    assert (
        torch.equal(a, t.disc(x, stop=t.last_layer))
        and torch.equal(b, t.disc(y, stop=t.last_layer))
        and "batch norm" in t.warnings[0]
    )
    t = trainer()
    a, b = t.trunk(a=x, b=y).values()
    assert torch.allclose(a, t.disc(x, stop=t.last_layer), atol=1e-6) and torch.allclose(
        b, t.disc(y, stop=t.last_layer), atol=1e-6
    )
    assert not t.warnings and len(t.trunk(x=x, none=None)) == 1


# --- batches, schedules, statistics


def test_each_update_has_images_of_its_own(monkeypatch):
    t = trainer("--d_steps=2")
    t.on_step_start(0)
    seen = []
    for name, step in (("ae_step", t.ae_step), ("d_terms", t.d_terms), ("g_terms", t.g_terms)):
        monkeypatch.setattr(t, name, lambda x, *more, step=step: (seen.append(x.clone()), step(x, *more))[1])
    x = batch(22)["x"]
    t.step({"x": x}, 0)
    assert [len(part) for part in seen] == [6, 6, 5, 5] and torch.equal(torch.cat(seen), x)
    seen.clear()
    t.step({"x": x[:7]}, 1)  # too few to share
    assert len(seen) == 4 and all(torch.equal(part, x[:7]) for part in seen)


def test_weights_and_learning_rate_at_the_corners():
    """mu is 0 up to N/2, 0.05 from 3N/4. The learning rate is full up to N/2, half at 3N/4, 0 at N."""
    t = trainer("--lr=1e-4", "--lr_schedule=half", "--schedule_steps=400")
    found = {}
    for step in (0, 200, 250, 300, 400):
        t.on_step_start(step)
        found[step] = t.w_real, t.w_recon, t.optims["disc"].param_groups[0]["lr"]
    expected = {
        0: (0.95, 0.05, 1e-4),
        200: (0.95, 0.05, 1e-4),
        250: (0.975, 0.025, 7.5e-5),
        300: (1.0, 0.0, 5e-5),
        400: (1.0, 0.0, 0.0),
    }
    for step, values in expected.items():
        assert found[step] == pytest.approx(values, abs=1e-12), step
        t.on_step_start(step)
        values = t.diagnose(batch())
        assert values["weights/real"] + values["weights/recon"] == 1


def test_running_statistics_are_those_of_the_noise():
    """Codes are not distributed as z: a reconstruction uses its batch's statistics, not the running ones."""
    t = trainer()
    x = batch()["x"]
    running = {n: b.clone() for n, b in t.gen.named_buffers() if "running" in n}
    x_r = t.reconstruct(100 * torch.ones(12, Z) * torch.arange(12)[:, None])
    assert running and all(torch.equal(running[n], b) for n, b in t.gen.named_buffers() if "running" in n)
    assert not torch.equal(x_r, t.eval().gen(t.enc(x)))
    t.train()
    steps(t, 3)
    changed = {n: b.clone() for n, b in t.gen.named_buffers() if "running" in n}
    assert all(not torch.equal(running[n], changed[n]) for n in running)
    t.eval()
    z = t.noise(6)
    whole, one = t.generate(z), torch.cat([t.generate(part) for part in z.split(1)])
    assert torch.allclose(whole, one, atol=1e-5)  # a sample does not depend on its batch
    assert all(torch.equal(changed[n], b) for n, b in t.gen.named_buffers() if "running" in n)


def test_the_official_samples_depend_on_their_batch():
    t = trainer("--official_quirks", "batch_statistics")
    running = {n: b.clone() for n, b in t.gen.named_buffers() if "running" in n}
    z = torch.rand(70, Z)
    expected = torch.cat([t.gen.train()(part) for part in z.split(64)])
    for n, b in t.gen.named_buffers():
        if n in running:
            b.copy_(running[n])
    t.eval()
    assert torch.allclose(t.generate(z), expected, atol=1e-6)
    assert all(torch.equal(running[n], b) for n, b in t.gen.named_buffers() if "running" in n) and not any(
        m.training for m in t.gen.modules()
    )


def test_two_optimisers_in_sequence_see_each_others_step():
    t = trainer("--ae_optimisers=two", "--lr=0.1")
    t.on_step_start(0)
    seen = []
    original = t.reg_term
    t.reg_term = lambda phi, phi_r, z_e, z: (seen.append(z_e.detach().clone()), original(phi, phi_r, z_e, z))[
        1
    ]
    x = batch()["x"]
    with torch.no_grad():
        before = t.enc(x)
    t.ae_step(x)
    assert not torch.allclose(seen[0], before, atol=1e-3)


# --- what is logged and drawn


def test_moments_are_those_of_the_distributions():
    torch.manual_seed(0)
    for name, values in (("uniform", torch.rand(200_000) * 2 - 1), ("normal", torch.randn(200_000))):
        for moment, expected in dist_gan.PRIORS[name].items():
            assert dist_gan.moments(values)[moment] == pytest.approx(
                expected, abs=0.05 if moment == "kurtosis" else 0.01
            ), (name, moment)


def test_diagnoses_name_both_sides_and_each_class():
    for task, classes in (("none", 0), ("ss", 4), ("ms", 5)):
        t = trainer(f"--self_supervised={task}", classes=classes)
        steps(t, 1)
        values = t.eval().diagnose(batch())
        assert {n for n in values if n.startswith("disc/acc")} == set(
            [f"disc/acc_{k}" for k in ("0", "90", "180", "270", "fake")][:classes]
        )
        assert {f"enc/{p}{m}" for p in ("", "prior_") for m in ("mean", "variance", "kurtosis")} <= set(
            values
        )
        assert all(math.isfinite(v) and v.ndim == 0 for v in values.values())


def test_accuracies_of_a_head_that_knows():
    """Images are bright on one side, which gives their rotation; black ones are generated."""

    class Knows(Discriminator):
        def __init__(self):
            super().__init__(
                nn.Identity(), nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 1), nn.Flatten(0))
            )
            self.classes = 5

        def rotation(self, x, start=0):
            x = x.reshape(-1, SIZE, SIZE)
            sides = torch.stack([x[:, 0].sum(1), x[:, :, 0].sum(1), x[:, -1].sum(1), x[:, :, -1].sum(1)], 1)
            return torch.cat([sides, 0.1 * torch.ones(len(x), 1)], 1)

    nets = dist_gan_dcgan.get_network((1, SIZE, SIZE), 0, Z, width=4) | {"disc": Knows()}
    t = trainer("--self_supervised=ms", nets=nets)
    x = torch.zeros(3, 1, SIZE, SIZE)
    x[:, :, 0, 1:-1] = 1
    assert [v.item() for v in t.task_accuracies(x, torch.zeros_like(x)).values()] == [1, 1, 1, 1, 1]


def test_pictures_are_samples_and_pairs():
    t = trainer("--samples=9").eval()
    pictures = t.pictures(batch())
    assert pictures[""].shape == (9, 1, SIZE, SIZE) and pictures["recon"].shape == (2, 3, 1, SIZE, SIZE)
    assert torch.equal(pictures["recon"][0], batch()["x"][:3])


# --- SSGAN


@pytest.mark.parametrize(
    "words, classes",
    [
        (("--self_supervised=none",), 0),
        (("--self_supervised=ss",), 4),
        (("--self_supervised=ms", "--g_task=match"), 5),
        (("--g_task=match",), 4),
        (("--rotations=full", "--loss=jsgan"), 4),
        (("--lambda_g=0", "--rotations=stratified"), 4),
    ],
)
def test_ssgan_steps_move_one_player_each(words, classes):
    t = self_supervised(*words, "--update_g_every=2", classes=classes)
    t.on_step_start(1)
    before = parameters(t)
    log = t.step(batch(), 1)
    assert moved(t, before) == {"disc"} and not any(n.startswith("gen/") for n in log)
    weights = {"disc/rotation": t.args.lambda_d} if classes else {}
    assert assert_weighted(log, weights) == {"disc/real", "disc/fake", *weights}
    t.on_step_start(2)
    before = parameters(t)
    log = t.update("gen", t.g_terms(batch()["x"], t.gen(t.noise(12))))
    weights = {"gen/rotation": t.args.lambda_g} if classes and "--lambda_g=0" not in words else {}
    assert moved(t, before) == {"gen"} and assert_weighted(log, weights) == {"gen/adv", *weights}
    before = parameters(t)
    steps(t, 4)
    assert not {n for n, p in t.named_parameters() if torch.equal(before[n], p)} - {
        "disc.stages.5.0.bias"
    } and t.bad_steps.tolist() == [0, 0]


def test_ssgan_terms_are_the_formulas(monkeypatch):
    t = self_supervised().eval()
    assert (t.args.lambda_d, t.args.lambda_g, t.args.update_g_every, t.args.loss) == (1.0, 0.2, 5, "hinge")
    x, x_f = batch(8)["x"], t.gen(torch.randn(8, Z))
    source, turn = torch.arange(8), torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
    monkeypatch.setattr(t, "pool", lambda n, classes: (source, turn))
    ce = lambda images: F.cross_entropy(
        t.disc.rotation(rotation.turned(images, source, turn)), turn, reduction="none"
    )
    terms = weighted(t.d_terms(x, x_f.detach()))
    assert torch.allclose(terms["real"], F.relu(1 - t.disc(x)), atol=1e-5) and torch.allclose(
        terms["fake"], F.relu(1 + t.disc(x_f)), atol=1e-5
    )
    assert torch.allclose(terms["rotation"], ce(x), atol=1e-5)
    terms = weighted(t.g_terms(x, x_f))
    assert torch.allclose(terms["adv"], -t.disc(x_f), atol=1e-5) and torch.allclose(
        terms["rotation"], 0.2 * ce(x_f), atol=1e-5
    )


def test_names_of_the_paper_are_taken():
    args = arguments("ssgan", "--alpha=0.3", "--beta=0.7")
    assert (args.lambda_g, args.lambda_d) == (0.3, 0.7)


# --- the toys' GANs with an encoder


@pytest.mark.parametrize(
    "model, updates",
    [
        ("rgan", {"disc": {"disc"}, "gen": {"gen"}, "enc": {"enc"}}),
        ("mdgan", {"disc": {"disc"}, "gen": {"gen"}, "enc": {"enc", "gen"}, "disc_recon": {"disc_recon"}}),
        ("vaegan", {"disc": {"disc"}, "gen": {"gen"}, "enc": {"enc"}}),
    ],
)
def test_toy_updates_move_whom_they_say(model, updates):
    t, found = toy(model), {}
    t.on_step_start(0)
    original = t.update

    def watched(name, terms):
        before = parameters(t)
        log = original(name, terms)
        found[name] = moved(t, before)
        return log

    t.update = watched
    log = t.step(batch(12, (1, 1, 2)), 0)
    assert found == updates and all(math.isfinite(v) for v in log.values())
    del t.update
    before = parameters(t)
    steps(t, 5, batch(12, (1, 1, 2)))
    assert not {n for n, p in t.named_parameters() if torch.equal(before[n], p)}
    assert t.sample(3).shape == (3, 1, 1, 2) and t.probability(t.sample(3)).shape == (3,)


def test_rgan_rewards_reconstructions_and_the_original_does_not():
    x = batch(6, (1, 1, 2))["x"]
    for words, term in (((), lambda d: -torch.sigmoid(d).log()), (("--official_sign",), torch.sigmoid)):
        t = toy("rgan", "--lambda_1=0.5", "--lambda_2=0.25", *words)
        x_r = t.gen(t.enc(x))
        terms = weighted(t.recon_terms(x))
        assert torch.allclose(terms["recon"], 0.5 * (x - x_r).square().sum((1, 2, 3))) and torch.allclose(
            terms["judged"], 0.25 * term(t.disc(x_r)), atol=1e-6
        )
    with pytest.raises(UserError, match="--official_sign: only valid with --model=rgan, given mdgan"):
        toy("mdgan", "--official_sign")


# --- refusals, and runs


def test_what_cannot_be_is_refused_by_name():
    nets = dist_gan_dcgan.get_network((1, SIZE, SIZE), 0, Z, width=4) | {
        "disc": Linear(torch.ones(SIZE * SIZE))
    }
    for words, options, message in [
        (
            ("--self_supervised=ms",),
            {"classes": 4},
            "--self_supervised=ms: needs a head of 5 classes, .* offers 4; use --network_args classes=5",
        ),
        (("--self_supervised=ss",), {"classes": 4, "shape": (1, 16, 32)}, "16x32 pixels cannot be turned"),
        ((), {"nets": nets}, "--phi=features: .* no hidden states"),
        (("--recon_loss=bce",), {}, "--phi=data"),
        (("--loss=log", "--official_quirks", "sigmoid_hinge"), {}, "use --loss=hinge"),
        (("--official_quirks", "one_hot_bce"), {}, "no classes"),
        (("--ae_optimisers=two", "--lambda_r=0"), {}, "no second loss"),
        (("--lambda_p=0", "--official_quirks", "negative_penalty"), {}, "no penalty"),
    ]:
        with pytest.raises(UserError, match=message):
            trainer(*words, **options)
    with pytest.raises(UserError, match="DistGAN needs gen, enc, disc"):
        trainer(nets=small.get_network((1, SIZE, SIZE), 0, Z))
    with pytest.raises(UserError, match="--official_quirks"):
        trainer("--official_quirks", "typo")


RUN = [
    "--trainer=trainers/dist_gan.py",
    "--network=networks/dist_gan_dcgan.py",
    "--network_args",
    "width=4",
    "classes=5",
    "--self_supervised=ms",
    "--lambda_g=0.1",
    "--iterator_args",
    "size=16",
    "--ae_updates=enc+gen",
    "--ae_optimisers=two",
    "--lr_schedule=half",
    "--schedule_steps=8",
    "--ema=0.9",
    "--batch_size=12",
]
RUNS = {
    "dist_gan": RUN,
    "ssgan": [
        "--trainer=trainers/ssgan.py",
        "--network=networks/ssgan.py",
        "--network_args",
        "width=4",
        "--update_g_every=2",
    ],
    "mdgan": [
        "--trainer=trainers/ae_gans.py",
        "--model=mdgan",
        "--network=networks/dist_gan_mlp.py",
        "--network_args",
        "width=4",
        "discs=2",
    ],
}


@pytest.mark.parametrize("name", RUNS)
def test_a_resumed_run_repeats_an_unbroken_one(name, tmp_path):
    words = list(RUNS[name])
    assert train(tmp_path, "--name=whole", "--max_steps=8", *words) == 0
    assert train(tmp_path, "--name=parts", "--max_steps=3", *words) == 0
    assert train(tmp_path, "--name=parts", "--max_steps=8", "--resume=auto", *words) == 0
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))
    records = [(tmp_path / n / "s0" / "metrics.jsonl").read_text().splitlines() for n in ("whole", "parts")]
    assert [line for line in records[1] if '"step": 3,' not in line] == [
        line for line in records[0] if '"step": 3,' not in line
    ]


def test_a_longer_run_is_not_given_other_weights_in_silence(tmp_path):
    words = [w for w in RUN if "schedule" not in w]
    assert train(tmp_path, "--max_steps=2", *words) == 0
    with pytest.raises(UserError, match="--mu_steps: 2 then, 4 now"):
        train(tmp_path, "--max_steps=4", "--resume=auto", *words)
    assert train(tmp_path, "--max_steps=4", "--resume=auto", "--mu_steps=2", *words) == 0


def test_an_average_moves_once_in_a_step_that_updates_its_network_twice():
    t = trainer("--ae_updates=enc+gen", "--ema=0.75")
    first = [p.clone() for p in t.gen.parameters()]
    t.on_step_start(0)
    t.step(batch(), 0)
    assert all(
        torch.allclose(0.75 * a + 0.25 * p, e, atol=1e-7)
        for a, p, e in zip(first, t.gen.parameters(), t.gen_ema.parameters())
    )


@pytest.mark.parametrize("n", (1, 3, 64, 65, 130))
def test_samples_by_the_statistics_of_their_batch_are_as_many_as_asked_for(n):
    t = trainer("--official_quirks", "batch_statistics", shape=(1, 28, 28))
    with t.evaluating():
        images = t.generate(t.noise(n))
    assert images.shape == (n, 1, 28, 28) and images.isfinite().all()


@pytest.mark.parametrize(
    "words, nets, message",
    (
        (
            "--model=vaegan",
            {},
            r"--network: enc of .* gives \[2, 2\] for two examples; must be \[2, 4\]; codes must be as long",
        ),
        ("--model=rgan", {"variational": True}, r"gives \[2, 4\] for two examples; must be \[2, 2\]"),
    ),
)
def test_codes_of_another_length_are_refused(words, nets, message):
    t = ae_gans.get_trainer(
        dist_gan_mlp.get_network((1, 1, 2), 2, width=8, layers=2, gen_out="linear", **nets),
        arguments("ae_gans", words, shape=(1, 1, 2), z_dim=2),
    ).train()
    with pytest.raises(UserError, match=message):
        t.check_networks()


@pytest.mark.parametrize(
    "gen_out, scale, good", (("tanh", "unit", True), ("linear", "unit", False), ("tanh", "given", False))
)
def test_cross_entropy_needs_numbers_between_0_and_1(gen_out, scale, good):
    nets = dist_gan_mlp.get_network((1, 1, 2), 2, width=8, layers=2, gen_out=gen_out)
    t = dist_gan.get_trainer(
        nets,
        arguments(
            "dist_gan",
            "--recon_loss=bce",
            "--phi=data",
            f"--scale={scale}",
            "--loss=log",
            shape=(1, 1, 2),
            z_dim=2,
        ),
    ).train()
    if good:
        t.initialise(batch(12, (1, 1, 2)))
        return
    with pytest.raises(UserError, match="--recon_loss=bce: needs data in"):
        t.initialise(batch(12, (1, 1, 2)))


def test_flags_that_do_nothing_are_named():
    t = trainer(
        "--weights=fixed", "--mu_steps=5", "--lambda_r=0", "--reg_features=real", "--alpha=0.3", classes=4
    )
    said = " ".join(t.warnings)
    assert (
        len(t.warnings) == 4
        and "--mu_steps: given 5, does nothing without --weights=moving" in said
        and "--reg_features: given real" in said
    )
    assert (
        "--lambda_g: given 0.3, does nothing without --self_supervised" in said
        and "head of 4 classes" in said
    )


def test_halves_of_a_batch_cannot_be_compared():
    from networks import dcgan

    nets = dcgan.get_network((1, SIZE, SIZE), 0, Z, width=4, minibatch_disc="3x2", minibatch_form="imagenet")
    with pytest.raises(
        UserError, match="compares the real with the generated half of a batch, which SSGAN does not make"
    ):
        ssgan_trainer.get_trainer(nets, arguments("ssgan", "--self_supervised=none"))


def test_a_reference_batch_comes_from_the_noise_of_training():
    from networks import dcgan

    t = ssgan_trainer.get_trainer(
        dcgan.get_network((1, SIZE, SIZE), 0, Z, width=4, norm="vbn", references=8),
        arguments("ssgan", "--self_supervised=none"),
    ).train()
    t.initialise(batch())
    assert t.gen.reference.abs().max() <= 1  # uniform; normal before


def test_reconstructions_are_drawn_as_they_are_trained_and_looking_changes_nothing():
    t = trainer("--self_supervised=ms", "--ae_updates=enc+gen", classes=5, norm="batch")
    steps(t, 3)
    x = batch()["x"]
    t.eval()
    before = {name: b.clone() for name, b in t.named_buffers()}
    with torch.no_grad():
        drawn, h = t.pictures({"x": x})["recon"], t.encode(x)
        values = t.diagnose({"x": x})
        assert t.decode(h[:1]).shape == (1, *x.shape[1:])
        t.train()
        t.reconstruct(h)
        t.eval()
    after = dict(t.named_buffers())
    assert all(torch.equal(before[name], after[name]) for name in before) and not t.gen.training
    with torch.no_grad():
        t.gen.train()
        trained = t.gen(h)
    assert torch.allclose(drawn[1], trained[: len(drawn[1])], atol=1e-6) and not torch.allclose(
        trained, t.eval().gen(h), atol=1e-3
    )
    assert 0 <= values["score/recon"] <= 1 and {"disc/acc_0", "disc/acc_fake"} <= values.keys()


def test_modes_of_autoencoders_are_dist_gans_too(tmp_path):
    from tests.running import mode, train

    words = [
        "--trainer=trainers/dist_gan.py",
        "--network=networks/dist_gan_dcgan.py",
        "--network_args",
        "width=4",
        "--iterator=tests/made_parts.py",
        "--iterator_args",
        "size=16",
        "--batch_size=12",
    ]
    assert train(tmp_path, "--max_steps=2", *words) == 0
    assert mode(tmp_path, "--mode=interp_valid", "--val_batch_size=4", "--num_interps=3") == 0
    assert mode(tmp_path, "--mode=embedding") == 0
    assert any((tmp_path / "deleteme" / "s0" / "interp_valid").rglob("*.png"))


def test_the_order_of_quirks_is_no_other_run(tmp_path):
    from tests.running import train

    words = [
        "--trainer=trainers/dist_gan.py",
        "--network=networks/dist_gan_mlp.py",
        "--network_args",
        "width=8",
        "--iterator_args",
        "size=1",
        "--batch_size=6",
    ]
    assert (
        train(
            tmp_path,
            "--max_steps=1",
            *words,
            "--schedule_steps=2",
            "--official_quirks",
            "sigmoid_hinge",
            "negative_penalty",
        )
        == 0
    )
    assert (
        train(
            tmp_path,
            "--max_steps=2",
            *words,
            "--schedule_steps=2",
            "--resume=auto",
            "--official_quirks",
            "negative_penalty",
            "sigmoid_hinge",
        )
        == 0
    )


def test_more_flags_that_do_nothing_are_named():
    said = " ".join(
        trainer(
            "--self_supervised=ms",
            "--lambda_d=0",
            "--g_task=help",
            "--rotations=full",
            "--lambda_p=0",
            "--scale=given",
            classes=5,
        ).warnings
    )
    for start in (
        "--lambda_d: given 0, so nothing trains",
        "--g_task: given help",
        "--rotations: given full",
        "--scale: given given",
    ):
        assert start in said
    assert "batch_statistics: does nothing" in " ".join(
        trainer(
            "--official_quirks",
            "batch_statistics",
            nets=dist_gan_mlp.get_network((1, 1, 2), Z, width=8),
            shape=(1, 1, 2),
        ).warnings
    )
