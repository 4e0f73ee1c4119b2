"""ROC and precision-recall curves of one or several scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource, NumeralTickFormatter
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
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
        rises = np.diff(curve.recall, prepend=0.0) > 0
        x = np.append(0.0, np.repeat(curve.recall[rises], 2)[:-1])
        _draw_curve(plot, x, np.repeat(curve.precision[rises], 2), number, labels[name])
    theme.dress_legend(plot)
    # Good curves fill the upper right, poor ones the lower left.
    good = max(curve.average_precision for curve in curves.values()) > 0.5
    plot.legend.location = "bottom_left" if good else "top_right"
    notes = [
        "Dashed grey: the share of cases, the precision of a score without information. AP: "
        "average precision" + _interval_words(intervals) + ".",
        *_counts(curves),
    ]
    return describe(plot, f"Precision against recall: {'; '.join(labels.values())}.", notes=notes)


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
        f"{theme.format_count(one.n_resamples)} bootstrap samples of people"
    )


def _counts(curves: Mapping[str, RocCurve] | Mapping[str, PrecisionRecallCurve]) -> list[str]:
    """Who is behind the curves: once where all have the same people."""
    texts = {name: _people(curve) for name, curve in curves.items()}
    if len(set(texts.values())) == 1:
        return [f"{next(iter(texts.values()))}."]
    return [f"{name}: {text}." for name, text in texts.items()]


def _people(curve: RocCurve | PrecisionRecallCurve) -> str:
    count = theme.format_count
    text = f"{count(curve.n_cases)} cases and {count(curve.n_controls)} controls"
    if curve.n_missing:
        text += f"; {count(curve.n_missing)} people without score or outcome are left out"
    return text
