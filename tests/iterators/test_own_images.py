"""Folders and zips as people have them: each case was wrong without a word, or ended otherwise than
documented."""

import io
import json
import os
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import MissingError, UserError
from iterators import images, unpaired_images
from iterators.library import cache, decoding, files

RANDOM = np.random.RandomState(0)
RAMP = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)


def rgb(width=16, height=16):
    return Image.fromarray(RANDOM.randint(0, 256, (height, width, 3), dtype=np.uint8))


def grey(width=16, height=16):
    return Image.fromarray(RANDOM.randint(0, 256, (height, width), dtype=np.uint8))


def fill(folder, n=6, make=rgb):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        make().save(folder / f"{i}.png")
    return folder


def x_of(splits, split="train", n=None):
    made = images.common.iterators(splits, 2)[split]
    return made.pick(range(made.n))["x"]


# --- identity


def same_times(root):
    for path in sorted(root.rglob("*")):
        os.utime(path, ns=(10**18, 10**18))
    return root


def bitmaps(root, value):
    """Images whose files have one size whatever their pixels."""
    root.mkdir(parents=True, exist_ok=True)
    for i in range(4):
        Image.new("RGB", (8, 8), (value, i, 0)).save(root / f"{i}.bmp")
    return same_times(root)


def test_two_sets_of_the_same_names_sizes_and_times(tmp_path):
    a, b = bitmaps(tmp_path / "one" / "set", 10), bitmaps(tmp_path / "two" / "set", 200)
    for _ in range(2):  # and again from the caches
        for root, value in (a, 10), (b, 200):
            assert np.unique(images.load(root, cache=tmp_path / "c")[0]["train"]["x"][:, 0]).tolist() == [
                value
            ]
    assert len(list((tmp_path / "c").iterdir())) == 2


def test_a_file_replaced_with_its_time_kept(tmp_path):
    root = bitmaps(tmp_path / "set", 10)
    images.load(root)
    Image.new("RGB", (8, 8), (99, 0, 0)).save(root / "0.bmp")
    same_times(root)
    assert images.load(root)[0]["train"]["x"][:, 0, 0, 0].tolist() == [99, 10, 10, 10]
    assert len(list((tmp_path / ".task_launcher").iterdir())) == 1  # the old one is gone


@pytest.mark.parametrize("change", ["moved", "copied", "touched"])
def test_a_cache_is_kept_where_only_path_inode_or_ctime_differ(tmp_path, monkeypatch, change):
    root = bitmaps(tmp_path / "set", 10)
    before = images.load(root, cache=tmp_path / "c")[0]
    if change == "moved":
        root = root.rename(tmp_path / "elsewhere")
    elif change == "copied":
        root = bitmaps(tmp_path / "copy", 10)
    else:
        os.chmod(root / "0.bmp", 0o600)
    monkeypatch.setattr(decoding, "picture", None)
    reads, read = [], files.Files.read
    monkeypatch.setattr(files.Files, "read", lambda self, name: reads.append(name) or read(self, name))
    after = images.load(root, cache=tmp_path / "c")[0]
    assert np.array_equal(before["train"]["x"], after["train"]["x"]) and len(reads) == 4
    assert before.digest == after.digest
    images.load(root, cache=tmp_path / "c")
    assert len(reads) == 4  # what was compared once is known


def test_a_zip_and_a_folder_of_the_same_images_have_one_digest(tmp_path):
    root = tmp_path / "set"
    fill(root / "cat")
    fill(root / "dog")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        for path in sorted(root.rglob("*.png")):
            file.write(path, path.relative_to(root))
    before = images.load(root)[0].digest
    assert len(before) == 64 and images.load(tmp_path / "set.zip")[0].digest == before
    (root / "cat" / "5.png").rename(root / "dog" / "9.png")
    assert images.load(root)[0].digest != before


# --- grey and colour


@pytest.mark.parametrize("first", [grey, rgb])
def test_a_mixed_set_is_colour(tmp_path, first):
    root = fill(tmp_path / "set", 3, grey if first is rgb else rgb)
    first().save(root / "0.png")
    x = images.load(root)[0]["train"]["x"]
    assert x.shape == (3, 3, 16, 16)
    for i in range(3):
        assert np.array_equal(x[i].transpose(1, 2, 0), Image.open(root / f"{i}.png").convert("RGB"))
    assert images.load(root, channels=1)[0]["train"]["x"].shape == (3, 1, 16, 16)
    assert images.load(root, channels=4)[0]["train"]["x"][:, 3].min() == 255
    fill(tmp_path / "grey", 3, grey)
    assert images.load(tmp_path / "grey")[0]["train"]["x"].shape[1] == 1


@pytest.mark.parametrize("grey_one", ["trainA", "testA"])
def test_all_splits_of_a_domain_agree(tmp_path, grey_one):
    for name in ("trainA", "testA", "trainB", "testB"):
        fill(tmp_path / name, 4, grey if name in (grey_one, "trainB", "testB") else rgb)
    data = unpaired_images.get_iterators(2, root=tmp_path, size=16, load_size=16)
    assert data["train"].data_shape == data["test"].data_shape == (3, 16, 16)
    assert data["train"].data_shape_b == data["test"].data_shape_b == (1, 16, 16)
    batch = next(iter(data["test"]))
    assert batch["x"].shape == (2, 3, 16, 16) and batch["x_b"].shape == (2, 1, 16, 16)


def test_ranges_of_a_domains_splits_agree(tmp_path, capsys):
    for name, top in ("trainA", 4095), ("testA", 200), ("trainB", 255):
        (tmp_path / name).mkdir()
        for i in range(4):
            values = (RAMP // 16 * (top / 4095)).astype(np.uint16 if name != "trainB" else np.uint8)
            Image.fromarray(values).save(tmp_path / name / f"{i}.png")
    (tmp_path / "testB").mkdir()
    grey().save(tmp_path / "testB" / "0.png")
    data = unpaired_images.get_iterators(2, root=tmp_path, size=16, load_size=16, flip=False)
    test = next(iter(data["test"]))["x"]
    assert abs(test.max() - (2 * 200 / 4095 - 1)) < 1e-6  # by the range of the whole domain: dark


# --- splits and classes


@pytest.mark.parametrize(
    "train, valid, test",
    [
        ("Train", "Val", "Test"),
        ("training", "validation", "testing"),
        ("TRAIN", "dev", "TESTING"),
        ("train", "valid", "test"),
    ],
)
def test_splits_are_known_by_their_usual_names(tmp_path, train, valid, test):
    for n, name in enumerate((train, valid, test)):
        for c in ("cat", "cow", "dog"):
            fill(tmp_path / name / c, 3 + n)
    splits, classes = images.load(tmp_path)
    assert classes == ["cat", "cow", "dog"]
    assert {split: len(part["x"]) for split, part in splits.items()} == {"train": 9, "valid": 12, "test": 15}


def test_splits_may_be_named_or_taken_as_classes(tmp_path):
    for name in ("Train", "Test", "other"):
        fill(tmp_path / name / "cat", 3)
    splits, classes = images.load(tmp_path, splits=False)
    assert classes == ["Test", "Train", "other"] and list(splits) == ["train"]
    splits, classes = images.load(tmp_path, splits={"train": "other", "test": "Test"})
    assert classes == ["cat"] and {name: len(part["x"]) for name, part in splits.items()} == {
        "train": 3,
        "test": 3,
    }
    for given in (5, "A", {"test": "Test"}, {"train": "other", "rest": "Test"}):
        with pytest.raises(UserError, match="--iterator_args splits: given"):
            images.load(tmp_path, splits=given)
    with pytest.raises(UserError, match="splits: no images in .*/none"):
        images.load(tmp_path, splits={"train": "none"})
    fill(tmp_path / "training" / "cat")
    with pytest.raises(
        UserError, match="Train and training are both folders of the split train; use splits="
    ):
        images.load(tmp_path)


def test_classes_of_the_test_split_alone_have_numbers(tmp_path):
    for name in ("train/cat", "train/dog", "test/ant", "test/dog"):
        fill(tmp_path / name, 2)
    splits, classes = images.load(tmp_path)
    assert classes == ["ant", "cat", "dog"]
    assert splits["train"]["y"].tolist() == [1, 1, 2, 2] and splits["test"]["y"].tolist() == [0, 0, 2, 2]


@pytest.mark.parametrize("zipped", [False, True])
def test_an_empty_class_keeps_its_number(tmp_path, capsys, zipped):
    root = tmp_path / "set"
    fill(root / "0_cat")
    (root / "1_cow").mkdir()
    fill(root / "2_dog")
    (root / "3_eel").mkdir()
    (root / "3_eel" / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")  # of a kind that is not read
    (root / "notes").mkdir()
    (root / "notes" / "list.txt").write_text("no class")
    if zipped:
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
            for path in sorted(root.rglob("*")):
                file.write(path, path.relative_to(root))
        root = tmp_path / "set.zip"
    splits, classes = images.load(root)
    assert (
        classes == ["0_cat", "1_cow", "2_dog", "3_eel"] and splits["train"]["y"].tolist() == [0] * 6 + [2] * 6
    )
    said = capsys.readouterr().err
    assert "no images of 2 of 4 classes, 1_cow, 3_eel" in said
    assert (
        "left out 2 files of other kinds than images: 1 .heic (3_eel/a.heic), 1 .txt (notes/list.txt)" in said
    )


@pytest.mark.parametrize("zipped", [False, True])
def test_labels_of_a_dataset_json_count_in_place_of_folders(tmp_path, capsys, zipped):
    root = tmp_path / "set"
    fill(root / "00000", 3)
    fill(root / "00001", 2)
    names = [f"00000/{i}.png" for i in range(3)] + [f"00001/{i}.png" for i in range(2)]

    def load(labels):
        (root / "dataset.json").write_text(json.dumps({"labels": labels}))
        if not zipped:
            return images.load(root)
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
            for path in sorted(root.rglob("*")):
                file.write(path, path.relative_to(root))
        return images.load(tmp_path / "set.zip")

    splits, classes = load(list(zip(names, (4, 0, 2, 2, 0))))
    assert splits["train"]["y"].tolist() == [4, 0, 2, 2, 0] and classes == ["0", "1", "2", "3", "4"]
    said = capsys.readouterr().err
    assert "labels are those of dataset.json" in said and "left out" not in said
    splits, classes = load(list(zip(names, (1, 1, 0, 0, 0))))  # the file alone has changed
    assert splits["train"]["y"].tolist() == [1, 1, 0, 0, 0] and classes == ["0", "1"]
    splits, classes = load(None)
    assert "y" not in splits["train"] and classes == []
    with pytest.raises(UserError, match="has no label of 00001/1.png; use labels for all"):
        load(list(zip(names[:4], (1, 1, 0, 0))))
    with pytest.raises(UserError, match="has the label .'00000/0.png', .0.5, 0.5..; must be"):
        load([[names[0], [0.5, 0.5]]])
    (root / "dataset.json").write_text(json.dumps({"info": "another tool's"}))
    assert images.load(root)[1] == ["00000", "00001"]


# --- what is an image


def test_a_scraped_set_is_read_whole(tmp_path, capsys):
    root = tmp_path / "set"
    root.mkdir()
    kinds = ["jpg", "tga", "png", "jp2", "avif", "webp"]
    for kind in kinds:
        try:
            rgb().save(root / f"a.{kind}")
        except (OSError, KeyError, ValueError):  # this Pillow cannot write it
            kinds = [k for k in kinds if k != kind]
    rgb().save(root / "bare", "png")
    rgb().save(root / "odd.0001", "jpeg")
    rgb().save(root / "picture.jpg_large", "jpeg")
    for name, start in (
        ("post.eps", b"%!PS-Adobe-3.0 EPSF-3.0"),
        ("bare_eps", b"%!PS-Adobe-3.0"),
        ("p", b"%PDF-1.4"),
    ):
        (root / name).write_bytes(start)
    assert len(images.load(root)[0]["train"]["x"]) == len(kinds) + 3
    said = capsys.readouterr().err
    assert (
        "left out 3 files" in said
        and "2 without extension (bare_eps, ...)" in said
        and "1 .eps (post.eps)" in said
    )


def test_eps_under_an_images_name_is_not_handed_to_other_programs(tmp_path, monkeypatch):
    root = fill(tmp_path / "set", 2)
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\nshowpage\n"
    (root / "z.png").write_bytes(data)
    monkeypatch.setattr("subprocess.Popen", None)
    with pytest.raises(MissingError, match="z.png: cannot be decoded .cannot identify image file"):
        images.load(root)


def test_members_with_backslashes_keep_their_classes(tmp_path):
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as file:
        for c in ("cat", "dog"):
            for i in range(3):
                data, info = io.BytesIO(), zipfile.ZipInfo("x")
                rgb().save(data, "png")
                info.filename = info.orig_filename = f"pets\\{c}\\{i}.png"
                file.writestr(info, data.getvalue())
    splits, classes = images.load(tmp_path / "pets.zip")
    assert classes == ["cat", "dog"] and splits["train"]["y"].tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("kind", ["truncated", "empty", "html", "bomb"])
def test_an_image_that_cannot_be_read_is_named(tmp_path, kind):
    root = tmp_path / "set"
    root.mkdir()
    for i in range(4):
        rgb(64, 64).save(root / f"{i}.jpg")

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 20000, 20000, 1, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    data = {
        "truncated": (root / "3.jpg").read_bytes()[:300],
        "empty": b"",
        "html": b"<html>404</html>",
        "bomb": bomb,
    }
    (root / "z.png").write_bytes(data[kind])
    with pytest.raises(MissingError, match="z.png: cannot be decoded") as caught:
        images.load(root)
    assert caught.value.exit_code == 3 and len(str(caught.value)) < 300


def test_damaged_exif_does_not_matter(tmp_path, recwarn):
    root = tmp_path / "set"
    root.mkdir()
    data = io.BytesIO()
    rgb(64, 64).save(data, "jpeg")
    data = data.getvalue()
    bad = [
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01",
        b"Exif\0\0garbage!",
    ]
    for k, exif in enumerate(bad):
        (root / f"{k}.jpg").write_bytes(
            data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
        )
    assert len(images.load(root)[0]["train"]["x"]) == 3


# --- more than 8 bits


def test_sixteen_bits_are_kept(tmp_path, capsys):
    (tmp_path / "set").mkdir()
    wide = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for i in range(4):
        Image.fromarray(wide).save(tmp_path / "set" / f"{i}.png")
    Image.frombytes("I;16B", (256, 256), wide.astype(">u2").tobytes()).save(tmp_path / "set" / "big.tif")
    data = images.get_iterators(2, root=tmp_path / "set")["train"]
    assert "values are uint16, largest 65535: black is 0, white 65535, 16 bits" in capsys.readouterr().err
    x = data.pick(range(5))["x"]
    expected = torch.from_numpy(wide.astype(np.float64)) / 32767.5 - 1
    assert len(x[0].unique()) == 65536 and (x[0, 0] - expected).abs().max() < 1e-6
    assert torch.equal(x[0], x[4]) and x.min() == -1 and x.max() == 1


@pytest.mark.parametrize(
    "largest, top", [(200, 255), (256, 1023), (4095, 4095), (4096, 16383), (40000, 65535)]
)
def test_the_range_is_that_of_the_whole_set(tmp_path, largest, top):
    """12-bit pictures in 16-bit files came out black; the range is not that of one image."""
    (tmp_path / "set").mkdir()
    for i, peak in enumerate((largest // 4, largest, largest // 2)):
        Image.fromarray((RAMP * (peak / 65535)).astype(np.uint16)).save(tmp_path / "set" / f"{i}.png")
    values = [np.asarray(Image.open(tmp_path / "set" / f"{i}.png")).astype(np.float64) for i in range(3)]
    data = images.get_iterators(3, root=tmp_path / "set")["train"]
    x = data.pick(range(3))["x"][:, 0].double().numpy()
    assert np.abs(x - (np.stack(values) * 2 / top - 1)).max() < 1e-6
    given = images.get_iterators(3, root=tmp_path / "set", range=largest)["train"].pick(range(3))["x"]
    assert abs(given.max().item() - (values[1].max() * 2 / largest - 1)) < 1e-6


def test_eight_bits_among_sixteen_are_as_bright(tmp_path):
    (tmp_path / "set").mkdir()
    Image.fromarray(RAMP // 16).save(tmp_path / "set" / "a.png")
    Image.fromarray(np.full((16, 16), 255, np.uint8)).save(tmp_path / "set" / "b.png")
    x = images.get_iterators(2, root=tmp_path / "set")["train"].pick([0, 1])["x"]
    assert x[0].max() == 1 and (x[1] == 1).all()


def test_sixteen_bits_in_colour(tmp_path):
    def png(values):
        def chunk(name, data):
            return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
        head = struct.pack(
            ">IIBBBBB", values.shape[1], values.shape[0], 16, {3: 2, 4: 6}[values.shape[2]], 0, 0, 0
        )
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b"")
        )

    (tmp_path / "set").mkdir()
    values = RANDOM.randint(0, 65536, (2, 16, 16, 3)).astype(np.uint16)
    for i in range(2):
        (tmp_path / "set" / f"{i}.png").write_bytes(png(values[i]))
    x = images.load(tmp_path / "set")[0]["train"]["x"]
    assert x.dtype == np.uint16 and np.array_equal(x.transpose(0, 2, 3, 1), values)
    clear = np.concatenate([values, np.zeros((2, 16, 16, 1), np.uint16)], 3)
    (tmp_path / "set" / "1.png").write_bytes(png(clear[1]))
    x = images.load(tmp_path / "set")[0]["train"]["x"]
    assert np.array_equal(x[0].transpose(1, 2, 0), values[0]) and (x[1] == 65535).all()  # laid over white


def test_transparent_grey_of_sixteen_bits_lies_over_white(tmp_path):
    (tmp_path / "set").mkdir()
    for i in range(2):
        Image.fromarray(RAMP // 16).save(tmp_path / "set" / f"{i}.png", transparency=0)
    x = images.get_iterators(2, root=tmp_path / "set")["train"].pick([0, 1])["x"]
    assert x[0, 0, 0, 0] == 1 and x[0, 0, 0, 1] < -0.98 and x[0, 0, -1, -1] == 1


@pytest.mark.parametrize(
    "low, high, found", [(0.0, 1.0, (0, 1)), (-1.0, 1.0, (-1, 1)), (-0.5, 0.25, (-1, 1)), (0.0, 0.3, (0, 1))]
)
def test_floats_in_a_usual_range(tmp_path, low, high, found):
    (tmp_path / "set").mkdir()
    values = [np.linspace(low, high, 256, dtype=np.float32).reshape(16, 16) for _ in range(2)]
    for i in range(2):
        Image.fromarray(values[i]).save(tmp_path / "set" / f"{i}.tif")
    x = images.get_iterators(2, root=tmp_path / "set")["train"].pick([0, 1])["x"][0, 0]
    expected = values[0] if found[0] else values[0].astype(np.float64) * 2 - 1
    assert np.abs(x.numpy() - expected).max() < 1e-6


def test_other_floats_need_a_range(tmp_path):
    (tmp_path / "set").mkdir()
    for i in range(2):
        values = np.linspace(-1000, 400, 256, dtype=np.float32).reshape(16, 16)
        Image.fromarray(values).save(tmp_path / "set" / f"{i}.tif")
    with pytest.raises(UserError, match="range: not given, and .* holds values of -1000 .. 400; use"):
        images.load(tmp_path / "set")
    x = images.get_iterators(2, root=tmp_path / "set", range=(-600, 400))["train"].pick([0, 1])["x"]
    assert x.min() == -1 and x.max() == 1 and (x == -1).float().mean() > 0.25  # cut below
    for given in ("a", (5, 5), (1, 0), (1, 2, 3), True, float("nan")):
        with pytest.raises(UserError, match="--iterator_args range: given"):
            images.load(tmp_path / "set", range=given)
    grey().save(tmp_path / "set" / "b.png")
    with pytest.raises(UserError, match="has uint8 pixels and .* float32"):
        images.load(tmp_path / "set", range=(-600, 400))


def test_deep_images_are_resized_within_their_range(tmp_path):
    (tmp_path / "set").mkdir()
    edge = np.zeros((32, 32), np.uint16)
    edge[:, 16:] = 4095
    for i in range(2):
        Image.fromarray(edge).save(tmp_path / "set" / f"{i}.png")
    splits = images.load(tmp_path / "set", size=8)[0]
    x = splits["train"]["x"]
    assert splits.value_range == (0, 4095) and x.min() == 0 and x.max() == 4095
    shallow = decoding.fit(Image.fromarray((edge // 16).astype(np.uint8)), 8)
    assert np.abs(x[0, 0] / 4095 - np.asarray(shallow) / 255).max() < 0.01


# --- odd folders


def test_a_link_in_a_circle_is_left_out(tmp_path, capsys):
    root = fill(tmp_path / "set" / "cat").parent
    (root / "cat" / "self").symlink_to(root)
    (root / "loop").symlink_to(root / "loop")
    fill(tmp_path / "elsewhere" / "deep")
    (root / "dog").symlink_to(tmp_path / "elsewhere")
    splits, classes = images.load(root)
    assert classes == ["cat", "dog"] and len(splits["train"]["x"]) == 12
    assert "1 link in a circle (cat/self)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "make, words", [(os.mkfifo, "a FIFO"), (lambda path: os.symlink("/dev/zero", path), "a device")]
)
def test_what_is_no_file_is_named(tmp_path, make, words):
    root = fill(tmp_path / "set", 3)
    make(root / "z.png")
    with pytest.raises(MissingError, match=f"z.png: {words}, not an image file; remove it"):
        images.load(root)
    (root / "z.png").rename(root / "bare")
    assert len(images.load(root)[0]["train"]["x"]) == 3  # left out, and not opened
    with pytest.raises(MissingError, match=f"{words}; use a folder or a .zip"):
        images.load(root / "bare")


def test_a_file_of_unreasonable_size(tmp_path):
    root = fill(tmp_path / "set", 3)
    with open(root / "z.png", "wb") as file:
        file.truncate(files.LARGEST_FILE + 1)
    with pytest.raises(MissingError, match="z.png: has 1.0 GiB; an image file may have 1 GiB"):
        images.load(root)


@pytest.mark.parametrize("name", ["n" * 245, "\u00e9" * 122])
def test_long_names(tmp_path, name):
    images.load(fill(tmp_path / name, 2))
    (made,) = (tmp_path / ".task_launcher").iterdir()
    assert len(os.fsencode(made.name)) < 255


def garble(folder, kind):
    meta = json.loads((folder / "meta.json").read_text())
    if kind == "list":
        meta = []
    elif kind == "no splits":
        del meta["facts"]["splits"]
    elif kind == "other splits":
        meta["facts"]["splits"] = {"train": [0, 1], "test": [1, 4]}
    elif kind == "terabytes":
        data = (folder / "images.npy").read_bytes()
        header = data[:128].replace(b"(4, 16, 16, 3)", b"(4999999, 1616, 16, 3)")
        (folder / "images.npy").write_bytes(
            header[:10] + header[10:].rstrip()[:117].ljust(117) + b"\n" + data[128:]
        )
    (folder / "meta.json").write_text(json.dumps(meta))


@pytest.mark.parametrize("kind", ["list", "no splits", "other splits", "terabytes"])
def test_a_garbled_description_is_made_again(tmp_path, capsys, kind):
    root = fill(tmp_path / "set", 4)
    before = images.load(root)[0]["train"]["x"]
    (folder,) = (tmp_path / ".task_launcher").iterdir()
    garble(folder, kind)
    after = images.load(root)[0]
    assert list(after) == ["train"] and np.array_equal(before, after["train"]["x"])
    assert "is damaged" in capsys.readouterr().err


# --- the command that lists caches


def test_caches_are_listed_and_pruned(tmp_path, capsys):
    from iterators import cache as command

    a, b = fill(tmp_path / "one" / "a", 3), fill(tmp_path / "two" / "b", 3)
    for root in (a, b):
        images.load(root)
    assert command.main([]) == 0
    out = capsys.readouterr().out
    assert str(a) in out and str(b) in out and "2 caches" in out and "used 2" in out
    b.rename(tmp_path / "gone")
    assert command.main(["--prune", "--gone"]) == 0
    out = capsys.readouterr().out
    assert "(source is gone)" in out and "removed 1 of them" in out
    assert command.main(["--prune", "--days=1"]) == 0 and "removed 0 of them" in capsys.readouterr().out
    (kept,) = (tmp_path / "one" / ".task_launcher").iterdir()
    os.utime(kept, (1, 1))
    images.load(a)  # a use
    assert command.main(["--prune", "--days=1"]) == 0 and "removed 0 of them" in capsys.readouterr().out
    os.utime(kept, (1, 1))
    assert command.main(["--prune", "--days=1"]) == 0 and "removed 1 of them" in capsys.readouterr().out
    assert not kept.exists()
    with pytest.raises(UserError, match="--prune: use it together with"):
        command.main(["--prune"])
    with pytest.raises(MissingError, match="no such folder"):
        command.main([str(tmp_path / "none")])


def test_the_registered_places_are_those_of_caches(tmp_path):
    images.load(fill(tmp_path / "set", 3), cache=tmp_path / "c")
    assert cache.registered() == [str(tmp_path / "c")]
