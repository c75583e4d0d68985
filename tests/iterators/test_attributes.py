import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import MissingError, UserError
from iterators import attributes


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    rows = ["file,round,red"]
    for i in range(8):
        Image.fromarray(np.full((8, 8, 3), 30 * i, np.uint8)).save(tmp_path / "images" / f"{i}.png")
        rows.append(f"{i}.png,{i % 2},{i // 4}")
    (tmp_path / "images" / "attributes.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "images"


def test_a_csv_beside_the_images(folder):
    data = attributes.get_iterators(4, root=folder, valid=2)
    batch = {k: torch.cat([b[k] for part in data.values() for b in part]) for k in ("x", "attributes")}
    assert batch["x"].shape == (8, 3, 8, 8) and data["train"].n_classes == 0 and data["valid"].n == 2
    number = ((batch["x"][:, 0, 0, 0] + 1) * 127.5 / 30).round().long()
    assert torch.equal(batch["attributes"], torch.stack([number % 2, number // 4], 1))


def test_one_attribute_of_a_table_like_celebas(folder):
    (folder.parent / "list.txt").write_text(
        "8\nround red\n" + "\n".join(f"{i}.png {2 * (i % 2) - 1} {2 * (i // 4) - 1}" for i in range(8))
    )
    data = attributes.get_iterators(8, root=folder, table=folder.parent / "list.txt", select="red")
    batch = next(iter(data["train"]))
    assert batch["attributes"].shape == (8, 1) and batch["attributes"].sum() == 4
    assert data["train"].attribute_names == ["red"]
    turned = attributes.get_iterators(
        4, root=folder, table=folder.parent / "list.txt", select=["red", "round"], valid=2
    )
    assert turned["valid"].attribute_names == ["red", "round"]


def test_what_cannot_be(folder):
    with pytest.raises(UserError, match="root: not given"):
        attributes.get_iterators(4)
    with pytest.raises(UserError, match="blue.*round, red"):
        attributes.get_iterators(4, root=folder, select=["blue"])
    with pytest.raises(MissingError, match="no such file"):
        attributes.get_iterators(4, root=folder, table=folder / "none.csv")
    (folder / "bad.csv").write_text("file,a\n0.png,7\n")
    with pytest.raises(MissingError, match="row of 0.png"):
        attributes.get_iterators(4, root=folder, table=folder / "bad.csv")
    (folder / "other.csv").write_text("file,a\nzebra.png,1\n")
    with pytest.raises(MissingError, match="none of its rows"):
        attributes.get_iterators(4, root=folder, table=folder / "other.csv")
