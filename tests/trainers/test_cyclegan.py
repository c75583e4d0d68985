"""CycleGAN: terms against their formulas, the image pool, which networks move, exact resume, errors."""

import itertools
import math

import pytest
import torch
from torch import nn

from engine.errors import UserError
from engine.randomness import permutation, seed_step
from losses.adversarial import OBJECTIVES
from networks import cyclegan_mnist
from tests.running import ROOT, assert_equal, assert_weighted, newest, train
from trainers import cyclegan
from trainers.base import weighted

WORDS = [
    f"--trainer={ROOT}/trainers/cyclegan.py",
    f"--network={ROOT}/networks/cyclegan_mnist.py",
    "--network_args",
    "width=4",
    "disc_width=4",
    "blocks=1",
    "--iterator_args",
    "size=16",
    "channels=1",
    "channels_b=3",
    "--samples=4",
]


def arguments(*words, channels=(1, 3), size=16):
    from engine import flags

    args = flags.parse([f"--trainer={ROOT}/trainers/cyclegan.py", *words])
    args.steps_per_epoch, args.schedule_steps = 5, 10
    args.data_shape, args.data_shape_b = ([c, size, size] for c in channels)
    flags.resolve(args)
    return args


def trainer(*words, channels=(1, 3), nets=None, **options):
    torch.manual_seed(0)
    args = arguments(*words, channels=channels)
    options = {"width": 4, "disc_width": 4, "blocks": 1} | options
    return cyclegan.get_trainer(
        nets or cyclegan_mnist.get_network(args.data_shape, 0, 0, args.data_shape_b, **options), args
    ).train()


def batch(n=6, channels=(1, 3), size=16, seed=1):
    torch.manual_seed(seed)
    return {name: torch.rand(n, c, size, size) * 2 - 1 for name, c in zip(("x", "x_b"), channels)}


def steps(t, n, **options):
    for step in range(n):
        t.on_step_start(step)
        log = t.step(batch(seed=step, **options), step)
    return log


@pytest.mark.parametrize("loss", OBJECTIVES)
@pytest.mark.parametrize("mean", (False, True))
def test_every_parameter_moves_with_any_objective(loss, mean):
    t = trainer(f"--loss={loss}", "--penalty", "gp=1", "r1=0.1", mean=mean)
    before = {n: p.clone() for n, p in t.named_parameters()}
    log = steps(t, 3)
    kinds = {f"discs/{kind}_{d}" for kind in ("real", "fake", "gp", "r1") for d in "ab"}
    unit = 2 if loss == "lsgan" else 1
    weights = {f"discs/{kind}_{d}": unit / 2 for kind in ("real", "fake") for d in "ab"}
    weights |= {f"discs/{kind}_{d}": weight for kind, weight in (("gp", 1), ("r1", 0.1)) for d in "ab"}
    weights |= {"gens/adv_ab": unit, "gens/adv_ba": unit, "gens/cycle_a": 10, "gens/cycle_b": 10}
    assert assert_weighted(log, weights) == kinds | {n for n in weights if n.startswith("gens")}
    assert all(math.isfinite(v) and v.ndim == 0 for v in log.values()) and t.bad_steps.tolist() == [0, 0]
    still = {n for n, p in t.named_parameters() if torch.equal(before[n], p)}
    # a constant added to a Wasserstein critic, or inside the margin to a hinge one, changes nothing
    assert still <= (
        {"disc_a.stages.3.0.bias", "disc_b.stages.3.0.bias"} if loss in ("wgan", "hinge") else set()
    )


class Offset(nn.Module):
    """x + w, w = 0: an identity that has a parameter."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return x + self.w


def identities(*words):
    nets = cyclegan_mnist.get_network((3, 16, 16), 0, 0, width=4, disc_width=4)
    return trainer(*words, channels=(3, 3), nets=nets | {"gen_ab": Offset(), "gen_ba": Offset()})


def test_identity_translators_have_no_cycle_or_identity_loss():
    t, data = identities("--identity=0.5"), batch(channels=(3, 3))
    terms = weighted(t.g_terms(data["x"], data["x_b"], t.gen_ba(data["x_b"]), t.gen_ab(data["x"])))
    for name in ("cycle_a", "cycle_b", "identity_ab", "identity_ba"):
        assert terms[name].shape == (6,) and not terms[name].any()
    with torch.no_grad():
        t.gen_ab.w.fill_(0.25)  # |F(G(b)) - b| = |F(b) - b| = |G(F(a)) - a| = 1/4
    terms = weighted(t.g_terms(data["x"], data["x_b"], t.gen_ba(data["x_b"]), t.gen_ab(data["x"])))
    assert torch.allclose(terms["cycle_a"], torch.full((6,), 2.5)) and torch.allclose(
        terms["cycle_b"], torch.full((6,), 2.5)
    )
    assert torch.allclose(terms["identity_ab"], torch.full((6,), 1.25)) and not terms["identity_ba"].any()


def test_each_cycle_has_its_own_weight():
    t, data = (
        trainer("--lambda_a=3", "--lambda_b=7").double().eval(),
        {n: x.double() for n, x in batch().items()},
    )
    a, b = data["x"], data["x_b"]
    terms = weighted(t.g_terms(a, b, t.gen_ba(b), t.gen_ab(a)))
    assert torch.allclose(terms["cycle_a"], 3 * (t.gen_ba(t.gen_ab(a)) - a).abs().mean((1, 2, 3)))
    assert torch.allclose(terms["cycle_b"], 7 * (t.gen_ab(t.gen_ba(b)) - b).abs().mean((1, 2, 3)))


def test_least_squares_are_the_papers():
    """Translators: E (D - 1)^2. Discriminators: 1/2 [E (D - 1)^2 + E D^2]. E is over examples and patches."""
    t, data = trainer().double().eval(), {n: x.double() for n, x in batch().items()}
    a, b = data["x"], data["x_b"]
    fake_a, fake_b = t.gen_ba(b), t.gen_ab(a)
    assert t.disc_a(a).shape == (6, 2, 2)
    g, d = weighted(t.g_terms(a, b, fake_a, fake_b)), weighted(t.d_terms(a, b, fake_a, fake_b))
    assert torch.isclose(g["adv_ab"].mean(), (t.disc_b(fake_b) - 1).square().mean())
    assert torch.isclose(g["adv_ba"].mean(), (t.disc_a(fake_a) - 1).square().mean())
    for name, disc, real, fake in (("a", t.disc_a, a, fake_a), ("b", t.disc_b, b, fake_b)):
        assert torch.isclose(d[f"real_{name}"].mean(), (disc(real) - 1).square().mean() / 2)
        assert torch.isclose(d[f"fake_{name}"].mean(), disc(fake).square().mean() / 2)
    other = trainer("--loss=jsgan", "--d_weight=2").double().eval()
    terms = weighted(other.d_terms(a, b, fake_a, fake_b))
    assert torch.isclose(terms["real_a"].mean(), 2 * nn.functional.softplus(-other.disc_a(a)).mean())
    assert torch.isclose(
        weighted(other.g_terms(a, b, fake_a, fake_b))["adv_ab"].mean(),
        nn.functional.softplus(-other.disc_b(fake_b)).mean(),
    )


def test_penalty_of_a_linear_patch_discriminator():
    """D's mean logit is a . x + c: the penalty is (|a| - 1)^2 for any images."""

    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(2, 2, 256, dtype=torch.float64))

        def forward(self, x):
            return torch.einsum("hwd,nd->nhw", self.w, x.mean(1).flatten(1))

    t, data = trainer("--penalty", "gp=3").double(), {n: x.double() for n, x in batch().items()}
    t.disc_a = t.disc_b = Linear()
    terms = weighted(t.d_terms(data["x"], data["x_b"], t.gen_ba(data["x_b"]), t.gen_ab(data["x"])))
    norm = t.disc_a.w.mean((0, 1)).norm()
    assert torch.allclose(terms["gp_a"], 3 * (norm - 1).square()) and torch.allclose(
        terms["gp_b"], 3 * (norm / 3**0.5 - 1).square()
    )


def test_a_d_step_leaves_the_translators_alone_and_the_reverse():
    t, data = trainer(), batch()
    t.on_step_start(0)
    a, b = data["x"], data["x_b"]
    for name, others in (("gens", "disc"), ("discs", "gen")):
        before = {n: p.clone() for n, p in t.named_parameters()}
        fake_a, fake_b = t.gen_ba(b), t.gen_ab(a)
        t.update(
            name,
            weighted(t.g_terms(a, b, fake_a, fake_b))
            if name == "gens"
            else weighted(t.d_terms(a, b, fake_a.detach(), fake_b.detach())),
        )
        for n, p in t.named_parameters():
            assert p.grad is None and torch.equal(before[n], p) == n.startswith(others), n


def test_the_step_detaches_what_the_discriminators_see(monkeypatch):
    t, seen = trainer("--pool_size=0"), []
    terms = t.d_terms
    monkeypatch.setattr(
        t,
        "d_terms",
        lambda a, b, fake_a, fake_b, step: seen.append((fake_a, fake_b)) or terms(a, b, fake_a, fake_b),
    )
    steps(t, 1)
    assert not any(fake.requires_grad for fake in seen[0])


# --- the pool


def images(values):
    return torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()


def test_the_pool_fills_first_then_exchanges_half():
    pool, n, size = cyclegan.Pool(50, (1, 2, 2)), 20_000, 50
    torch.manual_seed(0)
    first = images(range(size))
    assert torch.equal(pool(first), first) and int(pool.filled) == size and torch.equal(pool.images, first)
    returned = torch.cat([pool(part) for part in images(range(size, size + n)).split(10)])[:, 0, 0, 0]
    came = torch.arange(size, size + n)
    share = (returned == came).float().mean().item()
    assert abs(share - 0.5) < 4 * (0.25 / n) ** 0.5  # four deviations
    age = (came - returned)[returned != came]
    # an image stays for a geometric number of exchanges, one in 50 each; there is one exchange for two images
    # given, so it stays for 100 images on average
    assert age.min() > 0 and abs(age[1000:].float().mean() - 100) < 5
    kept = torch.cat([returned, pool.images[:, 0, 0, 0]])
    swapped = torch.cat([first[:, 0, 0, 0], came[returned != came]])
    # no image is lost or doubled
    assert torch.equal(
        kept[torch.cat([returned != came, torch.ones(size, dtype=torch.bool)])].sort().values,
        swapped.sort().values,
    )


@pytest.mark.parametrize("cut", (1, 3, 7))
def test_the_pool_takes_images_one_after_another(cut):
    """A batch equals the same images one at a time, same draws. A batch uses a place of the pool twice."""
    whole, single = cyclegan.Pool(3, (1, 2, 2)), cyclegan.Pool(3, (1, 2, 2))
    draw = torch.Generator().manual_seed(cut)
    for part in images(range(1, 60)).split(cut):
        state = torch.get_rng_state()
        out = whole(part)
        torch.set_rng_state(state)
        swap, slot = torch.rand(len(part)) < 0.5, torch.randint(3, (len(part),))
        held = int(single.filled)
        for i, image in enumerate(part):  # the definition, written out
            if held < 3:
                single.images[held], held, expected = image, held + 1, image
            elif swap[i]:
                expected, single.images[slot[i]] = single.images[slot[i]].clone(), image
            else:
                expected = image
            assert torch.equal(out[i], expected)
        single.filled.fill_(held)
        assert torch.equal(whole.images, single.images) and int(whole.filled) == held
        torch.manual_seed(int(torch.randint(10**6, (), generator=draw)))


def test_no_pool_returns_what_came_and_draws_nothing():
    pool, x, state = cyclegan.Pool(0, (1, 2, 2)), images(range(5)), torch.get_rng_state()
    assert pool(x) is x and torch.equal(torch.get_rng_state(), state)


def test_a_restored_pool_knows_how_full_it_is():
    pool, half = cyclegan.Pool(4, (1, 2, 2)), cyclegan.Pool(4, (1, 2, 2))
    half(images([1, 2]))
    pool(images(range(9)))
    pool.load_state_dict(half.state_dict())
    x = images([3, 4])
    assert torch.equal(pool(x), x) and torch.equal(pool.images, images([1, 2, 3, 4]))


def test_the_discriminators_see_the_pools_images():
    t, seen, exchanged = trainer("--pool_size=4"), [], 0
    t.disc_a.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    for step in range(8):
        seed_step(0, step)
        t.on_step_start(step)
        held = t.pool_a.images.clone()
        seen.clear()
        t.step(batch(seed=step), step)
        made, _, shown = seen  # in the translators' step; the real ones; D's fakes
        old = [any(torch.equal(image, other) for other in held) for image in shown]
        new = [any(torch.equal(image, other) for other in made) for image in shown]
        assert all(o != n for o, n in zip(old, new))
        exchanged += sum(old)
    assert 8 < exchanged < 36  # of 44 images after the pool was full, half in the mean


# --- runs


def test_a_split_and_resumed_run_equals_a_whole_one(tmp_path):
    words = [
        *WORDS,
        "--pool_size=11",
        "--ema=0.9",
        "--lr_schedule=half",
        "--schedule_steps=9",
        "--batch_size=4",
    ]
    assert train(tmp_path, *words, "--name=whole", "--max_steps=9") == 0
    assert train(tmp_path, *words, "--name=parts", "--max_steps=2") == 0  # 8 images: the pool is not full yet
    assert train(tmp_path, *words, "--name=parts", "--max_steps=5", "--resume=auto") == 0
    assert train(tmp_path, *words, "--name=parts", "--max_steps=9", "--resume=auto") == 0
    whole = newest(tmp_path, "whole")
    assert_equal(whole, newest(tmp_path, "parts"))
    assert whole["modules"]["pool_a.filled"][0] == 11 and whole["modules"]["pool_b.images"][0].any()
    assert len({(tmp_path / n / "s0" / "metrics.jsonl").read_bytes() for n in ("whole", "parts")}) == 1
    samples = {p.name for p in (tmp_path / "whole" / "s0" / "samples").iterdir()}
    assert {"step_00000009_ab.png", "step_00000009_ba.png"} <= samples


def test_half_schedule():
    t = trainer("--lr_schedule=half", "--lr=0.5")
    vars(t.args)["schedule_steps"] = 10
    factors = [t.lr_factor(step) for step in range(12)]
    assert factors[:6] == [1.0] * 6 and factors[10] == 0.0 == factors[11]
    assert torch.allclose(torch.tensor(factors[5:11]), torch.linspace(1, 0, 6))
    t.on_step_start(8)
    assert all(abs(group["lr"] - 0.2) < 1e-12 for optim in t.optims.values() for group in optim.param_groups)


def test_a_prolonged_run_keeps_the_schedule_it_was_planned_with(tmp_path):
    words = [*WORDS, "--lr_schedule=half", "--batch_size=4"]
    assert train(tmp_path, *words, "--max_steps=2") == 0
    with pytest.raises(UserError, match="--schedule_steps: 2 then, 4 now"):
        train(tmp_path, *words, "--max_steps=4", "--resume=auto")
    assert train(tmp_path, *words, "--max_steps=4", "--schedule_steps=2", "--resume=auto") == 0


def test_pictures_are_three_rows_of_twenty():
    t, data = trainer(), batch(25)
    with t.evaluating():
        pictures = t.pictures(data)
        assert pictures["ab"].shape == pictures["ba"].shape == (3, 20, 3, 16, 16)
        a, made, back = pictures["ab"]
        assert torch.equal(a[:, :1], data["x"][:20]) and torch.equal(made, t.gen_ab(data["x"][:20]))
        assert torch.equal(back, t.gen_ba(made).expand(-1, 3, -1, -1)) and torch.equal(
            pictures["ba"][0], data["x_b"][:20]
        )


@pytest.mark.parametrize(
    "words, channels, said",
    [
        (["--identity=0.5"], (1, 3), "--identity=0.5: given for domains of 1 and 3 channels"),
        (["--loss=none"], (1, 3), "--loss"),
        (["--penalty", "r9=1"], (1, 3), "--penalty"),
        (["--pool_size=-1"], (1, 3), "--pool_size"),
    ],
)
def test_refusals(words, channels, said):
    with pytest.raises(UserError, match=said):
        trainer(*words, channels=channels)


def test_one_domain_is_refused_and_wgan_warned_of():
    args = arguments()
    del args.data_shape_b
    with pytest.raises(UserError, match="has one domain"):
        cyclegan.get_trainer(cyclegan_mnist.get_network((1, 16, 16), 0, 0, width=4), args)
    assert (
        any("Lipschitz" in w for w in trainer("--loss=wgan").warnings)
        and not trainer("--loss=wgan", "--penalty", "gp=10").warnings
    )
    with pytest.raises(UserError, match="--mode=translate"):
        trainer().sample(3)


def test_pictures_are_of_test_images_where_there_are_some():
    from tests import made

    data, t = made.get_iterators(2, size=16, channels=1, channels_b=3), trainer()
    assert t.measures(data) == []
    with t.evaluating():
        pictures = t.pictures(batch(2))
    rows = permutation(data["test"].domains["b"].n, "examples", "b")[:20]  # of the whole split
    b = data["test"].source.b.tensors["x"][rows] / 127.5 - 1
    assert pictures["ab"].shape == (3, 20, 3, 16, 16) and torch.allclose(pictures["ba"][0], b, atol=1e-6)


def test_sample_fns_translate_the_test_images(tmp_path):
    from tests import made

    data = made.get_iterators(8, size=16, channels=1, channels_b=3)
    t = trainer()
    with t.evaluating():
        torch.manual_seed(0)
        drawn = t.sample_fns(data)["translations to A"](5)
        torch.manual_seed(0)
        chosen = torch.randint(45, (5,))
        expected = t.gen_ba(data["test"].source.b.tensors["x"][chosen] / 127.5 - 1)
    assert drawn.shape == (5, 1, 16, 16) and torch.allclose(drawn, expected, atol=1e-6)


def test_per_process_names_are_buffers():
    t = trainer()
    names = [n for n, _ in t.named_buffers()]
    assert set(t.per_process) <= set(names) and len(t.shared_buffers()) == len(names) - len(t.per_process)
    assert list(itertools.chain(t.capture()["modules"]["pool_a.filled"])) == [torch.tensor(0)]
