import html.parser
import math
import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image
from test_tables import FD, make_run, many, put

from eval.reports import page as report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
VOID = {"meta", "img", "br", "hr"}


class Page(html.parser.HTMLParser):
    """Reads a page: refuses tags that do not pair, keeps the attributes and the text of each tag."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.words = [], [], {}, []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        assert len(dict(attributes)) == len(attributes), f"an attribute twice in {tag}"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.setdefault(self.open[-1], []).append(data)
            self.words.append(data)

    def text(self):
        return " ".join(self.words)

    def all(self, tag, **attributes):
        """The attributes of every such tag."""
        return [a for t, a in self.tags if t == tag and all(a.get(k) == v for k, v in attributes.items())]


def make_pictures(folder, steps, kind="", size=402, seed=0):
    """Sample grids of grey discs on noise."""
    for step in steps:
        array = np.random.default_rng([seed, step]).integers(0, 255, (size, size, 3), dtype=np.uint8)
        array[size // 4 : size // 2, size // 4 : size // 2] = 200
        Image.fromarray(array).save(os.path.join(folder, "samples", f"step_{step:08d}{kind}.png"))


def losses(steps, seed=0):
    """Records of a GAN that trains."""
    noise = np.random.default_rng(seed)
    return {
        s: {
            "gen/adv": 1 + math.exp(-s / 500) + 0.05 * noise.normal(),
            "disc/real": 0.6 + 0.05 * noise.normal(),
            "disc/fake": 0.5,
        }
        for s in range(50, steps + 1, 50)
    }


def make_study(root):
    """Two experiments, one diverged run, one that is running, one seed missing."""
    for seed in range(3):
        for name, level, flags in (("digits/plain", 20.0, {}), ("digits/mixup", 17.0, {"mixup": "hidden"})):
            values = {s: 300 * math.exp(-s / 300) + level + seed for s in range(200, 1201, 200)}
            make_pictures(
                make_run(root, name, seed, values, log=losses(1200, seed), flags=flags),
                range(0, 1201, 100),
                seed=seed,
            )
    broken = make_run(
        root,
        "digits/mixup",
        4,
        {200: 250.0, 400: None},
        state="diverged",
        log=losses(450) | {500: {"gen/adv": None}},
        text="--max_bad_steps: 50 updates <in a row>",
        flags={"mixup": "hidden", "lr": 0.1},
    )
    put(
        broken,
        "log.txt",
        "".join(f"line {i}\n" for i in range(90)) + "<script>alert('last & least')</script>\n",
    )
    make_run(root, "digits/plain", 3, {200: 260.0}, state="running", log=losses(300))


def write(root, *words, code=0):
    """The page that the command writes for the runs under `root`, read."""
    out = os.path.join(root, "report.html")
    assert report.main([str(root), "-o", out, *map(str, words)]) == code
    with open(out, encoding="utf8") as file:
        return Page(file.read())


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    make_study(root)
    return root, write(root, "--compare", "digits/mixup", "digits/plain")


# --- drawings


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.13, 0.87, [0.2, 0.4, 0.6, 0.8]),
        (-3, 4, [-2, 0, 2, 4]),
        (1200, 98000, [20000, 40000, 60000, 80000]),
    ],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert report.ticks(low, high) == pytest.approx(expected)


def test_ticks_of_a_logarithmic_axis():
    assert report.powers(0.5, 2000) == pytest.approx([1, 10, 100, 1000])
    assert report.powers(3, 180) == pytest.approx([5, 10, 20, 50, 100])
    assert [report.label(v) for v in (20000, 1500000, 0.05, -12, 0)] == ["20k", "1.5M", "0.05", "-12", "0"]


def test_thinning_takes_means_and_keeps_gaps():
    points = [(s, float(s)) for s in range(1, 1001)]
    thinned = report.thin(points, 1, 1000, 10)
    assert (
        len(thinned) == 10
        and thinned[0] == pytest.approx((50.5, 50.5))
        and sum(v for _, v in thinned.values()) == pytest.approx(5005, rel=0.01)
    )
    assert report.thin([(1, 5.0), (2, None), (3, 7.0)], 1, 3, 160) == {
        0: (1, 5.0),
        80: (2, None),
        159: (3, 7.0),
    }
    assert report.thin([(5, 2.0)], 5, 5, 10) == {0: (5, 2.0)}


def test_mean_and_shade_are_over_the_seeds_that_go_so_far():
    a = report.Line("s0", "c0", {0: (1, 1.0), 1: (2, 2.0), 2: (3, 9.0)})
    b = report.Line("s1", "c1", {0: (1, 3.0), 1: (2, 6.0)})
    mean = report.mean_line([a, b], "mean", "mean")
    assert mean.points == {0: (1, 2.0), 1: (2, 4.0)} and mean.band == pytest.approx(
        {0: math.sqrt(2), 1: math.sqrt(8)}
    )
    assert report.mean_line([a], "mean", "mean") is None
    assert report.mean_line([a, report.Line("s1", "c1", {0: (1, None)})], "mean", "mean") is None


def test_lines_lie_where_the_axes_say():
    line = report.Line("s0", "c0", {0: (0, 0.0), 1: (50, 1.0), 2: (100, 0.5), 3: (150, None), 4: (200, 1.0)})
    svg = report.drawing("gen/adv", [line])
    page = Page(svg)
    (path,) = page.all("polyline")
    (x0, y0), (x1, y1), (x2, y2) = (map(float, p.split(",")) for p in path["points"].split())
    top, bottom, left, right = (
        report.TOP,
        report.HEIGHT - report.BOTTOM,
        report.LEFT,
        report.WIDTH - report.RIGHT,
    )
    assert (x0, x1, x2) == pytest.approx(
        (left, left + (right - left) / 4, left + (right - left) / 2), abs=0.06
    )
    assert y0 == pytest.approx(bottom - (bottom - top) * 0.05 / 1.1, abs=0.06) and y1 == pytest.approx(
        top + (bottom - top) * 0.05 / 1.1, abs=0.06
    )
    assert y2 == pytest.approx((y0 + y1) / 2, abs=0.11)  # up is more
    (dot,) = page.all("circle")
    assert float(dot["cx"]) == pytest.approx(right, abs=0.06)  # after the gap, a lone point
    assert "s0: 1 at step 200" in page.text() and "logarithmic" not in page.text()


def test_wide_ranges_are_logarithmic_and_say_so():
    line = report.Line("s0", "c0", {i: (i, 10.0**i) for i in range(4)})
    page = Page(report.drawing("FD", [line]))
    heights = [float(p.split(",")[1]) for p in page.all("polyline")[0]["points"].split()]
    assert (
        np.diff(heights) == pytest.approx([heights[1] - heights[0]] * 3, abs=0.11)
        and "(logarithmic)" in page.text()
    )


def test_shades_fit_inside_the_axes():
    lines = [
        report.Line("s0", "c0", {0: (0, 1.0), 1: (9, 5.0)}),
        report.Line("s1", "c1", {0: (0, 3.0), 1: (9, 5.0)}),
    ]
    (polygon,) = Page(report.drawing("x", [report.mean_line(lines, "mean", "mean")])).all("polygon")
    heights = [float(p.split(",")[1]) for p in polygon["points"].split()]  # 2 ± √2 and 5 ± 0, there and back
    assert heights[0] < heights[3] < report.HEIGHT - report.BOTTOM and heights[1] == heights[2] > report.TOP
    wide = [report.Line("a", "c0", {0: (0, 1.0), 1: (9, 900.0)}, {0: 5.0, 1: 100.0})]
    assert "nan" not in report.drawing("x", wide) and "(logarithmic)" in report.drawing("x", wide)


def test_drawings_of_little():
    assert (
        report.drawing("none", []) == ""
        and report.drawing("none", [report.Line("s0", "c0", {0: (1, None)})]) == ""
    )
    for value in (0.0, 5.0, -1e-12, 1e30):
        page = Page(report.drawing("one", [report.Line("s0", "c0", {0: (7, value)})]))
        assert len(page.all("circle")) == 1 and "nan" not in page.text()


# --- the page


def test_page_is_complete_in_itself(study):
    root, page = study
    assert {t for t, _ in page.tags} <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "a",
        "span",
        "ul",
        "li",
        "details",
        "summary",
        "figure",
        "figcaption",
        "svg",
        "path",
        "text",
        "polyline",
        "polygon",
        "circle",
        "g",
        "i",
        "b",
        "img",
        "pre",
        "script",
    }
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert name not in ("srcset", "style", "action", "formaction") and not name.startswith("on")
            if name in ("src", "href"):
                assert value.startswith("data:image/" if name == "src" else "#"), (tag, name, value[:60])
    text = (root / "report.html").read_text(encoding="utf8")
    assert "url(" not in text and "@import" not in text and "default-src 'none'" in text
    assert len({a["id"] for _, a in page.tags if "id" in a}) == len([a for _, a in page.tags if "id" in a])
    found = {a["id"] for a in page.all("div") if "id" in a} - {"gallery"}
    assert {a["href"][1:] for a in page.all("a")} == found


def test_page_tells_what_the_tables_tell(study):
    _, page = study
    text = page.text()
    assert "2 experiments, 8 runs (1 diverged, 6 finished, 1 running)" in text
    mean = 300 * math.exp(-4)
    assert (
        f"{mean + 21:.1f} ± 1.0 (n=3)" in page.texts["td"]
        and f"{mean + 18:.1f} ± 1.0 (n=3)" in page.texts["td"]
    )
    assert (
        "missing: 3" in text
        and "digits/mixup/s4: diverged at step 500 (--max_bad_steps: 50 updates <in a row>)" in text
    )
    assert "paired by seed" in text and "digits/mixup is lower, better" in text
    states = [a["class"] for a in page.all("span") if a.get("class", "").startswith("badge")]
    # above, and at each experiment
    assert (
        states.count("badge diverged") == 2
        and states.count("badge running") == 2
        and states.count("badge finished") == 12
    )


def test_page_has_curves_of_every_key_with_seeds_mean_and_shade(study):
    _, page = study
    titles = [a["aria-label"] for a in page.all("svg")]
    assert titles == [f"{FD} ↓"] + 2 * [f"{FD} ↓", "disc/fake", "disc/real", "gen/adv"]
    assert (
        len([a for a in page.all("g") if a["class"] == "line mean"]) == 8
        and len(page.all("polygon")) == 8 + 2
    )
    assert len([a for a in page.all("g") if "dashed" in a["class"]]) == 8


def test_page_shows_samples_over_time(study):
    _, page = study
    pictures = page.all("img")
    assert len(pictures) == 6 * 6 and {a["loading"] for a in pictures} == {"lazy"}
    assert [a["alt"] for a in pictures[:6]] == [
        f"samples at step {s}" for s in (0, 200, 500, 700, 1000, 1200)
    ]
    assert max(len(a["src"]) for a in pictures) < 150_000


def test_page_shows_flags_that_differ_and_folds_the_common_ones(study):
    _, page = study
    headers = page.texts["th"]
    assert "mixup" in headers and "lr" in headers and "loss" not in headers and "seed" not in headers
    assert (
        "0.0002 (s0-2); 0.1 (s4)" in page.texts["td"]
        and "2 flags common to all runs" in page.texts["summary"]
    )


def test_page_shows_the_end_of_the_log_of_a_failed_run_as_text(study):
    root, page = study
    (log,) = page.texts["pre"]
    assert (
        log.splitlines()[-1] == "<script>alert('last & least')</script>"
        and len(log.splitlines()) == report.TAIL
        and log.startswith("line 66")
    )
    assert (root / "report.html").read_text(encoding="utf8").count("<script") == 1  # the page's own


def test_hostile_text_stays_text(tmp_path):
    name = 'a<img src=x onerror="1">\'&'
    folder = make_run(
        tmp_path,
        name,
        0,
        {1: 2.0},
        log={1: {"x/<b>\"'": 1.0}},
        state='bad" onclick="x',
        text="<i>",
        flags={"<u>": "<s>"},
        protocol="<1k>",
    )
    make_run(tmp_path, "b", 0, {1: 2.0}, state="failed", text="</details></body>", protocol="<1k>")
    put(folder, "log.txt", "</pre>")
    page = write(tmp_path, "--title", "<h1>&")
    assert not page.all("img") and not any("onclick" in a or "onerror" in a for _, a in page.tags)
    assert (
        name in page.text()
        and "<u>" in page.texts["th"]
        and page.texts["title"][0] == "<h1>&"
        and "x/<b>\"'" in page.texts["figcaption"]
    )


def test_page_without_evaluations_or_anything_at_all(tmp_path):
    make_run(tmp_path, "a", 0, log=losses(200))
    make_run(tmp_path, "a", 1)
    shutil.rmtree(os.path.join(make_run(tmp_path, "b", 0, state="running"), "samples"))
    for name in ("flags.json", "log.txt"):
        os.remove(tmp_path / "b" / "s0" / name)
    page = write(tmp_path)
    assert (
        "gen/adv" in page.texts["figcaption"]
        and "No readable flags.json: b/s0." in page.text()
        and "b/s0: running at step 0" in page.text()
    )
    page = write(tmp_path, "--metric", "gen/adv")
    assert page.texts["figcaption"].count("gen/adv") == 2  # the overview's and the experiment's own


def test_curves_of_weighted_terms_are_without_their_weights(tmp_path):
    make_run(tmp_path, "a", 0, log={s: {"ae/recon": 10.0 * s, "ae/recon_raw": 1.0 * s} for s in (1, 2)})
    titles = [a["aria-label"] for a in write(tmp_path).all("svg")]
    assert titles == ["ae/recon_raw"]


def test_protocols_stand_in_columns_of_their_own(tmp_path):
    many(tmp_path, "a", [10.0, 12.0])
    many(tmp_path, "b", [1.0, 3.0], sha256="cd" * 32)
    page = write(tmp_path)
    assert (
        f"{FD} [sha256 abababababab] ↓" in page.texts["th"]
        and f"{FD} [sha256 cdcdcdcdcdcd] ↓" in page.texts["th"]
    )


def test_pictures_of_kinds_and_broken_ones(tmp_path):
    folder = make_run(tmp_path, "a", 0, {1: 2.0})
    make_pictures(folder, [0, 10], "_recon")
    make_pictures(folder, [0, 10], "_interp")
    put(folder, "samples/step_00000005_recon.png", "not a picture")
    put(folder, "samples/notes.txt", "no picture either")
    Image.fromarray(np.zeros((4000, 10), np.uint8)).save(os.path.join(folder, "samples", "step_00000000.png"))
    page = write(tmp_path)
    assert len(page.all("img")) == 5 and "s0: recon" in page.texts["h4"] and "s0: interp" in page.texts["h4"]
    assert "step_00000005_recon.png: not readable" in page.text()


def test_size_is_bounded_and_what_is_left_out_is_said(tmp_path):
    keys = {f"disc/{i}": 1.0 for i in range(report.PLOTS + 7)}
    for seed in range(report.SEEDS + 2):
        make_pictures(
            make_run(tmp_path, "a", seed, {100: 1.0}, log={50: keys, 100: keys}), [0, 50, 100], seed=seed
        )
    for i in range(report.COLOURS + 1):
        make_pictures(make_run(tmp_path, f"x{i}", 0, {100: 2.0 + i}), [0, 50, 100], seed=50 + i)
    whole = write(tmp_path)
    assert len(whole.all("img")) == 3 * (report.STRIPS + report.COLOURS + 1)
    page = write(tmp_path, "--max_mb=0.9")
    assert os.path.getsize(tmp_path / "report.html") < 920_000
    text = page.text()
    kept = page.all("img")
    assert (
        0 < len(kept) < len(whole.all("img"))
        and f"{len(whole.all('img')) - len(kept)} sample pictures, to keep the page small" in text
    )
    assert [a["alt"] for a in kept].count(
        "samples at step 100"
    ) == report.STRIPS + report.COLOURS + 1  # of each run the newest first
    assert (
        f"a: samples of {report.SEEDS + 2 - report.STRIPS} of {report.SEEDS + 2} seeds" in text
        and "a: curves of 7 logged keys" in text
    )
    assert "the lines, not the means, of 2 of 12 seeds" in text
    # the two highest distances
    assert f"{FD}, metrics over steps: the lines of 2 experiments (x7, x8)" in text


def test_errors_are_one_line(tmp_path, capsys):
    def said(*words):
        capsys.readouterr()
        code, line = report.main([*map(str, words)]), capsys.readouterr().err
        assert line.count("\n") == 1 and line.startswith("eval.report: ")
        return code, line

    assert said(tmp_path)[0] == 3 and said(tmp_path / "gone")[0] == 3
    make_run(tmp_path, "a", 0, {1: 2.0})
    assert (
        said(tmp_path, "-o", tmp_path / "gone" / "r.html")[0] == 2
        and said(tmp_path, "--max_mb=0")[0] == 2
        and said(tmp_path, "--metric", "x")[0] == 2
    )
    assert not (tmp_path / "report.html").exists()


# --- in a browser


def screenshot(root, name, *words):
    """The page as an array [H, W, 3], drawn by headless Chromium."""
    out, profile = root / name, root / (name + ".profile")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={profile}",
            "--hide-scrollbars",
            "--window-size=1300,2400",
            "--enable-logging=stderr",
            f"--screenshot={out}",
            *words,
            f"file://{root / 'report.html'}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert out.exists(), done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr  # nothing refused, nothing wrong
    return np.asarray(Image.open(out).convert("RGB"))


def has(image, colour, at_least):
    """Whether so many pixels are of a colour "#rrggbb"."""
    return (image == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(2).sum() >= at_least


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium found; use apt-get install chromium")
def test_a_browser_draws_it_in_light_and_dark(study):
    root, _ = study
    light, dark = (
        screenshot(root, "light.png"),
        screenshot(root, "dark.png", "--blink-settings=preferredColorScheme=0"),
    )
    assert has(light, "#ffffff", light.size // 9) and has(dark, "#14171b", dark.size // 9)
    for colour in ("#0072b2", "#d55e00", "#c62828"):  # two experiments' lines, the badge of what failed
        assert has(light, colour, 20), colour
    for colour in ("#4aa8e0", "#ff8a3d", "#ff7b72"):
        assert has(dark, colour, 20), colour


def test_health_has_drawings_of_its_own_with_the_bounds_of_what_is_usual(tmp_path):
    log = {
        s: {"disc/real": 1.0, "health/disc/overfitting": s / 10, "health/gen/sigma_max": 2.0 + s}
        for s in range(1, 9)
    }
    make_run(tmp_path, "a", 0, log=log)
    page = write(tmp_path)
    titles = page.texts["figcaption"]
    assert "disc/overfitting" in titles and "gen/sigma_max" in titles and "disc/real" in titles
    assert "health/disc/overfitting" not in titles and "Health" in page.texts["h4"]
    # only overfitting has a bound that is the same for all runs; its lower one is infinite
    assert len(page.all("path", **{"class": "bound"})) == 1
