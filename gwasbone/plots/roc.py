"""ROC and precision-recall curves of one or several scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource, NumeralTickFormatter
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import disclosure, theme
from gwasbone.plots.disclosure import MIN_COUNT
from gwasbone.plots.page import describe
from gwasbone.plots.thinning import thin_points

if TYPE_CHECKING:
    # scipy.stats behind them takes half a second, which no other page should wait for
    from gwasbone.stats.bootstrap import BootstrapInterval
    from gwasbone.stats.precision_recall import PrecisionRecallCurve
    from gwasbone.stats.roc import Auc, RocCurve

#: Paired with the colours, so that no curve is told by colour alone.
DASHES: tuple[str | list[int], ...] = ("solid", [8, 4], [2, 3], [10, 3, 2, 3])


def roc(
    curves: Mapping[str, RocCurve],
    areas: Mapping[str, Auc],
    *,
    title: str,
    size_px: int = 460,
) -> figure:
    """Draw ROC curves with their AUCs and confidence intervals in the legend.

    Corners of a curve are five or more participants apart, unless
    :func:`gwasbone.plots.small_counts` allows single ones.

    Parameters
    ----------
    curves : from :func:`gwasbone.stats.roc.roc_curve`, by the name the reader sees.
    areas : from :func:`gwasbone.stats.roc.area_under_curve`, under the same names.
    size_px : width and height of the plotting area.

    Returns
    -------
    Bokeh figure; :func:`gwasbone.plots.page.save_page` writes it with its notes.

    Raises
    ------
    InputError
        No curve, or a curve without its area.
    """
    _check_names(curves, areas, "an area")
    plot = _unit_square(
        title=title,
        x_label="False-positive rate (1 − specificity)",
        y_label="True-positive rate (sensitivity)",
        size_px=size_px,
    )
    plot.line([0, 1], [0, 1], color=theme.MUTED_INK, line_width=1, line_dash=[4, 4])
    labels = {
        name: f"{name}, AUC {_with_interval(areas[name].auc, areas[name])}" for name in curves
    }
    for number, (name, curve) in enumerate(curves.items()):
        x, y = curve.false_positive_rate, curve.true_positive_rate
        apart = _corners(np.rint(x * curve.n_controls + y * curve.n_cases))
        x, y = x[apart], y[apart]
        _draw_curve(plot, x, y, number, labels[name])
    theme.dress_legend(plot)
    plot.legend.location = "bottom_right"
    one = areas[next(iter(curves))]
    notes = [
        "Dashed grey: chance. AUC: probability that a case scores higher than a control, ties "
        f"half; in brackets its {one.confidence:.0%} interval (DeLong, {one.scale} scale).",
        *_counts(curves),
    ]
    return describe(plot, f"ROC curves: {'; '.join(labels.values())}.", notes=notes)


def precision_recall(
    curves: Mapping[str, PrecisionRecallCurve],
    intervals: Mapping[str, BootstrapInterval] | None = None,
    *,
    title: str,
    size_px: int = 460,
) -> figure:
    """Draw precision-recall curves with the average precision in the legend.

    Corners of a curve are five or more cases apart, unless
    :func:`gwasbone.plots.small_counts` allows single ones.

    Parameters
    ----------
    curves : from :func:`gwasbone.stats.precision_recall.precision_recall_curve`, by the name the
        reader sees.
    intervals : of the average precision, under the same names.
    size_px : width and height of the plotting area.

    Raises
    ------
    InputError
        No curve, or a curve without its interval.
    """
    _check_names(curves, curves if intervals is None else intervals, "an interval")
    plot = _unit_square(
        title=title,
        x_label="Recall (sensitivity)",
        y_label="Precision (positive predictive value)",
        size_px=size_px,
    )
    for prevalence in sorted({round(curve.prevalence, 12) for curve in curves.values()}):
        ends = [prevalence, prevalence]
        plot.line([0, 1], ends, color=theme.MUTED_INK, line_width=1, line_dash=[4, 4])
    labels = {}
    for number, (name, curve) in enumerate(curves.items()):
        interval = None if intervals is None else intervals[name]
        labels[name] = f"{name}, AP {_with_interval(curve.average_precision, interval)}"
        # Where recall rises, its precision holds back to the recall before: a stair, whose area
        # is the average precision.
        rises = np.flatnonzero(np.diff(curve.recall, prepend=0.0) > 0)
        rises = rises[_corners(np.rint(curve.recall[rises] * curve.n_cases), first=MIN_COUNT)]
        x = np.append(0.0, np.repeat(curve.recall[rises], 2)[:-1])
        _draw_curve(plot, x, np.repeat(curve.precision[rises], 2), number, labels[name])
    theme.dress_legend(plot)
    # Good curves fill the upper right, poor ones the lower left.
    good = max(curve.average_precision for curve in curves.values()) > 0.5
    plot.legend.location = "bottom_left" if good else "top_right"
    notes = [
        "Dashed grey: the proportion of cases, the precision of an uninformative score. AP: "
        "average precision" + _interval_words(intervals) + ".",
        *_counts(curves),
    ]
    return describe(plot, f"Precision against recall: {'; '.join(labels.values())}.", notes=notes)


def _corners(reached: npt.NDArray[np.float64], *, first: int = 0) -> npt.NDArray[np.int64]:
    """Corners of a curve whose counts of participants lie five or more apart, with both ends.

    Parameters
    ----------
    reached : (k,) participants up to each corner, ascending.
    first : the smallest of them that may be a corner.
    """
    if disclosure.small_counts_allowed():
        return np.arange(reached.size)
    last = reached.size - 1
    chosen = [0] if reached[0] >= first else []
    for i in range(reached.size):
        before = reached[chosen[-1]] if chosen else 0.0
        far = reached[i] - before >= MIN_COUNT and reached[last] - reached[i] >= MIN_COUNT
        if far:
            chosen.append(i)
    return np.array(sorted({*chosen, last}))


def _check_names(curves: Mapping[str, object], partners: Mapping[str, object], what: str) -> None:
    lacking = [name for name in curves if name not in partners]
    if not curves or lacking:
        raise InputError(
            f"expected at least one curve and {what} for each, got {len(curves)} curves"
            + (f"; {', '.join(lacking)} lacks it" if lacking else "")
        )


def _unit_square(*, title: str, x_label: str, y_label: str, size_px: int) -> figure:
    # A little room beyond 0 and 1, or half of a line along the edge is cut off.
    plot = theme.new_figure(
        title=title,
        x_label=x_label,
        y_label=y_label,
        width_px=size_px,
        height_px=size_px,
        x_range=(-0.01, 1.01),
        y_range=(-0.01, 1.01),
    )
    plot.axis.formatter = NumeralTickFormatter(format="0.0")
    return plot


def _draw_curve(
    plot: figure,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    number: int,
    label: str,
) -> None:
    kept = thin_points(
        x, y, width_px=plot.frame_width, height_px=plot.frame_height, cell_px=0.5,
        x_range=(plot.x_range.start, plot.x_range.end),
        y_range=(plot.y_range.start, plot.y_range.end),
    )  # fmt: skip
    kept = np.union1d(kept, [0, x.size - 1])
    plot.line(
        "x",
        "y",
        source=ColumnDataSource({"x": x[kept].astype("f4"), "y": y[kept].astype("f4")}),
        color=theme.GROUP_COLOURS[number % len(theme.GROUP_COLOURS)],
        line_dash=DASHES[number % len(DASHES)],
        line_width=2,
        line_join="round",
        legend_label=label,
    )


def _with_interval(value: float, interval: Auc | BootstrapInterval | None) -> str:
    if interval is None or np.isnan([interval.lower, interval.upper]).any():
        return f"{value:.3f}"
    return f"{value:.3f} [{interval.lower:.3f}, {interval.upper:.3f}]"


def _interval_words(intervals: Mapping[str, BootstrapInterval] | None) -> str:
    if not intervals:
        return ""
    one = next(iter(intervals.values()))
    return (
        f"; in brackets its {one.confidence:.0%} {one.method} interval from "
        f"{theme.format_count(one.n_resamples)} bootstrap samples of the participants"
    )


def _counts(curves: Mapping[str, RocCurve] | Mapping[str, PrecisionRecallCurve]) -> list[str]:
    """Cases and controls behind the curves: once where all curves have the same."""
    texts = {name: _people(curve) for name, curve in curves.items()}
    if len(set(texts.values())) == 1:
        return [f"{next(iter(texts.values()))}."]
    return [f"{name}: {text}." for name, text in texts.items()]


def _people(curve: RocCurve | PrecisionRecallCurve) -> str:
    count = disclosure.count_words
    text = f"{count(curve.n_cases)} cases and {count(curve.n_controls)} controls"
    if curve.n_missing:
        text += f"; {count(curve.n_missing)} participants without score or outcome are left out"
    return text
