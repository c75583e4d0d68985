"""Protocols as text."""

import pytest

from engine.errors import UserError
from eval.metrics.protocol import label, parse, short


@pytest.mark.parametrize(
    "text, split, available, counts",
    [
        ("50k-train", "train", 50_000, (50_000, 50_000)),
        ("10k-test", "test", 10_000, (10_000, 10_000)),
        ("10k-5k", "train", 50_000, (10_000, 5_000)),
        ("10k-5k-test", "test", 10_000, (10_000, 5_000)),
        ("full-test", "test", 297, (297, 297)),
        ("full-1k-train", "train", 1500, (1500, 1000)),
        ("300", "train", 400, (300, 300)),
        ("1k-full-valid", "valid", 5000, (1000, 1000)),
    ],
)
def test_what_they_mean(text, split, available, counts):
    protocol = parse(text)
    assert (protocol.split, protocol.resolve(available)) == (split, counts)


def test_more_real_images_than_there_are():
    with pytest.raises(
        UserError,
        match="^--protocol: given 50k-train, and the data has 9,000 train images; use 9k-train or "
        "full-train$",
    ):
        parse("50k-train").resolve(9000)


@pytest.mark.parametrize(
    "text",
    ["", "train", "k-train", "50k-", "10k-5k-2k-train", "0-train", "1-test", "-5k", "50k train", "5e4-train"],
)
def test_texts_that_are_none(text):
    with pytest.raises(UserError, match="^--protocol: given "):
        parse(text)


def test_labels():
    assert label(50_000, 50_000, "train") == "50k-train" and label(10_000, 5_000, "test") == "10k-5k-test"
    assert short(297) == "297" and short(1500) == "1500" and label(297, 297, "test") == "297-test"
