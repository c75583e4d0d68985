"""The Vendi score: how many different images a set amounts to."""

import math

import torch


def vendi(x):
    """The Vendi score, the effective number of different rows of x [n, d]: exp(-sum l log l), l the
    eigenvalues of K / n, K the cosines of rows. From 1 (all the same) to n (all orthogonal).

    Friedman and Dieng 2023, definition 3.1. For d < n the eigenvalues are those of X^T X / n; float64.
    """
    x = torch.nn.functional.normalize(x.double(), dim=1)
    gram = x.T @ x if x.shape[1] < len(x) else x @ x.T
    values = torch.linalg.eigvalsh(gram / len(x))
    values = values[values > 0]
    return math.exp(-float((values * values.log()).sum()))
