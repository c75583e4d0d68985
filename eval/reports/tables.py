"""Tables over seeds: mean ± sample std of what many runs measured, published numbers beside them, differences with their intervals.

python -m eval.tables results/ [--metric NAME ...] [--pick last|best|STEP] [--compare A B] [--format md|latex|csv]; see docs/tables.md.
The training seed is the unit: a metric's own std (over splits or subsets) never enters a ± here.
"""

import argparse
import csv
import difflib
import fnmatch
import io
import json
import math
import os
import re
import sys
from collections import namedtuple

from scipy import special

from engine import flags
from engine.errors import MissingError, UserError
from engine.files import PROJECT
from eval.metrics import directions
from eval.reports import runs as reading

PUBLISHED = os.path.join(PROJECT, "docs", "published.json")
CONFIDENCE = 0.95
SIGN = {"lower": " ↓", "higher": " ↑", None: ""}


# --- numbers


def mean_std(values):
    """(mean, sample standard deviation with ddof 1); the latter None for fewer than two values, both for none."""
    n = len(values)
    if n == 0:
        return None, None
    mean = math.fsum(values) / n
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else None


# n: pairs, or "3 and 4"; low and high None where there is no interval, mean as well where a side has no value
Difference = namedtuple("Difference", "how n mean low high")


def difference(a, b, pair=True):
    """Mean of a - b with a 95% t interval; a, b: {seed: value}.

    Paired over the common seeds where there are two or more: mean d ± t(n-1) s_d / √n. Otherwise, or with pair=False, Welch's:
    t(ν) √(s_a²/n_a + s_b²/n_b) with Welch and Satterthwaite's ν. Neither side may be empty.
    """
    seeds = sorted(set(a) & set(b)) if pair else []
    if len(seeds) > 1:
        mean, std = mean_std([a[s] - b[s] for s in seeds])
        how, n, error, freedom = "paired by seed", len(seeds), std / math.sqrt(len(seeds)), len(seeds) - 1
    else:
        (mean_a, std_a), (mean_b, std_b) = mean_std(list(a.values())), mean_std(list(b.values()))
        mean, n = mean_a - mean_b, f"{len(a)} and {len(b)}"
        if std_a is None or std_b is None:
            return Difference("no interval: needs two seeds of each", n, mean, None, None)
        parts = std_a**2 / len(a), std_b**2 / len(b)
        how, error = "unpaired (Welch)", math.sqrt(sum(parts))
        below = parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1)
        freedom = sum(parts) ** 2 / below if below else len(a) + len(b) - 2
    half = error * float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))
    return Difference(how, n, mean, mean - half, mean + half)


def verdict(found, better, name="the first"):
    """What the interval lets one say of a, called `name`, against b."""
    if found.low is None:
        return "–"
    if found.low <= 0 <= found.high:
        return "not resolved"
    side = "lower" if found.mean < 0 else "higher"
    return f"{name} is {side}" + (f", {'better' if side == better else 'worse'}" if better else "")


def digits(mean, std):
    """Decimals to print: two significant digits of the std, or four of a mean without one; at most six of the mean."""
    wanted = places(std, 2) if std else places(mean, 4)
    return max(0, min(wanted, places(mean, 6) if mean else 8, 8))


def places(value, significant):
    """Decimals that show a number with so many significant digits."""
    return significant - 1 - math.floor(math.log10(abs(value))) if value else 0


def show(mean, std=None, decimals=None):
    """A number, with ± where there is a std; – for None."""
    if mean is None:
        return "–"
    decimals = digits(mean, std) if decimals is None else decimals
    texts = [
        f"{v:.4g}" if v and not 1e-5 <= abs(v) < 1e7 else f"{v:.{decimals}f}"
        for v in (mean, std)
        if v is not None
    ]
    return " ± ".join(texts)


def spans(numbers):
    """[0, 1, 2, 5] -> "0-2, 5"."""
    parts = []
    for n in sorted(numbers):
        if parts and parts[-1][1] == n - 1:
            parts[-1][1] = n
        else:
            parts.append([n, n])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


# --- published numbers

Published = namedtuple("Published", "experiment metric value std runs protocol source")


def read_published(path):
    """The entries of a .json (a list of objects) or .csv (a header line) with the fields of Published; "" gives none.

    experiment, metric and value must be there; what a source leaves open is null or empty, a protocol "not stated".
    Raises MissingError for a missing file, UserError for one that is something else.
    """
    if not path:
        return []
    try:
        with open(path, encoding="utf8", newline="") as file:
            entries = list(csv.DictReader(file)) if path.endswith(".csv") else json.load(file)
    except OSError as error:
        raise MissingError(f"--published: {path}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(
            f"--published: {path}: not readable ({error}); docs/tables.md shows the form"
        ) from None
    if not isinstance(entries, list):
        raise UserError(f"--published: {path}: a list of objects would do; docs/tables.md shows the form")
    return [published_entry(entry, f"--published: {path}, entry {i}") for i, entry in enumerate(entries, 1)]


def published_entry(entry, where):
    """One entry, checked. Numbers may be text, as a CSV gives them."""
    if not isinstance(entry, dict) or set(entry) - set(Published._fields):
        raise UserError(f"{where}: given {entry}; an object of {', '.join(Published._fields)} would do")
    given = {field: entry.get(field) if entry.get(field) != "" else None for field in Published._fields}
    for field, kind in (("value", float), ("std", float), ("runs", int)):
        try:
            given[field] = None if given[field] is None else kind(given[field])
        except (TypeError, ValueError):
            raise UserError(f"{where}: {field}: given {given[field]!r}; a number would do") from None
    for field in ("experiment", "metric", "value"):
        if given[field] is None:
            raise UserError(f"{where}: {field} is missing")
    return Published(
        **given | {"protocol": given["protocol"] or "not stated", "source": given["source"] or "not stated"}
    )


def published_text(entry):
    """As printed: "7.94 ± 0.08 (3 runs, protocol not stated)"."""
    decimals = max(len(repr(v).partition(".")[2]) for v in (entry.value, entry.std) if v is not None)
    about = [f"{entry.runs} runs" if entry.runs else "runs not stated", f"protocol {entry.protocol}"]
    return f"{show(entry.value, entry.std, decimals)} ({', '.join(about)})"


def agreement(row, entry):
    """Whether ours and theirs agree, |ours - theirs| <= 2 √(s_ours²/n + s_theirs²), said only where the protocols are equal and both stds known."""
    mean, std = mean_std(row.numbers())
    if std is None or entry.std is None or (row.column.setting or {}).get("protocol") != entry.protocol:
        return ""
    within = abs(mean - entry.value) <= 2 * math.sqrt(std**2 / len(row.values) + entry.std**2)
    return "; ours agrees" if within else "; ours differs"


# --- what is measured: columns


class Column:
    """One metric under one protocol. points: {run: [Point, ...]}; setting: what PROTOCOL says of them, None where nothing was recorded."""

    def __init__(self, heading, points):
        self.heading, self.points = heading, points
        some = next(iter(points.values()))[0]
        self.setting, self.name, self.metric = some.setting, some.name, some.metric
        declared = directions.find(self.metric)
        self.better = declared[0] if declared else directions.direction(self.name)

    def titles(self):
        """The words, in small letters, under which a published number may name this metric."""
        return {text.lower() for text in (self.heading, self.name, self.metric, self.name.split()[0])}


def resolve(word, runs):
    """[(heading, [names])] that a word of --metric stands for: a name, a family of names, or a pattern (one column a name).

    A family (a metric, as "FD-classifier" or "probe accuracy") is one column, or one a name where some run has several of it.
    Raises UserError where no run has it.
    """
    word = word.removeprefix("eval/")
    evaluated = {p.name: p.metric for run in runs for points in run.evaluations.values() for p in points}
    logged = {key.removeprefix("eval/") for run in runs for key in run.logged}
    if word in evaluated or word in logged:
        return [(word, [word])]
    family = sorted(name for name, metric in evaluated.items() if metric.lower() == word.lower())
    if any(len(run.evaluations.keys() & set(family)) > 1 for run in runs):
        return [(name, [name]) for name in family]
    if family:
        return [(word, family)]
    names = sorted(set(evaluated) | logged)
    matching = fnmatch.filter(names, word)
    if not matching:
        near = difflib.get_close_matches(word, names, 4, 0.3) or names[:8]
        advice = f"use {' or '.join(map(repr, near))}" if near else "no run has logged anything yet"
        raise UserError(f"--metric: {word}: no run has it; {advice}")
    return [(name, [name]) for name in matching]


def columns(runs, wanted=(), split=False):
    """The columns for the words of --metric; by default every evaluation, none where there is none.

    Raises UserError where one column would mix protocols, extractors or weights, unless `split` parts it into several.
    """
    if not wanted:
        wanted = sorted(
            {name for run in runs for name in run.evaluations}
            | {k for run in runs for k in run.logged if k.startswith("eval/")}
        )
    found = {}
    for word in wanted:
        for heading, names in resolve(word, runs):
            for column in divide(
                heading, {run: [p for name in names for p in run.points(name)] for run in runs}, split
            ):
                found.setdefault(column.heading, column)
    return list(found.values())


def divide(heading, points, split):
    """The columns that a heading's points make: one, or under `split` one for each setting met."""
    groups = {}
    for run, its in points.items():
        for p in its:
            groups.setdefault((p.name, reading.setting_key(p.setting)), {}).setdefault(run, []).append(p)
    groups = [groups[key] for key in sorted(groups)]
    settings = [next(iter(group.values()))[0].setting for group in groups]
    names = [next(iter(group.values()))[0].name for group in groups]
    if len(groups) == 1:
        return [Column(heading, groups[0])]
    differing = [f for f in reading.PROTOCOL if len({repr((s or {}).get(f)) for s in settings}) > 1]
    labels = [
        ", ".join(f"{f} {brief(s[f])}" for f in differing) if s else "protocol not recorded" for s in settings
    ]
    if len(set(labels)) < len(labels):  # the names differ in more than what PROTOCOL tells
        labels = [", ".join(filter(None, pair)) for pair in zip(names, labels)]
    if not split:
        kinds = "; ".join(f"{label} in {some_runs(group)}" for label, group in zip(labels, groups))
        raise UserError(
            f"--metric: {heading} has {len(groups)} kinds, which one column cannot hold: use --split (a column "
            f"for each) or fewer runs; {kinds}"
        )
    return [
        Column(label if label in names else f"{heading} [{label}]", group)
        for label, group in zip(labels, groups)
    ]


def brief(value):
    """A field's value, hashes cut to 12 digits."""
    if value is None:
        return "not recorded"
    return value[:12] if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32,}", value) else str(value)


def some_runs(runs, most=4):
    """ "a/s0-2, b/s1 and 3 more": names of runs, short."""
    groups = reading.experiments(runs)
    texts = [f"{name}/s{spans(run.seed for run in its)}" for name, its in groups.items()]
    return ", ".join(texts[:most]) + (
        f" and {len(texts) - most} experiments more" if len(texts) > most else ""
    )


# --- what is counted: rows


def choose(points, pick, better=None, by=None):
    """(the Point that stands for a run, None) or (None, why there is none).

    pick: "last"; "best", the lowest or highest as `better` says, the earliest of equals; or a step. by: {step: value} to choose the best
    step with instead, `better` then being its direction.
    """
    if pick == "best":
        scores = {p.step: p.value for p in points} if by is None else by
        usable = [p for p in points if p.value is not None and scores.get(p.step) is not None]
        if not usable:
            return None, "no finite value" + (" at a step that --by has" if by is not None else "")
        return (min if better == "lower" else max)(usable, key=lambda p: scores[p.step]), None
    at = points if pick == "last" else [p for p in points if p.step == pick]
    if not at:
        return None, f"no value at step {pick}"
    return (at[-1], None) if at[-1].value is not None else (None, f"not finite at step {at[-1].step}")


class Group:
    """The runs of one experiment. counted: those that enter the means; absent: {seed: why not}; missing: seeds without a run."""

    def __init__(self, name, runs, expected=None, unfinished=False):
        self.name, self.runs = name, runs
        self.counted = [run for run in runs if run.finished or unfinished]
        self.absent = {run.seed: run.standing() for run in runs if run not in self.counted}
        seeds = {run.seed for run in runs}
        self.missing = sorted(
            set(expected if expected is not None else range(min(seeds), max(seeds))) - seeds
        )


class Row:
    """One experiment in one column. values: {seed: Point} as picked; lacking: {seed: why there is none}."""

    def __init__(self, group, column, pick, better=None, by=None):
        self.group, self.column, self.values, self.lacking = group, column, {}, {}
        for run in group.counted:
            points = column.points.get(run)
            point, why = (
                choose(points, pick, better, by.get(run, {}) if by is not None else None)
                if points
                else (None, "no value")
            )
            if point:
                self.values[run.seed] = point
            else:
                self.lacking[run.seed] = why

    def numbers(self):
        """The values, by seed."""
        return [self.values[seed].value for seed in sorted(self.values)]

    def steps(self):
        """The steps that they are of."""
        return {p.step for p in self.values.values()}


class Study:
    """All that the tables say: groups, columns and rows for the runs and flags given. Raises UserError for flags that fit no run."""

    def __init__(self, runs, args):
        self.args, self.pick = args, args.pick
        self.groups = [
            Group(name, its, args.seeds, args.unfinished) for name, its in reading.experiments(runs).items()
        ]
        self.columns = columns(runs, args.metric, args.split)
        self.published = read_published(
            PUBLISHED if args.published is None and os.path.exists(PUBLISHED) else args.published
        )
        self.by = self.chooser(runs)
        self.turn()
        self.rows = {(g, c): self.row(g, c, self.pick) for g in self.groups for c in self.columns}
        self.shown = [g for g in self.groups if any(run in c.points for c in self.columns for run in g.runs)]

    def chooser(self, runs):
        """The one column of --by, or None."""
        if self.args.by is None:
            return None
        if self.pick != "best":
            raise UserError("--by: goes with --pick=best")
        found = columns(runs, [self.args.by])
        if len(found) > 1:
            raise UserError(
                f"--by: {self.args.by} is {len(found)} metrics; one of {', '.join(repr(c.heading) for c in found)} would do"
            )
        return found[0]

    def turn(self):
        """Directions as --lower and --higher say. Raises UserError for a name that is no column, and for a best of unknown direction."""
        all_columns = self.columns + [self.by] * (self.by is not None)
        for flag in ("lower", "higher"):
            for word in getattr(self.args, flag):
                named = [
                    c
                    for c in all_columns
                    if fnmatch.fnmatchcase(c.heading, word.removeprefix("eval/"))
                    or word in (c.name, c.metric, c.heading)
                ]
                if not named:
                    raise UserError(
                        f"--{flag}: given {word}; one of {', '.join(repr(c.heading) for c in all_columns)} would do"
                    )
                for column in named:
                    column.better = flag
        for column in [self.by] if self.by else self.columns if self.pick == "best" else []:
            if column.better is None:
                raise UserError(
                    f"--pick=best: is a low or a high {column.heading} good? --lower {column.heading!r} or --higher {column.heading!r} would do"
                )

    def row(self, group, column, pick):
        """The Row of a group in a column, its step chosen by --by where that is given."""
        if pick == "best" and self.by:
            return Row(
                group,
                column,
                pick,
                self.by.better,
                {run: {p.step: p.value for p in points} for run, points in self.by.points.items()},
            )
        return Row(group, column, pick, column.better)

    def picked(self):
        """How the values were picked, in words."""
        if self.pick == "best":
            return (
                f"best step of each run, chosen by {self.by.heading}"
                if self.by
                else "best step of each run, chosen by this very value (optimistic)"
            )
        return "last step of each run" if self.pick == "last" else f"step {self.pick}"

    def theirs(self, group, column=None):
        """The published entries for an experiment: under this column's metric, or under none of the columns'."""
        mine = [e for e in self.published if e.experiment == group.name]
        if column is not None:
            return [e for e in mine if e.metric.lower() in column.titles()]
        return [e for e in mine if not any(e.metric.lower() in c.titles() for c in self.columns)]

    def compared(self):
        """[(A, B, column, seeds left out, Difference)] for --compare. Raises UserError for a name that is no experiment."""
        names, found = {g.name: g for g in self.groups}, []
        ends = {}
        for group in self.groups:  # vbn for mnist10k_improved/vbn, where no other name ends so
            ends.setdefault(group.name.rsplit("/", 1)[-1], []).append(group)
        names = {end: groups[0] for end, groups in ends.items() if len(groups) == 1} | names
        for pair in self.args.compare:
            for name in pair:
                if name not in names:
                    near = difflib.get_close_matches(name, names, 3, 0.3) or list(names)[:8]
                    raise UserError(f"--compare: no experiment {name}; {' or '.join(near)} would do")
            a, b = (names[name] for name in pair)
            for column in self.columns:
                x, y = ({s: p.value for s, p in self.rows[g, column].values.items()} for g in (a, b))
                if x and y:
                    result = difference(x, y, not self.args.unpaired)
                elif (
                    x or y or column is self.columns[0]
                ):  # of no use in every column that belongs to other experiments
                    result = Difference(
                        "no value of " + (a.name if y else b.name if x else "either"),
                        f"{len(x)} and {len(y)}",
                        None,
                        None,
                        None,
                    )
                else:
                    continue
                alone = sorted(set(x) ^ set(y)) if result.how.startswith("paired") else []
                found.append((a, b, column, alone, result))
        return found


# --- what is printed: blocks of a title, a header, rows of text, and notes

Block = namedtuple("Block", "title header rows notes")


def blocks(study):
    """The tables of a study, in the order in which they are read; those with nothing to say are left out."""
    made = [summary(study), details(study)] if study.columns else []
    made += [left_out(study), elsewhere(study), settings(study), differences(study)]
    return [b for b in made if b.rows or b.notes]


def summary(study):
    """Experiments by metrics: mean ± std, and the published number beside it."""
    header, rows = ["experiment"], [[g.name] for g in study.shown]
    for column in study.columns:
        header.append(column.heading + SIGN[column.better])
        theirs = [study.theirs(g, column) for g in study.shown]
        for line, group in zip(rows, study.shown):
            numbers = study.rows[group, column].numbers()
            line.append(f"{show(*mean_std(numbers))} (n={len(numbers)})" if numbers else "–")
        if any(theirs):
            header.append(f"{column.heading}, published")
            for line, group, entries in zip(rows, study.shown, theirs):
                line.append(
                    "; ".join(published_text(e) + agreement(study.rows[group, column], e) for e in entries)
                    or "–"
                )
    return Block(f"Means over seeds ({study.picked()})", header, rows, remarks(study))


def remarks(study):
    """What a reader of the means must know."""
    counted = "all runs, finished or not" if study.args.unfinished else "finished runs only"
    notes = [f"Mean ± sample standard deviation (ddof 1) over n training seeds; {counted}."]
    if any(c.better for c in study.columns):
        notes[0] += " ↓ lower is better, ↑ higher is better."
    if any(0 < len(study.rows[g, c].values) < 3 for g in study.shown for c in study.columns):
        notes.append("Fewer than 3 seeds in some cells: too few to order experiments by.")
    for group in study.shown:
        for column in study.columns:
            values = study.rows[group, column].values
            if study.pick == "last" and len(study.rows[group, column].steps()) > 1:
                notes.append(
                    f"{group.name}, {column.heading}: the last values are of differing steps: "
                    + ", ".join(f"s{seed} at {p.step}" for seed, p in sorted(values.items()))
                    + "."
                )
    for column in study.columns:
        points = [(g, p) for g in study.shown for p in study.rows[g, column].values.values()]
        if len({bool(p.ema) for _, p in points if p.ema is not None}) > 1:
            averaged = sorted({g.name for g, p in points if p.ema})
            notes.append(
                f"{column.heading}: of the averaged generator in {', '.join(averaged)}, of the plain one elsewhere."
            )
        singular = sorted({g.name for g, p in points if p.singular})
        if singular:
            notes.append(
                f"{column.heading}: from a singular covariance (no more samples than features) in {', '.join(singular)}."
            )
    return notes


def details(study):
    """A line for each experiment and metric that has a value."""
    others = [pick for pick in ("last", "best") if pick != study.pick]
    titles = {
        "last": "last step: mean ± std",
        "best": "best step, chosen by this very value (optimistic): mean ± std",
    }
    rows = []
    for group in study.shown:
        for column in study.columns:
            row = study.rows[group, column]
            if row.values:
                mean, std = mean_std(row.numbers())
                decimals = digits(mean, std)
                also = [
                    show(*mean_std(study.row(group, column, pick).numbers()))
                    if pick == "last" or column.better
                    else "–"
                    for pick in others
                ]
                each = ", ".join(
                    f"s{seed} {show(p.value, None, decimals)}" for seed, p in sorted(row.values.items())
                )
                inner = mean_std([p.inner for p in row.values.values() if p.inner is not None])[0]
                rows.append(
                    [
                        group.name,
                        column.heading,
                        str(len(row.values)),
                        show(mean, std),
                        show(min(row.numbers()), None, decimals),
                        show(max(row.numbers()), None, decimals),
                        spans(row.steps()),
                        *also,
                        show(inner, None, decimals),
                        each,
                    ]
                )
    header = [
        "experiment",
        "metric",
        "n",
        "mean ± std",
        "min",
        "max",
        "step",
        *(titles[pick] for pick in others),
        "inner std, mean",
        "values by seed",
    ]
    return Block(f"Details ({study.picked()})", *without_empty(header, rows), [])


def without_empty(header, rows):
    """The table without columns that hold – throughout."""
    keep = [i for i in range(len(header)) if not rows or any(row[i] != "–" for row in rows)]
    return [header[i] for i in keep], [[row[i] for i in keep] for row in rows]


def left_out(study):
    """Runs that are in no mean: missing, failed, diverged, interrupted, running, without a value."""
    notes = []
    for group in study.groups:
        if group.missing:
            notes.append(
                f"{group.name}: seed{'s' if len(group.missing) > 1 else ''} {spans(group.missing)} missing"
            )
        notes += [f"{group.name}/s{seed}: {why}" for seed, why in sorted(group.absent.items())]
        lacking = {}
        for column in study.columns if group in study.shown else []:
            for seed, why in study.rows[group, column].lacking.items():
                if why != "no value" or study.rows[group, column].values:
                    lacking.setdefault((seed, why), []).append(column.heading)
        notes += [
            f"{group.name}/s{seed}: {', '.join(headings)}: {why}"
            for (seed, why), headings in sorted(lacking.items())
        ]
        if study.args.unfinished:
            notes += [f"{run}: counted although {run.standing()}" for run in group.runs if not run.finished]
    other = [g.name for g in study.groups if g not in study.shown]
    if other and study.columns:
        notes.append(f"no run with any of these metrics: {', '.join(other)}")
    return Block("Not in the means", [], [], notes)


def elsewhere(study):
    """Published numbers under metrics that no column holds: not to be compared with what is here."""
    notes = [
        f"{g.name}: {e.metric} {published_text(e)}; {e.source}" for g in study.groups for e in study.theirs(g)
    ]
    return Block("Published, of metrics not measured here", [], [], notes)


def settings(study):
    """The protocol of each column."""
    rows = [[c.heading, *(brief(c.setting[f]) for f in reading.PROTOCOL)] for c in study.columns if c.setting]
    logged = [c.heading for c in study.columns if not c.setting]
    notes = (
        [f"From metrics.jsonl, which records no protocol: {', '.join(logged)}."] if logged and rows else []
    )
    sources = {
        f"{g.name}, {e.metric}: {e.source}"
        for g in study.shown
        for c in study.columns
        for e in study.theirs(g, c)
    }
    return Block(
        "How it was measured",
        ["metric", *reading.PROTOCOL],
        rows,
        notes + [f"Published: {text}." for text in sorted(sources)],
    )


def differences(study):
    """--compare: A - B with its interval."""
    rows, notes = [], []
    for a, b, column, alone, found in study.compared():
        decimals = digits(found.mean or 0, (found.high - found.low) / 2 if found.low is not None else None)
        interval = (
            "–"
            if found.low is None
            else f"[{show(found.low, None, decimals)}, {show(found.high, None, decimals)}]"
        )
        rows.append(
            [
                f"{a.name} − {b.name}",
                column.heading,
                found.how,
                str(found.n),
                show(found.mean, None, decimals),
                interval,
                verdict(found, column.better, a.name),
            ]
        )
        if alone:
            notes.append(
                f"{a.name} − {b.name}, {column.heading}: seeds of one side alone left out: {spans(alone)}."
            )
    if rows:
        notes.append(
            f"{CONFIDENCE:.0%} t intervals over training seeds. Not resolved: 0 is inside; that is not equality."
        )
    header = ["difference", "metric", "how", "n", "mean difference", f"{CONFIDENCE:.0%} interval", "verdict"]
    return Block(f"Differences ({study.picked()})", header, rows, notes)


def tidy(study):
    """(header, rows) for CSV: a line an experiment and metric with everything known, numbers in full."""
    header = [
        "experiment",
        "metric",
        "better",
        "pick",
        "n",
        "mean",
        "std",
        "min",
        "max",
        "steps",
        "values",
        "last_mean",
        "last_std",
        "best_mean",
        "best_std",
        "inner_std_mean",
        *reading.PROTOCOL,
        "ema",
        "singular",
        "missing_seeds",
        "left_out",
        "published",
        "published_std",
        "published_runs",
        "published_protocol",
        "published_source",
    ]
    rows = []
    for group in study.shown:
        for column in study.columns:
            row = study.rows[group, column]
            numbers, points = row.numbers(), row.values.values()
            best = study.row(group, column, "best").numbers() if column.better or study.by else []
            reasons = {**group.absent, **row.lacking}
            setting = column.setting or {}
            inner, _ = mean_std([p.inner for p in points if p.inner is not None])
            line = [
                group.name,
                column.heading,
                column.better,
                study.picked(),
                len(numbers),
                *mean_std(numbers),
                min(numbers, default=None),
                max(numbers, default=None),
                spans(row.steps()),
                " ".join(f"{seed}={p.value!r}" for seed, p in sorted(row.values.items())),
                *mean_std(study.row(group, column, "last").numbers()),
                *mean_std(best),
                inner,
                *(setting.get(f) for f in reading.PROTOCOL),
                *(
                    "/".join(sorted({str(getattr(p, f)) for p in points if p.setting}))
                    for f in ("ema", "singular")
                ),
                spans(group.missing),
                "; ".join(f"s{seed}: {why}" for seed, why in sorted(reasons.items())),
            ]
            rows += [
                line + ([e.value, e.std, e.runs, e.protocol, e.source] if e else [None] * 5)
                for e in study.theirs(group, column) or [None]
            ]
    return header, rows


# --- in which form


def markdown(study):
    """Headings, tables with aligned columns, and lists."""
    out = []
    for block in blocks(study):
        out += [f"## {block.title}", ""]
        if block.rows:
            table = [[markdown_text(cell) for cell in row] for row in [block.header, *block.rows]]
            widths = [max(len(row[i]) for row in table) for i in range(len(block.header))]
            lines = [
                "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
                for row in table
            ]
            out += [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:], ""]
        if block.notes:
            out += [f"- {markdown_text(note)}" for note in block.notes] + [""]
    return "\n".join(out)


def markdown_text(text):
    """Text as Markdown shows it unchanged, on one line."""
    return re.sub(r"([\\|*`<])", r"\\\1", " ".join(str(text).split()))


def latex(study):
    """One booktabs tabular a block; titles and notes as comments."""
    out = ["% \\usepackage{booktabs}"]
    for block in blocks(study):
        out += ["", f"% {' '.join(block.title.split())}"]
        if block.rows:
            line = lambda row: " & ".join(latex_text(cell) for cell in row) + r" \\"
            out += [
                r"\begin{tabular}{l" + "r" * (len(block.header) - 1) + "}",
                r"\toprule",
                line(block.header),
                r"\midrule",
                *map(line, block.rows),
                r"\bottomrule",
                r"\end{tabular}",
            ]
        out += [f"% {' '.join(note.split())}" for note in block.notes]
    return "\n".join(out) + "\n"


LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "−": "$-$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "–": "--",
    **{c: "\\" + c for c in "&%$#_{}"},
}


def latex_text(text):
    """Text with LaTeX's special characters escaped, and a minus before a number set as one."""
    text = re.sub(r"(?<!\S)(\[?)-(?=\d)", r"\1−", " ".join(str(text).split()))
    return "".join(LATEX.get(c, c) for c in text)


def comma_separated(study):
    """The tidy table; with --compare the differences alone."""
    header, rows = tidy(study)
    if study.args.compare:
        header = [
            "a",
            "b",
            "metric",
            "pick",
            "how",
            "n",
            "mean_difference",
            "low",
            "high",
            "confidence",
            "verdict",
            "seeds_left_out",
        ]
        rows = [
            [
                a.name,
                b.name,
                c.heading,
                study.picked(),
                d.how,
                d.n,
                d.mean,
                d.low,
                d.high,
                CONFIDENCE,
                verdict(d, c.better, a.name),
                spans(alone),
            ]
            for a, b, c, alone, d in study.compared()
        ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


FORMATS = {"md": markdown, "latex": latex, "csv": comma_separated}
ENDINGS = {".md": "md", ".tex": "latex", ".csv": "csv"}


# --- the command


def seeds(text):
    """ "0-4,7" -> [0, 1, 2, 3, 4, 7]."""
    found = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,9})(?:-([0-9]{1,9}))?\s*", part)
        its = range(int(match[1]), int(match[2] or match[1]) + 1) if match else ()
        if not its or len(its) > 100000:
            raise argparse.ArgumentTypeError(f"given {text!r}; seeds as in 0-4 or 0,2,5-7 would do")
        found |= set(its)
    return sorted(found)


def pick(text):
    """last, best or a step."""
    if text in ("last", "best"):
        return text
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"given {text!r}; last, best or a step would do")


def add_options(parser):
    """The flags that tables and reports share."""
    parser.add_argument(
        "folders",
        nargs="+",
        metavar="FOLDER",
        help="folders of runs, searched at any depth, or runs' own folders",
    )
    parser.add_argument(
        "--metric",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="evaluations or keys of metrics.jsonl: a name, a family such as "
        "FD-classifier, or a pattern such as 'probe/*' (default: every evaluation)",
    )
    parser.add_argument(
        "--pick",
        type=pick,
        default="last",
        help="which step stands for a run: last, best (by the metric itself, which flatters it, "
        "or by --by), or a step's number (default last)",
    )
    parser.add_argument(
        "--by",
        default=None,
        metavar="NAME",
        help="with --pick=best: the metric that chooses the step (default: the one reported)",
    )
    parser.add_argument(
        "--lower",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="metrics of which low is good, where the name does not tell",
    )
    parser.add_argument(
        "--higher",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="metrics of which high is good, where the name does not tell",
    )
    parser.add_argument(
        "--seeds",
        type=seeds,
        default=None,
        help="the seeds that there should be, as in 0-4; others are listed as missing (default: gaps only)",
    )
    parser.add_argument(
        "--unfinished",
        action="store_true",
        help="count runs that have not finished, too (default: list them)",
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        action="append",
        default=[],
        metavar=("A", "B"),
        help="difference A - B of two experiments with a 95%% interval; may be given again",
    )
    parser.add_argument("--unpaired", action="store_true", help="with --compare: do not pair by seed")
    parser.add_argument(
        "--published",
        default=None,
        metavar="FILE",
        help="published numbers, .json or .csv; '' for none (default docs/published.json)",
    )


def write(path, text):
    """Writes a file whole or not at all. Raises UserError where that cannot be."""
    temporary = f"{path}.tmp{os.getpid()}"
    try:
        with open(temporary, "w", encoding="utf8", newline="\n") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"-o: {path}: {error.strerror}; a file in a folder that exists would do") from None
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def run(program, work, argv):
    """Calls work(argv) and returns its exit code; a UserError becomes one line on stderr and its own code."""
    try:
        return work(argv)
    except UserError as error:
        print(f"{program}: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code


def work(argv):
    """Prints or writes the tables."""
    parser = flags.Parser(
        prog="python -m eval.tables",
        allow_abbrev=False,
        description="Tables over the seeds of many runs; see docs/tables.md.",
        epilog="exit codes: 0 done, 2 arguments or protocols that do not mix, 3 no run or no file",
    )
    add_options(parser)
    parser.add_argument(
        "--split",
        action="store_true",
        help="where a metric was measured under several protocols or weights: a column for each (default: refuse)",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=None,
        help="md, latex (booktabs) or csv (default: as -o ends, else md)",
    )
    parser.add_argument(
        "-o", "--output", default=None, metavar="FILE", help="where to write (default: the console)"
    )
    args = parser.parse_args(argv)
    kind = args.format or ENDINGS.get(os.path.splitext(args.output or "")[1].lower(), "md")
    runs = reading.find(args.folders)
    study = Study(runs, args)
    if not study.columns:
        names = sorted({key for run in runs for key in run.logged})
        raise UserError(
            "--metric: no run has an evaluation; "
            + (f"one of {', '.join(names)} would do" if names else "nothing has been logged yet")
        )
    text = FORMATS[kind](study)
    if args.output:
        write(args.output, text)
        print(f"tables: {args.output}")
    else:
        print(text, end="")
    return 0


def main(argv=None):
    """The command line; returns the exit code."""
    return run("eval.tables", work, argv)
