"""docs/rows.md: every published row, beside its authors' network."""

import os
import re

import pytest

from benchmarks import rows
from tests.running import ROOT

FACTS = rows.read("authors")
PUBLISHED = {entry["experiment"] for entry in rows.read("published")}


def page():
    return open(os.path.join(ROOT, "docs", "rows.md"), encoding="utf8").read()


def test_every_published_row_is_in_the_table_once():
    named = [name for fact in FACTS for name in fact["experiments"]]
    assert sorted(named) == sorted(PUBLISHED)
    shown = re.findall(r"^\| `(exps/\S+\.sh)`", page(), re.M)
    paths = rows.scripts()
    assert sorted(shown) == sorted(paths[name] for name in PUBLISHED)


def test_facts_are_whole():
    for fact in FACTS:
        assert fact["how"] in (("run", "hand") if fact["counts"] else (None,)), fact["experiments"]
        assert fact["code"] and fact["compared"] and fact["differs"], fact["experiments"]


def test_every_row_says_how_it_differs():
    """Something differs in each (docs/authors.json); the script's header says it before the numbers."""
    paths = rows.scripts()
    for name in PUBLISHED:
        header = open(os.path.join(ROOT, paths[name]), encoding="utf8").read().partition("set -eu")[0]
        assert "Differs from" in header.replace("\n# ", " ").partition("Published")[0], name


@pytest.mark.parametrize(
    "name, counts",
    [
        ("ssgan/stl10_ssgan", {"gen": 4_878_083, "disc": 10_145_541}),
        ("semi_supervised/cifar10_4000", {"gen": 4_933_382, "disc": 1_406_804}),
    ],
)
def test_counts_are_those_of_the_scripts_networks(name, counts):
    assert rows.counted(rows.networks(rows.arguments(rows.scripts()[name]))) == counts


@pytest.mark.slow
def test_the_page_is_what_the_script_prints():
    assert page() == rows.HEAD + "\n" + "\n".join(rows.table()) + "\n"
