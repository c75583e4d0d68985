"""The Inception score against exact values and torch-fidelity."""

import math

import pytest
import torch

from eval.metrics.inception_score import Score, inception_score, split_of


def test_of_one_hot_probabilities_spread_equally_is_the_number_of_classes():
    logits = 1e4 * torch.eye(5).repeat(20, 1)
    mean, std = inception_score(logits)
    assert mean == pytest.approx(5, rel=1e-12) and std < 1e-12


def test_of_equal_logits_is_one():
    mean, std = inception_score(torch.full((50, 7), 3.0))
    assert mean == pytest.approx(1, rel=1e-12) and std < 1e-12


def test_of_extreme_logits_is_finite():
    draw = torch.Generator().manual_seed(0)
    mean, _ = inception_score(torch.where(torch.rand(100, 6, generator=draw) < 0.5, 1e4, -1e4))
    assert math.isfinite(mean) and 1 <= mean <= 6


def test_against_the_definition_in_float64():
    logits = 2 * torch.randn(103, 6, generator=torch.Generator().manual_seed(1))
    scores = []
    for i in range(10):
        p = logits[i * 103 // 10 : (i + 1) * 103 // 10].double().softmax(1)
        scores.append((p * (p.log() - p.mean(0).log())).sum(1).mean().exp())
    mean, std = inception_score(logits)
    assert mean == pytest.approx(float(torch.stack(scores).mean()), rel=1e-12)
    assert std == pytest.approx(float(torch.stack(scores).std(correction=0)), rel=1e-9)


def test_batch_by_batch_is_the_same():
    logits, split = torch.randn(100, 6, generator=torch.Generator().manual_seed(1)), split_of(100)
    score = Score(10, 6)
    for rows in torch.arange(100).split(7):
        score.add(logits[rows], split[rows])
    assert score.result() == pytest.approx(inception_score(logits), rel=1e-12)


def test_splits_are_those_of_the_official_code():
    assert torch.bincount(split_of(50_000)).tolist() == [5000] * 10
    assert (
        split_of(25).tolist() == sorted(split_of(25).tolist())
        and torch.bincount(split_of(25)).tolist() == [2, 3] * 5
    )


def test_equals_torch_fidelity():
    metric = pytest.importorskip("torch_fidelity.metric_isc", reason="torch-fidelity is not installed")
    logits = 3 * torch.randn(500, 20, generator=torch.Generator().manual_seed(2))
    theirs = metric.isc_features_to_metric(logits)
    ours = inception_score(logits, shuffle_seed=2020)
    assert ours == pytest.approx(
        (theirs[metric.KEY_METRIC_ISC_MEAN], theirs[metric.KEY_METRIC_ISC_STD]), rel=1e-6
    )
