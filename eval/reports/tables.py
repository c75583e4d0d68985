"""Tables over seeds: mean ± sample std of many runs, published numbers beside them, differences with their
intervals.

python -m eval.tables results/ [--metric NAME ...] [--pick last|best|STEP] [--compare A B] [--format
md|latex|csv] See docs/tables.md. Training seeds are the sample: a score's own std (over splits or subsets)
never enters a ± here.
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
from collections import namedtuple

from scipy import special

from engine import flags
from engine.errors import MissingError, UserError
from engine.files import PROJECT
from engine.results import unweighted
from eval import command
from eval.metrics import directions
from eval.reports import runs as reading

PUBLISHED = os.path.join(PROJECT, "docs", "published.json")
CONFIDENCE = 0.95
SIGN = {"lower": " ↓", "higher": " ↑", None: ""}


# --- numbers


def mean_std(values):
    """(mean, sample standard deviation with ddof 1); the latter None for fewer than two values, both for
    none."""
    n = len(values)
    if n == 0:
        return None, None
    mean = math.fsum(values) / n
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else None


# n: the number of pairs, or text as "3 and 4". Without an interval low and high are None; without a value on
# one side mean too.
Difference = namedtuple("Difference", "how n mean low high saved", defaults=(None,))


def difference(a, b, pair=True):
    """Mean of a - b with a 95% t interval; a, b: {seed: value}.

    Paired over the common seeds where there are two or more: mean d ± t(n-1) s_d / √n. Otherwise, or with
    pair=False, Welch's: t(ν) √(s_a²/n_a + s_b²/n_b) with Welch and Satterthwaite's ν. Neither side may be
    empty.

    saved: the part of the variance of the mean difference that pairing saved, 1 − s_d²/(s_a² + s_b²) over the
    common seeds. It is 2 cov(a, b)/(s_a² + s_b²): 1 where seeds alone make the values differ, 0 where the two
    of a seed have no more in common than others, below 0 where they go against each other. None if unpaired.
    """
    saved = None
    seeds = sorted(set(a) & set(b)) if pair else []
    if len(seeds) > 1:
        mean, std = mean_std([a[s] - b[s] for s in seeds])
        how, n, error, freedom = "paired by seed", len(seeds), std / math.sqrt(len(seeds)), len(seeds) - 1
        alone = sum(mean_std([side[s] for s in seeds])[1] ** 2 for side in (a, b))
        saved = 1 - std**2 / alone if alone else None
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
    return Difference(how, n, mean, mean - half, mean + half, saved)


def verdict(found, better, name="the first"):
    """What the interval of a - b says of a, which is called `name`. better: "lower", "higher" or None."""
    if found.low is None:
        return "–"
    if found.low <= 0 <= found.high:
        return "not resolved"
    side = "lower" if found.mean < 0 else "higher"
    return f"{name} is {side}" + (f", {'better' if side == better else 'worse'}" if better else "")


def digits(mean, std):
    """Decimals to print: two significant digits of the std (four of a mean without std), at most six of the
    mean."""
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

    def text(value):
        extreme = value and not 1e-5 <= abs(value) < 1e7
        return f"{value:.4g}" if extreme else f"{value:.{decimals}f}"

    return " ± ".join(text(value) for value in (mean, std) if value is not None)


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
    """The entries of a .json (a list of objects) or .csv (with a header line) with the fields of Published;
    "" has none.

    experiment, metric and value are required; what a source does not state is null or empty, of a protocol
    "not stated". Raises MissingError for a missing file, UserError for one of another form.
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
            f"--published: {path}: not readable ({error}); see docs/tables.md for the form"
        ) from None
    if not isinstance(entries, list):
        raise UserError(f"--published: {path}: must be a list of objects; see docs/tables.md for the form")
    return [published_entry(entry, f"--published: {path}, entry {i}") for i, entry in enumerate(entries, 1)]


def published_entry(entry, where):
    """One entry, checked. Numbers may be text, as a CSV gives them."""
    if not isinstance(entry, dict) or set(entry) - set(Published._fields):
        raise UserError(f"{where}: given {entry}; must be an object of {', '.join(Published._fields)}")
    given = {field: entry.get(field) if entry.get(field) != "" else None for field in Published._fields}
    for field, kind in (("value", float), ("std", float), ("runs", int)):
        try:
            given[field] = None if given[field] is None else kind(given[field])
        except (TypeError, ValueError):
            raise UserError(f"{where}: {field}: given {given[field]!r}; must be a number") from None
    for field in ("experiment", "metric", "value"):
        if given[field] is None:
            raise UserError(f"{where}: {field} is missing; add it")
    for field in ("protocol", "source"):
        given[field] = given[field] or "not stated"
    return Published(**given)


def published_text(entry):
    """As printed: "7.94 ± 0.08 (3 runs, protocol not stated)"."""
    decimals = max(len(repr(v).partition(".")[2]) for v in (entry.value, entry.std) if v is not None)
    about = [f"{entry.runs} runs" if entry.runs else "runs not stated", f"protocol {entry.protocol}"]
    return f"{show(entry.value, entry.std, decimals)} ({', '.join(about)})"


def agreement(row, entry):
    """Whether |ours - theirs| <= 2 √(s_ours²/n + s_theirs²), in words; "" where protocols differ or a std is
    not known."""
    mean, std = mean_std(row.numbers())
    if std is None or entry.std is None or (row.column.setting or {}).get("protocol") != entry.protocol:
        return ""
    within = abs(mean - entry.value) <= 2 * math.sqrt(std**2 / len(row.values) + entry.std**2)
    return "; ours agrees" if within else "; ours differs"


# --- columns: metrics


class Column:
    """One metric under one protocol.

    points: {run: [Point, ...]}; setting: {field of PROTOCOL: value}, None where none was recorded; better:
    its direction.
    """

    def __init__(self, heading, points):
        self.heading, self.points = heading, points
        some = next(iter(points.values()))[0]
        self.setting, self.name, self.metric = some.setting, some.name, some.metric
        declared = directions.find(self.metric)
        self.better = declared[0] if declared else directions.direction(self.name)

    def titles(self):
        """The names, in small letters, by which a published number may call this metric."""
        return {text.lower() for text in (self.heading, self.name, self.metric, self.name.split()[0])}


def resolve(word, runs):
    """[(heading, [names])] that a word of --metric stands for: a name, a family of names, or a pattern (one
    column a name).

    A family (a metric, as "FD-classifier" or "probe accuracy") is one column, or one a name where some run
    has several of it. A logged term with a weight stands for the same without it, <term>_raw, where all runs
    that have the one have the other. Raises UserError where no run has it.
    """
    word = word.removeprefix("eval/")
    evaluated = {p.name: p.metric for run in runs for points in run.evaluations.values() for p in points}
    logged = {key.removeprefix("eval/") for run in runs for key in run.logged}
    if word not in evaluated and word in logged:
        both = all(f"{word}_raw" in run.logged for run in runs if word in run.logged)
        word = f"{word}_raw" if both and f"{word}_raw" in logged else word
    if word in evaluated or word in logged:
        return [(word, [word])]
    family = sorted(name for name, metric in evaluated.items() if metric.lower() == word.lower())
    if any(len(run.evaluations.keys() & set(family)) > 1 for run in runs):
        return [(name, [name]) for name in family]
    if family:
        return [(word, family)]
    names = sorted(set(evaluated) | set(unweighted(logged)))
    matching = fnmatch.filter(names, word)
    if not matching:
        near = difflib.get_close_matches(word, names, 4, 0.3) or names[:8]
        advice = f"use {' or '.join(map(repr, near))}" if near else "no run has logged anything yet"
        raise UserError(f"--metric: {word}: no run has it; {advice}")
    return [(name, [name]) for name in matching]


def columns(runs, wanted=(), split=False):
    """The columns for the words of --metric; by default one for each score that any run has.

    Raises UserError where one column would mix protocols, extractors or weights, unless `split` makes a
    column of each.
    """
    if not wanted:
        evaluated = {name for run in runs for name in run.evaluations}
        logged = {key for run in runs for key in run.logged if key.startswith("eval/")}
        wanted = sorted(evaluated | logged)
    found = {}
    for word in wanted:
        for heading, names in resolve(word, runs):
            points = {run: [p for name in names for p in run.points(name)] for run in runs}
            for column in split_by_setting(heading, points, split):
                found.setdefault(column.heading, column)
    return list(found.values())


def split_by_setting(heading, points, split):
    """The columns of a heading's points {run: [Point, ...]}: one, or with `split` one for each setting."""
    groups = {}
    for run, of_run in points.items():
        for p in of_run:
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
    if len(set(labels)) < len(labels):  # the names differ in more than the fields of PROTOCOL
        labels = [", ".join(filter(None, pair)) for pair in zip(names, labels)]
    if not split:
        kinds = "; ".join(f"{label} in {some_runs(group)}" for label, group in zip(labels, groups))
        raise UserError(
            f"--metric: {heading} has {len(groups)} kinds, which one column cannot hold: use --split (a "
            f"column for each) or fewer runs; {kinds}"
        )
    return [
        Column(label if label in names else f"{heading} [{label}]", group)
        for label, group in zip(labels, groups)
    ]


def brief(value):
    """A field's value as text, hashes cut to 12 digits."""
    if value is None:
        return "not recorded"
    return value[:12] if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32,}", value) else str(value)


def some_runs(runs, most=4):
    """Names of runs, short: "a/s0-2, b/s1 and 3 more experiments"."""
    groups = reading.experiments(runs)
    texts = [f"{name}/s{spans(run.seed for run in members)}" for name, members in groups.items()]
    more = f" and {len(texts) - most} more experiments" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


# --- rows: experiments


def choose(points, pick, better=None, by=None):
    """(the Point that stands for a run, None), or (None, why there is none).

    pick: "last"; a step; or "best", the lowest or highest as `better` says, the earliest of equals. by:
    {step: value} of another metric that chooses the best step; `better` is then its direction.
    """
    if pick == "best":
        scores = {p.step: p.value for p in points} if by is None else by
        usable = [p for p in points if p.value is not None and scores.get(p.step) is not None]
        if not usable:
            return None, "no finite value" + (" at a step of --by" if by is not None else "")
        return (min if better == "lower" else max)(usable, key=lambda p: scores[p.step]), None
    at = points if pick == "last" else [p for p in points if p.step == pick]
    if not at:
        return None, f"no value at step {pick}"
    return (at[-1], None) if at[-1].value is not None else (None, f"not finite at step {at[-1].step}")


class Group:
    """The runs of one experiment.

    counted: those that enter the means; absent: {seed: why it does not}; missing: seeds without a run.
    """

    def __init__(self, name, runs, expected=None, unfinished=False):
        self.name, self.runs = name, runs
        self.counted = [run for run in runs if run.finished or unfinished]
        self.absent = {run.seed: run.state_text() for run in runs if run not in self.counted}
        seeds = {run.seed for run in runs}
        expected = range(min(seeds), max(seeds)) if expected is None else expected
        self.missing = sorted(set(expected) - seeds)


class Row:
    """One experiment in one column. values: {seed: the picked Point}; lacking: {seed: why there is none}."""

    def __init__(self, group, column, pick, better=None, by=None):
        self.group, self.column, self.values, self.lacking = group, column, {}, {}
        for run in group.counted:
            points = column.points.get(run)
            point, why = None, "no value"
            if points:
                point, why = choose(points, pick, better, by.get(run, {}) if by is not None else None)
            if point:
                self.values[run.seed] = point
            else:
                self.lacking[run.seed] = why

    def numbers(self):
        """The values in the order of their seeds."""
        return [self.values[seed].value for seed in sorted(self.values)]

    def steps(self):
        """The steps of the values."""
        return {p.step for p in self.values.values()}


class Study:
    """The contents of the tables: groups, columns and rows of the runs, as the flags ask.

    Raises UserError for flags that fit no run.
    """

    def __init__(self, runs, args):
        self.args, self.pick = args, args.pick
        self.groups = [
            Group(name, members, args.seeds, args.unfinished)
            for name, members in reading.experiments(runs).items()
        ]
        self.columns = columns(runs, args.metric, args.split)
        default = PUBLISHED if os.path.exists(PUBLISHED) else ""
        self.published = read_published(default if args.published is None else args.published)
        self.by = self.by_column(runs)
        self.set_directions()
        self.rows = {(g, c): self.row(g, c, self.pick) for g in self.groups for c in self.columns}
        self.shown = [g for g in self.groups if any(run in c.points for c in self.columns for run in g.runs)]

    def by_column(self, runs):
        """The column of --by, or None."""
        if self.args.by is None:
            return None
        if self.pick != "best":
            raise UserError("--by: only used with --pick=best; add it, or leave out --by")
        found = columns(runs, [self.args.by])
        if len(found) > 1:
            names = ", ".join(repr(column.heading) for column in found)
            raise UserError(f"--by: {self.args.by} stands for {len(found)} metrics; use one of {names}")
        return found[0]

    def set_directions(self):
        """Sets directions as --lower and --higher say.

        Raises UserError for a name that is no column, and for --pick=best of a metric without a direction.
        """
        all_columns = self.columns + ([self.by] if self.by else [])
        for flag in ("lower", "higher"):
            for word in getattr(self.args, flag):
                pattern = word.removeprefix("eval/")
                named = [
                    c
                    for c in all_columns
                    if fnmatch.fnmatchcase(c.heading, pattern) or word in (c.name, c.metric, c.heading)
                ]
                if not named:
                    names = ", ".join(repr(c.heading) for c in all_columns)
                    raise UserError(f"--{flag}: given {word}; use one of {names}")
                for column in named:
                    column.better = flag
        choosing = [self.by] if self.by else self.columns if self.pick == "best" else []
        for heading in (c.heading for c in choosing if c.better is None):
            raise UserError(
                f"--pick=best: whether a low or a high {heading} is better is not known; "
                f"use --lower {heading!r} or --higher {heading!r}"
            )

    def row(self, group, column, pick):
        """The Row of a group in a column; --by, if given, chooses the best step."""
        if pick == "best" and self.by:
            by = {run: {p.step: p.value for p in points} for run, points in self.by.points.items()}
            return Row(group, column, pick, self.by.better, by)
        return Row(group, column, pick, column.better)

    def pick_text(self):
        """Which step stands for a run, in words."""
        if self.pick == "last":
            return "last step of each run"
        if self.pick != "best":
            return f"step {self.pick}"
        by = self.by.heading if self.by else "this very value (optimistic)"
        return f"best step of each run, chosen by {by}"

    def published_for(self, group, column=None):
        """The published entries of an experiment for a column's metric; without a column, those for no
        column's."""
        entries = [e for e in self.published if e.experiment == group.name]
        if column is not None:
            return [e for e in entries if e.metric.lower() in column.titles()]
        return [e for e in entries if not any(e.metric.lower() in c.titles() for c in self.columns)]

    def comparisons(self):
        """[(A, B, column, seeds left out, Difference)] of --compare. Raises UserError for a name that is no
        experiment."""
        names, found = self.names(), []
        for pair in self.args.compare:
            for name in pair:
                if name not in names:
                    near = difflib.get_close_matches(name, names, 3, 0.3) or list(names)[:8]
                    raise UserError(f"--compare: no experiment {name}; use {' or '.join(near)}")
            a, b = (names[name] for name in pair)
            for column in self.columns:
                x, y = ({s: p.value for s, p in self.rows[g, column].values.items()} for g in (a, b))
                if x and y:
                    result = difference(x, y, not self.args.unpaired)
                elif x or y or column is self.columns[0]:  # not again in each column of other experiments
                    lacking = a.name if y else b.name if x else "either"
                    n = f"{len(x)} and {len(y)}"
                    result = Difference(f"no value of {lacking}", n, None, None, None)
                else:
                    continue
                alone = sorted(set(x) ^ set(y)) if result.how.startswith("paired") else []
                found.append((a, b, column, alone, result))
        return found

    def names(self):
        """{name: Group}; also by what follows the last / (vbn for mnist10k_improved/vbn) where that is one
        alone."""
        endings = {}
        for group in self.groups:
            endings.setdefault(group.name.rsplit("/", 1)[-1], []).append(group)
        short = {ending: groups[0] for ending, groups in endings.items() if len(groups) == 1}
        return short | {group.name: group for group in self.groups}


# --- blocks: a title, a header, rows of text, notes

Block = namedtuple("Block", "title header rows notes")


def blocks(study):
    """The tables of a study in reading order, without empty ones."""
    found = [summary(study), details(study)] if study.columns else []
    found += [left_out(study), published_elsewhere(study), settings(study), differences(study)]
    return [block for block in found if block.rows or block.notes]


def summary(study):
    """Experiments by metrics: mean ± std, and the published number beside it."""
    header, rows = ["experiment"], [[g.name] for g in study.shown]
    for column in study.columns:
        header.append(column.heading + SIGN[column.better])
        published = [study.published_for(g, column) for g in study.shown]
        for line, group in zip(rows, study.shown):
            numbers = study.rows[group, column].numbers()
            line.append(f"{show(*mean_std(numbers))} (n={len(numbers)})" if numbers else "–")
        if any(published):
            header.append(f"{column.heading}, published")
            for line, group, entries in zip(rows, study.shown, published):
                row = study.rows[group, column]
                line.append("; ".join(published_text(e) + agreement(row, e) for e in entries) or "–")
    return Block(f"Means over seeds ({study.pick_text()})", header, rows, notes_on(study))


def notes_on(study):
    """What a reader of the means must know."""
    counted = "all runs, finished or not" if study.args.unfinished else "finished runs only"
    notes = [f"Mean ± sample standard deviation (ddof 1) over n training seeds; {counted}."]
    if any(c.better for c in study.columns):
        notes[0] += " ↓ lower is better, ↑ higher is better."
    if any(0 < len(study.rows[g, c].values) < 3 for g in study.shown for c in study.columns):
        notes.append("Fewer than 3 seeds in some cells: too few to order experiments by.")
    for group in study.shown:
        for column in study.columns:
            row = study.rows[group, column]
            if study.pick == "last" and len(row.steps()) > 1:
                steps = ", ".join(f"s{seed} at {p.step}" for seed, p in sorted(row.values.items()))
                notes.append(
                    f"{group.name}, {column.heading}: the last values are of differing steps: {steps}."
                )
    notes += unlike_steps(study)
    for column in study.columns:
        if not column.setting and column.heading.endswith("_raw"):
            notes.append(f"{column.heading}: the term without its weight.")
        points = [(g, p) for g in study.shown for p in study.rows[g, column].values.values()]
        if len({bool(p.ema) for _, p in points if p.ema is not None}) > 1:
            averaged = ", ".join(sorted({g.name for g, p in points if p.ema}))
            notes.append(
                f"{column.heading}: of the averaged generator in {averaged}, of the plain one elsewhere."
            )
        singular = ", ".join(sorted({g.name for g, p in points if p.singular}))
        if singular:
            notes.append(
                f"{column.heading}: from a singular covariance (no more samples than features) in "
                f"{singular}; use more images."
            )
    shared = [g.name for g in study.shown if len(g.counted) > 1 and all(map(shares_subset, g.counted))]
    if shared:
        notes.append(
            f"All seeds of {', '.join(shared)} share one subset of the training images, so the deviation "
            "leaves out its draw; subset_seed=run draws one for each seed."
        )
    return notes


def unlike_steps(study):
    """A note for each column in which the last values of experiments are of other steps than each other's."""
    notes = []
    for column in study.columns if study.pick == "last" else []:
        steps = {g.name: study.rows[g, column].steps() for g in study.shown}
        groups = {}  # {step: names}, of experiments whose runs agree; the others have a note of their own
        for name, found in steps.items():
            if len(found) == 1:
                groups.setdefault(next(iter(found)), []).append(name)
        if len(groups) > 1:
            texts = [f"{step} ({brief_names(names)})" for step, names in sorted(groups.items())]
            common = f"--pick={min(groups)} compares at one step"
            notes.append(f"{column.heading}: experiments end at unlike steps: {', '.join(texts)}; {common}.")
    return notes


def brief_names(names, most=3):
    """Names in a list that is not too long."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def shares_subset(run):
    """Whether a run was trained on a subset whose draw does not depend on its seed."""
    words = run.flags.get("iterator_args")
    words = words if isinstance(words, dict) else {}
    return words.get("subset") is not None and words.get("subset_seed") != "run"


def details(study):
    """A row for each experiment and metric with a value."""
    others = [pick for pick in ("last", "best") if pick != study.pick]
    titles = {
        "last": "last step: mean ± std",
        "best": "best step, chosen by this very value (optimistic): mean ± std",
    }
    rows = []
    for group in study.shown:
        for column in study.columns:
            row = study.rows[group, column]
            if not row.values:
                continue
            mean, std = mean_std(row.numbers())
            decimals = digits(mean, std)
            number = lambda value, decimals=decimals: show(value, None, decimals)
            picked_otherwise = [
                show(*mean_std(study.row(group, column, pick).numbers()))
                if pick == "last" or column.better
                else "–"
                for pick in others
            ]
            inner, _ = mean_std([p.inner for p in row.values.values() if p.inner is not None])
            rows.append(
                [
                    group.name,
                    column.heading,
                    str(len(row.values)),
                    show(mean, std),
                    number(min(row.numbers())),
                    number(max(row.numbers())),
                    spans(row.steps()),
                    *picked_otherwise,
                    number(inner),
                    ", ".join(f"s{seed} {number(p.value)}" for seed, p in sorted(row.values.items())),
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
    return Block(f"Details ({study.pick_text()})", *without_empty(header, rows), [])


def without_empty(header, rows):
    """The table without columns in which every cell is –."""
    keep = [i for i in range(len(header)) if not rows or any(row[i] != "–" for row in rows)]
    return [header[i] for i in keep], [[row[i] for i in keep] for row in rows]


def left_out(study):
    """Runs that are in no mean: missing, failed, diverged, interrupted, running, without a value."""
    notes = []
    for group in study.groups:
        if group.missing:
            plural = "s" if len(group.missing) > 1 else ""
            notes.append(f"{group.name}: seed{plural} {spans(group.missing)} missing")
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
            notes += [f"{run}: counted although {run.state_text()}" for run in group.runs if not run.finished]
    other = [g.name for g in study.groups if g not in study.shown]
    if other and study.columns:
        notes.append(f"no run with any of these metrics: {', '.join(other)}")
    return Block("Not in the means", [], [], notes)


def published_elsewhere(study):
    """Published numbers of metrics that no column holds."""
    notes = [
        f"{g.name}: {e.metric} {published_text(e)}; {e.source}"
        for g in study.groups
        for e in study.published_for(g)
    ]
    return Block("Published, of metrics not measured here", [], [], notes)


def settings(study):
    """The protocol of each column."""
    rows = [[c.heading, *(brief(c.setting[f]) for f in reading.PROTOCOL)] for c in study.columns if c.setting]
    logged = ", ".join(c.heading for c in study.columns if not c.setting)
    notes = [f"From metrics.jsonl, which records no protocol: {logged}."] if logged and rows else []
    sources = {
        f"{g.name}, {e.metric}: {e.source}"
        for g in study.shown
        for c in study.columns
        for e in study.published_for(g, c)
    }
    notes += [f"Published: {text}." for text in sorted(sources)]
    return Block("How it was measured", ["metric", *reading.PROTOCOL], rows, notes)


def differences(study):
    """--compare: A - B with its interval."""
    rows, notes = [], []
    for a, b, column, alone, found in study.comparisons():
        half = None if found.low is None else (found.high - found.low) / 2
        decimals = digits(found.mean or 0, half)
        interval = "–"
        if found.low is not None:
            interval = f"[{show(found.low, None, decimals)}, {show(found.high, None, decimals)}]"
        rows.append(
            [
                f"{a.name} − {b.name}",
                column.heading,
                found.how,
                str(found.n),
                show(found.mean, None, decimals),
                interval,
                "–" if found.saved is None else f"{found.saved:.0%}",
                verdict(found, column.better, a.name),
            ]
        )
        if alone:
            notes.append(
                f"{a.name} − {b.name}, {column.heading}: seeds of one side alone left out: {spans(alone)}."
            )
    if rows:
        notes.append(
            f"{CONFIDENCE:.0%} t intervals over training seeds. Not resolved: the interval holds 0, "
            "which does not show that they are equal."
        )
    if any(found.saved is not None for *_, found in study.comparisons()):
        notes.append(
            "Saved by pairing: how much smaller the variance of the mean difference is than without it; "
            "runs of one seed share data order and noise. Below 0, pairing costs: --unpaired."
        )
    header = ["difference", "metric", "how", "n", "mean difference", f"{CONFIDENCE:.0%} interval"]
    header += ["saved by pairing", "verdict"]
    return Block(f"Differences ({study.pick_text()})", header, rows, notes)


def tidy(study):
    """(header, rows) for CSV: a row for each experiment and metric with all fields, and numbers in full."""
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
                study.pick_text(),
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
                for e in study.published_for(group, column) or [None]
            ]
    return header, rows


# --- forms: Markdown, LaTeX, CSV


def markdown(study):
    """The blocks as headings, tables with aligned columns, and lists of notes."""
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
    """Text on one line, with Markdown's special characters escaped."""
    return re.sub(r"([\\|*`<])", r"\\\1", " ".join(str(text).split()))


def latex(study):
    """A booktabs tabular for each block; titles and notes as comments."""
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
    """Text on one line, with LaTeX's special characters escaped and minus signs before numbers."""
    text = re.sub(r"(?<!\S)(\[?)-(?=\d)", r"\1−", " ".join(str(text).split()))
    return "".join(LATEX.get(c, c) for c in text)


def comma_separated(study):
    """The table of `tidy`; with --compare the differences alone."""
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
            "variance_saved",
            "verdict",
            "seeds_left_out",
        ]
        rows = [
            [
                a.name,
                b.name,
                c.heading,
                study.pick_text(),
                d.how,
                d.n,
                d.mean,
                d.low,
                d.high,
                CONFIDENCE,
                d.saved,
                verdict(d, c.better, a.name),
                spans(alone),
            ]
            for a, b, c, alone, d in study.comparisons()
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
    """The seeds of "0-4,7": [0, 1, 2, 3, 4, 7]."""
    found = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,9})(?:-([0-9]{1,9}))?\s*", part)
        numbers = range(int(match[1]), int(match[2] or match[1]) + 1) if match else ()
        if not numbers or len(numbers) > 100000:
            raise argparse.ArgumentTypeError(f"given {text!r}; use seeds as in 0-4 or 0,2,5-7")
        found |= set(numbers)
    return sorted(found)


def pick(text):
    """last, best or a step."""
    if text in ("last", "best"):
        return text
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"given {text!r}; must be last, best or a step")


def add_options(parser):
    """The flags that tables and reports share."""
    parser.add_argument(
        "folders",
        nargs="+",
        metavar="FOLDER",
        help="folders with runs at any depth, or runs' own folders",
    )
    parser.add_argument(
        "--metric",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="scores or keys of metrics.jsonl: a name, a metric such as FD-classifier, or a pattern such as "
        "'probe/*' (default: every score)",
    )
    parser.add_argument(
        "--pick",
        type=pick,
        default="last",
        help="the step that stands for a run: last, best (by --by, or by the metric itself, which flatters "
        "it), or a step's number (default last)",
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
        help="metrics of which a lower value is better, where that is not known",
    )
    parser.add_argument(
        "--higher",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="metrics of which a higher value is better, where that is not known",
    )
    parser.add_argument(
        "--seeds",
        type=seeds,
        default=None,
        help="the expected seeds, as in 0-4; those without a run are listed as missing (default: gaps only)",
    )
    parser.add_argument(
        "--unfinished",
        action="store_true",
        help="also count runs that have not finished (default: list them)",
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
    """Writes a file, whole or not at all. Raises UserError where it cannot be written."""
    temporary = f"{path}.tmp{os.getpid()}"
    try:
        with open(temporary, "w", encoding="utf8", newline="\n") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"-o: {path}: {error.strerror}; use a file in a folder that exists") from None
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def write_tables(argv=None):
    """Reads the command line, and prints or writes the tables. Returns the exit code."""
    parser = flags.Parser(
        prog="python -m eval.tables",
        description="Tables over the seeds of many runs; see docs/tables.md.",
        epilog="exit codes: 0 done, 2 arguments or protocols that do not mix, 3 no run or no file",
    )
    add_options(parser)
    parser.add_argument(
        "--split",
        action="store_true",
        help="a column for each protocol or weights that a metric was measured with (default: refuse to mix "
        "them)",
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
        advice = f"use one of {', '.join(names)}" if names else "nothing has been logged yet"
        raise UserError(f"--metric: no run has a score; {advice}")
    text = FORMATS[kind](study)
    if args.output:
        write(args.output, text)
        print(f"tables: {args.output}")
    else:
        print(text, end="")
    return 0


def main(argv=None):
    """The command line; returns the exit code."""
    return command.run("eval.tables", write_tables, argv)
