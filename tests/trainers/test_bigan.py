"""BiGAN: the terms, which network each one trains, the exchange of the pairs, and resumed runs."""

import math

import pytest
import torch

from engine.errors import UserError
from networks import bigan_mnist
from tests.running import ROOT, assert_equal, newest, train
from trainers import bigan
from trainers.base import weighted


def arguments(*words):
    from engine import flags

    args = flags.parse([f"--trainer={ROOT}/trainers/bigan.py", "--z_dim=5", *words])
    args.steps_per_epoch, args.schedule_steps, args.data_shape = 5, 10, [1, 8, 8]
    flags.resolve(args)
    return args


def trainer(*words, variant="official", **options):
    torch.manual_seed(0)
    nets = bigan_mnist.get_network((1, 8, 8), 10, 5, variant, **({"width": 16} | options))
    return bigan.get_trainer(nets, arguments(*words)).train()


def batch(n=8):
    torch.manual_seed(1)
    return {"x": torch.rand(n, 1, 8, 8) * 2 - 1, "y": torch.arange(n)}


def pairs(t):
    x, z = batch()["x"], torch.linspace(-1, 1, 40).reshape(8, 5)
    return (x, t.enc(x)), (t.gen(z), z)


def steps(t, n):
    logs, data = [], batch()
    for step in range(n):
        t.on_step_start(step)
        logs.append(t.step(data, step))
    return logs


@pytest.mark.parametrize("variant", ("official", "seed"))
@pytest.mark.parametrize(
    "words", [(), ("--loss=minimax", "--weight_decay=0"), ("--z_dist=uniform", "--ema=0.9")]
)
def test_every_parameter_of_every_role_moves(words, variant):
    t = trainer(*words, variant=variant)
    before = {n: p.clone() for n, p in t.named_parameters()}
    logs = steps(t, 4)
    assert all(
        set(log) == {"ge/real", "ge/fake", "disc/real", "disc/fake"}
        and all(math.isfinite(v) for v in log.values())
        for log in logs
    )
    # the official code starts D's logit at 0, so G and E see a gradient from the second step on
    assert not [n for n, p in t.named_parameters() if torch.equal(before[n], p)]
    assert t.bad_steps.tolist() == [0, 0]


@pytest.mark.parametrize("loss", ("jsgan", "minimax"))
def test_a_discriminator_that_says_one_half(loss):
    t = trainer(f"--loss={loss}")  # the logit's weights are 0
    real, fake = pairs(t)
    d, ge = weighted(t.d_terms(real, fake)), weighted(t.ge_terms(real, fake))
    assert sum(v.mean() for v in d.values()).item() == pytest.approx(2 * math.log(2))
    assert sum(v.mean() for v in ge.values()).item() == pytest.approx(
        (2 if loss == "jsgan" else -2) * math.log(2)
    )
    assert all(v.shape == (8,) for v in [*d.values(), *ge.values()])


def test_terms_are_the_formulas():
    for loss in ("jsgan", "minimax"):
        t = trainer(f"--loss={loss}", variant="seed").eval()
        real, fake = pairs(t)
        p, q = torch.sigmoid(t.disc(*real)), torch.sigmoid(t.disc(*fake))
        assert (p - 0.5).abs().max() > 0.01
        d, ge = weighted(t.d_terms(real, fake)), weighted(t.ge_terms(real, fake))
        expected = {"real": -p.log(), "fake": -(1 - q).log()}
        assert all(torch.allclose(d[name], expected[name], atol=1e-6) for name in expected)
        expected = (
            {"real": -(1 - p).log(), "fake": -q.log()}
            if loss == "jsgan"
            else {"real": p.log(), "fake": (1 - q).log()}
        )
        assert all(torch.allclose(ge[name], expected[name], atol=1e-6) for name in expected)


def test_exchanging_the_pairs_exchanges_the_players_losses():
    t = trainer(variant="seed")
    real, fake = pairs(t)
    d, ge = weighted(t.d_terms(real, fake)), weighted(t.ge_terms(real, fake))
    swapped_d, swapped_ge = weighted(t.d_terms(fake, real)), weighted(t.ge_terms(fake, real))
    assert torch.equal(d["real"], swapped_ge["fake"]) and torch.equal(d["fake"], swapped_ge["real"])
    assert torch.equal(ge["real"], swapped_d["fake"]) and torch.equal(ge["fake"], swapped_d["real"])
    t = trainer("--loss=minimax", variant="seed")  # the game as written is zero-sum
    d, ge = weighted(t.d_terms(real, fake)), weighted(t.ge_terms(real, fake))
    assert all(torch.equal(d[name], -ge[name]) for name in d)


def test_encoder_learns_from_real_pairs_alone_and_generator_from_generated_ones():
    t = trainer(variant="seed")
    terms = weighted(t.ge_terms(*pairs(t)))
    for name, learns, does_not in (("real", t.enc, t.gen), ("fake", t.gen, t.enc)):
        assert all(
            g.abs().sum() > 0
            for g in torch.autograd.grad(
                terms[name].sum(), [p for p in learns.parameters() if p.ndim > 1], retain_graph=True
            )
        )
        assert all(
            g is None or not g.any()
            for g in torch.autograd.grad(
                terms[name].sum(), list(does_not.parameters()), retain_graph=True, allow_unused=True
            )
        )


def test_a_step_is_one_simultaneous_update_of_all_three():
    """Both gradients are taken at the weights before the step: plain Adam on them gives the same step."""
    t, reference = trainer(variant="seed"), trainer(variant="seed")
    t.on_step_start(0)
    data = batch()
    torch.manual_seed(7)
    t.step(data, 0)
    torch.manual_seed(7)
    x, z = data["x"], reference.noise(8)
    real, fake = (x, reference.enc(x)), (reference.gen(z), z)
    ge = sum(v.mean() for v in weighted(reference.ge_terms(real, fake)).values())
    d = sum(v.mean() for v in weighted(reference.d_terms(real, fake)).values())
    owned = {
        "ge": [*reference.gen.parameters(), *reference.enc.parameters()],
        "disc": list(reference.disc.parameters()),
    }
    grads = {
        name: torch.autograd.grad(loss, owned[name], retain_graph=True)
        for name, loss in (("ge", ge), ("disc", d))
    }
    for name, parameters in owned.items():
        adam = torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999), weight_decay=5e-5)
        for p, grad in zip(parameters, grads[name]):
            p.grad = grad
        adam.step()
    ours = dict(t.named_parameters())
    for name, p in reference.named_parameters():
        # where a gradient is rounding alone (a bias before a batch norm), Adam's first step is its sign
        if not (name.endswith("bias") and ("gen.2" in name or "enc.stages.1" in name)):
            assert torch.allclose(p, ours[name], atol=2e-6), name


def test_weight_decay_is_adams_l2_on_all_parameters():
    t = trainer("--weight_decay=0.5")
    before = {n: p.clone() for n, p in t.named_parameters() if n.startswith(("gen", "enc"))}
    t.on_step_start(0)
    t.update("ge", {"none": 0 * sum(p.sum() for p in t.parameters_of("ge"))})
    for n, p in t.named_parameters():
        if n in before:
            # Adam's first step is lr in the gradient's direction
            assert torch.allclose(p, before[n] - 2e-4 * before[n].sign(), atol=1e-6), n


def test_pictures_samples_and_codes():
    t = trainer("--ema=0.5", "--samples=6")
    steps(t, 3)
    assert t.sampling_net("enc") is t.enc_ema and t.sampling_net("gen") is t.gen_ema
    data = {"train": [batch()], "test": [batch(), {"x": batch()["x"][:3]}]}
    ((every, measure),) = t.measures(data)
    assert every == 5
    with t.evaluating():
        drawn = t.pictures(batch(4))
        recon = t.decode(t.encode(batch()["x"]))
        expected = (
            torch.cat([recon - batch()["x"], (recon - batch()["x"])[:3]])
            .div(2)
            .flatten(1)
            .square()
            .sum(1)
            .sqrt()
            .mean()
        )
        assert (
            torch.equal(drawn["recon"][0], batch()["x"])
            and torch.equal(drawn["recon"][1], recon)
            and drawn["samples"].shape == (6, 1, 8, 8)
        )
        walk = t.interpolate(t.encode(batch()["x"]), t.encode(batch()["x"]).roll(1, 0), 1.0)
        assert torch.allclose(walk, t.encode(batch()["x"]))
    assert measure(5)["recon/test"] == pytest.approx(expected.item(), rel=1e-5)


def test_learning_rate_holds_then_decays_to_a_hundredth():
    t = trainer("--lr_schedule=half_exp", "--lr=0.1")
    rates = [
        (t.on_step_start(step), t.optims["ge"].param_groups[0]["lr"])[1] for step in (0, 5, 6, 10, 12, 6)
    ]
    assert rates[:2] == [0.1, 0.1] and rates[2] == rates[5]
    assert rates[2:5] == pytest.approx([0.1 * 0.01**0.2, 0.001, 0.001])


def test_what_cannot_be():
    with pytest.raises(UserError, match="BiGAN needs gen, enc, disc"):
        nets = bigan_mnist.get_network((1, 8, 8), 0, 5, width=8)
        bigan.get_trainer({role: nets[role] for role in ("gen", "disc")}, arguments())
    with pytest.raises(UserError, match="--loss"):
        arguments("--loss=hinge")


NET = ["--trainer=trainers/bigan.py", "--network=networks/bigan_mnist.py", "--iterator=tests/made_parts.py"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--ema=0.9", "--network_args", "variant=seed"),
        ("--loss=minimax", "--lr_schedule=half_exp", "--z_dist=uniform", "--network_args", "squash=True"),
    ],
)
def test_a_run_in_two_parts_equals_an_unbroken_one(tmp_path, words):
    words = [*NET, *words, "--schedule_steps=9"]
    assert train(tmp_path / "whole", "--max_steps=9", *words) == 0
    for n in (4, 9):
        assert train(tmp_path / "parts", f"--max_steps={n}", "--resume=auto", *words) == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))
    records = [
        (tmp_path / kind / "deleteme" / "s0" / "metrics.jsonl").read_bytes() for kind in ("whole", "parts")
    ]
    assert records[0] == records[1] and b"recon/valid" in records[0]
    assert (tmp_path / "whole" / "deleteme" / "s0" / "samples" / "step_00000009_recon.png").exists()
