"""Several processes on one machine (gloo) against one."""

import json
import os
import sys

import pytest
import torch

from tests.processes import gradients_agree
from tests.running import SMALL, assert_equal, launch, newest

CASES = [
    ("--loss=jsgan",),
    ("--loss=minimax", "--penalty", "r1=1", "r2=0.5"),
    ("--loss=wgan", "--penalty", "gp=10"),
    ("--loss=hinge", "--dnorm=0.5"),
    ("--loss=lsgan", "--dnorm=0.5", "--dnorm_step=separate"),
    ("--mixup=pixel", "--mixup_ff"),
    ("--mixup=1", "--mixup_label=soft"),
    ("--mixup=0,3", "--penalty", "gp=1", "r1=1", "--ema=0.9", "--lr_schedule=linear"),
    (
        "--real_label=0.9",
        "--fake_label=0.1",
        "--mixup=pixel",
        "--mixup_label=soft",
        "--historical_averaging=1",
    ),
    ("--loss=rpgan", "--penalty", "r1=1", "r2=1"),
    ("--loss=ragan", "--mixup=pixel", "--mixup_label=soft"),
    ("--loss=rahinge", "--mixup=pixel"),
    ("--penalty", "lecam=1", "gp0=1", "--lecam_start=0"),
    ("--g_ortho=1", "--d_ortho=1"),
    ("--packing=2", "--penalty", "r1=1"),
    ("--conditional=projection", "--mixup=1", "--mixup_ff", "--penalty", "gp=1", "r2=1"),
    ("--conditional=acgan", "--mixup=pixel", "--mixup_label=soft", "--g_class_weight=0.1"),
    ("--conditional=concat", "--loss=hinge", "--mixup=pixel", "--mixup_classes=within"),
]


def gan_gradients(share, watch, batch=8):
    """One D and one G update of the small network for each case, on fixed images and draws."""
    from losses import penalties
    from losses.packing import pack, unpack
    from networks import small
    from tests.trainers.test_gan import arguments
    from trainers import gan

    draw, part = torch.Generator().manual_seed(3), share(batch)
    real, fake = (torch.rand(batch, 1, 8, 8, generator=draw) * 2 - 1 for _ in range(2))
    z, lam, eps = (
        torch.randn(batch, 5, generator=draw),
        torch.rand(batch, generator=draw) / 2,
        torch.rand(batch, 1, 1, 1, generator=draw),
    )
    gan.beta_weights = lambda n, *a: torch.stack([lam[part], 1 - lam[part]])
    gan.pick = lambda layers: layers[-1] if layers else 0
    penalties.uniform = lambda x, generator=None: eps[part]
    # a fake-fake mix has its partner in its own process: pair neighbours, which the parts do not separate
    torch.randperm = lambda n, **k: torch.arange(n).reshape(-1, 2).flip(1).flatten()
    for words in CASES:
        torch.manual_seed(0)
        args = arguments("--z_dim=5", *words)
        args.n_classes, m = 4, args.packing
        kind = None if args.conditional == "none" else args.conditional
        nets = small.get_network((1, 8, 8), 4, 5, width=8, conditional=kind)
        if m > 1:
            nets["disc"] = small.get_network((m, 8, 8), 4, 5, width=8)["disc"]
        t = watch(gan.get_trainer(nets, args).eval(), " ".join(words))
        y = torch.arange(batch)[part] % 4
        told = t.classes.of(y)
        packs = [pack(x, m)[share(batch // m)] for x in (real, fake)]
        t.update("disc", t.d_terms(*packs, y, 0, None, *(c.flip(1) for c in told)))
        named = dict(zip(("y",), told))
        with torch.no_grad():
            judged = {"real": t.disc(packs[0], **named)}
        drawn = unpack(pack(z, m)[share(batch // m)], m)
        judged["fake"] = t.disc(pack(t.gen(drawn, *told), m), **named)
        logits = {name: t.to_logits(output) for name, output in judged.items()}
        adv = t.objective.among(logits, t.mean).g(logits["fake"])
        t.update("gen", {"adv": adv} | t.classes.g_terms(judged["fake"], *told))
    torch.manual_seed(0)
    nets = small.get_network((1, 8, 8), 0, 5, width=8, spec_norm=True)
    words = ["--z_dim=5", "--penalty", "r1=1", *(["--accumulate=2"] if len(real[part]) < batch else [])]
    t = watch(gan.get_trainer(nets, arguments(*words)).eval(), "parts of parts")
    t.update("disc", t.d_terms, real[part], fake[part])
    t.update("gen", lambda z: {"adv": t.objective.g(t.disc(t.gen(z)))}, z[part])


def test_two_processes_average_to_the_gradient_of_the_whole_batch(tmp_path):
    found = gradients_agree(gan_gradients, tmp_path, atol=1e-6, rtol=1e-4)
    names = [*(" ".join(words) for words in CASES), "parts of parts"]
    assert found == {f"{name}/{player}" for name in names for player in ("gen", "disc")}


def bigan_gradients(part, watch, batch=8):
    """BiGAN's two updates, on fixed images and latents, batch norm as in evaluation."""
    from networks import bigan_mnist
    from tests.trainers.test_bigan import arguments
    from trainers import bigan

    draw, part = torch.Generator().manual_seed(3), part(batch)
    x, z = torch.rand(batch, 1, 8, 8, generator=draw) * 2 - 1, torch.randn(batch, 5, generator=draw)
    for loss in ("jsgan", "minimax"):
        torch.manual_seed(0)
        t = watch(
            bigan.get_trainer(
                bigan_mnist.get_network((1, 8, 8), 0, 5, "seed", width=8), arguments(f"--loss={loss}")
            ).eval(),
            loss,
        )
        t.noise = lambda n: z[part]
        t.step({"x": x[part]}, 0)


def test_two_processes_of_bigan_average_to_the_gradient_of_the_whole_batch(tmp_path):
    assert gradients_agree(bigan_gradients, tmp_path, atol=1e-7, rtol=1e-4) == {
        "jsgan/ge",
        "jsgan/disc",
        "minimax/ge",
        "minimax/disc",
    }


def torchrun(tmp_path, *words, processes=2):
    launcher = (
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc_per_node={processes}",
    )
    done = launch(*SMALL, f"--save_path={tmp_path}", *words, launcher=launcher)
    assert done.returncode == 0, done.stderr[-8000:]
    return done


ARENA = [
    "--diffaugment",
    "translation",
    "--ada=blit",
    "--apa",
    "--p_every=1",
    "--p_images=40",
    "--p_target=0",
]
ARENA += ["--loss=ragan", "--top_k=0.5", "--instance_noise=0.1", "--penalty", "lecam=0.3", "--lecam_start=1"]


CLASSES = ["--conditional=acgan", "--mixup_ff", "--mixup_classes=within", "--g_batch=2"]


@pytest.mark.parametrize(
    "more", (["--accumulate=2"], *(pytest.param(words, marks=pytest.mark.slow) for words in (ARENA, CLASSES)))
)
def test_two_processes_resume_bit_for_bit(tmp_path, more):
    words = ["--mixup=vh2", "--ema=0.9", "--iterator_args", "n=37", "--save_every_steps=3", *more]
    torchrun(tmp_path, "--name=whole", "--max_steps=9", *words)
    torchrun(tmp_path, "--name=parts", "--max_steps=4", *words)
    torchrun(tmp_path, "--name=parts", "--max_steps=9", "--resume=auto", *words)
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))
    assert len({(tmp_path / n / "s0" / "metrics.jsonl").read_bytes() for n in ("whole", "parts")}) == 1


LEAVING = """
import atexit, os
from trainers.gan import add_flags, get_trainer

folder = os.path.dirname(os.path.abspath(__file__))

@atexit.register
def write_threads():
    names = [open(f"/proc/self/task/{t}/comm").read().strip() for t in os.listdir("/proc/self/task")]
    with open(os.path.join(folder, "threads" + os.environ["RANK"]), "w") as file:
        file.write(" ".join(n for n in names if "gloo" in n) or "none")
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux's list of threads")
def test_no_thread_of_the_group_outlives_it(tmp_path):
    """Such a thread sometimes aborts its process while the interpreter ends."""
    (tmp_path / "t.py").write_text(LEAVING)
    torchrun(tmp_path, "--max_steps=2", f"--trainer={tmp_path}/t.py")
    assert [(tmp_path / f"threads{rank}").read_text() for rank in (0, 1)] == ["none", "none"]


def test_each_process_keeps_its_own_image_pool(tmp_path):
    """CycleGAN in two processes, stopped when the pools of 5 hold 3: the same bits, both pools included."""
    words = [
        "--trainer=trainers/cyclegan.py",
        "--network=networks/cyclegan_mnist.py",
        "--network_args",
        "disc_width=8",
        "--iterator_args",
        "size=16",
        "channels_b=3",
        "--batch_size=6",
        "--pool_size=5",
        "--lr_schedule=half",
        "--schedule_steps=6",
    ]
    torchrun(tmp_path, "--name=whole", "--max_steps=6", *words)
    for steps in (1, 6):
        torchrun(tmp_path, "--name=parts", f"--max_steps={steps}", "--resume=auto", *words)
    whole = newest(tmp_path, "whole")
    assert_equal(whole, newest(tmp_path, "parts"))
    first, second = whole["modules"]["pool_b.images"]
    assert (
        first.shape == (5, 3, 16, 16)
        and not torch.equal(first, second)
        and [int(n) for n in whole["modules"]["pool_b.filled"]] == [5, 5]
    )
    assert len({(tmp_path / n / "s0" / "metrics.jsonl").read_bytes() for n in ("whole", "parts")}) == 1


@pytest.mark.slow
def test_bigan_in_two_processes_resumes_bit_for_bit(tmp_path):
    words = [
        "--trainer=trainers/bigan.py",
        "--network=networks/bigan_mnist.py",
        "--iterator=tests/made_parts.py",
        "--ema=0.9",
        "--lr_schedule=half_exp",
        "--schedule_steps=9",
    ]
    torchrun(tmp_path, "--name=whole", "--max_steps=9", *words)
    for steps in (4, 9):
        torchrun(tmp_path, "--name=parts", f"--max_steps={steps}", "--resume=auto", *words)
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))
    assert len({(tmp_path / n / "s0" / "metrics.jsonl").read_bytes() for n in ("whole", "parts")}) == 1


@pytest.mark.slow
def test_improved_techniques_in_two_processes_resume_bit_for_bit(tmp_path):
    """Both have process 0's reference batch, scales and biases. Histories are not sent, and are equal."""
    words = [
        "--network=networks/dcgan.py",
        "--network_args",
        "norm=vbn",
        "references=5",
        "minibatch_disc=4x3",
        "minibatch_form=cifar",
        "--g_loss=mixed",
        "--historical_averaging=1",
        "--real_label=0.9",
        "--mixup=hidden",
        "--iterator_args",
        "n=37",
        "--save_every_steps=3",
    ]
    torchrun(tmp_path, "--name=whole", "--max_steps=8", *words)
    torchrun(tmp_path, "--name=parts", "--max_steps=3", *words)
    torchrun(tmp_path, "--name=parts", "--max_steps=8", "--resume=auto", *words)
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))


@pytest.mark.slow
def test_semi_supervised_in_two_processes_resumes_bit_for_bit(tmp_path):
    words = [
        "--trainer=trainers/semi_supervised.py",
        "--iterator=iterators/semi.py",
        "--iterator_args",
        "base=tests/made_parts.py",
        "labels_per_class=2",
        "--network=networks/semi_mnist.py",
        "--network_args",
        "width=16",
        "--disc_ema=0.9",
        "--mixup=hidden",
    ]
    torchrun(tmp_path, "--name=whole", "--max_steps=8", *words)
    torchrun(tmp_path, "--name=parts", "--max_steps=3", *words)
    torchrun(tmp_path, "--name=parts", "--max_steps=8", "--resume=auto", *words)
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))


def test_an_error_in_one_process_ends_all(tmp_path):
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    done = launch(*SMALL, f"--save_path={tmp_path}", "--max_steps=2", "--mixup=9", launcher=launcher)
    assert done.returncode != 0 and done.stderr.count("task_launcher.py: --mixup=9: needs layer 9") == 1


def test_two_processes_on_points_measure_and_draw_once(tmp_path):
    torchrun(
        tmp_path, "--name=points", "--max_steps=10", "--iterator_args", "size=1", "--network=networks/mlp.py"
    )
    run = tmp_path / "points" / "s0"
    records = [json.loads(line) for line in open(run / "metrics.jsonl")]
    assert [r["step"] for r in records if "points/w1" in r] == [5, 10] and [r["step"] for r in records] == [
        2,
        4,
        5,
        6,
        8,
        10,
    ]
    assert (
        sorted(os.listdir(run / "samples")) == ["step_00000005.png", "step_00000010.png"]
        and (run / "animation.gif").exists()
    )
