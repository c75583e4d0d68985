import random

import numpy as np
import torch

from engine import randomness


def draws():
    return torch.rand(3), np.random.rand(3), random.random()


def test_a_step_draws_the_same_each_time_and_differs_from_its_neighbours():
    seen = []
    for seed, step, rank in ((0, 5, 0), (0, 5, 0), (0, 6, 0), (1, 5, 0), (0, 5, 1)):
        randomness.seed_step(seed, step, rank)
        t, n, r = draws()
        seen.append((tuple(t.tolist()), tuple(n), r))
    assert seen[0] == seen[1] and len(set(seen)) == 4


def test_seeded_blocks_leave_the_generators_alone():
    randomness.seed_all("a")
    expected = draws()
    randomness.seed_all("a")
    with randomness.seeded("other"):
        draws()
    got = draws()
    assert torch.equal(expected[0], got[0]) and (expected[1] == got[1]).all() and expected[2] == got[2]


def test_permutations():
    one, two = randomness.permutation(100, 0, "order", 1), randomness.permutation(100, 0, "order", 2)
    assert torch.equal(one.sort().values, torch.arange(100)) and not torch.equal(one, two)
    assert torch.equal(one, randomness.permutation(100, 0, "order", 1))
