"""The funnel: how many are left after each step, how many each took away, and why."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import require_columns

_NEEDED = ("step", "reason", "removed", "remaining")
_BAR_PX, _REMAINING_PX, _REMOVED_PX, _REASON_PX = 430, 90, 100, 380
_ROW_PX, _STEP_CHARACTERS = 46, 30


def funnel(table: Any, *, noun: str = "samples", title: str = "") -> figure:
    """Draw the number of samples or variants left after each filter as bars, with the reasons.

    Parameters
    ----------
    table : a cohort, whose samples are counted; or, in order of the steps, columns ``step``,
        ``reason`` (why it removes), ``removed`` and ``remaining`` (after it). The first row is the
        start: its ``removed`` is 0 or missing.
    noun : what is counted, in the plural.

    Raises
    ------
    InputError
        A column is missing, there is no row, or ``remaining`` is not the row before less
        ``removed``; all such rows are named.
    """
    if callable(getattr(table, "funnel", None)):
        table = table.funnel()
    require_columns(table, _NEEDED, figure="a funnel")
    removed = table["removed"].fillna(0).to_numpy(dtype=np.int64)
    remaining = table["remaining"].to_numpy(dtype=np.int64)
    _check_sums(table, removed, remaining)
    start = remaining[0] + removed[0]
    scale = _BAR_PX / max(start, 1)
    k = len(table)
    # Pixels serve as units on both axes, so that text columns stand where they are put.
    middle = (np.arange(k)[::-1] + 0.5) * _ROW_PX
    width = _BAR_PX + _REMAINING_PX + _REMOVED_PX + _REASON_PX
    plot = theme.new_figure(
        title=title,
        x_label="",
        y_label="",
        width_px=width,
        height_px=_ROW_PX * k + 24,
        x_range=(0, width),
        y_range=(0, _ROW_PX * k + 24),
        tools="save",
        active_drag=None,
    )
    plot.xaxis.visible = False
    plot.grid.visible = False
    steps = {float(y): _wrap(step) for y, step in zip(middle, table["step"], strict=True)}
    plot.yaxis.ticker = list(steps)
    plot.yaxis.major_label_overrides = steps
    plot.yaxis.axis_line_color = plot.yaxis.major_tick_line_color = None
    bars = {
        "y": middle,
        "left": remaining * scale,
        "before": (remaining + removed) * scale,
    }
    source = ColumnDataSource(bars)
    plot.hbar("y", left=0, right="left", height=24, color=theme.MAIN, source=source)
    plot.hbar("y", left="left", right="before", height=24, color=theme.PALE, source=source)

    head = _ROW_PX * k + 6
    columns = np.cumsum([_BAR_PX, _REMAINING_PX, _REMOVED_PX]).tolist()
    gone = ["" if n == 0 else f"−{theme.format_count(n)}" for n in removed]
    reasons = ["" if pd.isna(one) else _wrap(str(one), 52) for one in table["reason"]]
    left = [theme.format_count(n) for n in remaining]
    _write(plot, columns[1], middle, left, align="right", bold=True)
    _write(plot, columns[2], middle, gone, align="right", colour=theme.ACCENT)
    _write(plot, columns[2] + 18, middle, reasons, align="left")
    heads = [f"{noun} left", "removed", "why"]
    for x, text, align in zip(
        (columns[1], columns[2], columns[2] + 18), heads, ("right", "right", "left"), strict=True
    ):
        _write(plot, x, [head], [text], align=align, colour=theme.MUTED_INK)
    return describe(
        plot,
        f"From {theme.format_count(start)} {noun} to {theme.format_count(remaining[-1])} in "
        f"{k} rows: "
        + "; ".join(
            f"{step}, {count} left" for step, count in zip(table["step"], left, strict=True)
        )
        + ".",
    )


def _check_sums(table: pd.DataFrame, removed: np.ndarray, remaining: np.ndarray) -> None:
    if len(table) == 0:
        raise InputError("a funnel needs at least one row; the table has none")
    wrong = np.flatnonzero(remaining[:-1] - removed[1:] != remaining[1:]) + 1
    if wrong.size:
        faults = "; ".join(
            f"'{table['step'].iloc[i]}' says {removed[i]} removed and {remaining[i]} remaining "
            f"after {remaining[i - 1]}"
            for i in wrong
        )
        raise InputError(f"each row of a funnel must add up with the row before it: {faults}")


def _wrap(text: str, characters: int = _STEP_CHARACTERS) -> str:
    return "\n".join(textwrap.wrap(text, characters)[:3])


def _write(
    plot: figure,
    x: float,
    y: np.ndarray | list[float],
    texts: list[str],
    *,
    align: str,
    colour: str = theme.INK,
    bold: bool = False,
) -> None:
    plot.text(
        x=np.full(len(texts), float(x)),
        y=y,
        text=texts,
        text_align=align,
        text_baseline="middle",
        text_color=colour,
        text_font=value(theme.FONT),
        text_font_size=f"{theme.LABEL_PX}px",
        text_font_style="bold" if bold else "normal",
    )
