"""A report as one HTML file that needs nothing but a browser."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator
from importlib import resources
from itertools import groupby
from pathlib import Path

import pandas as pd

from gwasbone.files import atomic_path
from gwasbone.plots import theme
from gwasbone.plots.funnel import funnel_words
from gwasbone.plots.page import (
    SCROLL_HINT,
    PageFigure,
    bokeh_scripts,
    drawing_lines,
    drawing_script,
    drawing_style,
    file_stem,
    note_list,
)
from gwasbone.report.document import Block, Chapter, Column, Funnel, Listing, Part, Report, Table

# As for single pages, the browser refuses any request; `blob:` is for files made on the page.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline' blob:;"
    " img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
)
_COLOURS = {
    "ink": theme.INK,
    "muted": theme.MUTED_INK,
    "line": theme.GRID,
    "axis": theme.AXIS,
    "paper": theme.BACKGROUND,
    "main": theme.MAIN,
    "pale": theme.PALE,
    "accent": theme.ACCENT,
}


class _Numbers:
    """Running numbers of figures and tables."""

    def __init__(self) -> None:
        self.figure = self.table = 0

    def next_figure(self) -> int:
        self.figure += 1
        return self.figure

    def next_table(self) -> int:
        self.table += 1
        return self.table


def save_report(report: Report, path: Path) -> Path:
    """Write a report; the file appears whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(report_lines(report)) + "\n", encoding="utf-8")
    return path


def report_lines(report: Report) -> Iterator[str]:
    """The lines of the HTML file."""
    yield "<!DOCTYPE html>"
    yield '<html lang="en" data-draw="near">'
    yield from _head(report)
    yield '<body id="top">'
    yield '<a class="skip" href="#content">Skip to the content</a>'
    yield from _masthead(report)
    yield '<div class="columns">'
    yield from _contents(report)
    yield '<main id="content" tabindex="-1">'
    yield from _key_numbers(report)
    numbers = _Numbers()
    for chapter in report.chapters:
        yield from _chapter(chapter, numbers)
    yield "</main>"
    yield "</div>"
    yield '<a class="to-top" href="#top">Back to top</a>'
    yield drawing_script()
    yield f"<script>{_file('report.js')}</script>"
    yield "</body>"
    yield "</html>"


def _head(report: Report) -> Iterator[str]:
    colours = "; ".join(f"--{name}: {value}" for name, value in _COLOURS.items())
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="generator" content="gwasbone">'
    yield f"<title>{html.escape(report.title)}: report</title>"
    yield f"<style>:root {{ {colours}; --font: {theme.FONT}; }}"
    yield f"{drawing_style()}{_file('report.css')}</style>"
    yield bokeh_scripts(report.figures)
    yield "</head>"


def _masthead(report: Report) -> Iterator[str]:
    yield '<header class="masthead"><div>'
    yield '<p class="kind">Report of a genome-wide association study</p>'
    yield f"<h1>{html.escape(report.title)}</h1>"
    yield f'<p class="subtitle">{html.escape(report.subtitle)}</p>'
    yield "</div>"
    yield '<button type="button" id="print">Print or save as PDF</button>'
    yield "</header>"


def _contents(report: Report) -> Iterator[str]:
    yield '<nav class="contents" aria-label="Chapters"><ol>'
    for chapter in report.chapters:
        empty = "" if chapter.parts else ' class="empty"'
        yield f'<li{empty}><a href="#{chapter.name}">{html.escape(chapter.title)}</a></li>'
    yield "</ol></nav>"


def _key_numbers(report: Report) -> Iterator[str]:
    if not report.key_numbers:
        return
    yield '<section class="key-numbers" aria-label="Key numbers"><dl>'
    for what, number in report.key_numbers:
        yield f"<div><dt>{html.escape(what)}</dt><dd>{html.escape(number)}</dd></div>"
    yield "</dl></section>"


def _chapter(chapter: Chapter, numbers: _Numbers) -> Iterator[str]:
    name, title = chapter.name, html.escape(chapter.title)
    empty = "" if chapter.parts else " empty"
    yield f'<section class="chapter{empty}" id="{name}" aria-labelledby="{name}-title">'
    yield f'<h2 id="{name}-title">{title}</h2>'
    yield from _paragraphs(chapter.sentences)
    for part in chapter.parts:
        yield from _part(part, numbers)
    yield "</section>"


def _part(part: Part, numbers: _Numbers) -> Iterator[str]:
    name = f' id="{part.name}"' if part.name else ""
    yield f'<div class="part"{name}>'
    if part.heading:
        yield f"<h3>{html.escape(part.heading)}</h3>"
    yield from _paragraphs(part.sentences)
    points = "".join(f"<li>{html.escape(point)}</li>" for point in part.points)
    if points:
        yield f'<ul class="points">{points}</ul>'
    for are_figures, blocks in groupby(part.blocks, lambda block: isinstance(block, PageFigure)):
        # figures next to each other share a row where they find room
        if are_figures:
            yield '<div class="figures">'
        for block in blocks:
            yield from _block(block, numbers)
        if are_figures:
            yield "</div>"
    yield "</div>"


def _block(block: Block, numbers: _Numbers) -> Iterator[str]:
    if isinstance(block, PageFigure):
        yield from _figure(block, numbers.next_figure())
    elif isinstance(block, Table):
        yield from table_lines(block, numbers.next_table())
    elif isinstance(block, Funnel):
        yield from funnel_lines(block, numbers.next_table())
    else:
        yield from _listing(block)


def _figure(figure: PageFigure, number: int) -> Iterator[str]:
    name = f"figure-{number}"
    title = figure.name or "Figure"
    shape = f' class="{figure.shape}"' if figure.shape else ""
    yield f'<figure id="{name}"{shape} aria-labelledby="{name}-title">'
    yield from drawing_lines(figure, name, f"Figure {number}: {title}", file_stem(title))
    yield (
        f'<figcaption><strong id="{name}-title">Figure {number}. {html.escape(title)}.</strong> '
        f"{html.escape(figure.description)}{note_list(figure.notes)}</figcaption>"
    )
    yield "</figure>"


def _listing(listing: Listing) -> Iterator[str]:
    yield f"<details><summary>{html.escape(listing.heading)}</summary>"
    label = html.escape(listing.heading)
    yield f'<pre tabindex="0" role="region" aria-label="{label}">{html.escape(listing.text)}</pre>'
    yield "</details>"


def _paragraphs(sentences: Iterable[str]) -> Iterator[str]:
    text = " ".join(sentences)
    if text:
        yield f"<p>{html.escape(text)}</p>"


def _file(name: str) -> str:
    return resources.files("gwasbone.report").joinpath(name).read_text(encoding="utf-8")


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
    """A funnel: a bar for those left, and beside it those removed and the reason."""
    name = f"table-{number}"
    rows = funnel.rows
    removed = rows["removed"].fillna(0).astype(int)
    words = funnel_words(removed, rows["remaining"].astype(int), noun=funnel.noun)
    start = max(int(words.bar_before.max()), 1)
    yield f'<div class="scroll" role="group" aria-labelledby="{name}-caption" tabindex="0">'
    yield f'<table class="funnel" id="{name}">'
    yield (
        f'<caption id="{name}-caption"><strong>Table {number}.</strong> '
        f"{html.escape(funnel.caption)}</caption>"
    )
    heads = ("Step", f"{funnel.noun.capitalize()} left", "Removed")
    cells = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in heads)
    yield f"<thead><tr>{cells}</tr></thead><tbody>"
    for step, why, gone, left, bar_end, before in zip(
        rows["step"], rows["reason"], words.removed, words.remaining,
        words.bar.tolist(), words.bar_before.tolist(), strict=True,
    ):  # fmt: skip
        # the bar shows what the number beside it says
        bar = (
            '<span class="bar" aria-hidden="true">'
            f'<i style="width:{100 * bar_end / start:.2f}%"></i>'
            f'<b style="width:{100 * (before - bar_end) / start:.2f}%"></b></span>'
        )
        reason = f'<span class="why">{html.escape(str(why))}</span>' if str(why or "") else ""
        yield (
            f'<tr><th scope="row">{html.escape(str(step))}{reason}</th>'
            f"<td>{bar}<span>{html.escape(left)}</span></td>"
            f'<td class="gone">{html.escape(gone)}</td></tr>'
        )
    yield "</tbody></table></div>"
    yield SCROLL_HINT
    yield note_list([words.note] if words.note else [])


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
