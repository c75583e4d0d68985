"""Tar shards and Hugging Face data sets."""

import io
import itertools
import json
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from engine import data_digest
from engine.errors import MissingError, UserError
from iterators import hf, tar_shards

RANDOM = np.random.RandomState(0)
BYTES = RANDOM.randint(0, 256, (30, 16, 16, 3), dtype=np.uint8)


def encoded(pixels):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "png")
    return data.getvalue()


def shard(path, rows, label=lambda i: (".cls", str(i % 3)), pixels=BYTES, more=()):
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for i in rows:
            files = [(f"{i:06d}.png", encoded(pixels[i]))]
            if label:
                end, text = label(i)
                files.append((f"{i:06d}{end}", text.encode()))
            for name, data in [*files, *((f"{i:06d}{end}", data) for end, data in more)]:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def shards(tmp_path):
    for k in range(3):
        shard(tmp_path / "s" / f"train-{k:03d}.tar", range(8 * k, 8 * k + 8))
    shard(tmp_path / "s" / "test-000.tar", range(24, 30))
    return tmp_path / "s"


def test_examples_and_splits(shards):
    made = tar_shards.get_iterators(4, root=str(shards))
    assert made["train"].n == 24 and made["test"].n == 6 and made["train"].n_classes == 3
    for split, rows in ("train", range(24)), ("test", range(24, 30)):
        batch = made[split].pick(range(len(rows)))
        assert torch.equal(batch["x"], torch.from_numpy(BYTES[rows]).permute(0, 3, 1, 2) / 127.5 - 1)
        assert batch["y"].tolist() == [i % 3 for i in rows]
    for pattern in ("train-{000..002}.tar", "train-*.tar", "train-00[0-2].tar"):
        assert tar_shards.get_iterators(4, root=f"{shards}/{pattern}")["train"].n == 24
    with pytest.raises(MissingError, match="train-003.tar: no such shard"):
        tar_shards.get_iterators(4, root=f"{shards}/train-{{000..003}}.tar")


@pytest.mark.parametrize("workers", [0, 2])
def test_the_stream_goes_on_exactly(shards, workers):
    """Each example once an epoch; a start at any step equals skipping; shards are kept together."""
    make = lambda: tar_shards.get_iterators(
        5, seed=3, root=str(shards), num_workers=workers, mixed_shards=1, flip=True
    )
    whole = list(itertools.islice(make()["train"].from_step(0), 12))
    later = list(itertools.islice(make()["train"].from_step(7), 5))
    assert all(torch.equal(a[key], b[key]) for a, b in zip(whole[7:], later) for key in a)
    it = make()["train"]
    order = it._order(0)
    assert sorted(order.tolist()) == list(range(24)) and order.tolist() != list(range(24))
    assert all(len({int(i) // 8 for i in order[k : k + 8]}) == 1 for k in (0, 8, 16))
    assert order.tolist() != it._order(1).tolist()


def test_labels_in_json_and_none(tmp_path, capsys):
    path = shard(tmp_path / "a.tar", range(4), lambda i: (".json", json.dumps({"label": i, "text": "x"})))
    assert tar_shards.get_iterators(2, root=path)["train"].pick(range(4))["y"].tolist() == [0, 1, 2, 3]
    path = shard(tmp_path / "b.tar", range(4), None, more=[(".txt", b"a caption")])
    made = tar_shards.get_iterators(2, root=path)["train"]
    assert made.n_classes == 0 and list(made.pick([0])) == ["x"]
    assert "left out 4 files that hold neither" in capsys.readouterr().err


def test_grey_and_colour_shards_agree(tmp_path):
    shard(tmp_path / "s" / "0.tar", range(4), pixels=BYTES[..., 0])
    assert tar_shards.get_iterators(2, root=str(tmp_path / "s"))["train"].data_shape == (1, 16, 16)
    shard(tmp_path / "s" / "1.tar", range(4))
    made = tar_shards.get_iterators(2, root=str(tmp_path / "s"))["train"]
    assert made.data_shape == (3, 16, 16) and len(list(made)) == 4


def test_bad_shards(tmp_path):
    (tmp_path / "text.tar").write_text("no tar")
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    for name in ("text.tar", "empty.tar", "none.tar"):
        with pytest.raises(MissingError, match=name):
            tar_shards.get_iterators(2, root=str(tmp_path / name))
    shard(tmp_path / "deep.tar", range(4), pixels=BYTES[..., 0].astype(np.uint16) * 200)
    with pytest.raises(UserError, match="more than 8 bits a pixel"):
        tar_shards.get_iterators(2, root=str(tmp_path / "deep.tar"))
    shard(tmp_path / "word.tar", range(4), lambda i: (".cls", "cat"))
    with pytest.raises(MissingError, match="000000.cls: holds no class"):
        tar_shards.get_iterators(2, root=str(tmp_path / "word.tar"))
    with pytest.raises(UserError, match="root: not given"):
        tar_shards.get_iterators(2)


def test_the_digest_knows_images_and_labels(shards):
    before = data_digest.of(tar_shards.get_iterators(4, root=str(shards)))
    assert before == data_digest.of(tar_shards.get_iterators(4, root=str(shards)))
    shard(shards / "train-001.tar", range(8, 16), lambda i: (".cls", str((i + 1) % 3)))
    relabelled = data_digest.of(tar_shards.get_iterators(4, root=str(shards)))
    shard(shards / "train-001.tar", range(9, 17))
    assert len({before, relabelled, data_digest.of(tar_shards.get_iterators(4, root=str(shards)))}) == 3


# --- Hugging Face


def arrow_table(rows, names=("ant", "bee", "cat")):
    pa = pytest.importorskip("pyarrow")
    features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([{"bytes": encoded(BYTES[i]), "path": None} for i in rows], kind)
    labels = pa.array([i % 3 for i in rows], pa.int64())
    table = pa.table({"image": images, "label": labels})
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def save_to_disk(folder, rows):
    pa = pytest.importorskip("pyarrow")
    folder.mkdir(parents=True)
    files = [f"data-{k:05d}-of-00002.arrow" for k in range(2)]
    for name, part in zip(files, np.array_split(list(rows), 2)):
        table = arrow_table(part.tolist())
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in files]}))
    (folder / "dataset_info.json").write_text("{}")


def check(made, split, rows):
    batch = made[split].pick(range(len(rows)))
    assert torch.equal(batch["x"], torch.from_numpy(BYTES[list(rows)]).permute(0, 3, 1, 2) / 127.5 - 1)
    assert batch["y"].tolist() == [i % 3 for i in rows] and made[split].classes == ["ant", "bee", "cat"]


def test_a_saved_data_set(tmp_path):
    save_to_disk(tmp_path / "set" / "train", range(20))
    save_to_disk(tmp_path / "set" / "test", range(20, 30))
    (tmp_path / "set" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    made = hf.get_iterators(4, root=str(tmp_path / "set"))
    check(made, "train", range(20))
    check(made, "test", range(20, 30))
    check(hf.get_iterators(4, root=str(tmp_path / "set" / "train")), "train", range(20))
    assert hf.get_iterators(4, root=str(tmp_path / "set"), label=False)["train"].n_classes == 0


def test_parquet_files(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "set" / "data").mkdir(parents=True)
    for name, rows in (
        ("train-00000-of-00002", range(12)),
        ("train-00001-of-00002", range(12, 20)),
        ("validation", range(20, 30)),
    ):
        pq.write_table(arrow_table(rows), tmp_path / "set" / "data" / f"{name}.parquet", row_group_size=5)
    made = hf.get_iterators(4, root=str(tmp_path / "set"))
    check(made, "train", range(20))
    check(made, "valid", range(20, 30))
    check(
        hf.get_iterators(4, root=str(tmp_path / "set" / "data" / "validation.parquet")),
        "train",
        range(20, 30),
    )
    with pytest.raises(UserError, match="image: given 'label'; use one of image"):
        hf.get_iterators(4, root=str(tmp_path / "set"), image="label")
    (tmp_path / "bad.parquet").write_text("none")
    with pytest.raises(MissingError, match="bad.parquet: cannot be read"):
        hf.get_iterators(4, root=str(tmp_path / "bad.parquet"))


def test_the_optional_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_text("")
    with pytest.raises(MissingError, match="needs the package pyarrow; run pip install pyarrow"):
        hf.get_iterators(4, root=str(tmp_path / "a.parquet"))
