"""Effects at known loci in two scans, with Deming's line through the origin."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, Span
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import require_columns

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
