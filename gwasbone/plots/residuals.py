"""Residual phenotypes against what they were freed of: Figures 5 and 6 of Eriksson & Nakamori."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, LayoutDOM, Span
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe, description_of, notes_of
from gwasbone.plots.thinning import thin_points
from gwasbone.stats.smoothing import SmoothLine

# Points this far apart still show where people are; a page of 25 traits stays small by it.
_CELL_PX = 4.0
_LINE_COLOURS = ("#00456e", "#8a3700")
_DASHES = ("solid", "dashed")
_FORMULA_DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot")


def residual_scatter(
    x: npt.ArrayLike,
    residual: npt.ArrayLike,
    group: Sequence[str],
    lines: Mapping[str, SmoothLine | None],
    *,
    title: str,
    x_label: str,
    y_label: str,
    width_px: int = 540,
    height_px: int = 360,
) -> figure:
    """Draw a residual against age or weight, with a smooth line and its interval for each sex.

    No identity is on the page. Points that would cover each other are drawn once.

    Parameters
    ----------
    x, residual : (n,) one point per person; rows where either is missing are left out and counted.
    group : (n,) what each person is, such as ``women``; those not in ``lines`` are left out.
    lines : what is drawn, in the order of the legend; None for too few points for a line.

    Raises
    ------
    InputError
        No person has both numbers.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(residual, dtype=np.float64)
    groups = np.asarray(group, dtype=str)
    present = np.isfinite(xs) & np.isfinite(ys) & np.isin(groups, list(lines))
    if not present.any():
        raise InputError(
            f"a residual plot needs a person with '{x_label}' and '{y_label}'; of {present.size} "
            "none has both"
        )
    plot = theme.new_figure(
        title=title,
        x_label=x_label,
        y_label=y_label,
        width_px=width_px,
        height_px=height_px,
        x_range=_with_margin(xs[present]),
        y_range=_with_margin(ys[present]),
    )
    plot.add_layout(
        Span(location=0, dimension="width", line_color=theme.AXIS, line_width=1, level="underlay")
    )
    n_shown = 0
    legends = []
    for number, name in enumerate(lines):
        rows = np.flatnonzero(present & (groups == name))
        legends.append(f"{name}, {theme.format_count(rows.size)}")
        n_shown += _draw_people(plot, xs[rows], ys[rows], number, legends[-1])
    # over the points of every group
    for number, line in enumerate(lines.values()):
        if line is not None:
            _draw_line(plot, line, number, legends[number])
    theme.dress_legend(plot)
    plot.legend.location = "top_right"
    n, count = int(present.sum()), theme.format_count
    notes = [] if n == present.size else [f"{count(present.size - n)} people without both numbers."]
    if n_shown < n:
        notes.append(f"{count(n_shown)} of {count(n)} points are drawn, one for each spot.")
    return describe(plot, f"{y_label} against {x_label}: {'; '.join(legends)}.", notes=notes)


def formula_lines(
    lines: Mapping[str, SmoothLine | None],
    *,
    title: str,
    x_label: str,
    y_label: str,
    width_px: int = 540,
    height_px: int = 360,
) -> figure:
    """Draw smooth lines through the residuals of several formulas, with their intervals.

    A formula that leaves nothing of x gives a line at 0.

    Parameters
    ----------
    lines : formula -> its line, in the order of the legend; None for too few points.

    Raises
    ------
    InputError
        No formula has a line.
    """
    drawn = {name: line for name, line in lines.items() if line is not None}
    if not drawn:
        raise InputError("a plot of formulas needs a smooth line of one of them, there is none")
    ends = np.concatenate([np.r_[line.lower, line.upper] for line in drawn.values()])
    plot = theme.new_figure(
        title=title, x_label=x_label, y_label=y_label, width_px=width_px, height_px=height_px,
        x_range=_with_margin(np.concatenate([line.x for line in drawn.values()])),
        y_range=_with_margin(ends[np.isfinite(ends)]),
    )  # fmt: skip
    plot.add_layout(
        Span(location=0, dimension="width", line_color=theme.AXIS, line_width=1, level="underlay")
    )
    for number, (name, line) in enumerate(drawn.items()):
        source = ColumnDataSource(
            {"x": line.x, "fit": line.fit, "lower": line.lower, "upper": line.upper}
        )
        colour = theme.GROUP_COLOURS[number % len(theme.GROUP_COLOURS)]
        dash = _FORMULA_DASHES[number % len(_FORMULA_DASHES)]
        plot.varea("x", "lower", "upper", source=source, fill_color=colour, fill_alpha=0.12)
        plot.line(
            "x", "fit", source=source, line_color=colour, line_width=2.5, line_dash=dash,
            legend_label=f"{number + 1}. {_shortened(name)}",
        )  # fmt: skip
    theme.dress_legend(plot)
    # below, since the curves use the whole of the figure
    plot.add_layout(plot.legend[0], "below")
    return describe(plot, f"{y_label} against {x_label}, by formula.", notes=[])


def _shortened(name: str, most: int = 76) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def residual_pair(plots: Sequence[figure], *, description: str) -> LayoutDOM:
    """Figures of one trait side by side, with the words of all under them.

    Parameters
    ----------
    description : what the trait's model leaves, said before what each figure shows.
    """
    words = [description, *(description_of(plot) for plot in plots)]
    notes = dict.fromkeys(note for plot in plots for note in notes_of(plot))
    confidence = (
        "Lines are natural cubic splines of five knots by least squares, shaded: the pointwise 95% "
        "interval of the mean."
    )
    return describe(
        row(children=list(plots)), " ".join(filter(None, words)), notes=[confidence, *notes]
    )


def _draw_people(
    plot: figure,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    number: int,
    legend: str,
) -> int:
    kept = thin_points(
        x,
        y,
        width_px=plot.frame_width,
        height_px=plot.frame_height,
        x_range=(plot.x_range.start, plot.x_range.end),
        y_range=(plot.y_range.start, plot.y_range.end),
        cell_px=_CELL_PX,
    )
    source = ColumnDataSource({"x": x[kept].astype("f4"), "y": y[kept].astype("f4")})
    plot.scatter(
        "x",
        "y",
        source=source,
        size=3.5,
        marker=theme.GROUP_MARKERS[number],
        fill_color=theme.GROUP_COLOURS[number],
        fill_alpha=0.3,
        line_color=None,
        legend_label=legend,
    )
    return int(kept.size)


def _draw_line(plot: figure, line: SmoothLine, number: int, legend: str) -> None:
    source = ColumnDataSource(
        {"x": line.x, "fit": line.fit, "lower": line.lower, "upper": line.upper}
    )
    plot.varea(
        "x", "lower", "upper", source=source, fill_color=_LINE_COLOURS[number], fill_alpha=0.3
    )
    plot.line(
        "x",
        "fit",
        source=source,
        line_color=_LINE_COLOURS[number],
        line_width=3,
        line_dash=_DASHES[number],
        legend_label=legend,
    )


def _with_margin(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin
