"""A report as one HTML file that needs nothing but a browser."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from importlib import resources
from itertools import groupby
from pathlib import Path

from gwasbone.files import atomic_path
from gwasbone.plots import theme
from gwasbone.plots.page import (
    PageFigure,
    bokeh_scripts,
    drawing_lines,
    drawing_script,
    drawing_style,
    note_list,
)
from gwasbone.report.document import Block, Chapter, Funnel, Listing, Part, Report, Table
from gwasbone.report.tables import funnel_lines, table_lines

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
    title = figure.heading or "Figure"
    shape = f' class="{figure.shape}"' if figure.shape else ""
    yield f'<figure id="{name}"{shape} aria-labelledby="{name}-title">'
    yield from drawing_lines(figure, name, f"Figure {number}: {title}")
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
