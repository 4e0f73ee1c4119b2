"""The funnel: how many are left after each step, how many each took away, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import disclosure, theme
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import require_columns

_NEEDED = ("step", "reason", "removed", "remaining")
_BAR_PX, _REMAINING_PX, _REMOVED_PX, _REASON_PX = 430, 90, 100, 380
_ROW_PX, _STEP_CHARACTERS = 46, 30


def funnel(table: Any, *, noun: str = "samples", title: str = "") -> figure:
    """Draw the number of samples or variants left after each filter as bars, with the reasons.

    Filters that remove fewer than five participants are drawn as :func:`funnel_words` writes them,
    unless :func:`gwasbone.plots.small_counts` allows them.

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
    words = funnel_words(removed, remaining, noun=noun)
    scale = _BAR_PX / max(int(words.bar_before.max()), 1)
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
    source = ColumnDataSource(
        {"y": middle, "left": words.bar * scale, "before": words.bar_before * scale}
    )
    plot.hbar("y", left=0, right="left", height=24, color=theme.MAIN, source=source)
    plot.hbar("y", left="left", right="before", height=24, color=theme.PALE, source=source)

    head = _ROW_PX * k + 6
    columns = np.cumsum([_BAR_PX, _REMAINING_PX, _REMOVED_PX]).tolist()
    gone, left = words.removed, words.remaining
    reasons = ["" if pd.isna(one) else _wrap(str(one), 52) for one in table["reason"]]
    _write(plot, columns[1], middle, left, align="right", bold=True)
    _write(plot, columns[2], middle, gone, align="right", colour=theme.ACCENT)
    _write(plot, columns[2] + 18, middle, reasons, align="left")
    heads = [f"{noun} left", "removed", "why"]
    for x, text, align in zip(
        (columns[1], columns[2], columns[2] + 18), heads, ("right", "right", "left"), strict=True
    ):
        _write(plot, x, [head], [text], align=align, colour=theme.MUTED_INK)
    steps_left = "; ".join(
        f"{step}, {count} left"
        for step, count in zip(table["step"], left, strict=True)
        if count != disclosure.WITHHELD
    )
    first = f"From {left[0]} to" if left[0] != disclosure.WITHHELD else "To"
    notes = [words.note] if words.note else []
    return describe(plot, f"{first} {left[-1]} {noun} in {k} rows: {steps_left}.", notes=notes)


@dataclass(frozen=True, slots=True)
class FunnelWords:
    """The numbers of a funnel as they are shown.

    Attributes
    ----------
    removed, remaining : (k,) text of each row; :data:`~gwasbone.plots.disclosure.WITHHELD` where
        a number is withheld so that a small one cannot be worked out.
    bar, bar_before : (k,) numbers that the bars show, after and before each step; in a run of rows
        whose numbers are withheld, those of the run.
    note : says so; empty where nothing is withheld.
    """

    removed: tuple[str, ...]
    remaining: tuple[str, ...]
    bar: npt.NDArray[np.int64]
    bar_before: npt.NDArray[np.int64]
    note: str


def funnel_words(
    removed: npt.ArrayLike, remaining: npt.ArrayLike, *, noun: str = "samples"
) -> FunnelWords:
    """The numbers of a funnel, so that no step shows a small number of participants.

    A step that removes 1 to 4 participants is joined with the last step before it that removes five
    or more, else with the first one after it: within such a run the numbers are withheld, after it
    they are shown. Without any such step the number at the start is withheld too. Steps before come
    first, so that a funnel that goes on withholds what its shorter version withheld.

    Parameters
    ----------
    removed, remaining : (k,) numbers of each row; the first row is the start.
    noun : what is counted; variants are not protected.

    Examples
    --------
    >>> words = funnel_words([0, 3, 20], [200, 197, 177])
    >>> words.removed, words.remaining
    (('', '< 5', '–'), ('200', '–', '177'))
    """
    gone, left = np.asarray(removed, dtype=np.int64), np.asarray(remaining, dtype=np.int64)
    small = np.zeros(gone.size, dtype=bool)
    if noun != "variants":
        small = np.array([disclosure.is_small(n) for n in gone])
    joined = _runs(gone, small)
    written = ["" if n == 0 else f"−{theme.format_count(n)}" for n in gone]
    cell = theme.format_count if noun == "variants" else disclosure.count_cell
    shown = [cell(n) for n in left]
    bar, before = left.copy(), left + gone
    for first, last in joined:
        for i in range(first, last + 1):
            if gone[i]:
                written[i] = disclosure.BELOW if small[i] else disclosure.WITHHELD
        shown[first:last] = [disclosure.WITHHELD] * (last - first)
        bar[first : last + 1] = left[last]
        before[first : last + 1] = left[first - 1] if first else left[last]
    note = ""
    if joined:
        note = (
            f"Steps that remove {disclosure.FEWER} {noun} are written {disclosure.BELOW}; "
            f"numbers that would give them away are withheld ({disclosure.WITHHELD})."
        )
    return FunnelWords(tuple(written), tuple(shown), bar, before, note)


def _runs(gone: npt.NDArray[np.int64], small: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last row of each run of rows whose numbers are withheld together."""
    runs: list[tuple[int, int]] = []
    large = (gone > 0) & ~small
    for i in np.flatnonzero(small).tolist():
        end = runs[-1][1] if runs else -1
        if i <= end:
            continue
        earlier, later = np.flatnonzero(large[:i]), np.flatnonzero(large[i:])
        if earlier.size and earlier[-1] > end:
            runs.append((int(earlier[-1]), i))
        elif runs:
            runs[-1] = (runs[-1][0], i)
        elif later.size:
            runs.append((i, i + int(later[0])))
        else:
            return [(0, int(np.flatnonzero(small)[-1]))]
    return runs


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
    texts: Sequence[str],
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
