"""Tables and funnels as HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator

import pandas as pd

from gwasbone.plots import theme
from gwasbone.plots.page import SCROLL_HINT, note_list
from gwasbone.report.document import Column, Funnel, Table

#: A table of more rows than this can be searched.
_SEARCHED_FROM = 8
#: One of more rows than this scrolls in a window of its own.
_WINDOWED_FROM = 30


def table_lines(table: Table, number: int) -> Iterator[str]:
    """A table with its controls: buttons in the headings sort, a field searches."""
    name = f"table-{number}"
    yield f'<div class="table" id="{name}" data-file="{html.escape(table.file_name)}.tsv">'
    if len(table.rows) > 1:
        yield from _controls(len(table.rows), name, table.caption)
    windowed = " windowed" if len(table.rows) > _WINDOWED_FROM else ""
    scrolls = f'role="group" aria-labelledby="{name}-caption" tabindex="0"'
    yield f'<div class="scroll{windowed}" {scrolls}>'
    yield "<table>"
    yield (
        f'<caption id="{name}-caption"><strong>Table {number}.</strong> '
        f"{html.escape(table.caption)}</caption>"
    )
    yield "<thead><tr>"
    yield from (_head_cell(column, len(table.rows) > 1) for column in table.columns)
    yield "</tr></thead>"
    yield "<tbody>"
    written = [_cells(table, column) for column in table.columns]
    for cells in zip(*written, strict=True):
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"
    yield SCROLL_HINT
    yield note_list(table.notes)
    yield "</div>"


def funnel_lines(funnel: Funnel, number: int) -> Iterator[str]:
    """A funnel: a bar for those left, and beside it those removed, and why."""
    name = f"table-{number}"
    rows = funnel.rows
    start = max(int(rows["remaining"].max()), 1)
    yield f'<div class="scroll" role="group" aria-labelledby="{name}-caption" tabindex="0">'
    yield f'<table class="funnel" id="{name}">'
    yield (
        f'<caption id="{name}-caption"><strong>Table {number}.</strong> '
        f"{html.escape(funnel.caption)}</caption>"
    )
    heads = ("Step", f"{funnel.noun.capitalize()} left", "Removed")
    cells = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in heads)
    yield f"<thead><tr>{cells}</tr></thead><tbody>"
    removed = rows["removed"].fillna(0).astype(int)
    for step, why, gone, left in zip(
        rows["step"], rows["reason"], removed, rows["remaining"].astype(int), strict=True
    ):
        # the bar says what the number beside it says
        bar = (
            '<span class="bar" aria-hidden="true">'
            f'<i style="width:{100 * left / start:.2f}%"></i>'
            f'<b style="width:{100 * gone / start:.2f}%"></b></span>'
        )
        minus = f"−{theme.format_count(gone)}" if gone else ""
        reason = f'<span class="why">{html.escape(str(why))}</span>' if str(why or "") else ""
        yield (
            f'<tr><th scope="row">{html.escape(str(step))}{reason}</th>'
            f"<td>{bar}<span>{theme.format_count(left)}</span></td>"
            f'<td class="gone">{minus}</td></tr>'
        )
    yield "</tbody></table></div>"
    yield SCROLL_HINT


def _controls(n_rows: int, name: str, caption: str) -> Iterator[str]:
    about = html.escape(caption)
    yield '<div class="controls">'
    if n_rows > _SEARCHED_FROM:
        yield (
            f'<label for="{name}-search">Search</label>'
            f'<input type="search" id="{name}-search" aria-describedby="{name}-caption" '
            'autocomplete="off" spellcheck="false">'
        )
    yield f'<span class="found" role="status">{theme.format_count(n_rows)} rows</span>'
    yield (
        '<button type="button" class="download">Download TSV'
        f'<span class="unseen"> of: {about}</span></button>'
    )
    yield "</div>"


def _head_cell(column: Column, sortable: bool) -> str:
    unit = f' <span class="unit">{html.escape(column.unit)}</span>' if column.unit else ""
    text = f"{html.escape(column.label)}{unit}"
    meaning = f' title="{html.escape(column.meaning)}"' if column.meaning else ""
    number = "" if column.kind == "text" else ' class="number"'
    name = html.escape(column.name)
    if not sortable:
        return f'<th scope="col" data-name="{name}"{number}{meaning}>{text}</th>'
    return (
        f'<th scope="col" aria-sort="none" data-name="{name}"{number}{meaning}>'
        f'<button type="button">{text}</button></th>'
    )


def _cells(table: Table, column: Column) -> list[str]:
    """The cells of a column; what is downloaded stands beside what is shown where they differ."""
    values = table.rows[column.name].tolist()
    links, shown = table.links.get(column.name, {}), table.shown.get(column.name, {})
    first = column is table.columns[0]
    tag, scope = ("th", ' scope="row"') if first else ("td", "")
    number = "" if column.kind == "text" else ' class="number"'
    cells = []
    for value in values:
        text = shown.get(value) or column.written(value)
        plain = _plain(value)
        kept = "" if plain == text else f' data-v="{html.escape(plain)}"'
        inside = html.escape(text)
        if value in links:
            inside = f'<a href="#{html.escape(links[value])}">{inside}</a>'
        cells.append(f"<{tag}{scope}{number}{kept}>{inside}</{tag}>")
    return cells


def _plain(value: object) -> str:
    """A value as a file has it."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "NA"
    return f"{value:.8g}" if isinstance(value, float) else str(value)
