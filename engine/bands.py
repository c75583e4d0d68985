"""Bands: where one more run of a script is expected, curve by curve. eval/reports/bands.py makes them.

A band is a JSON file, docs/bands/<experiment>.json (with __ for /), or band.json beside an experiment's
seeds, which counts first:

  {"name", "seeds", "confidence", "flags": those that change a run, "curves": {key: {"steps", "low", "high"}}}
"""

import json
import math
import os

from engine.files import PROJECT

FOLDER = os.path.join(PROJECT, "docs", "bands")
OWN = "band.json"
FILES = ("trainer", "network", "iterator")  # flags that name a file, wherever it lies
OUTSIDE = 0.2  # a curve is outside if more than this share of its records is


def path_of(name):
    """The file in docs/bands of an experiment."""
    return os.path.join(FOLDER, name.replace("/", "__") + ".json")


def find(folder, name, flags):
    """(path, band) of the experiment `name` in `folder`, which holds its seeds; (None, None) where there is
    none, or only one of other flags (a dict of flags.json)."""
    for path in (os.path.join(folder, OWN), path_of(name)):
        try:
            with open(path, encoding="utf8") as file:
                band = json.load(file)
            if same(band["flags"], flags) and isinstance(band["curves"], dict):
                return path, band
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # a band is no reason to stop
    return None, None


def same(then, now):
    """Whether two dicts of flags ask for the same run; of a flag that one lacks nothing is known."""
    return all(comparable(k, then[k]) == comparable(k, now[k]) for k in then.keys() & now.keys())


def comparable(name, value):
    """A flag's value, of a file its name."""
    return os.path.basename(value) if name in FILES and isinstance(value, str) else value


def limits(curve, step):
    """(low, high) of a curve at a step, interpolated; None outside its steps."""
    steps = curve["steps"]
    if not steps or not steps[0] <= step <= steps[-1]:
        return None
    i = min(sum(s <= step for s in steps) - 1, max(len(steps) - 2, 0))
    if len(steps) == 1:
        return curve["low"][0], curve["high"][0]
    t = (step - steps[i]) / (steps[i + 1] - steps[i])
    return tuple((1 - t) * curve[side][i] + t * curve[side][i + 1] for side in ("low", "high"))


def outside(points, curve):
    """(share of the points [(step, value)] that lie outside the curve's band, the first such step or None);
    (None, None) where no point is within its steps. A value that is not finite lies outside."""
    found = [(step, value, limits(curve, step)) for step, value in points]
    found = [(step, value, pair) for step, value, pair in found if pair is not None]
    if not found:
        return None, None
    wrong = [s for s, v, (low, high) in found if v is None or not math.isfinite(v) or not low <= v <= high]
    return len(wrong) / len(found), wrong[0] if wrong else None


def verdict(records, band):
    """One sentence: whether a run's records (dicts with a "step") lie inside a band. Empty where they have
    nothing in common."""
    told, n = [], 0
    for key, curve in band["curves"].items():
        share, first = outside([(r["step"], r[key]) for r in records if key in r], curve)
        n += share is not None
        if share is not None and share > OUTSIDE:
            told.append(f"{key} ({share:.0%} of its records, from step {first})")
    if not n:
        return ""
    seeds = f"the band of {band['name']} ({len(band['seeds'])} seeds)"
    if not told:
        return f"inside {seeds}: {n} of {n} curves"
    more = f" and {len(told) - 4} more" if len(told) > 4 else ""
    return f"outside {seeds}, {len(told)} of {n} curves: {', '.join(told[:4])}{more}"
