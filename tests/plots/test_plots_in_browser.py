"""Every figure draws in a real browser, offline, without a word on the console."""

import itertools
import re
import subprocess

import numpy as np
import pandas as pd
import pytest
from made_scan_tables import made_scan
from printed_pages import CHROMIUM, figures_painted, print_page

from gwasbone.genome import LENGTHS_BP
from gwasbone.plots import (
    KeptRegion,
    Threshold,
    ancestry_pairs,
    funnel,
    manhattan,
    miami,
    p_scatter,
    qc_histogram,
    qc_scatter,
    qq,
    regional,
    save_page,
    scree,
    stacked_manhattan,
    volcano,
    z_scatter,
)
from gwasbone.plots.calibration import reliability
from gwasbone.plots.probabilities import predicted_probabilities
from gwasbone.plots.roc import precision_recall, roc
from gwasbone.plots.saliency import saliency_figure
from gwasbone.stats.calibration import calibration
from gwasbone.stats.precision_recall import precision_recall_curve
from gwasbone.stats.quantile_plot import quantile_plot_points
from gwasbone.stats.roc import area_under_curve, roc_curve
from gwasbone.sumstats.leads import shared_loci

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


def _results(rng, m=30_000):
    return pd.DataFrame(
        {
            "chromosome": np.sort(rng.integers(1, 24, m)).astype(np.int16),
            "base_pair_location": rng.integers(1, 200_000_000, m).astype(np.int32),
            "neg_log_10_p_value": np.append(rng.exponential(1 / np.log(10), m - 1), 350.0),
            "source_id": "rs1",
        }
    )


def _evaluation_figures(rng):
    p = rng.random(400)
    case = rng.random(400) < p
    table = pd.DataFrame({"probability": p, "is_case": case, "in_training": p < 0.6})
    areas = {"a": area_under_curve(case, p)}
    return [
        ("ROC", roc({"a": roc_curve(case, p)}, areas, title="t")),
        ("Precision", precision_recall({"a": precision_recall_curve(case, p)}, title="t")),
        ("Reliability", reliability({"a": calibration(case, p)}, title="t")),
        ("Probabilities", predicted_probabilities(table, title="t")),
    ]


def _figures_of_two_scans():
    a, b = made_scan(1, peaks=[(9, 20.0)]), made_scan(2, chromosomes=(1, 2), peaks=[(9, 30.0)])
    leads = {"a": a.nlargest(2, "neg_log_10_p_value"), "b": b.nlargest(2, "neg_log_10_p_value")}
    shared = shared_loci({"a": leads["a"], "b": leads["a"]})
    pairs = a.assign(
        neg_log_10_p_value_a=a["neg_log_10_p_value"], neg_log_10_p_value_b=b["neg_log_10_p_value"]
    )
    pairs = pairs.assign(z_a=a["beta"] / a["standard_error"], z_b=b["beta"] / b["standard_error"])
    return [
        ("Stack", stacked_manhattan({"a": a, "b": b}, leads=leads, shared=shared)),
        ("Miami", miami({"a": a, "b": b}, leads=leads, y_max=12)),
        ("p", p_scatter(pairs, names=("a", "b"), title="t")),
        ("z", z_scatter(pairs, names=("a", "b"), title="t")),
        ("Volcano", volcano(a, title="t", leads=leads["a"])),
    ]


def _region(results):
    variants = results[results["chromosome"] == 7].reset_index(drop=True)
    middle = int(variants["base_pair_location"].median())
    genes = pd.DataFrame(
        {"name": ["A", "B"], "start_bp": [1000, middle], "end_bp": [5000, middle + 10**6],
         "strand": ["+", ""], "is_known": [True, False]}
    )  # fmt: skip
    return regional(
        variants.assign(r2=np.linspace(0, 1, len(variants))), lead=len(variants) - 1, title="t",
        genes=genes, exons=pd.DataFrame({"gene": [0], "start_bp": [1000], "end_bp": [2000]}),
        recombination=pd.DataFrame({"base_pair_location": [1, middle], "cm_per_mb": [1.0, 30.0]}),
    )  # fmt: skip


def _saliency(rng):
    picture = rng.integers(0, 256, (30, 20)).astype(np.uint8)
    maps, slope, t = rng.random((2, 30, 20)), *rng.normal(size=(2, 30, 20))
    return saliency_figure(
        picture, maps, slope, t, names=["a", "b"], n=[3, 4], critical=1.5, title="t"
    )


def _every_figure():
    rng = np.random.default_rng(1)
    results = _results(rng)
    leads = results.nlargest(3, "neg_log_10_p_value").assign(gene=["WNT16", "LRP5", "SOST"])
    people = pd.DataFrame(rng.normal(size=(200, 6)), columns=[f"PC{j}" for j in range(1, 7)])
    groups = pd.Series(rng.choice(["British", "Irish", "Other"], 200))
    steps = pd.DataFrame(
        [["All", "", 0, 10], ["Quality", "missingness", 2, 8]],
        columns=["step", "reason", "removed", "remaining"],
    )
    limit = Threshold("limit", 0.5, "above")
    return [
        ("Manhattan", manhattan(results, title="t", leads=leads)),
        ("Manhattan, cut", manhattan(results, title="t", leads=leads, y_max=10)),
        ("QQ", qq(quantile_plot_points(results["neg_log_10_p_value"]), title="t", lambda_gc=1.0)),
        (
            "Ancestry",
            ancestry_pairs(
                people,
                groups,
                kept=people["PC1"] < 1,
                region=KeptRegion(np.zeros(6), np.ones(6), 2.0),
                deviation=(people**2).sum(axis=1),
                threshold=9.0,
            ),
        ),
        ("Scree", scree([3.0, 2.0, 1.0])),
        ("Histogram", qc_histogram(rng.random(500), title="t", x_label="x", thresholds=[limit])),
        (
            "Scatter",
            qc_scatter(
                rng.random(99),
                rng.random(99),
                title="t",
                x_label="x",
                y_label="y",
                x_thresholds=[limit],
                y_thresholds=[limit],
            ),
        ),
        ("Funnel", funnel(steps, title="t")),
        ("Region", _region(results)),
        ("Saliency", _saliency(rng)),
        *_evaluation_figures(rng),
        *_figures_of_two_scans(),
    ]


def test_every_figure_draws_without_a_word_on_the_console(tmp_path):
    page = save_page(_every_figure(), tmp_path / "page.html", title="All figures")
    seen = _open(page, tmp_path / "profile")
    assert re.search(r'<html [^>]*data-drawn="\d+"', seen.stdout), "the page never came to rest"
    complaints = [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    # BokehJS greets with its version and says when its roots are drawn.
    complaints = [line for line in complaints if "[bokeh" not in line or "error" in line.lower()]
    assert complaints == []


def test_a_broken_page_is_noticed(tmp_path):
    page = save_page(_every_figure()[:1], tmp_path / "page.html", title="One figure")
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace('"name":"Figure"', '"name":"Nothing"'), encoding="utf-8")
    seen = _open(page, tmp_path / "profile")
    assert "data-drawn" not in seen.stdout.split("<head>")[0]
    assert "CONSOLE" in seen.stderr


def test_a_page_printed_as_soon_as_it_is_loaded_shows_every_figure(tmp_path):
    page = save_page(_every_figure(), tmp_path / "page.html", title="All figures")
    n = page.read_text(encoding="utf-8").count('class="drawing"')
    assert n == 18
    assert figures_painted(print_page(page, tmp_path)) >= n


@pytest.mark.parametrize("width", [1400, 700, 420])
def test_the_last_chromosome_is_named_at_every_width(tmp_path, width):
    playwright = pytest.importorskip("playwright.sync_api")
    rows = [(code, place) for code in range(1, 24) for place in (1, LENGTHS_BP["GRCh37"][code])]
    table = pd.DataFrame(rows, columns=["chromosome", "base_pair_location"])
    plot = manhattan(table.assign(neg_log_10_p_value=1.0), title="t")
    page = save_page(plot, tmp_path / "page.html", title="One scan")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 800})
        tab.goto(page.as_uri())
        tab.wait_for_function("() => document.documentElement.dataset.drawn")
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
        browser.close()
    named = sorted(named)
    assert named[-1] == 22, "X"
    assert len(named) == 23 if width == 1400 else 15 < len(named) < 23
    gaps = [boxes[after][0] - boxes[before][1] for before, after in itertools.pairwise(named)]
    assert min(gaps) > 0, "no two names touch"
