"""Class losses against closed forms and plain float64 loops."""

import math

import pytest
import torch
import torch.nn.functional as F

from losses import conditional
from losses.packing import pack, unpack

N, K, D, M, TAU = 6, 3, 5, 0.98, 0.5


def made():
    torch.manual_seed(0)
    f = F.normalize(torch.randn(N, D, dtype=torch.float64), dim=1)
    v = F.normalize(torch.randn(K, D, dtype=torch.float64), dim=1)
    return f, f @ v.t(), torch.tensor([0, 1, 2, 0, 1, 0])


def test_cross_entropy_is_torchs_and_linear_in_the_shares():
    torch.manual_seed(0)
    logits, y = torch.randn(N, K, dtype=torch.float64), torch.arange(N) % K
    one = conditional.shares(y, K).double()
    assert torch.allclose(
        conditional.cross_entropy(logits, one), F.cross_entropy(logits, y, reduction="none")
    )
    mixed = 0.3 * one + 0.7 * one.flip(0)
    expected = 0.3 * conditional.cross_entropy(logits, one)
    expected = expected + 0.7 * conditional.cross_entropy(logits, one.flip(0))
    assert torch.allclose(conditional.cross_entropy(logits, mixed), expected)
    # of uniform logits it is log K, whatever the shares
    uniform = conditional.cross_entropy(torch.zeros(N, K), mixed.float())
    assert torch.allclose(uniform, torch.full((N,), math.log(K)))


def plain_d2d(f, s, y, own_maximum=False):
    """ReACGAN's formula, example by example; own_maximum: as the authors' code computes it."""
    values = []
    for i in range(len(y)):
        p = max(0.0, M - float(s[i, y[i]])) / TAU
        others = [(float(f[i] @ f[j]) - (1 - M)) / TAU for j in range(len(y)) if j != i]
        kept = [(float(f[i] @ f[j]) - (1 - M)) / TAU for j in range(len(y)) if y[j] != y[i]]
        shift = max(others) if own_maximum else 0.0
        values.append(p + math.log(math.exp(-p) + sum(math.exp(max(0.0, e) - shift) for e in kept)))
    return torch.tensor(values, dtype=torch.float64)


def test_d2d_cross_entropy_is_the_papers():
    f, s, y = made()
    one = conditional.shares(y, K).double()
    value = conditional.d2d_cross_entropy(f, s, one, M, TAU)
    assert torch.allclose(value, plain_d2d(f, s, y), atol=1e-12)
    # the authors' code subtracts a row's maximum from the negatives alone: another value
    assert (value - plain_d2d(f, s, y, own_maximum=True)).abs().max() > 0.05
    # alone of its class at its proxy there is nothing left to gain: p = 0, and no negatives
    alone = conditional.d2d_cross_entropy(f[:1], torch.ones(1, K).double(), one[:1], M, TAU)
    assert alone.abs().max() == 0


def test_the_d2d_loss_of_a_mix_weighs_its_classes():
    f, s, y = made()
    c = conditional.shares(y, K).double()
    c[0] = torch.tensor([0.25, 0.75, 0.0])
    value = conditional.d2d_cross_entropy(f, s, c, M, TAU)
    expected = 0.0
    for k, share in ((0, 0.25), (1, 0.75)):
        whole = c.clone()
        whole[0] = F.one_hot(torch.tensor(k), K)
        expected += share * conditional.d2d_cross_entropy(f, s, whole, M, TAU)[0]
    assert torch.allclose(value[0], expected)


def test_orders_within_a_class_keep_labels_and_are_uniform():
    torch.manual_seed(0)
    y = torch.tensor([2, 0, 1, 0, 2, 0])
    seen = set()
    for _ in range(200):
        order = conditional.same_class_order(y, torch.rand(6))
        assert torch.equal(y[order], y) and sorted(order.tolist()) == list(range(6))
        seen.add(tuple(order.tolist()))
    assert len(seen) == 12  # 3! orders of class 0 times 2! of class 2


@pytest.mark.parametrize("m", (1, 2, 3))
def test_packs_hold_images_of_m_batches_along_the_channels(m):
    x = torch.randn(7, 2, 4, 4)
    packs, n = pack(x, m), 7 // m
    assert packs.shape == (n, 2 * m, 4, 4)
    assert torch.equal(unpack(packs, m), x[: n * m])
    for i in range(n):
        for j in range(m):
            assert torch.equal(packs[i, 2 * j : 2 * j + 2], x[j * n + i])


def test_a_batch_too_small_for_two_packs_is_filled_up():
    x = torch.randn(3, 1, 2, 2)
    packs = pack(x, 4)
    assert packs.shape == (2, 4, 2, 2)
    assert torch.equal(unpack(packs, 4), x[torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])])
