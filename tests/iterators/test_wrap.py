import pytest
import torch
from torch.utils import data as torch_data

from engine.errors import UserError
from iterators.common import DataIterator, wrap


class Items(torch_data.Dataset):
    targets = [0, 1, 2, 1, 0, 1, 2, 2, 1, 0]

    def __len__(self):
        return 10

    def __getitem__(self, i):
        return torch.full((1, 2, 2), i / 10), self.targets[i]


class Stream(torch_data.IterableDataset):
    def __iter__(self):
        return iter(range(10))


def test_dict_of_iterators_is_returned_as_it_is():
    data = {"train": DataIterator(Items(), 4), "test": DataIterator(Items(), 4)}
    assert wrap(data, 4) == data and wrap(data["train"], 4) == {"train": data["train"]}


def test_lone_loader():
    data = wrap(torch_data.DataLoader(Items(), batch_size=4, shuffle=True), 4, seed=7)
    it = data["train"]
    assert list(data) == ["train"] and (it.batch_size, it.n, it.data_shape, it.n_classes) == (
        4,
        10,
        (1, 2, 2),
        3,
    )
    own = DataIterator(Items(), 4, seed=7)
    assert all(torch.equal(a[k], b[k]) for a, b in zip(it, own) for k in a)
    assert sorted(round(float(v) * 10) for b in it for v in b["x"][:, 0, 0, 0]) == list(range(10))


def test_loader_over_tensors_becomes_arrays():
    x, y = torch.rand(10, 1, 1, 2) * 2 - 1, torch.arange(10)
    it = wrap(torch_data.DataLoader(torch_data.TensorDataset(x, y), batch_size=5), 5)["train"]
    # not shuffled, as the loader says
    assert torch.equal(torch.cat([b["x"] for b in it]), x) and it.n_classes == 10
    assert type(it.source).__name__ == "Arrays"


def test_collate_function_and_subset_are_kept():
    def collate(items):
        return {"x": torch.stack([x for x, _ in items]), "y": torch.tensor([y + 5 for _, y in items])}

    loader = torch_data.DataLoader(
        Items(), batch_size=2, sampler=torch_data.SubsetRandomSampler([1, 3, 5, 8]), collate_fn=collate
    )
    it = wrap({"train": loader}, 2)["train"]
    assert it.n == 4 and torch.cat([b["y"] for b in it]).tolist() == [6] * 4


@pytest.mark.parametrize(
    "given, words",
    [
        (3, "int for train"),
        ({}, "an empty dict"),
        ({"test": DataIterator(Items(), 4)}, "returned test"),
        ({"train": [1]}, "list for train"),
        (torch_data.DataLoader(Stream()), "stream"),
        (torch_data.DataLoader(Items(), batch_size=None), "batches"),
        (
            torch_data.DataLoader(
                Items(), batch_size=2, sampler=torch_data.WeightedRandomSampler([1.0] * 10, 10)
            ),
            "WeightedRandomSampler",
        ),
    ],
)
def test_others_are_refused(given, words):
    with pytest.raises(UserError, match=f"--iterator.*{words}"):
        wrap(given, 4)


def test_loader_with_too_large_a_batch():
    with pytest.raises(UserError, match="--batch_size: given 11; the data has 10 train examples"):
        wrap(torch_data.DataLoader(Items(), batch_size=11), 11)
