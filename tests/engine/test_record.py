import json
import os

import numpy as np
import torch

from engine import pictures, record


def test_means_are_over_the_times_a_name_came_and_survive_a_capture():
    means, parts = record.Means(), record.Means()
    values = [
        {"d": torch.tensor(float(i))} | ({"g": torch.tensor(10.0 * i)} if i % 2 == 0 else {})
        for i in range(5)
    ]
    for v in values:
        means.add(v)
    for v in values[:3]:
        parts.add(v)
    later = record.Means()
    later.restore(parts.capture())
    for v in values[3:]:
        later.add(v)
    assert means.read() == later.read() == {"d": 2.0, "g": 20.0}
    halves = record.Means()
    # two processes' sums, taken over by one
    halves.restore([part for part in parts.capture() for _ in range(2)])
    assert halves.read() == parts.read() and halves.capture()[0] == [
        (names, [2 * s for s in sums], 2 * n) for names, sums, n in parts.capture()[0]
    ]
    means.clear()
    assert means.read() == {}


def test_metrics_are_cut_and_a_torn_line_is_dropped(tmp_path):
    metrics = record.Metrics(str(tmp_path / "metrics.jsonl"))
    for step in (10, 20, 30):
        metrics.write(step, {"loss": step / 7, "bad": float("nan")})
    whole = (tmp_path / "metrics.jsonl").read_bytes()
    with open(metrics.path, "a") as file:
        file.write('{"step": 40, "lo')
    assert [r["step"] for r in metrics.read()] == [10, 20, 30]
    metrics.cut(30)
    assert (tmp_path / "metrics.jsonl").read_bytes() == whole
    metrics.cut(20, ["loss"])
    assert metrics.read()[-1] == {"step": 20, "bad": None}
    metrics.cut(20, ["bad"])
    assert [r["step"] for r in metrics.read()] == [10]
    metrics.cut(15)
    assert [r["step"] for r in metrics.read()] == [10] and json.loads(whole.splitlines()[0])["bad"] is None


def test_bytes_are_rounded_and_clipped():
    x = torch.tensor([-2.0, -1.0, -1 + 0.49 / 127.5, -1 + 0.51 / 127.5, 0.0, 1.0, 3.0, float("nan")])
    assert pictures.to_uint8(x).tolist() == [0, 0, 0, 1, 128, 255, 255, 0]
    every = torch.arange(256)
    assert torch.equal(pictures.to_uint8(every / 127.5 - 1), every.to(torch.uint8))


def test_grids_put_images_row_by_row_and_enlarge_small_ones():
    images = torch.full((5, 1, 8, 8), -1.0)
    images[1] = 1.0
    sheet = np.asarray(pictures.grid(images))
    tile = 8 * 6
    assert sheet.shape == (2 * (tile + 2) + 2, 3 * (tile + 2) + 2)
    assert (sheet[2 : 2 + tile, 4 + tile : 4 + 2 * tile] == 255).all() and sheet.astype(
        int
    ).sum() == 255 * tile * tile
    assert np.asarray(pictures.grid(torch.zeros(4, 3, 64, 64))).shape == (2 * 66 + 2, 2 * 66 + 2, 3)


def test_curves_make_a_picture_that_opens(tmp_path):
    from PIL import Image

    path = str(tmp_path / "curves.png")
    pictures.curves([], path, "nothing yet")
    records = [
        {"step": 1, "gen/adv": 1.0, "disc/real": 2.0},
        {"step": 2, "disc/real": None},
        {"step": 3, "gen/adv": 0.5, "disc/real": 1.0, "a$_{": 1.0},
    ]
    pictures.curves(records, path, "t$_{")  # no formula
    assert Image.open(path).size[0] > 800 and os.listdir(tmp_path) == ["curves.png"]
    many = [{"step": 1} | {f"net{k}/a": 1.0 for k in range(8)}]
    pictures.curves(many, path, "t")
    assert Image.open(path).size == (3 * 605, 3 * 440)  # wrapped, not one row of 4,840 pixels


def points(*values):
    return list(enumerate(values))


def test_curves_are_grouped_by_network_and_size():
    small, large = (
        {f"ae/s{k}": points(0.01 * (k + 1), 0.02) for k in range(3)},
        {"ae/kl": points(900.0, 700.0)},
    )
    found = pictures.panels(small | large | {"disc/real": points(0.0, -1.0)})
    assert found == [
        ("ae 1 of 2", ["ae/s0", "ae/s1", "ae/s2"]),
        ("ae 2 of 2", ["ae/kl"]),
        ("disc", ["disc/real"]),
    ]
    many = pictures.panels({f"d/{k:02d}": points(1.0) for k in range(17)})
    assert [len(names) for _, names in many] == [8, 8, 1]


def test_curves_and_the_console_show_terms_without_their_weights(tmp_path, monkeypatch):
    values = {"ae/recon": 30.0, "ae/recon_raw": 3.0, "disc/real": 1.0}
    drawn, panels = [], pictures.panels
    monkeypatch.setattr(pictures, "panels", lambda series: drawn.append(sorted(series)) or panels(series))
    pictures.curves([{"step": 1} | values], str(tmp_path / "curves.png"), "t")
    assert drawn == [["ae/recon_raw", "disc/real"]]
    said = []
    record.Console(0, 1, 1, said.append).log(1, values)
    assert said[0].endswith("  ae/recon_raw 3  disc/real 1")


def test_axes_are_logarithmic_where_a_term_spans_decades():
    from matplotlib.figure import Figure

    for values, wanted in (
        ((1000.0, 100.0, 1.0, 0.5), "log"),
        ((1000.0, -100.0, 1.0, 0.5), "symlog"),
        ((3.0, 2.0, 1.0), "linear"),
        ((0.0, 0.0), "linear"),
    ):
        axes, series = Figure().subplots(), {"a": points(*values)}
        axes.plot(*zip(*series["a"]))
        pictures.scale(axes, [abs(v) for v in values], series, ["a"])
        assert axes.get_yscale() == wanted


def test_durations():
    assert [record.duration(s) for s in (0, 59.9, 60, 3599, 3600, 90061)] == [
        "0:00:00",
        "0:00:59",
        "0:01:00",
        "0:59:59",
        "1:00:00",
        "25:01:01",
    ]


def test_the_console_prints_a_line_every_so_often_and_the_last(monkeypatch):
    said, now = [], [0.0]
    monkeypatch.setattr(record.time, "monotonic", lambda: now[0])
    console = record.Console(0, 40, 10, said.append, seconds=10.0)
    for step, at in ((1, 0.0), (2, 9.9), (3, 10.0), (4, 19.9), (40, 20.0)):
        now[0] = at
        console.log(step, {"a": 1.0})
    assert [line.split("  ")[0] for line in said] == ["step 1/40", "step 3/40", "step 40/40"]
    assert said[1].split("  ")[1:] == ["epoch 1", "0.3 steps/s, 0:02:03 left", "a 1"]


def test_grids_of_other_than_one_or_three_channels():
    for channels, shown in ((2, 1), (4, 3)):
        sheet = np.asarray(
            pictures.grid(torch.linspace(-1, 1, 2 * channels * 64 * 64).view(2, channels, 64, 64))
        )
        assert sheet.ndim == (2 if shown == 1 else 3)


def test_rows_of_a_grid_may_differ_in_channels():
    of = lambda c: torch.linspace(-1, 1, 2 * c * 4).view(2, c, 2, 2)
    assert torch.equal(pictures.rows(of(1), of(3))[0], of(1).expand(-1, 3, -1, -1))
    assert torch.equal(pictures.rows(of(4), of(4)), torch.stack([of(4), of(4)]))  # grid shows the channels
    made = pictures.rows(of(4), of(13), of(1))
    assert made.shape == (3, 2, 3, 2, 2 * 6)  # colours and five others of 13 beside colours and one, and grey
    assert torch.equal(made[0, ..., :2], of(4)[:, :3]) and torch.equal(made[1], pictures.shown(of(13)))
    assert (made[0, ..., 4:] == -1).all() and (made[2, ..., 2:] == -1).all()
    pictures.grid(made)


def test_a_measure_joins_the_record_of_its_step(tmp_path):
    metrics = record.Metrics(str(tmp_path / "metrics.jsonl"))
    metrics.write(2, {"a": 1.0})
    metrics.write(4, {"a": 2.0})
    metrics.join(4, {"eval/x": 0.5, "bad": float("inf")})
    metrics.join(4, {"eval/x": 0.5})  # once more, after a kill
    metrics.join(5, {"eval/x": 3.0})  # no losses were due
    assert (tmp_path / "metrics.jsonl").read_text() == (
        '{"step": 2, "a": 1.0}\n{"step": 4, "a": 2.0, "eval/x": 0.5, "bad": null}\n'
        '{"step": 5, "eval/x": 3.0}\n'
    )


def test_tensorboard_takes_grey_pictures_and_purges_what_comes_again(tmp_path, monkeypatch):
    import sys
    import types

    from PIL import Image

    made = []

    class Writer:
        def __init__(self, folder, purge_step):
            made.append(purge_step)

        def add_image(self, name, array, step, dataformats):
            made.append((name, array.shape, step, dataformats))

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    board = record.TensorBoard(str(tmp_path), 7)
    board.image(8, "a", Image.new("L", (3, 2)))
    board.image(8, "b", Image.new("RGB", (3, 2)))
    assert made == [8, ("a", (2, 3), 8, "HW"), ("b", (2, 3, 3), 8, "HWC")]
