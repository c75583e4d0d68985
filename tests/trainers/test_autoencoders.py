"""Autoencoders: plain, adversarial mixup resynthesis, ACAI, beta-VAE, class mixing."""

import math

import pytest
import torch

from engine.errors import UserError
from networks import autoencoder32, dsprites
from tests.running import ROOT, assert_equal, assert_weighted, newest, train
from trainers import acai, amr, autoencoder, beta_vae, class_mixing
from trainers.base import weighted

NET = [
    "--network=networks/autoencoder32.py",
    "--network_args",
    "width=4",
    "code=4",
    "scales=2",
    "--samples=4",
]


def arguments(file, *words):
    from engine import flags

    args = flags.parse([f"--trainer={ROOT}/trainers/{file}.py", *words])
    args.steps_per_epoch, args.schedule_steps = 5, 10
    flags.resolve(args)
    return args


def trainer(module, *words, **options):
    torch.manual_seed(0)
    args = arguments(module.__name__.split(".")[-1], *words)
    if module is class_mixing:
        options = {"attributes": 3} | options
    nets = autoencoder32.get_network((1, 8, 8), 10, **({"code": 8, "width": 4, "scales": 2} | options))
    if module is beta_vae:
        nets = dsprites.get_network((1, 16, 16), 10, code=3, width=4, ndf=4, hidden=8, vae=True)
    return module.get_trainer(nets, args).train()


def batch(n=6, size=8):
    torch.manual_seed(1)
    return {
        "x": torch.rand(n, 1, size, size) * 2 - 1,
        "y": torch.arange(n) % 10,
        "attributes": torch.randint(0, 2, (n, 3)),
    }


def steps(t, n, data=None):
    logs, data = [], data or batch(size=16 if isinstance(t, beta_vae.BetaVAE) else 8)
    for step in range(n):
        t.on_step_start(step)
        logs.append(t.step(data, step))
    return logs


CASES = [
    (autoencoder, ()),
    (autoencoder, ("--recon_loss=l2", "--bpc", "--update_g_every=2")),
    (amr, ()),
    (amr, ("--disable_mix",)),
    (amr, ("--disable_g_recon",)),
    (amr, ("--model=threegan", "--mixer=fm", "--gan_loss=mse")),
    (amr, ("--k=4", "--mixer=fm2", "--bpc", "--beta=0")),
    (amr, ("--mixer=mixup2", "--weight_decay=1e-3", "--ema=0.9")),
    (acai, ()),
    (acai, ("--gan_loss=mse", "--disable_g_recon")),
    (acai, ("--acai=paper",)),
    (beta_vae, ("--lr=1e-2",)),
    (beta_vae, ("--bpc", "--update_g_every=2", "--beta=4")),
    (class_mixing, ("--eps=1e-3",)),
    (class_mixing, ("--cls_loss=mse", "--disable_mix", "--beta=0", "--update_g_every=2")),
]
NAMES = [f"{m.__name__.split('.')[-1]}{' '.join(w)}" for m, w in CASES]


@pytest.mark.parametrize("module, words", CASES, ids=NAMES)
def test_all_parameters_move_and_all_terms_are_finite(module, words):
    t = trainer(module, *words)
    before = {n: p.clone() for n, p in t.named_parameters()}
    logs = steps(t, 6)
    assert all(math.isfinite(v) and v.ndim == 0 for log in logs for v in log.values())
    still = {n for n, p in t.named_parameters() if torch.equal(before[n], p)}
    assert not still
    assert t.bad_steps.tolist() == [0, 0]


@pytest.mark.parametrize(
    "words, expected",
    [
        (
            (),
            {
                "ae/recon",
                "ae/adv_recon",
                "ae/adv_mix",
                "ae/consistency",
                "disc/real",
                "disc/recon",
                "disc/mix",
                "probe/ce",
            },
        ),
        (("--disable_mix",), {"ae/recon", "ae/adv_recon", "disc/real", "disc/recon", "probe/ce"}),
        (
            ("--disable_g_recon", "--beta=0", "--cls_probe=none"),
            {"ae/recon", "ae/adv_mix", "disc/real", "disc/mix"},
        ),
        (
            ("--bpc", "--beta=0"),
            {
                "ae/recon",
                "ae/adv_recon",
                "ae/adv_mix",
                "ae/probe",
                "disc/real",
                "disc/recon",
                "disc/mix",
                "probe/ce",
            },
        ),
    ],
)
def test_the_terms_are_their_formulas(words, expected):
    t = trainer(amr, "--lamb=3", "--cls_probe_weight=2", *words)
    weights = {"ae/recon": 3, "ae/consistency": t.args.beta, "probe/ce": 2, "ae/probe": 2}
    weights = {name: weight for name, weight in weights.items() if name in expected}
    assert assert_weighted(steps(t, 1)[0], weights) == expected


def test_amr_terms_are_the_formulas(monkeypatch):
    t = trainer(amr, "--lamb=3", "--beta=2").eval()
    x = batch()["x"]
    a = torch.linspace(0, 1, 6)
    monkeypatch.setitem(amr.MIXERS, "mixup", lambda n, c, k, device: torch.stack([a, 1 - a]))
    torch.manual_seed(3)
    h = t.enc(x)
    h_mix = t.mix(h)
    torch.manual_seed(3)
    partner = torch.randperm(6)
    assert torch.allclose(
        h_mix, a[:, None, None, None] * h + (1 - a)[:, None, None, None] * h[partner], atol=1e-6
    )
    recon, mixed = t.dec(h), t.dec(h_mix)
    p = lambda images: torch.sigmoid(t.disc(images))
    terms = weighted(t.ae_terms(recon, h_mix, mixed)) | weighted(t.recon_terms(x, recon, h, batch()))
    assert torch.allclose(terms["recon"], 3 * (recon - x).abs().mean((1, 2, 3)), atol=1e-6)
    assert torch.allclose(terms["adv_recon"], -p(recon).log(), atol=1e-5) and torch.allclose(
        terms["adv_mix"], -p(mixed).log(), atol=1e-5
    )
    assert torch.allclose(terms["consistency"], 2 * (t.enc(mixed) - h_mix).abs().mean((1, 2, 3)), atol=1e-5)
    terms = weighted(t.d_terms(x, recon, mixed))
    for name, expected in (
        ("real", -p(x).log()),
        ("recon", -(1 - p(recon)).log()),
        ("mix", -(1 - p(mixed)).log()),
    ):
        assert torch.allclose(terms[name], expected, atol=1e-5)


def test_a_discriminator_that_says_one_half_loses_log_two_a_term():
    for words, n in ((("--disable_mix",), 2), ((), 3)):
        t = trainer(amr, *words)
        t.disc.forward = lambda x: 0 * x.flatten(1).sum(1)
        terms = weighted(t.d_terms(batch()["x"], batch()["x"], batch()["x"]))
        assert sum(v.mean() for v in terms.values()) == pytest.approx(n * math.log(2))


def test_acai_terms_are_the_formulas():
    x = batch()["x"]
    t = trainer(acai).eval()
    torch.manual_seed(4)
    h = t.enc(x)
    h_mix, label = t.mix(h)
    torch.manual_seed(4)
    alpha, partner = torch.rand(6), torch.randperm(6)
    assert torch.allclose(
        h_mix, alpha[:, None, None, None] * h + (1 - alpha)[:, None, None, None] * h[partner], atol=1e-6
    )
    assert torch.allclose(label, 2 * torch.minimum(alpha, 1 - alpha))
    recon, mixed = t.dec(h), t.dec(h_mix)
    terms, p = weighted(t.d_terms(x, recon, mixed, label)), torch.sigmoid(t.disc(mixed))
    assert torch.allclose(terms["mix"], -(label * p.log() + (1 - label) * (1 - p).log()), atol=1e-5)
    assert torch.allclose(terms["real"], -(1 - torch.sigmoid(t.disc(x))).log(), atol=1e-5)
    t = trainer(acai, "--acai=paper").eval()
    torch.manual_seed(4)
    h_mix, label = t.mix(h)
    torch.manual_seed(4)
    alpha = torch.rand(6) / 2
    assert torch.allclose(
        h_mix, (1 - alpha)[:, None, None, None] * h + alpha[:, None, None, None] * h.flip(0), atol=1e-6
    ) and torch.allclose(label, alpha)
    terms = weighted(t.d_terms(x, recon, mixed, label))
    assert torch.allclose(terms["mix"], (t.disc(mixed) - alpha) ** 2, atol=1e-6)
    assert torch.allclose(terms["recon"], t.disc(0.2 * x + 0.8 * recon) ** 2, atol=1e-6)
    assert torch.allclose(weighted(t.ae_terms(h_mix, mixed))["adv_mix"], 0.5 * t.disc(mixed) ** 2, atol=1e-6)
    assert (t.args.recon_loss, t.args.update_g_every, t.args.gan_loss) == ("l2", 1, "mse")


def test_beta_vae_terms_are_the_formulas(monkeypatch):
    t = trainer(beta_vae, "--lamb=2", "--beta=3")
    seen, x = {}, batch(size=16)["x"]

    def update(name, terms, *batch):
        return seen.setdefault(name, weighted(terms(*batch) if callable(terms) else terms)) and {}

    monkeypatch.setattr(t, "update", update)
    torch.manual_seed(5)
    t.step(batch(size=16), 0)
    mean, log_var = t.enc(x).chunk(2, 1)
    torch.manual_seed(1)
    batch(size=16)  # the draws that come before the noise
    recon = t.dec(mean + (log_var / 2).exp() * torch.randn_like(mean))
    bce = torch.nn.functional.binary_cross_entropy((recon + 1) / 2, (x + 1) / 2, reduction="sum") / 6
    assert torch.allclose(seen["ae"]["recon"].mean(), 2 * bce, rtol=1e-4)
    assert torch.allclose(seen["ae"]["kl"], 1.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1), atol=1e-5)
    assert t.sample(3).shape == (3, 1, 16, 16) and t.encode(x).shape == (6, 3)
    with pytest.raises(UserError, match="vae=True"):
        beta_vae.get_trainer(dsprites.get_network((1, 16, 16), 0, width=4), arguments("beta_vae"))


def test_class_mixes_are_the_formulas():
    t = trainer(class_mixing)
    h, a = torch.randn(6, 2, 2, 2), batch()["attributes"].float()
    torch.manual_seed(2)
    h_sup, a_sup, mask = t.mix_by_attributes(h, a)
    torch.manual_seed(2)
    partner = torch.randperm(6)
    assert torch.allclose(h_sup, mask[:, :, None, None] * h + (1 - mask)[:, :, None, None] * h[partner])
    assert ((a_sup == a) | (a_sup == a[partner])).all() and torch.equal(mask, t.class_mixer(a_sup))
    same = torch.ones(6, 2, 2, 2) * h[:1]
    assert torch.allclose(t.mix_by_attributes(same, a)[0], same, atol=1e-6)
    log, args = steps(t, 1)[0], t.args
    weights = {"ae/recon": args.lamb, "ae/even": args.eps, "ae/cls": args.cls, "probe/ce": 1}
    weights |= {"ae/consistency": args.beta, "ae/consistency_sup": args.beta}
    assert {"ae/adv_sup", "disc/sup", "disc/cls", *weights} <= assert_weighted(log, weights)
    for words, message in (
        ({"attributes": 0}, "class_mixer"),
        ({"attributes": 4}, "use attributes=3"),
    ):
        with pytest.raises(UserError, match=message):
            steps(trainer(class_mixing, **words), 1)
    t = trainer(class_mixing)
    with pytest.raises(UserError, match="no attributes"):
        t.step({"x": batch()["x"]}, 0)


def test_gradients_go_where_they_should():
    """D's loss makes none in the autoencoder; the probe's none in the encoder, unless --bpc."""
    for module in (amr, acai):
        t = trainer(module)
        x = batch()["x"]
        h = t.enc(x)
        label = [t.mix(h)[1]] if module is acai else []
        terms = weighted(t.d_terms(x, t.dec(h), t.dec(h), *label))
        owned = [*t.enc.parameters(), *t.dec.parameters()]
        assert all(
            g is None
            for g in torch.autograd.grad(sum(v.sum() for v in terms.values()), owned, allow_unused=True)
        )
    seen = {}
    for words in ((), ("--bpc",)):
        t = trainer(autoencoder, "--lamb=0", *words)
        before = [p.clone() for p in t.enc.parameters()]
        steps(t, 1)
        seen[words] = any(not torch.equal(a, b) for a, b in zip(before, t.enc.parameters()))
    assert seen == {(): False, ("--bpc",): True}


def test_the_autoencoder_changes_only_at_its_steps():
    t = trainer(amr, "--update_g_every=3")
    for step in range(7):
        before = {n: p.clone() for n, p in t.named_parameters()}
        t.on_step_start(step)
        t.step(batch(), step)
        moved = {n.split(".")[0] for n, p in t.named_parameters() if not torch.equal(before[n], p)}
        assert moved == ({"enc", "dec", "disc", "probe"} if step % 3 == 0 else {"disc", "probe"})


def test_flags_that_cannot_be():
    for module, words, message in (
        (amr, ("--model=threegan", "--k=2"), "--k=2"),
        (amr, ("--disable_mix", "--disable_g_recon"), "--disable_mix"),
        (amr, ("--model=acaif3",), "acai.py"),
        (amr, ("--model=dcgan",), "--model"),
        (amr, ("--k=1",), "--k"),
        (amr, ("--recon_loss=bce",), "output=tanh"),
        (acai, ("--mixer=fm2",), "--mixer=fm2"),
        (acai, ("--acai=paper", "--gan_loss=bce"), "--gan_loss"),
        (autoencoder, ("--bpc", "--cls_probe=none"), "--bpc"),
        (autoencoder, ("--gan_loss=bce",), "--gan_loss"),
        (amr, ("--mixer=cutmix",), "--mixer"),
    ):
        with pytest.raises(UserError, match=message):
            trainer(module, *words)
    with pytest.raises(UserError, match="cls_probe=linear"):
        trainer(autoencoder, "--cls_probe=linear", probe=False)
    assert trainer(amr, "--recon_loss=bce_sum", output="tanh").args.recon_loss == "bce_sum"
    assert [trainer(amr, w).k for w in ("--model=swapgan", "--model=threegan", "--model=kgan", "--k=5")] == [
        2,
        3,
        2,
        5,
    ]


def test_spectral_norm_iterates_once_a_step():
    t = trainer(amr, "--update_g_every=1")
    norm = t.disc.stages[1][0].parametrizations.weight[0]
    counts, iterate = [], norm.iterate
    norm.iterate = lambda weight: (counts.append(1), iterate(weight))
    steps(t, 3)
    assert len(counts) == 3


def test_probe_learns_what_the_code_shows():
    """Classes are textures. A random encoder's codes already differ by class, and the probe learns that."""
    t = trainer(autoencoder, "--lr=0.02", "--lamb=0")
    data = batch(40)
    data["y"] = torch.arange(40) % 2
    data["x"] = data["x"] * 0.1 + torch.where(
        data["y"][:, None, None, None] > 0, torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8)[:, None]
    )
    steps(t, 100, data)
    assert t.held_out_means({"test": [data]})["probe/test_acc"] > 0.9


MADE = [
    "--network=networks/autoencoder32.py",
    "--network_args",
    "width=4",
    "code=8",
    "scales=2",
    "attributes=3",
    "--iterator=tests/made_parts.py",
    "--samples=4",
]
VAE = [
    "--network=networks/dsprites.py",
    "--network_args",
    "vae=True",
    "width=4",
    "ndf=4",
    "hidden=8",
    "code=3",
    "--iterator=tests/made_parts.py",
    "--iterator_args",
    "size=16",
    "--samples=4",
]
RESUMED = [
    ("autoencoder", NET, "--ema=0.9"),
    ("amr", NET, "--mixer=fm2", "--update_g_every=2", "--weight_decay=1e-5"),
    ("amr", MADE, "--disable_mix"),
    ("acai", MADE),
    ("acai", NET, "--acai=paper"),
    ("class_mixing", MADE),
    ("beta_vae", VAE),
]


@pytest.mark.parametrize("name, net, words", [(name, net, words) for name, net, *words in RESUMED])
def test_a_run_in_two_parts_equals_an_unbroken_one(tmp_path, name, net, words):
    words = [*net, f"--trainer=trainers/{name}.py", *words]
    assert train(tmp_path / "whole", "--max_steps=8", *words) == 0
    for n in (3, 8):
        assert train(tmp_path / "parts", f"--max_steps={n}", "--resume=auto", *words) == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))
    records = [
        (tmp_path / kind / "deleteme" / "s0" / "metrics.jsonl").read_bytes() for kind in ("whole", "parts")
    ]
    assert records[0] == records[1] and b"probe/test_acc" in records[0]
    assert net is NET or b"probe/valid_acc" in records[0]
