"""Nearest real images of samples."""

import numpy as np
import pytest
import torch

from eval.metrics.neighbours import nearest, picture
from iterators.common import DataIterator


def images(n, seed=0):
    return torch.randint(
        0, 256, (n, 3, 6, 6), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8
    )


@pytest.mark.parametrize("batch", [7, 50])
def test_is_scikit_learns(batch):
    neighbors = pytest.importorskip("sklearn.neighbors", reason="scikit-learn is not installed")
    real, samples = images(50), images(4, 1)
    distances, indices = (
        neighbors.NearestNeighbors(n_neighbors=5)
        .fit(real.flatten(1).double())
        .kneighbors(samples.flatten(1).double())
    )
    found = nearest(samples, DataIterator({"x": real}, 8, seed=3), batch=batch)
    assert np.array_equal(found["indices"], indices) and np.allclose(
        found["distances"], distances, rtol=1e-12
    )
    assert torch.equal(found["images"], real[found["indices"]])


def test_a_copy_is_found_at_distance_nothing():
    real = images(30)
    found = nearest(real[12:14].float() / 127.5 - 1, real, k=2, batch=8)
    assert found["indices"][:, 0].tolist() == [12, 13] and found["distances"][:, 0].tolist() == [0, 0]


def test_features_of_an_extractor_and_fewer_images_than_asked_for():
    from tests.eval.test_statistics import PIXELS

    found = nearest(images(2, 1), images(3), k=5, extractor=PIXELS)
    assert found["indices"].shape == (2, 3)
    assert found["distances"].numpy() * 255 == pytest.approx(
        nearest(images(2, 1), images(3), k=5)["distances"].numpy(), rel=1e-5
    )


def test_picture_has_a_row_a_sample():
    samples = images(2, 1)
    sheet = np.asarray(picture(samples, nearest(samples, images(9), k=3)["images"]))
    scale = 8  # of images as small as 6 pixels
    assert sheet.shape == (2 + 2 * (6 * scale + 2), 2 + 4 * (6 * scale + 2), 3)
    assert np.array_equal(sheet[2, 2], samples[0, :, 0, 0]) and np.array_equal(
        sheet[2 + 6 * scale + 2, 2], samples[1, :, 0, 0]
    )
