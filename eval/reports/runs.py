"""Runs on disk: found below any folder and read without torch; damaged lines and missing files are
tolerated."""

import json
import math
import os
import re
import time
from collections import namedtuple
from functools import cached_property

from engine import results
from engine.errors import MissingError

FILES = ("flags.json", "status.json", "metrics.jsonl", results.FILE)
SEED = re.compile(r"s(0|[1-9]\d*)")
SILENT = (
    600.0  # a running run without a heartbeat for so many seconds is reported; hosts' clocks differ by less
)

# Values of one metric are comparable if these fields are equal. Whether the averaged generator was measured
# is not one of them: it is part of the method.
PROTOCOL = ("protocol", "extractor", "sha256", "resize", "split", "n_real", "n_fake")

# A value at a step; None where it was not finite. setting: {field of PROTOCOL: value}, None for values of
# metrics.jsonl; metric: the kind of score, of which names are variants; inner: the score's own std (over
# splits or subsets) or None.
Point = namedtuple("Point", "step value name metric setting inner ema singular")


class Run:
    """One results/<name>/s<seed>/."""

    def __init__(self, folder, name, seed):
        self.folder, self.name, self.seed = folder, name, seed

    def __str__(self):
        return f"{self.name}/s{self.seed}"

    @cached_property
    def flags(self):
        """flags.json; empty where it is missing or not readable."""
        return read_object(os.path.join(self.folder, "flags.json"))

    @cached_property
    def status(self):
        """(state, step or None, text) of status.json; state "unknown" where there is none."""
        found = read_object(os.path.join(self.folder, "status.json"))
        step = found.get("step")
        return (
            str(found.get("state", "unknown")),
            step if number(step) is not None else None,
            str(found.get("text", "")),
        )

    @property
    def finished(self):
        """Whether status.json says so."""
        return self.status[0] == "finished"

    def state_text(self):
        """The state in words, as "failed at step 300 (text)"; for a running one also how long it has been
        silent."""
        state, step, text = self.status
        words = state + (f" at step {step}" if step is not None else "")
        if state == "unknown":
            return "unknown: no readable status.json"
        if state == "running":
            silence = time.time() - self.last_heartbeat()
            return words + (f", no sign of life for {silence / 3600:.1f} h" if silence > SILENT else "")
        return words + (f" ({text})" if state in ("failed", "diverged") and text else "")

    def last_heartbeat(self):
        """When the run last touched its lock or its records, in seconds since 1970."""
        times = [0.0]
        for name in ("lock", "metrics.jsonl", "status.json"):
            try:
                times.append(os.path.getmtime(os.path.join(self.folder, name)))
            except OSError:  # missing, or just released
                pass
        return max(times)

    @cached_property
    def records(self):
        """metrics.jsonl, as dicts with a "step", oldest first."""
        return results.read_records(os.path.join(self.folder, "metrics.jsonl"))

    @cached_property
    def evaluations(self):
        """{name: [Point, ...] by step} of evaluations.jsonl; of several with one name, step and setting the
        last."""
        found = {}
        for line in results.Results(self.folder).read():
            if "name" in line and "value" in line:
                setting = {field: line.get(field) for field in PROTOCOL}
                point = Point(
                    line["step"],
                    number(line["value"]),
                    str(line["name"]),
                    str(line.get("metric", line["name"])),
                    setting,
                    number(line.get("std")),
                    line.get("ema"),
                    bool(line.get("singular")),
                )
                found.setdefault(point.name, {})[point.step, setting_key(setting)] = point
        return {name: sorted(points.values(), key=lambda p: p.step) for name, points in found.items()}

    @cached_property
    def logged(self):
        """The keys of metrics.jsonl, without the scores that evaluations.jsonl has too."""
        known = {"step"} | {"eval/" + name for name in self.evaluations}
        return sorted({key for record in self.records for key in record} - known)

    def points(self, name):
        """The [Point, ...] by step of a score of evaluations.jsonl, or of a key of metrics.jsonl (also
        without "eval/")."""
        if name in self.evaluations:
            return self.evaluations[name]
        key = "eval/" + name if "eval/" + name in self.logged else name
        values = {r["step"]: number(r[key]) for r in self.records if key in r}
        return [
            Point(step, value, name, name, None, None, None, False) for step, value in sorted(values.items())
        ]


def setting_key(setting):
    """A setting as text, to compare and sort by."""
    return "" if setting is None else json.dumps([setting[field] for field in PROTOCOL])


def number(value):
    """The value if it is a finite number, else None."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None


def read_object(path):
    """The JSON object in a file; empty where there is none or it cannot be read."""
    try:
        with open(path, encoding="utf8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def find(folders):
    """The runs at or below the folders, at any depth, each once, by name and seed.

    A run is a folder s<seed> with at least one of FILES. Its name is that of its flags if its path ends in
    it, else its path below the given folder. Runs of one name in several places are named by their whole
    paths. Raises MissingError for a folder that does not exist, and where there is no run.
    """
    found, seen = {}, set()
    for top in folders:
        if not os.path.isdir(top):
            raise MissingError(f"{top}: no such folder; use a folder of runs, as results/, or a run's own")
        for folder, inside, files in os.walk(top, followlinks=True):
            if os.path.realpath(folder) in seen:  # given twice, or a link back to a parent
                inside.clear()
                continue
            seen.add(os.path.realpath(folder))
            inside.sort()
            seed = SEED.fullmatch(os.path.basename(os.path.abspath(folder)))
            if seed and any(name in files for name in FILES):
                inside.clear()
                found[os.path.realpath(folder)] = Run(
                    os.path.normpath(folder), name_of(folder, top), int(seed.group(1))
                )
    if not found:
        raise MissingError(
            f"{', '.join(folders)}: no run there; use a folder with runs, as results/<name>/s0/ with its "
            "flags.json"
        )
    places = {}
    for run in found.values():
        places.setdefault(run.name, set()).add(os.path.dirname(os.path.realpath(run.folder)))
    for run in found.values():
        if len(places[run.name]) > 1:
            run.name = os.path.dirname(run.folder)
    return sorted(found.values(), key=lambda run: (natural_key(run.name), run.seed))


def natural_key(name):
    """A sort key by which lr_2 comes before lr_10."""
    return [
        (int(part), "") if part.isascii() and part.isdigit() else (-1, part)
        for part in re.split(r"([0-9]+)", name)
    ]


def name_of(folder, top):
    """The name of the experiment whose run is in `folder`, found below `top`."""
    parent = os.path.dirname(os.path.abspath(folder))
    name = read_object(os.path.join(folder, "flags.json")).get("name")
    if isinstance(name, str) and name:
        ending = os.path.join(*name.split("/"))
        if (os.sep + parent.strip(os.sep)).endswith(os.sep + ending):
            return name
    below = os.path.relpath(parent, os.path.abspath(top)).replace(os.sep, "/")
    return os.path.basename(parent) if below.split("/")[0] in (".", "..") else below


def experiments(runs):
    """{name: [Run, ...] by seed}."""
    groups = {}
    for run in runs:
        groups.setdefault(run.name, []).append(run)
    return groups
