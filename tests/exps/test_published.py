"""Headers of scripts, and tables of the pages, have the published numbers of docs/published.json."""

import glob
import os
import re

import pytest

from eval.reports import tables
from tests.exps.test_scripts import SCRIPTS, header_of, name_of, run_name_of
from tests.running import ROOT

ENTRIES = tables.read_published(tables.PUBLISHED)
PAGES = [os.path.join(ROOT, "README.md"), *sorted(glob.glob(os.path.join(ROOT, "docs", "*.md")))]
# "8.11 ± 1.3 %", "93 +/- 6.5 of 10,000", ".0125"; a whole number alone is a count of something
NUMBER = re.compile(
    r"(?<![\w.,])(?P<value>\d[\d,]*(?:\.\d+)?|\.\d+)"
    r"(?: (?:\+/-|±) (?P<std>\d*\.?\d+))?(?P<unit> ?%| of 10,000)?(?!\w)"
)
UNITS = {"": 1, "%": 100, "of 10,000": 10_000}


def spoken(entry):
    """The metric's name in a header: "modes" of points/modes, "test error" of disc_ema/test_error."""
    return entry.metric if "/" not in entry.metric else entry.metric.split("/")[-1].replace("_", " ")


def numbers(text):
    """[(text before it, value, std or None)] of the numbers in text that have a decimal point, a ± or a %."""
    found = []
    for match in NUMBER.finditer(text):
        value, std, unit = match["value"].replace(",", ""), match["std"], (match["unit"] or "").strip()
        if "." in value or std or unit == "%":
            found.append(
                (text[: match.start()].rstrip(), *(x and float(x) / UNITS[unit] for x in (value, std)))
            )
    return found


def rounded(pairs):
    return sorted((round(value, 9), -1 if std is None else round(std, 9)) for value, std in pairs)


def of(experiment):
    return [entry for entry in ENTRIES if entry.experiment == experiment]


def tables_of(page):
    """[(cells of the head, [cells of a row, ...])] of a page's Markdown tables."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", open(page, encoding="utf8").read(), re.M):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        found.append((rows[0], rows[2:]))
    return found


def scripts_in(cell):
    """The scripts that a cell names, as exps/a/b.sh, as a/b, or as b where only one script is called so."""
    found = []
    for word in re.findall(r"`([^`]+)`", cell):
        name = word.removeprefix("exps/").removesuffix(".sh")
        fits = [s for s in SCRIPTS if name_of(s) == name] or [
            s for s in SCRIPTS if name_of(s).endswith("/" + name)
        ]
        assert len(fits) == 1, f"{word} names {len(fits)} scripts"
        found += fits
    return found


def rows_of(page):
    """[(scripts, their cell)] of the columns of published numbers in those tables that list scripts."""
    found = []
    for head, rows in tables_of(page):
        column = next((i for i, cell in enumerate(head) if cell.startswith("published")), None)
        if head[0] == "script" and column is not None:
            found += [(scripts_in(row[0]), row[column]) for row in rows if row[0].startswith("`")]
    return found


def test_numbers_are_found():
    assert [n[1:] for n in numbers("IS 7.94 +/- 0.08, FID 21.7; mean of 3 runs, 500 epochs")] == [
        (7.94, 0.08),
        (21.7, None),
    ]
    assert [n[1:] for n in numbers("93 ± 6.5 of 10,000 (86 ± 5.6 of 10,000)")] == [
        (0.0093, 0.00065),
        (0.0086, 0.00056),
    ]
    assert [
        n[1:] for n in numbers("18.63 +/- 2.32 %, 98.2%, KID .0125, 25,600 samples, et al. 2016, K = 4")
    ] == [(0.1863, 0.0232), (0.982, None), (0.0125, None)]


def test_every_entry_is_of_one_script():
    names = [run_name_of(script) for script in SCRIPTS]
    assert len(set(names)) == len(names)
    assert {entry.experiment for entry in ENTRIES} <= set(names)


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_headers_have_the_published_numbers(script):
    """After "Published", each number follows its metric's name; a header without numbers says so."""
    said, _, published = header_of(script).partition("Published")
    entries, found = of(run_name_of(script)), numbers(published)
    assert said.strip() and published and not re.search(r"\+/-|±", said)
    assert rounded(n[1:] for n in found) == rounded((e.value, e.std) for e in entries)
    if not entries:
        assert re.search(r"not found|no number|no (such )?row|pictures", published)
    for before, value, std in found:
        same = [e for e in entries if rounded([(e.value, e.std)]) == rounded([(value, std)])]
        assert any(before.lower().endswith(" " + spoken(e).lower()) for e in same), f"{before[-30:]} {value}"


@pytest.mark.parametrize("page", PAGES, ids=os.path.basename)
def test_tables_have_the_published_numbers(page):
    for scripts, cell in rows_of(page):
        for script in scripts:
            found = [n[1:] for n in numbers(cell.replace("**", ""))]
            assert rounded(found) == rounded((e.value, e.std) for e in of(run_name_of(script))), (
                f"{name_of(script)}: {cell}"
            )


def test_every_published_number_stands_in_a_table():
    shown = {run_name_of(script) for page in PAGES for scripts, _ in rows_of(page) for script in scripts}
    assert {entry.experiment for entry in ENTRIES} <= shown
