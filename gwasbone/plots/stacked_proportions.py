"""Stacked bars of proportions, one bar per row of a table of counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, NumeralTickFormatter
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import disclosure, theme
from gwasbone.plots.page import describe

_ROW_PX = 22


def stacked_proportions(
    counts: pd.DataFrame,
    *,
    title: str,
    x_label: str,
    meanings: Mapping[str, str],
    noun: str,
    width_px: int = 560,
) -> figure:
    """Draw the proportions of each row of counts as one stacked bar.

    Segments of fewer than five are not drawn, and neither is what would give them away, unless
    :func:`gwasbone.plots.small_counts` allows them: the rest of the bar is then blank.

    Parameters
    ----------
    counts : table of counts: a bar per row (the index is unique), a segment per column, from left.
    meanings : column -> its label in the legend.
    noun : plural noun of what is counted, such as visits.

    Raises
    ------
    InputError
        All counts are 0.
    """
    totals = counts.sum(axis=1)
    if not totals.gt(0).any():
        raise InputError(
            f"stacked proportions: expected counts above 0, got none in {len(counts)} rows"
        )
    parts = counts.div(totals.where(totals > 0), axis=0)
    cells = counts.to_numpy()
    withheld = np.array([disclosure.withheld_cells(row) for row in cells]).reshape(cells.shape)
    # withheld segments stand at the end of their bar, as one blank: their lengths are not told
    parts = parts.mask(withheld, 0.0)
    names = [str(name) for name in counts.index]
    plot = theme.new_figure(
        title=title,
        x_label=x_label,
        y_label="",
        width_px=width_px,
        height_px=_ROW_PX * len(names) + 10,
        x_range=(0.0, 1.0),
        y_range=names[::-1],
        tools="save",
        active_drag=None,
    )
    plot.xaxis.formatter = NumeralTickFormatter(format="0%")
    left = pd.Series(0.0, index=parts.index)
    for place, part in enumerate(parts.columns):
        right = left + parts[part]
        source = ColumnDataSource(
            {"name": names, "left": left.to_numpy(), "right": right.to_numpy()}
        )
        colour = theme.PALE if place == 0 else theme.GROUP_COLOURS[place - 1]
        plot.hbar(
            "name",
            left="left",
            right="right",
            height=0.7,
            color=colour,
            source=source,
            legend_label=meanings[part],
        )
        left = right
    theme.dress_legend(plot)
    plot.legend.click_policy = "none"
    plot.add_layout(plot.legend[0], "below")
    overall = counts.sum() / totals.sum()
    hidden = disclosure.withheld_cells(counts.sum())
    words = "; ".join(
        f"{meanings[str(part)]}: "
        + (disclosure.BELOW if gone else f"{theme.format_number(100 * share)}%")
        for (part, share), gone in zip(overall.items(), hidden, strict=True)
    )
    n = disclosure.count_words(totals.max())
    notes = []
    if withheld.any():
        notes.append(
            f"{int(withheld.sum())} segments are blank, so that none of {disclosure.FEWER} {noun} "
            "is shown or can be worked out."
        )
    return describe(plot, f"{x_label} ({n} {noun}), overall {words}.", notes=notes)
