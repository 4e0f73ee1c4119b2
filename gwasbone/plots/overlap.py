"""Overlap of sets of participants: a bar for each combination, the sets that it joins below it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from bokeh.core.properties import value
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, HoverTool, LayoutDOM, NumeralTickFormatter
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import disclosure, theme
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import require_columns

_COLUMN_PX, _ROW_PX, _BARS_PX, _LABEL_PX = 44, 30, 230, 250


def overlap(
    combinations: pd.DataFrame,
    totals: pd.Series,
    *,
    title: str,
    noun: str = "participants",
    at_most: int = 20,
) -> LayoutDOM:
    """Draw the sizes of exact combinations of sets (an UpSet plot).

    Combinations of fewer than five participants, and one more where a total would give them away,
    have no bar unless :func:`gwasbone.plots.small_counts` allows them.

    Parameters
    ----------
    combinations : a boolean column per set and ``n_people``: those in exactly these sets. Drawn in
        the order given.
    totals : set -> number of participants in it, in any combination; the order of the rows.
    noun : what is counted, in the plural.
    at_most : combinations drawn; the others are counted in a note.

    Raises
    ------
    InputError
        A set has no column, or there is no combination.

    References
    ----------
    Lex et al. (2014), IEEE Transactions on Visualization and Computer Graphics 20:1983.
    """
    sets = [str(name) for name in totals.index]
    require_columns(combinations, [*sets, "n_people"], figure="an overlap plot")
    if combinations.empty:
        raise InputError("an overlap plot needs at least one combination; the table has none")
    withheld = disclosure.withheld_cells(combinations["n_people"])
    n_withheld = int(withheld.sum())
    everyone = combinations["n_people"].sum()
    # the total of a set must not give away a combination of it
    hidden = combinations[withheld]
    totals_shown = {
        name: disclosure.WITHHELD
        if disclosure.given_away(hidden.loc[hidden[name].astype(bool), "n_people"])
        else disclosure.count_cell(total)
        for name, total in zip(sets, totals, strict=True)
    }
    combinations = combinations[~withheld]
    shown = combinations.head(at_most)
    members = shown[sets].to_numpy(dtype=bool)
    sizes = shown["n_people"].to_numpy()
    # wide enough for the title where there are few combinations
    places = max(len(shown), 9)
    bars = _bars(sizes, members, sets, places, noun, title)
    matrix = _matrix(members, totals_shown, places)
    matrix.x_range = bars.x_range
    count = theme.format_count
    left_out = combinations["n_people"].iloc[at_most:]
    notes = [
        f"A bar counts the {noun} who are in exactly the sets with a filled dot below it; the "
        "number beside the name of a set counts all in it."
    ]
    if n_withheld:
        notes.append(
            f"{n_withheld} combinations are not drawn, so that none of {disclosure.FEWER} {noun} "
            "is shown or can be worked out."
        )
    if len(left_out):
        notes.append(
            f"Smaller combinations that are not drawn: {count(len(left_out))}, with "
            f"{count(left_out.sum())} {noun} together."
        )
    words = "; ".join(
        f"{' and '.join(np.array(sets)[row]) or 'none'}: {count(size)}"
        for row, size in zip(members[:5], sizes[:5], strict=True)
    )
    said = f"{disclosure.count_words(everyone)} {noun} by combination"
    return describe(
        column(bars, matrix, spacing=0),
        f"{'; '.join(filter(None, [said, words]))}.",
        notes=notes,
    )


def _bars(
    sizes: np.ndarray, members: np.ndarray, sets: list[str], places: int, noun: str, title: str
) -> figure:
    plot = theme.new_figure(
        title=title,
        x_label="",
        y_label=f"Number of {noun}",
        width_px=places * _COLUMN_PX,
        height_px=_BARS_PX,
        x_range=(-0.5, places - 0.5),
        y_range=(0.0, float(sizes.max(initial=1)) * 1.15),
        min_border_left=_LABEL_PX,
        tools="save",
        active_drag=None,
    )
    plot.xaxis.visible = False
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
    source = ColumnDataSource(
        {
            "x": np.arange(len(sizes)),
            "top": sizes,
            "count": [theme.format_count(n) for n in sizes],
            "sets": [", ".join(np.array(sets)[row]) for row in members],
        }
    )
    drawn = plot.vbar("x", top="top", width=0.62, color=theme.MAIN, source=source)
    plot.text(
        "x",
        "top",
        text="count",
        source=source,
        text_align="center",
        text_baseline="bottom",
        text_color=theme.INK,
        text_font=value(theme.FONT),
        text_font_size=f"{theme.NOTE_PX}px",
        y_offset=-2,
    )
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=[(noun, "@count"), ("in", "@sets")]))
    return plot


def _matrix(members: np.ndarray, totals: Mapping[str, str], places: int) -> figure:
    k = len(totals)
    plot = theme.new_figure(
        x_label="",
        y_label="",
        width_px=places * _COLUMN_PX,
        height_px=_ROW_PX * k,
        y_range=(-0.5, k - 0.5),
        min_border_left=_LABEL_PX,
        tools="",
        active_drag=None,
        toolbar_location=None,
    )
    plot.xaxis.visible = False
    plot.grid.visible = False
    plot.yaxis.axis_line_color = plot.yaxis.major_tick_line_color = None
    plot.yaxis.major_label_text_font_size = f"{theme.LABEL_PX}px"
    rows = np.arange(k)[::-1]
    for stripe in rows[::2]:
        plot.rect(
            (places - 1) / 2, stripe, width=places, height=1, color=theme.GRID, fill_alpha=0.5
        )
    for x, row in enumerate(members):
        joined = rows[row]
        if joined.size:
            plot.segment(x, joined.min(), x, joined.max(), color=theme.MAIN, line_width=2.5)
    grid_x, grid_y = np.meshgrid(np.arange(len(members)), rows, indexing="ij")
    for inside, colour in ((False, theme.PALE), (True, theme.MAIN)):
        here = members == inside
        plot.scatter(grid_x[here], grid_y[here], size=13, color=colour)
    names = {
        int(y): f"{name}  {total}" for y, (name, total) in zip(rows, totals.items(), strict=True)
    }
    plot.yaxis.ticker = list(names)
    plot.yaxis.major_label_overrides = names
    return plot
