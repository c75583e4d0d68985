"""Every random choice of a run is a function of (seed, purpose, step or epoch, rank); no generator's state is
ever saved."""

import contextlib
import hashlib
import random

import numpy as np
import torch

from engine import devices


def key(*words):
    """A 63-bit seed for the words, e.g. key(seed, "order", epoch): the head of their sha256, so that near
    words give far seeds."""
    return int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:8], "big") >> 1


def generator(*words, device="cpu"):
    """A generator on `device`, seeded by the words."""
    return torch.Generator(device).manual_seed(key(*words))


def permutation(n, *words):
    """A permutation of 0 .. n-1, int64 [n], fixed by the words."""
    return torch.randperm(n, generator=generator(*words))


def examples(iterator, n, *words):
    """n examples of a whole split, which may be stored by class, drawn as the words say: a batch; at most all
    of them.

    Of an iterator of the user's own that cannot pick examples: its first batch.
    """
    if not hasattr(iterator, "pick"):
        return next(iter(iterator))
    return iterator.pick(permutation(iterator.n, "examples", *words)[:n])


def random_images(iterator):
    """A function of n that gives n random images of a whole split, with replacement, drawn by torch's global
    generator: n of them are made, not the split.

    Of an iterator of the user's own that cannot pick examples, the split is held.
    """
    if hasattr(iterator, "pick"):
        return lambda n: iterator.pick(torch.randint(iterator.n, (n,)))["x"]
    images = torch.cat([batch["x"] for batch in iterator])
    return lambda n: images[torch.randint(len(images), (n,)).to(images.device)]


def seed_all(*words):
    """Seeds torch on every device in use, numpy's global generator and Python's."""
    seed = key(*words)
    # torch.manual_seed costs ten times as much: it queues calls for devices that are not in use
    torch.default_generator.manual_seed(seed)
    for accelerator in devices.initialised():
        accelerator.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def seed_step(seed, step, rank=0):
    """Seeds whatever step number `step` (0-based) draws in process `rank`."""
    seed_all(seed, "step", step, rank)


@contextlib.contextmanager
def seeded(*words):
    """Seeds by the words inside the block; the generators are as before after it."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    accelerators = [(each, each.get_rng_state()) for each in devices.initialised()]
    seed_all(*words)
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
        for accelerator, state in accelerators:
            accelerator.set_rng_state(state)
