"""Outputs of the finished stages of a study: records, tables, and the figures of their pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from gwasbone.plots import disclosure
from gwasbone.plots.page import Page, PageFigure, kept_page, read_page
from gwasbone.report import Chapter
from gwasbone.study.config import StudyConfig
from gwasbone.study.files import FIGURES
from gwasbone.study.runner import read_record

#: Stages whose pages show variants and no participants.
NO_PARTICIPANTS = frozenset({"variants", "scans", "loci", "comparison"})


def protected(
    table: pd.DataFrame, columns: Collection[str], *, beside: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """A table whose columns of participants are withheld where small.

    Parameters
    ----------
    columns : of counts, those that the table has; a total over the rows is taken to be known.
    beside : column -> the column of a whole that it is a part of, whose rest counts too.
    """
    changed: dict[str, pd.Series] = {}
    for name in (name for name in columns if name in table):
        numbers = table[name].fillna(0)
        hidden = disclosure.withheld_cells(numbers)
        whole = (beside or {}).get(name)
        if whole in table:
            hidden |= disclosure.withheld_cells(table[whole].fillna(0) - numbers)
        if not hidden.any():
            continue
        shown = table[name].astype(object)
        small = hidden & numbers.map(disclosure.is_small).to_numpy()
        shown[hidden] = None
        shown[small] = disclosure.BELOW
        changed[name] = shown
    return table.assign(**changed)


@dataclass(frozen=True)
class Findings:
    """The finished stages of a study.

    Parameters
    ----------
    config : the study.
    stages : names of its stages, in order.
    withheld : stages whose figures were drawn with small counts, which a report without them
        leaves out; filled as pages are read.
    """

    config: StudyConfig
    stages: tuple[str, ...]
    withheld: set[str] = field(default_factory=set)

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """Stage -> its record (inputs, versions, summary), of the finished stages."""
        read = {name: read_record(self.config.output / name) for name in self.stages}
        return {name: record for name, record in read.items() if record is not None}

    def path(self, stage: str, name: str) -> Path | None:
        """A file of a finished stage; None where it is not there."""
        path = self.config.output / stage / name
        return path if stage in self.records and path.exists() else None

    def table(self, stage: str, name: str) -> pd.DataFrame | None:
        """A table of a finished stage, codes and names as text; None where it is not there."""
        path = self.path(stage, name)
        if path is None:
            return None
        texts = {"chromosome": str, "rule": str, "code": str, "region": str}
        # "NA" alone is missing: a trait or an allele may be called None or null
        return pd.read_csv(path, sep="\t", dtype=texts, na_values=["NA"], keep_default_na=False)

    def summary(self, stage: str) -> str:
        """What a finished stage says of its outcome."""
        return disclosure.masked(str(self.records[stage]["summary"]))

    def page(self, stage: str, name: str) -> Page | None:
        """A page of a finished stage; None where it is not there.

        A page that was drawn with small counts has no figures and notes here, unless the report
        may show small counts.

        Raises
        ------
        InputError
            Its figures were not kept, or cannot be read.
        """
        path = self.path(stage, name)
        if path is None:
            return None
        page = read_page(kept_page(path.parent / FIGURES, path))
        if not page.small_counts or disclosure.small_counts_allowed() or stage in NO_PARTICIPANTS:
            return page
        self.withheld.add(stage)
        return replace(page, subtitle=disclosure.masked(page.subtitle), notes=(), figures=())

    def figures(
        self, stage: str, name: str, *, but: Collection[str] = (), heading: str = ""
    ) -> tuple[PageFigure, ...]:
        """The figures on a page of a finished stage.

        Parameters
        ----------
        but : leave out those of these headings.
        heading : of a figure that has none.
        """
        page = self.page(stage, name)
        figures = () if page is None else page.figures
        return tuple(
            replace(figure, heading=figure.heading or heading)
            for figure in figures
            if figure.heading not in but
        )

    def absent(self, stage: str, name: str, title: str) -> Chapter:
        """The chapter of a stage that left nothing: one sentence, why."""
        record = self.records.get(stage)
        if record is None:
            why = f"Not part of this report: stage {stage} has not run."
        else:
            why = f"Not part of this study: {self.summary(stage)}."
        return Chapter(name=name, title=title, sentences=(why,))


def listed(parts: list[str]) -> str:
    """Words joined as in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def counted(n: int, one: str, several: str | None = None) -> str:
    """A count and its noun.

    >>> counted(1, "scan"), counted(2000, "locus", "loci")
    ('1 scan', '2,000 loci')
    """
    return f"{n:,} {one if n == 1 else several or f'{one}s'}"
