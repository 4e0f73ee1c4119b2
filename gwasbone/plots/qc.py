"""Quality-control figures: how values are spread and what thresholds take away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from bokeh.models import BoxAnnotation, ColumnDataSource, Label, NumeralTickFormatter, Span
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import disclosure, theme
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
    noun : what is counted, in the plural; anything but variants are participants, of whom bars of
        fewer than five are left out unless :func:`gwasbone.plots.small_counts` allows them.
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
    # variants are nobody's secret
    with disclosure.small_counts(noun == "variants" or disclosure.small_counts_allowed()):
        return _histogram(
            present, numbers.size - present.size, title=title, x_label=x_label,
            thresholds=thresholds, noun=noun, log_x=log_x, log_y=log_y, bins=bins,
            width_px=width_px, height_px=height_px,
        )  # fmt: skip


def _histogram(
    present: npt.NDArray[np.float64],
    n_missing: int,
    *,
    title: str,
    x_label: str,
    thresholds: Sequence[Threshold],
    noun: str,
    log_x: bool,
    log_y: bool,
    bins: int,
    width_px: int,
    height_px: int,
) -> figure:
    counts, edges, n_withheld = _bins(np.log10(present) if log_x else present, bins)
    edges = 10**edges if log_x else edges
    limits = _limits(edges[[0, -1]], thresholds, log=log_x)
    texts = [_threshold_text(one, present) for one in thresholds]
    headroom = 1 + (_TEXT_LINE_PX * sum(map(_n_lines, texts)) + 10) / height_px
    highest = counts.max(initial=1)
    floor, top = (0.5, highest**headroom * 2) if log_y else (0.0, highest * headroom)
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
    _draw_limits(plot, thresholds, texts, limits, height_px, log=log_x)
    why = "missing or not positive" if log_x else "missing"
    ends = (present.min(), present.max()) if disclosure.small_counts_allowed() else edges[[0, -1]]
    span = " to ".join(map(theme.format_number, ends))
    words = [f"{x_label} of {disclosure.count_words(present.size)} {noun}, from {span}", *texts]
    notes = _left_out(n_missing, noun, why)
    if n_withheld:
        notes.append(disclosure.bars_note(n_withheld, noun))
    return describe(plot, "; ".join(words) + ".", notes=notes)


def _bins(
    values: npt.NDArray[np.float64], bins: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], int]:
    """Counts, edges, and how many values are in no bar."""
    if disclosure.small_counts_allowed():
        counts, edges = np.histogram(values, bins=bins)
        return counts, edges, 0
    counts, edges, n_withheld = disclosure.participant_histogram(values, bins=bins)
    if not counts.size:
        # an axis needs a width, also without a bar
        return np.zeros(1, dtype=np.int64), edges[0] + np.array([0.0, 1.0]), n_withheld
    return counts, edges, n_withheld


def qc_scatter(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    title: str,
    x_label: str,
    y_label: str,
    x_thresholds: Sequence[Threshold] = (),
    y_thresholds: Sequence[Threshold] = (),
    noun: str = "participants",
    width_px: int = 560,
    height_px: int = 420,
) -> figure:
    """Draw a scatter plot of two QC metrics, such as heterozygosity against call rate.

    What lies strictly beyond a threshold is drawn as a cross in the warning colour. Marks are the
    means of five or more participants beyond the same thresholds, unless
    :func:`gwasbone.plots.small_counts` allows single ones; no identity is on the page.

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
    side = np.zeros(xs.size, dtype=np.int64)
    for values, thresholds in ((xs, x_thresholds), (ys, y_thresholds)):
        for one in thresholds:
            side = 2 * side + _beyond(one, values)
    # who lies beyond different thresholds has no mean in common
    parts = [disclosure.neighbourhood_means(xs[side == k], ys[side == k]) for k in np.unique(side)]
    marks = disclosure.Marks(*(np.concatenate([getattr(m, a) for m in parts]) for a in "xyn"))
    removed = np.repeat(np.unique(side) > 0, [m.n.size for m in parts])
    plot = theme.new_figure(
        title=title,
        x_label=x_label,
        y_label=y_label,
        width_px=width_px,
        height_px=height_px,
        x_range=_limits(_ends(marks.x), x_thresholds, log=False),
        y_range=_limits(_ends(marks.y), y_thresholds, log=False),
    )
    n_shown = _draw_points(plot, marks.x, marks.y, removed)
    texts = _draw_scatter_limits(plot, xs, ys, x_thresholds, y_thresholds)
    notes = _left_out(n_missing, noun, "a value is missing")
    if not disclosure.small_counts_allowed():
        notes.append(disclosure.MEANS_NOTE)
    if n_shown < marks.n.size:
        count = theme.format_count
        notes.append(f"{count(n_shown)} of {count(marks.n.size)} points are drawn, one per spot.")
    words = [
        f"{y_label} against {x_label} of {disclosure.count_words(xs.size)} {noun}",
        f"{disclosure.count_words(int((side > 0).sum()))} lie beyond a threshold (crosses)",
        *texts,
    ]
    return describe(plot, "; ".join(words) + ".", notes=notes)


def _ends(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.array([values.min(), values.max()]) if values.size else np.array([0.0, 1.0])


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
    x_texts = list(texts)
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
    # over the lines of y
    _draw_limits(plot, x_thresholds, x_texts, x_limits, plot.frame_height, log=False)
    return texts


def _n_lines(text: str) -> int:
    return text.count(": ") + 1


def _draw_limits(
    plot: figure,
    thresholds: Sequence[Threshold],
    texts: Sequence[str],
    limits: tuple[float, float],
    height_px: int,
    *,
    log: bool,
) -> None:
    line = 0
    for one, text in zip(thresholds, texts, strict=True):
        _draw_limit(plot, one, text.replace(": ", "\n"), line, limits, height_px, log=log)
        line += _n_lines(text)


def _left_out(n_missing: int, noun: str, why: str) -> list[str]:
    said = f"{disclosure.count_words(n_missing)} {noun} are left out: {why}."
    return [said[:1].upper() + said[1:]] if n_missing else []


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
    if disclosure.is_small(n):
        return f"{threshold.name}: {disclosure.count_words(n)} {threshold.removes}"
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
            background_fill_alpha=0.9,
        )
    )
