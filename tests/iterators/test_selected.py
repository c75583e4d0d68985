"""Instance selection: scores against closed forms, and what is kept."""

import os

import pytest
import torch
from torch.distributions import MultivariateNormal

from engine.errors import UserError
from iterators import selected
from iterators.library import selection
from tests.made_parts import get_iterators as made
from tests.running import ROOT, train

BASE, MADE = (os.path.join(ROOT, "tests", name) for name in ("made_parts.py", "made.py"))


def features(n, d, seed=0):
    draw = torch.Generator().manual_seed(seed)
    scales = torch.linspace(3, 0.2, d, dtype=torch.float64)
    mixed = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=draw)).Q
    return 1 + (torch.randn(n, d, dtype=torch.float64, generator=draw) * scales) @ mixed


def test_gaussian_is_the_log_likelihood_of_the_mean_and_covariance():
    f = features(40, 6)
    want = MultivariateNormal(f.mean(0), f.T.cov(correction=0)).log_prob(f)
    assert torch.allclose(selection.gaussian(f), want, rtol=1e-10)


@pytest.mark.parametrize("n, d, q", [(200, 5, 3), (30, 50, 19)])
def test_ppca_is_the_log_likelihood_of_the_components_with_95_percent_of_the_variance(n, d, q):
    f = features(n, d)
    values, vectors = torch.linalg.eigh(f.T.cov(correction=0))
    shares = values.flip(0).cumsum(0) / values.sum()
    assert shares[q - 1] >= 0.95 > shares[q - 2]
    values = torch.cat([values[: d - q].mean().expand(d - q), values[d - q :]])
    want = MultivariateNormal(f.mean(0), vectors @ values.diag() @ vectors.T).log_prob(f)
    assert torch.allclose(selection.ppca(f), want, rtol=1e-8)


def test_knn_is_minus_the_distance_to_the_fifth_nearest_other():
    f = torch.tensor([0, 1, 3, 6, 10, 15, 21.0]).double()[:, None]
    assert selection.knn(f).tolist() == pytest.approx([-15, -14, -12, -9, -10, -14, -20])
    assert selection.knn(torch.cat([f, f[:1]])).tolist()[0] == pytest.approx(-10)  # its double is another


def test_each_class_keeps_its_share_of_the_highest_scores(monkeypatch):
    monkeypatch.setitem(selection.SCORES, "given", lambda f: f[:, 0])
    f = torch.tensor([3, 1, 2, 5, 9, 7, 8, 4.0])[:, None]
    y = torch.tensor([0, 0, 0, 1, 1, 1, 1, 2])
    assert selection.select(f, y, 0.5, "given").tolist() == [0, 2, 4, 6, 7]
    assert selection.select(f, None, 0.5, "given").tolist() == [3, 4, 5, 6]
    assert selection.select(f, y, 0.01, "given").tolist() == [0, 4, 7]
    assert selection.select(f, y, 1, "given").tolist() == list(range(8))


@pytest.mark.parametrize("score", selection.SCORES)
def test_an_example_far_from_the_others_goes_first(score):
    f = features(60, 4)
    f[17] += 50
    assert 17 not in selection.select(f, None, 59 / 60, score).tolist()


EMBEDDING = """
from torch import nn


class Net(nn.Module):
    def forward(self, images):
        assert not self.training and images.dtype.is_floating_point is False
        return {"features": images.flatten(1)[:, :2].float()}


def get_extractor():
    return Net()
"""


def test_training_images_are_the_most_typical_of_each_class_of_the_base(tmp_path):
    path = tmp_path / "embedding.py"
    path.write_text(EMBEDDING)
    base = made(8)
    data = selected.get_iterators(
        8, 3, base=BASE, keep=0.3, score="gaussian", embedding=str(path), flip=False
    )
    x, y = (base["train"].pick(torch.arange(40))[key] for key in "xy")
    f = ((x + 1) * 127.5).round().flatten(1)[:, :2].double()
    want = base["train"].indices[selection.select(f, y, 0.3, "gaussian")]
    got = data["train"]
    assert torch.equal(got.indices, want) and got.n == sum(round(0.3 * n) for n in y.bincount().tolist())
    assert got.n_classes == 3 and got.seed == 3 and len(next(got.from_step(0))["x"]) == 8
    assert data["test"].n == base["test"].n and data["valid"].n == 20
    everything = selected.get_iterators(8, base=BASE, keep=1.0)["train"]
    assert torch.equal(everything.indices, base["train"].indices)
    # a choice that differs is another data set
    assert len({got.digest, everything.digest, base["train"].source.digest()}) == 3


@pytest.mark.parametrize(
    "options, message",
    [
        ({"keep": 0}, "keep: given 0; must be above 0 and at most 1"),
        ({"score": "kde"}, "score: given 'kde'; use gaussian, ppca, knn"),
        ({"embedding": "inception"}, "embedding: given 'inception'; use pixels, or a Python file"),
        (
            {"score": "gaussian"},
            "score=gaussian: the covariance of .* 64 features is singular; use score=ppca",
        ),
        (
            {"base": MADE, "labels_per_class": 2},
            "base: its training images are made, drawn or read one by one",
        ),
        ({"keep": 0.1, "batch_size": 8}, "given 8; the data has 4 training images .--iterator_args keep"),
        (
            {"nonsense": 1, "base": "iterators/digits.py"},
            "given nonsense=...; use base, keep, score, embedding",
        ),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        selected.get_iterators(**{"batch_size": 4, "base": BASE} | options)


def test_equal_images_have_no_likelihood():
    for score in ("gaussian", "ppca"):
        with pytest.raises(UserError, match=f"score={score}"):
            selection.select(torch.ones(9, 3).double(), None, 0.5, score)
    with pytest.raises(UserError, match="score=knn: given 5 examples of a class; needs 6"):
        selection.select(torch.ones(5, 3).double(), None, 0.5, "knn")


def test_a_run_on_selected_images_goes_on(tmp_path):
    words = ["--iterator=iterators/selected.py", "--iterator_args", f"base={BASE}", "keep=0.4"]
    assert train(tmp_path, *words, "--max_steps=2") == 0
    assert train(tmp_path, *words, "--max_steps=3", "--resume=auto") == 0
    with pytest.raises(UserError, match="the data: their files or labels have changed"):
        train(tmp_path, *words, "keep=0.5", "--max_steps=4", "--resume=auto")
