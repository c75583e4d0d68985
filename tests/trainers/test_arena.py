"""Regularisers of a GAN beside mixup: where they act in the step, shared noise, exact resume."""

import pytest
import torch

from losses import augment
from losses.penalties import zero_centred
from tests.running import assert_equal, newest, train
from tests.trainers.test_gan import batch, trainer
from trainers import gan

AUGMENT = ("--diffaugment", "color", "translation", "cutout")


def shown(t, x, player, before=()):
    """T x as the trainer's next step draws it, after T of the batches `before`."""
    from engine.randomness import generator

    draw = generator(0, f"augment {player}", t.now, 0)
    for each in (*before, x):
        found = each
        for name in AUGMENT[1:]:
            found = augment.POLICIES[name](found, draw)
    return found


@pytest.mark.parametrize("mixup", ("none", "pixel", "1"))
@pytest.mark.parametrize("penalty", ((), ("--penalty", "r1=1", "r2=1")))
def test_d_sees_augmented_images_before_they_are_mixed_and_slopes_are_taken_before(mixup, penalty):
    t = trainer(*AUGMENT, f"--mixup={mixup}", *penalty)
    real, fake = batch()["x"], batch()["x"].flip(0) / 2
    torch.manual_seed(3)
    terms = t.d_terms(real, fake)
    t_real, t_fake = shown(t, real, "disc"), shown(t, fake, "disc", [real])
    assert torch.allclose(terms["real"], t.objective.d_real(t.disc(t_real)), atol=1e-6)
    assert torch.allclose(terms["fake"], t.objective.d_fake(t.disc(t_fake)), atol=1e-6)
    if mixup != "none":
        torch.manual_seed(3)
        plain = trainer(f"--mixup={mixup}")
        torch.manual_seed(3)
        assert torch.allclose(terms["mix"], plain.d_terms(t_real, t_fake)["mix"], atol=1e-6)
    if penalty:
        slope = zero_centred(lambda x: t.disc(shown(t, x, "disc")), real)
        assert torch.allclose(terms["r1"][1], slope / 2, rtol=1e-2)
        slope = zero_centred(lambda x: t.disc(shown(t, x, "disc", [real])), fake)
        assert torch.allclose(terms["r2"][1], slope / 2, rtol=1e-2)


def test_g_learns_through_the_augmentation():
    t, plain = trainer(*AUGMENT), trainer()
    real = batch()["x"]
    torch.manual_seed(3)
    terms = t.g_terms(real)
    torch.manual_seed(3)
    fake = t.gen(t.noise(len(real)))
    want = t.objective.g(t.disc(shown(t, fake, "gen")))
    assert torch.allclose(terms["adv"][1], want, atol=1e-6)
    found, expected = (
        torch.autograd.grad(x.mean(), list(t.gen.parameters()), retain_graph=True)
        for x in (terms["adv"][1], want)
    )
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, expected))
    torch.manual_seed(3)
    assert not torch.allclose(plain.g_terms(real)["adv"][1], terms["adv"][1])


def test_runs_that_differ_in_augmentation_share_noise_and_mixing_weights(monkeypatch):
    plain, augmented = draws_of(monkeypatch), draws_of(monkeypatch, *AUGMENT)
    assert len(plain) == 4 and all(torch.equal(a, b) for a, b in zip(plain, augmented, strict=True))


def draws_of(monkeypatch, *words):
    """The noise and the mixing weights of one step with the flags `words`, in their order."""
    drawn = []

    def noted(function):
        return lambda *args, **more: drawn.append(function(*args, **more)) or drawn[-1]

    t = trainer("--mixup=pixel", "--mixup_ff", *words)
    t.noise = noted(t.noise)
    with monkeypatch.context() as patch:
        patch.setattr(gan, "beta_weights", noted(gan.beta_weights))
        patch.setattr(torch, "randperm", noted(torch.randperm))
        t.on_step_start(4)
        torch.manual_seed(4)
        t.step(batch(), 4)
    return drawn


RUNS = {
    "diffaugment": AUGMENT,
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_resumes_bit_for_bit(tmp_path, name):
    words = ("--mixup=hidden", "--penalty", "r1=0.1", "--ema=0.9", *RUNS[name])
    assert train(tmp_path / "whole", *words, "--max_steps=6") == 0
    assert train(tmp_path / "parts", *words, "--max_steps=3") == 0
    assert train(tmp_path / "parts", *words, "--max_steps=6", "--resume=auto") == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))
