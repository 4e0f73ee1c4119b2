"""Residual phenotypes against what they were freed of: Figures 5 and 6 of Eriksson & Nakamori."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, LayoutDOM, Span
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import disclosure, theme
from gwasbone.plots.page import describe, description_of, notes_of
from gwasbone.plots.thinning import thin_points
from gwasbone.stats.smoothing import SmoothLine

# Points this far apart still show where participants are; a page of 25 traits stays small by it.
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

    Marks are the means of five or more participants of a group, unless
    :func:`gwasbone.plots.small_counts` allows single ones; no identity is on the page. Points that
    would cover each other are drawn once.

    Parameters
    ----------
    x, residual : (n,) one point per participant; rows where either is missing are left out and
        counted.
    group : (n,) the group of each participant, such as ``women``; others than in ``lines`` are left
        out.
    lines : what is drawn, in the order of the legend; None for too few points for a line.

    Raises
    ------
    InputError
        No participant has both numbers.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(residual, dtype=np.float64)
    groups = np.asarray(group, dtype=str)
    present = np.isfinite(xs) & np.isfinite(ys) & np.isin(groups, list(lines))
    if not present.any():
        raise InputError(
            f"a residual plot needs a participant with '{x_label}' and '{y_label}'; of "
            f"{present.size} none has both"
        )
    in_group = {name: np.flatnonzero(present & (groups == name)) for name in lines}
    marks = {
        name: disclosure.neighbourhood_means(xs[rows], ys[rows]) for name, rows in in_group.items()
    }
    plot = theme.new_figure(
        title=title,
        x_label=x_label,
        y_label=y_label,
        width_px=width_px,
        height_px=height_px,
        x_range=_with_margin(np.concatenate([one.x for one in marks.values()])),
        y_range=_with_margin(np.concatenate([one.y for one in marks.values()])),
    )
    plot.add_layout(
        Span(location=0, dimension="width", line_color=theme.AXIS, line_width=1, level="underlay")
    )
    n_shown = 0
    sizes = disclosure.cell_texts([rows.size for rows in in_group.values()])
    legends = [f"{name}, {size}" for name, size in zip(in_group, sizes, strict=True)]
    for number, (one, legend) in enumerate(zip(marks.values(), legends, strict=True)):
        n_shown += _draw_marks(plot, one, number, legend)
    # over the points of every group
    for number, (name, line) in enumerate(lines.items()):
        if line is not None and not disclosure.is_small(in_group[name].size):
            _draw_line(plot, line, number, legends[number], marks[name].x)
    theme.dress_legend(plot)
    plot.legend.location = "top_right"
    notes = []
    if n_missing := int(present.size - present.sum()):
        words = f"{disclosure.count_words(n_missing)} participants without both numbers."
        notes.append(words[:1].upper() + words[1:])
    if not disclosure.small_counts_allowed():
        notes.append(disclosure.MEANS_NOTE)
    n_marks, count = sum(one.n.size for one in marks.values()), theme.format_count
    if n_shown < n_marks:
        notes.append(f"{count(n_shown)} of {count(n_marks)} points are drawn, one for each spot.")
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


def _draw_marks(plot: figure, marks: disclosure.Marks, number: int, legend: str) -> int:
    x, y = marks.x, marks.y
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
        # means are few, participants many
        size=3.5 if disclosure.small_counts_allowed() else 5,
        marker=theme.GROUP_MARKERS[number],
        fill_color=theme.GROUP_COLOURS[number],
        fill_alpha=0.3 if disclosure.small_counts_allowed() else 0.6,
        line_color=None,
        legend_label=legend,
    )
    return int(kept.size)


def _draw_line(
    plot: figure, line: SmoothLine, number: int, legend: str, x: npt.NDArray[np.float64]
) -> None:
    """The line from the first mark to the last: its own ends are values of single participants."""
    at = np.linspace(x.min(), x.max(), line.x.size)
    source = ColumnDataSource(
        {"x": at}
        | {name: np.interp(at, line.x, getattr(line, name)) for name in ("fit", "lower", "upper")}
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
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin
