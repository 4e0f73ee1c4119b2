"""What a report is made of: chapters of parts, and in them words, figures and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from gwasbone.plots import theme
from gwasbone.plots.page import PageFigure

Kind = Literal["text", "count", "number", "thousandths", "height"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : in the table, and in the file that the reader downloads.
    label : its heading.
    unit : of its values.
    kind : how a value is written: ``text`` as it is, ``count`` with thousands separated,
        ``number`` to three significant digits, ``thousandths`` to three decimals, ``height``
        (−log₁₀ p) to one.
    meaning : said where the reader points at the heading.
    """

    name: str
    label: str
    unit: str = ""
    kind: Kind = "text"
    meaning: str = ""

    def written(self, value: object) -> str:
        """A value as the page shows it; a missing one is a dash.

        >>> Column(name="p", label="p", kind="height").written(7.301)
        '7.3'
        """
        if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA:
            return "–"
        if isinstance(value, str):
            return value  # also a number that is withheld
        if self.kind == "count":
            return theme.format_count(float(value))  # type: ignore[arg-type]
        if self.kind == "number":
            return theme.format_number(float(value))  # type: ignore[arg-type]
        if self.kind == "thousandths":
            return f"{float(value):,.3f}".replace("-", "−")  # type: ignore[arg-type]
        if self.kind == "height":
            return f"{float(value):,.1f}"  # type: ignore[arg-type]
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that can be sorted, searched and downloaded.

    Parameters
    ----------
    caption : what a row is.
    rows : the values, as they are downloaded.
    columns : those shown, in order; the first names the row.
    file_name : of the download, without its ending.
    links : column -> (value -> where on the page it leads, such as ``scan-bmd``).
    shown : column -> (value -> how it is written, where its kind does not say).
    notes : below the table.
    """

    caption: str
    rows: pd.DataFrame
    columns: tuple[Column, ...]
    file_name: str
    links: Mapping[str, Mapping[object, str]] = field(default_factory=dict)
    shown: Mapping[str, Mapping[object, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How many are left after each step.

    Parameters
    ----------
    caption : what is counted where.
    noun : what is counted, in the plural.
    rows : ``step reason removed remaining``; see :func:`gwasbone.plots.funnel.funnel`.
    """

    caption: str
    noun: str
    rows: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Text that is shown as it is written, such as options in effect.

    Parameters
    ----------
    heading : what opens it.
    text : lines.
    """

    heading: str
    text: str


Block = PageFigure | Table | Funnel | Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a chapter.

    Parameters
    ----------
    heading : empty where the chapter has one part only.
    blocks : figures and tables, in order.
    sentences : before them.
    points : after those, one line each.
    name : what links lead to; none where empty.
    """

    heading: str = ""
    sentences: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A chapter.

    Parameters
    ----------
    name : what links lead to: one word.
    title : its heading, and its line in the table of contents.
    sentences : the findings in words.
    parts : what shows them. A chapter without any is one sentence: why there is nothing.
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    parts: tuple[Part, ...] = ()

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for part in self.parts for block in part.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report.

    Parameters
    ----------
    title, subtitle : of the study.
    key_numbers : (what, number) at the top of the page.
    chapters : in order.
    """

    title: str
    subtitle: str
    key_numbers: tuple[tuple[str, str], ...]
    chapters: tuple[Chapter, ...]

    @property
    def figures(self) -> tuple[PageFigure, ...]:
        blocks = (block for chapter in self.chapters for block in chapter.blocks)
        return tuple(block for block in blocks if isinstance(block, PageFigure))
