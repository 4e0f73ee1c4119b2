"""The page of a comparison of scans, and its numbers in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.comparison.compare import Comparison
from gwasbone.plots.comparison import comparison_figures
from gwasbone.plots.page import save_page
from gwasbone.sumstats.align import AlignedScans

#: Every variant as strong as this in a scan is drawn, and so many of the others.
_DRAWN_ABOVE, _BACKGROUND = 3.0, 60_000


def comparison_page(scans: AlignedScans, comparison: Comparison, path: Path, *, title: str) -> None:
    """Write the page of a comparison: forests of its measures, then the scans side by side."""
    leads = [table.assign(scan=name) for name, table in comparison.leads.items()]
    save_page(
        comparison_figures(
            comparison.measures,
            loci=comparison.locus_effects,
            leads=pd.concat(leads, ignore_index=True),
            points=drawn_points(scans),
        ),
        path,
        title=title,
        subtitle=f"{', '.join(scans.names)}: {len(scans):,} variants in all",
        notes=[
            f"{row.scan}: {row.n_variants:,} variants left out: {row.reason}."
            for row in scans.dropped.itertuples()
        ],
    )


def drawn_points(scans: AlignedScans) -> pd.DataFrame:
    """The variants that figures draw: all that are strong in a scan, and every so many-th other.

    Returns
    -------
    A row per scan and variant, with the columns of a results table and ``scan``.
    """
    top = np.max([scans.neg_log10_p(i) for i in range(len(scans.names))], axis=0)
    rest = np.flatnonzero(top <= _DRAWN_ABOVE)
    step = max(1, -(-len(rest) // _BACKGROUND))
    rows = np.sort(np.concatenate([np.flatnonzero(top > _DRAWN_ABOVE), rest[::step]]))
    tables = [scans.table(i, rows).assign(scan=name) for i, name in enumerate(scans.names)]
    return pd.concat(tables, ignore_index=True)


def measures_summary(measures: pd.DataFrame) -> str:
    """The numbers that are asked for first, a line each."""
    shown = (
        "lambda_gc",
        "ld_intercept",
        "effective_sample_size_ratio",
        "rg",
        "deming_slope_per_sd",
    )
    lines = []
    rows: Any = measures.itertuples()
    for row in rows:
        if row.quantity in shown and row.value == row.value:
            pair = f"{row.scan_a} / {row.scan_b}" if row.scan_b else row.scan_a
            method = " (score interval)" if "score interval" in row.method else ""
            lines.append(
                f"{row.quantity:<28} {pair}: {row.value:.3g} ({row.low:.3g} to {row.high:.3g})"
                f"{method}"
            )
    return "\n".join(lines)


def sample_size_summary(measures: pd.DataFrame) -> str:
    """The ratios of effective sample sizes with their jackknife intervals, in one line."""
    ratios = measures[measures["quantity"] == "effective_sample_size_ratio"]
    ratios = ratios[ratios["method"].str.contains("jackknife") & ratios["value"].notna()]
    words = [
        f"{r.scan_a} / {r.scan_b} {r.value:.2f} ({r.low:.2f} to {r.high:.2f})"
        for r in ratios.itertuples()
    ]
    return "effective sample sizes: " + (", ".join(words) or "none defined")
