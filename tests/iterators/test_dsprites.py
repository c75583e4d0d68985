import time

import numpy as np
import pytest
import torch

from engine.errors import MissingError, UserError
from iterators import dsprites
from iterators.dsprites import factors_of, index_of


@pytest.fixture(scope="module")
def source():
    return dsprites.Rendered()


def test_all_combinations_have_an_index_and_back(source):
    assert len(source) == 737280
    index = torch.randint(737280, (500,))
    assert torch.equal(index_of(factors_of(index)), index)
    assert torch.equal(factors_of(torch.tensor([0, 737279])), torch.tensor([[0] * 5, [2, 5, 39, 31, 31]]))


def test_images_are_binary_whole_and_move_with_their_factors(source):
    factors = factors_of(torch.randint(737280, (300,), generator=torch.Generator().manual_seed(0)))
    x = source.images(factors)
    assert x.shape == (300, 1, 64, 64) and set(x.unique().tolist()) == {-1.0, 1.0}
    on = x[:, 0] > 0
    # nothing is cut off
    assert on[:, 0].sum() == on[:, -1].sum() == on[:, :, 0].sum() == on[:, :, -1].sum() == 0
    rows = torch.arange(64.0)
    for dim, column in ((2, 4), (1, 3)):  # y is the last factor, and moves down; x to the right
        centre = (on.sum(dim) * rows).sum(1) / on.sum((1, 2))
        assert torch.allclose(centre, 16.0 + factors[:, column], atol=3.0)
    one = torch.tensor([[2, 4, 7, 10, 10]])
    moved = source.images(one + torch.tensor([[0, 0, 0, 3, 5]]))
    assert torch.equal(source.images(one).roll((5, 3), (2, 3)), moved)


def test_factors_show(source):
    area = lambda **f: int(
        (
            source.images(torch.tensor([[f.get("shape", 0), f.get("scale", 5), f.get("o", 0), 16, 16]])) > 0
        ).sum()
    )
    assert area() == 19 * 19 and area(shape=1) == pytest.approx(3.14159 * 7.1 * 13.1, rel=0.03)
    assert [area(shape=s, scale=0) / area(shape=s) for s in range(3)] == pytest.approx([0.25] * 3, abs=0.04)
    images = lambda shape: source.images(torch.tensor([[shape, 5, o, 16, 16] for o in range(40)]))
    for shape in range(3):
        x = images(shape)
        assert torch.equal(x[0], x[39])  # 0 and 2 pi
        assert (x[:-1].flatten(1).unique(dim=0).shape[0]) >= (39 if shape == 2 else 15)
    heart = images(2)[0, 0] > 0
    # up is not down
    assert torch.equal(heart, heart.roll(0)) and not torch.equal(heart[:63].flip(0), heart[1:])


def test_a_batch_costs_little_and_is_what_the_iterator_gives():
    data = dsprites.get_iterators(64, seed=1)
    it = data["train"]
    assert it.data_shape == (1, 64, 64) and it.n_classes == 0 and len(it) == 11520
    stream = it.from_step(5)
    next(stream)
    began = time.process_time()
    batches = [next(stream) for _ in range(20)]
    assert (time.process_time() - began) / 20 < 0.04
    assert torch.equal(batches[0]["x"], it.source.images(batches[0]["factors"])) and batches[0][
        "x"
    ].is_contiguous(memory_format=torch.channels_last)
    again = next(dsprites.get_iterators(64, seed=1)["train"].from_step(6))
    assert torch.equal(again["factors"], batches[0]["factors"])
    held = dsprites.get_iterators(64, valid=1000)
    assert held["valid"].n == 1000 and held["train"].n == 736280


def test_the_published_file(tmp_path, source):
    sizes = (3, 2, 4, 2, 2)
    classes = np.stack([np.zeros(96, np.int64), *factors_of(torch.arange(96), sizes).t().numpy()], 1)
    x = (source.images(torch.from_numpy(classes[:, 1:]).long())[:, 0].numpy() > 0).astype(np.uint8)
    np.savez_compressed(
        tmp_path / "d.npz",
        imgs=x,
        latents_classes=classes,
        metadata=np.array({"pickled": "never read"}, dtype=object),
    )
    read = dsprites.get_iterators(8, npz=tmp_path / "d.npz")["train"]
    assert read.n == 96 and read.source.sizes == sizes
    batch = next(read.from_step(0))
    assert torch.equal(batch["x"], source.images(batch["factors"]))
    assert torch.equal(read.source.images(batch["factors"]), batch["x"])
    with pytest.raises(MissingError, match="no such file"):
        dsprites.get_iterators(8, npz=tmp_path / "absent.npz")
    np.savez(tmp_path / "bad.npz", imgs=x)
    with pytest.raises(MissingError, match="cannot be read"):
        dsprites.get_iterators(8, npz=tmp_path / "bad.npz")
    np.savez(tmp_path / "part.npz", imgs=x[:50], latents_classes=classes)
    with pytest.raises(UserError, match="50 images for 96"):
        dsprites.get_iterators(8, npz=tmp_path / "part.npz")
