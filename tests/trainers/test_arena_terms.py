"""The rows of --penalty and --g_penalty that compare, contrast and judge pixels, in the step of gan.py."""

import pytest
import torch
from torch import nn

from engine.errors import UserError
from engine.randomness import generator
from losses.tasks import info_nce
from networks import infomax, small, unet
from tests.running import assert_equal, newest, train
from tests.trainers.test_arena import AUGMENT, draws_of, shown
from tests.trainers.test_gan import arguments, batch, trainer
from trainers import gan, ssgan
from trainers.base import weighted

SHAPE = (1, 8, 8)
NETS = {
    "unet": lambda: unet.get_network(SHAPE, 0, 5, width=4, gen_width=4),
    "infomax": lambda: infomax.get_network(SHAPE, 0, 5, width=4, dim=6),
}


def built(kind, *words):
    torch.manual_seed(0)
    return trainer(*words, nets=NETS[kind]())


def pair():
    return batch()["x"], batch()["x"].flip(0) * 0.5


def draw(purpose, step=0):
    return generator(0, purpose, step, 0)


def test_unet_gan_is_the_formula():
    """Per pixel l to M for real, generated and mixed images, fake at image level; consistency of the map."""
    words = "--penalty", "unet=2", "unet_mix=3", "--g_penalty", "unet=0.5"
    t = built("unet", "--mixup=pixel", "--mixup_form=cutmix", "--alpha=1", "--mixup_fold=off", *words).eval()
    real, fake = pair()
    torch.manual_seed(3)
    terms = t.d_terms(real, fake)
    torch.manual_seed(3)
    torch.randint(1, ())
    t.generators.clear()  # those of the step have gone on
    m = t.examples(real, fake)["mix"].mask
    assert m.shape == (6, 1, 8, 8) and 0 < m.mean() < 1
    mixed = m * real + (1 - m) * fake
    bce = lambda x, target: nn.functional.binary_cross_entropy_with_logits(
        t.disc.pixels(x), target, reduction="none"
    ).mean((1, 2, 3))
    ones = torch.ones(6, 1, 8, 8)
    weight, value = terms["unet"]
    assert weight == 2 and torch.allclose(
        value, bce(real, ones) + bce(fake, 0 * ones) + bce(mixed, m), atol=1e-5
    )
    weight, value = terms["unet_mix"]
    found = t.disc.pixels(mixed) - m * t.disc.pixels(real) - (1 - m) * t.disc.pixels(fake)
    assert weight == 3 and torch.allclose(value, found.square().mean((1, 2, 3)), atol=1e-5)
    assert torch.allclose(terms["mix"], nn.functional.softplus(t.disc(mixed)), atol=1e-5)
    torch.manual_seed(3)
    weight, value = t.g_terms(real)["unet"]
    torch.manual_seed(3)
    fake = t.gen(t.noise(6))
    assert weight == 0.5 and torch.allclose(value, bce(fake, ones), atol=1e-5)


def test_linear_mixes_have_a_constant_map_and_the_ff_mix_is_fake():
    t = built("unet", "--mixup=pixel", "--mixup_ff", "--penalty", "unet=1", "unet_mix=1").eval()
    real, fake = pair()
    torch.manual_seed(3)
    terms = weighted(t.d_terms(real, fake))
    torch.manual_seed(3)
    torch.randint(1, ())
    shown = t.examples(real, fake)
    lam = shown["mix"].mask
    assert lam.shape == (6,)
    pixels = {name: t.disc.pixels(each.h) for name, each in shown.items()}
    sp, lam = nn.functional.softplus, lam[:, None, None, None]
    losses = (
        sp(-pixels["real"]),
        sp(pixels["fake"]),
        sp(pixels["mix"]) - lam * pixels["mix"],
        sp(pixels["mix_ff"]),
    )
    assert torch.allclose(terms["unet"], sum(losses).mean((1, 2, 3)), atol=1e-5)
    apart = pixels["mix"] - lam * pixels["real"] - (1 - lam) * pixels["fake"]
    assert torch.allclose(terms["unet_mix"], apart.square().mean((1, 2, 3)), atol=1e-5)


def test_infomax_contrasts_real_images_for_d_and_generated_ones_for_g():
    t = built("infomax", "--penalty", "infomax=0.2", "--g_penalty", "infomax=0.3").eval()
    real, fake = pair()
    weight, value = t.d_terms(real, fake)["infomax"]
    assert weight == 0.2 and torch.allclose(value, info_nce(*t.disc.contrast(real)), atol=1e-6)
    torch.manual_seed(3)
    weight, value = t.g_terms(real)["infomax"]
    torch.manual_seed(3)
    assert weight == 0.3 and torch.allclose(value, info_nce(*t.disc.contrast(t.gen(t.noise(6)))), atol=1e-6)


def test_icr_is_bcr_and_zcr():
    t = trainer("--penalty", "bcr=10", "zcr=20", "--g_penalty", "zcr=0.5").eval()
    real, _ = pair()
    torch.manual_seed(2)
    z = t.noise(6)
    fake = t.gen(z).detach()
    terms = t.d_terms(real, fake, z=z)
    dz = 0.05 * torch.randn(6, 5, generator=draw("zcr"))
    expected = (t.disc(fake) - t.disc(t.gen(z + dz))).square()
    assert terms["zcr"][0] == 20 and torch.allclose(terms["zcr"][1], expected, atol=1e-7)
    assert terms["bcr"][0] == 10 and terms["bcr"][1].shape == (6,) and terms["bcr"][1].min() > 0
    grads = torch.autograd.grad(terms["zcr"][1].sum(), list(t.gen.parameters()), allow_unused=True)
    assert all(g is None for g in grads)
    torch.manual_seed(2)
    weight, value = t.g_terms(real)["zcr"]
    dz = 0.05 * torch.randn(6, 5, generator=draw("zcr gen"))
    expected = -(t.gen(z) - t.gen(z + dz)).square().mean((1, 2, 3))
    assert weight == 0.5 and torch.allclose(value, expected, atol=1e-7) and value.max() < 0


def test_consistency_compares_augmented_with_augmented():
    """D(T x) with D(T' Cx): T of the step's pass, then a new draw."""
    from losses.consistency import flip_and_shift

    t = trainer(*AUGMENT, "--penalty", "cr=10").eval()
    real, fake = pair()
    value = t.d_terms(real, fake)["cr"][1]
    changed = flip_and_shift(real, draw("cr"))
    first = t.disc(shown(t, real, "disc"))
    second = t.disc(shown(t, changed, "disc", [real, fake]))
    assert torch.allclose(value, (first - second).square(), atol=1e-7)


TERMS = {
    "cr": ("--penalty", "cr=10"),
    "icr": ("--penalty", "bcr=10", "zcr=20", "--g_penalty", "zcr=0.5"),
    "fsmr": ("--penalty", "fsmr=1"),
}


@pytest.mark.parametrize("name", TERMS)
def test_runs_that_differ_in_a_term_share_noise_and_mixing_weights(monkeypatch, name):
    plain, other = draws_of(monkeypatch), draws_of(monkeypatch, *TERMS[name])
    other = other[:4]  # fsmr draws a permutation of its own after them
    assert len(plain) == 4 and all(torch.equal(a, b) for a, b in zip(plain, other, strict=True))


RUNS = {
    **TERMS,
    "cutmix": ("--mixup_form=cutmix", "--mixup_ff", "--alpha=1"),
    "smoothmix": ("--mixup_form=smoothmix", "--mixup_label=soft"),
    "adaptive": ("--mixup_form=adaptive", "--mixup=1,2", "--alpha=1", "--g_steps=2"),
    "unet": (
        *("--network=networks/unet.py", "--network_args", "width=4", "gen_width=4", "--mixup=pixel"),
        *("--mixup_form=cutmix", "--penalty", "unet=1", "unet_mix=1", "--g_penalty", "unet=1"),
    ),
    "infomax": (
        *("--network=networks/infomax.py", "--network_args", "width=4", "dim=6"),
        *("--penalty", "infomax=0.2", "--g_penalty", "infomax=0.2"),
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_resumes_bit_for_bit(tmp_path, name):
    words = ("--mixup=0,1", "--penalty", "r1=0.1", "--ema=0.9", *RUNS[name])
    assert train(tmp_path / "whole", *words, "--max_steps=5") == 0
    assert train(tmp_path / "parts", *words, "--max_steps=2") == 0
    assert train(tmp_path / "parts", *words, "--max_steps=5", "--resume=auto") == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))


def test_what_cannot_be_is_refused_by_name():
    joint = small.get_network(SHAPE, 0, 5, width=8)
    joint["disc"].joint = True
    for name in ("cr", "bcr", "zcr", "fsmr"):
        with pytest.raises(UserError, match=f"--penalty {name}: the discriminator compares the real with"):
            trainer("--penalty", f"{name}=1", nets=joint)
    with pytest.raises(UserError, match="--mixup_form=adaptive: the discriminator compares"):
        trainer("--mixup_form=adaptive", "--mixup=1", nets=joint)
    with pytest.raises(UserError, match=r"infomax: the discriminator of .* has no method contrast; use"):
        trainer("--penalty", "infomax=1")
    with pytest.raises(UserError, match=r"unet: the discriminator of .* has no method pixels; use"):
        trainer("--g_penalty", "unet=1")
    with pytest.raises(UserError, match="--penalty unet: D's decoder reads all layers"):
        built("unet", "--penalty", "unet=1", "--mixup=hidden")
    with pytest.raises(UserError, match="--penalty unet_mix: is of mixes"):
        built("unet", "--penalty", "unet_mix=1")
    flat = {"gen": small.get_network(SHAPE, 0, 5, width=8)["gen"]}
    flat["disc"] = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))
    with pytest.raises(UserError, match="--penalty fsmr: .* has no convolution"):
        trainer("--penalty", "fsmr=1", nets=flat)
    with pytest.raises(UserError, match="--g_penalty: given cr=1; use zcr, infomax, unet"):
        trainer("--g_penalty", "cr=1")
    args = arguments(
        "--trainer=trainers/ssgan.py", "--z_dim=5", "--self_supervised=none", "--penalty", "zcr=1"
    )
    with pytest.raises(UserError, match="--penalty zcr: not valid with trainers/ssgan.py; use --trainer"):
        ssgan.get_trainer(small.get_network(SHAPE, 0, 5, width=8), args)
    args = arguments("--z_dim=5", "--penalty", "cr=1")
    args.data_shape = [1, 1, 2]
    with pytest.raises(UserError, match="--penalty cr, bcr: mirror and move images"):
        gan.get_trainer(small.get_network(SHAPE, 0, 5, width=8), args)


def test_other_trainers_have_consistency_too():
    args = arguments(
        "--trainer=trainers/ssgan.py", "--z_dim=5", "--self_supervised=none", "--penalty", "bcr=1"
    )
    t = ssgan.get_trainer(small.get_network(SHAPE, 0, 5, width=8), args).train()
    t.on_step_start(0)
    assert t.step(batch(), 0)["disc/bcr"] > 0
