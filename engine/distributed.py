"""Processes: the only user of torch.distributed.

Started by torchrun; alone, every function is the identity or nothing.
"""

import contextlib
import datetime
import functools
import os
from importlib import import_module

import torch
import torch.distributed as dist

from engine import devices
from engine.errors import Interrupted


def start(device="auto"):
    """Joins the group that torchrun announces (NCCL on CUDA, XCCL on XPU, gloo on CPUs and MPS) and returns
    this process's device.

    device: see devices.choose. Raises UserError for a device that is not there.
    """
    local = int(os.environ.get("LOCAL_RANK", 0))
    device = devices.choose(device, local)
    if device.type != "cpu":
        torch.accelerator.set_device_index(device.index)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():
        # Its functions have the default group as a default argument. Imported later, by any part of torch,
        # they would
        # keep the group and its threads beyond stop(); a thread that frees a tensor while the interpreter
        # ends aborts
        # the process (pytorch issue 190489).
        import_module("torch.distributed.nn.functional")
        store, number, size = next(dist.rendezvous("env://"))
        # torchrun keeps one store over its restarts: without a prefix a restarted worker may find the address
        # of its dead predecessor
        store = dist.PrefixStore(f"start{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
        dist.init_process_group(
            dist.get_default_backend_for_device(device),
            store=store,
            rank=number,
            world_size=size,
            timeout=datetime.timedelta(minutes=30),
        )
    return device


def stop():
    """Leaves the group; its threads have ended when this returns."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank():
    """This process's number, 0 .. world_size()-1, over all nodes."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size():
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def sum_over(tensors):
    """Element-wise sums over processes of a list of tensors of one dtype, by one flat all-reduce.

    Returns new tensors.
    """
    if world_size() == 1:
        return list(tensors)
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    return [part.view_as(t) for part, t in zip(flat.split([t.numel() for t in tensors]), tensors)]


def broadcast(tensors):
    """Overwrites the tensors, in place, with process 0's; one flat message for each dtype."""
    if world_size() == 1:
        return
    for dtype in sorted({t.dtype for t in tensors}, key=str):
        same = [t for t in tensors if t.dtype == dtype]
        flat = torch.cat([t.reshape(-1) for t in same])
        dist.broadcast(flat, 0)
        for t, part in zip(same, flat.split([t.numel() for t in same])):
            t.copy_(part.view_as(t))


def gather(value):
    """Every process's value (plain types or tensors on the CPU), as a list in the order of ranks, in every
    process."""
    if world_size() == 1:
        return [value]
    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def agree(flag):
    """True in every process if it is true in any: one small message between CPUs, so that no GPU waits."""
    if world_size() == 1:
        return flag
    votes = torch.tensor([float(flag)])
    dist.all_reduce(votes, group=_cpus())
    return bool(votes)


@functools.lru_cache(maxsize=1)
def _cpus():
    return dist.new_group(backend="gloo") if dist.get_backend() != "gloo" else None


def on_rank0(function):
    """Process 0's function(), in every process; an error there is raised everywhere, so that no one waits for
    the others."""
    if world_size() == 1:
        return function()
    outcome = [None, None]
    if rank() == 0:
        try:
            outcome = [function(), None]
        except (Exception, Interrupted) as error:
            outcome = [None, error]
    dist.broadcast_object_list(outcome)
    value, error = outcome
    if error is not None:
        raise error
    return value


def barrier():
    """Waits for all processes."""
    if world_size() > 1:
        dist.barrier()


@contextlib.contextmanager
def rank0_first():
    """Process 0 runs the block before the others do: it downloads or decodes, they find the result.

    Its error is raised everywhere.
    """
    if rank() != 0:
        on_rank0(None)
        yield
        return
    error = None
    try:
        yield
    except (Exception, Interrupted) as caught:
        error = caught

    def outcome():
        if error is not None:
            raise error

    on_rank0(outcome)


def average(tensors, share=1.0):
    """Means over processes of a list of tensors, one flat all-reduce; `share` weighs this process's (1: all
    alike)."""
    if world_size() == 1:
        return list(tensors)
    return sum_over([t * (share / world_size()) for t in tensors])


class Mean(torch.autograd.Function):
    """average() of one tensor, with the gradient of all processes' losses: Mean.apply(x, share).

    Where update averages gradients over processes, a loss that is any function of this mean has the gradient
    that one process with the whole batch would give it.
    """

    @staticmethod
    def forward(ctx, x, share):
        """The mean over processes."""
        ctx.share = share
        return average([x], share)[0]

    @staticmethod
    def backward(ctx, grad):
        """The mean over processes of their gradients."""
        return average([grad], ctx.share)[0], None
