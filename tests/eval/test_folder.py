"""python -m eval.folder on folders and archives as users have them."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from engine.errors import MissingError, UserError
from eval.metrics import folder
from tests.running import ROOT


def pictures(path, n=12, size=(8, 8), seed=0, mode="RGB", suffix="png", **options):
    path.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    for i in range(n):
        image = Image.fromarray(draw.integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
        (image if mode == "RGB" else image.convert(mode)).save(path / f"{i:03d}.{suffix}", **options)
    return str(path)


def compare(capsys, *words):
    """(report, printed lines)."""
    assert folder.main([*words, "--extractor=pixels", "--device=cpu"]) == 0
    printed = capsys.readouterr()
    return json.loads(printed.out), printed.err


def values(report):
    return {result["metric"]: result["value"] for result in report["results"]}


def test_two_folders(tmp_path, capsys):
    report, text = compare(capsys, pictures(tmp_path / "a"), pictures(tmp_path / "b", 14, seed=1))
    assert list(values(report)) == ["fid", "kid", "precision", "recall", "density", "coverage"]
    fid = report["results"][0]
    assert (fid["title"], fid["n_real"], fid["n_fake"], fid["protocol"], fid["singular"]) == (
        "FD-pixels",
        12,
        14,
        "12-14-folder",
        True,
    )
    assert (
        text.startswith(f"FD-pixels {fid['value']:.5g}, KID-pixels ") and "12 images for 192 features" in text
    )
    same, _ = compare(capsys, str(tmp_path / "a"), str(tmp_path / "a"))
    assert abs(values(same)["fid"]) < 1e-9 and values(same)["precision"] == 1


def test_a_zip_a_folder_with_folders_and_an_array_give_the_same(tmp_path, capsys):
    a, b = pictures(tmp_path / "a"), pictures(tmp_path / "b", seed=1)
    os.makedirs(tmp_path / "deep" / "x" / "y")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("notes.txt", "no image")
        archive.writestr("__MACOSX/._000.png", "no image either")
        for name in sorted(os.listdir(b)):
            archive.write(f"{b}/{name}", f"some/{name}")
            os.link(f"{b}/{name}", tmp_path / "deep" / "x" / "y" / name)
    np.savez(
        tmp_path / "b.npz",
        images=np.stack([np.asarray(Image.open(f"{b}/{name}")) for name in sorted(os.listdir(b))]),
    )
    found = [values(compare(capsys, a, str(tmp_path / name))[0]) for name in ("b", "b.zip", "deep", "b.npz")]
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize(
    "mode, suffix",
    [
        ("L", "png"),
        ("P", "png"),
        ("RGBA", "png"),
        ("1", "png"),
        ("CMYK", "tif"),
        ("LA", "png"),
        ("I;16", "png"),
    ],
)
def test_any_mode(tmp_path, capsys, mode, suffix):
    a = pictures(tmp_path / "a")
    if mode == "I;16":
        os.makedirs(tmp_path / "b")
        for name in sorted(os.listdir(a)):
            grey = np.asarray(Image.open(f"{a}/{name}").convert("L")).astype(np.uint16) * 257
            Image.fromarray(grey).save(tmp_path / "b" / name)
        b = str(tmp_path / "b")
    else:
        b = pictures(tmp_path / "b", mode=mode, suffix=suffix)
    expected = pictures(tmp_path / "c", mode="L" if mode == "I;16" else "RGB" if mode == "CMYK" else mode)
    report, _ = compare(capsys, a, b, "--metrics", "fid")
    assert report["results"][0]["value"] == pytest.approx(
        values(compare(capsys, a, expected, "--metrics", "fid")[0])["fid"], abs=0.05
    )


def test_images_of_several_sizes(tmp_path, capsys):
    a, b = pictures(tmp_path / "a"), pictures(tmp_path / "b")
    Image.new("RGB", (10, 9)).save(f"{b}/011.png")
    with pytest.raises(
        UserError,
        match="differ in size, 000.png has 8x8 pixels and 011.png 10x9; use --size=8, which resizes all",
    ):
        folder.main([a, b, "--extractor=pixels"])
    report, _ = compare(capsys, a, b, "--size=8")
    assert report["results"][0]["n_fake"] == 12


def test_two_folders_of_different_sizes(tmp_path, capsys):
    a, b = pictures(tmp_path / "a"), pictures(tmp_path / "b", size=(6, 6))
    with pytest.raises(
        UserError,
        match="^--size: .*a has images of 8x8 pixels and .*b of 6x6; use --size",
    ):
        folder.main([a, b, "--extractor=pixels"])
    path = tmp_path / "mean.py"
    path.write_text("def get_extractor():\n    return lambda x: x.float().mean((2, 3))\n")
    assert folder.main([a, b, f"--extractor={path}", "--device=cpu"]) == 0
    assert "the images have 8x8 and 6x6 pixels" in capsys.readouterr().err


def test_bad_input(tmp_path):
    a = pictures(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    one = pictures(tmp_path / "one", 1)
    torn = pictures(tmp_path / "torn")
    (tmp_path / "torn" / "005.png").write_bytes((tmp_path / "torn" / "005.png").read_bytes()[:60])
    (tmp_path / "not.zip").write_bytes(b"PK nothing")
    with zipfile.ZipFile(tmp_path / "wrong.npz", "w") as archive:
        archive.writestr("x.npy", "nothing")
    np.savez(tmp_path / "floats.npz", images=np.zeros((3, 8, 8, 3)))
    for path, kind, message in (
        (tmp_path / "nowhere", MissingError, "no such file or folder"),
        (tmp_path / "empty", MissingError, "no images in it"),
        (one, UserError, "holds one image; use two or more"),
        (torn, MissingError, "005.png: cannot be decoded"),
        (tmp_path / "not.zip", MissingError, "not a zip, or damaged"),
        (tmp_path / "wrong.npz", MissingError, "a .npz with an array images"),
        (tmp_path / "floats.npz", UserError, r"images is float64 \[3, 8, 8, 3\]"),
    ):
        for words in ((a, str(path)), (str(path), a)):
            with pytest.raises(kind, match=message) as caught:
                folder.main([*words, "--extractor=pixels", "--device=cpu"])
            assert "\n" not in str(caught.value) and "--iterator" not in str(caught.value)
    with pytest.raises(UserError, match="is and modes need logits"):
        folder.main([a, a, "--extractor=pixels", "--metrics", "is"])
    with pytest.raises(UserError, match="--metrics: given nice;"):
        folder.main([a, a, "--extractor=pixels", "--metrics", "nice"])


def test_exit_codes_of_the_command(tmp_path, monkeypatch, capsys):
    a = pictures(tmp_path / "a")
    done = subprocess.run(
        [sys.executable, "-m", "eval.folder", a, str(tmp_path / "b"), "--extractor=pixels"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 3 and done.stdout == ""
    assert (
        done.stderr
        == f"eval.folder: {tmp_path / 'b'}: no such file or folder; use a folder or a .zip of images\n"
    )
    for words, code, text in (
        ([a, a, "--extractor=pixels", "--metrics", "fid"], 0, "FD-pixels"),
        ([a, "--extractor=pixels"], 2, "eval.folder: the following arguments are required: generated\n"),
    ):
        monkeypatch.setattr("sys.argv", ["folder", *words])
        assert folder.command_line() == code and capsys.readouterr().err.startswith(text)


@pytest.mark.slow
def test_equals_torch_fidelity_on_a_folder(tmp_path, capsys, monkeypatch):
    """All of it, with random weights: decoding, order, features, scores."""
    torch_fidelity = pytest.importorskip("torch_fidelity", reason="torch-fidelity is not installed")
    from tests.eval.test_extractors import random_inception

    weights, _ = random_inception.__wrapped__(
        type("Factory", (), {"mktemp": staticmethod(lambda name: tmp_path)})
    )
    a, b = pictures(tmp_path / "a", 40), pictures(tmp_path / "b", 50, seed=1)
    theirs = torch_fidelity.calculate_metrics(
        input1=b,
        input2=a,
        fid=True,
        isc=True,
        cuda=False,
        feature_extractor_weights_path=weights,
        verbose=False,
        cache=False,
    )
    assert (
        folder.main(
            [
                a,
                b,
                "--extractor=inception",
                f"--inception_weights={weights}",
                "--metrics",
                "fid",
                "is",
                "--device=cpu",
            ]
        )
        == 0
    )
    ours = values(json.loads(capsys.readouterr().out))
    assert ours["fid"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)
    assert ours["is"] == pytest.approx(theirs["inception_score_mean"], rel=1e-5)
