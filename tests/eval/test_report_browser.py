"""The report in a real headless browser: sorting, gallery, comparison, keyboard, a phone's width."""

import os

import pytest
from test_report import CHROMIUM, make_study, write

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as p:
        if CHROMIUM is None and not os.path.exists(p.chromium.executable_path):
            pytest.skip("no browser found; use apt-get install chromium, or playwright install chromium")
        started = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    make_study(root)
    write(root)
    return root / "report.html"


@pytest.fixture
def page(browser, report, request):
    size = getattr(request, "param", (1300, 900))
    opened = browser.new_page(viewport={"width": size[0], "height": size[1]})
    wrong = []
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: wrong.append(request.url) if request.url[:4] == "http" else None)
    opened.goto(f"file://{report}")
    yield opened
    opened.close()
    assert not wrong


def column(page, i):
    return page.eval_on_selector(
        "table.sortable", "(table, i) => [...table.tBodies[0].rows].map((row) => row.cells[i].textContent)", i
    )


def test_a_heading_sorts_both_ways_by_the_keyboard_too(page):
    heads = page.locator("table.sortable").first.locator("th")
    titles = heads.all_text_contents()
    i = next(i for i, title in enumerate(titles) if title.startswith("FD"))
    before = column(page, i)
    heads.nth(i).locator("button").click()
    up = column(page, i)
    assert sorted(before) == sorted(up) and heads.nth(i).get_attribute("aria-sort") == "ascending"
    numbers = [float(text.split()[0]) for text in up if text[:1].isdigit()]
    assert len(numbers) > 1 and numbers == sorted(numbers)
    page.keyboard.press("Enter")  # the button has the focus
    down = [float(text.split()[0]) for text in column(page, i) if text[:1].isdigit()]
    assert down == numbers[::-1] and heads.nth(i).get_attribute("aria-sort") == "descending"
    heads.first.locator("button").click()
    assert column(page, 0) == sorted(column(page, 0)) and heads.nth(i).get_attribute("aria-sort") is None


def test_a_picture_in_large_by_the_keyboard(page):
    first = page.locator(".strip img").first
    first.focus()
    page.keyboard.press("Enter")
    viewer = page.locator("dialog.viewer")
    assert viewer.is_visible() and "digits/mixup/s0" in viewer.inner_text()
    assert viewer.locator("img").get_attribute("src") == first.get_attribute("src")
    before = viewer.locator("p").first.inner_text()
    page.keyboard.press("ArrowRight")
    after = viewer.locator("p").first.inner_text()
    assert after != before and int(after.split()[-1]) > int(before.split()[-1])
    page.keyboard.press("ArrowLeft")
    assert viewer.locator("p").first.inner_text() == before
    page.keyboard.press("Escape")
    assert not viewer.is_visible()


def test_the_gallery_has_each_run_and_sets_chosen_ones_side_by_side(page):
    gallery = page.locator("#gallery")
    names = gallery.locator(".gallery label").all_inner_texts()
    assert [n.strip() for n in names] == [f"digits/{k}/s{i}" for k in ("mixup", "plain") for i in range(3)]
    compare = gallery.locator("section")
    assert not compare.is_visible()
    gallery.locator("input[type=checkbox]").nth(0).check()
    gallery.locator("input[type=checkbox]").nth(3).focus()
    page.keyboard.press("Space")
    assert compare.locator("figcaption").all_inner_texts() == [
        "digits/mixup/s0, step 1200",
        "digits/plain/s0, step 1200",
    ]
    page.locator("#step").focus()
    page.keyboard.press("Home")
    assert compare.locator("figcaption").first.inner_text().endswith("step 0")
    a, b = (compare.locator("figure").nth(i).bounding_box() for i in range(2))
    assert a["y"] == b["y"] and a["x"] < b["x"]
    gallery.locator("input[type=checkbox]").nth(0).uncheck()
    gallery.locator("input[type=checkbox]").nth(3).uncheck()
    assert not compare.is_visible()


@pytest.mark.parametrize("page", [(390, 844), (320, 568)], indirect=True)
def test_a_phone_scrolls_down_only(page):
    page.locator("#gallery input[type=checkbox]").nth(0).check()
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for image in page.locator("#gallery img").all():
        assert image.bounding_box()["width"] <= width
    page.locator(".strip img").first.focus()  # a lazy picture has no size before it is scrolled to
    page.locator(".strip img").first.click()
    assert page.locator("dialog.viewer").bounding_box()["width"] <= width


def test_tab_reaches_all_that_can_be_pressed(page):
    page.keyboard.press("Tab")
    seen = set()
    for _ in range(200):
        seen.add(
            page.evaluate(
                "document.activeElement.closest('#gallery') ? 'gallery' : document.activeElement.tagName"
            )
        )
        page.keyboard.press("Tab")
    assert {"A", "BUTTON", "SUMMARY", "IMG", "gallery"} <= seen
