"""Every mode of an autoencoder on a freshly trained tiny run writes files that open."""

import csv
import glob
import json
import os
import shutil
import types

import numpy as np
import pytest
import torch
from PIL import Image

import task_launcher
from engine import pictures
from engine.errors import UserError
from eval.modes.autoencoder import GREEN, RED, barycentric, loop, squares
from tests.running import ROOT, train
from trainers.autoencoder import Autoencoder

NET = ["--network=networks/autoencoder32.py", "--network_args", "width=4", "code=8", "scales=2"]
DATA = ["--iterator=tests/made_parts.py", "--max_steps=6", "--samples=4", "--log_every=5"]


def launcher(*words):
    """task_launcher.main in the project's folder."""
    here = os.getcwd()
    os.chdir(ROOT)
    try:
        return task_launcher.main(list(words))
    finally:
        os.chdir(here)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Four short runs under one folder."""
    at = tmp_path_factory.mktemp("runs")
    train(at, *NET, *DATA, "--name=amr", "--trainer=trainers/amr.py", "--mixer=fm2")
    train(at, *NET, "attributes=3", *DATA, "--name=sup", "--trainer=trainers/class_mixing.py")
    train(at, "--network=networks/bigan_mnist.py", *DATA, "--name=bigan", "--trainer=trainers/bigan.py")
    launcher(
        f"--save_path={at}",
        "--cpu",
        "--batch_size=8",
        "--name=vae",
        "--trainer=trainers/beta_vae.py",
        "--network=networks/dsprites.py",
        "--network_args",
        "vae=True",
        "width=4",
        "ndf=4",
        "hidden=8",
        "--iterator=iterators/dsprites.py",
        "--max_steps=2",
        "--samples=4",
        "--save_images_every=0",
    )
    return at


@pytest.fixture
def mode(runs, tmp_path):
    def go(name, run, *words):
        """Runs a mode as the launcher does, on a copy; returns its folder."""
        shutil.copytree(runs / run, tmp_path / run)
        assert launcher(f"--save_path={tmp_path}", f"--name={run}", f"--mode={name}", "--cpu", *words) == 0
        return tmp_path / run / "s0"

    return go


def test_shares_of_three():
    whole = barycentric(4)
    assert whole[0] == (1, 0, 0) and whole[-4] == (0, 1, 0) and whole[-1] == (0, 0, 1) and len(whole) == 10
    around = loop(6, bend=0.75)
    assert [around[i] for i in (0, 6, 12)] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)] and len(around) == 18
    assert around[3] == pytest.approx((0.375, 0.375, 0.25))
    for shares in whole + around:
        assert sum(shares) == pytest.approx(1, abs=1e-12) and min(shares) >= 0
    assert [shares[1:] + shares[:1] for shares in around[6:12]] == [
        pytest.approx(shares) for shares in around[:6]
    ]


def test_pictures_of_three():
    white = torch.ones(10, 1, 8, 8)
    sheet = np.array(pictures.triangle(white))  # tiles of 48 pixels
    assert sheet.shape == (4 * 50 + 2, 4 * 50 + 2)
    assert [int((row == 255).sum()) for row in sheet[[25, 75, 125, 175]]] == [48, 96, 144, 192]
    assert all((row == row[::-1]).all() for row in sheet)
    frame = np.array(pictures.between(white[:3], white[:1], (0.5, 0.25, 0.25)))
    assert (frame == 255).sum() == 3 * 48 * 48 + 96 * 96 + 4 * 48


def test_triangles(mode):
    at = mode("triangle", "amr", "--val_batch_size=3", "--num_interps=5", "--framerate=10")
    folder = at / "triangle" / "fm2_step00000006"
    names = [f"triple_000{i}.{kind}" for i in range(3) for kind in ("gif", "png")]
    assert sorted(os.listdir(folder)) == names
    assert Image.open(folder / "triple_0000.png").size == (5 * 50 + 2, 5 * 50 + 2)
    frames = Image.open(folder / "triple_0000.gif")
    assert frames.info["duration"] == 100 and frames.size[0] == 4 * 48 + 4
    with pytest.raises(UserError, match="--val_batch_size: 2 examples to mix three of; use 3 or more"):
        launcher(
            f"--save_path={at.parent.parent}", "--name=amr", "--mode=triangle", "--cpu", "--val_batch_size=2"
        )


def test_a_corner_of_a_triangle_is_one_code():
    """With every mixer."""
    hs = torch.randn(3, 1, 4, 2, 2, generator=torch.Generator().manual_seed(0)).unbind(0)
    for name in ("mixup", "mixup2", "fm", "fm2"):
        coder = Combiner(name)
        for i, shares in enumerate([(1, 0, 0), (0, 1, 0), (0, 0, 1)]):
            assert torch.equal(coder.combine(hs, shares), hs[i]), name
        assert torch.equal(coder.interpolate(hs[0], hs[1], 0.25), coder.combine(hs[:2], (0.25, 0.75)))
    mixed = Combiner("mixup").combine(hs, (0.5, 0.25, 0.25))
    assert torch.allclose(mixed, 0.5 * hs[0] + 0.25 * hs[1] + 0.25 * hs[2])
    halves = Combiner("fm").combine(hs, (0.5, 0.25, 0.25))[0].unbind(0)
    came = [[i for i in range(3) if torch.equal(channel, hs[i][0, c])][0] for c, channel in enumerate(halves)]
    assert sorted(came) == [0, 0, 1, 2]


class Combiner(Autoencoder):
    """An autoencoder that is asked for mixes only."""

    def __init__(self, mixer):
        torch.nn.Module.__init__(self)
        self.args = types.SimpleNamespace(mixer=mixer)


@pytest.mark.parametrize("split", ("train", "valid"))
def test_interpolation_strips(mode, split):
    at = mode(f"interp_{split}", "amr", "--val_batch_size=3", "--num_interps=5")
    whole, *pairs = sorted(glob.glob(str(at / f"interp_{split}" / "fm2_step00000006" / "*.png")))
    assert [os.path.basename(p) for p in pairs] == [f"pair_000{i}.png" for i in range(3)]
    shown = [np.asarray(Image.open(path)) for path in pairs]
    assert shown[0].shape == (50 + 2, 7 * 50 + 2)
    # the inputs stand at the ends: an example is the partner of the next
    parts = [(strip[2:50, 2:50], strip[2:50, 302:350]) for strip in shown]
    assert all((parts[i][1] == parts[(i + 1) % 3][0]).all() for i in range(3))
    sheet = np.asarray(Image.open(whole))
    left = sheet.shape[1] - (7 * 50 + 2)
    assert sheet.shape[0] == 3 * 50 + 2 + pictures.TEXT and left == pictures.width_of("pair 0") + 4
    assert (sheet[pictures.TEXT : pictures.TEXT + 52, left:] == shown[0]).all()
    assert sheet[: pictures.TEXT, left:].any() and sheet[pictures.TEXT :, :left].any()  # heads and labels


def test_interpolation_between_pixels_runs_from_the_partner_to_the_example(mode):
    at = mode("interp_pixel_valid", "amr", "--val_batch_size=2", "--num_interps=3")
    a, b = (
        np.asarray(Image.open(at / "interp_pixel_valid" / "pixel" / f"pair_000{i}.png")).astype(int)
        for i in (0, 1)
    )
    parts = [[strip[2:50, 2 + 50 * k : 50 + 50 * k] for k in range(3)] for strip in (a, b)]
    assert (parts[0][0] == parts[1][2]).all() and (
        parts[0][2] == parts[1][0]
    ).all()  # of two examples each is the other's partner
    assert np.abs(parts[0][1] - (parts[0][0] + parts[0][2]) / 2).max() <= 1


def test_class_mixes_and_their_masks(mode, monkeypatch):
    said = []
    real = pictures.captioned
    monkeypatch.setattr(pictures, "captioned", lambda *given: said.append(given) or real(*given))
    at = mode("interp_sup_train", "sup", "--val_batch_size=4")
    assert len(glob.glob(str(at / "interp_sup_train" / "step00000006" / "pair_*.png"))) == 8
    for path in glob.glob(str(at / "interp_sup_train" / "step00000006" / "*.png")):
        Image.open(path).load()
    for images, lines, _ in said:
        first, *wanted, last = lines
        names = [text for text, _ in wanted[0]]
        assert len(images) == len(lines) == 2 + 2 ** len(names)
        assert first[0][0] == last[0][0] == "input" and [text for text, _ in first[1:]] == names
        # the inputs differ in each of these, and every combination comes once
        assert all(a != b for a, b in zip(first[1:], last[1:]))
        assert len({tuple(line) for line in wanted}) == len(wanted)
        assert wanted[0] == first[1:] and wanted[-1] == last[1:]
    assert len(said) == 4 and {name for _, lines, _ in said for name, _ in lines[1]} <= {
        f"attribute {k}" for k in range(3)
    }


def test_captions_and_squares():
    white = torch.ones(5, 1, 8, 8)
    lines = [[("Wearing_Necktie", GREEN), ("Male", RED)]] * 4 + [[("Male", GREEN)]]
    sheet = np.asarray(pictures.captioned(white, lines, 3))
    width = pictures.width_of("Wearing_Necktie") + 2
    assert sheet.shape == (2 * (50 + 2 * pictures.TEXT) + 2, 3 * width + 2, 3)
    tile = sheet[2:50, 2:50]
    assert (tile == 255).all() and (sheet[2:50, 50:width] == 0).all()
    first, second = (
        sheet[50 + pictures.TEXT * k : 50 + pictures.TEXT * (k + 1), 2:width].reshape(-1, 3) for k in (0, 1)
    )
    for block, colour in ((first, GREEN), (second, RED)):  # shades of one colour: letters are smoothed
        shades = block[block.any(1)] / np.array(colour)
        assert len(shades) > 20 and np.ptp(shades, 1).max() < 0.05
    table = np.asarray(squares(torch.tensor([[0.0, 1.0], [1.0, 1.0]]), ["Male", "Smiling"], 12))
    left = pictures.width_of("Smiling") + 4
    assert table.shape == (24, left + 24, 3) and table[:, :left].any()
    for row, column, colour in ((0, 0, RED), (1, 0, GREEN), (0, 1, GREEN), (1, 1, GREEN)):
        block = table[12 * row : 12 * row + 12, left + 12 * column : left + 12 * column + 12]
        assert (block == colour).all()


def test_class_embeddings(mode):
    at = mode("class_embeddings", "sup")
    table = list(csv.reader(open(at / "class_embeddings" / "step00000006.csv")))
    assert (
        len(table) == 9
        and len(table[0]) == 5
        and table[8][:3] == ["1", "1", "1"]
        and all(0 < float(v) < 1 for row in table[1:] for v in row[3:])
    )


def test_frames(mode):
    at = mode("save_frames", "amr", "--val_batch_size=3", "--num_interps=4", "--resize_to=16")
    folder = at / "save_frames" / "fm2_step00000006"
    film = Image.open(folder / "out.gif")
    assert film.n_frames > 1 and film.size == (16, 16) and len(list((folder / "frames").iterdir())) == 12
    assert (folder / "out.mp4").exists() or not shutil.which("ffmpeg")


def test_embedding(mode):
    at = mode("embedding", "amr")
    for split, n in (("train", 40), ("valid", 20), ("test", 30)):
        found = np.load(at / "embedding" / "step00000006" / f"{split}.npz")
        assert found[f"X_{split}"].shape == (n, 8) and found[f"y_{split}"].shape == (n,)


@pytest.mark.parametrize("words", [(), ("--use_labels=0",)])
def test_tsne(mode, words):
    at = mode("tsne", "amr", "--tsne_examples=30", *words) / "tsne" / "step00000006"
    assert len(open(at / "clusters.txt").read().splitlines()) == 7
    assert {len(glob.glob(str(at / f"*.{kind}"))) for kind in ("pdf", "png", "npz")} == {5}
    assert open(at / "seed0.pdf", "rb").read(4) == b"%PDF" and np.load(at / "seed0.npz")["points"].shape == (
        30,
        2,
    )


def test_logreg_and_what_tables_make_of_it(mode, capsys):
    at = mode("logreg", "amr")
    found = json.load(open(at / "probe.json"))
    assert (
        set(found["probes"]) == {"codes", "random encoder", "PCA"}
        and found["dims"] == 8
        and found["test"] == 30
    )
    assert found["probes"]["PCA"]["test"] == 1.0  # brightness tells the label
    capsys.readouterr()
    from eval.reports import tables

    assert (
        tables.main([str(at.parent.parent), "--metric", "probe accuracy, codes", "probe accuracy, PCA"]) == 0
    )
    assert "amr" in capsys.readouterr().out


def test_the_table_of_an_encoder_and_what_tables_make_of_it(mode, capsys):
    at = mode("encoder", "bigan")
    found = json.load(open(at / "encoder" / "step00000006.json"))
    assert set(found["encoders"]) == {"trained e", "trained e-", "random e", "random e-"} and (
        found["train"],
        found["valid"],
        found["test"],
    ) == (40, 20, 30)
    # brightness tells the label
    assert (
        found["encoders"]["trained e-"]["probe"]["dims"] <= 8 and found["encoders"]["random e"]["CLS"] == 1.0
    )
    assert 0 < found["EGr"] <= found["EGr_b"] + 1
    lines = {line["name"]: line for line in map(json.loads, open(at / "evaluations.jsonl"))}
    assert len(lines) == 14 and lines["NNC_e- (1-NN accuracy)"]["metric"] == "NNC_e-"
    trained, random, margin = (
        lines[f"{label}CLS_e (probe accuracy)"]["value"] for label in ("", "random ", "margin ")
    )
    assert margin == trained - random
    capsys.readouterr()
    from eval.reports import tables

    assert tables.main([str(at.parent.parent), "--metric", "NNC_e", "margin CLS_e", "EGr"]) == 0
    out = capsys.readouterr().out
    assert "bigan" in out and "NNC_e ↑" in out and "EGr" in out


def test_the_tables_numbers_are_their_definitions(runs, tmp_path):

    from engine import flags, setup
    from eval.modes import autoencoder as modes
    from tests import made_parts

    here = os.getcwd()
    os.chdir(ROOT)
    try:
        args = flags.parse(
            [f"--save_path={runs}", "--name=bigan", "--mode=encoder", "--cpu"], ("train", "encoder")
        )
        nets = setup.networks(args)
        from trainers import bigan

        trainer, data = bigan.get_trainer(nets, args).eval(), made_parts.get_iterators(8)
    finally:
        os.chdir(here)
    x = torch.cat([batch["x"] for batch in data["test"]])
    start = modes.untrained(trainer, data, args)
    # the run's own initial weights
    assert all(torch.equal(a, b) for a, b in zip(start.parameters(), trainer.enc.parameters()))
    running = start.stages[1][1].running_mean.clone()
    means = [start.stages[1][0](start(batch["x"], stop=1)).mean(0) for batch in data["train"]]
    assert torch.allclose(running, torch.stack(means).mean(0), atol=1e-5)
    with torch.no_grad():
        layers = modes.layers_of(trainer, start)
        assert (
            set(layers) == {"e", "e-"}
            and torch.equal(layers["e"](x), start(x))
            and torch.equal(layers["e-"](x), start(x, stop=2))
        )
        assert set(modes.layers_of(trainer, torch.nn.Linear(2, 2))) == {"e"}
    perfect, halved = (
        type("T", (), {"encode": lambda self, x: x, "decode": lambda self, h, c=c: c * h})()
        for c in (1.0, 0.5)
    )
    distances = torch.cdist(x.flatten(1).double(), x.flatten(1).double()) / 2  # of pixels in [0, 1]
    errors = modes.recon_errors(perfect, data["test"])
    others = distances[~torch.eye(30, dtype=torch.bool)]
    # never an image against itself
    assert errors["EGr"] == 0 and others.min() < errors["EGr_b"] < others.max()
    assert modes.recon_errors(halved, data["test"])["EGr"] == pytest.approx(
        float(x.flatten(1).norm(dim=1).mean() / 4), rel=1e-5
    )


@pytest.mark.parametrize(
    "name, words",
    [
        ("logreg", ()),
        ("interp_valid", ("--val_batch_size=3",)),
        ("embedding", ()),
        ("save_frames", ("--val_batch_size=3", "--num_interps=4")),
    ],
)
def test_the_other_modes_take_a_bigan(mode, name, words):
    at = mode(name, "bigan", *words)
    assert (at / "probe.json").exists() if name == "logreg" else len(os.listdir(at / name)) == 1


def test_disentangle(mode):
    at = mode("disentangle", "vae", "--votes", "60", "40", "--vote_images=8")
    found = json.load(open(at / "disentangle" / "step00000002.json"))
    assert 0 <= found["FactorVAE"]["score"] <= 1 and found["beta-VAE"]["chance"] == 0.2
    assert len(open(at / "evaluations.jsonl").read().splitlines()) == 2


def test_sampling(mode):
    from eval.modes.gan import draw

    assert draw and mode("sample", "vae", "--samples=4")


def test_runs_that_a_mode_is_not_for(mode):
    for name, run, message in (
        ("disentangle", "amr", "dsprites"),
        ("class_embeddings", "vae", "class_mixing"),
        ("sample", "sup", "no prior"),
    ):
        with pytest.raises(UserError, match=message):
            mode(name, run)


def test_evaluate_scores_mixes_and_reconstructions(mode):
    at = mode("evaluate", "amr", "--extractor=pixels", "--protocol=10-8-train", "--metrics", "fid")
    names = [json.loads(line)["name"] for line in (at / "evaluations.jsonl").read_text().splitlines()]
    assert names == ["FD-pixels 10-8-train of mix", "FD-pixels 10-8-train of recon"]
