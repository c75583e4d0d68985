import builtins
import importlib
import os
import pickle
import socket
import struct
import subprocess
import sys
import time
import urllib.error

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import MissingError, UserError
from iterators import (
    celeba,
    cifar10,
    cifar100,
    digits,
    fashion_mnist,
    images,
    kmnist,
    lsun,
    mnist,
    stl10,
    svhn,
)
from iterators.library import decoding, vision
from iterators.library.files import Files

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(vision, "unreachable", lambda urls: "Name or service not known")


def write_idx(root, name="MNIST", train=30, test=10):
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", train), ("t10k", test)):
        x, y = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8), rng.integers(0, 10, n, dtype=np.uint8)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 0x803, n, 28, 28) + x.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, n) + y.tobytes())
    return root


def everything(it):
    return {key: torch.cat([batch[key] for batch in it]) for key in next(iter(it))}


# --- digits


def test_digits():
    data = digits.get_iterators(64, seed=3)
    assert {name: it.n for name, it in data.items()} == {"train": 1500, "test": 297}
    assert data["train"].data_shape == (1, 8, 8) and data["train"].n_classes == 10
    train, test = everything(data["train"]), everything(data["test"])
    from sklearn.datasets import load_digits

    levels = torch.tensor(load_digits().images).flatten(1).long()
    ours = ((torch.cat([train["x"], test["x"]]) + 1) * 8).round().long().flatten(1)
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, levels.tolist()))
    assert train["x"].min() == -1 and train["x"].max() == 1
    again = everything(digits.get_iterators(64, seed=9)["test"])
    assert torch.equal(again["x"], test["x"]) and torch.equal(again["y"], test["y"])
    small = digits.get_iterators(64, size=16, valid=300, subset=500)
    assert (small["train"].n, small["valid"].n, small["train"].data_shape) == (500, 300, (1, 16, 16))
    with pytest.raises(UserError, match="given 4096; the data has 1,500 training images"):
        digits.get_iterators(4096)


# --- through torchvision


@pytest.mark.parametrize(
    "module, name", [(mnist, "MNIST"), (fashion_mnist, "FashionMNIST"), (kmnist, "KMNIST")]
)
def test_mnist_and_its_kin(tmp_path, module, name):
    data = module.get_iterators(8, root=write_idx(tmp_path, name), valid=6)
    assert {split: it.n for split, it in data.items()} == {"train": 24, "valid": 6, "test": 10}
    assert data["train"].data_shape == (1, 28, 28) and data["train"].n_classes == 10
    raw = (tmp_path / name / "raw" / "t10k-images-idx3-ubyte").read_bytes()[16:]
    x = torch.frombuffer(bytearray(raw), dtype=torch.uint8).reshape(10, 1, 28, 28)
    assert torch.equal(everything(data["test"])["x"], x / 127.5 - 1)


def test_data_dir_is_the_default_root(tmp_path, monkeypatch, offline):
    monkeypatch.setenv("DATA_DIR", str(write_idx(tmp_path / "there")))
    assert mnist.get_iterators(8)["train"].n == 30
    monkeypatch.delenv("DATA_DIR")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingError, match="root=data: no MNIST there"):
        mnist.get_iterators(8)


def test_resized_sets_are_resized_once(tmp_path, monkeypatch):
    write_idx(tmp_path)
    first = everything(mnist.get_iterators(8, root=tmp_path, size=32)["train"])
    assert first["x"].shape == (30, 1, 32, 32)
    assert [path.name.split("-")[0] for path in (tmp_path / ".task_launcher").iterdir()] == ["MNIST"]
    monkeypatch.setattr(decoding, "resize_all", None)
    again = everything(mnist.get_iterators(8, root=tmp_path, size=32)["train"])
    assert torch.equal(first["x"], again["x"]) and torch.equal(first["y"], again["y"])


def test_damaged_files_are_one_line(tmp_path, offline, capsys):
    write_idx(tmp_path)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(
        MissingError, match=f"--iterator_args root={tmp_path}: the MNIST files there .*are damaged"
    ) as caught:
        mnist.get_iterators(8, root=tmp_path)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 3
    assert capsys.readouterr() == ("", "")


def write_cifar(root, monkeypatch, name, folder, train, test, key):
    import torchvision

    cls = getattr(torchvision.datasets, name)
    (root / folder).mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (30, 3072), dtype=np.uint8)
    for file, part in ((train, slice(0, 20)), (test, slice(20, 30))):
        (root / folder / file).write_bytes(
            pickle.dumps({"data": pixels[part], key: (list(range(10)) * 3)[part]})
        )
    meta = dict(cls.meta, md5=None)
    (root / folder / meta["filename"]).write_bytes(pickle.dumps({meta["key"]: cifar10.CLASSES}))
    for attribute, value in (("train_list", [[train, None]]), ("test_list", [[test, None]]), ("meta", meta)):
        monkeypatch.setattr(cls, attribute, value)
    return pixels.reshape(30, 3, 32, 32)


def test_cifar(tmp_path, monkeypatch):
    for module, name, folder, files, key, n_classes in (
        (cifar10, "CIFAR10", "cifar-10-batches-py", ("data_batch_1", "test_batch"), "labels", 10),
        (cifar100, "CIFAR100", "cifar-100-python", ("train", "test"), "fine_labels", 100),
    ):
        root = tmp_path / name
        with monkeypatch.context() as patch:
            pixels = write_cifar(root, patch, name, folder, *files, key)
            data = module.get_iterators(4, root=root)
        assert data["train"].data_shape == (3, 32, 32) and data["train"].n_classes == n_classes
        assert (data["train"].n, data["test"].n) == (20, 10)
        assert torch.equal(everything(data["test"])["x"], torch.tensor(pixels[20:]) / 127.5 - 1)


def test_svhn(tmp_path, monkeypatch):
    io = pytest.importorskip("scipy.io")
    import torchvision

    rng = np.random.default_rng(0)
    pixels = {
        split: rng.integers(0, 256, (32, 32, 3, n), dtype=np.uint8)
        for split, n in (("train", 12), ("test", 6), ("extra", 5))
    }
    for split, x in pixels.items():
        io.savemat(
            tmp_path / f"{split}_32x32.mat", {"X": x, "y": np.arange(1, x.shape[3] + 1)[:, None] % 10 + 1}
        )
    monkeypatch.setattr(
        torchvision.datasets.SVHN,
        "split_list",
        {split: [url, name, None] for split, (url, name, _) in torchvision.datasets.SVHN.split_list.items()},
    )
    data = svhn.get_iterators(4, root=tmp_path)
    test = everything(data["test"])
    assert torch.equal(test["x"], torch.tensor(pixels["test"].transpose(3, 2, 0, 1)) / 127.5 - 1)
    assert test["y"].tolist() == [2, 3, 4, 5, 6, 7] and data["train"].n == 12
    assert (
        everything(data["train"])["y"].min() == 0
        and svhn.get_iterators(4, root=tmp_path, extra=True)["train"].n == 17
    )
    monkeypatch.setattr(io, "loadmat", None)  # a second start finds the cache
    assert torch.equal(everything(svhn.get_iterators(4, root=tmp_path)["test"])["x"], test["x"])


def test_stl10(tmp_path, monkeypatch):
    import torchvision

    cls = torchvision.datasets.STL10
    (tmp_path / "stl10_binary").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (12, 3, 96, 96), dtype=np.uint8)
    for file, part in (("train_X", slice(0, 4)), ("unlabeled_X", slice(4, 9)), ("test_X", slice(9, 12))):
        (tmp_path / "stl10_binary" / f"{file}.bin").write_bytes(pixels[part].transpose(0, 1, 3, 2).tobytes())
    (tmp_path / "stl10_binary" / "train_y.bin").write_bytes(bytes([1, 10, 3, 3]))
    (tmp_path / "stl10_binary" / "test_y.bin").write_bytes(bytes([1, 2, 3]))
    for attribute in "train_list", "test_list":
        monkeypatch.setattr(cls, attribute, [[name, None] for name, _ in getattr(cls, attribute)])
    data = stl10.get_iterators(2, root=tmp_path)
    test = everything(data["test"])
    assert torch.equal(test["x"], torch.tensor(pixels[9:]) / 127.5 - 1) and test["y"].tolist() == [0, 1, 2]
    assert data["train"].n_classes == 10 and sorted(everything(data["train"])["y"].tolist()) == [0, 2, 2, 9]
    for split, n in (("unlabeled", 5), ("train+unlabeled", 9)):
        data = stl10.get_iterators(2, root=tmp_path, split=split, size=48)
        assert list(next(iter(data["train"]))) == ["x"] and (data["train"].n, data["train"].n_classes) == (
            n,
            0,
        )
        assert data["train"].data_shape == (3, 48, 48)
    with pytest.raises(UserError, match="--iterator_args split: given 'all'"):
        stl10.get_iterators(2, root=tmp_path, split="all")


# --- image files


def write_images(root, names, side=32):
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(
            path
        )
    return root


def test_cifar10_from_images(tmp_path):
    names = [
        f"{split}/{name}/{i}.png" for split in ("train", "test") for name in cifar10.CLASSES for i in range(2)
    ]
    data = cifar10.get_iterators(4, root=write_images(tmp_path / "set", names))
    assert (
        everything(data["test"])["y"].tolist() == sorted(list(range(10)) * 2)
        and data["train"].n_classes == 10
    )
    with pytest.raises(UserError, match="class folders are not CIFAR-10's"):
        cifar10.get_iterators(4, root=write_images(tmp_path / "two", ["train/cat/1.png", "train/dog/2.png"]))


def test_cifar10_classes_are_torchvisions():
    assert cifar10.CLASSES == sorted(cifar10.CLASSES) and len(cifar10.CLASSES) == 10


def write_celeba(root):
    folder = root / "celeba"
    folder.mkdir(parents=True)
    for i in range(1, 10):
        pixels = np.random.default_rng(i).integers(0, 256, (218, 178, 3), dtype=np.uint8)
        (folder / "img_align_celeba").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "img_align_celeba" / f"{i:06}.jpg")
    names = [f"{i:06}.jpg" for i in range(1, 10)]
    (folder / "list_eval_partition.txt").write_text(
        "".join(f"{n} {p}\n" for n, p in zip(names, [0] * 5 + [1] * 2 + [2] * 2))
    )
    rows = [" ".join(["1" if (i + j) % 3 else "-1" for j in range(40)]) for i in range(9)]
    header = " ".join(f"A{j}" for j in range(40))
    (folder / "list_attr_celeba.txt").write_text(
        f"9\n{header}\n" + "".join(f"{n}  {r}\n" for n, r in zip(names, rows))
    )
    return root


def test_celeba(tmp_path, monkeypatch):
    data = celeba.get_iterators(2, root=write_celeba(tmp_path))
    assert {name: it.n for name, it in data.items()} == {"train": 5, "valid": 2, "test": 2}
    test = everything(data["test"])
    assert (
        list(test) == ["x", "attributes"]
        and data["train"].data_shape == (3, 64, 64)
        and data["train"].n_classes == 0
    )
    assert test["attributes"].shape == (2, 40) and test["attributes"].dtype == torch.int64
    assert test["attributes"][0].tolist() == [int((7 + j) % 3 != 0) for j in range(40)]
    assert all(it.attribute_names == [f"A{j}" for j in range(40)] for it in data.values())
    image = Image.open(tmp_path / "celeba" / "img_align_celeba" / "000008.jpg").crop((35, 55, 143, 163))
    expected = np.asarray(image.resize((64, 64), Image.Resampling.LANCZOS)).transpose(2, 0, 1)
    assert torch.equal(test["x"][0], torch.tensor(expected) / 127.5 - 1)
    monkeypatch.setattr(decoding, "picture", None)
    assert torch.equal(everything(celeba.get_iterators(2, root=tmp_path)["test"])["x"], test["x"])


def test_celeba_with_a_damaged_table(tmp_path):
    table = write_celeba(tmp_path) / "celeba" / "list_attr_celeba.txt"
    table.write_text(table.read_text()[:-30])
    with pytest.raises(MissingError, match="list_attr_celeba.txt: they do not describe the images"):
        celeba.get_iterators(2, root=tmp_path)


def test_lsun(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    for name, n in (("train", 6), ("val", 2)):
        folder = tmp_path / f"bedroom_{name}_lmdb"
        with lmdb.open(str(folder), map_size=2**22) as database, database.begin(write=True) as transaction:
            for i in range(n):
                write_images(tmp_path, ["one.webp"], side=70 + i)
                transaction.put(f"key{i}".encode(), (tmp_path / "one.webp").read_bytes())
    data = lsun.get_iterators(2, root=tmp_path, subset=4)
    assert {name: it.n for name, it in data.items()} == {"train": 4, "valid": 2} and data[
        "train"
    ].data_shape == (3, 64, 64)
    assert lsun.get_iterators(2, root=tmp_path)["train"].n == 6


def test_packages_that_lack_are_named(tmp_path, monkeypatch):
    (tmp_path / "bedroom_train_lmdb").mkdir()
    (tmp_path / "bedroom_train_lmdb" / "data.mdb").write_text("")
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "lmdb":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingError, match="pip install lmdb"):
        lsun.get_iterators(2, root=tmp_path)
    with pytest.raises(MissingError, match="pip install scikit-learn"):
        digits.get_iterators(2)


# --- missing data


@pytest.mark.parametrize(
    "name",
    ["mnist", "fashion_mnist", "kmnist", "cifar10", "cifar100", "svhn", "stl10", "celeba", "lsun", "images"],
)
def test_missing_data_is_one_line_that_names_root(tmp_path, name, offline, capfd):
    root = tmp_path / "nowhere"
    with pytest.raises(MissingError) as caught:
        importlib.import_module(f"iterators.{name}").get_iterators(4, root=str(root))
    message = str(caught.value)
    assert f"--iterator_args root={root}" in message and "\n" not in message and caught.value.exit_code == 3
    assert not root.exists() and capfd.readouterr() == ("", "")
    if name == "cifar10":
        assert "cifar-10-batches-py" in message and "train/<class>/" in message


def test_download_can_be_forbidden(tmp_path, monkeypatch):
    monkeypatch.setattr(vision, "unreachable", None)
    with pytest.raises(MissingError, match="download=False"):
        mnist.get_iterators(4, root=tmp_path, download=False)


def test_a_download_that_fails_is_one_line(tmp_path, monkeypatch, capfd):
    import torchvision

    def download(self):
        print("Downloading http://...")
        raise RuntimeError("Error downloading train-images:\nTried this\nand that")

    monkeypatch.setattr(vision, "unreachable", lambda urls: None)
    monkeypatch.setattr(torchvision.datasets.MNIST, "download", download)
    with pytest.raises(
        MissingError, match=r"no MNIST there.*\(Error downloading train-images: Tried this and that\)"
    ):
        mnist.get_iterators(4, root=tmp_path)
    assert capfd.readouterr() == ("", "") and socket.getdefaulttimeout() is None


def test_a_download_that_succeeds_is_used(tmp_path, monkeypatch):
    import torchvision

    monkeypatch.setattr(vision, "unreachable", lambda urls: None)
    monkeypatch.setattr(torchvision.datasets.MNIST, "download", lambda self: write_idx(tmp_path))
    assert mnist.get_iterators(8, root=tmp_path)["train"].n == 30


def test_unreachable_hosts_answer_soon(monkeypatch):
    def urlopen(request, timeout):
        host = request.full_url
        if "slow" in host:
            time.sleep(5)
        if "refuses" in host:
            raise urllib.error.HTTPError(host, 403, "Forbidden", None, None)
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(vision.urllib.request, "urlopen", urlopen)
    start = time.monotonic()
    assert vision.unreachable(["http://none", "http://slow"], seconds=0.2) == "no answer within 0.2 s"
    assert vision.unreachable(["http://none"]) == "Name or service not known"
    assert vision.unreachable(["http://slow", "http://refuses"]) is None and vision.unreachable([]) is None
    assert time.monotonic() - start < 2


def test_addresses_are_torchvisions():
    import torchvision

    for name in ("MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100", "SVHN", "STL10"):
        urls = vision.addresses(getattr(torchvision.datasets, name))
        assert urls and all(url.startswith("http") for url in urls)


# --- several processes

PROCESS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from engine import distributed
from iterators.library import decoding
from iterators import images
distributed.start("cpu")
decoded, decode = [], decoding.picture
decoding.picture = lambda *given, **more: decoded.append(1) or decode(*given, **more)
it = images.get_iterators(8, root=sys.argv[2])["train"]
seen = [int(y) for batch in it for y in batch["y"]]
print(json.dumps([len(decoded), seen]))
distributed.stop()
"""


def test_two_processes_decode_once_and_share_the_data(tmp_path):
    import json

    root = write_images(tmp_path / "set", [f"{i:02}/a.png" for i in range(21)], side=4)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, ROOT, str(root)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            },
        )
        for rank in range(2)
    ]
    (first, seen), (second, others) = [
        json.loads(process.communicate(timeout=100)[0].splitlines()[-1]) for process in started
    ]
    assert first == 22 and second == 0  # the first image also gives the shape
    assert sorted(seen + others) == list(range(21)) and abs(len(seen) - len(others)) <= 1


# --- real data


def test_real_digits(real_data):
    data = mnist.get_iterators(64, root=real_data("mnist10k"))
    assert (data["train"].n, data["test"].n, len(data["train"])) == (9000, 1000, 141)
    assert torch.bincount(everything(data["test"])["y"], minlength=10).min() > 50


def test_real_cifar10_can_be_listed(real_data):
    files = Files(real_data("cifar10-jpeg.zip"))
    names, arrays, facts = images.plan(files)
    assert {split: len(some) for split, some in names.items()} == {"train": 50_000, "test": 10_000}
    assert facts["classes"] == cifar10.CLASSES and (np.bincount(arrays["y"]) == 6000).all()
    assert decoding.decode("", lambda: files.read(names["test"][0])).shape == (32, 32, 3)
