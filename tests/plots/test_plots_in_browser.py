"""Every figure draws in a real browser, offline, without a word on the console."""

import itertools
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_figures import PAGES, results
from PIL import Image
from printed_pages import CHROMIUM, figures_painted, print_page

from gwasbone.genome import LENGTHS_BP
from gwasbone.plots import manhattan, save_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


def _open(page, profile):
    """The document after it has drawn, and what the browser logged."""
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
        " --disable-background-networking --disable-component-update --disable-sync"
        " --window-size=1400,900 --virtual-time-budget=20000 --enable-logging=stderr --dump-dom"
    )
    return subprocess.run(
        [CHROMIUM, *options.split(), f"--user-data-dir={profile}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )


@pytest.fixture(scope="module", params=PAGES)
def page(request, tmp_path_factory):
    """A page of one kind, with every figure that pages of it show."""
    path = tmp_path_factory.mktemp("pages") / f"{request.param}.html"
    return save_page(PAGES[request.param](), path, title=request.param.capitalize())


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def _tab(browser, path, width):
    """The page at a width, drawn; what the browser complains of is kept."""
    tab = browser.new_page(viewport={"width": width, "height": 900})
    tab.set_default_timeout(180_000)
    tab.complaints = []
    tab.on(
        "console",
        lambda said: said.type in ("error", "warning") and tab.complaints.append(said.text),
    )
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.goto(path.as_uri())
    tab.wait_for_function("() => document.documentElement.dataset.drawn")
    return tab


def _two_scans():
    rng = np.random.default_rng(1)
    table = results(rng, 2_000)
    return [(name, manhattan(table, title=name)) for name in ("bmd_spine", "case")]


def test_every_figure_draws_without_a_word_on_the_console(page, tmp_path):
    seen = _open(page, tmp_path / "profile")
    assert re.search(r'<html [^>]*data-drawn="\d+"', seen.stdout), "the page never came to rest"
    complaints = [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    # BokehJS greets with its version and says when its roots are drawn.
    complaints = [line for line in complaints if "[bokeh" not in line or "error" in line.lower()]
    assert complaints == []


def test_a_broken_page_is_noticed(tmp_path):
    page = save_page(_two_scans()[:1], tmp_path / "page.html", title="One figure")
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace('"name":"Figure"', '"name":"Nothing"'), encoding="utf-8")
    seen = _open(page, tmp_path / "profile")
    assert "data-drawn" not in seen.stdout.split("<head>")[0]
    assert "CONSOLE" in seen.stderr


def test_a_page_printed_as_soon_as_it_is_loaded_shows_every_figure(page, tmp_path):
    n = page.read_text(encoding="utf-8").count('class="drawing"')
    assert n == {"scans": 10, "cohort": 10, "models": 9}[page.stem]
    assert figures_painted(print_page(page, tmp_path)) >= n


@pytest.mark.parametrize("width", [1400, 420])
def test_every_figure_fits_its_page(browser, page, tmp_path, width):
    """Photographed, too: into the folder of GWASBONE_SCREENSHOTS where that is set, to look at."""
    tab = _tab(browser, page, width)
    photo = tmp_path / f"{page.stem}.{width}.png"
    tab.screenshot(path=photo, full_page=True)
    if folder := os.environ.get("GWASBONE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder)
    with Image.open(photo) as image:
        assert image.width == width, "nothing sticks out at the side"
    for figure in tab.locator("figure:has(> .drawing)").all():
        room, wide = figure.locator("> .drawing").evaluate(
            "it => [it.clientWidth, contentWidth(it)]"
        )
        hint = figure.locator("> .hint")
        assert hint.is_visible() == (wide > room + 1), "what is cut says how to see the rest"
    # a genome needs more width than a phone has
    if page.stem == "scans":
        assert (tab.locator("figure .hint:visible").count() > 0) == (width == 420)
    assert tab.complaints == []
    tab.close()


def _saved(tab, number, kind, folder):
    with tab.expect_download() as waited:
        tab.locator(".save").nth(number).locator(f"[data-kind={kind}]").click()
    path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    return path


def test_figures_are_saved_at_twice_the_size_and_as_svg_under_their_names(browser, tmp_path):
    figures = [*_two_scans()[:1], PAGES["models"]()[1]]
    page = save_page(figures, tmp_path / "scan.bmd_spine.manhattan.html", title="t")
    tab = _tab(browser, page, 1000)
    places = tab.locator(".drawing, .markup")
    for number, stem in enumerate(("bmd_spine_manhattan", "ap_spine_manhattan")):
        wide = places.nth(number).evaluate(
            "it => it.matches('.drawing') ? contentWidth(it) : it.scrollWidth"
        )
        png, svg = (_saved(tab, number, kind, tmp_path) for kind in ("png", "svg"))
        assert [png.name, svg.name] == [f"{stem}.png", f"{stem}.svg"]
        with Image.open(png) as image:
            assert image.width == pytest.approx(2 * wide, abs=2)
            assert len(image.convert("RGB").getcolors(1_000_000)) > 5
        root = ET.parse(svg).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        texts = "".join(root.itertext())
        assert ("Chromosome" if number == 0 else "mean of 24 images") in texts
    assert tab.evaluate("window.devicePixelRatio") == 1
    # the figure's own tool saves the same file
    with tab.expect_download() as waited:
        tab.evaluate(
            """() => {
              const { document } = drawn.get(drawings[0]).views[0].model;
              const models = [...document._all_models.values()];
              const model = models.find((one) => one.type === "SaveTool");
              const { doit } = Bokeh.Models.get("SaveTool").prototype.default_view.prototype;
              doit.call({ model });
            }"""
        )
    assert waited.value.suggested_filename == "bmd_spine_manhattan.png"
    assert tab.complaints == []
    tab.close()


def test_a_zoomed_genome_names_places_in_bp(browser, tmp_path):
    page = save_page(_two_scans()[:1], tmp_path / "page.html", title="t")
    tab = _tab(browser, page, 1400)
    look = """(zoom) => {
      const { model } = drawn.get(drawings[0]).views[0];
      const [axis] = model.below, range = model.x_range;
      const { shift, names } = axis.ticker.args;
      const at = (mb) => mb + shift[names.indexOf("7")];
      const [start, end] = zoom ? zoom.map(at) : [range.start, range.end];
      const ticks = axis.ticker.get_ticks(start, end, range, NaN).major;
      const named = axis.formatter.doFormat(ticks, { loc: 0 });
      return zoom ? named : ticks.map((tick) => axis.major_label_overrides.get(tick));
    }"""
    assert tab.evaluate(look) == [*map(str, range(1, 23)), "X"]
    assert tab.evaluate(look, [120, 122]) == [
        f"7:{mb:.1f}00,000 bp".replace(".", ",") for mb in (120, 120.5, 121, 121.5, 122)
    ]
    assert tab.evaluate(look, [120.965463, 120.965467])[0] == "7:120,965,463 bp"
    assert tab.complaints == []
    tab.close()


@pytest.mark.parametrize("width", [1400, 700, 420])
def test_the_last_chromosome_is_named_at_every_width(browser, tmp_path, width):
    rows = [(code, place) for code in range(1, 24) for place in (1, LENGTHS_BP["GRCh37"][code])]
    table = pd.DataFrame(rows, columns=["chromosome", "base_pair_location"])
    plot = manhattan(table.assign(neg_log_10_p_value=1.0), title="t")
    page = save_page(plot, tmp_path / "page.html", title="One scan")
    tab = _tab(browser, page, width)
    # the places that the axis asks its policy about, and those that it then writes
    named, boxes = tab.evaluate(
        """() => {
          const policy = Bokeh.Models.get("CustomLabelingPolicy").prototype;
          const filter = policy.filter;
          let seen = null;
          policy.filter = function (indices, boxes, distance) {
            const shown = filter.call(this, indices, boxes, distance);
            seen = [[...shown], boxes.map((box) => [box.x0, box.x1])];
            return shown;
          };
          const [view] = drawn.get(drawings[0]).views;
          view.model.frame_width -= 1;
          relayout(view);
          return seen;
        }"""
    )
    tab.close()
    named = sorted(named)
    assert named[-1] == 22, "X"
    assert len(named) == 23 if width == 1400 else 15 < len(named) < 23
    gaps = [boxes[after][0] - boxes[before][1] for before, after in itertools.pairwise(named)]
    assert min(gaps) > 0, "no two names touch"
