"""--mode=data, and images of any number of channels in pictures, samples and scores."""

import numpy as np
import pytest
import torch
from PIL import Image

import task_launcher
from engine import pictures
from engine.errors import MissingError, UserError
from eval.metrics import evaluate, extractors, sources
from iterators import arrays

BYTES = np.random.RandomState(0).randint(0, 256, (24, 16, 16, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def caches_in_tmp(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)


def launch(*words):
    return task_launcher.main([*map(str, words), "--cpu"])


def test_a_picture_by_class_and_what_there_is(tmp_path, capsys):
    """Each class has its row; every image in it is one of the class."""
    values = np.repeat(np.arange(4, dtype=np.uint8) * 60, 6)
    for i, value in enumerate(values):
        folder = tmp_path / "set" / ("train" if i % 6 < 4 else "test") / f"class{value // 60}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (48, 48), int(value)).save(folder / f"{i}.png")
    words = ["--mode=data", "--iterator=iterators/images.py", "--iterator_args", f"root={tmp_path}/set"]
    assert launch(*words, "--samples=12") == 0
    out = capsys.readouterr().out
    assert "train: 16 images of shape [1, 48, 48], stored as uint8, 0 is black and 255 white" in out
    assert "test: 8 images" in out and "4 classes of 4: class0 4, class1 4, class2 4, class3 4" in out
    picture = np.asarray(Image.open("data.png"))
    assert picture.shape[0] == 4 * 52  # four rows
    left = picture.shape[1] - (3 * 50 + 2)
    for row in range(4):
        tiles = picture[row * 52 + 2 : row * 52 + 50, left + 2 :]
        assert all(np.unique(tiles[:, 50 * k : 50 * k + 48]).tolist() == [60 * row] for k in range(3))
    assert not (tmp_path / "results").exists()
    with pytest.raises(UserError, match="--out: data.png exists; use another path"):
        launch(*words)
    with pytest.raises(UserError, match="--out: given x.npz; --mode=data writes a picture"):
        launch(*words, "--out=x.npz")


@pytest.mark.parametrize("iterator", ["points1d", "points2d", "digits", "dsprites"])
def test_other_data(tmp_path, capsys, iterator):
    assert launch("--mode=data", f"--iterator=iterators/{iterator}.py", "--out=sub/a.png") == 0
    assert "train: " in capsys.readouterr().out and Image.open("sub/a.png").size[0] > 100


def test_two_domains(tmp_path, capsys):
    words = "--iterator_args", "source=digits"
    assert launch("--mode=data", "--iterator=iterators/colour_mnist.py", *words) == 0
    out = capsys.readouterr().out
    assert (
        "train, domain A: 1,500 images of shape [1, 28, 28]" in out
        and "domain B: 1,500 images of shape [3," in out
    )


def test_the_data_of_a_run_by_its_name(tmp_path, capsys):
    np.save("a.npy", BYTES)
    words = "--network=networks/small.py", "--network_args", "width=4", "--batch_size=4", "--max_steps=1"
    data = "--iterator=iterators/arrays.py", "--iterator_args", "root=a.npy", "layout=nhwc"
    assert launch("--name=n", *data, *words) == 0
    capsys.readouterr()
    assert launch("--name=n", "--mode=data") == 0
    assert "train: 24 images of shape [3, 16, 16]" in capsys.readouterr().out
    with pytest.raises(MissingError, match="--name: no run in"):
        launch("--name=none", "--mode=data")


@pytest.mark.parametrize(
    "channels, shape, tiles",
    [(2, (1, 24), 2), (3, (3, 12), 1), (4, (3, 24), 2), (7, (3, 60), 5), (60, (3, 72), 6)],
)
def test_pictures_of_any_channels(channels, shape, tiles):
    x = torch.rand(2, channels, 10, 12) * 2 - 1
    found = pictures.shown(x)
    assert found.shape == (2, shape[0], 10, shape[1]) and shape[1] == 12 * tiles
    if channels > 3:
        assert torch.equal(found[..., :12], x[:, :3]) and torch.equal(found[:, 1, :, -12:], x[:, -1])
    if channels == 2:
        assert torch.equal(found[:, 0], torch.cat([x[:, 0], x[:, 1]], 2))
    assert pictures.grid(x).mode == ("L" if channels == 2 else "RGB")


@pytest.mark.parametrize("channels", [2, 4, 13])
def test_scores_of_any_channels(tmp_path, channels):
    """Where the extractor can take them; else it is refused by its name."""
    values = np.random.RandomState(1).randint(0, 4096, (40, 8, 8, channels)).astype(np.uint16)
    values[0, 0, 0, 0] = 4095
    np.save("a.npy", values)
    data = arrays.get_iterators(8, root="a.npy", layout="nhwc")
    source = sources.of(data["train"])
    (x,) = source.read([torch.arange(40)])
    bytes_ = sources.to_bytes(x, "images")
    expected = np.rint(values.transpose(0, 3, 1, 2) * (255 / 4095))
    assert np.abs(bytes_.numpy() - expected).max() <= 1 and bytes_.shape == (40, channels, 8, 8)
    pixels = extractors.get("pixels")
    reference = evaluate.reference(data, pixels, "full-train", ["kid"], 8)
    assert reference.n_real == 40
    narrow = extractors.Extractor("colours", pixels.network, "cpu", "0", "none", "", channels=3)
    with pytest.raises(
        UserError, match=f"--extractor=colours: given images of {channels} channels; use images of 3"
    ):
        narrow(bytes_)


@pytest.mark.parametrize("channels, mode", [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_samples_in_a_folder(tmp_path, channels, mode):
    from eval.modes.writing import Folder

    with Folder(str(tmp_path / "s"), 2, (channels, 4, 4)) as writer:
        writer.add(torch.zeros(2, channels, 4, 4))
    picture = Image.open(tmp_path / "s" / "000000.png")
    assert picture.mode == mode and np.asarray(picture).min() == 128
