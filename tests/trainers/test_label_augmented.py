"""SSGAN-LA: the terms against their formulas, who moves, exact resume, the gradient by parts."""

import math

import pytest
import torch
import torch.nn.functional as F

from engine.errors import UserError
from losses import rotation
from tests.running import assert_equal, newest, train
from tests.trainers.test_accumulate import agree
from tests.trainers.test_dist_gan import batch, moved, parameters, self_supervised
from trainers.base import weighted

CE = lambda logits, y: -logits.log_softmax(1)[torch.arange(len(y)), y]


def hinge(logits, y):
    """Mean over the other classes, example by example."""
    found = []
    for l, k in zip(logits, y):
        others = [max(0.0, 1 - l[k] + l[j]) for j in range(len(l)) if j != k]
        found.append(sum(others) / len(others))
    return torch.stack([torch.as_tensor(x) for x in found])


@pytest.mark.parametrize("name, reference", (("ce", CE), ("hinge", hinge)))
def test_the_losses_in_float64(name, reference):
    torch.manual_seed(0)
    logits, turn = torch.randn(6, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 3, 0])
    d, g = rotation.LA_LOSSES[name]
    for fake in (False, True):
        found = d(logits, rotation.label(turn, fake))
        assert torch.allclose(found, reference(logits, 2 * turn + fake), atol=1e-12)
    places = torch.arange(6)
    apart = logits[places, 2 * turn + 1] - logits[places, 2 * turn]
    # the normaliser of the softmax cancels, and so do the other classes of the hinge
    assert torch.allclose(g(logits, turn), apart * (1 if name == "ce" else 8 / 7), atol=1e-12)
    equal = d(torch.zeros(6, 8), rotation.label(turn, True))
    assert torch.allclose(equal, torch.full((6,), math.log(8) if name == "ce" else 1.0))


def made(*words):
    return self_supervised("--rotations=full", *words, classes=8)


def turned(x):
    """All four rotations, one after another, and which."""
    return torch.cat([x.rot90(k, (2, 3)) for k in range(4)]), torch.arange(4).repeat_interleave(len(x))


def test_la_takes_the_place_of_the_binary_loss():
    t = made("--self_supervised=la").eval()
    real, fake = batch()["x"], batch()["x"].flip(0) / 2
    terms = t.d_terms(real, fake)
    assert list(terms) == ["la_real", "la_fake"]
    for name, x in (("real", real), ("fake", fake)):
        x, k = turned(x)
        expected = F.cross_entropy(t.disc.rotation(x), 2 * k + (name == "fake"), reduction="none")
        weight, found = terms[f"la_{name}"]
        assert weight == 1 and torch.allclose(found, expected, atol=1e-5)
    terms = t.g_terms(real, fake)
    x, k = turned(fake)
    logits = t.disc.rotation(x)
    expected = (CE(logits, 2 * k) - CE(logits, 2 * k + 1)).detach()
    assert list(terms) == ["la"] and torch.allclose(terms["la"], expected, atol=1e-5)
    assert torch.allclose(t.score(real), t.disc.rotation(real)[:, 0] - t.disc.rotation(real)[:, 1])
    assert torch.allclose(t.probability(real), torch.sigmoid(t.score(real)))


def test_la_plus_keeps_it_and_has_weights():
    words = "--self_supervised=la+", "--lambda_d=2", "--lambda_g=3", "--la_loss=hinge", "--penalty", "r1=1"
    t = made(*words).eval()
    real, fake = batch()["x"], batch()["x"].flip(0) / 2
    terms = t.d_terms(real, fake)
    assert list(terms) == ["real", "fake", "la_real", "la_fake", "r1"] and terms["la_fake"][0] == 2
    assert torch.allclose(terms["real"], F.relu(1 - t.disc(real)), atol=1e-5)
    terms = t.g_terms(real, fake)
    assert list(terms) == ["adv", "la"] and terms["la"][0] == 3
    assert torch.allclose(terms["adv"], -t.disc(fake), atol=1e-5)
    plain = self_supervised("--self_supervised=none", classes=0)
    plain.disc.load_state_dict(t.disc.state_dict(), strict=False)
    assert torch.allclose(t.score(real), plain.eval().disc(real), atol=1e-5)


def test_penalties_of_la_are_on_the_log_odds():
    t = made("--self_supervised=la", "--penalty", "r1=1").eval()
    x = batch()["x"].requires_grad_()
    (grad,) = torch.autograd.grad(t.score(x).sum(), x)
    found = t.d_terms(x.detach(), x.detach() / 2)["r1"][1]
    assert torch.allclose(found, grad.flatten(1).square().sum(1) / 2, rtol=1e-4)


@pytest.mark.parametrize("task", ("la", "la+"))
def test_each_step_moves_one_player(task):
    t = made(f"--self_supervised={task}", "--lambda_g=1")
    before, real, fake = parameters(t), batch()["x"], batch()["x"] / 2
    t.on_step_start(0)
    log = t.update("disc", t.d_terms(real, fake))
    assert moved(t, before) == {"disc"} and {"disc/la_real", "disc/la_fake"} <= log.keys()
    before = parameters(t)
    t.update("gen", t.g_terms(real, t.gen(t.noise(12))))
    assert moved(t, before) == {"gen"}
    found = t.diagnose(batch())
    assert list(found) == [f"disc/acc_{name}{turn}" for name in ("", "fake_") for turn in (0, 90, 180, 270)]
    assert all(0 <= share <= 1 for share in found.values())


@pytest.mark.parametrize("words", (("la", "--rotations=full"), ("la+", "--rotations=random", "--lambda_g=1")))
def test_parts_have_the_gradient_of_the_whole_batch(words):
    task, *words = words
    make = lambda flags: self_supervised(*flags, classes=8)
    assert len(agree(make, batch(), (f"--self_supervised={task}", "--update_g_every=1", *words), 3)) == 4


def test_weights_do_nothing_for_la_and_other_heads_are_refused():
    t = self_supervised("--self_supervised=la", "--lambda_d=0", "--g_task=match", classes=8)
    assert [w.split(":")[0] for w in t.warnings] == ["--lambda_d", "--g_task"]
    assert set(weighted(t.d_terms(batch()["x"], batch()["x"] / 2))) == {"la_real", "la_fake"}
    assert any("--la_loss" in w for w in self_supervised("--la_loss=hinge").warnings)
    with pytest.raises(UserError, match="--self_supervised=la: needs a head of 8 classes, .* offers 4; use"):
        self_supervised("--self_supervised=la")


def test_a_run_resumes_bit_for_bit(tmp_path):
    words = (
        *("--trainer=trainers/ssgan.py", "--network=networks/ssgan.py", "--network_args", "width=4"),
        *("classes=8", "--self_supervised=la", "--la_loss=hinge", "--update_g_every=2"),
    )
    assert train(tmp_path / "whole", *words, "--max_steps=5") == 0
    assert train(tmp_path / "parts", *words, "--max_steps=2") == 0
    assert train(tmp_path / "parts", *words, "--max_steps=5", "--resume=auto") == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))
