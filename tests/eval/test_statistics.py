"""Statistics streamed, merged, kept on disc."""

import numpy as np
import pytest
import torch

from engine.errors import UserError
from eval.metrics import sources, statistics
from eval.metrics.extractors import Extractor, Pixels
from eval.metrics.statistics import Moments, collect

PIXELS = Extractor("pixels", Pixels(), "cpu", "none", "none", "", has_logits=False)


def images(n=40, seed=0, size=4):
    return torch.randint(
        0, 256, (n, 1, size, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8
    )


def classifying(x):
    """Features and logits of a fixed linear map."""
    x = x.flatten(1).float() / 255
    draw = torch.Generator().manual_seed(1)
    return {
        "features": x @ torch.randn(x.shape[1], 6, generator=draw),
        "logits": 4 * x @ torch.randn(x.shape[1], 5, generator=draw),
    }


LINEAR = Extractor("linear", classifying, "cpu", "0" * 64, "none", "")


def test_moments_are_those_of_numpy():
    # a mean far above the spread
    x = 1e6 + torch.randn(103, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for size in (103, 10, 1):
        moments = Moments(7)
        for part in x.split(size):
            moments.add(part)
        assert moments.n == 103 and np.allclose(moments.mean, x.mean(0), rtol=1e-14)
        assert np.allclose(moments.covariance(), np.cov(x.numpy().T), rtol=0, atol=1e-8)


def test_collect_does_not_depend_on_the_batch_size():
    a, b = (collect(sources.of(images()), LINEAR, 30, batch, keep=12, splits=10) for batch in (30, 7))
    assert np.allclose(a.mean, b.mean, rtol=1e-10) and np.allclose(a.cov, b.cov, rtol=1e-6)
    assert np.allclose(a.features, b.features, rtol=1e-5) and len(a.features) == 12
    assert a.counts == b.counts and sum(a.counts) == 30
    assert a.score == pytest.approx(b.score, rel=1e-5) and a.confidence == pytest.approx(
        b.confidence, rel=1e-5
    )
    assert (a.n, a.d, a.shape, a.singular) == (30, 6, (1, 4, 4), False)


def test_features_are_held_only_where_they_are_needed():
    assert collect(sources.of(images()), LINEAR, 40).features is None
    few = collect(sources.of(images(10)), PIXELS, 10)
    assert few.singular and few.features.shape == (10, 16)
    assert collect(sources.Stream([images(10)]), PIXELS, None).features.shape == (10, 16)
    assert collect(sources.Stream([images(20)]), PIXELS, None).features is None


def test_capture_and_restore():
    a = collect(sources.of(images()), LINEAR, 40, keep=40, splits=10)
    b = statistics.Statistics.restored(a.capture())
    assert np.array_equal(a.cov, b.cov) and np.array_equal(a.features, b.features)
    assert (a.n, a.shape, a.counts, a.score) == (b.n, b.shape, b.counts, b.score)


def test_what_is_kept_is_found_under_the_same_facts_alone(tmp_path):
    facts = {"extractor": "inception", "sha256": "aa", "count": 10}
    statistics.store_cached("statistics", facts, {"mean": torch.ones(3)}, tmp_path)
    assert torch.equal(statistics.load_cached("statistics", facts, tmp_path)["mean"], torch.ones(3))
    for change in ({"sha256": "ab"}, {"count": 11}, {"extractor": "other"}, {"more": 1}):
        assert statistics.load_cached("statistics", facts | change, tmp_path) is None
    assert statistics.load_cached("classifiers", facts, tmp_path) is None


def test_a_damaged_file_counts_as_none(tmp_path, capsys):
    statistics.store_cached("statistics", {"a": 1}, {"mean": torch.ones(3)}, tmp_path)
    (path,) = (tmp_path / "statistics").iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert (
        statistics.load_cached("statistics", {"a": 1}, tmp_path) is None
        and "is damaged" in capsys.readouterr().err
    )


def test_a_file_under_the_name_of_other_facts_is_not_taken(tmp_path):
    statistics.store_cached("statistics", {"a": 1}, {"mean": torch.ones(3)}, tmp_path)
    (path,) = (tmp_path / "statistics").iterdir()
    path.rename(statistics._path("statistics", {"a": 2}, tmp_path))
    assert statistics.load_cached("statistics", {"a": 2}, tmp_path) is None


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path, capsys):
    (tmp_path / "statistics").write_text("in the way")
    statistics.store_cached("statistics", {"a": 1}, {}, tmp_path)
    assert (
        "could not be written" in capsys.readouterr().err
        and statistics.load_cached("statistics", {"a": 1}, tmp_path) is None
    )


def test_images_that_are_not_finite():
    bad = torch.zeros(64, 1, 4, 4)
    bad[3, 0, 1, 1] = torch.nan
    with pytest.raises(
        UserError, match="^the generator's samples: 1 of 6 in a batch have values that are not finite"
    ):
        collect(sources.Generated(lambda n: bad, 0), PIXELS, 6, batch=6)


def test_no_images_at_all():
    with pytest.raises(UserError, match="there are none"):
        collect(sources.Stream([]), PIXELS, None)
