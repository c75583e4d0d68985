"""One HTML page on many runs, complete in itself: tables, states, curves, samples over time, flags, logs of what failed.

python -m eval.report results/ -o report.html; see docs/tables.md. No script, no network: drawings are inline SVG, pictures data URLs.
"""

import base64
import html
import io
import json
import math
import os
import re
import time

from PIL import Image

from engine import flags
from eval.reports import runs as reading
from eval.reports import tables

COLOURS = 8  # that a reader can tell apart; see the style sheet
WIDTH, HEIGHT = 380, 220  # of a drawing
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 30  # its margins
PLOTS, SEEDS, STRIPS, KINDS = (
    18,
    10,
    3,
    4,
)  # an experiment: drawings; lines in one; seeds with pictures; strips a seed
PICTURE = 260  # pixels across
TAIL = 25  # lines of a log
OWN = {"name", "seed", "save_path"}  # flags that differ between runs as a matter of course


def escape(text):
    """Text for HTML, in elements and in quoted attributes."""
    return html.escape(str(text), quote=True)


# --- drawings


def ticks(low, high, most=5):
    """Round numbers between low and high, 1, 2 or 5 times a power of ten apart, at most `most` + 1 of them."""
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
    """[(step, value or None)] as at most `most` points: means over equal spans of steps; {span: (mean step, mean value)}."""
    if high == low:
        return {0: next(((s, v) for s, v in reversed(points) if v is not None), (low, None))}
    spans = {}
    for step, value in points:
        spans.setdefault(min(most - 1, int((step - low) / (high - low) * most)), []).append((step, value))
    result = {}
    for span, its in spans.items():
        finite = [(s, v) for s, v in its if v is not None]
        # a span without one finite value stays, so that the line has a gap there
        result[span] = (
            tuple(math.fsum(column) / len(finite) for column in zip(*finite)) if finite else (its[0][0], None)
        )
    return result


class Line:
    """One line of a drawing. points: {span: (step, value or None)}; kind: its CSS classes, colour first; band: {span: half width} or None."""

    def __init__(self, title, kind, points, band=None):
        self.title, self.kind, self.points, self.band = title, kind, dict(sorted(points.items())), band


def mean_line(lines, title, kind):
    """The mean, with ± std as band, of lines over the spans that all of them have; None for fewer than two."""
    if len(lines) < 2:
        return None
    points, band = {}, {}
    for span in set.intersection(*(set(line.points) for line in lines)):
        values = [line.points[span][1] for line in lines]
        if None not in values:
            mean, std = tables.mean_std(values)
            points[span], band[span] = (
                (tables.mean_std([line.points[span][0] for line in lines])[0], mean),
                std,
            )
    return Line(title, kind, points, band) if points else None


def drawing(title, lines):
    """An SVG with axes for the lines, and a legend below; values of wide positive range on a logarithmic axis. Empty text for no value."""
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
    if log:
        shaded = [
            v for v in shaded if v >= min(values)
        ]  # a shade may reach below zero, where there is no logarithm: cut at the axis
    low, high, first, last = min(values + shaded), max(values + shaded), min(steps), max(steps)
    if not log:
        margin = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
        low, high = low - margin, high + margin
    scale = math.log10 if log else float
    edges = scale(low), scale(high)

    def x(step):
        return LEFT + (WIDTH - LEFT - RIGHT) * ((step - first) / (last - first) if last > first else 0.5)

    def y(value):
        return TOP + (HEIGHT - TOP - BOTTOM) * (
            1 - (scale(min(max(value, low), high)) - edges[0]) / (edges[1] - edges[0])
        )

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
    for line in lines:
        out.append(band_path(line, x, y) + line_path(line, x, y))
    legend = "".join(f'<span><i class="{line.kind}"></i>{escape(line.title)}</span>' for line in lines)
    return f'<figure><figcaption>{escape(title)}{" (logarithmic)" if log else ""}</figcaption>{"".join(out)}</svg><div class="legend">{legend}</div></figure>'


def band_path(line, x, y):
    """The shade of mean ± std."""
    if not line.band:
        return ""
    spans = sorted(line.band)
    there = " ".join(f"{x(line.points[s][0]):.1f},{y(line.points[s][1] + line.band[s]):.1f}" for s in spans)
    back = " ".join(
        f"{x(line.points[s][0]):.1f},{y(line.points[s][1] - line.band[s]):.1f}" for s in reversed(spans)
    )
    return f'<polygon class="band {line.kind}" points="{there} {back}"/>'


def line_path(line, x, y):
    """The line, broken where a value was not finite; a lone point as a dot. Its title shows on hovering."""
    pieces, last = [[]], None
    for step, value in line.points.values():
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{x(step):.1f},{y(value):.1f}")
            last = step, value
    if last is None:
        return ""
    shapes = "".join(
        f'<polyline points="{" ".join(piece)}"/>'
        if len(piece) > 1
        else f'<circle cx="{piece[0].split(",")[0]}" cy="{piece[0].split(",")[1]}" r="2.5"/>'
        for piece in pieces
        if piece
    )
    return f'<g class="line {line.kind}"><title>{escape(line.title)}: {last[1]:.5g} at step {last[0]:.0f}</title>{shapes}</g>'


# --- parts of the page


def badge(run):
    """A seed with its state, in words and colour."""
    state, step, text = run.status
    return f'<span class="badge {state if re.fullmatch("[a-z]+", state) else "unknown"}" title="{escape(run.standing())}">s{run.seed} {escape(state)}</span>'


def block_html(block):
    """A block of the tables."""
    table = ""
    if block.rows:
        head = "".join(f"<th>{escape(cell)}</th>" for cell in block.header)
        body = "".join(
            "<tr>"
            + "".join(
                f'<td class="{"short" if len(cell) <= 40 else "long"}">{escape(cell)}</td>' for cell in row
            )
            + "</tr>"
            for row in block.rows
        )
        table = f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    notes = f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in block.notes)}</ul>" if block.notes else ""
    return f"<h2>{escape(block.title)}</h2>{table}{notes}"


def contents(groups):
    """Every experiment with its seeds and states."""
    rows = "".join(
        f'<tr><td><a href="#e{i}">{escape(g.name)}</a></td><td>{" ".join(badge(run) for run in g.runs)}'
        + (f' <span class="badge missing">missing: {tables.spans(g.missing)}</span>' if g.missing else "")
        + "</td></tr>"
        for i, g in enumerate(groups)
    )
    return f'<h2>Experiments</h2><div class="wide"><table class="plain"><tbody>{rows}</tbody></table></div>'


def overview(study, points, left):
    """Metrics over steps, a line an experiment: the mean of its counted seeds. Where there are too many, those with the best last means."""
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
            left.append(
                f"{column.heading}, metrics over steps: the lines of {len(lines) - COLOURS} experiments ({', '.join(g.name for g, _ in lines[COLOURS:])})"
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
    return (
        f'<h2>Metrics over steps</h2><p>Means over n seeds; the shade is ± std.</p><div class="figures">{"".join(figures)}</div>'
        if any(figures)
        else ""
    )


def curves(study, group, points, left):
    """All evaluations and logged means of an experiment: thin lines for seeds (dashed: not finished), mean and shade over the finished ones."""
    logged = sorted({key for run in group.runs for key in run.logged})
    series = [
        (
            c.heading + tables.SIGN[c.better],
            {run: [(p.step, p.value) for p in c.points[run]] for run in group.runs if run in c.points},
        )
        for c in study.columns
    ]
    shown = {c.name for c in study.columns}
    keys = [k for k in logged if k.removeprefix("eval/") not in shown]
    series += [
        (key, {run: [(p.step, p.value) for p in run.points(key.removeprefix("eval/"))] for run in group.runs})
        for key in keys[:PLOTS]
    ]
    if len(keys) > PLOTS:
        left.append(
            f"{group.name}: curves of {len(keys) - PLOTS} logged keys ({', '.join(keys[PLOTS : PLOTS + 5])}{', ...' if len(keys) > PLOTS + 5 else ''})"
        )
    if len(group.runs) > SEEDS:
        left.append(
            f"{group.name}: the lines, not the means, of {len(group.runs) - SEEDS} of {len(group.runs)} seeds"
        )
    figures = []
    for title, its in series:
        steps = [s for ps in its.values() for s, _ in ps]
        if not steps:
            continue
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
        figures.append(drawing(title, list(lines.values())[:SEEDS] + ([mean] if mean else [])))
    return f'<div class="figures">{"".join(figures)}</div>'


class Pictures:
    """Sample pictures, made smaller, as data URLs; at most `budget` bytes of them. To `left` goes what did not fit or could not be read."""

    def __init__(self, groups, budget, left):
        self.urls, self.strips = {}, {}
        for group in groups:
            runs = group.runs[:STRIPS]
            if len(group.runs) > STRIPS:
                left.append(f"{group.name}: samples of {len(group.runs) - STRIPS} of {len(group.runs)} seeds")
            for run in runs:
                kinds = strips(run)
                if len(kinds) > KINDS:
                    left.append(
                        f"{run}: {len(kinds) - KINDS} of {len(kinds)} kinds of samples ({', '.join(sorted(kinds)[KINDS:])})"
                    )
                self.strips[run] = {kind: kinds[kind] for kind in sorted(kinds)[:KINDS]}
        # in rounds, the newest picture of each strip first, so that a small budget still shows something of all
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
                    f'<figure><img loading="lazy" alt="samples at step {step}" src="{url}"><figcaption>step {step}</figcaption></figure>'
                    for step, url in shown
                )
                out.append(
                    f'<h4>s{run.seed}{": " + escape(kind) if kind else ""}</h4><div class="strip">{cells}</div>'
                )
        return "".join(out)


def strips(run, most=6):
    """{kind: [(step, path), ...]} of samples/step_<8 digits>[_kind].png: at most six steps, the first, the last and evenly between."""
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
    """A picture as a data URL, at most PICTURE pixels across and four times that high; as PNG or JPEG, whichever is shorter."""
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
    """A flag's value as typed, more or less."""
    return value if isinstance(value, str) else json.dumps(value)


def flag_tables(groups):
    """The flags that differ, experiments by flags; those that are common, folded."""
    values = {
        g: {} for g in groups
    }  # {flag: {value: [seeds]}}; a flag that a run lacks counts as a value, too
    with_flags = [run for g in groups for run in g.runs if run.flags]
    names = sorted({name for run in with_flags for name in run.flags} - OWN)
    for group in groups:
        for name in names:
            found = values[group].setdefault(name, {})
            for run in group.runs:
                if run.flags:
                    found.setdefault(flag_text(run.flags[name]) if name in run.flags else "–", []).append(
                        run.seed
                    )
    distinct = {name: {text for g in groups for text in values[g][name]} for name in names}
    differing, common = (
        [n for n in names if len(distinct[n]) > 1],
        [n for n in names if len(distinct[n]) == 1],
    )
    out = ["<h2>Flags</h2>"]
    if differing:
        rows = [[g.name] + [cell_of(values[g][name]) for name in differing] for g in groups]
        out.append(
            block_html(tables.Block("Flags that differ", ["experiment", *differing], rows, [])).replace(
                "h2>", "h3>"
            )
        )
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
            f'<details><summary>{len(common)} flags common to all runs</summary><div class="wide"><table><tbody>{rows}</tbody></table></div></details>'
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
    return f'<details class="log"><summary>{escape(run)}: {escape(run.standing())}</summary><pre>{escape(text)}</pre></details>'


def section(group, i, opened, drawings, pictures):
    """One experiment: seeds, curves, samples, logs. The target of its link lies inside, so that following the link unfolds it."""
    samples = "".join(pictures.html(run) for run in group.runs)
    logs = "".join(tail(run) for run in group.runs)
    badges = " ".join(badge(run) for run in group.runs)
    return (
        f'<details class="experiment"{" open" if opened else ""}><summary><b>{escape(group.name)}</b> {badges}</summary>'
        f'<div id="e{i}">{"<h3>Logs of failed runs</h3>" + logs if logs else ""}<h3>Curves</h3>{drawings}'
        f"{'<h3>Samples over time</h3>' + samples if samples else ''}</div></details>"
    )


def page(study, title, max_bytes):
    """The whole page as text."""
    runs, left = [run for g in study.groups for run in g.runs], []
    points = 160 if len(runs) <= 24 else 80  # a line: fewer where there are many
    parts = [
        contents(study.groups),
        *(block_html(b) for b in tables.blocks(study)),
        overview(study, points, left),
        flag_tables(study.groups),
    ]
    drawings = [curves(study, g, points, left) for g in study.groups]
    pictures = Pictures(
        study.groups, max_bytes - sum(len(text.encode()) for text in (*parts, *drawings)), left
    )
    sections = [
        section(g, i, len(study.groups) <= 3, drawings[i], pictures) for i, g in enumerate(study.groups)
    ]
    states = [run.status[0] for run in runs]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    note = (
        f"<h2>Left out of this page</h2><ul>{''.join(f'<li>{escape(text)}</li>' for text in left)}</ul>"
        if left
        else ""
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{len(study.groups)} experiments, {len(runs)} runs ({escape(counts)}); made {time.strftime('%Y-%m-%d %H:%M')}.</p>"
        f"{''.join(parts)}<h2>Each experiment</h2>"
        f"<p>Lines over long runs are means over spans of steps ({points} at most a line); dashed: a run that has not finished.</p>"
        f"{''.join(sections)}{note}</body></html>\n"
    )


STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1b1f24; --soft: #5b6570; --rule: #d5dae0; --panel: #f6f8fa; --link: #0b57a4;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #b8478f; --c4: #a67c00; --c5: #2b9fd9; --c6: #6f4fb0; --c7: #777; --mean: #111;
  --good: #1a7f37; --info: #0b57a4; --warn: #9a6700; --bad: #c62828; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --text: #e4e8ec; --soft: #9aa4ae; --rule: #363d45; --panel: #1d2126; --link: #7cb7f5;
  --c0: #4aa8e0; --c1: #ff8a3d; --c2: #2fd0a0; --c3: #ea86c4; --c4: #e3b93a; --c5: #8ad4fb; --c6: #b39bf0; --c7: #aaa; --mean: #fff;
  --good: #56c271; --info: #7cb7f5; --warn: #e0b040; --bad: #ff7b72; } }
body { margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 84rem; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
h4 { font-size: .9rem; margin: .8rem 0 .3rem; color: var(--soft); } a { color: var(--link); }
ul { padding-left: 1.2rem; color: var(--soft); font-size: .9rem; }
li { overflow-wrap: anywhere; } .wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th { max-width: 14rem; } td.short { white-space: nowrap; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { border-bottom: 2px solid var(--soft); vertical-align: bottom; }
td { max-width: 28rem; overflow-wrap: break-word; } .plain td { border: 0; }
.badge { display: inline-block; padding: 0 .5em; margin: .1em 0; border: 1px solid currentColor; border-radius: 1em; font-size: .8rem; white-space: nowrap; color: var(--soft); }
.finished { color: var(--good); } .running { color: var(--info); } .interrupted { color: var(--warn); }
.failed, .diverged { color: var(--bad); font-weight: 600; } .missing { border-style: dashed; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; } .figures figure { background: var(--panel); border-radius: .5rem; padding: .6rem; }
figcaption { font-weight: 600; font-size: .85rem; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; } svg text { font-size: 10.5px; fill: var(--soft); }
.grid { stroke: var(--rule); stroke-width: .7; } .axis { stroke: var(--soft); fill: none; }
.line { fill: none; stroke-width: 1.1; stroke-linejoin: round; } .line circle { fill: currentColor; } .line:hover { stroke-width: 3; }
.band { fill: currentColor; opacity: .15; } .line { stroke: currentColor; }
.line.mean { stroke-width: 1.8; } .dashed { stroke-dasharray: 4 3; opacity: .8; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); } .c4 { color: var(--c4); }
.c5 { color: var(--c5); } .c6 { color: var(--c6); } .c7 { color: var(--c7); } .mean { color: var(--mean); }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-size: .78rem; color: var(--soft); }
.legend i { display: inline-block; width: 1.3em; margin-right: .35em; border-top: 3px solid currentColor; vertical-align: middle; }
.legend i.dashed { border-top-style: dashed; }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .6rem; }
.strip figcaption { font-weight: 400; color: var(--soft); } .strip img { display: block; max-width: 100%; border-radius: 3px; }
details.experiment { border: 1px solid var(--rule); border-radius: .5rem; padding: .5rem .9rem; margin: .7rem 0; }
.experiment > div { scroll-margin-top: 3rem; } summary { cursor: pointer; overflow-wrap: anywhere; }
pre { background: var(--panel); padding: .7rem; border-radius: .4rem; overflow-x: auto; font-size: .8rem; } .log { margin: .4rem 0; }
"""


def work(argv):
    """Writes the page."""
    parser = flags.Parser(
        prog="python -m eval.report",
        allow_abbrev=False,
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
        help="size of the page up to which sample pictures are taken in, in MB; what is left out is said (default 16)",
    )
    args = parser.parse_args(argv)
    args.split = True  # a page shows all there is, each protocol in its own column
    found = reading.find(args.folders)
    study = tables.Study(found, args)
    text = page(study, args.title or "Runs in " + ", ".join(args.folders), int(args.max_mb * 1e6))
    tables.write(args.output, text)
    print(f"report: {args.output} ({len(text.encode()) / 1e6:.1f} MB, {len(found)} runs)")
    return 0


def main(argv=None):
    """The command line; returns the exit code."""
    return tables.run("eval.report", work, argv)
