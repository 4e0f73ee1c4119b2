"""The forest plot: a number and its interval a row, in groups, against a line of no difference."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Span
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import require_columns

_ROW_PX, _HEAD_PX, _WRITTEN_PX = 26, 26, 235
_COLUMNS = ("name", "value", "low", "high")
#: An interval that is much longer than most others is cut at so many times their reach.
_LONGEST_REACH = 4.0
_TICK_ROOM_PX = 34
_ROUND = (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100)
_RATIO_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 1, 1.5, 2, 3, 5, 10, 20, 50, 100)


def forest(
    table: pd.DataFrame,
    *,
    title: str,
    x_label: str,
    no_difference: float | None = None,
    log_scale: bool = False,
    width_px: int = 460,
) -> figure:
    """Draw numbers with their intervals.

    Parameters
    ----------
    table : columns ``name``, ``value``, ``low`` and ``high``; where present ``group`` (rows of a
        group, in the order given, stand under its name) and ``n`` and ``note`` on hovering. An end
        that is infinite, or far beyond the others, has an arrow. A row without a value is written
        as undefined.
    no_difference : where the dashed line stands.
    log_scale : for ratios, which are as far from 1 above as below.
    width_px : width of the part with the intervals; the numbers stand right of it.

    Raises
    ------
    InputError
        A column is missing, there is no row, or a value on the log scale is not positive.
    """
    require_columns(table, _COLUMNS, figure="a forest plot")
    if table.empty:
        raise InputError("a forest plot needs rows, the table has none")
    wrong = table["value"] <= 0
    if log_scale and wrong.any():
        raise InputError(
            f"a forest plot on the log scale needs values above 0; {int(wrong.sum())} are not"
        )
    rows = _placed(table, log_scale)
    limits = _limits(rows, no_difference, log_scale)
    room = (limits[1] - limits[0]) * _WRITTEN_PX / width_px
    height = -float(rows["y"].min()) + 0.8
    plot = theme.new_figure(
        title=title,
        x_label=x_label,
        y_label="",
        width_px=width_px + _WRITTEN_PX,
        height_px=round(height * _ROW_PX),
        x_range=(limits[0], limits[1] + room),
        y_range=(-height, 0.0),
        tools="save",
        active_drag=None,
    )
    _axes(plot, rows, limits, log_scale, width_px)
    if no_difference is not None:
        at = float(np.log(no_difference)) if log_scale else no_difference
        plot.segment(at, -height, at, 0, color=theme.MUTED_INK, line_dash="dashed")
    drawn = rows[np.isfinite(rows["x"])]
    _draw(plot, drawn, limits, x_label)
    _write(plot, rows, limits, room)
    return describe(plot, _words(rows, x_label, no_difference), notes=_notes(rows, limits))


def _placed(table: pd.DataFrame, log_scale: bool) -> pd.DataFrame:
    """Rows with their place from above, names of groups among them."""
    parts: list[dict[Hashable, Any]] = []
    y, group = 0.0, None
    for row in table.to_dict("records"):
        if row.get("group") and row.get("group") != group:
            group = row["group"]
            y -= 1.0 if y == 0 else 1.35
            parts.append({"name": group, "head": True, "y": y, "value": np.nan})
        y -= 1.0
        parts.append(row | {"head": False, "y": y})
    rows = pd.DataFrame(parts)
    rows[["value", "low", "high"]] = rows[["value", "low", "high"]].astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, place in (("value", "x"), ("low", "x_low"), ("high", "x_high")):
            column = rows[name].to_numpy()
            rows[place] = np.log(np.maximum(column, 0)) if log_scale else column
    return rows


def _limits(
    rows: pd.DataFrame, no_difference: float | None, log_scale: bool
) -> tuple[float, float]:
    line = no_difference if no_difference is not None else np.nan
    values = np.append(rows["x"].to_numpy(), np.log(line) if log_scale else line)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return (-1.0, 1.0)
    ends = rows[["x_low", "x_high"]].to_numpy().ravel()
    ends = ends[np.isfinite(ends)]
    # an interval longer than most others' must not flatten these
    reach = np.abs(ends - np.median(values))
    usual = float(np.median(reach)) if reach.size else 0.5
    longest = max(_LONGEST_REACH * usual, float(np.abs(values - np.median(values)).max()) * 2)
    shown = np.concatenate([values, ends[reach <= longest]])
    margin = 0.06 * (shown.max() - shown.min()) or 0.5
    return float(shown.min() - margin), float(shown.max() + margin)


def _spaced(ratios: list[float], room: float) -> list[float]:
    """Ratios whose logarithms stand at least ``room`` apart, 1 among them first."""
    kept: list[float] = []
    for ratio in sorted(ratios, key=lambda r: (r != 1, r not in _ROUND, abs(np.log(r)))):
        if all(abs(np.log(ratio / other)) >= room for other in kept):
            kept.append(ratio)
    return sorted(kept)


def _axes(
    plot: figure,
    rows: pd.DataFrame,
    limits: tuple[float, float],
    log_scale: bool,
    width_px: int,
) -> None:
    plot.xaxis.bounds = limits
    plot.xgrid.grid_line_color = theme.GRID
    plot.xgrid.bounds = limits
    plot.ygrid.grid_line_color = None
    names = rows[~rows["head"]]
    plot.yaxis.ticker = FixedTicker(ticks=names["y"].tolist())
    plot.yaxis.major_label_overrides = dict(zip(names["y"], names["name"].astype(str), strict=True))
    plot.yaxis.major_tick_line_color = None
    plot.yaxis.axis_line_color = None
    if log_scale:
        ticks = [t for t in _RATIO_TICKS if limits[0] <= np.log(t) <= limits[1]]
        kept = _spaced(ticks, (limits[1] - limits[0]) * _TICK_ROOM_PX / width_px)
        plot.xaxis.ticker = FixedTicker(ticks=[float(np.log(t)) for t in kept])
        plot.xaxis.major_label_overrides = {float(np.log(t)): f"{t:g}" for t in kept}
    for y in rows.loc[rows["head"], "y"]:
        plot.add_layout(
            Span(location=y - 0.5, dimension="width", line_color=theme.GRID, line_width=1)
        )


def _draw(plot: figure, drawn: pd.DataFrame, limits: tuple[float, float], x_label: str) -> None:
    if drawn.empty:
        return
    low = drawn["x_low"].fillna(drawn["x"]).to_numpy()
    high = drawn["x_high"].fillna(drawn["x"]).to_numpy()
    source = ColumnDataSource(
        {
            "x": drawn["x"].to_numpy(),
            "y": drawn["y"].to_numpy(),
            "low": np.maximum(low, limits[0]),
            "high": np.minimum(high, limits[1]),
            "name": drawn["name"].astype(str).to_numpy(),
            "written": [_text(row) for row in drawn.to_dict("records")],
            "n": [_count(n) for n in drawn.get("n", pd.Series(np.nan, drawn.index))],
            "note": drawn.get("note", pd.Series("", drawn.index)).fillna("").to_numpy(),
        }
    )
    plot.segment("low", "y", "high", "y", source=source, color=theme.MAIN, line_width=2)
    dots = plot.scatter(
        "x", "y", source=source, size=9, marker="square", color=theme.MAIN, line_color="white"
    )
    tips = [("", "@name"), (x_label, "@written"), ("of", "@n"), ("note", "@note")]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    for beyond, at, angle in (
        (low < limits[0], limits[0], np.pi / 2),
        (high > limits[1], limits[1], -np.pi / 2),
    ):
        plot.scatter(
            np.full(beyond.sum(), at), drawn["y"].to_numpy()[beyond], marker="triangle", size=9,
            angle=angle, color=theme.MAIN,
        )  # fmt: skip


def _write(plot: figure, rows: pd.DataFrame, limits: tuple[float, float], room: float) -> None:
    style = {
        "text_baseline": "middle", "text_font": value(theme.FONT),
        "text_font_size": f"{theme.TICK_PX}px",
    }  # fmt: skip
    written = rows[~rows["head"]]
    plot.text(
        x=np.full(len(written), limits[1] + 0.05 * room),
        y=written["y"].to_numpy(),
        text=[_text(row) for row in written.to_dict("records")],
        text_color=theme.INK,
        **style,
    )
    heads = rows[rows["head"]]
    plot.text(
        x=np.full(len(heads), limits[0]),
        y=heads["y"].to_numpy(),
        text=heads["name"].astype(str).tolist(),
        text_color=theme.MUTED_INK,
        text_font_style="bold",
        **style,
    )


def _text(row: Mapping[Hashable, Any]) -> str:
    number = float(row["value"])
    low, high = float(row["low"]), float(row["high"])
    if not np.isfinite(number):
        return "undefined"
    if np.isnan(low) and np.isnan(high):
        return theme.format_number(number)
    ends = " to ".join(theme.format_number(v) for v in (low, high))
    return f"{theme.format_number(number)}  ({ends})"


def _count(n: object) -> str:
    number = float(n)  # type: ignore[arg-type]
    return theme.format_count(number) if np.isfinite(number) else "NA"


def _words(rows: pd.DataFrame, x_label: str, no_difference: float | None) -> str:
    shown = rows[~rows["head"]]
    line = (
        ""
        if no_difference is None
        else (f" The dashed line is {theme.format_number(no_difference)}, no difference.")
    )
    undefined = int((~np.isfinite(shown["value"])).sum())
    missing = f" {undefined} undefined." if undefined else ""
    return f"{x_label} of {len(shown)} rows with 95% intervals.{missing}{line}"


def _notes(rows: pd.DataFrame, limits: tuple[float, float]) -> list[str]:
    shown = rows[~rows["head"]]
    notes = []
    if ((shown["x_low"] < limits[0]) | (shown["x_high"] > limits[1])).any():
        notes.append("Intervals with an arrow reach further than the figure.")
    if "note" in shown:
        said = shown[shown["note"].fillna("") != ""]
        notes += [f"{row['name']}: {row['note']}." for row in said.to_dict("records")]
    return list(dict.fromkeys(notes))
