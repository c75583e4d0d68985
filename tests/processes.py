"""The gradients of updates in two processes (gloo) against those of one."""

import torch
import torch.multiprocessing as mp


def gradients_agree(gradients, folder, **tolerance):
    """Asserts that two processes apply the same gradients, equal to those of one process within `tolerance`.

    gradients(part, watch): a module's function that makes trainers, hands each to watch(trainer, case), and
    then runs updates on the examples [part(n)] of n fixed ones. part(n) is the process's own slice.
    Returns the set of "<case>/<optimiser>".
    """
    for world in (1, 2):
        mp.spawn(_process, (world, str(folder), gradients), nprocs=world)
    whole, a, b = (torch.load(folder / f"{name}.pt", weights_only=True) for name in ("1_0", "2_0", "2_1"))
    assert whole.keys() == a.keys()
    for name in whole:
        assert torch.equal(a[name], b[name])
        assert torch.allclose(whole[name], a[name], **tolerance), name
    return {name.rsplit("/", 1)[0] for name in whole}


def _process(rank, world, folder, gradients):
    import torch.distributed as dist

    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    seen = {}

    def watch(t, case):
        t.on_step_start(0)
        for name in t.optims:
            t.optims[name].step_with = lambda grads, bad, name=name: seen.update(
                {f"{case}/{name}/{i}": g.clone() for i, g in enumerate(grads)}
            )
        return t

    gradients(lambda n: slice(rank * n // world, (rank + 1) * n // world), watch)
    torch.save(seen, f"{folder}/{world}_{rank}.pt")
    if world > 1:
        dist.destroy_process_group()
