import pytest
from PIL import Image, ImageSequence

from eval.reports import side_by_side


def run(folder, name, seed, steps, colour, size=(40, 30), picture=""):
    samples = folder / name / f"s{seed}" / "samples"
    samples.mkdir(parents=True, exist_ok=True)
    (folder / name / f"s{seed}" / "status.json").write_text('{"state": "finished", "step": 1, "text": ""}')
    for i, step in enumerate(steps):
        Image.new("RGB", size, tuple(20 * i + 100 if c else 0 for c in colour)).save(
            samples / f"step_{step:08d}{picture}.png"
        )
    return str(folder / name)


def test_runs_of_different_lengths_keep_pace(tmp_path, capsys):
    a = run(tmp_path, "a", 0, (0, 10, 20), (9, 0, 0))
    b = run(tmp_path, "deep/b", 0, (5, 7), (0, 9, 0), size=(20, 30))
    out = tmp_path / "new" / "x.gif"
    assert (
        side_by_side.main([a, b, "--out", str(out), "--columns", "1"]) == 0
        and "2 runs, 3 frames" in capsys.readouterr().out
    )
    frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(Image.open(out))]
    bar = side_by_side.BAR
    assert len(frames) == 3 and frames[0].size == (40, 2 * (30 + bar))
    reds, greens = (
        [frame.getpixel((10, y))[k] for frame in frames] for k, y in ((0, bar + 15), (1, 30 + 2 * bar + 15))
    )
    assert reds == [100, 120, 140] and greens == [100, 100, 120]


def test_the_png_is_of_the_newest(tmp_path):
    a, b = (run(tmp_path, name, 0, (1, 2, 30), (9, 0, 0)) for name in "ab")
    assert side_by_side.main([a, b, a, "--out", str(tmp_path / "x.png")]) == 0
    page = Image.open(tmp_path / "x.png")
    assert page.size == (120, 30 + side_by_side.BAR) and page.getpixel((10, side_by_side.BAR + 15)) == (
        140,
        0,
        0,
    )


def test_seeds_and_named_pictures(tmp_path):
    for seed in (0, 1):
        run(tmp_path, "a", seed, (1,), (9, 0, 0), picture="_recon")
    assert side_by_side.main([str(tmp_path), "--out", str(tmp_path / "x.png"), "--picture", "recon"]) == 0
    assert Image.open(tmp_path / "x.png").size == (80, 30 + side_by_side.BAR)


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["{a}", "--out", "x.jpg"], 2, "given x.jpg; must end in .gif or .png"),
        (["{a}", "--out", "x.png", "--columns", "0"], 2, "--columns: given '0'"),
        (
            ["{a}", "--out", "x.png", "--picture", "recon"],
            3,
            "has no pictures named 'recon'; use one of '' (without a name)",
        ),
        (["{a}/none", "--out", "x.png"], 3, "no such folder"),
        (["{a}", "--out", "{a}/s0/status.json/x.png"], 2, "status.json: File exists; use another --out"),
    ],
)
def test_errors_are_one_line(words, code, message, tmp_path, capsys):
    a = run(tmp_path, "a", 0, (1,), (9, 0, 0))
    assert side_by_side.main([word.format(a=a) for word in words]) == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
