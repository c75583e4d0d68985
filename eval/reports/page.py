"""One self-contained HTML page on many runs: tables, states, curves, samples over time, flags, logs of failed
runs.

python -m eval.report results/ -o report.html; see docs/tables.md. It loads nothing: drawings are inline SVG,
pictures data URLs. The one script, page.js, adds a gallery, comparison and sorting; the page is whole without
it.
"""

import base64
import hashlib
import html
import io
import json
import math
import os
import re
import time

from PIL import Image

from engine import bands, flags
from engine.results import unweighted
from eval import command
from eval.metrics import usual
from eval.reports import runs as reading
from eval.reports import tables

COLOURS = 8  # lines that a reader can tell apart; see the style sheet
WIDTH, HEIGHT = 380, 220  # of a drawing
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 30  # its margins
# limits for each experiment
PLOTS = 18  # drawings of logged keys
SEEDS = 10  # lines in a drawing
STRIPS = 3  # seeds with sample pictures
KINDS = 4  # strips of pictures a seed
PICTURE = 260  # pixels across
TAIL = 25  # lines of a log
OWN = {"name", "seed", "save_path"}  # flags that always differ between runs


def escape(text):
    """Text for HTML, in elements and in quoted attributes."""
    return html.escape(str(text), quote=True)


# --- drawings


def ticks(low, high, most=5):
    """Multiples of 1, 2 or 5 times a power of ten between low and high, at most `most` + 1 of them."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def powers(low, high):
    """Ticks of a logarithmic axis: powers of ten, with 2 and 5 times them where there are few."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 2, 5)):
        found = [
            f * 10.0**e
            for e in exponents
            for f in factors
            if low * (1 - 1e-9) <= f * 10.0**e <= high * (1 + 1e-9)
        ]
        if len(found) > 2:
            break
    return found[:: math.ceil(len(found) / 6)]


def label(value):
    """A tick's number: 20000 -> 20k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def thin(points, low, high, most):
    """{span: (mean step, mean value)} of points [(step, value or None)], over `most` equal spans of steps."""
    if high == low:
        return {0: next(((s, v) for s, v in reversed(points) if v is not None), (low, None))}
    spans = {}
    for step, value in points:
        spans.setdefault(min(most - 1, int((step - low) / (high - low) * most)), []).append((step, value))
    result = {}
    for span, its in spans.items():
        finite = [(s, v) for s, v in its if v is not None]
        if finite:
            result[span] = tuple(math.fsum(column) / len(finite) for column in zip(*finite))
        else:  # kept, so that the line has a gap here
            result[span] = its[0][0], None
    return result


class Line:
    """One line of a drawing.

    points: {span: (step, value or None)}; kind: its CSS classes, colour first; band: {span: half its width}
    or None.
    """

    def __init__(self, title, kind, points, band=None):
        self.title, self.kind, self.points, self.band = title, kind, dict(sorted(points.items())), band


def mean_line(lines, title, kind):
    """The mean of lines with a band of ± std, over the spans that all have; None for fewer than two lines."""
    if len(lines) < 2:
        return None
    points, band = {}, {}
    for span in set.intersection(*(set(line.points) for line in lines)):
        values = [line.points[span][1] for line in lines]
        if None not in values:
            mean, band[span] = tables.mean_std(values)
            step, _ = tables.mean_std([line.points[span][0] for line in lines])
            points[span] = step, mean
    return Line(title, kind, points, band) if points else None


def drawing(title, lines, bounds=()):
    """An SVG of the lines with axes, and a legend below; empty text if there is no value.

    The axis is logarithmic where all values are positive and the largest is over 50 times the smallest.
    bounds: values that a dashed line across shows, where the axis reaches them.
    """
    values = [v for line in lines for _, v in line.points.values() if v is not None]
    if not values:
        return ""
    steps = [s for line in lines for s, _ in line.points.values()]
    shaded = [
        line.points[span][1] + side * half
        for line in lines
        for span, half in (line.band or {}).items()
        for side in (-1, 1)
    ]
    log = min(values) > 0 and max(values) / min(values) > 50
    if log:  # a band may reach below zero, which has no logarithm: it is cut at the axis
        shaded = [v for v in shaded if v >= min(values)]
    low, high, first, last = min(values + shaded), max(values + shaded), min(steps), max(steps)
    if not log:
        margin = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
        low, high = low - margin, high + margin
    scale = math.log10 if log else float
    edges = scale(low), scale(high)

    def x(step):
        return LEFT + (WIDTH - LEFT - RIGHT) * ((step - first) / (last - first) if last > first else 0.5)

    def y(value):
        height = (scale(min(max(value, low), high)) - edges[0]) / (edges[1] - edges[0])
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - height)

    out = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for value in powers(low, high) if log else ticks(low, high):
        out.append(
            f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>'
            f'<text x="{LEFT - 5}" y="{y(value) + 3.5:.1f}" text-anchor="end">{label(value)}</text>'
        )
    for value in ticks(first, last) if last > first else [first]:
        out.append(f'<text x="{x(value):.1f}" y="{HEIGHT - 14}" text-anchor="middle">{label(value)}</text>')
    out.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 2}" text-anchor="middle">step</text>'
        f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
    )
    for bound in bounds:
        if low <= bound <= high:
            out.append(f'<path class="bound" d="M{LEFT} {y(bound):.1f}H{WIDTH - RIGHT}"/>')
    for line in lines:
        out.append(band_path(line, x, y) + line_path(line, x, y))
    legend = "".join(f'<span><i class="{line.kind}"></i>{escape(line.title)}</span>' for line in lines)
    caption = escape(title) + (" (logarithmic)" if log else "")
    return (
        f"<figure><figcaption>{caption}</figcaption>{''.join(out)}</svg>"
        f'<div class="legend">{legend}</div></figure>'
    )


def band_path(line, x, y):
    """The band of mean ± std."""
    if not line.band:
        return ""
    spans = sorted(line.band)

    def corner(span, side):
        step, value = line.points[span]
        return f"{x(step):.1f},{y(value + side * line.band[span]):.1f}"

    corners = [corner(span, 1) for span in spans] + [corner(span, -1) for span in reversed(spans)]
    return f'<polygon class="band {line.kind}" points="{" ".join(corners)}"/>'


def line_path(line, x, y):
    """The line, with gaps where a value was not finite, and single points as dots. Its title shows on
    hovering."""
    pieces, last = [[]], None
    for step, value in line.points.values():
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{x(step):.1f},{y(value):.1f}")
            last = step, value
    if last is None:
        return ""
    shapes = []
    for piece in filter(None, pieces):
        if len(piece) > 1:
            shapes.append(f'<polyline points="{" ".join(piece)}"/>')
        else:
            cx, cy = piece[0].split(",")
            shapes.append(f'<circle cx="{cx}" cy="{cy}" r="2.5"/>')
    title = f"{escape(line.title)}: {last[1]:.5g} at step {last[0]:.0f}"
    return f'<g class="line {line.kind}"><title>{title}</title>{"".join(shapes)}</g>'


# --- parts of the page


def badge(run):
    """A seed with its state, in words and colour."""
    state = run.status[0]
    kind = state if re.fullmatch("[a-z]+", state) else "unknown"
    return f'<span class="badge {kind}" title="{escape(run.state_text())}">s{run.seed} {escape(state)}</span>'


def block_html(block):
    """A block of `tables.blocks` as HTML."""
    table = ""
    if block.rows:
        head = "".join(f"<th>{escape(cell)}</th>" for cell in block.header)
        cell_html = lambda cell: f'<td class="{"short" if len(cell) <= 40 else "long"}">{escape(cell)}</td>'
        body = "".join(f"<tr>{''.join(map(cell_html, row))}</tr>" for row in block.rows)
        table = f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        table = f'<div class="wide">{table}</div>'
    notes = f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in block.notes)}</ul>" if block.notes else ""
    return f"<h2>{escape(block.title)}</h2>{table}{notes}"


def contents(groups):
    """Every experiment with its seeds and states."""
    rows = []
    for i, group in enumerate(groups):
        badges = [badge(run) for run in group.runs]
        if group.missing:
            badges.append(f'<span class="badge missing">missing: {tables.spans(group.missing)}</span>')
        link = f'<a href="#e{i}">{escape(group.name)}</a>'
        rows.append(f"<tr><td>{link}</td><td>{' '.join(badges)}</td></tr>")
    table = f'<table class="plain"><tbody>{"".join(rows)}</tbody></table>'
    return f'<h2>Experiments</h2><div class="wide">{table}</div>'


def overview(study, points, left):
    """Metrics over steps, with a line for each experiment: the mean of its counted seeds. Of more than
    COLOURS experiments those with the best last means are drawn."""
    figures = []
    for column in study.columns:
        lines = []
        for group in study.shown:
            its = [(run, column.points[run]) for run in group.counted if run in column.points]
            if its:
                lines.append((group, its))
        if column.better and len(lines) > COLOURS:
            worst = math.inf if column.better == "lower" else -math.inf
            means = {
                group: tables.mean_std(study.row(group, column, "last").numbers())[0] for group, _ in lines
            }
            lines.sort(
                key=lambda line: worst if means[line[0]] is None else means[line[0]],
                reverse=column.better == "higher",
            )
        if len(lines) > COLOURS:
            names = ", ".join(group.name for group, _ in lines[COLOURS:])
            left.append(
                f"{column.heading}, metrics over steps: the lines of {len(lines) - COLOURS} experiments "
                f"({names})"
            )
            lines = lines[:COLOURS]
        steps = [p.step for _, its in lines for _, ps in its for p in ps]
        drawn = []
        for i, (group, its) in enumerate(lines):
            single = [
                Line(
                    f"{group.name} (s{run.seed})",
                    f"c{i}",
                    thin([(p.step, p.value) for p in ps], min(steps), max(steps), points),
                )
                for run, ps in its
            ]
            drawn.append(mean_line(single, f"{group.name} (n={len(single)})", f"c{i}") or single[0])
        figures.append(drawing(column.heading + tables.SIGN[column.better], drawn))
    if not any(figures):
        return ""
    text = "<h2>Metrics over steps</h2><p>Means over n seeds; the shade is ± std.</p>"
    return f'{text}<div class="figures">{"".join(figures)}</div>'


def curves(study, group, points, left):
    """All scores and logged means of an experiment: thin lines for seeds (dashed: not finished), and the mean
    ± std of the finished ones."""
    logged = sorted({key for run in group.runs for key in run.logged})
    series = [
        (
            c.heading + tables.SIGN[c.better],
            {run: [(p.step, p.value) for p in c.points[run]] for run in group.runs if run in c.points},
        )
        for c in study.columns
    ]
    shown = {c.name for c in study.columns}
    keys = [
        k for k in unweighted(logged) if k.removeprefix("eval/") not in shown and not k.startswith("health/")
    ]
    series += [(key, {run: pairs(run, key) for run in group.runs}) for key in keys[:PLOTS]]
    band, verdicts = band_of(group)
    if len(keys) > PLOTS:
        names = ", ".join(keys[PLOTS : PLOTS + 5]) + (", ..." if len(keys) > PLOTS + 5 else "")
        left.append(f"{group.name}: curves of {len(keys) - PLOTS} logged keys ({names})")
    if len(group.runs) > SEEDS:
        left.append(
            f"{group.name}: the lines, not the means, of {len(group.runs) - SEEDS} of {len(group.runs)} seeds"
        )
    figures = [figure(title, its, points, band=band.get(title)) for title, its in series]
    health = [
        figure(
            key.removeprefix("health/"), {run: pairs(run, key) for run in group.runs}, points, usual_of(key)
        )
        for key in logged
        if key.startswith("health/")
    ]
    watched = (
        "<h4>Health</h4><p>Dashed across: the bounds of what is usual (docs/health.md).</p>"
        f'<div class="figures">{"".join(health)}</div>'
        if any(health)
        else ""
    )
    return f'{verdicts}<div class="figures">{"".join(figures)}</div>{watched}'


def band_of(group):
    """({key: curve of the experiment's band}, a paragraph on which runs lie inside it); both empty without a
    band of these flags."""
    curves, told = {}, []
    for run in group.runs:
        _, band = bands.find(os.path.dirname(os.path.abspath(run.folder)), run.name, run.flags)
        text = bands.verdict(run.records, band) if band else ""
        if text:
            curves = band["curves"]
            told.append(f"<li>s{run.seed}: {escape(text)}</li>")
    return curves, f"<p>On track:</p><ul>{''.join(told)}</ul>" if told else ""


def pairs(run, key):
    """[(step, value)] of a key of metrics.jsonl."""
    return [(p.step, p.value) for p in run.points(key.removeprefix("eval/"))]


def usual_of(key):
    """The bounds of a key of --health that are the same for all runs."""
    row = usual.RANGES.get(key.rsplit("/", 1)[-1])
    return () if row is None or row.relative else (row.low, row.high)


def figure(title, its, points, bounds=(), band=None):
    """A drawing of {run: [(step, value)]}: a line for each run, at most SEEDS, and the mean ± std of the
    finished ones. band: the curve of a band, or None."""
    steps = [s for ps in its.values() for s, _ in ps]
    if not steps:
        return ""
    lines = {
        run: Line(
            f"s{run.seed}" + ("" if run.finished else f", {run.status[0]}"),
            f"c{i % COLOURS}" + ("" if run.finished else " dashed"),
            thin(ps, min(steps), max(steps), points),
        )
        for i, (run, ps) in enumerate(its.items())
        if ps
    }
    mean = mean_line(
        [line for run, line in lines.items() if run.finished], "mean ± std, finished seeds", "mean"
    )
    expected = [band_line(band, max(steps))] if band and lines else []
    return drawing(title, list(lines.values())[:SEEDS] + ([mean] if mean else []) + expected, bounds)


def band_line(band, last):
    """The Line of a band's curve up to the step `last`."""
    entries = [e for e in zip(band["steps"], band["low"], band["high"]) if e[0] <= last] or [
        (band["steps"][0], band["low"][0], band["high"][0])
    ]
    middle = {i: (step, (low + high) / 2) for i, (step, low, high) in enumerate(entries)}
    return Line(
        "band", f"c{COLOURS - 1} dashed", middle, {i: (e[2] - e[1]) / 2 for i, e in enumerate(entries)}
    )


class Pictures:
    """Sample pictures, made smaller, as data URLs of at most `budget` bytes in all. `left` is told what is
    left out."""

    def __init__(self, groups, budget, left):
        self.urls, self.strips = {}, {}
        for group in groups:
            runs = group.runs[:STRIPS]
            if len(group.runs) > STRIPS:
                left.append(f"{group.name}: samples of {len(group.runs) - STRIPS} of {len(group.runs)} seeds")
            for run in runs:
                kinds = strips(run)
                if len(kinds) > KINDS:
                    names = ", ".join(sorted(kinds)[KINDS:])
                    left.append(f"{run}: {len(kinds) - KINDS} of {len(kinds)} kinds of samples ({names})")
                self.strips[run] = {kind: kinds[kind] for kind in sorted(kinds)[:KINDS]}
        # in rounds, the newest picture of each strip first, so that even a small budget shows some of every
        # strip
        queue = [
            (order, path)
            for its in self.strips.values()
            for strip in its.values()
            for order, path in turns(strip)
        ]
        refused = 0
        for _, path in sorted(queue, key=lambda entry: entry[0]):
            try:
                data = smaller(path)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                left.append(f"{path}: not readable ({error})")
                continue
            budget -= len(data)
            if budget < 0:
                refused += 1
            else:
                self.urls[path] = data
        if refused:
            left.append(f"{refused} sample pictures, to keep the page small (--max_mb)")

    def html(self, run):
        """The strips of a run, each picture under its step."""
        out = []
        for kind, strip in self.strips.get(run, {}).items():
            shown = [(step, self.urls[path]) for step, path in strip if path in self.urls]
            if shown:
                cells = "".join(
                    f'<figure data-run="{escape(run)}" data-kind="{escape(kind)}" data-step="{step}">'
                    f'<img loading="lazy" alt="samples at step {step}" src="{url}">'
                    f"<figcaption>step {step}</figcaption></figure>"
                    for step, url in shown
                )
                title = f"s{run.seed}" + (f": {escape(kind)}" if kind else "")
                out.append(f'<h4>{title}</h4><div class="strip">{cells}</div>')
        return "".join(out)


def strips(run, most=6):
    """{kind: [(step, path), ...]} of samples/step_<8 digits>[_kind].png: the first, the last and evenly
    spaced ones."""
    folder, found = os.path.join(run.folder, "samples"), {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        match = re.fullmatch(r"step_(\d{8,})(?:_(.+))?\.png", name)
        if match:
            found.setdefault(match[2] or "", []).append((int(match[1]), os.path.join(folder, name)))
    for kind, its in found.items():
        its.sort()
        keep = sorted({round(i * (len(its) - 1) / (most - 1)) for i in range(most)})
        found[kind] = [its[i] for i in keep]
    return found


def turns(strip):
    """[(turn, path)]: the last picture first, then the first, then those between."""
    order = [strip[-1], *strip[:-1]]
    return [(turn, path) for turn, (_, path) in enumerate(order)]


def smaller(path):
    """A picture as a data URL, at most PICTURE pixels wide and four times that high; PNG or JPEG, whichever
    is shorter."""
    with Image.open(path) as image:
        image = image.convert("L" if image.mode in ("1", "L", "I", "I;16", "F") else "RGB")
    image.thumbnail((PICTURE, 4 * PICTURE))
    shortest = None
    for kind, options in (("png", {}), ("jpeg", {"quality": 88})):
        file = io.BytesIO()
        image.save(file, kind, **options)
        if shortest is None or file.tell() < len(shortest[1]):
            shortest = kind, file.getvalue()
    return f"data:image/{shortest[0]};base64,{base64.b64encode(shortest[1]).decode()}"


def flag_text(value):
    """A flag's value as text."""
    return value if isinstance(value, str) else json.dumps(value)


def flag_tables(groups):
    """A table of the flags that differ, experiments by flags, and a folded one of those that all runs
    share."""
    values = {g: {} for g in groups}  # {flag: {value: [seeds]}}; a missing flag counts as a value
    with_flags = [run for g in groups for run in g.runs if run.flags]
    names = sorted({name for run in with_flags for name in run.flags} - OWN)
    for group in groups:
        for name in names:
            found = values[group].setdefault(name, {})
            for run in (run for run in group.runs if run.flags):
                text = flag_text(run.flags[name]) if name in run.flags else "–"
                found.setdefault(text, []).append(run.seed)
    distinct = {name: {text for g in groups for text in values[g][name]} for name in names}
    differing = [name for name in names if len(distinct[name]) > 1]
    common = [name for name in names if len(distinct[name]) == 1]
    out = ["<h2>Flags</h2>"]
    if differing:
        rows = [[g.name] + [cell_of(values[g][name]) for name in differing] for g in groups]
        block = tables.Block("Flags that differ", ["experiment", *differing], rows, [])
        out.append(block_html(block).replace("h2>", "h3>"))
    elif names:
        out.append(
            f"<p>All {len(with_flags)} runs have the same flags, but for {', '.join(sorted(OWN))}.</p>"
        )
    if common:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(next(iter(distinct[name])))}</td></tr>"
            for name in common
        )
        out.append(
            f"<details><summary>{len(common)} flags common to all runs</summary>"
            f'<div class="wide"><table><tbody>{rows}</tbody></table></div></details>'
        )
    without = [str(run) for g in groups for run in g.runs if not run.flags]
    if without:
        out.append(f"<p>No readable flags.json: {escape(', '.join(without))}.</p>")
    return "".join(out) if len(out) > 1 else ""


def cell_of(found):
    """{value: [seeds]} as text: the value, or each with its seeds."""
    if len(found) <= 1:
        return next(iter(found), "–")
    return "; ".join(f"{text} (s{tables.spans(its)})" for text, its in found.items())


def tail(run):
    """The last lines of log.txt of a run that failed or diverged, folded."""
    if run.status[0] not in ("failed", "diverged"):
        return ""
    try:
        with open(os.path.join(run.folder, "log.txt"), "rb") as file:
            file.seek(max(0, os.path.getsize(file.name) - 64 * 1024))
            lines = file.read().decode(errors="replace").splitlines()[-TAIL:]
    except OSError:
        lines = ["(no log.txt)"]
    text = "\n".join(line[:300] for line in lines)
    summary = f"{escape(run)}: {escape(run.state_text())}"
    return f'<details class="log"><summary>{summary}</summary><pre>{escape(text)}</pre></details>'


def section(group, i, opened, drawings, pictures):
    """One experiment: seeds, curves, samples, logs. The link's target is inside <details>, so that following
    it unfolds it."""
    samples = "".join(pictures.html(run) for run in group.runs)
    logs = "".join(tail(run) for run in group.runs)
    badges = " ".join(badge(run) for run in group.runs)
    parts = [
        "<h3>Logs of failed runs</h3>" + logs if logs else "",
        "<h3>Curves</h3>" + drawings,
        "<h3>Samples over time</h3>" + samples if samples else "",
    ]
    return (
        f'<details class="experiment"{" open" if opened else ""}>'
        f"<summary><b>{escape(group.name)}</b> {badges}</summary>"
        f'<div id="e{i}">{"".join(parts)}</div></details>'
    )


def page(study, title, max_bytes):
    """The whole page as text."""
    runs, left = [run for g in study.groups for run in g.runs], []
    points = 160 if len(runs) <= 24 else 80  # a line; fewer where there are many runs
    parts = [
        contents(study.groups),
        *(block_html(b) for b in tables.blocks(study)),
        overview(study, points, left),
        flag_tables(study.groups),
    ]
    drawings = [curves(study, g, points, left) for g in study.groups]
    used = sum(len(text.encode()) for text in (*parts, *drawings))
    pictures = Pictures(study.groups, max_bytes - used, left)
    sections = [
        section(g, i, len(study.groups) <= 3, drawings[i], pictures) for i, g in enumerate(study.groups)
    ]
    states = [run.status[0] for run in runs]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    note = ""
    if left:
        items = "".join(f"<li>{escape(text)}</li>" for text in left)
        note = f"<h2>Left out of this page</h2><ul>{items}</ul>"
    with open(os.path.join(os.path.dirname(__file__), "page.js"), encoding="utf8") as file:
        script = file.read()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    made = time.strftime("%Y-%m-%d %H:%M")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{len(study.groups)} experiments, {len(runs)} runs ({escape(counts)}); made {made}.</p>"
        f'{"".join(parts)}<div id="gallery"></div><h2>Each experiment</h2>'
        f"<p>Long runs are drawn as means over at most {points} spans of steps; dashed: a run that has not "
        "finished.</p>"
        f"{''.join(sections)}{note}<script>{script}</script></body></html>\n"
    )


STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1b1f24; --soft: #5b6570; --rule: #d5dae0;
  --panel: #f6f8fa; --link: #0b57a4;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #b8478f; --c4: #a67c00; --c5: #2b9fd9; --c6: #6f4fb0;
  --c7: #777; --mean: #111;
  --good: #1a7f37; --info: #0b57a4; --warn: #9a6700; --bad: #c62828; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --text: #e4e8ec; --soft: #9aa4ae;
  --rule: #363d45; --panel: #1d2126; --link: #7cb7f5;
  --c0: #4aa8e0; --c1: #ff8a3d; --c2: #2fd0a0; --c3: #ea86c4; --c4: #e3b93a; --c5: #8ad4fb; --c6: #b39bf0;
  --c7: #aaa; --mean: #fff;
  --good: #56c271; --info: #7cb7f5; --warn: #e0b040; --bad: #ff7b72; } }
body { margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 84rem; background: var(--back);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
h4 { font-size: .9rem; margin: .8rem 0 .3rem; color: var(--soft); } a { color: var(--link); }
ul { padding-left: 1.2rem; color: var(--soft); font-size: .9rem; }
li { overflow-wrap: anywhere; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th { max-width: 14rem; } td.short { white-space: nowrap; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { border-bottom: 2px solid var(--soft); vertical-align: bottom; }
td { max-width: 28rem; overflow-wrap: break-word; } .plain td { border: 0; }
.badge { display: inline-block; padding: 0 .5em; margin: .1em 0; border: 1px solid currentColor;
  border-radius: 1em; font-size: .8rem; white-space: nowrap; color: var(--soft); }
.finished { color: var(--good); } .running { color: var(--info); } .interrupted { color: var(--warn); }
.failed, .diverged { color: var(--bad); font-weight: 600; } .missing { border-style: dashed; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr)); gap: 1rem;
  }
figure { margin: 0; } .figures figure { background: var(--panel); border-radius: .5rem; padding: .6rem; }
figcaption { font-weight: 600; font-size: .85rem; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; } svg text { font-size: 10.5px; fill: var(--soft); }
.grid { stroke: var(--rule); stroke-width: .7; } .axis { stroke: var(--soft); fill: none; }
.bound { stroke: var(--warn); stroke-dasharray: 6 4; fill: none; }
.line { fill: none; stroke-width: 1.1; stroke-linejoin: round; } .line circle { fill: currentColor; }
.line:hover { stroke-width: 3; }
.band { fill: currentColor; opacity: .15; } .line { stroke: currentColor; }
.line.mean { stroke-width: 1.8; } .dashed { stroke-dasharray: 4 3; opacity: .8; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); }
.c4 { color: var(--c4); }
.c5 { color: var(--c5); } .c6 { color: var(--c6); } .c7 { color: var(--c7); } .mean { color: var(--mean); }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-size: .78rem; color: var(--soft); }
.legend i { display: inline-block; width: 1.3em; margin-right: .35em; border-top: 3px solid currentColor;
  vertical-align: middle; }
.legend i.dashed { border-top-style: dashed; }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .6rem; }
.strip figcaption { font-weight: 400; color: var(--soft); }
.strip img { display: block; max-width: 100%; border-radius: 3px; }
details.experiment { border: 1px solid var(--rule); border-radius: .5rem; padding: .5rem .9rem;
  margin: .7rem 0; }
.experiment > div { scroll-margin-top: 3rem; } summary { cursor: pointer; overflow-wrap: anywhere; }
button.sort { all: unset; cursor: pointer; font-weight: 600; overflow-wrap: anywhere; }
button.sort:focus-visible, img:focus-visible, summary:focus-visible, a:focus-visible {
  outline: 3px solid var(--link); outline-offset: 2px; }
[aria-sort=ascending] button::after { content: " ▲"; }
[aria-sort=descending] button::after { content: " ▼"; }
.strip img { cursor: zoom-in; }
.gallery, .columns { display: grid; gap: .8rem; }
.gallery { grid-template-columns: repeat(auto-fill, minmax(min(9rem, 45%), 1fr)); }
.columns { grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); margin-top: .6rem; }
.gallery img, .columns img { display: block; width: 100%; border-radius: 3px; image-rendering: pixelated; }
.gallery label { font-size: .85rem; overflow-wrap: anywhere; cursor: pointer; }
input[type=range] { width: min(20rem, 60%); }
.viewer { background: var(--back); color: var(--text); border: 1px solid var(--rule); border-radius: .5rem;
  max-width: 95vw; }
.viewer img { display: block; width: min(80vh, 88vw); image-rendering: pixelated; }
.viewer p { margin: .5rem 0; }
.viewer button { font: inherit; margin-right: .5rem; padding: .4rem .8rem; }
pre { background: var(--panel); padding: .7rem; border-radius: .4rem; overflow-x: auto; font-size: .8rem; }
.log { margin: .4rem 0; }
"""


def write_report(argv=None):
    """Reads the command line and writes the page. Returns the exit code."""
    parser = flags.Parser(
        prog="python -m eval.report",
        description="One self-contained HTML page on many runs; see docs/tables.md.",
        epilog="exit codes: 0 done, 2 arguments, 3 no run or no file",
    )
    tables.add_options(parser)
    parser.add_argument(
        "-o", "--output", default="report.html", metavar="FILE", help="where to write (default report.html)"
    )
    parser.add_argument("--title", default=None, help="the page's title (default: the folders given)")
    parser.add_argument(
        "--max_mb",
        type=flags.number(float, 0, open_low=True),
        default=16.0,
        help="add sample pictures until the page has this size in MB; the page says what is left out "
        "(default 16)",
    )
    args = parser.parse_args(argv)
    args.split = True  # a page shows everything, with a column for each protocol
    found = reading.find(args.folders)
    study = tables.Study(found, args)
    text = page(study, args.title or "Runs in " + ", ".join(args.folders), int(args.max_mb * 1e6))
    tables.write(args.output, text)
    print(f"report: {args.output} ({len(text.encode()) / 1e6:.1f} MB, {len(found)} runs)")
    return 0


def main(argv=None):
    """The command line; returns the exit code."""
    return command.run("eval.report", write_report, argv)
