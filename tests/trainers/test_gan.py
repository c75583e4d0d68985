import itertools
import math

import pytest
import torch
from torch import nn

from engine.errors import UserError
from networks import small
from networks.minibatch import MinibatchDiscrimination
from tests.running import assert_equal, assert_weighted, newest, train
from trainers import gan
from trainers.base import weighted

LOSSES, MIXES = ("jsgan", "minimax", "wgan", "hinge", "lsgan"), ("none", "pixel", "vh1", "vh2", "1", "0,3")


def arguments(*words):
    from engine import flags

    args = flags.parse(list(words))
    args.steps_per_epoch, args.schedule_steps, args.data_shape = 5, 10, [1, 8, 8]
    return args


def trainer(*words, nets=None, size=8):
    torch.manual_seed(0)
    args = arguments("--z_dim=5", *words)
    return gan.get_trainer(nets or small.get_network((1, size, size), 0, 5, width=8), args).train()


def batch(n=6, size=8):
    torch.manual_seed(1)
    return {"x": torch.rand(n, 1, size, size) * 2 - 1}


@pytest.mark.parametrize("loss, mixup", list(itertools.product(LOSSES, MIXES)))
@pytest.mark.parametrize("label", ("hard", "soft"))
@pytest.mark.parametrize("ff", (False, True))
def test_the_product_of_options_steps(loss, mixup, label, ff):
    """objective x mixup x label x fake-fake, with all penalties at once and both forms of dnorm."""
    if ff and mixup == "none":
        with pytest.raises(UserError, match="--mixup_ff"):
            trainer("--mixup_ff")
        return
    t = trainer(
        f"--loss={loss}",
        f"--mixup={mixup}",
        f"--mixup_label={label}",
        "--penalty",
        "gp=10",
        "r1=0.1",
        "r2=0.1",
        "dragan=1",
        "--dnorm=0.5",
        f"--dnorm_step={'joint' if ff else 'separate'}",
        *(["--mixup_ff"] if ff else []),
    )
    before = {n: p.clone() for n, p in t.named_parameters()}
    for step in range(3):
        t.on_step_start(step)
        log = t.step(batch(), step)
    expected = {"gen/adv", "disc/gp", "disc/r1", "disc/r2", "disc/dragan", "disc/dnorm"}
    if not (mixup != "none" and label == "soft"):
        expected |= {"disc/real", "disc/fake"} | ({"disc/wasserstein"} if loss == "wgan" else set())
    expected |= {"disc/mix"} if mixup != "none" else set()
    expected |= {"disc/mix_ff"} if ff else set()
    weights = {"gp": 10, "r1": 0.1, "r2": 0.1, "dragan": 1, "dnorm": 0.5}
    assert assert_weighted(log, {f"disc/{name}": weight for name, weight in weights.items()}) == expected
    assert all(math.isfinite(v) and v.ndim == 0 for v in log.values())
    still = {n for n, p in t.named_parameters() if torch.equal(before[n], p)}
    # a constant added to a Wasserstein critic (or, inside the margin, a hinge one) changes nothing:
    # its last bias need not move
    assert still <= ({"disc.stages.3.0.bias"} if loss in ("wgan", "hinge") else set())
    assert t.bad_steps.tolist() == [0, 0]


@pytest.mark.parametrize("loss", LOSSES)
def test_terms_are_the_formulas(loss, monkeypatch):
    """d_terms against the sheet's formulas computed from the same draws, for hidden mixup at layer 1."""
    t = trainer(f"--loss={loss}", "--mixup=1", "--mixup_ff", "--alpha=0.7").eval()
    real, fake = batch()["x"], batch()["x"].flip(0) * 0.5
    weights = torch.stack([torch.linspace(0, 0.5, 6), 1 - torch.linspace(0, 0.5, 6)])
    monkeypatch.setattr(
        gan,
        "beta_weights",
        lambda n, alpha, fold, device: weights if (n, alpha, fold) == (6, 0.7, True) else None,
    )
    torch.manual_seed(5)
    terms = weighted(t.d_terms(real, fake))
    torch.manual_seed(5)
    torch.randint(1, ())  # the layer's draw
    partner = torch.randperm(6)
    lam, objective, disc = weights[0].reshape(-1, 1, 1, 1), gan.OBJECTIVES[loss], t.disc
    h_real, h_fake = disc(real, stop=1), disc(fake, stop=1)
    assert torch.allclose(terms["real"], objective.d_real(disc(real)), atol=1e-6) and torch.allclose(
        terms["fake"], objective.d_fake(disc(fake)), atol=1e-6
    )
    assert torch.allclose(
        terms["mix"], objective.d_fake(disc(lam * h_real + (1 - lam) * h_fake, start=1)), atol=1e-6
    )
    assert torch.allclose(
        terms["mix_ff"],
        objective.d_fake(disc(lam * h_fake + (1 - lam) * h_fake[partner], start=1)),
        atol=1e-6,
    )


def test_soft_labels_replace_the_ordinary_terms(monkeypatch):
    t = trainer("--mixup=pixel", "--mixup_label=soft").eval()
    assert not t.fold
    lam = torch.linspace(0, 1, 6)
    monkeypatch.setattr(gan, "beta_weights", lambda *a: torch.stack([lam, 1 - lam]))
    real, fake = batch()["x"], batch()["x"].flip(0)
    terms = weighted(t.d_terms(real, fake))
    w = lam.reshape(-1, 1, 1, 1)
    expected = nn.functional.binary_cross_entropy_with_logits(
        t.disc(w * real + (1 - w) * fake), lam, reduction="none"
    )
    assert list(terms) == ["mix"] and torch.allclose(terms["mix"], expected, atol=1e-6)


def test_lambda_zero_gives_the_fake_term_again(monkeypatch):
    monkeypatch.setattr(gan, "beta_weights", lambda n, *a: torch.stack([torch.zeros(n), torch.ones(n)]))
    for mixup in ("pixel", "1", "3"):
        t = trainer(f"--mixup={mixup}").eval()
        terms = weighted(t.d_terms(batch()["x"], batch()["x"].flip(0)))
        assert torch.equal(terms["mix"], terms["fake"])


def test_hidden_and_pixel_mixing_coincide_in_a_linear_discriminator(monkeypatch):
    class Linear(nn.Module):
        layers = 2

        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(64, 7), nn.Linear(7, 1)

        def forward(self, x, start=0, stop=None):
            h = self.first(x.flatten(1)) if start == 0 else x
            return h if stop == 1 else self.last(h).flatten()

    nets = {"gen": small.get_network((1, 8, 8), 0, 5, width=8)["gen"], "disc": Linear()}
    weights = torch.stack([torch.linspace(0, 1, 6), 1 - torch.linspace(0, 1, 6)])
    monkeypatch.setattr(gan, "beta_weights", lambda *a: weights)
    mixes = []
    for mixup in ("pixel", "1"):
        mixes.append(
            trainer(f"--mixup={mixup}", "--loss=wgan", "--dnorm=1", nets=nets).d_terms(
                batch()["x"], batch()["x"].flip(0)
            )["mix"]
        )
    assert torch.allclose(*mixes, atol=1e-5)


def test_gradients_reach_both_halves_of_the_mix_but_never_the_generator():
    t = trainer("--mixup=1")
    fake = t.gen(t.noise(6))
    terms = weighted(t.d_terms(batch()["x"], fake.detach().requires_grad_()))
    grads = torch.autograd.grad(terms["mix"].mean(), list(t.gen.parameters()), allow_unused=True)
    assert all(g is None for g in grads)
    lower = list(t.disc.stages[0].parameters())
    grads = torch.autograd.grad(weighted(t.d_terms(batch()["x"], fake.detach()))["mix"].mean(), lower)
    assert all(g.abs().sum() > 0 for g in grads)


def test_a_d_step_leaves_g_alone_and_the_reverse():
    t = trainer("--update_g_every=2")
    t.on_step_start(1)
    before = {n: p.clone() for n, p in t.named_parameters()}
    log = t.step(batch(), 1)  # step 1 of 0, 1, 2 ...: not one of G's
    assert not any(n.startswith("gen/") for n in log)
    assert all(torch.equal(before[n], p) == n.startswith("gen.") for n, p in t.named_parameters())
    t.on_step_start(2)
    before = {n: p.clone() for n, p in t.disc.named_parameters()}
    t.update("gen", {"adv": t.objective.g(t.disc(t.gen(t.noise(6))))})
    assert all(torch.equal(before[n], p) for n, p in t.disc.named_parameters())
    assert all(p.grad is None for p in t.parameters())


@pytest.mark.parametrize("every", (1, 3, 5))
@pytest.mark.parametrize("mixup", ("none", "pixel", "hidden"))
def test_g_steps_are_the_ceiling_of_n_over_every(every, mixup):
    t = trainer(f"--update_g_every={every}", f"--mixup={mixup}")
    n = 11
    steps = sum("gen/adv" in t.step(batch(), step) for step in range(n) if t.on_step_start(step) is None)
    assert steps == math.ceil(n / every)


def test_dnorm_is_of_the_probability_and_joint_or_a_step_of_its_own():
    t = trainer("--dnorm=2").eval()
    real = batch()["x"].requires_grad_()
    p = torch.sigmoid(t.disc(real))
    (grad,) = torch.autograd.grad(p.sum(), real)
    expected = 2 * grad.flatten(1).square().sum(1)
    assert torch.allclose(weighted(t.d_terms(real.detach(), -real.detach()))["dnorm"], expected, rtol=1e-4)
    t = trainer("--dnorm=2", "--dnorm_step=separate")
    t.on_step_start(0)
    t.step(batch(), 0)
    assert {int(s["step"]) for s in t.optims["disc"].state.values()} == {2}


def test_what_cannot_be_is_refused_or_warned_of_by_name():
    with pytest.raises(
        UserError, match=r"--mixup=0,9: needs layer 9, the discriminator of .* offers layers 0 to 3"
    ):
        trainer("--mixup=0,9")
    plain = {"gen": nn.Linear(5, 5), "disc": nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))}
    with pytest.raises(UserError, match="--mixup=hidden"):
        trainer("--mixup=hidden", nets=plain)
    assert "Lipschitz" in trainer("--loss=wgan", nets=plain).warnings[0]
    assert not trainer("--loss=wgan", "--penalty", "gp=10", nets=plain).warnings
    assert not trainer("--loss=wgan").warnings  # spectral norm
    theirs = {
        "gen": nn.Linear(5, 5),
        "disc": nn.Sequential(nn.Flatten(), nn.utils.parametrizations.spectral_norm(nn.Linear(64, 1))),
    }
    assert not trainer("--loss=wgan", nets=theirs).warnings
    normed = {
        "gen": nn.Linear(5, 5),
        "disc": nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 1)),
    }
    assert "batch norm" in trainer("--penalty", "gp=1", nets=normed).warnings[0]
    with pytest.raises(UserError, match="MixupGAN needs gen, disc"):
        trainer(nets={"gen": nn.Linear(5, 5)})


def test_a_plain_discriminator_trains_with_pixel_mixup():
    nets = {
        "gen": small.get_network((1, 8, 8), 0, 5, width=8)["gen"],
        "disc": nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0)),
    }
    t = trainer("--mixup=pixel", nets=nets)
    t.on_step_start(0)
    assert math.isfinite(t.step(batch(), 0)["disc/mix"])


def test_spectral_norm_iterates_once_an_update():
    t = trainer("--mixup=vh1", "--penalty", "gp=1")
    norm = t.disc.stages[0][0].parametrizations.weight[0]
    counts = []
    iterate = norm.iterate
    norm.iterate = lambda weight: (counts.append(1), iterate(weight))
    for step in range(3):
        t.on_step_start(step)
        t.step(batch(), step)
    assert len(counts) == 3  # G's forward and all of D's share one iteration


def test_diagnosis_changes_nothing():
    t = trainer("--mixup=vh1")
    t.on_step_start(0)
    before = {n: v.clone() for n, v in t.state_dict().items()}
    t.eval()
    value = t.diagnose(batch())["disc/real_grad_norm2"]
    t.train()
    assert value > 0 and all(torch.equal(before[n], v) for n, v in t.state_dict().items())


def test_not_finite_updates_are_skipped_and_counted():
    t = trainer()
    for step, x in enumerate(
        (batch()["x"], batch()["x"] * float("nan"), batch()["x"] * float("inf"), batch()["x"])
    ):
        t.on_step_start(step)
        before = {n: p.clone() for n, p in t.disc.named_parameters()}
        t.update("disc", {"real": t.objective.d_real(t.disc(x))})
        moved = any(not torch.equal(before[n], p) for n, p in t.disc.named_parameters())
        assert moved == (step in (0, 3))
        assert t.bad_steps.tolist() == [[0, 0], [1, 1], [2, 2], [0, 2]][step]
    assert {int(s["step"]) for s in t.optims["disc"].state.values()} == {2}


def test_averaged_generator():
    t = trainer("--ema=0.9")
    expected = [p.clone() for p in t.gen.parameters()]
    for step in range(4):
        t.on_step_start(step)
        t.step(batch(), step)
        expected = [0.9 * e + 0.1 * p for e, p in zip(expected, t.gen.parameters())]
    assert all(torch.allclose(e, p, atol=1e-7) for e, p in zip(expected, t.gen_ema.parameters()))
    t.update("gen", {"adv": t.objective.g(t.disc(t.gen(t.noise(6))))})
    t.move_averages()
    assert all(torch.equal(a, b) for a, b in zip(t.gen_ema.buffers(), t.gen.buffers()))
    assert t.sampling_net("gen") is t.gen_ema and not t.gen_ema.training and t.gen.training
    assert not any(p.requires_grad for p in t.gen_ema.parameters())


def test_learning_rates_follow_from_the_step():
    t = trainer("--lr_schedule=linear", "--lr=0.1")
    rates = [(t.on_step_start(step), t.optims["gen"].param_groups[0]["lr"])[1] for step in (0, 5, 10, 11, 3)]
    assert rates == pytest.approx([0.1, 0.05, 0.0, 0.0, 0.07]) and rates[2] == 0.0
    t = trainer("--lr_schedule=exp", "--lr=0.1", "--lr_gamma=0.5")
    assert [
        (t.on_step_start(step), t.optims["disc"].param_groups[0]["lr"])[1] for step in (0, 4, 5, 14)
    ] == pytest.approx([0.1, 0.1, 0.05, 0.025])


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--mixup=vh2", "--ema=0.9", "--penalty", "gp=1"),
        ("--dnorm=1", "--dnorm_step=separate", "--lr_schedule=exp"),
        ("--loss=hinge", "--mixup=pixel", "--mixup_ff", "--update_g_every=3", "--z_dist=uniform"),
    ],
)
def test_a_run_in_two_parts_equals_an_unbroken_one(tmp_path, words):
    assert train(tmp_path / "whole", "--max_steps=12", *words) == 0
    for steps in (5, 7, 12):  # in mid-epoch, in mid-window of the log
        assert train(tmp_path / "parts", f"--max_steps={steps}", "--resume=auto", *words) == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))
    records = [
        (tmp_path / kind / "deleteme" / "s0" / "metrics.jsonl").read_bytes() for kind in ("whole", "parts")
    ]
    assert records[0] == records[1] and records[0].count(b"\n") == 6


def test_sampling_and_saving_do_not_change_the_run(tmp_path):
    assert (
        train(
            tmp_path / "quiet", "--max_steps=10", "--save_every=0", "--save_images_every=0", "--log_every=100"
        )
        == 0
    )
    assert (
        train(
            tmp_path / "busy",
            "--max_steps=10",
            "--save_every_steps=1",
            "--save_images_every=1",
            "--log_every=1",
        )
        == 0
    )
    assert_equal(
        newest(tmp_path / "quiet"), newest(tmp_path / "busy"), besides=("flags", "means", "provisional")
    )


def test_one_pass_of_a_discriminator_for_several_batches():
    """One call gives what several give; only a network that compares examples is called for each batch."""
    t, calls = trainer(), []
    a, b = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.ones(2, 3)

    def judged(net):
        calls.clear()
        return t.forward_jointly(net, lambda x: calls.append(len(x)) or net(x), a, b)

    independent, norm = nn.Linear(3, 2).double(), nn.BatchNorm1d(3).double()
    a, b = a.double(), b.double()
    whole = judged(independent)
    assert calls == [6] and all(torch.allclose(h, independent(x), rtol=1e-12) for h, x in zip(whole, (a, b)))
    alone = judged(norm)
    assert calls == [4, 2] and torch.equal(alone[1], norm(b))
    comparing = nn.Sequential(nn.Linear(3, 3), MinibatchDiscrimination(3, 2, 2)).double()
    assert torch.equal(judged(comparing)[0], comparing(a)) and calls == [4, 2]
    pairs = t.forward_jointly(independent, lambda x, y: independent(x) + y, (a, a[:, :2]), (b, b[:, :2]))
    assert torch.allclose(pairs[0], independent(a) + a[:, :2], rtol=1e-12) and torch.allclose(
        pairs[1], independent(b) + b[:, :2], rtol=1e-12
    )
    assert t.forward_jointly(independent, independent) == []


@pytest.mark.parametrize(
    "words",
    (
        ["--dnorm=0.5"],
        ["--penalty", "r1=1", "r2=0.5"],
        ["--penalty", "r2=1", "--mixup=hidden"],
        ["--dnorm=0.5", "--penalty", "r1=1", "gp=1", "--mixup=hidden", "--mixup_ff"],
        ["--loss=hinge", "--dnorm=2", "--mixup=1"],
    ),
)
def test_one_pass_serves_the_verdict_and_the_penalties_on_its_slope(words):
    """Terms and gradients as those of passes apart, in float64."""
    found = []
    for apart in (False, True):
        t = trainer(*words).double()
        wanted = {"dnorm": "real", "r1": "real", "r2": "fake"}
        assert t.judge.slopes_at == {at for name, at in wanted.items() if any(name in word for word in words)}
        if apart:
            t.judge.slopes_at = frozenset()
        x = batch()["x"].double()
        t.on_step_start(0)
        torch.manual_seed(1)
        terms = weighted(t.d_terms(x, -x))
        found.append(
            (terms, t.gradients(sum(term.mean() for term in terms.values()), t.parameters_of("disc")))
        )
    (ours, grads), (plain, plain_grads) = found
    assert ours.keys() == plain.keys() and all(
        torch.allclose(ours[name], plain[name], atol=1e-12) for name in plain
    )
    assert all(torch.allclose(a, b, atol=1e-11) for a, b in zip(grads, plain_grads))
