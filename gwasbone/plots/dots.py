"""One number with its interval for each of several named things, on a shared axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe
from gwasbone.plots.theme import Threshold
from gwasbone.plots.variant_words import require_columns

_ROW_PX, _WRITTEN_PX = 24, 210


def interval_dots(
    table: pd.DataFrame,
    *,
    title: str,
    x_label: str,
    words: str,
    guides: tuple[Threshold, ...] = (),
    width_px: int = 480,
) -> figure:
    """Draw a dot and its interval per row, with the numbers written beside them.

    Parameters
    ----------
    table : columns ``name`` (each once), ``estimate``, ``lower`` and ``upper``, and ``written``,
        the text beside the row. First row on top; rows without an estimate keep their text.
    words : what the interval is, for the caption, such as ``95% intervals``.
    guides : named values to compare with.

    Raises
    ------
    InputError
        A column is missing, or no row has an estimate.
    """
    needed = ("name", "estimate", "lower", "upper", "written")
    require_columns(table, needed, figure="a plot of intervals")
    drawn = table[np.isfinite(table["estimate"])]
    if drawn.empty:
        raise InputError(f"a plot of intervals needs an estimate; of {len(table)} rows none has")
    ends = np.concatenate([drawn[c].to_numpy() for c in ("estimate", "lower", "upper")])
    ends = np.concatenate([ends[np.isfinite(ends)], [guide.value for guide in guides]])
    margin = 0.05 * (ends.max() - ends.min()) or 0.5
    limits = (float(ends.min() - margin), float(ends.max() + margin))
    names = [str(name) for name in table["name"]]
    plot = written_rows(
        names, table["written"].astype(str).tolist(), limits, title=title, x_label=x_label,
        width_px=width_px, height_px=_ROW_PX * len(names) + 10,
    )  # fmt: skip
    for guide in guides:
        plot.segment(
            guide.value, 0, guide.value, len(names), color=theme.MUTED_INK, line_dash="dashed"
        )
    source = ColumnDataSource({name: drawn[name].to_numpy() for name in needed})
    plot.segment("lower", "name", "upper", "name", source=source, color=theme.MAIN, line_width=2)
    dots = plot.scatter("estimate", "name", source=source, size=8, color=theme.MAIN)
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[("", "@name"), (x_label, "@written")]))
    ends_of = [drawn.loc[drawn["estimate"].idxmin()], drawn.loc[drawn["estimate"].idxmax()]]
    span = " to ".join(f"{theme.format_number(row.estimate)} ({row['name']})" for row in ends_of)
    marks = "".join(f" The dashed line is {guide.name}." for guide in guides)
    return describe(plot, f"{x_label} of {len(drawn)} rows with {words}, from {span}.{marks}")


def written_rows(
    names: Sequence[str],
    written: Sequence[str],
    limits: tuple[float, float],
    *,
    title: str,
    x_label: str,
    width_px: int,
    height_px: int,
) -> figure:
    """An empty figure with a row per name, the first on top, and a text beside each row.

    Parameters
    ----------
    names : each once. written : the text of each.
    limits : ends of the x axis; the text stands to the right of its range.
    width_px : without the text.
    """
    # room that the frame keeps for the text
    room = (limits[1] - limits[0]) * _WRITTEN_PX / width_px
    plot = theme.new_figure(
        title=title, x_label=x_label, y_label="", width_px=width_px + _WRITTEN_PX,
        height_px=height_px, x_range=(limits[0], limits[1] + room), y_range=list(names)[::-1],
        tools="save", active_drag=None,
    )  # fmt: skip
    plot.xaxis.bounds = limits
    plot.ygrid.grid_line_color = theme.GRID
    plot.text(
        x=np.full(len(names), limits[1] + 0.05 * room), y=list(names), text=list(written),
        text_baseline="middle", text_color=theme.INK, text_font=value(theme.FONT),
        text_font_size=f"{theme.TICK_PX}px",
    )  # fmt: skip
    return plot
