"""The quantile-quantile plot of p-values, whole or by stratum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from gwasbone.plots import theme
from gwasbone.plots.page import describe
from gwasbone.plots.scan_points import one_scan
from gwasbone.stats.quantile_plot import QuantilePlotPoints


def qq(
    points: Any,
    *,
    trait: str | None = None,
    title: str | None = None,
    lambda_gc: float | Mapping[str, float] | None = None,
    size_px: int = 460,
) -> figure:
    """Draw a QQ plot of −log₁₀ p with the line and confidence band of the null.

    Parameters
    ----------
    points : results of a run or a scan; or from
        :func:`gwasbone.stats.quantile_plot.quantile_plot_points`, of which a mapping draws one
        series per stratum, such as bins of allele frequency.
    trait : which trait of the results; may be left out where there is one.
    title : headline of the figure; the trait by default.
    lambda_gc : genomic control λ for the legend; by stratum where ``points`` is by stratum,
        computed where ``points`` is a scan.
    size_px : width and height of the plotting area.

    Returns
    -------
    Bokeh figure; :func:`gwasbone.plots.save` writes it with its notes.

    Examples
    --------
    >>> results = gb.associate(gb.example_cohort(), ["bmd_spine"], ["age", "sex"])
    >>> gb.plots.qq(results).title.text
    'bmd_spine'
    """
    if not isinstance(points, QuantilePlotPoints) and not _is_stratified(points):
        scan = one_scan(points, trait, figure="a QQ plot")
        title = scan.name if title is None else title
        lambda_gc = scan.lambda_gc() if lambda_gc is None else lambda_gc
        points = scan.quantile_points()
    strata = dict(points) if isinstance(points, Mapping) else {"observed": points}
    assert strata, "at least one stratum"
    lambdas = dict(lambda_gc) if isinstance(lambda_gc, Mapping) else {"observed": lambda_gc}
    x_end = 1.04 * max(float(one.expected[0]) for one in strata.values())
    y_end = 1.04 * max(max(float(one.observed[0]), float(one.upper[0])) for one in strata.values())
    plot = theme.new_figure(
        title=title or "",
        x_label="Expected −log₁₀ p",
        y_label="Observed −log₁₀ p",
        width_px=size_px,
        height_px=size_px,
        x_range=(0.0, x_end),
        y_range=(0.0, y_end),
    )
    many = len(strata) > 1
    for number, (name, one) in enumerate(strata.items()):
        colour = theme.GROUP_COLOURS[number % len(theme.GROUP_COLOURS)] if many else theme.MAIN
        band = {"x": one.expected, "y1": one.lower, "y2": one.upper}
        plot.varea(
            "x",
            "y1",
            "y2",
            source=ColumnDataSource(band),
            fill_color=colour if many else theme.AXIS,
            fill_alpha=0.10 if many else 0.25,
            level="underlay",
        )
        place = {"x": one.expected.astype("f4"), "y": one.observed.astype("f4")}
        plot.scatter(
            "x",
            "y",
            source=ColumnDataSource(place),
            size=4,
            marker=theme.GROUP_MARKERS[number % len(theme.GROUP_MARKERS)],
            color=colour,
            legend_label=_legend_text(name, one, lambdas.get(name)),
        )
    null_end = min(x_end, y_end)
    plot.line([0, null_end], [0, null_end], color=theme.INK, line_width=1, line_dash="dashed")
    theme.dress_legend(plot)
    plot.legend.location = "top_left"
    return describe(plot, _description(strata, lambdas), notes=_notes(strata))


def _legend_text(name: str, points: QuantilePlotPoints, lambda_gc: float | None) -> str:
    text = f"{name}, {theme.format_count(points.n_tests)} variants"
    return text if lambda_gc is None else f"{text}, λ = {lambda_gc:.3f}"


def _description(
    strata: Mapping[str, QuantilePlotPoints], lambdas: Mapping[str, float | None]
) -> str:
    parts = [_legend_text(name, one, lambdas.get(name)) for name, one in strata.items()]
    return f"Quantile-quantile plot of −log₁₀ p: {'; '.join(parts)}."


def _notes(strata: Mapping[str, QuantilePlotPoints]) -> list[str]:
    count = theme.format_count
    one = next(iter(strata.values()))
    notes = [
        "Dashed: observed equals expected, the median of each order statistic of independent "
        f"uniform p-values. Shaded: its pointwise {one.confidence:.0%} band. Under linkage "
        "disequilibrium neighbouring points leave the band together."
    ]
    n_shown = sum(s.rank.size for s in strata.values())
    n = sum(s.n_tests for s in strata.values())
    if n_shown < n:
        notes.append(
            f"{count(n_shown)} of {count(n)} points are drawn: the smallest p-values all, the "
            "others evenly along the axis."
        )
    n_missing = sum(s.n_missing for s in strata.values())
    if n_missing:
        notes.append(f"{count(n_missing)} variants without a p-value are left out.")
    return notes


def _is_stratified(points: Any) -> bool:
    return isinstance(points, Mapping) and all(
        isinstance(one, QuantilePlotPoints) for one in points.values()
    )
