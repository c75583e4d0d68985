"""--amp and --compile: what they compute, and what they refuse."""

import pytest
import torch

from engine import setup
from engine.errors import UserError
from networks import small
from tests.running import SMALL, assert_equal, launch, newest
from tests.running import train as run
from tests.trainers.test_gan import arguments, batch
from trainers import gan

BF16 = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has no bfloat16"
)


def trainer(*words, spec_norm=True):
    torch.manual_seed(0)
    return gan.get_trainer(
        small.get_network((1, 8, 8), 0, 5, width=8, spec_norm=spec_norm), arguments("--z_dim=5", *words)
    ).train()


def first_gradients(t):
    """The gradients of the first step, and its log."""
    seen = {}
    for name in t.optims:
        t.optims[name].step_with = lambda grads, bad, name=name: seen.update(
            {f"{name}/{i}": g.clone() for i, g in enumerate(grads)}
        )
    t.on_step_start(0)
    torch.manual_seed(2)
    return seen, t.step(batch(16), 0)


@BF16
def test_bfloat16_gradients_are_near_and_penalties_are_those_of_float32():
    words = "--mixup=1", "--penalty", "gp=1", "r1=2"
    (exact, log), (half, half_log) = (
        first_gradients(trainer(*words)),
        first_gradients(trainer("--amp=bf16", *words)),
    )
    assert not torch.equal(exact["gen/0"], half["gen/0"])
    for name in exact:
        if exact[name].norm() > 1e-4:
            assert torch.cosine_similarity(exact[name].flatten(), half[name].flatten(), dim=0) > 0.95, name
            assert half[name].dtype == torch.float32
    assert torch.equal(log["disc/r1"], half_log["disc/r1"])  # of real images: no network before it


@BF16
def test_networks_give_float32_and_compute_in_bfloat16():
    t, seen = trainer("--amp=bf16"), []
    next(m for m in t.disc.modules() if isinstance(m, torch.nn.Conv2d)).register_forward_hook(
        lambda m, i, o: seen.append(o.dtype)
    )
    t.train_step = lambda b, step: {
        "images": t.gen(t.noise(4)),
        "hidden": t.disc(b["x"], stop=1),
        "logits": t.disc(b["x"]),
    }
    out = t.step(batch(), 0)
    assert {v.dtype for v in out.values()} == {torch.float32} and set(seen) == {torch.bfloat16}


@BF16
def test_spectral_norm_keeps_its_precision():
    a, b = trainer(), trainer("--amp=bf16")
    for t in (a, b):
        t.train_step = lambda batch, step, t=t: t.disc(batch["x"])
        t.on_step_start(0)
        t.step(batch(), 0)
    for (name, u), v in zip(a.disc.named_buffers(), b.disc.buffers()):
        assert torch.equal(u, v), name


@BF16
def test_a_resumed_run_in_bfloat16_repeats_an_unbroken_one(tmp_path):
    words = "--amp=bf16", "--ema=0.9", "--schedule_steps=6", "--resume=auto"
    assert (
        run(tmp_path, "--name=whole", "--max_steps=6", *words)
        == run(tmp_path, "--name=split", "--max_steps=3", *words)
        == 0
    )
    assert run(tmp_path, "--name=split", "--max_steps=6", *words) == 0
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "split"))


def test_float16_scales_the_loss_and_the_scale_follows_overflows():
    t, plain = trainer("--amp=fp16"), trainer()
    t.step = t.train_step  # no float16 arithmetic here: the scaling alone
    (scaled, _), (exact, _) = first_gradients(t), first_gradients(plain)
    assert all(torch.allclose(scaled[name], exact[name], rtol=1e-5, atol=1e-8) for name in exact)
    t, no, yes = trainer("--amp=fp16"), torch.tensor(0.0), torch.tensor(1.0)
    assert t.loss_scale.tolist() == [65536, 0]
    t.count(yes)
    assert t.loss_scale.tolist() == [32768, 0] and t.bad_steps.tolist() == [1, 1]
    for _ in range(1999):
        t.count(no)
    assert t.loss_scale.tolist() == [32768, 1999]
    t.count(no)
    assert t.loss_scale.tolist() == [65536, 0]
    assert "loss_scale" in t.capture()["modules"]


def test_precisions_that_the_processor_lacks_are_refused(monkeypatch):
    with pytest.raises(
        UserError,
        match="--amp: given fp16, which this processor has no training for; use (bf16 or )?off",
    ):
        setup.check_precision(arguments("--amp=fp16"), torch.device("cpu"))
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False, raising=False)
    with pytest.raises(UserError, match="--amp: given bf16.*emulates; use off"):
        setup.check_precision(arguments("--amp=bf16"), torch.device("cpu"))
    setup.check_precision(arguments(), torch.device("cpu"))


@pytest.mark.parametrize(
    "words, spec_norm, compiled, reason",
    [
        ((), False, "gen, disc", ""),
        ((), True, "gen, disc", ""),
        (("--penalty", "gp=1"), False, "gen", "second derivatives"),
        (("--dnorm=0.5",), False, "gen", "second derivatives"),
    ],
)
def test_compile_takes_the_networks_that_it_suits_and_says_why_not_the_others(
    words, spec_norm, compiled, reason
):
    t = trainer(*words, spec_norm=spec_norm)
    setup.compile(t)
    assert t.notes[0].startswith(f"compiled: {compiled}") and reason in t.notes[0]
    assert [r for r in t.roles if "forward" in vars(getattr(t, r))] == compiled.split(", ")


def test_a_compiled_discriminator_shares_its_spectral_norm(monkeypatch):
    """In one graph, with the gradients and the one power iteration a step of the plain one."""
    compiler, graphs = torch.compile, []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", lambda f: compiler(f, backend=backend, fullgraph=True))
    plain, compiled = (trainer(spec_norm=True) for _ in range(2))
    compiled.load_state_dict(plain.state_dict())
    setup.compile(compiled)
    x = batch()["x"]
    found = []
    for t in (plain, compiled):
        t.train()
        t.refresh_caches(t)
        loss = (t.disc(x) + t.disc(-x).square()).sum()
        found.append([loss, *torch.autograd.grad(loss, list(t.disc.parameters())), *t.disc.buffers()])
    assert len(graphs) == 1
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*found))
    assert list(compiled.state_dict()) == list(plain.state_dict())
    assert all(getattr(part, "given", None) is None for part in compiled.modules())


def test_compile_is_refused_where_it_suits_nothing():
    t = trainer("--penalty", "gp=1")
    t.twice_differentiated = ("gen", "disc")
    with pytest.raises(UserError, match="--compile: suits no network here: gen .*; disc .*; leave it out"):
        setup.compile(t)


@pytest.mark.slow
def test_compiled_networks_train_as_plain_ones_do(tmp_path):
    for name, words in (("plain", []), ("compiled", ["--compile"])):
        done = launch(
            *SMALL,
            f"--save_path={tmp_path}",
            f"--name={name}",
            "--max_steps=3",
            "--mixup=pixel",
            "--network_args",
            "spec_norm=False",
            *words,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr
    a, b = newest(tmp_path, "plain")["modules"], newest(tmp_path, "compiled")["modules"]
    assert a.keys() == b.keys() and all(torch.allclose(a[n].double(), b[n].double(), atol=2e-4) for n in a)


def test_precision_is_training_s_alone():
    """A run of --amp on a GPU can be sampled from and scored on any processor."""
    args = arguments("--amp=fp16")
    args.mode = "sample"
    setup.check_precision(args, torch.device("cpu"))
