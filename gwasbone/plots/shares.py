"""Shares that make a whole, one stacked bar for each of several named things."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from bokeh.models import ColumnDataSource, NumeralTickFormatter
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe

_ROW_PX = 22


def shares(
    counts: pd.DataFrame,
    *,
    title: str,
    x_label: str,
    meanings: Mapping[str, str],
    noun: str,
    width_px: int = 560,
) -> figure:
    """Draw each row of counts as shares of its sum.

    Parameters
    ----------
    counts : rows are bars (named by the index, each once), columns the parts, first on the left.
    meanings : part -> its words in the legend.
    noun : what is counted, in the plural.

    Raises
    ------
    InputError
        No row counts anything.
    """
    totals = counts.sum(axis=1)
    if not totals.gt(0).any():
        raise InputError(f"shares need counts; {len(counts)} rows have none")
    parts = counts.div(totals.where(totals > 0), axis=0)
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
    words = "; ".join(
        f"{meanings[str(part)]}: {theme.format_number(100 * share)}%"
        for part, share in overall.items()
    )
    return describe(
        plot, f"{x_label} ({theme.format_count(totals.max())} {noun}), overall {words}."
    )
