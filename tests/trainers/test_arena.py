"""Regularisers of a GAN beside mixup: where they act in the step, shared noise, exact resume."""

import copy
import math
import os
import re

import pytest
import torch

from engine.errors import UserError
from engine.flag_types import Group, Parser
from engine.randomness import seed_step
from losses import augment
from losses.ada import PIPES
from losses.augment import POLICIES
from losses.penalties import zero_centred
from tests.running import ROOT, assert_equal, newest, train
from tests.trainers.test_gan import arguments, batch, trainer
from trainers import annealing, augmented, gan, regularised

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
    assert torch.allclose(terms["adv"], want, atol=1e-6)
    found, expected = (
        torch.autograd.grad(x.mean(), list(t.gen.parameters()), retain_graph=True)
        for x in (terms["adv"], want)
    )
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, expected))
    torch.manual_seed(3)
    assert not torch.allclose(plain.g_terms(real)["adv"], terms["adv"])


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


# methods by name: the flags that turn each on
METHODS = {
    "diffaugment": AUGMENT,
    "ada": ("--ada=bg", "--p_images=100", "--p_every=2"),
    "ada fixed": ("--ada=color", "--ada_p=0.5"),
    "apa": ("--apa", "--p_images=50", "--p_every=1", "--p_target=0"),
    "noise": ("--instance_noise=0.2", "--anneal", "instance_noise=0", "--anneal_images=40"),
    "top_k": ("--top_k=0.5", "--top_k_gamma=0.6"),
    "rpgan": ("--loss=rpgan",),
    "ragan": ("--loss=ragan",),
    "rahinge": ("--loss=rahinge",),
    "lecam": ("--penalty", "lecam=0.3", "--lecam_start=2"),
    "gp0": ("--penalty", "gp0=1"),
    "cutmix": ("--mixup_form=cutmix",),
    "smoothmix": ("--mixup_form=smoothmix",),
    "cr": ("--penalty", "cr=10"),
    "bcr": ("--penalty", "bcr=10"),
    "zcr": ("--penalty", "zcr=20", "--g_penalty", "zcr=0.5"),
    "fsmr": ("--penalty", "fsmr=1"),
    "ortho": ("--g_ortho=0.01", "--d_ortho=0.01"),
    "clip": ("--weight_clip=0.05",),
    "annealed": (
        "--penalty",
        "r1=0.1",
        "--anneal",
        "lr=1e-5",
        "beta2=0.9",
        "r1=0.01",
        "ema_images=100",
        "--anneal_images=30",
    ),
}


def flags_of(*names, table=METHODS):
    """The flags of methods together: words of --penalty and the like are joined."""
    lists, words = {}, []
    for name in names:
        flag = None
        for word in table[name]:
            if word in ("--penalty", "--g_penalty", "--anneal", "--diffaugment"):
                flag = lists.setdefault(word, [])
            elif word.startswith("--"):
                flag = words.append(word)
            else:
                flag.append(word)
    return [*words, *(w for flag, values in lists.items() for w in (flag, *values))]


@pytest.mark.parametrize("name", METHODS)
def test_a_run_goes_on_from_its_state_bit_for_bit(name):
    words = ["--mixup=hidden", "--update_g_every=2", *flags_of(name)]
    words += [] if name == "annealed" else ["--ema=0.9"]
    whole, parts = trainer(*words), trainer(*words)
    steps(whole, 0, 6)
    steps(parts, 0, 3)
    again = trainer(*words)
    with torch.no_grad():
        for p in again.parameters():
            p.add_(1)
    again.restore(copy.deepcopy(parts.capture()))
    steps(again, 3, 6)
    assert_equal(whole.capture(), again.capture())


def steps(t, first, stop):
    """Steps first .. stop - 1 of a trainer, seeded as the loop seeds them."""
    for step in range(first, stop):
        x = {"x": batch(8)["x"].roll(step, 0)}
        seed_step(0, step)
        t.on_step_start(step)
        t.step(x, step)


def test_a_run_of_many_methods_resumes_bit_for_bit(tmp_path):
    words = [
        "--mixup=hidden",
        "--batch_size=8",
        *flags_of("diffaugment", "ada", "apa", "top_k", "rpgan", "lecam", "noise"),
    ]
    assert train(tmp_path / "whole", *words, "--max_steps=6") == 0
    assert train(tmp_path / "parts", *words, "--max_steps=3") == 0
    assert train(tmp_path / "parts", *words, "--max_steps=6", "--resume=auto") == 0
    assert_equal(newest(tmp_path / "whole"), newest(tmp_path / "parts"))


@pytest.mark.parametrize("name", METHODS)
def test_runs_that_differ_in_one_method_share_noise_and_mixing_weights(monkeypatch, name):
    plain, other = draws_of(monkeypatch), draws_of(monkeypatch, *flags_of(name))
    if name == "apa":  # the noise of its generated images is its own
        assert len(other) == 5
        other.pop(2)
    if name == "fsmr":  # whose statistics are mixed is drawn after them
        assert len(other) == 5
        other.pop()
    assert len(plain) == 4 and all(torch.equal(a, b) for a, b in zip(plain, other, strict=True))


def test_ada_moves_p_by_the_signs_of_the_logits_of_real_images(tmp_path):
    t = trainer("--ada=blit", "--p_images=60", "--p_every=2", "--p_target=-0.9")
    signs = []
    penalties = t.penalties.forward
    t.penalties.forward = lambda context: (
        signs.append(context.logits("real").sign().mean()) or penalties(context)
    )
    for step in range(4):
        t.on_step_start(step)
        log = t.step(batch(), step)
        assert log["disc/r_t"] == signs[-1] and log["ada/p"] == t.augmentation.adaptive.p
    want = max(0, 1 if sum(signs[:2]) / 2 > -0.9 else -1) + (1 if sum(signs[2:]) / 2 > -0.9 else -1)
    assert t.augmentation.adaptive.p.item() == pytest.approx(max(0, want) * 2 * 64 / 60)


def test_apa_replaces_real_images_with_probability_p_by_ones_that_g_makes_of_noise_of_its_own():
    t = trainer("--apa")
    real = batch(400)["x"]
    assert torch.equal(t.pseudo(real), real)
    t.apa.p.fill_(0.3)
    t.on_step_start(7)
    found = t.pseudo(real)
    t.on_step_start(7)
    fake = t.gen(t.noise(400, t.generator("apa")))
    kept = (found == real).flatten(1).all(1)
    assert 0.2 < 1 - kept.double().mean() < 0.4
    assert torch.equal(found[~kept], fake[~kept]) and not found.requires_grad
    t.on_step_start(7)
    terms = t.d_terms(real, real / 2)
    t.on_step_start(7)
    plain = trainer()
    assert torch.equal(terms["real"], plain.d_terms(t.pseudo(real), real / 2)["real"])


def test_top_k_keeps_the_highest_logits_and_falls_with_the_epochs():
    t = trainer("--top_k=0.5", "--top_k_gamma=0.8")
    logits, values = torch.tensor([3.0, -1, 2, 0, 5, 4]), torch.arange(6.0)
    for epoch, want in ((0, 6), (1, 5), (2, 4), (3, 4), (4, 3), (9, 3)):  # 0.8^3 = 0.512, rounded up
        t.on_step_start(5 * epoch)
        found = t.top(values, logits)
        assert sorted(found.tolist()) == sorted(values[logits.argsort(descending=True)[:want]].tolist())
    torch.manual_seed(3)
    adv = t.g_terms(batch()["x"])["adv"]
    torch.manual_seed(3)
    assert torch.equal(adv.sort().values, trainer().g_terms(batch()["x"])["adv"].sort().values[:3])


def test_noise_on_what_d_sees_is_that_of_its_standard_deviation_and_vanishes():
    t = trainer(
        "--instance_noise=0.5", "--anneal", "instance_noise=0", "--anneal_images=640", "--anneal_form=linear"
    )
    x = torch.zeros(200, 1, 8, 8)
    for step, want in ((0, 0.5), (5, 0.25), (10, 0.0), (11, 0.0)):
        t.on_step_start(step)
        assert t.augment(x, "disc").std().item() == pytest.approx(want, abs=0.01)


def test_settings_follow_their_cosine_and_stay_at_their_ends():
    t = trainer(
        "--penalty",
        "r1=0.05",
        "--beta2=0.9",
        "--ada=blit",
        "--ada_p=0",
        "--anneal",
        "lr=5e-5",
        "r1=0.005",
        "beta2=0.99",
        "ada_p=0.55",
        "ema_images=5000",
        "--anneal_images=640",
    )
    for step in range(13):
        t.on_step_start(step)
        part = (1 + math.cos(math.pi * min(step * 64 / 640, 1))) / 2
        between = lambda base, final, part=part: pytest.approx(final + (base - final) * part, rel=1e-12)
        for optim in t.optims.values():
            (group,) = optim.param_groups
            assert group["lr"] == between(2e-4, 5e-5) and group["betas"][1] == between(0.9, 0.99)
        assert t.penalties.weights["r1"] == between(0.05, 0.005)
        assert t.augmentation.fixed_p == between(0, 0.55)
        half = 5000 * (1 - part)
        assert t.averaged["gen"] == pytest.approx(0.5 ** (64 / max(half, 1e-8)))
    t.on_step_start(0)
    t.step(batch(), 0)  # a memory of no images: the average is the network
    assert all(torch.equal(a, b) for a, b in zip(t.gen.parameters(), t.gen_ema.parameters()))


def test_a_setting_of_d_alone():
    t = trainer("--disc_lr=4e-4", "--anneal", "disc_lr=0", "--anneal_images=64")
    t.on_step_start(3)
    assert t.optims["disc"].param_groups[0]["lr"] == 0 and t.optims["gen"].param_groups[0]["lr"] == 2e-4


def test_weight_clipping_after_each_update_of_d_and_not_of_g():
    t = trainer("--weight_clip=0.01", "--loss=wgan")
    assert not t.warnings
    t.step(batch(), 0)
    bounds = {
        name: max(p.abs().max().item() for p in getattr(t, name).parameters()) for name in ("gen", "disc")
    }
    assert bounds["disc"] == pytest.approx(0.01) and bounds["gen"] > 0.02


def test_orthogonal_regularisation_is_a_term_of_the_player_that_it_is_asked_for():
    t = trainer("--g_ortho=0.5")
    log = t.step(batch(), 0)
    assert "disc/ortho" not in log and log["gen/ortho"] > 0
    gradients = {}
    for words in ((), ("--g_ortho=0.5",)):
        t = trainer(*words)
        t.optims["gen"].step_with = lambda grads, bad, words=words: gradients.update({words: grads})
        torch.manual_seed(0)
        t.step(batch(), 0)
    parameters = dict(trainer().gen.named_parameters())
    for p, without, with_it in zip(parameters.values(), *gradients.values()):
        rows = p.flatten(1) if p.ndim > 1 else torch.zeros(1, 1)
        want = 0.5 * 2 * (rows @ rows.T * (1 - torch.eye(len(rows)))) @ rows
        assert torch.allclose(
            with_it - without, want.view_as(p) if p.ndim > 1 else torch.zeros_like(p), atol=1e-5
        )


# what docs/arena.md says cannot be: flags, what the refusal says, and the shape of images if it is another
REFUSALS = {
    "`--loss=wgan` with `--real_label` or `--fake_label`": [
        (("--loss=wgan", "--real_label=0.9"), "--real_label, --fake_label: a Wasserstein critic"),
        (("--loss=wgan", "--fake_label=0.1"), "--real_label, --fake_label: a Wasserstein critic"),
    ],
    "`--loss=rpgan` with `--fake_label`": [
        (("--loss=rpgan", "--fake_label=0.1"), "--fake_label=0.1: --loss=rpgan")
    ],
    "`--anneal lr=...` with `--lr_schedule`": [
        (("--anneal", "lr=1", "--anneal_images=9", "--lr_schedule=linear"), "--anneal: lr has --lr_schedule")
    ],
    "`--ema` with `--ema_images`": [(("--ema=0.9", "--ema_images=10"), "--ema=0.9, --ema_images: two")],
    "`--accumulate` with `--loss=ragan` or `--loss=rahinge`": [
        (("--accumulate=2", f"--loss={loss}"), f"--accumulate=2: --loss={loss}")
        for loss in ("ragan", "rahinge")
    ],
    "`--accumulate` with `--penalty lecam=...`": [
        (("--accumulate=2", "--penalty", "lecam=1"), "--accumulate=2: --penalty lecam")
    ],
    "`--accumulate` with `--penalty dragan=...`": [
        (("--accumulate=2", "--penalty", "dragan=1"), "--accumulate=2: --penalty dragan")
    ],
    "`--accumulate` with `--top_k`": [(("--accumulate=2", "--top_k=0.5"), "--accumulate=2: --top_k")],
    "`--accumulate` with `--g_loss=feature_matching` or `--g_loss=mixed`": [
        (("--accumulate=2", f"--g_loss={loss}"), f"--accumulate=2: --g_loss={loss}")
        for loss in ("feature_matching", "mixed")
    ],
    "`--accumulate` with `--mixup_ff`": [
        (("--accumulate=2", "--mixup=pixel", "--mixup_ff"), "--accumulate=2: --mixup_ff")
    ],
    "`--accumulate` with `--mixup_form=adaptive`, or `--penalty fsmr=...`": [
        (("--accumulate=2", "--mixup=1", "--mixup_form=adaptive"), "--accumulate=2: --mixup_form=adaptive"),
        (("--accumulate=2", "--penalty", "fsmr=1"), "--accumulate=2: --penalty fsmr"),
    ],
    "`--mixup_form=adaptive` with `--mixup_ff`, soft labels, folding, or layer 0": [
        (("--mixup=1", "--mixup_form=adaptive", *words), message)
        for words, message in (
            (("--mixup_ff",), "--mixup_ff: pairs are of one kind"),
            (("--mixup_label=soft",), "--mixup_label=soft: pairs are of one kind"),
            (("--mixup_fold=on",), "--mixup_fold=on: pairs are of one kind"),
            (("--mixup=pixel",), "--mixup_form=adaptive: compares features of D"),
        )
    ],
    "`--ada` with colours, of images that have neither 1 nor 3 channels": [
        (("--ada=bgc",), "--ada=bgc: changes colours, the images are 4x32x32", (4, 32, 32)),
        (("--ada=r3gan",), "--ada=r3gan: changes colours", (2, 32, 32)),
    ],
    "`--ada` with `filter`, of images of at most 21 pixels a side": [
        (("--ada=bgcf",), "--ada=bgcf: its filter needs more than 21 pixels a side", (3, 21, 32))
    ],
    "`--diffaugment`, `--ada`, of points": [
        ((*AUGMENT,), "--diffaugment, --ada: the data are 2x1x1", (2, 1, 1)),
        (("--ada=blit",), "--diffaugment, --ada: the data are 2x1x1", (2, 1, 1)),
    ],
}


def refused_rows():
    """The first cells of the page's table of refusals."""
    with open(os.path.join(ROOT, "docs", "arena.md"), encoding="utf8") as file:
        table = file.read().split("| refused | why |\n|---|---|\n")[1].split("\n\n")[0]
    return [row.split(" | ")[0].removeprefix("| ") for row in table.strip().split("\n")]


def test_the_page_names_what_is_refused():
    assert refused_rows() == list(REFUSALS)


@pytest.mark.parametrize("row", REFUSALS)
def test_the_refusals_of_the_page(row):
    for words, message, *shape in REFUSALS[row]:
        with pytest.raises(UserError, match=re.escape(message)):
            t = trainer(*([] if shape else words))
            t.args = arguments("--z_dim=5", *words)
            t.args.data_shape = shape[0] if shape else t.args.data_shape
            augmented.check(t)
            t.check_accumulate()


@pytest.mark.parametrize(
    "words, message",
    [
        (("--loss=rpgan", "--fake_label=0.1"), "--fake_label=0.1: --loss=rpgan has one label a pair"),
        (("--anneal", "lr=1"), "--anneal: needs --anneal_images"),
        (("--anneal", "r1=1", "--anneal_images=9"), "--anneal: given r1=1; use one of lr, .*instance_noise"),
        (("--anneal", "lr=1", "--anneal_images=9", "--lr_schedule=linear"), "--anneal: lr has --lr_schedule"),
        (("--anneal", "disc_lr=1", "--anneal_images=9"), "--anneal: disc_lr needs --disc_lr"),
        (
            ("--anneal", "ada_p=1", "--anneal_images=9", "--ada=blit"),
            "--anneal: ada_p needs --ada, and --ada_p",
        ),
        (("--anneal", "beta2=1", "--anneal_images=9"), "--anneal: given beta2=1; must be below 1"),
        (("--ema=0.9", "--ema_images=10"), "--ema=0.9, --ema_images: two memories"),
        (("--ada=bgcf",), "--ada=bgcf: its filter needs more than 21 pixels a side, the images are 1x8x8"),
    ],
)
def test_what_cannot_be_is_refused_by_name(words, message):
    with pytest.raises(UserError, match=message):
        trainer(*words)


def test_what_does_nothing_is_said():
    warnings = trainer("--p_target=0.1", "--top_k_gamma=0.5", "--ada_p=0.1", "--anneal_images=3").warnings
    said = sorted(warning.split(":")[0] for warning in warnings)
    assert said == ["--ada_p", "--anneal_images", "--p_target", "--top_k_gamma"]


def test_the_page_has_every_flag_and_only_flags_that_there_are():
    with open(os.path.join(ROOT, "docs", "arena.md"), encoding="utf8") as file:
        page = file.read()
    named = set(re.findall(r"`?--([a-z_]+)", page)) - {"halving", "rungs"}  # exps/grid.sh's
    declared = arguments().declared
    assert named <= declared.keys() | arguments("--trainer=trainers/ssgan.py").declared.keys()
    parser = Parser(add_help=False)
    for module in (augmented, annealing, regularised):
        module.add_flags(Group(parser, parser.add_argument_group("")))
    assert set(parser.flags) | {"lecam_decay", "lecam_start"} <= named
    assert all(f"`{name}`" in page for name in PIPES) and all(name in page for name in POLICIES)
