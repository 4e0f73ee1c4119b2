"""Quality-control figures: how values are spread and what thresholds take away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from bokeh.models import BoxAnnotation, ColumnDataSource, Label, NumeralTickFormatter, Span
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe
from gwasbone.plots.theme import Threshold
from gwasbone.plots.thinning import thin_points

_TEXT_LINE_PX = 17


def qc_histogram(
    values: npt.ArrayLike,
    *,
    title: str,
    x_label: str,
    thresholds: Sequence[Threshold] = (),
    noun: str = "variants",
    log_x: bool = False,
    log_y: bool = False,
    bins: int = 80,
    width_px: int = 560,
    height_px: int = 340,
) -> figure:
    """Draw a histogram of a QC metric with its thresholds.

    Only the bins are put on the page, so ten million values cost what ten do.

    Parameters
    ----------
    values : (m,) numbers; NaN is left out and counted, with ``log_x`` also what is not positive.
    x_label : what is measured, with its unit.
    thresholds : drawn by name with the count of values strictly beyond, on the side it removes.
    noun : what is counted, in the plural.
    log_x, log_y : logarithmic axes; with ``log_x`` the bins are even in the logarithm.

    Raises
    ------
    InputError
        No value can be drawn.
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    present = numbers[np.isfinite(numbers) & (numbers > 0) if log_x else np.isfinite(numbers)]
    if present.size == 0:
        kind = "finite positive" if log_x else "finite"
        raise InputError(
            f"a histogram needs at least one {kind} value; of {numbers.size} for '{x_label}' "
            "none is"
        )
    counts, edges = np.histogram(np.log10(present) if log_x else present, bins=bins)
    edges = 10**edges if log_x else edges
    limits = _limits(edges[[0, -1]], thresholds, log=log_x)
    headroom = 1 + (_TEXT_LINE_PX * len(thresholds) + 10) / height_px
    floor, top = (0.5, counts.max() ** headroom * 2) if log_y else (0.0, counts.max() * headroom)
    plot = theme.new_figure(
        title=title,
        x_label=f"{x_label} (log scale)" if log_x else x_label,
        y_label=f"Number of {noun}" + (" (log scale)" if log_y else ""),
        width_px=width_px,
        height_px=height_px,
        x_range=limits,
        y_range=(floor, top),
        x_axis_type="log" if log_x else "linear",
        y_axis_type="log" if log_y else "linear",
    )
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
    _draw_bars(plot, counts, edges, floor)
    texts = [_threshold_text(one, present) for one in thresholds]
    for line, (one, text) in enumerate(zip(thresholds, texts, strict=True)):
        _draw_limit(plot, one, text, line, limits, height_px, log=log_x)
    why = "missing or not positive" if log_x else "missing"
    span = f"{theme.format_number(present.min())} to {theme.format_number(present.max())}"
    words = [f"{x_label} of {theme.format_count(present.size)} {noun}, from {span}", *texts]
    n_missing = numbers.size - present.size
    return describe(plot, "; ".join(words) + ".", notes=_left_out(n_missing, noun, why))


def qc_scatter(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    title: str,
    x_label: str,
    y_label: str,
    x_thresholds: Sequence[Threshold] = (),
    y_thresholds: Sequence[Threshold] = (),
    noun: str = "people",
    width_px: int = 560,
    height_px: int = 420,
) -> figure:
    """Draw a scatter plot of two QC metrics, such as heterozygosity against call rate.

    What lies strictly beyond a threshold is drawn as a cross in the warning colour. No identity
    is on the page.

    Parameters
    ----------
    x, y : (n,) numbers; rows where either is not finite are left out and counted.
    x_thresholds, y_thresholds : named limits with the side they remove.
    noun : what a point is, in the plural.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    present = np.isfinite(xs) & np.isfinite(ys)
    n_missing = int((~present).sum())
    xs, ys = xs[present], ys[present]
    if xs.size == 0:
        raise InputError(
            f"a scatter plot needs at least one row with '{x_label}' and '{y_label}'; "
            f"{present.size} rows came and none has both"
        )
    plot = theme.new_figure(
        title=title,
        x_label=x_label,
        y_label=y_label,
        width_px=width_px,
        height_px=height_px,
        x_range=_limits(np.array([xs.min(), xs.max()]), x_thresholds, log=False),
        y_range=_limits(np.array([ys.min(), ys.max()]), y_thresholds, log=False),
    )
    removed = np.zeros(xs.size, dtype=bool)
    for values, thresholds in ((xs, x_thresholds), (ys, y_thresholds)):
        for one in thresholds:
            removed |= _beyond(one, values)
    n_shown = _draw_points(plot, xs, ys, removed)
    texts = _draw_scatter_limits(plot, xs, ys, x_thresholds, y_thresholds)
    count = theme.format_count
    notes = _left_out(n_missing, noun, "a value is missing")
    if n_shown < xs.size:
        notes.append(f"{count(n_shown)} of {count(xs.size)} points are drawn, one for each spot.")
    words = [
        f"{y_label} against {x_label} of {count(xs.size)} {noun}",
        f"{count(removed.sum())} lie beyond a threshold (crosses)",
        *texts,
    ]
    return describe(plot, "; ".join(words) + ".", notes=notes)


def _draw_bars(
    plot: figure, counts: npt.NDArray[np.int64], edges: npt.NDArray[np.float64], floor: float
) -> None:
    filled = counts > 0
    bars = {"left": edges[:-1][filled], "right": edges[1:][filled], "top": counts[filled]}
    plot.quad(
        source=ColumnDataSource(bars),
        left="left",
        right="right",
        top="top",
        bottom=floor,
        fill_color=theme.MAIN,
        line_color=theme.BACKGROUND,
        line_width=0.5,
    )


def _draw_points(
    plot: figure,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    removed: npt.NDArray[np.bool_],
) -> int:
    n_shown = 0
    for rows, marker, colour, size in (
        (np.flatnonzero(~removed), "circle", theme.MAIN, 4),
        (np.flatnonzero(removed), "x", theme.ACCENT, 6),
    ):
        kept = rows[
            thin_points(
                x[rows],
                y[rows],
                width_px=plot.frame_width,
                height_px=plot.frame_height,
                x_range=(plot.x_range.start, plot.x_range.end),
                y_range=(plot.y_range.start, plot.y_range.end),
            )
        ]
        n_shown += kept.size
        source = ColumnDataSource({"x": x[kept].astype("f4"), "y": y[kept].astype("f4")})
        plot.scatter("x", "y", source=source, size=size, marker=marker, color=colour)
    return n_shown


def _draw_scatter_limits(
    plot: figure,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    x_thresholds: Sequence[Threshold],
    y_thresholds: Sequence[Threshold],
) -> list[str]:
    x_limits = (plot.x_range.start, plot.x_range.end)
    texts = [_threshold_text(one, x) for one in x_thresholds]
    for line, (one, text) in enumerate(zip(x_thresholds, texts, strict=True)):
        _draw_limit(plot, one, text, line, x_limits, plot.frame_height, log=False)
    highest_first = sorted(y_thresholds, key=lambda one: -one.value)
    if highest_first:
        names = {one.value: _threshold_text(one, y) for one in highest_first}
        theme.draw_levels(
            plot,
            {at: name.replace(": ", "\n") for at, name in names.items()},
            colours=[theme.ACCENT if one.removes else theme.MUTED_INK for one in highest_first],
            px_per_unit=plot.frame_height / (plot.y_range.end - plot.y_range.start),
        )
        texts += names.values()
    return texts


def _left_out(n_missing: int, noun: str, why: str) -> list[str]:
    return [f"{theme.format_count(n_missing)} {noun} are left out: {why}."] if n_missing else []


def _beyond(threshold: Threshold, values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    if threshold.removes == "below":
        return values < threshold.value
    if threshold.removes == "above":
        return values > threshold.value
    return np.zeros(values.size, dtype=bool)


def _threshold_text(threshold: Threshold, values: npt.NDArray[np.float64]) -> str:
    if threshold.removes is None:
        return threshold.name
    n = int(_beyond(threshold, values).sum())
    share = theme.format_number(100 * n / values.size, 2)
    return f"{threshold.name}: {theme.format_count(n)} {threshold.removes} ({share}%)"


def _limits(
    ends: npt.NDArray[np.float64], thresholds: Sequence[Threshold], *, log: bool
) -> tuple[float, float]:
    marks = np.concatenate([ends, [one.value for one in thresholds]])
    if log:
        low, high = np.log10(marks[marks > 0].min()), np.log10(marks.max())
        margin = 0.03 * (high - low) or 0.5
        return float(10 ** (low - margin)), float(10 ** (high + margin))
    margin = 0.03 * (marks.max() - marks.min()) or 0.5
    return float(marks.min() - margin), float(marks.max() + margin)


def _draw_limit(
    plot: figure,
    threshold: Threshold,
    text: str,
    line: int,
    limits: tuple[float, float],
    height_px: int,
    *,
    log: bool,
) -> None:
    """A vertical line with its name inside the top of the figure, on the side that has room."""
    colour = theme.ACCENT if threshold.removes else theme.MUTED_INK
    value = threshold.value
    plot.add_layout(
        Span(
            location=value,
            dimension="height",
            line_color=colour,
            line_width=1.2,
            line_dash="dashed",
        )
    )
    if threshold.removes:
        side = {"right": value} if threshold.removes == "below" else {"left": value}
        plot.add_layout(BoxAnnotation(**side, fill_color=theme.ACCENT, fill_alpha=0.06))
    low, high, at = (np.log10([*limits, value]) if log else np.array([*limits, value])).tolist()
    on_left = (at - low) > (high - low) / 2
    plot.add_layout(
        Label(
            x=value,
            y=height_px - 4 - line * _TEXT_LINE_PX,
            y_units="screen",
            x_offset=-6 if on_left else 6,
            text=text,
            text_align="right" if on_left else "left",
            text_baseline="top",
            text_color=theme.INK,
            text_font=theme.FONT,
            text_font_size=f"{theme.TICK_PX}px",
            background_fill_color=theme.BACKGROUND,
            background_fill_alpha=0.8,
        )
    )
