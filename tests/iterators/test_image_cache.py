import io
import json
import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from engine.errors import MissingError, UserError
from iterators import images
from iterators.library import cache, decoding, files

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(number, width=8, height=8, mode="RGB"):
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8))


def decode(data, **options):
    return decoding.decode("a.png", lambda: data, **options)


def folder_of(root, names, **options):
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(number, **options)))
    return root


def zip_of(folder, path, prefix=""):
    with zipfile.ZipFile(path, "w") as file:
        for name in sorted(p for p in folder.rglob("*") if p.is_file()):
            file.write(name, prefix + str(name.relative_to(folder)))
    return path


def pixels_of(number, **options):
    return np.asarray(picture(number, **options))


@pytest.fixture
def no_decoding(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(decoding, "picture", fail)


# --- pixels


def test_grey_and_colour():
    grey, colour = picture(0, mode="L"), picture(1)
    assert np.array_equal(decode(encoded(grey))[..., 0], grey) and np.array_equal(
        decode(encoded(colour)), colour
    )
    assert np.array_equal(decode(encoded(grey), channels=3), np.stack([grey] * 3, -1))
    assert np.array_equal(decode(encoded(colour), channels=1)[..., 0], colour.convert("L"))


def test_sixteen_bits_are_scaled():
    values = np.array([[0, 128, 129, 257], [32768, 65278, 65407, 65535]], np.uint16)
    for kind in "PNG", "TIFF":
        assert decode(encoded(Image.fromarray(values), kind))[..., 0].tolist() == [
            [0, 0, 1, 1],
            [128, 254, 255, 255],
        ]
    wide = Image.fromarray(values.astype(np.int32) * 3)
    for image in wide, Image.fromarray(values.astype(np.float32)):
        with pytest.raises(MissingError, match="a.png: cannot be decoded.*pixels"):
            decode(encoded(image, "TIFF"))


def test_one_bit_palette_and_cmyk():
    bits = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    assert decode(encoded(bits))[..., 0].tolist() == [[0, 255], [255, 0]]
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putdata([1, 0])
    assert decode(encoded(palette)).tolist() == [[[200, 100, 50], [10, 20, 30]]]
    assert decode(encoded(palette, "GIF")).tolist() == [[[200, 100, 50], [10, 20, 30]]]
    cyan = Image.new("CMYK", (2, 2), (255, 0, 0, 0))
    assert np.abs(decode(encoded(cyan, "JPEG", quality=100)).astype(int) - [0, 255, 255]).max() <= 2


def test_transparency_is_laid_over_white():
    assert decode(encoded(Image.new("RGBA", (1, 1), (200, 0, 0, 255)))).tolist() == [[[200, 0, 0]]]
    assert decode(encoded(Image.new("RGBA", (1, 1), (200, 0, 0, 0)))).tolist() == [[[255, 255, 255]]]
    assert decode(encoded(Image.new("LA", (1, 1), (100, 255)))).tolist() == [[[100]]]
    assert decode(encoded(Image.new("LA", (1, 1), (100, 0)))).tolist() == [[[255]]]
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putdata([1, 0])
    assert decode(encoded(palette, transparency=0)).tolist() == [[[200, 100, 50], [255, 255, 255]]]


def test_exif_orientation_is_applied():
    image = picture(0, width=4, height=2)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    assert np.array_equal(decode(encoded(image, exif=exif)), np.rot90(np.asarray(image), -1))


def test_crop_and_size():
    image = picture(0, width=10, height=7)
    assert np.array_equal(decode(encoded(image), crop=4), np.asarray(image)[1:5, 3:7])
    assert decode(encoded(image), size=5).shape == (5, 5, 3) and decode(encoded(image), size=20).shape == (
        20,
        20,
        3,
    )
    expected = image.resize((6, 4), Image.Resampling.LANCZOS).crop((1, 0, 5, 4))
    assert np.array_equal(decode(encoded(image), size=4), expected)
    flat = Image.new("L", (9, 9), 77)
    assert np.unique(decode(encoded(flat), crop=8, size=4)).tolist() == [77]
    with pytest.raises(UserError, match="crop=8: a.png has 10x7 pixels; use at most 7"):
        decode(encoded(image), crop=8)


def test_resize_all_equals_decoding_at_that_size():
    whole = np.stack([pixels_of(i) for i in range(3)])
    assert np.array_equal(
        decoding.resize_all(whole, 5), np.stack([decode(encoded(picture(i)), size=5) for i in range(3)])
    )
    assert decoding.resize_all(whole[..., :1], 5).shape == (3, 5, 5, 1)


# --- folders and zips


def test_folder_with_classes_and_splits(tmp_path):
    names = ["train/cat/1.png", "train/cat/2.PNG", "train/dog/sub/3.png", "val/dog/4.png", "test/cat/5.png"]
    root = folder_of(tmp_path / "set", names)
    (root / "train/cat/notes.txt").write_text("no image")
    (root / "train/cat/.hidden.png").write_text("no image")
    folder_of(root, ["__MACOSX/train/cat/._1.png", ".git/x.png"])
    splits, classes = images.load(root)
    assert classes == ["cat", "dog"] and list(splits) == ["train", "valid", "test"]
    assert [splits[s]["y"].tolist() for s in splits] == [[0, 0, 1], [1], [0]]
    expected = {"train": [0, 1, 2], "valid": [3], "test": [4]}
    for split, numbers in expected.items():
        assert np.array_equal(
            splits[split]["x"], np.stack([pixels_of(n).transpose(2, 0, 1) for n in numbers])
        )


@pytest.mark.parametrize("prefix", ["", "faces/"])
def test_zip_equals_folder(tmp_path, prefix):
    root = folder_of(tmp_path / "set", [f"{c}/{i}.png" for c in "ab" for i in range(3)])
    from_folder, classes = images.load(root)
    from_zip, zip_classes = images.load(zip_of(root, tmp_path / "set.zip", prefix))
    assert classes == zip_classes == ["a", "b"]
    assert all(np.array_equal(from_folder["train"][k], from_zip["train"][k]) for k in "xy")


def test_zip_with_a_comment(tmp_path):
    path = zip_of(folder_of(tmp_path / "set", ["a.png", "b.png"]), tmp_path / "set.zip")
    plain = files.Files(path).key
    with zipfile.ZipFile(path, "a") as file:
        file.comment = b"made by hand"
    assert len(files.Files(path).key) == 64 != plain and len(images.load(path)[0]["train"]["x"]) == 2


def test_without_class_folders_there_are_no_labels(tmp_path, capsys):
    data = images.get_iterators(
        2, root=str(folder_of(tmp_path / "flat", ["a.png", "b.png", "c.png"])), flip=True
    )
    assert (
        list(data) == ["train"]
        and data["train"].n_classes == 0
        and list(next(data["train"].from_step(0))) == ["x"]
    )
    root = folder_of(tmp_path / "more", ["train/a.png", "train/b.png", "other/c.png"])
    assert len(images.load(root)[0]["train"]["x"]) == 2
    assert "1 image outside the splits' folders train left out" in capsys.readouterr().err


def test_iterators_over_a_folder(tmp_path):
    root = folder_of(tmp_path / "set", [f"{c}/{i}.png" for c in "ab" for i in range(20)], mode="L")
    data = images.get_iterators(8, root=root, size=6, valid=10)
    assert data["train"].data_shape == (1, 6, 6) and data["train"].n_classes == data["valid"].n_classes == 2
    assert (data["train"].n, data["valid"].n) == (30, 10)


def test_bad_sources(tmp_path):
    with pytest.raises(UserError, match="--iterator_args root: not given") as caught:
        images.get_iterators(4)
    assert caught.value.exit_code == 2
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip")
    cases = [
        (tmp_path / "none", "no such file"),
        (tmp_path / "empty", "no images in it"),
        (tmp_path / "text.zip", "not a zip"),
    ]
    for root, words in cases:
        with pytest.raises(MissingError, match=f"--iterator_args root={root}.*{words}") as caught:
            images.get_iterators(4, root=str(root))
        assert caught.value.exit_code == 3
    assert not (tmp_path / ".task_launcher").exists()
    root = folder_of(tmp_path / "mixed", ["a.png", "cat/b.png"])
    with pytest.raises(UserError, match="a.png lies in no class folder and cat/b.png does"):
        images.load(root)
    for option in ({"size": 0}, {"size": "big"}, {"crop": 2.5}, {"channels": 2}):
        with pytest.raises(UserError, match=f"--iterator_args {next(iter(option))}: given"):
            images.load(root, **option)


def test_sizes_that_differ(tmp_path):
    root = folder_of(tmp_path / "set", ["a.png", "b.png"])
    (root / "c.png").write_bytes(encoded(picture(2, width=9)))
    with pytest.raises(UserError, match="a.png has 8x8 pixels.*c.png 9x8.*--iterator_args size=N"):
        images.load(root)
    assert images.load(root, size=8)[0]["train"]["x"].shape == (3, 3, 8, 8)


@pytest.mark.parametrize(
    "damage", [lambda data: b"no image", lambda data: data[: len(data) // 2], lambda data: b""]
)
def test_an_image_that_cannot_be_decoded_is_named(tmp_path, damage):
    root = folder_of(tmp_path / "set", ["a/1.png", "a/2.png", "b/3.png"])
    (root / "b/3.png").write_bytes(damage((root / "b/3.png").read_bytes()))
    for source, name in (
        (root, root / "b/3.png"),
        (zip_of(root, tmp_path / "set.zip"), f"{tmp_path}/set.zip:b/3.png"),
    ):
        with pytest.raises(MissingError) as caught:
            images.load(source)
        assert str(caught.value).startswith(f"{name}: cannot be decoded (") and "\n" not in str(caught.value)
    assert not (tmp_path / ".task_launcher").exists()  # nothing half made is left


def test_a_broken_link_is_named(tmp_path):
    root = folder_of(tmp_path / "set", ["a.png"])
    (root / "b.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(MissingError, match="b.png: cannot be decoded"):
        images.load(root)


# --- the cache


def cache_of(root):
    (folder,) = (root.parent / ".task_launcher").glob(f"{root.stem}-*")
    return folder


def test_second_start_does_not_decode(tmp_path, no_decoding):
    root = folder_of(tmp_path / "set", [f"{c}/{i}.png" for c in "ab" for i in range(3)])
    path = zip_of(root, tmp_path / "pack.zip")
    first = [images.load(source)[0]["train"] for source in (root, path)]
    no_decoding()
    for source, before in zip((root, path), first):
        again, classes = images.load(source)
        assert classes == ["a", "b"] and all(np.array_equal(again["train"][k], before[k]) for k in "xy")
    folder = cache_of(root)
    meta = json.loads((folder / "meta.json").read_text())
    assert sorted(p.name for p in folder.iterdir()) == ["images.npy", "labels.npy", "meta.json"]
    assert meta["arrays"]["x"]["shape"] == [6, 8, 8, 3] and len(meta["arrays"]["y"]["sha256"]) == 64


def test_another_option_or_a_changed_source_is_another_cache(tmp_path):
    root = folder_of(tmp_path / "set", ["a.png", "b.png"])
    before = images.load(root)[0]["train"]["x"]
    assert images.load(root, size=4)[0]["train"]["x"].shape == (2, 3, 4, 4)
    (root / "b.png").write_bytes(encoded(picture(7)))
    os.utime(root / "b.png", (1, 1))
    after = images.load(root)[0]["train"]["x"]
    assert np.array_equal(before[0], after[0]) and np.array_equal(after[1], pixels_of(7).transpose(2, 0, 1))


@pytest.mark.parametrize("damage", ["truncate", "change", "labels", "meta", "lack"])
def test_a_damaged_cache_is_made_again(tmp_path, capsys, damage, no_decoding):
    root = folder_of(tmp_path / "set", ["a/1.png", "b/2.png"])
    before = images.load(root)[0]["train"]
    file = cache_of(root) / {"labels": "labels.npy", "meta": "meta.json"}.get(damage, "images.npy")
    data = bytearray(file.read_bytes())
    if damage == "lack":
        file.unlink()
    else:
        data[-1] ^= 1
        file.write_bytes(data if damage in ("change", "labels") else data[: len(data) // 2])
    again = images.load(root)[0]["train"]
    assert "damaged" in capsys.readouterr().err and all(np.array_equal(before[k], again[k]) for k in "xy")
    no_decoding()
    images.load(root)
    assert not capsys.readouterr().err and len(list((tmp_path / ".task_launcher").iterdir())) == 1


def test_a_pickle_is_not_loaded(tmp_path, capsys):
    root = folder_of(tmp_path / "set", ["a.png", "b.png"])
    images.load(root)
    np.save(cache_of(root) / "images.npy", np.array([{}], object), allow_pickle=True)
    images.load(root)
    assert "damaged" in capsys.readouterr().err


def test_large_sets_are_mapped(tmp_path, capsys):
    root = folder_of(
        tmp_path / "set", ["train/a.png", "train/b.png", "train/c.png", "test/d.png", "test/e.png"]
    )
    whole = images.load(root)[0]
    mapped = images.load(root, in_memory=100)[0]
    assert all(
        isinstance(mapped[s]["x"], np.memmap) and not isinstance(whole[s]["x"], np.memmap) for s in whole
    )
    assert all(np.array_equal(mapped[s]["x"], whole[s]["x"]) for s in whole)
    data = images.get_iterators(2, root=root, in_memory=100)
    assert data["train"].source.mapped and len(list(data["train"])) == 1 and not capsys.readouterr().err
    file = cache_of(root) / "images.npy"
    file.write_bytes(file.read_bytes()[:-10])
    assert np.array_equal(images.load(root, in_memory=100)[0]["train"]["x"], whole["train"]["x"])
    assert "damaged" in capsys.readouterr().err


def test_a_mapped_file_that_was_written_to_is_found_out(tmp_path, capsys):
    """Its sha256 is verified if its size or time changed. A cache without a stamp is always verified."""
    root = folder_of(tmp_path / "set", ["a/1.png", "b/2.png"])
    whole = np.array(images.load(root, in_memory=100)[0]["train"]["x"])
    file, meta = cache_of(root) / "images.npy", cache_of(root) / "meta.json"
    data = bytearray(file.read_bytes())
    file.write_bytes(data)  # the same bytes, later
    images.load(root, in_memory=100)
    assert not capsys.readouterr().err
    data[-1] ^= 1
    file.write_bytes(data)
    assert np.array_equal(images.load(root, in_memory=100)[0]["train"]["x"], whole)
    assert "damaged" in capsys.readouterr().err
    facts = json.loads(meta.read_text())
    del facts["arrays"]["x"]["stamp"]
    meta.write_text(json.dumps(cache.sealed(facts)))
    images.load(root, in_memory=100)
    assert not capsys.readouterr().err


def test_where_the_cache_lies(tmp_path, monkeypatch):
    root = folder_of(tmp_path / "in" / "set", ["a.png", "b.png"])
    images.load(root, cache=tmp_path / "chosen")
    assert (
        len(list((tmp_path / "chosen").iterdir())) == 1 and not (tmp_path / "in" / ".task_launcher").exists()
    )
    (tmp_path / "in").chmod(0o555)  # marked read-only: respected even by root
    try:
        images.load(root)
    finally:
        (tmp_path / "in").chmod(0o755)
    assert len(list((tmp_path / "xdg" / "task_launcher").glob("set-*"))) == 1
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"--iterator_args cache: .*{tmp_path}/file"):
        images.load(root, cache=tmp_path / "file")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(UserError, match="GiB free"):
        images.load(root, size=4)


def test_leftovers_of_killed_processes_go(tmp_path):
    root = folder_of(tmp_path / "set", ["a.png", "b.png"])
    old, new = [tmp_path / ".task_launcher" / f"set-0.part-{age}" for age in ("old", "new")]
    for folder in old, new:
        folder.mkdir(parents=True)
    os.utime(old, (1, 1))
    images.load(root)
    assert not old.exists() and new.exists()


WRITER = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from iterators.library.cache import cached_images
from iterators.library.files import Files
files = Files(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
plan = lambda: ({"train": files.names}, {}, {"classes": []})
splits, _ = cached_images(files.root, (files.key, files.identity), plan, files.read, files.label)
print(hashlib.sha256(splits["train"]["x"].tobytes()).hexdigest())
"""


def test_two_writers_at_once(tmp_path):
    root = folder_of(tmp_path / "set", [f"{i:03}.png" for i in range(150)])
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, ROOT, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    outputs = [writer.communicate(timeout=60) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], outputs
    assert outputs[0] == outputs[1] and not outputs[0][1]
    assert len(list((tmp_path / ".task_launcher").iterdir())) == 1
    assert len(images.load(root)[0]["train"]["x"]) == 150


def test_the_later_writer_keeps_the_earlier_cache_and_replaces_a_damaged_one(tmp_path):
    root = folder_of(tmp_path / "set", ["a.png", "b.png"])
    images.load(root)
    there = cache_of(root)
    made = tmp_path / "made"
    shutil.copytree(there, made)
    inode = (there / "images.npy").stat().st_ino
    identity = files.Files(root).identity
    whole = lambda: cache.find([str(there)], identity, None, cache.IN_MEMORY, False)
    cache.publish(str(made), str(there), whole)
    assert (there / "images.npy").stat().st_ino == inode
    (there / "images.npy").write_bytes(b"")
    cache.publish(str(made), str(there), whole)
    assert not made.exists() and whole()
