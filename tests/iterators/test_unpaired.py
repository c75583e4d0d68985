"""Two domains without pairs, coloured digits, and folders of images."""

import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import MissingError, UserError
from iterators import colour_mnist, unpaired_images
from iterators.library.unpaired import Unpaired


def numbered(n, channels=1):
    y = torch.arange(n)
    return {
        "x": (y % 256).to(torch.uint8)[:, None, None, None].expand(n, channels, 2, 2).contiguous(),
        "y": y,
    }


def take(it, start, count):
    return list(itertools.islice(it.from_step(start), count))


def seen(batches, key):
    return torch.cat([batch[key] for batch in batches])


# --- order


@pytest.mark.parametrize("n_a, n_b", [(20, 20), (23, 10), (7, 31)])
def test_epochs_of_unequal_domains(n_a, n_b):
    it = Unpaired(numbered(n_a), numbered(n_b, 3), 4, seed=5)
    n = max(n_a, n_b)
    assert len(it) == -(-n // 4) and it.n == n and (it.data_shape, it.data_shape_b) == ((1, 2, 2), (3, 2, 2))
    batches = take(it, 0, 6 * len(it))
    for batch in batches:
        assert list(batch) == ["x", "y", "x_b", "y_b"] and len(batch["x"]) == len(batch["x_b"]) == len(
            batch["y"]
        )
        assert torch.equal(((batch["x_b"][:, 0, 0, 0] + 1) * 127.5).round().long(), batch["y_b"])
    for key, size in (("y", n_a), ("y_b", n_b)):
        row = seen(batches, key)
        assert len(row) == 6 * n
        # permutations, one after another, over the borders of epochs
        for part in row[: 6 * n // size * size].split(size):
            assert torch.equal(part.sort().values, torch.arange(size))
    longer = "y" if n_a >= n_b else "y_b"
    for epoch in range(6):
        assert torch.equal(
            seen(batches[epoch * len(it) : (epoch + 1) * len(it)], longer).sort().values, torch.arange(n)
        )


def test_the_domains_orders_are_independent():
    it = Unpaired(numbered(200), numbered(200), 50, seed=1)
    batches = take(it, 0, 8)
    a, b = seen(batches, "y"), seen(batches, "y_b")
    assert (a == b).sum() < 12  # chance: one in 200
    assert abs(np.corrcoef(a.numpy(), b.numpy())[0, 1]) < 0.2
    assert not torch.equal(a[:200], a[200:]) and not torch.equal(b[:200], b[200:])
    other = take(Unpaired(numbered(200), numbered(200), 50, seed=2), 0, 4)
    assert not torch.equal(seen(other, "y"), a[:200]) and not torch.equal(seen(other, "y_b"), b[:200])


def test_any_step_can_be_the_first():
    flip = lambda x, draws: x + torch.rand(1, generator=draws)
    it = Unpaired(numbered(13), numbered(8), 3, seed=1, augment=flip)
    whole = take(it, 0, 17)
    for start in (1, 4, 5, 11):
        for batch, expected in zip(
            take(Unpaired(numbered(13), numbered(8), 3, seed=1, augment=flip), start, 6), whole[start:]
        ):
            assert all(torch.equal(batch[k], expected[k]) for k in batch)


def test_processes_share_each_batch(processes):
    whole = take(Unpaired(numbered(13), numbered(8), 6, seed=3), 0, 8)
    parts = []
    for rank in range(2):
        processes(rank, 2)
        it = Unpaired(numbered(13), numbered(8), 6, seed=3)
        parts.append(take(it, 0, 8))
        assert it.share(1) in (6 / 7, 8 / 7)  # 13 = 6 + 7: a lone last image joins the batch before it
    for a, b, both in zip(*parts, whole):
        for key in ("y", "y_b"):
            joined = torch.cat([a[key], b[key]])
            assert torch.equal(joined, both[key]) or len(whole[1]["y"]) != 7
    counts = [sum(len(p[k]["y"]) for p in parts) for k in range(2)]
    assert counts == [6, 7]


def test_batches_of_one_and_of_too_many():
    it = Unpaired(numbered(5), numbered(3), 1)
    assert len(it) == 5 and len(take(it, 0, 1)[0]["x_b"]) == 1
    with pytest.raises(UserError, match="--batch_size: given 6"):
        Unpaired(numbered(5), numbered(3), 6)
    with pytest.raises(UserError, match="--batch_size: given 0; use 1 or more"):
        Unpaired(numbered(5), numbered(3), 0)


def test_in_order_and_alone():
    it = Unpaired(numbered(7), numbered(3), 2, shuffle=False, n_classes=7)
    batches = list(it)
    assert seen(batches, "y").tolist() == list(range(7)) and seen(batches, "y_b").tolist() == [
        0,
        1,
        2,
        0,
        1,
        2,
        0,
    ]
    assert [seen(list(it.domains[name]), "y").tolist() for name in "ab"] == [list(range(7)), [0, 1, 2]]
    assert it.n_classes == 7 and it.domains["b"].data_shape == (1, 2, 2)


# --- coloured digits


def test_the_texture_is_colourful_and_seeded():
    a, b, c = colour_mnist.texture(128, 0), colour_mnist.texture(128, 0), colour_mnist.texture(128, 1)
    assert (
        a.shape == (128, 128, 3) and a.dtype == np.uint8 and np.array_equal(a, b) and not np.array_equal(a, c)
    )
    values = a / 255
    # an arcsine law
    assert abs(values.mean() - 0.5) < 0.01 and abs(np.abs(2 * values - 1).mean() - 2 / np.pi) < 0.01
    assert np.abs(np.diff(values, axis=0)).mean() < 0.1  # smooth, as photographs are
    assert np.abs(values[..., 0] - values[..., 1]).mean() > 0.15  # not grey
    with pytest.raises(UserError, match="texture_size"):
        colour_mnist.texture(63)


def test_area_weights_average():
    weights = colour_mnist.area_weights(64, 28)
    assert torch.allclose(weights.sum(1), torch.ones(28)) and torch.allclose(
        weights.sum(0), torch.full((64,), 28 / 64)
    )
    assert torch.allclose(colour_mnist.area_weights(4, 2), torch.tensor([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]))
    assert torch.allclose(
        colour_mnist.area_weights(3, 2), torch.tensor([[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])
    )


def test_a_blank_digit_leaves_the_crop_and_a_full_one_inverts_it():
    crops, areas = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8), colour_mnist.area_weights(64, 28)
    plain = colour_mnist.blend(torch.zeros(3, 1, 28, 28), crops, areas)
    expected = torch.einsum("ij,ncjk,lk->ncil", areas, crops.float(), areas)
    assert torch.allclose(plain, expected, atol=1e-3)
    assert torch.allclose(
        colour_mnist.blend(torch.ones(3, 1, 28, 28), crops, areas), 255 - expected, atol=1e-3
    )


def test_inside_the_mask_the_crop_is_inside_out():
    """A digit with a straight edge on a crop of one colour v: inside and outside differ by |2 v - 1|."""
    digit = torch.zeros(1, 1, 28, 28)
    digit[..., 14:] = 1
    crops = torch.full((1, 3, 64, 64), 51, dtype=torch.uint8)
    made = colour_mnist.blend(digit, crops, colour_mnist.area_weights(64, 28)) / 255
    assert torch.allclose(made[..., :13], torch.tensor(0.2), atol=1e-4) and torch.allclose(
        made[..., 15:], torch.tensor(0.8), atol=1e-4
    )
    inside, outside = made[..., 15:].mean(), made[..., :13].mean()
    assert abs((inside - outside) - abs(2 * 0.2 - 1)) < 1e-4


def test_coloured_digits_are_fixed_by_the_data_seed():
    make = lambda **words: colour_mnist.get_iterators(16, source="digits", texture_size=96, **words)
    data, again, other = make(seed=0), make(seed=7), make(data_seed=1)
    assert (data["train"].data_shape, data["train"].data_shape_b, data["train"].n_classes) == (
        (1, 28, 28),
        (3, 28, 28),
        10,
    )
    assert (len(data["train"].source.a), len(data["test"].source.b)) == (1500, 297)
    x = [d["train"].source.b.tensors["x"] for d in (data, again, other)]
    assert torch.equal(x[0], x[1]) and not torch.equal(x[0], x[2])
    first, second = (next(d["train"].from_step(0)) for d in (data, again))
    assert not torch.equal(first["y"], second["y"])  # the run's seed changes the order only
    tensors = data["train"].source.tensors
    # both hold the same digits; their orders tell them apart
    assert torch.equal(tensors["y"], tensors["y_b"])
    assert not torch.equal(first["y"], first["y_b"])


def test_the_same_digit_twice_has_two_backgrounds():
    x = torch.zeros(40, 1, 28, 28, dtype=torch.uint8)
    made = colour_mnist.coloured(x, [colour_mnist.texture(128)], 0).float()
    assert (made[1:] - made[:1]).abs().mean((1, 2, 3)).min() > 1


def test_photographs_in_place_of_the_texture(tmp_path):
    Image.new("RGB", (70, 80), (255, 0, 0)).save(tmp_path / "a.png")
    Image.new("RGB", (64, 64), (0, 0, 255)).save(tmp_path / "b.png")
    data = colour_mnist.get_iterators(16, source="digits", photos=str(tmp_path))
    corner = data["train"].source.b.tensors["x"][:, :, 0, 0]
    share = (corner == torch.tensor([255, 0, 0], dtype=torch.uint8)).all(1).float().mean()
    assert (
        0.4 < share < 0.6
        and (corner == torch.tensor([0, 0, 255], dtype=torch.uint8)).all(1).float().mean() > 0.4
    )
    Image.new("RGB", (63, 80)).save(tmp_path / "c.png")
    with pytest.raises(UserError, match="c.png has 63x80 pixels"):
        colour_mnist.get_iterators(16, source="digits", photos=str(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingError, match="no images"):
        colour_mnist.get_iterators(16, source="digits", photos=str(tmp_path / "empty"))


def test_other_sources_are_refused():
    with pytest.raises(UserError, match="source: given 'svhn'; use mnist, digits"):
        colour_mnist.get_iterators(16, source="svhn")


def test_real_digits(real_data):
    root = real_data("mnist10k")
    data = colour_mnist.get_iterators(64, root=str(root), download=False)
    assert len(data["train"].source.a) == 9000 and len(data["test"].source.b) == 1000


# --- folders


def folders(root, sizes, side=20, test=True):
    for name, n in sizes.items():
        if test or name.startswith("train"):
            (root / name).mkdir(parents=True)
            for i in range(n):
                pixels = np.tile(np.arange(side, dtype=np.uint8), (side, 1)) * 5 + i
                Image.fromarray(np.stack([pixels] * 3, 2) if name.endswith("A") else pixels).save(
                    root / name / f"{i:03d}.png"
                )


def test_folders_of_two_domains(tmp_path):
    folders(tmp_path, {"trainA": 7, "trainB": 4, "testA": 3, "testB": 5})
    data = unpaired_images.get_iterators(2, root=str(tmp_path), size=16, load_size=20)
    train, test = data["train"], data["test"]
    assert (train.data_shape, train.data_shape_b, train.sizes, test.sizes) == (
        (3, 16, 16),
        (1, 16, 16),
        (7, 4),
        (3, 5),
    )
    batch = next(train.from_step(0))
    assert (
        batch["x"].shape == (2, 3, 16, 16)
        and batch["x_b"].shape == (2, 1, 16, 16)
        and test.data_shape == (3, 16, 16)
    )
    assert next(iter(train))["x"].shape == (2, 3, 16, 16) and next(iter(test))["x_b"].shape == (2, 1, 16, 16)
    pixels = ((batch["x"] + 1) * 127.5).round()
    steps = pixels[:, 0, 0].diff(dim=1)
    assert set(steps.flatten().tolist()) <= {5.0, -5.0}  # a crop of the ramp, perhaps mirrored
    still = ((next(iter(train))["x"] + 1) * 127.5).round()[:, 0, 0]
    # the middle: from column 2 on
    assert (
        torch.equal(still - still[:, :1], torch.arange(0, 80, 5.0).expand(2, -1))
        and ((still[:, 0] - 10) < 7).all()
    )


def test_crops_are_uniform_and_each_images_own():
    x = torch.arange(10.0).expand(4000, 1, 10, 10).contiguous()
    made = unpaired_images.crops(8, True)(x, torch.Generator().manual_seed(0))
    left, mirrored = made[:, 0, 0].min(1).values, made[:, 0, 0, 0] > made[:, 0, 0, -1]
    counts = torch.bincount(left.long(), minlength=3)
    assert (counts - 4000 / 3).abs().max() < 130 and abs(mirrored.float().mean() - 0.5) < 0.04
    plain = unpaired_images.crops(8, False)(x, torch.Generator().manual_seed(0))
    assert not (plain[:, 0, 0, 0] > plain[:, 0, 0, -1]).any()
    rows = unpaired_images.crops(8, False)(x.transpose(2, 3), torch.Generator().manual_seed(0))[:, 0, :, 0]
    assert (
        torch.equal(rows - rows[:, :1], torch.arange(8.0).expand(4000, -1)) and len(rows[:, 0].unique()) == 3
    )
    assert torch.equal(unpaired_images.crops(10, False)(x, torch.Generator()), x)


def test_folders_refused(tmp_path):
    with pytest.raises(UserError, match="root: not given"):
        unpaired_images.get_iterators(2)
    with pytest.raises(MissingError, match="trainA"):
        unpaired_images.get_iterators(2, root=str(tmp_path))
    folders(tmp_path, {"trainA": 2, "trainB": 2, "testA": 2})
    with pytest.raises(MissingError, match="testB"):
        unpaired_images.get_iterators(2, root=str(tmp_path), size=16)
    with pytest.raises(UserError, match="load_size: given 8; use 16"):
        unpaired_images.get_iterators(2, root=str(tmp_path), size=16, load_size=8)
