"""The figures of a comparison of scans, from its tables."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, HoverTool, LayoutDOM, Span
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.forest import forest
from gwasbone.plots.miami import miami
from gwasbone.plots.p_scatter import p_scatter
from gwasbone.plots.page import describe, description_of, notes_of
from gwasbone.plots.stacked_manhattan import stacked_manhattan
from gwasbone.plots.variant_words import require_columns
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


_COLUMNS = ("x", "y", "se_x", "se_y")
_MAX_NAMED = 8


def deming_scatter(
    points: pd.DataFrame,
    *,
    names: tuple[str, str],
    slope: float,
    low: float,
    high: float,
    title: str,
    unit: str = "SD of the phenotype per SD of the genotype",
    size_px: int = 460,
) -> figure:
    """Draw effects of the same alleles in two scans, with the line between them.

    Points are turned so that the effect in scan A is positive: which allele is counted is a
    choice.

    Parameters
    ----------
    points : columns ``x`` and ``y`` (effects in A and B), ``se_x`` and ``se_y``; ``name`` appears
        on hovering.
    slope, low, high : Deming's slope with its interval; NaN or infinite where it has none.
    unit : of both effects.

    Raises
    ------
    InputError
        A column is missing or there is no point.
    """
    require_columns(points, _COLUMNS, figure="a plot of effects")
    if points.empty:
        raise InputError("a plot of effects needs points, the table has none")
    turn = np.where(points["x"] < 0, -1.0, 1.0)
    x, y = points["x"].to_numpy() * turn, points["y"].to_numpy() * turn
    half_x, half_y = 1.96 * points["se_x"].to_numpy(), 1.96 * points["se_y"].to_numpy()
    x_end = float((x + half_x).max()) * 1.05
    y_ends = float((y - half_y).min()), float((y + half_y).max())
    margin = 0.05 * (y_ends[1] - y_ends[0])
    plot = theme.new_figure(
        title=title,
        x_label=f"Effect in {names[0]}, {unit}",
        y_label=f"Effect in {names[1]}",
        width_px=size_px,
        height_px=size_px,
        x_range=(min(0.0, float((x - half_x).min())) * 1.05, x_end),
        y_range=(y_ends[0] - margin, y_ends[1] + margin),
    )
    plot.xgrid.grid_line_color = theme.GRID
    for dimension in ("width", "height"):
        plot.add_layout(Span(location=0, dimension=dimension, line_color=theme.AXIS, line_width=1))
    has_line = bool(np.isfinite([slope, low, high]).all())
    if has_line:
        plot.varea(
            x=[0, x_end], y1=[0, low * x_end], y2=[0, high * x_end], color=theme.PALE, alpha=0.6
        )
        plot.line([0, x_end], [0, slope * x_end], color=theme.ACCENT, line_width=2)
    plot.segment(x - half_x, y, x + half_x, y, color="#9fb3c8", line_width=1)
    plot.segment(x, y - half_y, x, y + half_y, color="#9fb3c8", line_width=1)
    source = ColumnDataSource(
        {
            "x": x, "y": y,
            "name": points.get("name", pd.Series("", points.index)).astype(str).to_numpy(),
            "of_x": [theme.format_number(v) for v in x],
            "of_y": [theme.format_number(v) for v in y],
        }
    )  # fmt: skip
    dots = plot.scatter("x", "y", source=source, size=7, color=theme.MAIN, line_color="white")
    tips = [("", "@name"), (names[0], "@of_x"), (names[1], "@of_y")]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    words = (
        f"The line is Deming's slope, {theme.format_number(slope)} "
        f"({theme.format_number(low)} to {theme.format_number(high)}), with its 95% band."
        if has_line
        else "No slope can be told from these points."
    )
    return describe(
        plot,
        f"Effects of {len(points)} known loci in {names[0]} and {names[1]}, with 95% intervals, "
        f"each turned to be positive in {names[0]}. {words}",
    )
