"""A matrix of genetic correlations, with what is undefined or outside −1 to 1 marked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColorBar, ColumnDataSource, HoverTool, LinearColorMapper
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import require_columns

_CELL_PX, _MOST_PX, _WRITTEN_UP_TO = 46, 900, 24
_COLUMNS = ("trait1", "trait2", "rg", "standard_error", "neg_log_10_p_value")
#: Blue over white to orange, which the colour-blind tell apart.
_LOW, _MIDDLE, _HIGH = (33, 102, 172), (247, 247, 247), (178, 88, 6)


def rg_matrix(table: pd.DataFrame, *, title: str = "") -> figure:
    """Draw genetic correlations as coloured cells.

    A cell with a frame is outside −1 to 1, one with a cross is undefined, and a star stands where
    p is below 0.05 divided by the number of pairs.

    Parameters
    ----------
    table : a row for each pair: ``trait1``, ``trait2``, ``rg`` (NaN where undefined),
        ``standard_error`` and ``neg_log_10_p_value``; ``status`` says why one is undefined.

    Raises
    ------
    InputError
        A column is missing, or there is no row.
    """
    require_columns(table, _COLUMNS, figure="a matrix of genetic correlations")
    if table.empty:
        raise InputError("a matrix of genetic correlations needs pairs; the table has none")
    traits = list(dict.fromkeys([*table["trait1"].astype(str), *table["trait2"].astype(str)]))
    cell = min(_CELL_PX, _MOST_PX // len(traits))
    n = len(traits)
    size = max(cell * n, 120)
    plot = theme.new_figure(
        title=title, x_label="", y_label="", width_px=size, height_px=size, x_range=(-0.5, n - 0.5),
        y_range=(0.5 - n, 0.5), tools="save", active_drag=None,
    )  # fmt: skip
    for axis, sign in ((plot.xaxis, 1), (plot.yaxis, -1)):
        axis.ticker = [sign * i for i in range(n)]
        axis.major_label_overrides = {sign * i: name for i, name in enumerate(traits)}
    plot.xaxis.major_label_orientation = np.pi / 3
    plot.grid.visible = False
    source = ColumnDataSource(_cells(table, traits))
    mapper = LinearColorMapper(palette=_palette(), low=-1, high=1, nan_color="#ffffff")
    cells = plot.rect(
        "x", "y", 1, 1, source=source, fill_color={"field": "rg", "transform": mapper},
        line_color=theme.GRID,
    )  # fmt: skip
    for name, look in (
        ("outside", {"marker": "square", "size": cell - 6, "line_color": theme.INK,
                     "line_width": 2.5, "fill_alpha": 0}),
        ("undefined", {"marker": "x", "size": cell * 0.45, "line_color": theme.MUTED_INK,
                       "line_width": 1.5}),
    ):  # fmt: skip
        marked = _marked(source.data, name)
        if marked["x"]:
            plot.scatter("x", "y", source=ColumnDataSource(marked), **look)
    plot.text(
        "x", "y", "text", source=source, text_align="center", text_baseline="middle",
        text_color="colour", text_font_size=f"{min(theme.TICK_PX, cell // 3)}px",
    )  # fmt: skip
    tips = [("", "@pair"), ("r_g", "@written"), ("−log₁₀ p", "@p"), ("note", "@status")]
    plot.add_tools(HoverTool(renderers=[cells], tooltips=tips))
    plot.add_layout(ColorBar(color_mapper=mapper, width=10, title="r_g"), "right")
    return describe(plot, _words(table, len(traits)), notes=_notes(table))


def _cells(table: pd.DataFrame, traits: list[str]) -> dict[str, list[Any]]:
    written = len(traits) <= _WRITTEN_UP_TO
    place = {name: i for i, name in enumerate(traits)}
    level = -np.log10(0.05 / len(table))
    status = table["status"] if "status" in table else pd.Series("", table.index)
    cells: dict[str, list[Any]] = {
        name: []
        for name in ("x", "y", "pair", "rg", "text", "colour", "written", "p", "status", "mark")
    }
    columns = (table[name] for name in _COLUMNS)
    for one, other, rg, se, p, why in zip(*columns, status.fillna(""), strict=True):
        defined = np.isfinite(rg)
        star = "*" if defined and p >= level else ""
        text = f"{rg:.2f}{star}".replace("-", "−") if defined and written else star
        mark = "undefined" if not defined else "outside" if abs(rg) > 1 else ""
        row = {
            "pair": f"{one}, {other}",
            "rg": float(rg), "text": text, "colour": "white" if abs(rg) > 0.6 else theme.INK,
            "written": f"{rg:.3f} (s.e. {se:.3f})" if defined else "undefined",
            "p": f"{p:.2f}" if defined else "", "status": why, "mark": mark,
        }  # fmt: skip
        i, j = place[str(one)], place[str(other)]
        for x, y in ((i, -j), (j, -i)):
            for name, value in ({"x": x, "y": y} | row).items():
                cells[name].append(value)
    return cells


def _marked(cells: Any, mark: str) -> dict[str, list[float]]:
    rows = [i for i, one in enumerate(cells["mark"]) if one == mark]
    return {name: [cells[name][i] for i in rows] for name in ("x", "y")}


def _palette() -> list[str]:
    shades = []
    for share in np.linspace(-1, 1, 101):
        end = np.array(_HIGH if share > 0 else _LOW)
        red, green, blue = np.rint(np.array(_MIDDLE) + abs(share) * (end - _MIDDLE)).astype(int)
        shades.append(f"#{red:02x}{green:02x}{blue:02x}")
    return shades


def _words(table: pd.DataFrame, n_traits: int) -> str:
    rg = table["rg"].to_numpy(dtype=float)
    undefined, outside = int(np.isnan(rg).sum()), int((np.abs(rg) > 1).sum())
    return (
        f"Genetic correlations of {n_traits} traits, {len(table)} pairs: {undefined} undefined, "
        f"{outside} outside −1 to 1."
    )


def _notes(table: pd.DataFrame) -> list[str]:
    notes = [
        "A frame marks an estimate outside −1 to 1, which sampling error allows; a cross an "
        "undefined one; a star p below 0.05 divided by the number of pairs."
    ]
    if "status" in table:
        undefined = table[table["status"].fillna("") != ""]
        notes += [
            f"{row['trait1']} and {row['trait2']}: {row['status']}."
            for row in undefined.head(20).to_dict("records")
        ]
    return notes
