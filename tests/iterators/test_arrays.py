import os

import numpy as np
import pytest
import torch
from PIL import Image

from engine import data_digest
from engine.errors import MissingError, UserError
from iterators import arrays, unpaired_images
from iterators.library import decoding

RANDOM = np.random.RandomState(0)
BYTES = RANDOM.randint(0, 256, (12, 16, 16, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3


def x_of(root, **options):
    made = arrays.get_iterators(4, root=str(root), **options)["train"]
    batch = made.pick(range(made.n))
    return batch["x"].double().numpy(), batch.get("y"), made


def saved(path, array):
    np.save(path, array)
    return path


@pytest.mark.parametrize(
    "array, expected",
    [
        (BYTES, BYTES.transpose(0, 3, 1, 2) / 127.5 - 1),
        (BYTES.transpose(0, 3, 1, 2), BYTES.transpose(0, 3, 1, 2) / 127.5 - 1),
        (BYTES[..., 0], BYTES[:, None, :, :, 0] / 127.5 - 1),
        (BYTES[..., :1], BYTES[:, None, :, :, 0] / 127.5 - 1),
        (BYTES.astype(np.int64), BYTES.transpose(0, 3, 1, 2) / 127.5 - 1),
        (BYTES.astype(">u2"), BYTES.transpose(0, 3, 1, 2) / 127.5 - 1),
        (BYTES.astype(np.uint16) * 16, BYTES.transpose(0, 3, 1, 2) * 16.0 / 2047.5 - 1),
        (BYTES / 255, BYTES.transpose(0, 3, 1, 2) / 127.5 - 1),
        (BYTES / 127.5 - 1, BYTES.transpose(0, 3, 1, 2) / 127.5 - 1),
        (BYTES[..., 0] > 127, (BYTES[:, None, :, :, 0] > 127) * 2.0 - 1),
    ],
)
def test_types_and_layouts(tmp_path, array, expected):
    options = {"range": 1} if array.dtype == bool else {}
    x, y, made = x_of(saved(tmp_path / "a.npy", array), **options)
    assert y is None and made.data_shape == expected.shape[1:] and np.abs(x - expected).max() < 2e-7


@pytest.mark.parametrize("channels", [2, 4, 5, 13])
@pytest.mark.parametrize("dtype, top", [(np.uint8, 255), (np.uint16, 16383)])
def test_any_number_of_channels(tmp_path, channels, dtype, top):
    values = RANDOM.randint(0, top + 1, (6, 16, 16, channels)).astype(dtype)
    values[0, 0, 0, 0] = top
    for name, array in ("last", values), ("first", values.transpose(0, 3, 1, 2)):
        x, _, made = x_of(saved(tmp_path / f"{name}.npy", array))
        assert made.data_shape == (channels, 16, 16)
        assert np.abs(x - (values.transpose(0, 3, 1, 2) * 2.0 / top - 1)).max() < 2e-7
    assert len(np.unique(x)) > 256 or dtype == np.uint8


@pytest.mark.parametrize("shape", [(6, 8, 8, 8), (6, 3, 8, 3), (6, 8, 8, 13), (6, 4, 16, 4)])
def test_an_ambiguous_shape_is_refused(tmp_path, shape):
    root = saved(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    with pytest.raises(
        UserError, match=r"layout: not given, and .* may be either; use layout=nhwc or layout=nchw"
    ):
        arrays.get_iterators(2, root=root)
    n, a, b, c = shape
    assert arrays.get_iterators(2, root=root, layout="nhwc")["train"].data_shape == (c, a, b)
    assert arrays.get_iterators(2, root=root, layout="nchw")["train"].data_shape == (a, b, c)
    with pytest.raises(UserError, match="layout: given 'hwc'"):
        arrays.get_iterators(2, root=root, layout="hwc")


@pytest.mark.parametrize(
    "names", [("arr_0", "arr_1"), ("images", "labels"), ("x", "y"), ("x_train", "y_train")]
)
def test_usual_npz_layouts(tmp_path, names):
    for kind, save in ("plain", np.savez), ("packed", np.savez_compressed):
        save(tmp_path / f"{kind}.npz", **dict(zip(names, (BYTES, LABELS))))
        x, y, made = x_of(tmp_path / f"{kind}.npz")
        assert (
            np.abs(x - (BYTES.transpose(0, 3, 1, 2) / 127.5 - 1)).max() < 2e-7
            and y.tolist() == LABELS.tolist()
        )
        assert made.n_classes == 3
    np.savez(tmp_path / "hot.npz", **dict(zip(names, (BYTES, np.eye(3)[LABELS]))))
    assert x_of(tmp_path / "hot.npz")[1].tolist() == LABELS.tolist()


def test_batches_of_imagenet_32(tmp_path):
    flat = BYTES.transpose(0, 3, 1, 2).reshape(12, -1)
    for k in range(10, 0, -1):
        np.savez(
            tmp_path / f"train_data_batch_{k}.npz", data=flat + np.uint8(k), labels=np.arange(12) % 3 + 1
        )
    np.savez(tmp_path / "val_data.npz", data=flat, labels=np.arange(12) % 3 + 1)
    made = arrays.get_iterators(4, root=tmp_path)
    assert made["train"].n == 120 and made["test"].n == 12 and made["train"].n_classes == 3
    first, last = made["train"].pick([0])["x"][0], made["train"].pick([108])["x"][0]
    for x, k in (first, 1), (last, 10):
        expected = (BYTES[0] + np.uint8(k)).transpose(2, 0, 1) / 127.5 - 1
        assert np.abs(x.numpy() - expected).max() < 2e-7


def test_files_of_torch(tmp_path):
    x, y = torch.from_numpy(BYTES.transpose(0, 3, 1, 2).copy()), torch.from_numpy(LABELS)
    for name, held in ("t", x), ("pair", (x, y)), ("dict", {"images": x, "labels": y}):
        torch.save(held, tmp_path / f"{name}.pt")
        found, labels, _ = x_of(tmp_path / f"{name}.pt")
        assert np.abs(found - (x.numpy() / 127.5 - 1)).max() < 2e-7
        assert (labels is None) == (name == "t") and (labels is None or labels.tolist() == LABELS.tolist())
    torch.save(object, tmp_path / "code.pt")
    with pytest.raises(MissingError, match="code.pt: cannot be read"):
        x_of(tmp_path / "code.pt")


@pytest.mark.parametrize("kind", ["grey", "sixteen", "colour", "float"])
def test_pages_of_a_tiff(tmp_path, kind):
    values = {
        "grey": BYTES[..., 0],
        "sixteen": BYTES[..., 0].astype(np.uint16) * 16,
        "colour": BYTES,
        "float": (BYTES[..., 0] / 255).astype(np.float32),
    }[kind]
    pages = [Image.fromarray(page) for page in values]
    pages[0].save(tmp_path / "m.tif", save_all=True, append_images=pages[1:])
    x, _, _ = x_of(tmp_path / "m.tif")
    values = values[:, None] if values.ndim == 3 else values.transpose(0, 3, 1, 2)
    top = {"sixteen": 4095, "float": 1}.get(kind, 255)
    assert np.abs(x - (values * 2.0 / top - 1)).max() < 2e-7


def test_pages_of_many_channels(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = RANDOM.randint(0, 65536, (4, 16, 16, 5)).astype(np.uint16)
    values[0, 0, 0, 0] = 65535
    with tifffile.TiffWriter(tmp_path / "m.tif") as file:
        for page in values:
            file.write(page, photometric="minisblack", planarconfig="contig")
    x, _, _ = x_of(tmp_path / "m.tif")
    assert np.abs(x - (values.transpose(0, 3, 1, 2) / 32767.5 - 1)).max() < 2e-7


def test_splits_of_a_folder_share_one_range(tmp_path):
    train, test = (RANDOM.randint(0, top, (8, 16, 16)).astype(np.uint16) for top in (300, 4000))
    saved(tmp_path / "Train.npy", train)
    saved(tmp_path / "testing.npy", test)
    saved(tmp_path / "train_labels.npy", np.arange(8) % 2)
    saved(tmp_path / "test_labels.npy", np.arange(8) % 4)
    made = arrays.get_iterators(4, root=tmp_path)
    assert made["train"].n_classes == made["test"].n_classes == 4
    for split, values in ("train", train), ("test", test):
        x = made[split].pick(range(8))["x"][:, 0].double().numpy()
        assert np.abs(x - (values / 2047.5 - 1)).max() < 2e-7


def test_options(tmp_path):
    root = saved(tmp_path / "a.npy", BYTES)
    labels, test = saved(tmp_path / "l.npy", LABELS), saved(tmp_path / "t.npy", BYTES)
    made = arrays.get_iterators(4, root=root, labels=labels, valid=4)
    assert made["train"].n == 8 and made["valid"].n == 4 and made["train"].n_classes == 3
    assert arrays.get_iterators(4, root=root, test=str(test))["test"].n == 12
    x = x_of(root, size=8)[0]
    expected = decoding.resize_all(BYTES, 8).transpose(0, 3, 1, 2)
    assert np.abs(x - (expected / 127.5 - 1)).max() < 2e-7
    for name, channels in ("four", 4), ("two", 2):
        flat = saved(tmp_path / f"{name}.npy", np.full((4, 16, 16, channels), 77, np.uint8))
        assert np.abs(x_of(flat, size=8)[0] - (77 / 127.5 - 1)).max() < 2e-7


def test_large_files_stay_on_disc(tmp_path):
    wide = BYTES.astype(np.uint16) * 200
    for array in (BYTES, BYTES.transpose(0, 3, 1, 2), wide):
        root = saved(tmp_path / "a.npy", array)
        mapped, whole = x_of(root, in_memory=100), x_of(root)
        assert mapped[2].source.mapped and not whole[2].source.mapped and np.array_equal(mapped[0], whole[0])


@pytest.mark.parametrize(
    "array, words",
    [
        (np.zeros((5,), np.uint8), "has shape"),
        (np.zeros((4, 16, 16, 3, 2), np.uint8), "has shape"),
        (np.zeros((4, 16, 16), complex), "complex128"),
        (np.array(["a"]), "use numbers"),
        (np.full((4, 16, 16), np.nan), "not finite"),
        (BYTES * 1.0, "range: not given, and .* holds values of 0 .. 255"),
        (BYTES.astype(np.int32) - 100, "range: not given, and .* holds values of -100 .. 155"),
    ],
)
def test_what_is_refused(tmp_path, array, words):
    with pytest.raises(UserError, match=words) as caught:
        arrays.get_iterators(2, root=saved(tmp_path / "a.npy", array))
    assert len(str(caught.value)) < 300


def test_files_that_cannot_be_read(tmp_path):
    np.save(tmp_path / "pickled.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("text")
    (tmp_path / "cut.npz").write_bytes(b"PK\3\4")
    header = saved(tmp_path / "tera.npy", BYTES).read_bytes()
    (tmp_path / "tera.npy").write_bytes(header.replace(b"(12, 16, 16, 3), }", b"(999999999,16,3) }"))
    os.mkfifo(tmp_path / "fifo.npy")
    for name in ("pickled.npy", "text.npy", "cut.npz", "tera.npy", "fifo.npy", "none.npy"):
        with pytest.raises(MissingError, match=name) as caught:
            arrays.get_iterators(2, root=tmp_path / name)
        assert caught.value.exit_code == 3
    saved(tmp_path / "few.npy", LABELS[:5])
    with pytest.raises(UserError, match="few.npy: labels are .* use 12 whole numbers"):
        arrays.get_iterators(2, root=saved(tmp_path / "a.npy", BYTES), labels=tmp_path / "few.npy")
    with pytest.raises(UserError, match="root: not given"):
        arrays.get_iterators(2)


def test_the_digest_is_that_of_the_files(tmp_path):
    root = saved(tmp_path / "a.npy", BYTES)
    first = data_digest.of(arrays.get_iterators(2, root=root))
    assert first == data_digest.of(arrays.get_iterators(2, root=root)) and len(first) == 64
    other = BYTES.copy()
    other[3, 3, 3, 1] ^= 1
    saved(root, other)
    assert data_digest.of(arrays.get_iterators(2, root=root)) != first
    labelled = [
        data_digest.of(arrays.get_iterators(2, root=root, labels=saved(tmp_path / "l.npy", y)))
        for y in (LABELS, LABELS[::-1])
    ]
    assert labelled[0] != labelled[1]


def test_two_domains_of_arrays(tmp_path):
    for name, channels in ("trainA", 4), ("testA", 4), ("trainB", 7), ("testB", 7):
        saved(tmp_path / f"{name}.npy", RANDOM.randint(0, 256, (6, 16, 16, channels), dtype=np.uint8))
    made = unpaired_images.get_iterators(2, root=tmp_path, size=16, load_size=18)
    assert made["train"].data_shape == (4, 16, 16) and made["train"].data_shape_b == (7, 16, 16)
    batch = next(made["train"].from_step(0))
    assert batch["x"].shape == (2, 4, 16, 16) and batch["x_b"].shape == (2, 7, 16, 16)
    expected = np.load(tmp_path / "testA.npy")[:2].transpose(0, 3, 1, 2) / 127.5 - 1
    assert np.abs(next(iter(made["test"]))["x"].numpy() - expected).max() < 2e-7
