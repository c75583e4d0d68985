"""--accumulate: the gradient of the whole batch by its parts, what refuses it, and exact resume."""

import pytest
import torch
from torch import nn

from engine import accumulation
from engine.errors import UserError
from networks import small
from networks.layers import GaussianNoise, SpectralNorm
from networks.minibatch import MinibatchDiscrimination
from tests.running import assert_equal, newest, train
from tests.trainers import (
    test_autoencoders,
    test_bigan,
    test_cyclegan,
    test_dist_gan,
    test_semi_supervised,
)
from tests.trainers.test_gan import arguments, batch
from trainers import acai, amr, autoencoder, beta_vae, class_mixing, gan


def gradients(make, data, words, steps=2):
    """[(optimiser, gradients)], the logs and all buffers after `steps` steps of make(words)."""
    torch.manual_seed(0)
    t, seen, logs = make(words).train(), [], []
    for name, optim in t.optims.items():

        def step_with(grads, bad, name=name, step=optim.step_with):
            seen.append((name, [g.clone() for g in grads]))
            step(grads, bad)

        optim.step_with = step_with
    if t.args.accumulate > 1:
        t.check_accumulate()
    for step in range(steps):
        torch.manual_seed(5 + step)
        t.on_step_start(step)
        logs.append(t.step(data, step))
    return seen, logs, dict(t.named_buffers())


def agree(make, data, words=(), number=3, steps=2):
    """Whether gradients in parts are those of the whole batch; returns those of the whole."""
    whole, logs, buffers = gradients(make, data, list(words), steps)
    found, logs_found, buffers_found = gradients(make, data, [*words, f"--accumulate={number}"], steps)
    assert [name for name, _ in whole] == [name for name, _ in found]
    for i, ((_, a), (_, b)) in enumerate(zip(whole, found)):
        size = torch.cat([g.flatten() for g in a]).norm()
        difference = torch.cat([(x - y).flatten() for x, y in zip(a, b)]).norm()
        # an update of Adam makes more of the difference than rounding did
        assert difference <= (1e-6 if i == 0 else 1e-4) * size
    for a, b in zip(logs, logs_found):
        assert list(a) == list(b)
        for name in a:
            torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=1e-6)
    for name, buffer in buffers.items():
        torch.testing.assert_close(buffers_found[name], buffer, rtol=1e-2, atol=1e-3)
    return whole


def gan_trainer(words):
    return gan.get_trainer(
        small.get_network((1, 8, 8), 0, 5, width=8, spec_norm=True), arguments("--z_dim=5", *words)
    )


@pytest.mark.parametrize(
    "words",
    (
        (),
        ("--mixup=pixel", "--loss=hinge"),
        ("--mixup=vh2", "--penalty", "gp=10", "r1=1", "r2=0.5"),
        ("--mixup=1", "--mixup_label=soft", "--penalty", "gp=1"),
        ("--dnorm=0.5", "--dnorm_step=separate", "--ema=0.9", "--g_steps=2"),
        ("--dnorm=0.5", "--loss=wgan", "--historical_averaging=0.1"),
        ("--z_dist=uniform", "--update_g_every=2", "--real_label=0.9"),
        ("--diffaugment", "color", "translation", "cutout", "--mixup=hidden", "--penalty", "r1=1"),
        ("--ada=blit", "--ada_p=0.5", "--instance_noise=0.1", "--loss=rpgan"),
        ("--ada=blit", "--apa", "--p_images=20", "--p_every=1", "--p_target=-0.9", "--penalty", "gp0=1"),
        ("--mixup=hidden", "--mixup_form=cutmix", "--penalty", "bcr=10"),
        ("--mixup=pixel", "--mixup_form=smoothmix", "--mixup_label=soft", "--penalty", "cr=1"),
    ),
)
def test_a_gan_in_parts_has_the_gradient_of_the_whole_batch(words):
    """8 images in parts of 2, 3 and 3; G has batch norm, and sees the whole batch."""
    assert any(isinstance(m, nn.BatchNorm2d) for m in gan_trainer(()).gen.modules())
    found = agree(gan_trainer, batch(8), words)
    assert all(any((g != 0).any() for g in grads) for _, grads in found)


def told_trainer(words, normed=True):
    args = arguments("--z_dim=5", *words)
    args.n_classes, args.iterator, m = 3, "tests/made.py", args.packing
    kind = None if args.conditional == "none" else args.conditional
    nets = small.get_network((1, 8, 8), 3, 5, width=8, spec_norm=True, conditional=kind)
    nets["disc"] = small.get_network((m, 8, 8), 3, 5, width=8, spec_norm=True, conditional=kind)["disc"]
    return gan.get_trainer(nets if normed else nets | {"gen": without(nn.BatchNorm2d, nets["gen"])}, args)


TOLD = (
    ("--conditional=projection", "--mixup=vh2", "--penalty", "gp=1", "r1=1", "bcr=1"),
    ("--conditional=acgan", "--mixup=hidden", "--mixup_form=cutmix", "--g_batch=2", "--dnorm=1"),
    ("--conditional=concat", "--mixup=pixel", "--mixup_form=smoothmix", "--mixup_label=soft", "--loss=rpgan"),
    ("--conditional=projection", "--mixup=1", "--mixup_classes=within", "--dnorm=1", "--dnorm_step=separate"),
    ("--packing=2", "--mixup=pixel", "--penalty", "bcr=1", "r1=1"),
    ("--packing=2", "--g_batch=2", "--diffaugment", "color", "cutout", "--apa", "--p_every=1"),
)


@pytest.mark.parametrize("normed", (True, False))
@pytest.mark.parametrize("words", TOLD)
def test_classes_and_packs_go_with_their_parts(words, normed):
    """8 images or packs in parts of 2, 3 and 3; a G without batch norm makes each part by itself."""

    n = 16 if "--packing=2" in words else 8
    found = agree(lambda words: told_trainer(words, normed), batch(n) | {"y": torch.arange(n) % 3}, words)
    assert all(any((g != 0).any() for g in grads) for _, grads in found)


def test_noise_of_packs_and_of_classes_is_moved_with_its_part():
    zcr = "--penalty", "zcr=20", "--g_penalty", "zcr=0.5"
    for words in (("--packing=2",), ("--conditional=projection", "--g_batch=2")):
        data = batch(16) | {"y": torch.arange(16) % 3}
        assert len(agree(lambda words: told_trainer(words, normed=False), data, [*words, *zcr])) == 4


@pytest.mark.parametrize(
    "words, said",
    (
        (("--conditional=d2dce",), "--accumulate=2: --conditional=d2dce compares the images"),
        (("--conditional=acgan", "--apa"), "--accumulate=2: --apa with --conditional makes images"),
    ),
)
def test_classes_that_have_no_parts_are_refused(words, said):
    with pytest.raises(UserError, match=said):
        told_trainer([*words, "--accumulate=2"]).check_accumulate()


def without(kind, trainer):
    """The trainer, its layers of a kind replaced by the identity."""
    for part in list(trainer.modules()):
        for name, child in part.named_children():
            if isinstance(child, kind):
                setattr(part, name, nn.Identity())
    return trainer


def test_a_generator_without_batch_norm_is_taken_in_parts_too():
    def make(words):
        t = gan_trainer(words)
        sizes.append([])
        t.gen.register_forward_hook(lambda m, inputs, out: sizes[-1].append((len(out), out.requires_grad)))
        return t

    sizes = []
    agree(lambda words: without(nn.BatchNorm2d, make(words)), batch(8), steps=1)
    assert sizes == [[(8, True), (8, False)], [(2, True), (3, True), (3, True), (8, False)]]
    sizes.clear()
    agree(make, batch(8), steps=1)
    assert sizes == [[(8, True), (8, False)]] * 2


def test_noise_that_is_moved_goes_with_its_part():
    def make(words):
        nets = small.get_network((1, 8, 8), 0, 5, width=8)
        nets["gen"] = without(nn.BatchNorm2d, nets["gen"])
        return gan.get_trainer(nets, arguments("--z_dim=5", *words))

    words = "--penalty", "zcr=20", "--g_penalty", "zcr=0.5"
    assert len(agree(make, batch(8), words)) == 4
    with pytest.raises(
        UserError, match="--accumulate=2: zcr moves the noise of a part, and G of .* compares"
    ):
        gan_trainer([*words, "--accumulate=2"])


def test_more_parts_than_examples_are_one_each():
    agree(gan_trainer, batch(2), ("--mixup=pixel",), number=5)


@pytest.mark.parametrize("number", (1, 4))
def test_one_power_iteration_and_one_visit_of_a_history_for_each_update(number, monkeypatch):
    iterated, iterate = [], SpectralNorm.iterate
    monkeypatch.setattr(
        SpectralNorm, "iterate", lambda self, w: iterated.append(id(self)) or iterate(self, w)
    )
    t = gan_trainer([f"--accumulate={number}", "--historical_averaging=1", "--penalty", "r1=1"]).train()
    iterated.clear()
    t.on_step_start(0)
    t.step(batch(8), 0)
    assert len(iterated) == len(set(iterated)) > 1 and not t.bad_steps.any()
    assert [int(h.t) for h in t.histories.values()] == [1, 1]


def test_labels_go_with_their_images():
    def make(words):
        t = gan_trainer(words)
        d_terms = t.d_terms
        t.d_terms = lambda real, fake, y, *more: (
            seen.append((real.detach().clone(), y)) or d_terms(real, fake, y, *more)
        )
        return t

    seen = []
    gradients(make, batch(8) | {"y": torch.arange(8)}, ["--accumulate=3"], 1)
    assert [len(y) for _, y in seen] == [2, 3, 3]
    assert torch.equal(torch.cat([y for _, y in seen]), torch.arange(8))
    assert torch.equal(torch.cat([x for x, _ in seen]), batch(8)["x"])


class Noisy(nn.Module):
    def forward(self, x):
        return x + 0.1 * torch.randn_like(x)


@pytest.mark.parametrize(
    "words, change, message",
    (
        (["--g_loss=feature_matching"], None, "--g_loss=feature_matching matches means over the batch"),
        (["--mixup=pixel", "--mixup_ff"], None, "--mixup_ff mixes each example with any other"),
        (["--loss=ragan"], None, "--loss=ragan compares logits with their mean"),
        (["--top_k=0.5"], None, "--top_k picks among the whole batch"),
        (["--penalty", "lecam=0.3"], None, "--penalty lecam has state that a batch moves"),
        (["--penalty", "dragan=1"], None, "--penalty dragan takes the deviation of the batch"),
        (["--penalty", "tests/trainers/lecam.py=1"], None, "--penalty lecam has state that a batch moves"),
        (["--accumulate=65"], None, "must be at most 64, a process's share of --batch_size"),
        (["--compile"], None, "leave --compile out"),
        ([], lambda: nn.BatchNorm2d(1), "disc of .* compares the examples of a batch"),
        ([], lambda: Noisy(), "draws random numbers of its own for each part in the update of gen"),
        ([], lambda: nn.Dropout(0.5), "draws random numbers of its own"),
    ),
)
def test_what_needs_the_whole_batch_is_refused_by_name(words, change, message):
    def make(given):
        t = gan_trainer(given)
        if change:
            t.disc.stages[0].insert(0, change())
        return t

    given = words if any("accumulate" in w for w in words) else ["--accumulate=2", *words]
    with pytest.raises(UserError, match=message):
        gradients(make, batch(8), given)


def test_minibatch_discrimination_is_refused():
    t = gan_trainer(["--accumulate=2"])
    t.disc.stages[-1].insert(0, MinibatchDiscrimination(4, 2, 2))
    with pytest.raises(UserError, match="compares the examples of a batch"):
        t.check_accumulate()


def test_a_users_penalty_on_a_mean_is_refused_at_its_first_step():
    t = gan_trainer(["--accumulate=2"])
    t.penalties.penalties["mine"] = lambda context: context.mean(context.logits("real")).square()
    t.penalties.weights["mine"] = 1.0
    with pytest.raises(UserError, match="is of a mean over the batch, which no part of it has"):
        t.step(batch(8), 0)
    assert not accumulation.active()


def test_batches_of_other_lengths_are_refused():
    t = gan_trainer(["--accumulate=2"])
    with pytest.raises(UserError, match="batches of 8 and of 5 examples have no parts in common"):
        t.update("disc", lambda x, y: {"a": x.mean()}, torch.zeros(8, 1), torch.zeros(5, 1))


def test_rows_of_several_batches_one_after_another():
    pieces, drawn = accumulation.Parts(5, 2), []

    def draw(n):
        drawn.append(torch.arange(n).reshape(n, 1))
        return drawn[-1]

    found = []
    for i in range(2):
        with pieces.part(i):
            found.append(accumulation.rows(draw, 2 * pieces.size))
    assert len(drawn) == 1 and len(drawn[0]) == 10
    assert found[0].flatten().tolist() == [0, 1, 5, 6]
    assert found[1].flatten().tolist() == [2, 3, 4, 7, 8, 9]


def test_a_run_resumes_bit_for_bit_and_keeps_its_parts(tmp_path):
    words = ("--accumulate=3", "--mixup=hidden", "--penalty", "gp=1", "--ema=0.9")
    assert train(tmp_path / "whole", *words, "--max_steps=4") == 0
    assert train(tmp_path / "parts", *words, "--max_steps=2") == 0
    assert train(tmp_path / "parts", *words, "--max_steps=4", "--resume=auto") == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))
    with pytest.raises(UserError, match="--accumulate: 3 then, 2 now: this would change the run"):
        train(tmp_path / "parts", "--accumulate=2", *words[1:], "--max_steps=6", "--resume=auto")


def others():
    """{name: (a function of flags that makes a trainer, a batch of 8, flags)}."""
    data = test_autoencoders.batch(8)
    return {
        "semi_supervised": (
            lambda words: without(GaussianNoise, test_semi_supervised.trainer(*words)),
            test_semi_supervised.mixed_batch(8),
            ("--g_loss=adversarial", "--mixup=pixel", "--penalty", "r1=1"),
        ),
        "supervised": (
            lambda words: without(GaussianNoise, test_semi_supervised.trainer(*words)),
            test_semi_supervised.mixed_batch(8),
            ("--supervised",),
        ),
        "ssgan": (
            lambda words: test_dist_gan.self_supervised(*words),
            test_dist_gan.batch(8),
            ("--update_g_every=1",),
        ),
        "ssgan, all rotations": (
            lambda words: test_dist_gan.self_supervised(*words, classes=5),
            test_dist_gan.batch(8),
            ("--update_g_every=1", "--self_supervised=ms", "--rotations=full", "--penalty", "gp=1"),
        ),
        "bigan": (
            lambda words: test_bigan.trainer(*words, variant="seed"),
            test_bigan.batch(),
            ("--penalty", "gp=1"),
        ),
        "cyclegan": (
            lambda words: test_cyclegan.trainer(*words, norm="instance"),
            test_cyclegan.batch(8),
            ("--pool_size=10", "--penalty", "gp=1"),
        ),
        "autoencoder": (
            lambda words: test_autoencoders.trainer(autoencoder, *words),
            data,
            ("--bpc", "--update_g_every=2"),
        ),
        "beta_vae": (
            lambda words: test_autoencoders.trainer(beta_vae, *words),
            test_autoencoders.batch(8, 16),
            ("--recon_loss=l2",),
        ),
    }


@pytest.mark.parametrize("name", list(others()))
def test_other_trainers_in_parts_have_the_gradient_of_the_whole_batch(name):
    make, data, words = others()[name]
    agree(make, data, words)


@pytest.mark.parametrize("module", (amr, acai, class_mixing))
def test_trainers_whose_loss_is_of_the_whole_batch_are_refused(module):
    t = test_autoencoders.trainer(module, "--accumulate=2")
    with pytest.raises(UserError, match="--accumulate=2: .*computes its losses of the whole batch"):
        t.check_accumulate()


def test_matching_rotations_are_refused():
    with pytest.raises(UserError, match="--accumulate=2: --g_task=match compares means over the batch"):
        test_dist_gan.self_supervised("--accumulate=2", "--g_task=match")
