import json

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
    halves.restore(
        [part for part in parts.capture() for _ in range(2)]
    )  # two processes' sums, taken over by one
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
    pictures.curves(
        [
            {"step": 1, "gen/adv": 1.0, "disc/real": 2.0},
            {"step": 2, "disc/real": None},
            {"step": 3, "gen/adv": 0.5, "disc/real": 1.0},
        ],
        path,
        "t",
    )
    assert Image.open(path).size[0] > 800
