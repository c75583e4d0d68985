import itertools
import time

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

from engine.errors import UserError
from engine.randomness import examples, permutation
from iterators.common import Arrays, DataIterator, iterators, random_flip, split


def numbered(n, channels=1):
    """n images of 2x2 whose pixels and label tell their number."""
    y = torch.arange(n)
    return {
        "x": (y % 256).to(torch.uint8)[:, None, None, None].expand(n, channels, 2, 2).contiguous(),
        "y": y,
    }


class Numbered(Dataset):
    """As above, item by item; `noisy` adds what random transforms of older files do."""

    def __init__(self, n, noisy=False):
        self.n, self.noisy, self.targets = n, noisy, list(range(n))

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        noise = torch.rand(()) + np.random.rand() if self.noisy else 0.0
        return torch.full((3, 2, 2), i / self.n) + noise, i


def take(it, start, count):
    return list(itertools.islice(it.from_step(start), count))


def same(batches, others):
    return len(batches) == len(others) and all(
        a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a) for a, b in zip(batches, others)
    )


def test_scaling_is_exact_at_the_ends():
    x = torch.tensor([0, 255, 128, 1], dtype=torch.uint8).reshape(4, 1, 1, 1)
    (batch,) = iter(DataIterator({"x": x}, 4, shuffle=False))
    assert batch["x"].flatten()[:2].tolist() == [-1.0, 1.0] and torch.equal(batch["x"], x / 127.5 - 1)
    back = torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
    (batch,) = iter(DataIterator({"x": back}, 256, shuffle=False))
    assert torch.equal(((batch["x"] + 1) * 127.5).round().to(torch.uint8), back)


def test_attributes_types_and_memory_format():
    it = DataIterator(numbered(10, channels=3) | {"attributes": torch.zeros(10, 40, dtype=torch.int64)}, 4)
    assert (it.n, it.batch_size, len(it), it.data_shape, it.n_classes) == (10, 4, 3, (3, 2, 2), 10)
    batch = next(it.to("cpu").from_step(0))
    assert list(batch) == ["x", "y", "attributes"] and batch["attributes"].shape == (4, 40)
    assert batch["x"].dtype == torch.float32 and batch["y"].dtype == torch.int64
    assert batch["x"].is_contiguous(memory_format=torch.channels_last)
    assert DataIterator({"x": numbered(10)["x"]}, 4).n_classes == 0


def test_floating_point_arrays_pass_as_they_are():
    points = torch.linspace(-3, 3, 20, dtype=torch.float64).reshape(10, 1, 1, 2)
    (batch,) = iter(DataIterator({"x": points}, 10, shuffle=False))
    assert batch["x"].dtype == torch.float32 and torch.equal(batch["x"], points.float())


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_images_are_not_rearranged_wrongly(memory_format):
    x = torch.randint(0, 256, (7, 3, 4, 5), dtype=torch.uint8)
    (batch,) = iter(DataIterator({"x": x.contiguous(memory_format=memory_format)}, 7, shuffle=False))
    assert torch.equal(batch["x"], x / 127.5 - 1)


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("n, batch_size", [(100, 12), (100, 50), (97, 32), (101, 10), (12, 12), (103, 6)])
@pytest.mark.parametrize("source", [numbered, Numbered])
def test_each_example_once_an_epoch(processes, world_size, n, batch_size, source):
    seen, passes, shares = [], [], []
    for rank in range(world_size):
        processes(rank, world_size)
        it = DataIterator(source(n), batch_size, seed=3)
        batches = take(it, len(it), len(it))  # the second epoch
        assert all(len(batch["y"]) >= 2 for batch in batches)
        seen += torch.cat([batch["y"] for batch in batches]).tolist()
        passes += torch.cat([batch["y"] for batch in it]).tolist()
        shares.append([it.share(step) for step in range(2 * len(it))])
        sizes = [len(batch["y"]) for batch in batches]
        assert shares[-1][len(it) :] == [
            size * world_size / total for size, total in zip(sizes, totals(n, batch_size, world_size))
        ]
    assert sorted(seen) == sorted(passes) == list(range(n))
    assert np.allclose(np.sum(shares, 0), world_size)


def totals(n, batch_size, world_size):
    """Sizes of an epoch's global batches by the rule, computed in another way."""
    sizes = [batch_size] * (n // batch_size)
    rest = n % batch_size
    if rest >= 2 * world_size:
        return sizes + [rest]
    return sizes[:-1] + [sizes[-1] + rest]


def test_partial_batches():
    assert len(DataIterator(numbered(50_000), 64)) == 782
    for n, sizes in ((11, [5, 6]), (12, [5, 5, 2]), (10, [5, 5]), (6, [6])):
        it = DataIterator(numbered(n), 5)
        assert [len(batch["y"]) for batch in it] == sizes and len(it) == len(sizes)


def test_two_processes_share_the_global_batch(processes):
    whole = take(DataIterator(numbered(23), 8, seed=1), 0, 6)
    halves = []
    for rank in range(2):
        processes(rank, 2)
        halves.append(take(DataIterator(numbered(23), 8, seed=1), 0, 6))
    assert all(torch.equal(a["y"], torch.cat([b["y"], c["y"]])) for a, b, c in zip(whole, *halves))


def test_share_makes_the_mean_of_means_the_mean(processes):
    values, means = [], []
    for rank in range(3):
        processes(rank, 3)
        it = DataIterator(numbered(28), 8, seed=1)
        step = len(it) - 1  # 28 = 8 + 8 + 12: no, 4 < 6 joins the last
        batch = take(it, step, 1)[0]["y"].double()
        values.append(batch)
        means.append(batch.mean() * it.share(step))
    assert [len(part) for part in values] == [4, 4, 4]
    processes(0, 3)
    it = DataIterator(numbered(29), 8, seed=1)
    assert it.share(len(it) - 1) == 5 * 3 / 13 and it.share(0) == 3 * 3 / 8
    assert abs(torch.stack(means).mean() - torch.cat(values).mean()) < 1e-12


@pytest.mark.parametrize("start", [1, 3, 4, 9, 14])
@pytest.mark.parametrize(
    "source, options", [(numbered(30, 3), {"augment": random_flip}), (Numbered(30, noisy=True), {})]
)
def test_starting_later_equals_skipping(start, source, options):
    it = DataIterator(source, 8, seed=5, **options)
    assert same(take(it, 0, start + 5)[start:], take(it, start, 5))
    assert same(take(it, start, 5), take(DataIterator(source, 8, seed=5, **options), start, 5))


def test_order_depends_on_seed_and_epoch():
    it, other = DataIterator(numbered(30), 10, seed=5), DataIterator(numbered(30), 10, seed=6)
    first, second = [torch.cat([b["y"] for b in take(it, start, 3)]) for start in (0, 3)]
    assert not torch.equal(first, second) and not torch.equal(
        first, torch.cat([b["y"] for b in take(other, 0, 3)])
    )
    assert torch.equal(torch.cat([b["y"] for b in it]), first)
    still = DataIterator(numbered(30), 10, shuffle=False)
    assert torch.equal(torch.cat([b["y"] for b in take(still, 3, 3)]), torch.arange(30))


def test_number_of_workers_changes_nothing():
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    runs = [
        take(DataIterator(Numbered(20, noisy=True), 6, seed=2, num_workers=workers), 2, 4)
        for workers in (0, 1, 2)
    ]
    assert same(runs[0], runs[1]) and same(runs[0], runs[2])
    assert torch.equal(state[0], torch.get_rng_state()) and (state[1] == np.random.get_state()[1]).all()
    assert not torch.equal(runs[0][0]["x"][0], runs[0][3]["x"][0])


def test_arrays_and_data_set_agree():
    arrays = numbered(30, 3)
    items = [(x, int(y)) for x, y in zip(arrays["x"], arrays["y"])]
    assert same(take(DataIterator(arrays, 8, seed=5), 2, 4), take(DataIterator(items, 8, seed=5), 2, 4))


def test_augmentation_is_drawn_for_the_step_and_not_in_a_pass():
    seen = []

    def augment(x, generator):
        seen.append(torch.rand((), generator=generator).item())
        return x + 1

    it = DataIterator(numbered(10) | {"x_b": numbered(10)["x"]}, 5, augment=augment)
    assert take(it, 0, 1)[0]["x"].min() >= 0 and len(seen) == 2
    again, seen[:] = seen[:], []
    take(it, 0, 2)
    assert seen[:2] == again and len(set(seen)) == 4
    seen.clear()
    assert next(iter(it))["x"].max() < 0 and not seen


def test_augmentation_differs_between_processes(processes):
    drawn = []
    for rank in range(2):
        processes(rank, 2)
        it = DataIterator(
            numbered(40), 20, augment=lambda x, g: drawn.append(torch.rand((), generator=g).item()) or x
        )
        take(it, 0, 1)
    assert drawn[0] != drawn[1]


def test_random_flip():
    x = torch.rand(400, 3, 2, 5).contiguous(memory_format=torch.channels_last)
    out = random_flip(x, torch.Generator().manual_seed(0))
    mirrored = (out == x.flip(-1)).flatten(1).all(1)
    assert torch.equal(mirrored, ~(out == x).flatten(1).all(1)) and 150 < mirrored.sum() < 250
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_dict_items_collate_and_keys():
    items = [
        {"x": torch.full((1, 2, 2), float(i)), "x_b": torch.zeros(1, 4, 4), "name": str(i)} for i in range(6)
    ]
    (batch,) = iter(DataIterator(items, 6, shuffle=False))
    assert list(batch) == ["x", "x_b", "name"] and batch["name"] == list("012345")
    pairs = [(torch.full((1, 2, 2), float(i)), torch.zeros(1)) for i in range(6)]
    assert list(next(iter(DataIterator(pairs, 6, keys=("x", "x_b"))))) == ["x", "x_b"]
    with pytest.raises(UserError, match="--iterator.*3 parts.*keys="):
        DataIterator([(torch.zeros(1, 2, 2), 0, 1)] * 6, 6)


def test_classes_are_found():
    assert DataIterator(Numbered(12), 6).n_classes == 12
    assert DataIterator(Subset(Numbered(12), range(6)), 6).n_classes == 12
    assert (
        DataIterator(TensorDataset(torch.zeros(6, 1, 2, 2), torch.tensor([0, 1, 2, 3, 1, 0])), 6).n_classes
        == 4
    )
    assert DataIterator([(torch.zeros(1, 2, 2), 3)] * 6, 6).n_classes == 0
    assert DataIterator([(torch.zeros(1, 2, 2), 3)] * 6, 6, n_classes=5).n_classes == 5
    named = Numbered(12)
    named.classes = list("abc")
    assert DataIterator(named, 6).n_classes == 3


@pytest.mark.parametrize(
    "n, batch_size, world_size, words",
    [
        (1500, 4096, 1, ["--batch_size", "4096", "1,500 training images"]),
        (1500, 1, 1, ["--batch_size", "given 1;", "2 or more"]),
        (1500, 0, 1, ["given 0"]),
        (1500, 3, 2, ["given 3", "4 or more"]),
        (1500, 64.0, 1, ["given 64.0"]),
    ],
)
def test_bad_batch_sizes(processes, n, batch_size, world_size, words):
    processes(0, world_size)
    with pytest.raises(UserError) as caught:
        DataIterator(numbered(n), batch_size)
    assert all(word in str(caught.value) for word in words) and caught.value.exit_code == 2


def test_split_is_fixed_and_disjoint():
    kept, held = split(1000, 100)
    assert len(held) == 100 and torch.equal(torch.cat([kept, held]).sort().values, torch.arange(1000))
    assert all(torch.equal(a, b) for a, b in zip((kept, held), split(1000, 0.1)))
    assert len(split(1000, 0)[1]) == 0
    for amount in (1000, -1, 1.5, 1e-9, True, "a", None):
        with pytest.raises(UserError, match="valid"):
            split(1000, amount)


def test_valid_subset_and_other_splits():
    splits = {"train": numbered(200), "test": numbered(30)}
    first, second = [iterators(splits, 64, seed=seed, n_classes=200, valid=50, subset=100) for seed in (0, 1)]
    labels = [
        {name: set(torch.cat([b["y"] for b in it]).tolist()) for name, it in data.items()}
        for data in (first, second)
    ]
    assert labels[0] == labels[1] and not labels[0]["train"] & labels[0]["valid"]
    assert {name: len(some) for name, some in labels[0].items()} == {"train": 100, "valid": 50, "test": 30}
    assert first["valid"].source is first["train"].source
    assert torch.equal(torch.cat([b["y"] for b in first["test"]]), torch.arange(30))
    assert set(iterators(splits, 64)) == {"train", "test"}
    with pytest.raises(UserError, match="subset.*1 to 150"):
        iterators(splits, 64, valid=50, subset=151)
    with pytest.raises(UserError, match="validation images of its own"):
        iterators(splits | {"valid": numbered(5)}, 64, valid=50)
    with pytest.raises(UserError, match="180"):
        iterators(splits, 181, valid=0.1)


def test_small_splits_do_not_forbid_training(processes, capsys):
    """A test split of one image, or of fewer than two a process, is used; one of fewer than processes is left
    out."""
    made = iterators({"train": numbered(200), "test": numbered(1)}, 64)
    assert [batch["y"].tolist() for batch in made["test"]] == [[0]] and not capsys.readouterr().err
    seen = []
    for rank in range(3):
        processes(rank, 3)
        made = iterators({"train": numbered(200), "test": numbered(4)}, 64)
        seen += [label for batch in made["test"] for label in batch["y"].tolist()]
        few = iterators({"train": numbered(200), "test": numbered(2)}, 64)
        assert list(few) == ["train"] and (rank > 0) == (capsys.readouterr().err == "")
    assert seen == [0, 1, 2, 3]


def test_memory_mapped_arrays(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="c").transpose(0, 3, 1, 2)
    arrays = {"x": mapped[4:], "y": np.arange(16)}
    assert Arrays(arrays).mapped and not Arrays({"x": x}).mapped
    assert Arrays(arrays).tensors["x"].data_ptr() == arrays["x"].ctypes.data
    batches = take(DataIterator(arrays, 8, seed=1).to("cpu"), 1, 4)
    assert same(
        batches, take(DataIterator({"x": x[4:].transpose(0, 3, 1, 2), "y": np.arange(16)}, 8, seed=1), 1, 4)
    )


def test_an_epoch_costs_milliseconds():
    it = DataIterator(
        {"x": torch.zeros(9000, 1, 28, 28, dtype=torch.uint8), "y": torch.zeros(9000, dtype=torch.int64)}, 64
    )
    costs = []
    for epoch in range(5):
        start = time.process_time()
        take(it, epoch * len(it), len(it))
        costs.append(time.process_time() - start)
    assert min(costs) < 0.15  # 0.02 on a quiet machine; image by image it would be 0.5


def test_dequantised_values_are_bytes_over_128_and_noise_that_follows_the_step():
    x = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)
    made = {
        flag: iterators({"train": {"x": x}, "test": {"x": x}}, 4, seed=3, dequantise=flag)["train"]
        for flag in (False, True)
    }
    plain, noisy, later = (
        next(made[flag].from_step(step))["x"] for flag, step in ((False, 5), (True, 5), (True, 6))
    )
    noise = (noisy.double() + 1) * 128 - (plain.double() + 1) * 127.5
    assert -1e-4 < noise.min() < 0.1 and 0.9 < noise.max() < 1 + 1e-4 and abs(noise.mean() - 0.5) < 0.1
    assert noisy.min() >= -1 and noisy.max() <= 1 and torch.equal(next(made[True].from_step(5))["x"], noisy)
    assert not torch.equal(later.sort(0).values, noisy.sort(0).values)
    # one pass is of the images as they are
    assert torch.equal(next(iter(made[True]))["x"], next(iter(made[False]))["x"])


def labels_of(made, name="train"):
    return made[name].pick(torch.arange(made[name].n))["y"].tolist()


def test_a_subset_of_each_seeds_own():
    """subset=N is the same for every seed; subset_seed=run or a number draws others, after valid=."""
    splits = {"train": numbered(200)}
    plain, again = (labels_of(iterators(splits, 8, seed=seed, valid=50, subset=40)) for seed in (0, 1))
    kept, held = split(200, 50)
    assert plain == again == sorted(kept[permutation(150, "subset")[:40]].tolist())
    drawn = [
        iterators(splits, 8, seed=seed, valid=50, subset=40, subset_seed=given)
        for seed, given in ((0, "run"), (1, "run"), (0, 1), (5, 7), (6, 7))
    ]
    labels = [labels_of(made) for made in drawn]
    assert labels[0] != labels[1] and labels[1] == labels[2] and labels[3] == labels[4] != plain
    for made, own in zip(drawn, labels):
        assert (
            labels_of(made, "valid") == held.tolist() and not set(own) & set(held.tolist()) and len(own) == 40
        )
    for given in ("seed", 1.5, True):
        with pytest.raises(UserError, match="subset_seed: given .*; use run, or a whole number"):
            iterators(splits, 8, subset=40, subset_seed=given)
    for more in ({"subset_seed": "run"}, {"stratify": True}):
        with pytest.raises(UserError, match="given without subset; use it with subset=N"):
            iterators(splits, 8, **more)


@pytest.mark.parametrize(
    "subset, counts", [(20, [10, 6, 4]), (10, [5, 3, 2]), (7, [4, 2, 1]), (3, [1, 1, 1]), (100, [50, 30, 20])]
)
def test_a_stratified_subset_keeps_the_shares_of_classes(subset, counts):
    y = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)
    splits = {"train": {"x": torch.zeros(100, 1, 2, 2, dtype=torch.uint8), "y": y}}
    made = iterators(splits, 2, n_classes=3, subset=subset, subset_seed=4, stratify=True)
    assert torch.tensor(labels_of(made)).bincount(minlength=3).tolist() == counts
    with pytest.raises(UserError, match="stratify: the data has no labels"):
        iterators({"train": {"x": splits["train"]["x"]}}, 2, subset=5, stratify=True)


def test_picked_examples_are_those_of_a_pass():
    arrays, order = numbered(20, 3), torch.tensor([7, 0, 19])
    for source in (arrays, Numbered(20)):
        still = DataIterator(source, 20, shuffle=False)
        whole, some = next(iter(still)), still.pick(order)
        assert all(torch.equal(whole[key][order], some[key]) for key in whole)
    part = DataIterator(arrays, 4, indices=torch.arange(10, 20), augment=lambda x, g: x + 100)
    assert part.pick([3, 1])["y"].tolist() == [13, 11] and part.pick([3])["x"].max() <= 1


def test_examples_are_drawn_over_the_whole_split():
    """A split that is stored by class gave pictures of its first class alone."""
    y = torch.arange(1000) // 100
    it = DataIterator({"x": torch.zeros(1000, 1, 2, 2, dtype=torch.uint8), "y": y}, 64, shuffle=False)
    assert len(examples(it, 20, 0)["y"].unique()) > 5
    assert torch.equal(examples(it, 20, 0)["y"], examples(it, 20, 0)["y"])
    assert not torch.equal(examples(it, 20, 0)["y"], examples(it, 20, 1)["y"])
    assert len(examples(DataIterator(numbered(5), 5), 64, 0)["y"]) == 5


def test_uint16_arrays_of_ones_own_are_scaled():
    x = torch.randint(0, 4096, (8, 2, 4, 4))
    x[0, 0, 0, 0] = 4095
    for given in (x.numpy().astype(np.uint16), x.to(torch.uint16)):
        it = DataIterator({"x": given}, 8, shuffle=False)
        assert (next(iter(it))["x"].double() - (x / 2047.5 - 1)).abs().max() < 2e-7
