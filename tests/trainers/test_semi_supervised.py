import math

import pytest
import torch
import torch.nn.functional as F

from engine.errors import UserError
from networks import semi_mnist
from tests.running import assert_equal, assert_weighted, newest, train
from tests.trainers.test_gan import batch
from trainers import semi_supervised
from trainers.base import weighted

WORDS = [
    "--trainer=trainers/semi_supervised.py",
    "--iterator=iterators/semi.py",
    "--iterator_args",
    "base=tests/made_parts.py",
    "labels_per_class=2",
    "--network=networks/semi_mnist.py",
    "--network_args",
    "width=16",
    "--disc_ema=0.9",
]


def trainer(*words, nets=None):
    from engine import flags

    args = flags.parse(["--trainer=trainers/semi_supervised.py", "--z_dim=5", *words])
    args.steps_per_epoch, args.schedule_steps, args.n_classes, args.data_shape = 5, 10, 3, [1, 8, 8]
    torch.manual_seed(0)
    return semi_supervised.get_trainer(
        nets or semi_mnist.get_network((1, 8, 8), 3, 5, width=16, noise=(0.0, 0.0)), args
    ).train()


def mixed_batch(n=6):
    return batch(n) | {
        "y": torch.arange(n) % 3,
        "x_unlabelled": -batch(n)["x"],
        "x_unlabelled_g": batch(n)["x"].flip(0),
    }


def test_k_classes_are_a_softmax_over_k_plus_1_with_the_last_logit_0():
    t = trainer("--disc_ema=0").eval().double()
    x, fake = batch()["x"].double(), -batch()["x"].double()
    for scale in (1, 30):
        for net in t.disc.stages[-1]:
            if hasattr(net, "bias"):
                net.parametrizations.weight[0].scale.data.mul_(scale)

        def over_all(x):
            logits = t.disc(x)
            return F.softmax(torch.cat([logits, torch.zeros(len(logits), 1)], 1), 1)

        assert torch.allclose(torch.sigmoid(t.judge.score(x)), 1 - over_all(x)[:, -1], atol=1e-12)
        terms = weighted(t.d_terms(x, fake))
        expected = -(1 - over_all(x)[:, -1]).log() / 2, -over_all(fake)[:, -1].log() / 2
        assert torch.allclose(terms["real"], expected[0], rtol=1e-6) and torch.allclose(
            terms["fake"], expected[1], rtol=1e-6
        )
        # the paper's form: -1/2 lse + 1/2 softplus(lse) on real ones, 1/2 softplus(lse) on generated ones;
        # and half a GAN's cross-entropies
        lse = t.judge.score(x), t.judge.score(fake)
        assert torch.allclose(terms["real"], -lse[0] / 2 + F.softplus(lse[0]) / 2, atol=1e-9)
        bce = [
            F.binary_cross_entropy_with_logits(l, torch.full_like(l, label), reduction="none")
            for l, label in zip(lse, (1.0, 0.0))
        ]
        assert torch.allclose(terms["real"] + terms["fake"], (bce[0] + bce[1]) / 2, atol=1e-9)
    y = torch.arange(6) % 3
    assert torch.allclose(t.classification({"x": x, "y": y}), -F.log_softmax(t.disc(x), 1)[range(6), y])


def test_stable_at_logits_of_a_thousand():
    class Fixed(torch.nn.Module):
        layers = 1

        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.ones(()))

        def forward(self, x):
            return self.w * x.flatten(1)[:, :3] * 1e3

    t = trainer("--g_loss=adversarial", nets={"gen": torch.nn.Linear(5, 5), "disc": Fixed()})
    for sign in (1.0, -1.0):
        x = torch.full((4, 1, 8, 8), sign)
        terms = weighted(t.d_terms(x, x)) | {"sup": t.classification({"x": x, "y": torch.arange(4) % 3})}
        grads = torch.autograd.grad(sum(v.sum() for v in terms.values()), t.disc.w)
        assert all(v.isfinite().all() for v in (*terms.values(), *grads))
        assert torch.allclose(
            terms["real"], torch.full((4,), 0.0 if sign > 0 else (1000 - math.log(3)) / 2), atol=1e-3
        )


@pytest.mark.parametrize(
    "words",
    (
        [],
        ["--mixup=pixel", "--mixup_ff"],
        ["--mixup=hidden", "--mixup_label=soft"],
        ["--mixup=0,3", "--g_loss=mixed", "--real_label=0.9"],
        ["--historical_averaging=1", "--penalty", "r1=0.1", "--dnorm=0.1"],
        ["--unsup_weight=0.3", "--g_steps=2"],
    ),
)
def test_steps_move_every_parameter(words):
    t = trainer(*words, nets=semi_mnist.get_network((1, 8, 8), 3, 5, width=64))
    t.initialise(mixed_batch())
    before = {n: p.clone() for n, p in t.named_parameters() if p.requires_grad}
    for step in range(4):
        t.on_step_start(step)
        log = t.step(mixed_batch(), step)
    half = t.args.unsup_weight / 2
    weights = dict.fromkeys(("disc/real", "disc/fake", "disc/mix", "disc/mix_ff"), half)
    weights |= dict.fromkeys(("gen/fm", "gen/adv", "gen/history", "disc/history"), 1)
    weights |= dict.fromkeys(("disc/r1", "disc/dnorm"), 0.1)
    weights = {name: weight for name, weight in weights.items() if name in log}
    assert all(math.isfinite(v) for v in log.values())
    assert {"disc/sup", "gen/fm"} <= assert_weighted(log, weights)
    assert ("disc/mix" in log) == any("mixup" in w for w in words)
    assert not [n for n, p in t.named_parameters() if n in before and torch.equal(before[n], p)]


def test_supervised_is_the_labelled_term_alone():
    t = trainer("--supervised")
    before = {n: p.clone() for n, p in t.gen.named_parameters()}
    t.on_step_start(0)
    assert set(t.step(batch() | {"y": torch.arange(6) % 3}, 0)) == {"disc/sup"}
    assert all(torch.equal(before[n], p) for n, p in t.gen.named_parameters())


def test_the_generators_step_takes_its_own_unlabelled_batch():
    t, seen = trainer(), []
    t.g_terms = lambda real, own=t.g_terms: (seen.append(real), own(real))[1]
    t.on_step_start(0)
    both = mixed_batch()
    t.step(both, 0)
    assert seen[0] is both["x_unlabelled_g"]


def test_averaged_discriminator_and_held_learning_rate():
    t = trainer("--disc_ema=0.5", "--lr_schedule=linear", "--lr_hold=0.5")
    assert [t.lr_factor(s) for s in (0, 5, 6, 9, 10)] == [1, 1, pytest.approx(0.8), pytest.approx(0.2), 0]
    assert {o.param_groups[0]["eps"] for o in t.optims.values()} == {1e-4} and trainer(
        "--adam_eps=1e-8"
    ).optims["gen"].param_groups[0]["eps"] == 1e-8
    expected = [p.clone() for p in t.disc.parameters()]
    for step in range(3):
        t.on_step_start(step)
        t.step(mixed_batch(), step)
        expected = [0.5 * e + 0.5 * p for e, p in zip(expected, t.disc.parameters())]
    assert all(torch.allclose(e, p, atol=1e-6) for e, p in zip(expected, t.disc_ema.parameters()))
    with pytest.raises(UserError, match="--lr_hold=0.5: goes with --lr_schedule=linear"):
        trainer("--lr_hold=0.5")


def test_errors_are_parts_of_whole_splits():
    t = trainer("--disc_ema=0.9")
    x = torch.rand(20, 1, 8, 8)
    labels = t.disc.eval()(x).argmax(1)
    y = labels.clone()
    y[:3] = (y[:3] + 1) % 3
    parts = [{"x": x[i], "y": y[i]} for i in (slice(0, 7), slice(7, 20))]
    found = t.train().errors({"test": parts})
    assert found == {"disc/test_error": 3 / 20, "disc_ema/test_error": 3 / 20} and t.training


def test_data_without_unlabelled_images_is_named():
    with pytest.raises(
        UserError, match="gives no x_unlabelled; use --iterator=iterators/semi.py --iterator_args base="
    ):
        trainer().train_step(batch() | {"y": torch.zeros(6, dtype=torch.int64)}, 0)


@pytest.mark.parametrize("more", (["--mixup=hidden", "--ema=0.9"], ["--supervised"]))
def test_resume_is_bitwise(more, tmp_path):
    assert train(tmp_path, *WORDS, *more, "--name=whole", "--max_steps=9") == 0
    assert train(tmp_path, *WORDS, *more, "--name=parts", "--max_steps=4") == 0
    assert train(tmp_path, *WORDS, *more, "--name=parts", "--max_steps=9", "--resume=auto") == 0
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))
    lines = (tmp_path / "whole" / "s0" / "metrics.jsonl").read_text()
    assert lines == (tmp_path / "parts" / "s0" / "metrics.jsonl").read_text()
    assert "disc_ema/test_error" in lines and "disc/valid_error" in lines


def test_dnorm_in_a_step_of_its_own_is_one():
    t = trainer("--dnorm=1", "--dnorm_step=separate")
    t.initialise(mixed_batch())
    t.on_step_start(0)
    log = t.step(mixed_batch(), 0)
    assert log["disc/dnorm"] > 0 and int(next(iter(t.optims["disc"].state.values()))["step"]) == 2


def test_a_discriminator_of_one_logit_is_refused():
    from networks import small

    t = trainer(nets=small.get_network((1, 8, 8), 0, 5, width=8))
    with pytest.raises(
        UserError, match=r"--network: disc of .* gives \[2\] for two examples; must be \[2, 3\]"
    ):
        t.check_networks()


def test_flags_without_use_for_labelled_images_alone_are_named():
    t = trainer(
        "--supervised", "--real_label=0.9", "--fm_form=absolute", "--g_steps=3", "--alpha=0.5", "--ema=0.5"
    )
    assert sorted(w.split(":")[0] for w in t.warnings) == [
        "--alpha",
        "--ema",
        "--fm_form",
        "--g_steps",
        "--real_label",
    ]
    assert all("does nothing without unlabelled images" in w for w in t.warnings)


@pytest.mark.parametrize("weight", (0.5, 2.0))
def test_the_wasserstein_estimate_is_that_of_the_scores(weight):
    t = trainer("--loss=wgan", f"--unsup_weight={weight}", "--g_loss=adversarial")
    t.initialise(mixed_batch())
    t.on_step_start(0)
    scores = []
    outputs = t.judge.outputs
    t.judge.outputs = lambda *a: scores.append(outputs(*a)) or scores[-1]
    log = t.step(mixed_batch(), 0)
    real, fake = (scores[0][name].detach().logsumexp(1).mean() for name in ("real", "fake"))
    assert log["disc/wasserstein"] == pytest.approx(float(real - fake), rel=1e-4)


def test_a_misspelt_word_is_answered_with_all_words():
    from engine.load import call
    from iterators import semi

    with pytest.raises(
        UserError,
        match="given labels_per_classes=...; use base, labels_per_class, label_seed, fresh, size, valid, ",
    ):
        call(
            semi.get_iterators,
            {"batch_size": 4},
            {"base": "iterators/digits.py", "labels_per_classes": 3},
            "--iterator_args",
        )


@pytest.mark.parametrize(
    "options, said", (({"width": 3}, "width=3"), ({"noise": 1}, "noise=1: use two standard deviations"))
)
def test_options_that_cannot_be_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        semi_mnist.get_network((1, 8, 8), 3, 5, **options)
