"""Several processes on one machine (gloo) against one."""
import sys

import torch
import torch.multiprocessing as mp

from tests.running import SMALL, assert_equal, launch, newest

CASES = [("--loss=jsgan",), ("--loss=minimax", "--penalty", "r1=1", "r2=0.5"), ("--loss=wgan", "--penalty", "gp=10"),
         ("--loss=hinge", "--dnorm=0.5"), ("--loss=lsgan", "--dnorm=0.5", "--dnorm_step=separate"), ("--mixup=pixel", "--mixup_ff"),
         ("--mixup=1", "--mixup_label=soft"), ("--mixup=0,3", "--penalty", "gp=1", "r1=1", "--ema=0.9", "--lr_schedule=linear")]


def gradients(rank, world, folder, batch=8):
    """For each case, one D and one G gradient of the small network in `world` processes, on equal parts of fixed inputs and draws."""
    import torch.distributed as dist
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    from losses import penalties
    from networks import small
    from tests.trainers.test_gan import arguments
    from trainers import gan
    draw = torch.Generator().manual_seed(3)
    real, fake = (torch.rand(batch, 1, 8, 8, generator=draw) * 2 - 1 for _ in range(2))
    z, lam, eps = torch.randn(batch, 5, generator=draw), torch.rand(batch, generator=draw) / 2, torch.rand(batch, 1, 1, 1, generator=draw)
    part = slice(rank * batch // world, (rank + 1) * batch // world)
    gan.beta_weights = lambda n, *a: torch.stack([lam[part], 1 - lam[part]])
    gan.pick = lambda layers: layers[-1]
    penalties.uniform = lambda x: eps[part]
    # a fake-fake mix has its partner in its own process: pair neighbours, which the parts do not separate
    torch.randperm = lambda n, **k: torch.arange(n).reshape(-1, 2).flip(1).flatten()
    seen = {}
    for case, words in enumerate(CASES):
        torch.manual_seed(0)
        t = gan.get_trainer(small.get_network((1, 8, 8), 0, 5, width=8), arguments("--z_dim=5", *words)).eval()
        t.begin(0)
        for name in t.optims:
            t.optims[name].step = lambda name=name: seen.update(
                {f"{case}/{name}/{i}": p.grad.clone() for i, p in enumerate(t.parameters_of(name))})
        t.update("disc", t.d_terms(real[part], fake[part]))
        t.update("gen", {"adv": t.objective.g(t.disc(t.gen(z[part])))})
    torch.save(seen, f"{folder}/{world}_{rank}.pt")
    if world > 1:
        dist.destroy_process_group()


def test_two_processes_average_to_the_gradient_of_the_whole_batch(tmp_path):
    mp.spawn(gradients, (1, str(tmp_path)), nprocs=1)
    mp.spawn(gradients, (2, str(tmp_path)), nprocs=2)
    whole, a, b = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("1_0", "2_0", "2_1"))
    assert whole.keys() == a.keys() and len({name.split("/")[0] for name in whole}) == len(CASES)
    for name in whole:
        assert torch.equal(a[name], b[name])
        assert torch.allclose(whole[name], a[name], atol=1e-6, rtol=1e-4), (CASES[int(name.split("/")[0])], name)


def torchrun(tmp_path, *words, processes=2):
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}")
    done = launch(*SMALL, f"--save_path={tmp_path}", *words, launcher=launcher)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def test_two_processes_resume_bit_for_bit(tmp_path):
    words = ["--mixup=vh2", "--ema=0.9", "--iterator_args", "n=37", "--save_every_steps=3"]
    torchrun(tmp_path, "--name=whole", "--max_steps=9", *words)
    torchrun(tmp_path, "--name=parts", "--max_steps=4", *words)
    torchrun(tmp_path, "--name=parts", "--max_steps=9", "--resume=auto", *words)
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))
    assert len(set((tmp_path / n / "s0" / "metrics.jsonl").read_bytes() for n in ("whole", "parts"))) == 1


def test_an_error_in_one_process_ends_all(tmp_path):
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    done = launch(*SMALL, f"--save_path={tmp_path}", "--max_steps=2", "--mixup=9", launcher=launcher)
    assert done.returncode != 0 and done.stderr.count("task_launcher.py: --mixup=9: needs layer 9") == 1
