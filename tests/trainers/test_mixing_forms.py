"""--mixup_form, and the rows of --penalty and --g_penalty that only gan.py has, in the step."""

import random

import pytest
import torch
import torch.nn.functional as F

from engine.errors import UserError
from engine.randomness import generator, key
from losses import masks
from losses.mixing import beta_weights, mix
from tests.trainers.test_arena import draws_of
from tests.trainers.test_gan import batch, trainer
from trainers.base import weighted


def pair():
    return batch()["x"], batch()["x"].flip(0) * 0.5


@pytest.mark.parametrize("form", ("cutmix", "smoothmix"))
@pytest.mark.parametrize("mixup, k", (("pixel", 0), ("1", 1)))
@pytest.mark.parametrize("label", ("hard", "soft"))
def test_regions_of_images_and_of_hidden_states(form, mixup, k, label):
    t = trainer(f"--mixup_form={form}", f"--mixup={mixup}", f"--mixup_label={label}", "--alpha=1").eval()
    real, fake = pair()
    torch.manual_seed(3)
    terms = weighted(t.d_terms(real, fake))
    torch.manual_seed(3)
    torch.randint(1, ())  # the layer's draw
    weights = beta_weights(6, 1.0, label == "hard")
    h = t.disc(real, stop=k), t.disc(fake, stop=k)
    m = masks.FORMS[form](weights, h[0], label == "hard", lambda: generator(0, "mix", 0, 0))
    lam = m[0].mean((1, 2, 3)) if label == "soft" else 0
    assert torch.allclose(terms["mix"], t.objective.d(t.disc(mix(h, m), start=k), lam), atol=1e-6)
    assert set(terms) == ({"mix"} if label == "soft" else {"real", "fake", "mix"})


@pytest.mark.parametrize("form", ("cutmix", "smoothmix"))
def test_fake_fake_mixes_have_the_same_masks(form):
    t = trainer(f"--mixup_form={form}", "--mixup=pixel", "--mixup_ff", "--alpha=1").eval()
    real, fake = pair()
    torch.manual_seed(3)
    shown = t.examples(real, fake)
    m = shown["mix"].mask
    torch.manual_seed(3)
    beta_weights(6, 1.0, True)
    partner = torch.randperm(6)
    assert torch.allclose(shown["mix_ff"].h, m * fake + (1 - m) * fake[partner], atol=1e-6)


def test_runs_that_differ_in_the_form_share_noise_and_mixing_weights(monkeypatch):
    plain = draws_of(monkeypatch)
    for form in ("cutmix", "smoothmix"):
        found = draws_of(monkeypatch, f"--mixup_form={form}")
        assert len(found) == 4 and all(torch.equal(a, b) for a, b in zip(plain, found, strict=True))


def test_what_a_form_cannot_mix_is_refused():
    def check(*words):
        t = trainer(*words)
        t.check_networks()

    check("--mixup_form=cutmix", "--mixup=0,1,2")
    with pytest.raises(UserError, match=r"--mixup_form=cutmix: layer 3 is \[16\], without height and width"):
        check("--mixup_form=cutmix", "--mixup=0,3")
    for word, text in (
        ("--mixup=hidden", "compares features of D"),
        ("--mixup_ff", "--mixup_ff: pairs are of one kind"),
        ("--mixup_fold=on", "--mixup_fold=on: pairs are of one kind"),
        ("--mixup_label=soft", "--mixup_label=soft: pairs are of one kind"),
    ):
        with pytest.raises(UserError, match=text):
            trainer("--mixup_form=adaptive", "--mixup=1", word)
    assert any("--mixup_form" in text for text in trainer("--mixup_form=cutmix").warnings)


def test_adaptivemix_is_the_formula():
    """Against the sheet's formula in float64, from the same draws, for D's and G's steps."""
    t = trainer("--mixup_form=adaptive", "--mixup=2", "--alpha=1").double().eval()
    real, fake = (x.double() for x in pair())
    torch.manual_seed(3)
    terms = weighted(t.d_terms(real, fake))
    assert list(terms) == ["real", "fake", "cos_real", "cos_fake"]
    torch.manual_seed(3)
    torch.randint(1, ())  # the layer's draw
    lam = beta_weights(6, 1.0)[0, 0].double()
    draw = generator(0, "mix", 0, 0)
    head = lambda h: t.disc(h, start=2)
    for kind, x, loss in (("real", real, t.objective.d_real), ("fake", fake, t.objective.d_fake)):
        partner = torch.randperm(6, generator=draw)
        noise = 0.05 * torch.randn(6, 8, 2, 2, dtype=torch.float64, generator=draw)
        e, m = t.disc(x, stop=2), t.disc(lam * x + (1 - lam) * x[partner], stop=2)
        wanted = lam * e + (1 - lam) * e[partner]
        assert torch.allclose(terms[kind], loss(head(wanted) + head(m)), atol=1e-12)
        cos = F.cosine_similarity(m.flatten(1), (wanted + noise).flatten(1))
        assert torch.allclose(terms[f"cos_{kind}"], -cos, atol=1e-12)


def test_adaptivemix_moves_features_of_mixes_towards_those_of_the_pair_and_not_the_reverse():
    t = trainer("--mixup_form=adaptive", "--mixup=1").double().eval()
    x = pair()[0].double()
    h = t.disc(x, stop=1).detach().requires_grad_()  # of the pair
    weights = torch.tensor([0.3, 0.7], dtype=torch.float64)
    _, term = t.form.pair(t, x, h, 1, weights, generator("any"))
    assert torch.autograd.grad(term.sum(), h, allow_unused=True, retain_graph=True) == (None,)
    (grad,) = torch.autograd.grad(term.sum(), t.disc.stages[0][0].bias)
    assert grad.abs().sum() > 0


def test_adaptivemix_in_gs_step():
    t = trainer("--mixup_form=adaptive", "--mixup=2", "--alpha=1").eval()
    real, _ = pair()
    torch.manual_seed(3)
    terms = weighted(t.g_terms(real))
    assert list(terms) == ["adv", "cos"] and -1 <= terms["cos"].min() and terms["cos"].max() <= 1
    torch.manual_seed(3)
    fake = t.gen(t.noise(6))
    draw = random.Random(key(0, "mix gen", 0, 0))
    draw.choice([2])
    lam = draw.betavariate(1.0, 1.0)
    partner = torch.randperm(6, generator=generator(0, "mix gen", 0, 0))
    e, m = t.disc(fake, stop=2), t.disc(lam * fake + (1 - lam) * fake[partner], stop=2)
    logits = t.disc(lam * e + (1 - lam) * e[partner], start=2) + t.disc(m, start=2)
    assert torch.allclose(terms["adv"], t.objective.g(logits), atol=1e-6)
    grads = torch.autograd.grad(terms["cos"].mean(), list(t.gen.parameters()))
    assert all(g.isfinite().all() for g in grads) and any(g.abs().sum() > 0 for g in grads)


def test_adaptivemix_leaves_plain_logits_to_penalties():
    """r1 and the like see D's verdict on real images, not on mixes."""
    t = trainer("--mixup_form=adaptive", "--mixup=1", "--penalty", "r1=1").eval()
    real, fake = pair()
    expected = trainer("--penalty", "r1=1").eval().d_terms(real, fake)["r1"][1]
    assert torch.allclose(t.d_terms(real, fake)["r1"][1], expected, rtol=1e-4)


@pytest.mark.parametrize("loss", ("rpgan", "ragan"))
def test_adaptivemix_with_relativistic_objectives(loss):
    """The logits that are compared are those of pairs, of both kinds; rpgan's pairs count once."""
    t = trainer("--mixup_form=adaptive", "--mixup=2", "--alpha=1", f"--loss={loss}").eval()
    plain = trainer("--mixup_form=adaptive", "--mixup=2", "--alpha=1", "--loss=wgan").eval()
    real, fake = pair()
    found = []
    for each in (t, plain):
        torch.manual_seed(3)
        found.append(weighted(each.d_terms(real, fake)))
    terms, logits = found[0], {"real": -found[1]["real"], "fake": found[1]["fake"]}
    other = lambda l: l if loss == "rpgan" else l.mean()
    assert torch.allclose(terms["real"], F.softplus(other(logits["fake"]) - logits["real"]), atol=1e-6)
    assert ("fake" in terms) == (loss == "ragan")
    torch.manual_seed(3)
    terms = weighted(t.g_terms(real))
    assert terms["adv"].shape == (6,) and terms["adv"].isfinite().all()


def test_with_a_wasserstein_objective_adaptivemix_logs_no_distance():
    t = trainer("--mixup_form=adaptive", "--mixup=1", "--loss=wgan", "--weight_clip=0.1")
    assert "disc/wasserstein" not in t.step(batch(), 0)


@pytest.mark.parametrize(
    "words, text",
    (
        (("--mixup_form=adaptive", "--mixup=1"), "--mixup_form=adaptive mixes each example with any other"),
        (("--penalty", "fsmr=1"), "--penalty fsmr mixes the statistics of features within the batch"),
    ),
)
def test_what_needs_the_whole_batch_is_refused_with_accumulate(words, text):
    with pytest.raises(UserError, match=f"--accumulate=2: {text}"):
        trainer(*words, "--accumulate=2").check_accumulate()
