"""--conditional, --packing and --g_batch of trainers/gan.py."""

import math
import re

import pytest
import torch
import torch.nn.functional as F

import task_launcher
from engine.errors import UserError
from losses.conditional import cross_entropy, d2d_cross_entropy
from losses.packing import pack
from networks import small
from networks.conditional import KINDS
from tests.running import assert_equal, mode, newest, train
from tests.trainers.test_gan import arguments
from trainers import gan
from trainers.base import weighted

K = 3


def trainer(kind, *words, size=8, packing=1):
    torch.manual_seed(0)
    args = arguments("--z_dim=5", *words, *([f"--conditional={kind}"] if kind else []))
    args.n_classes, args.batch_size, args.iterator = K, 6, "tests/made.py"
    nets = small.get_network((1, size, size), K, 5, width=8, conditional=kind)
    if packing > 1:
        nets["disc"] = small.get_network((packing, size, size), K, 5, width=8, conditional=kind)["disc"]
    t = gan.get_trainer(nets, args).train()
    t.on_step_start(0)
    return t


def batch(n=6, size=8):
    torch.manual_seed(1)
    return {"x": torch.rand(n, 1, size, size) * 2 - 1, "y": torch.arange(n) % K}


MIXES = (
    (),
    ("--mixup=pixel", "--mixup_label=soft"),
    ("--mixup=1", "--mixup_ff", "--mixup_classes=within"),
    ("--mixup=0,3", "--mixup_ff"),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", MIXES)
def test_it_steps_with_mixups_and_all_penalties(kind, words):
    penalties = ("--penalty", "gp=1", "r1=0.1", "r2=0.1", "dragan=1", "gp0=1", "lecam=0.1")
    step = "joint" if "--mixup_ff" in words else "separate"
    t = trainer(
        kind, *words, *penalties, "--lecam_start=0", "--dnorm=0.5", f"--dnorm_step={step}", "--ema=0.9"
    )
    t.check_networks()
    before = {n: p.clone() for n, p in t.named_parameters()}
    for i in range(3):
        t.on_step_start(i)
        log = t.step(batch(), i)
    assert all(math.isfinite(v) for v in log.values()) and t.bad_steps.tolist() == [0, 0]
    still = {n for n, p in t.named_parameters() if torch.equal(before[n], p)}
    # the norm's table of a class that was not drawn moves in its other rows; everything has moved
    assert not still
    soft, ff = "--mixup_label=soft" in words, "--mixup_ff" in words
    shown = (
        (set() if soft else {"real", "fake"}) | ({"mix"} if words else set()) | ({"mix_ff"} if ff else set())
    )
    classed = {"acgan": shown, "d2dce": {"mix"} if soft else {"real"}}.get(kind, set())
    terms = {name for name in log if name.startswith("disc/class_") and not name.endswith("_raw")}
    assert terms == {f"disc/class_{name}" for name in classed}
    assert ("gen/class" in log) == (kind in ("acgan", "d2dce"))
    assert int(t.classes.counts.sum()) == 18


@pytest.mark.parametrize("kind", ("projection", "concat"))
def test_terms_of_a_mix_are_those_of_mixed_classes(kind, monkeypatch):
    t = trainer(kind, "--mixup=1", "--mixup_ff", "--penalty", "gp=2").eval().double()
    real, y, fake = batch()["x"].double(), batch()["y"], batch()["x"].double().flip(0) * 0.5
    c, told = F.one_hot(y, K).double(), F.one_hot((y + 1) % K, K).double()
    lam, partner = torch.linspace(0.05, 0.5, 6).double(), torch.tensor([3, 4, 5, 1, 0, 2])
    monkeypatch.setattr(gan, "beta_weights", lambda *a: torch.stack([lam, 1 - lam]))
    monkeypatch.setattr(torch, "randperm", lambda n, **k: partner)
    monkeypatch.setattr(t.classes, "of", lambda labels: (c,))
    eps = torch.rand(6, 1, 1, 1).double()
    monkeypatch.setattr("losses.penalties.uniform", lambda x, generator=None: eps)
    terms = weighted(t.d_terms(real, fake, y, 0, None, told))
    h_real, h_fake = t.disc(real, stop=1), t.disc(fake, stop=1)
    across = lambda a, b, w: (
        w.reshape(-1, *[1] * (a.ndim - 1)) * a + (1 - w).reshape(-1, *[1] * (a.ndim - 1)) * b
    )
    logits = {
        "real": t.disc(real, y=c),
        "fake": t.disc(fake, y=told),
        "mix": t.disc(across(h_real, h_fake, lam), start=1, y=across(c, told, lam)),
        "mix_ff": t.disc(across(h_fake, h_fake[partner], lam), start=1, y=across(told, told[partner], lam)),
    }
    for name, logit in logits.items():
        assert torch.allclose(terms[name], F.softplus(-logit if name == "real" else logit), atol=1e-10), name
    x = across(real, fake, eps.flatten()).requires_grad_()
    (slope,) = torch.autograd.grad(t.disc(x, y=across(c, told, eps.flatten())).sum(), x)
    assert torch.allclose(terms["gp"], 2 * (slope.flatten(1).norm(dim=1) - 1) ** 2, atol=1e-8)


def test_slopes_at_generated_images_are_told_their_classes():
    t = trainer("projection", "--penalty", "r2=2").eval()
    real, y, fake = batch()["x"], batch()["y"], batch()["x"].flip(0) * 0.5
    told = F.one_hot((y + 1) % K, K).float()
    value = weighted(t.d_terms(real, fake, y, 0, None, told))["r2"]
    x = fake.clone().requires_grad_()
    (slope,) = torch.autograd.grad(t.disc(x, y=told).sum(), x)
    assert torch.allclose(value, slope.flatten(1).square().sum(1), atol=1e-6)


def test_class_terms_are_the_losses_of_d_s_output():
    y, fake = batch()["y"], batch()["x"].flip(0) * 0.5
    told = F.one_hot((y + 1) % K, K).float()
    t = trainer("acgan", "--class_weight=0.7").eval()
    terms = weighted(t.d_terms(batch()["x"], fake, y, 0, None, told))
    out = t.disc(batch()["x"], y=None)
    assert torch.allclose(terms["real"], F.softplus(-out[:, 0]), atol=1e-6)
    assert torch.allclose(
        terms["class_real"], 0.7 * F.cross_entropy(out[:, 1:], y, reduction="none"), atol=1e-6
    )
    assert torch.allclose(terms["class_fake"], 0.7 * cross_entropy(t.disc(fake)[:, 1:], told), atol=1e-6)
    assert "class_fake" not in trainer("acgan", "--class_terms=real").d_terms(fake, fake, y, 0, None, told)
    t = trainer("d2dce").eval()
    terms, out = weighted(t.d_terms(batch()["x"], fake, y, 0, None, told)), t.disc(batch()["x"])
    expected = d2d_cross_entropy(out[:, 1 + K :], out[:, 1 : 1 + K], F.one_hot(y, K).float())
    assert torch.allclose(terms["class_real"], 0.5 * expected, atol=1e-6) and "class_fake" not in terms


def test_classes_are_drawn_as_asked():
    y = torch.tensor([0, 0, 0, 1])
    t = trainer("projection")
    (drawn,) = t.classes.for_g(4000, y, t.generator)
    assert torch.allclose(drawn.mean(0), torch.tensor([0.75, 0.25, 0]), atol=0.03)
    (shown,) = t.classes.for_d(4, y, t.generator)
    assert t.classes.counts.tolist() == [3, 1, 0]
    torch.manual_seed(0)
    (samples,) = t.classes.for_samples(4000)
    assert torch.allclose(samples.bincount(minlength=K) / 4000, torch.tensor([0.75, 0.25, 0]), atol=0.03)
    t = trainer("projection", "--label_dist=uniform")
    (drawn,) = t.classes.for_g(4000, y, t.generator)
    assert torch.allclose(drawn.mean(0), torch.full((K,), 1 / K), atol=0.03)
    t.classes.for_d(4, y, t.generator)
    assert set(t.classes.for_samples(100)[0].tolist()) == {0, 1, 2}
    t = trainer("projection", "--mixup_classes=within", "--label_dist=uniform")
    assert t.classes.for_d(4, y, t.generator)[0].argmax(1).tolist() == y.tolist()


def test_mixes_within_classes_are_of_one_class():
    t = trainer("projection", "--mixup=1", "--mixup_ff", "--mixup_classes=within")
    seen = {}
    found = t.examples
    t.examples = lambda *a: seen.update(found(*a)) or seen
    t.step(batch(), 0)
    for name in ("mix", "mix_ff"):
        assert torch.allclose(seen[name].classes.amax(1), torch.ones(6), atol=1e-6), name
    t = trainer("projection", "--mixup=1")
    t.examples = lambda *a: seen.update(found(*a)) or seen
    found = gan.MixupGAN.examples.__get__(t)
    t.step(batch(), 0)
    assert (seen["mix"].classes.amax(1) < 0.999).any()


def test_generate_takes_labels_and_shares():
    t = trainer("projection", "--ema=0.9").eval()
    with torch.no_grad():
        for _, b in t.gen_ema.named_parameters():
            b.normal_()
        z, y = t.noise(4), torch.tensor([0, 1, 2, 0])
        assert torch.equal(t.generate(z, y), t.gen_ema(z, y))
        assert torch.allclose(t.generate(z, F.one_hot(y, K).float()), t.generate(z, y), atol=1e-5)
        assert t.generate(z).shape == (4, 1, 8, 8)
        with pytest.raises(UserError, match="--conditional: the run has none"):
            trainer(None).generate(z, y)
        grid = t.pictures(batch())[""]
    assert grid.shape == (K, 64 // K, 1, 8, 8)


@pytest.mark.parametrize(
    "words",
    (
        ("--conditional=projection", "--mixup=vh2", "--ema=0.9", "--penalty", "gp=1"),
        ("--conditional=acgan", "--label_dist=uniform", "--g_batch=2", "--update_g_every=2"),
        ("--conditional=d2dce", "--loss=hinge", "--mixup=pixel", "--mixup_label=soft"),
        ("--conditional=concat", "--mixup=1", "--mixup_ff", "--mixup_classes=within", "--apa"),
        ("--packing=2", "--mixup=1", "--penalty", "r1=1", "--diffaugment", "color"),
    ),
)
def test_a_run_in_two_parts_equals_an_unbroken_one(tmp_path, words):
    assert train(tmp_path / "whole", "--max_steps=6", *words) == 0
    for steps in (3, 6):
        assert train(tmp_path / "parts", f"--max_steps={steps}", "--resume=auto", *words) == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))
    assert (
        mode(tmp_path / "whole", "--name=deleteme", "--mode=sample", "--out", tmp_path / "x.npz", "--cpu")
        == 0
    )


# --- packing, and G's batch


def test_d_judges_packs():
    t = trainer(None, "--packing=2", "--mixup=pixel", "--penalty", "r1=2", packing=2).eval()
    t.check_networks()
    real, fake = pack(batch()["x"], 2), pack(batch()["x"].flip(0), 2)
    assert real.shape == (3, 2, 8, 8) and t.disc(real).shape == (3,)
    terms = weighted(t.d_terms(real, fake))
    assert torch.allclose(terms["real"], F.softplus(-t.disc(real)), atol=1e-6)
    x = real.clone().requires_grad_()
    (slope,) = torch.autograd.grad(t.disc(x).sum(), x)
    assert torch.allclose(terms["r1"], slope.flatten(1).square().sum(1), atol=1e-6)
    sizes = []
    t.gen.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    t.train().step(batch(), 0)
    assert sizes == [6, 6]  # as many images as the batch, for 3 packs
    assert t.probability is None


def test_packs_of_one_change_nothing():
    a, b = trainer(None), trainer(None, "--packing=1", "--g_batch=1")
    logs = []
    for t in (a, b):
        examples = batch()
        torch.manual_seed(5)
        logs.append(t.step(examples, 0))
    assert all(torch.equal(logs[0][name], logs[1][name]) for name in logs[0])


def test_g_s_batch_is_a_multiple_of_d_s():
    t, sizes = trainer(None, "--g_batch=3", "--g_steps=2"), []
    t.gen.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    t.step(batch(), 0)
    assert sizes == [18, 18, 6]


@pytest.mark.parametrize(
    "kind, words, said",
    (
        ("projection", ("--packing=2",), "--packing=2: the images of a pack have several classes"),
        ("acgan", ("--class_weight=0",), "--class_weight=0"),
        ("acgan", ("--g_loss=feature_matching",), "--g_loss=feature_matching: does not tell G"),
        (None, ("--g_batch=2", "--loss=rpgan"), "--g_batch=2: --loss=rpgan pairs"),
    ),
)
def test_flags_that_contradict_are_refused(kind, words, said):
    with pytest.raises(UserError, match=said):
        trainer(kind, *words)


def test_unused_flags_are_told():
    said = lambda t: [warning.split(":")[0] for warning in t.warnings]
    assert said(trainer(None, "--label_dist=uniform", "--class_weight=2")) == [
        "--label_dist",
        "--class_weight",
    ]
    assert said(trainer("projection", "--class_weight=2", "--d2dce_margin=0.9")) == [
        "--class_weight",
        "--d2dce_margin",
    ]
    assert said(trainer("acgan", "--mixup_classes=within")) == []  # D's images have the real ones' classes


@pytest.mark.parametrize(
    "words, said",
    (
        (("--network=networks/mnist.py",), "of networks/mnist.py does not take conditional=...; use"),
        (("--network_args", "conditional=acgan"), "--network_args: given conditional=...; leave it out"),
    ),
)
def test_a_network_that_does_not_know_classes_is_refused(tmp_path, words, said):
    with pytest.raises(UserError, match=re.escape(said)):
        train(tmp_path, "--conditional=projection", "--max_steps=1", *words)


def test_data_without_labels_are_refused(tmp_path):
    file = tmp_path / "unlabelled.py"
    file.write_text(
        "import torch\nfrom iterators.common import DataIterator\n"
        "def get_iterators(batch_size, seed):\n"
        "    return {'train': DataIterator({'x': torch.zeros(16, 1, 8, 8)}, batch_size, seed)}\n"
    )
    words = (
        "--conditional=concat",
        "--network=networks/small.py",
        "--batch_size=8",
        "--cpu",
        "--max_steps=1",
    )
    with pytest.raises(UserError, match="--conditional=concat: .*unlabelled.py gives no labels; use"):
        task_launcher.main([f"--iterator={file}", *words, f"--save_path={tmp_path}"])
