"""How large the report of ten scans of ten million variants is, and how soon it can be read.

    python benchmarks/report_of_ten_scans.py FOLDER [--scans 10] [--variants 10000000]

Draws scans as polygenic as height (λ 1.4, 500 peaks) and a table of 1,000 loci into
FOLDER/report.html, and opens it in headless Chromium. No statistic is computed: numbers are drawn
at random. Writes results/report-of-ten-scans.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.plots.manhattan import manhattan
from gwasbone.plots.page import PageFigure, page_figure
from gwasbone.plots.qq import qq
from gwasbone.report import Chapter, Part, Report, Table, save_report
from gwasbone.report.chapters.columns import columns_of
from gwasbone.stats.quantile_plot import quantile_plot_points

RESULTS = Path(__file__).parent / "results" / "report-of-ten-scans.md"
LIMIT_MB = 20


def scan(seed: int, m: int) -> pd.DataFrame:
    """A scan of m variants with 500 peaks of some 200 variants each."""
    rng = np.random.default_rng(seed)
    chromosome = np.sort(rng.integers(1, 24, m).astype(np.int16))
    position_bp = rng.integers(1, 150_000_000, m).astype(np.int32)
    height = rng.exponential(1.4 / np.log(10), m).astype(np.float32)
    for start in rng.integers(0, max(m - 200, 1), 500):
        peak = rng.exponential(12) + 4
        end = min(start + 200, m)
        height[start:end] += (peak * rng.beta(0.6, 2, end - start)).astype(np.float32)
        # neighbours in the table are neighbours on the chromosome
        position_bp[start:end] = position_bp[start] + np.arange(end - start) * 700
    return pd.DataFrame(
        {"chromosome": chromosome, "base_pair_location": position_bp, "neg_log_10_p_value": height,
         "source_id": "rs123456789"}
    )  # fmt: skip


def figures(seed: int, m: int) -> tuple[tuple[PageFigure, ...], pd.DataFrame]:
    """Manhattan and QQ plot of a scan, and its 100 highest variants."""
    table = scan(seed, m)
    leads = table.nlargest(100, "neg_log_10_p_value")
    made = (
        page_figure("Manhattan plot", manhattan(table, title=f"trait {seed}", leads=leads)),
        page_figure(
            "QQ plot",
            qq(
                quantile_plot_points(table["neg_log_10_p_value"]),
                title=f"trait {seed}",
                lambda_gc=1.4,
            ),
        ),
    )
    return made, leads.assign(trait=f"trait {seed}")


def made_report(scans: int, m: int) -> Report:
    """A report with a part for each scan, and a table of all leads."""
    parts, leads = [], []
    for seed in range(scans):
        blocks, found = figures(seed, m)
        parts.append(Part(heading=f"trait {seed}", blocks=blocks))
        leads.append(found)
    rows = pd.concat(leads, ignore_index=True)
    columns = columns_of(
        rows, ["source_id", "trait", "chromosome", "base_pair_location", "neg_log_10_p_value"]
    )
    table = Table(caption="Loci", rows=rows, columns=columns, file_name="loci")
    return Report(
        title="Ten scans",
        subtitle="",
        key_numbers=(),
        chapters=(
            Chapter(name="scans", title="Scans", sentences=("Scans.",), parts=tuple(parts)),
            Chapter(
                name="loci", title="Loci", sentences=("Loci.",), parts=(Part(blocks=(table,)),)
            ),
        ),
    )


def opened(path: Path) -> dict[str, float]:
    """Seconds in headless Chromium until words, the first figure and all figures are there."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    seconds = {}
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        clock = time.monotonic()
        page.goto(path.as_uri(), wait_until="domcontentloaded")
        seconds["words"] = time.monotonic() - clock
        page.wait_for_selector('.drawing[data-state="drawn"]', timeout=300_000)
        seconds["first figure"] = time.monotonic() - clock
        page.set_default_timeout(600_000)
        page.evaluate("() => drawAll()")
        seconds["all figures"] = time.monotonic() - clock
        browser.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scans", type=int, default=10)
    parser.add_argument("--variants", type=int, default=10_000_000)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    path = asked.folder / "report.html"
    report = made_report(asked.scans, asked.variants)
    clock = time.monotonic()
    save_report(report, path)
    written = time.monotonic() - clock
    size = path.stat().st_size / 1e6
    seconds = opened(path)
    bytes_of = [len(figure.item) / 1e6 for figure in report.figures]
    lines = [
        f"# Report of {asked.scans} scans of {asked.variants:,} variants",
        "",
        f"{time.strftime('%d %B %Y')}, {os.cpu_count()} cores ({platform.machine()}), load "
        f"{os.getloadavg()[0]:.0f}: the seconds are upper bounds. Random numbers as polygenic as "
        "height (λ 1.4, 500 peaks a scan), a table of 100 variants a scan; "
        "`benchmarks/report_of_ten_scans.py`.",
        "",
        "| what | | limit |",
        "|---|---|---|",
        f"| size of the page | {size:.1f} MB | {LIMIT_MB} MB |",
        f"| of it a Manhattan plot | {np.mean(bytes_of[::2]):.2f} MB | |",
        f"| of it a QQ plot | {np.mean(bytes_of[1::2]):.2f} MB | |",
        f"| written, figures drawn already | {written:.1f} s | |",
        *(f"| opened in Chromium: {what} | {value:.1f} s | |" for what, value in seconds.items()),
    ]
    RESULTS.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    if size >= LIMIT_MB:
        raise SystemExit(f"{path}: expected less than {LIMIT_MB} MB, got {size:.1f}")


if __name__ == "__main__":
    main()
