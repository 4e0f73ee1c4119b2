"""The figures of a comparison of scans, from its tables."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
from bokeh.layouts import column
from bokeh.models import LayoutDOM

from gwasbone.plots.deming import deming_scatter
from gwasbone.plots.forest import forest
from gwasbone.plots.miami import miami
from gwasbone.plots.p_scatter import p_scatter
from gwasbone.plots.page import describe, description_of, notes_of
from gwasbone.plots.stacked_manhattan import stacked_manhattan
from gwasbone.plots.volcano import volcano

Sections = list[tuple[str, LayoutDOM]]

#: Pairs of scans, in the order of the table, that have figures of their own.
MOST_PAIRS = 4

_OF_ONE = {
    "lambda_gc": ("Inflation λ_GC", 1.0),
    "ld_intercept": ("LD-score intercept", 1.0),
    "h2": ("Heritability h²", None),
    "mean_chi2_at_loci": ("Mean χ² at known loci", 1.0),
    "loci_at_equal_fdr": ("Loci at equal false-discovery rate", None),
}
_RATIOS = {
    "effective_sample_size_ratio": "Effective sample size at known loci",
    "polygenic_signal_ratio": "N h² by LD-score regression",
}
_CORRELATIONS = {
    "rg": "Genetic correlation",
    "error_correlation": "Correlation of errors (people in common)",
}
_LEADS = {
    "leads_same_direction": "same direction",
    "leads_nominal": "same direction, p < 0.05",
}


def comparison_figures(
    measures: pd.DataFrame, *, loci: pd.DataFrame, leads: pd.DataFrame, points: pd.DataFrame
) -> Sections:
    """Forests of what was measured, then the scans side by side.

    Parameters
    ----------
    measures : ``scan_a scan_b quantity value low high method n note``.
    loci : effects at known loci, a row per locus and scan (``scan``, ``standardised`` and
        ``standardised_se``); may be empty.
    leads : leads with ``scan``; may be empty.
    points : the variants to draw, with ``scan``.
    """
    figures = [
        _ratios(measures),
        _of_one(measures),
        _correlations(measures),
        _replication(measures),
    ]
    sections: Sections = [one for one in figures if one is not None]
    names = list(dict.fromkeys(points["scan"]))
    tables = {name: points[points["scan"] == name] for name in names}
    marked = {name: leads[leads["scan"] == name] for name in names}
    sections.append(
        ("Scans on one axis", stacked_manhattan(tables, leads=marked, title="All scans"))
    )
    pairs = list(combinations(names, 2))[:MOST_PAIRS]
    for a, b in pairs:
        sections += _pair(measures, loci, tables, marked, a, b)
    for name in names[:MOST_PAIRS]:
        sections.append(
            (
                f"{name}: effects and evidence",
                volcano(tables[name], title=name, leads=marked[name]),
            )
        )
    return sections


def _pair(
    measures: pd.DataFrame,
    loci: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    leads: dict[str, pd.DataFrame],
    a: str,
    b: str,
) -> Sections:
    title = f"{a} and {b}"
    both = {name: tables[name] for name in (a, b)}
    sections: Sections = [
        (f"{title}: mirrored", miami(both, leads={n: leads[n] for n in (a, b)}, title=title)),
        (f"{title}: −log₁₀ p", p_scatter(_paired(tables[a], tables[b]), names=(a, b), title=title)),
    ]
    slope = measures[
        (measures["quantity"] == "deming_slope_per_sd")
        & (measures["scan_a"] == a)
        & (measures["scan_b"] == b)
    ]
    if len(slope) and len(loci):
        one, other = (loci[loci["scan"] == n].reset_index(drop=True) for n in (a, b))
        points = pd.DataFrame(
            {
                "x": one["standardised"], "y": other["standardised"],
                "se_x": one["standardised_se"], "se_y": other["standardised_se"],
                "name": one["source_id"],
            }
        )  # fmt: skip
        row = slope.iloc[0]
        plot = deming_scatter(
            points, names=(a, b), slope=row["value"], low=row["low"], high=row["high"], title=title
        )
        sections.append((f"{title}: effects at known loci", plot))
    return sections


def _paired(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """The table of a scatter; both scans' points are of the same variants in the same order."""
    one, other = one.reset_index(drop=True), other.reset_index(drop=True)
    named = one[["chromosome", "base_pair_location", "other_allele", "effect_allele", "source_id"]]
    numbers = ("beta", "standard_error", "neg_log_10_p_value")
    columns = {f"{n}_{s}": t[n] for s, t in (("a", one), ("b", other)) for n in numbers}
    return named.assign(**columns)


def _rows(measures: pd.DataFrame, groups: dict[str, str], *, pairs: bool = True) -> pd.DataFrame:
    """Rows of some quantities for a forest, the groups in their order."""
    parts = []
    for quantity, words in groups.items():
        found = measures[measures["quantity"] == quantity]
        name = found["scan_a"] + (" / " + found["scan_b"] if pairs else "")
        parts.append(found.assign(name=name, group=words))
    return pd.concat(parts, ignore_index=True)


def _ratios(measures: pd.DataFrame) -> tuple[str, LayoutDOM] | None:
    rows = _rows(measures, _RATIOS)
    if rows.empty:
        return None
    # a ratio with an end at or below 0 has none there on the log scale
    rows["value"] = rows["value"].where(rows["value"] > 0)
    score = rows["method"].str.contains("score interval")
    rows["group"] = np.where(
        score, "Effective sample size, effects proportional (score interval)", rows["group"]
    )
    rows = rows.sort_values("group", key=_order_of(rows["group"]), kind="stable")
    plot = forest(
        rows, title="Effective sample sizes", x_label="Ratio of the first scan to the second",
        no_difference=1.0, log_scale=True,
    )  # fmt: skip
    return "How much more each scan finds", plot


def _order_of(groups: pd.Series) -> Callable[[pd.Series], pd.Series]:
    first = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    return lambda column: column.map(first)


def _of_one(measures: pd.DataFrame) -> tuple[str, LayoutDOM] | None:
    plots = []
    for quantity, (words, line) in _OF_ONE.items():
        rows = _rows(measures, {quantity: ""}, pairs=False)
        if len(rows):
            rows = rows.drop(columns="group")
            plots.append(forest(rows, title=words, x_label=words, no_difference=line))
    if not plots:
        return None
    notes = list(dict.fromkeys(note for plot in plots for note in notes_of(plot)))
    text = " ".join(description_of(plot) for plot in plots)
    return "Each scan by itself", describe(column(*plots, spacing=18), text, notes=notes)


def _correlations(measures: pd.DataFrame) -> tuple[str, LayoutDOM] | None:
    rows = _rows(measures, _CORRELATIONS)
    if rows.empty:
        return None
    plot = forest(rows, title="Do they measure the same?", x_label="Correlation", no_difference=1.0)
    return "Do they measure the same?", plot


def _replication(measures: pd.DataFrame) -> tuple[str, LayoutDOM] | None:
    parts = []
    for quantity, words in _LEADS.items():
        for name, kind in ((quantity, "seen"), (f"{quantity}_expected", "expected")):
            found = measures[(measures["quantity"] == name) & measures["value"].notna()]
            pair = found["scan_a"] + " in " + found["scan_b"]
            label = pair + f", {kind}"
            parts.append(found.assign(name=label, pair=pair, group=f"Leads: {words}"))
    rows = pd.concat(parts, ignore_index=True)
    if rows.empty:
        return None
    for name in ("pair", "group"):
        rows = rows.sort_values(name, key=_order_of(rows[name]), kind="stable")
    plot = forest(rows, title="Leads of one scan in another", x_label="Share of the leads")
    return "Leads of one scan in another", plot
