"""The report in a real browser, offline: clicked through, and checked for accessibility."""

from __future__ import annotations

import itertools
from pathlib import Path

import pandas as pd
import pytest
from made_study import STAGES, leads_of, make_study
from printed_pages import CHROMIUM, figures_painted, print_page

from gwasbone.report.study_report import write_report

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (pip install -e '.[dev]')"
)
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
TRAITS = ("bmd_spine", "case")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), traits=TRAITS)


@pytest.fixture(scope="module")
def report(study):
    path = study.folder / "report.html"
    write_report(study, STAGES, path)
    return path


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, report):
    """The report at the width of a laptop; what the browser complains of or asks for is kept."""
    page = _opened(browser, report)
    yield page
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith(("file:", "blob:", "data:"))] == []
    page.close()


def _opened(browser, path: Path, width: int = 1360):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.complaints, page.asked = [], []
    page.on(
        "console",
        lambda said: said.type in ("error", "warning") and page.complaints.append(said.text),
    )
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(path.as_uri())
    return page


def _draw_all(page):
    page.evaluate("() => drawAll()")
    assert _states(page) == {"drawn"}


def _states(page):
    states = page.eval_on_selector_all(".drawing", "all => all.map(one => one.dataset.state)")
    return set(states)


def _table(page, caption):
    return page.locator(".table", has=page.locator("caption", has_text=caption))


def _column(table, number):
    rows = table.locator("tbody tr:not([hidden])")
    return rows.locator(f":nth-child({number + 1})").all_text_contents()


def _download(page, table, tmp_path):
    with page.expect_download() as waited:
        table.get_by_role("button", name="Download").click()
    waited.value.save_as(tmp_path / waited.value.suggested_filename)
    return tmp_path / waited.value.suggested_filename


def test_each_chapter_opens_by_its_link_and_its_figures_are_drawn(page):
    links = page.get_by_role("navigation", name="Chapters").get_by_role("link")
    titles = links.all_text_contents()
    assert titles[0] == "Samples"
    assert titles[-1] == "Provenance"
    assert None in _states(page), "figures far below are not drawn at first"
    for link, title in zip(links.all(), titles, strict=True):
        link.click()
        heading = page.get_by_role("heading", level=2, name=title, exact=True)
        playwright.expect(heading).to_be_in_viewport()
        chapter = page.locator("section.chapter", has=heading)
        for place in chapter.locator(".drawing").all():
            place.scroll_into_view_if_needed()
            playwright.expect(place).to_have_attribute("data-state", "drawn", timeout=30_000)
            assert place.locator("canvas").first.evaluate(
                "it => new Set(it.getContext('2d')"
                ".getImageData(0, 0, it.width, it.height).data).size > 1"
            ), "something is painted"
    assert _states(page) == {"drawn"}


def test_back_to_top_leads_back(page):
    page.get_by_role("link", name="Provenance").click()
    page.wait_for_function("() => window.scrollY > 500")
    page.get_by_role("link", name="Back to top").click()
    page.wait_for_function("() => window.scrollY === 0")


def test_a_scan_is_found_from_the_table_of_scans(page):
    _table(page, "Scans").get_by_role("link", name="case").click()
    playwright.expect(page.get_by_role("heading", name="case", exact=True)).to_be_in_viewport()


def test_a_click_sorts_numbers_and_another_turns_them_round(page, study):
    table = _table(page, "Lead variants")
    head = table.get_by_role("columnheader", name="−log₁₀ p")
    shown = _column(table, 9)
    # the same where NumPy sorts them: numbers, not text (12.2 stands above 9.5)
    expected = sorted(map(float, shown))
    assert head.get_attribute("aria-sort") == "none"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert list(map(float, _column(table, 9))) == expected
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert list(map(float, _column(table, 9))) == expected[::-1]


def test_the_keyboard_sorts_too_and_missing_values_stand_last(page):
    table = _table(page, "Lead variants")
    head = table.get_by_role("columnheader", name="Frequency")
    for order in ("ascending", "descending"):
        head.get_by_role("button").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == order
        assert _column(table, 6)[-1] == "–"
    chromosome = table.get_by_role("columnheader", name="Chr")
    chromosome.get_by_role("button").focus()
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "none"
    order = [*map(str, range(1, 23)), "X"]
    places = [order.index(name) for name in _column(table, 1)]
    assert places == sorted(places)


def test_what_is_searched_is_what_is_downloaded(page, study, tmp_path):
    table = _table(page, "Lead variants")
    every = leads_of(study)
    table.get_by_label("Search").fill("case rs")
    playwright.expect(table.get_by_role("status")).to_have_text("20 of 40 rows")
    assert set(_column(table, 0)) == {"case"}
    table.get_by_role("columnheader", name="−log₁₀ p").get_by_role("button").click()
    path = _download(page, table, tmp_path)
    assert path.name == "leads.tsv"
    found = pd.read_csv(path, sep="\t", dtype={"chromosome": str}, keep_default_na=False)
    expected = every[every["trait"] == "case"].sort_values("neg_log_10_p_value")
    assert found["source_id"].tolist() == expected["source_id"].tolist()
    assert found["base_pair_location"].tolist() == expected["base_pair_location"].tolist()
    # as precise as the file that the stage wrote, not as the page shows it
    assert found["beta"].tolist() == pytest.approx(expected["beta"].tolist(), rel=1e-5)
    table.get_by_label("Search").fill("no such gene")
    playwright.expect(table.get_by_role("status")).to_have_text("0 of 40 rows")
    table.get_by_label("Search").fill("")
    playwright.expect(table.get_by_role("status")).to_have_text("40 rows")


def test_a_missing_value_is_downloaded_as_na(page, tmp_path):
    path = _download(page, _table(page, "Lead variants"), tmp_path)
    assert path.read_text().splitlines()[4].split("\t")[6] == "NA"


@pytest.mark.parametrize("width", [1360, 420])
def test_an_accessibility_check_finds_nothing(browser, report, width):
    page = _opened(browser, report, width)
    _draw_all(page)
    page.locator("summary").first.click()
    faults = axe.Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in faults] == []
    # nothing sticks out at the side, however narrow
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
    # and it would find something
    page.evaluate("document.querySelector('.markup img').removeAttribute('alt')")
    found = axe.Axe().run(page, options={"runOnly": ["image-alt"]}).response["violations"]
    assert [fault["id"] for fault in found] == ["image-alt"]
    page.close()


def test_headings_go_down_one_level_at_a_time(page):
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(it => +it.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_the_keyboard_reaches_the_content_first(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_on_paper_all_rows_stand_and_controls_do_not(page):
    page.emulate_media(media="print")
    assert (
        page.locator(".windowed").first.evaluate("it => getComputedStyle(it).maxHeight") == "none"
    )
    for name in (".contents", ".to-top", ".controls", "#print"):
        assert not page.locator(name).first.is_visible()


def test_the_button_prints(page):
    page.evaluate("() => { window.print = () => { window.printed = true; }; }")
    page.get_by_role("button", name="Print").click()
    page.wait_for_function("() => window.printed")


def test_printing_draws_what_was_not_seen_yet(page):
    """Printed by the browser itself, without the button."""
    assert None in _states(page)
    n = page.locator(".drawing").count()
    assert figures_painted(page.pdf(format="A4")) >= n
    assert _states(page) == {"drawn"}
    # on the screen stands what stood there before, and nothing is left of the copies for paper
    layers = page.evaluate(
        "() => drawings.flatMap(framesWithin).map((one) => layersOf(one).length)"
    )
    assert set(layers) == {2}
    assert page.evaluate("() => copies.length") == 0


def test_a_report_printed_as_soon_as_it_is_loaded_shows_every_figure(report, tmp_path):
    n = report.read_text(encoding="utf-8").count('class="drawing"')
    assert n == 16
    assert figures_painted(print_page(report, tmp_path)) >= n


@pytest.mark.parametrize("width", [1400, 1000, 420])
def test_figures_use_the_width_of_the_page(browser, report, width):
    page = _opened(browser, report, width)
    _draw_all(page)
    for figure in page.locator("figure:has(.drawing)").all():
        place = figure.locator(".drawing")
        room, wide = place.evaluate("it => [it.clientWidth, contentWidth(it)]")
        hint = figure.locator(".hint")
        assert hint.is_visible() == (wide > room + 1), "what is cut says how to see the rest"
        if "square" not in (figure.get_attribute("class") or ""):
            assert wide > 0.97 * room
    hints = page.locator("figure .hint:visible")
    assert hints.count() == (2 if width == 420 else 0), "the Manhattan plots scroll"
    assert width != 420 or "scroll" in hints.first.text_content()
    page.close()


def test_figures_follow_the_window(browser, report):
    page = _opened(browser, report, 1400)
    _draw_all(page)
    place = page.locator("#figure-9-drawing")
    before = place.evaluate("contentWidth(document.getElementById('figure-9-drawing'))")
    page.set_viewport_size({"width": 1000, "height": 800})
    page.wait_for_function(f"() => contentWidth(drawings[7]) < {before} - 50")
    page.close()


def test_a_figure_that_cannot_be_drawn_says_so(browser, report, tmp_path):
    text = report.read_text(encoding="utf-8")
    broken = tmp_path / "broken.html"
    broken.write_text(text.replace('"name":"Figure"', '"name":"Nothing"', 1), encoding="utf-8")
    page = _opened(browser, broken)
    page.evaluate("() => drawAll()")
    assert _states(page) == {"drawn", "failed"}
    assert "could not be drawn" in page.locator(".failed").text_content()
    assert page.complaints
    page.close()
