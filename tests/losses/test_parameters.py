"""Orthogonal regularisation and clipping against closed forms."""

import torch
from torch import nn

from losses.parameters import clip, matrices, orthogonality


def test_orthogonality_is_half_the_squares_of_the_rows_products_and_has_the_authors_gradient():
    torch.manual_seed(0)
    weights = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in ((4, 3), (2, 3, 3, 3))]
    value, want = orthogonality(weights), 0
    for w in weights:
        rows = w.flatten(1)
        want = want + sum((rows[i] @ rows[j]) ** 2 for i in range(len(rows)) for j in range(i))
    assert torch.allclose(value, want)  # each pair twice, halved
    for w, grad in zip(weights, torch.autograd.grad(value, weights)):
        rows = w.flatten(1)
        off = 1 - torch.eye(len(rows), dtype=torch.float64)
        assert torch.allclose(grad.flatten(1), 2 * (rows @ rows.T * off) @ rows)
    assert orthogonality([torch.eye(3) * 5]) == 0


def test_which_parameters_are_matrices():
    net = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 5), nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    assert [tuple(w.shape) for w in matrices([net])] == [(5, 4), (2, 1, 3, 3)]
    assert len(matrices([net, net])) == 2


def test_clip_cuts_to_the_bound():
    parameters = [nn.Parameter(torch.tensor([-2.0, -0.01, 0.5])), nn.Parameter(torch.tensor([[0.02]]))]
    clip(parameters, 0.1)
    assert torch.equal(parameters[0], torch.tensor([-0.1, -0.01, 0.1]))
    assert torch.equal(parameters[1], torch.tensor([[0.02]]))
