"""The reliability diagram: observed proportion of cases against predicted probability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource, HoverTool, Whisker
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import disclosure, theme
from gwasbone.plots.page import describe
from gwasbone.plots.roc import DASHES

if TYPE_CHECKING:
    from gwasbone.stats.calibration import Calibration

_CAP_PX = 6


def reliability(
    calibrations: Mapping[str, Calibration], *, title: str, size_px: int = 460
) -> figure:
    """Draw the proportion of cases in each bin of predicted probability, with Wilson intervals.

    Bins with fewer than five cases or controls are not drawn unless
    :func:`gwasbone.plots.small_counts` allows them.

    Parameters
    ----------
    calibrations : from :func:`gwasbone.stats.calibration.calibration`, by the name the reader
        sees.
    size_px : width and height of the plotting area; both axes end just above the highest bin.

    Returns
    -------
    Bokeh figure; hovering over a point shows the participants and cases in its bin.

    Raises
    ------
    InputError
        Nothing to draw.
    """
    if not calibrations:
        raise InputError("expected at least one calibration for a reliability diagram, got none")
    shown = {name: _shown_bins(one) for name, one in calibrations.items()}
    ends = [
        np.maximum(one.bins.upper, one.bins.predicted)[shown[name]]
        for name, one in calibrations.items()
    ]
    end = float(np.concatenate(ends).max(initial=0.0)) or 1.0
    limits = (-0.02 * end, min(1.02, 1.04 * end))
    plot = theme.new_figure(
        title=title,
        x_label="Predicted probability (mean of the bin)",
        y_label="Observed proportion of cases",
        width_px=size_px,
        height_px=size_px,
        x_range=limits,
        y_range=limits,
    )
    plot.line([0, 1], [0, 1], color=theme.MUTED_INK, line_width=1, line_dash=[4, 4])
    labels = {name: f"{name}, {_numbers(one)}" for name, one in calibrations.items()}
    points = [
        _draw_bins(plot, one, number, labels[name], shown[name])
        for number, (name, one) in enumerate(calibrations.items())
    ]
    plot.add_tools(
        HoverTool(
            renderers=points,
            tooltips=[
                ("predicted", "@x{0.000}"),
                ("observed", "@y{0.000} [@lower{0.000}, @upper{0.000}]"),
                ("participants, cases", "@people{0,0}, @cases{0,0}"),
            ],
        )
    )
    theme.dress_legend(plot)
    plot.legend.location = "top_left"
    return describe(
        plot, f"Calibration: {'; '.join(labels.values())}.", notes=_notes(calibrations, shown)
    )


def _shown_bins(one: Calibration) -> npt.NDArray[np.bool_]:
    """Bins whose cases and controls may be told."""
    n_cases = np.asarray(one.bins.n_cases)
    n_controls = np.asarray(one.bins.n_people) - n_cases
    return ~(disclosure.withheld_cells(n_cases) | disclosure.withheld_cells(n_controls))


def _draw_bins(
    plot: figure, one: Calibration, number: int, label: str, shown: npt.NDArray[np.bool_]
) -> object:
    colour = theme.GROUP_COLOURS[number % len(theme.GROUP_COLOURS)]
    bins = one.bins
    source = ColumnDataSource(
        {
            "x": bins.predicted[shown],
            "y": bins.observed[shown],
            "lower": bins.lower[shown],
            "upper": bins.upper[shown],
            "people": bins.n_people[shown],
            "cases": bins.n_cases[shown],
        }
    )
    whisker = Whisker(
        source=source, base="x", lower="lower", upper="upper", line_color=colour, line_width=1.2
    )
    for head in (whisker.lower_head, whisker.upper_head):
        head.size = _CAP_PX
        head.line_color = colour
    plot.add_layout(whisker)
    plot.line(
        "x",
        "y",
        source=source,
        color=colour,
        line_width=1.5,
        line_dash=DASHES[number % len(DASHES)],
        legend_label=label,
    )
    return plot.scatter(
        "x",
        "y",
        source=source,
        size=8,
        marker=theme.GROUP_MARKERS[number % len(theme.GROUP_MARKERS)],
        color=colour,
        legend_label=label,
    )


def _numbers(one: Calibration) -> str:
    fit = one.recalibration
    return (
        f"slope {_decimals(fit.slope)}, intercept {_decimals(fit.intercept)}, "
        f"Brier {theme.format_number(one.brier.score)}"
    )


def _range(low: float, high: float) -> str:
    ends = [theme.format_count(low), theme.format_count(high)]
    return ends[0] if low == high else " to ".join(ends)


def _decimals(value: float) -> str:
    return "NA" if value != value else f"{value:.2f}".replace("-", "−")


def _notes(
    calibrations: Mapping[str, Calibration], shown: Mapping[str, npt.NDArray[np.bool_]]
) -> list[str]:
    first = next(iter(calibrations.values()))
    notes = [
        "Dashed grey: predictions that mean what they say. Bars: Wilson's "
        f"{first.confidence:.0%} interval of the proportion of cases in a bin.",
        "Slope: of a logistic regression of the outcome on the logit of the prediction, 1 is "
        "right, below 1 too extreme. Intercept: with the slope held at 1, 0 is right, below 0 "
        "predictions are too high on the whole. Brier: mean squared error.",
    ]
    count = disclosure.count_words
    for name, one in calibrations.items():
        n = one.bins.n_people[shown[name]]
        text = f"{name}: {count(one.n_cases)} cases and {count(one.n_controls)} controls"
        if n.size:
            text += f" in {one.bins.n_people.size} bins of {_range(n.min(), n.max())} participants"
        if hidden := int((~shown[name]).sum()):
            text += (
                f"; {hidden} bins not drawn, so that no count of {disclosure.FEWER} cases or "
                "controls is shown"
            )
        if one.n_missing:
            text += f"; {count(one.n_missing)} without prediction or outcome are left out"
        if one.recalibration.status:
            text += f"; the slope cannot be judged ({one.recalibration.status})"
        notes.append(text + ".")
    return notes
