"""Predicted probabilities of cases and controls, in training and held out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.layouts import column
from bokeh.models import Column, ColumnDataSource, NumeralTickFormatter
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import disclosure, theme
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import require_columns

_NEEDED = ("probability", "is_case", "in_training")
#: (heading, value of ``in_training``), top panel first.
_PANELS = (("In training", True), ("Held out", False))
#: (name, value of ``is_case``, colour, line dash), the group behind first.
_GROUPS = (
    ("Controls", False, theme.GROUP_COLOURS[0], "solid"),
    ("Cases", True, theme.GROUP_COLOURS[1], "dashed"),
)


def predicted_probabilities(
    table: pd.DataFrame,
    *,
    title: str,
    bins: int = 40,
    width_px: int = 560,
    panel_height_px: int = 210,
) -> Column:
    """Draw distributions of predicted probabilities in cases and controls.

    Each group's bars add up to 100 %, so that few cases show beside many controls. Both panels
    have the same axes: a gap that shrinks from the upper to the lower one is overfitting. Bars of
    fewer than five participants are not drawn unless :func:`gwasbone.plots.small_counts` allows
    them.

    Parameters
    ----------
    table : one row per prediction with ``probability`` in [0, 1], ``is_case`` (0/1 or bool) and
        ``in_training`` (bool: the model that predicts has seen the participant). Rows where one is
        missing are left out and counted.
    bins : bars between 0 and 1.
    width_px, panel_height_px : size of each plotting area.

    Returns
    -------
    Bokeh layout; :func:`gwasbone.plots.page.save_page` writes it with its notes.

    Raises
    ------
    InputError
        A column is missing, no row is complete, or a probability is outside [0, 1].
    """
    require_columns(table, _NEEDED, figure="the figure of predicted probabilities")
    complete = table[list(_NEEDED)].dropna()
    p = complete["probability"].to_numpy(dtype=np.float64)
    if p.size == 0 or p.min() < 0 or p.max() > 1:
        came = f"{p.min():.4g} to {p.max():.4g}" if p.size else "no complete row"
        raise InputError(f"expected probabilities between 0 and 1 to draw, got {came}")
    case = complete["is_case"].to_numpy(dtype=bool)
    trained = complete["in_training"].to_numpy(dtype=bool)
    edges = np.linspace(0, 1, bins + 1)
    shares = {
        (in_training, is_case): _shares(p[(trained == in_training) & (case == is_case)], edges)
        for _, in_training in _PANELS
        for _, is_case, _, _ in _GROUPS
    }
    top = 1.08 * max(float(share.max()) for share in shares.values()) or 1.0
    panels, words = [], []
    for heading, in_training in _PANELS:
        of_panel = case[trained == in_training]
        counts = {True: int(of_panel.sum()), False: int((~of_panel).sum())}
        panels.append(
            _panel(heading, {k: shares[in_training, k] for k in counts}, counts, edges, top,
                   width_px, panel_height_px)
        )  # fmt: skip
        words.append(
            f"{heading.lower()}, {disclosure.count_words(counts[True])} cases and "
            f"{disclosure.count_words(counts[False])} controls"
        )
    panels[1].x_range = panels[0].x_range
    panels[1].xaxis.axis_label = "Predicted probability"
    panels[0].title.text = f"{title}: {panels[0].title.text.lower()}"
    notes = ["Bars of each group add up to 100% in each panel."]
    if not disclosure.small_counts_allowed():
        notes = [f"{notes[0][:-1]}, but for bars of {disclosure.FEWER} participants, not drawn."]
    if len(complete) < len(table):
        n = disclosure.count_words(len(table) - len(complete))
        n = n[:1].upper() + n[1:]
        notes.append(f"{n} rows without prediction, outcome or fold are left out.")
    return describe(column(panels), f"{title}: {'; '.join(words)}.", notes=notes)


def _shares(p: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    counts = np.histogram(p, bins=edges)[0]
    return np.where([disclosure.is_small(n) for n in counts], 0, counts) / max(p.size, 1)


def _panel(
    heading: str,
    shares: dict[bool, npt.NDArray[np.float64]],
    counts: dict[bool, int],
    edges: npt.NDArray[np.float64],
    top: float,
    width_px: int,
    height_px: int,
) -> figure:
    plot = theme.new_figure(
        title=heading,
        x_label="",
        y_label="Proportion of the group",
        width_px=width_px,
        height_px=height_px,
        x_range=(-0.01, 1.01),
        y_range=(0.0, top),
    )
    plot.yaxis.formatter = NumeralTickFormatter(format="0%")
    plot.xaxis.formatter = NumeralTickFormatter(format="0.0")
    for name, is_case, colour, dash in _GROUPS:
        label = f"{name}, {disclosure.count_cell(counts[is_case])}"
        outline = {
            "x": np.repeat(edges, 2),
            "y": np.concatenate([[0.0], np.repeat(shares[is_case], 2), [0.0]]),
        }
        source = ColumnDataSource(outline)
        plot.varea(
            "x", 0, "y", source=source, fill_color=colour, fill_alpha=0.2, legend_label=label
        )
        plot.line(
            "x", "y", source=source, color=colour, line_width=1.5, line_dash=dash,
            legend_label=label,
        )  # fmt: skip
    theme.dress_legend(plot)
    plot.legend.location = "top_right"
    return plot
