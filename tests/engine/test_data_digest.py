import json

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from engine import data_digest
from iterators import colour_mnist, digits, dsprites, points2d, semi
from iterators.common import DataIterator
from tests.running import launch


def of(x, y=None):
    arrays = {"x": x} if y is None else {"x": x, "y": y}
    return data_digest.of({"train": DataIterator(arrays, 2)})


def test_bytes_and_labels_count():
    x = torch.arange(4 * 3 * 2 * 2, dtype=torch.uint8).view(4, 3, 2, 2)
    y = torch.tensor([0, 1, 0, 1])
    other = x.clone()
    other[2, 1, 0, 0] += 1
    assert of(x, y) == of(x.clone(), y.clone()) == of(x.contiguous(memory_format=torch.channels_last), y)
    assert len({of(x), of(x, y), of(other, y), of(x, y.flip(0)), of(x.flip(0), y)}) == 5
    two = data_digest.of({"train": DataIterator({"x": x}, 2), "test": DataIterator({"x": other}, 2)})
    assert two != of(x)


def test_data_sets_that_are_read_one_by_one():
    class Named(Dataset):
        def __init__(self, targets, classes="ab"):
            self.targets, self.classes = targets, list(classes)

        def __len__(self):
            return len(self.targets)

        def __getitem__(self, i):
            return torch.zeros(1, 2, 2), self.targets[i]

    found = [
        data_digest.of({"train": DataIterator(Named(*given), 2)})
        for given in (([0, 1, 1],), ([1, 0, 1],), ([0, 1],), ([0, 1, 1], "ba"), ([0, 1, 1],))
    ]
    assert len(set(found)) == 4 and found[0] == found[-1]


def test_the_projects_own_data():
    plain = data_digest.of(digits.get_iterators(8))
    assert len(plain) == 64 and plain == data_digest.of(digits.get_iterators(8, seed=3, size=16, subset=100))
    assert data_digest.of(semi.get_iterators(8, base="iterators/digits.py")) == plain
    assert data_digest.of(points2d.get_iterators(8)) is None  # drawn: no files that could change
    assert data_digest.of(dsprites.get_iterators(8)) is None
    assert len(data_digest.of(colour_mnist.get_iterators(8, source="digits"))) == 64


def launched(folder, *words):
    done = launch(f"--save_path={folder}", "--cpu", *words)
    return done.returncode, done.stdout + done.stderr


def test_a_resume_on_other_data(tmp_path):
    """Refused; --accept_new_data goes on; --resume=PATH warns; a run from before digests is accepted and gets
    one."""
    x = np.random.RandomState(0).randint(0, 256, (12, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=x, labels=np.arange(12) % 3)
    words = [
        "--iterator=iterators/arrays.py",
        "--iterator_args",
        f"root={tmp_path / 'a.npz'}",
        "--network=networks/small.py",
        "--network_args",
        "width=4",
        "--batch_size=4",
        "--save_every_steps=1",
        "--log_every=1",
        "--save_images_every=0",
    ]
    run = tmp_path / "n" / "s0"
    digest = lambda: json.loads((run / "flags.json").read_text()).get("data_digest")
    assert launched(tmp_path, *words, "--name=n", "--max_steps=1")[0] == 0
    first = digest()
    assert len(first) == 64
    assert (
        launched(tmp_path, *words, "--name=n", "--max_steps=2", "--resume=auto")[0] == 0 and digest() == first
    )
    np.savez(tmp_path / "a.npz", images=x, labels=(np.arange(12) + 1) % 3)  # permuted labels
    code, said = launched(tmp_path, *words, "--name=n", "--max_steps=3", "--resume=auto")
    assert code == 2 and "use --accept_new_data to go on" in said and digest() == first
    code, said = launched(
        tmp_path, *words, "--name=m", "--max_steps=3", f"--resume={run}/checkpoints/step_00000002.pt"
    )
    assert (
        code == 0
        and "warning: starts from" in said
        and "the data: their files or labels have changed" in said
    )
    more = np.concatenate([x, x])
    np.savez(tmp_path / "a.npz", images=more, labels=np.arange(24) % 3)  # and more of them: longer epochs
    assert (
        launched(tmp_path, *words, "--name=n", "--max_steps=3", "--resume=auto", "--accept_new_data")[0] == 0
    )
    second = digest()
    assert (
        second != first and launched(tmp_path, *words, "--name=n", "--max_steps=4", "--resume=auto")[0] == 0
    )
    flags = json.loads((run / "flags.json").read_text())
    del flags["data_digest"]
    (run / "flags.json").write_text(json.dumps(flags))
    assert (
        launched(tmp_path, *words, "--name=n", "--max_steps=5", "--resume=auto")[0] == 0
        and digest() == second
    )


@pytest.fixture(autouse=True)
def caches_in_tmp(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
