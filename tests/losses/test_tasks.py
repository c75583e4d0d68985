"""InfoMax-GAN's contrast, against a loop in float64, its ends, and mimicry's value."""

import math

import torch

from losses.tasks import info_nce

N, R, P = 4, 3, 5


def features(seed=0):
    draw = torch.Generator().manual_seed(seed)
    return (torch.randn(*shape, dtype=torch.float64, generator=draw) for shape in ((N, R, P), (N, R)))


def test_info_nce_is_the_formula():
    local, whole = features()
    found = info_nce(local, whole)
    for i in range(N):
        others = sum(math.exp(local[j, :, q] @ whole[i]) for j in range(N) for q in range(P) if j != i)
        terms = []
        for p in range(P):
            right = math.exp(local[i, :, p] @ whole[i])
            terms.append(-math.log(right / (right + others)))
        assert abs(found[i] - sum(terms) / P) < 1e-12


def test_its_ends():
    equal = info_nce(torch.zeros(N, R, P), torch.zeros(N, R))
    assert torch.allclose(equal, torch.full((N,), math.log(1 + (N - 1) * P)))
    assert torch.equal(info_nce(torch.ones(1, R, P), torch.ones(1, R)), torch.zeros(1))
    codes = 40 * torch.eye(N)
    assert info_nce(codes[:, :, None].expand(N, N, P), codes).abs().max() < 1e-6


def test_mimicry_keeps_the_images_own_places_as_exp_minus_10():
    local, whole = features(1)
    scores = torch.einsum("ir,jrp->ijp", whole, local)
    values = []
    for i in range(N):
        masked = scores[i].clone()
        masked[i] = -10.0
        rows = torch.stack([torch.cat([scores[i, i, p : p + 1], masked.flatten()]) for p in range(P)])
        values.append(-rows.log_softmax(1)[:, 0].mean())
    theirs, ours = torch.stack(values), info_nce(local, whole)
    assert (theirs > ours).all() and torch.allclose(theirs, ours, atol=P * math.exp(-10) * 50)
