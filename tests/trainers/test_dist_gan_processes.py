"""Dist-GAN and SSGAN in two processes (gloo) against one: losses of batch means are of the whole batch's."""
import pytest
import torch
import torch.multiprocessing as mp

from tests.running import assert_equal, newest
from tests.trainers.test_dist_gan import RUN, SIZE, Z
from tests.trainers.test_processes import torchrun

CASES = [("--self_supervised=ms", "--lambda_g=0.5", "--lambda_r=3"), ("--self_supervised=ss", "--lambda_g=0.5", "--g_task=help", "--ae_updates=enc+gen", "--loss=log"),
         ("--reg_features=real", "--ae_updates=enc+gen", "--phi=data", "--lambda_r=3")]


def gradients(rank, world, folder, batch=8):
    """For each case the gradients of the three updates, and those of SSGAN's two, in `world` processes, on equal parts of fixed inputs and draws."""
    import torch.distributed as dist
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    from losses import penalties
    from tests.trainers import test_dist_gan as one
    draw = torch.Generator().manual_seed(3)
    x, eps = torch.rand(batch, 1, SIZE, SIZE, generator=draw) * 2 - 1, torch.rand(batch, 1, 1, 1, generator=draw)
    z = torch.rand(batch, Z, generator=draw) * 2 - 1
    part = slice(rank * batch // world, (rank + 1) * batch // world)
    penalties.uniform = lambda given: eps[part]
    seen = {}

    def watch(t, case):
        t.eval().noise = lambda n: z[part]
        t.pool = lambda n, classes: (torch.arange(n), (torch.arange(batch) % classes)[part])
        t.begin(0)
        for name in t.optims:
            t.optims[name].apply = lambda grads, bad, name=name: seen.update({f"{case}/{name}/{i}": g.clone() for i, g in enumerate(grads)})
        return t

    for case, words in enumerate(CASES):
        t = watch(one.trainer(*words, classes=5 if "--self_supervised=ms" in words else 4 if "--self_supervised=ss" in words else 0), case)
        t.ae_step(x[part])
        t.update("disc", t.d_terms(x[part]))
        t.update("gen", t.g_terms(x[part]))
    t = watch(one.self_supervised("--g_task=match", "--lambda_g=0.5"), "ssgan")
    with torch.no_grad():
        fake = t.gen(z[part])
    t.update("disc", t.d_terms(x[part], fake))
    t.update("gen", t.g_terms(x[part], t.gen(z[part])))
    torch.save(seen, f"{folder}/{world}_{rank}.pt")
    if world > 1:
        dist.destroy_process_group()


def test_two_processes_average_to_the_gradient_of_the_whole_batch(tmp_path):
    mp.spawn(gradients, (1, str(tmp_path)), nprocs=1)
    mp.spawn(gradients, (2, str(tmp_path)), nprocs=2)
    whole, a, b = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("1_0", "2_0", "2_1"))
    assert whole.keys() == a.keys() and {name.rsplit("/", 1)[0] for name in whole} == {f"{case}/{name}" for case in range(3) for name in ("ae", "disc", "gen")} | {"ssgan/disc", "ssgan/gen"}
    for name in whole:
        assert torch.equal(a[name], b[name])
        assert torch.allclose(whole[name], a[name], atol=1e-6, rtol=2e-3), name


@pytest.mark.slow
def test_two_processes_resume_bit_for_bit(tmp_path):
    torchrun(tmp_path, "--name=whole", "--max_steps=6", *RUN)
    torchrun(tmp_path, "--name=parts", "--max_steps=2", *RUN)
    torchrun(tmp_path, "--name=parts", "--max_steps=6", "--resume=auto", *RUN)
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))
