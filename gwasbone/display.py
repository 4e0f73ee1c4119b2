"""How cohorts and results show themselves: one line, and in a notebook a table below it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: Rows of a table that a notebook shows.
MAX_ROWS = 20


class Shown:
    """A result that says in one line what it holds; see ``headline`` and ``preview``.

    Dataclasses that derive from it are declared with ``repr=False``.
    """

    def headline(self) -> str:
        """The result in one line, such as ``Cohort: 300 samples, 400 variants``."""
        raise NotImplementedError

    def preview(self) -> pd.DataFrame | None:
        """The table that a notebook shows below the line, None for no table."""
        return None

    def __repr__(self) -> str:
        return self.headline()

    def _repr_html_(self) -> str:
        table = self.preview()
        line = f"<p>{html.escape(self.headline())}</p>"
        if table is None:
            return line
        more = len(table) - MAX_ROWS
        rest = f"<p>and {more:,} more rows</p>" if more > 0 else ""
        return line + table.head(MAX_ROWS).to_html(index=False, border=0) + rest


def counted(kept: int, total: int, noun: str) -> str:
    """A count of what is kept, of how many.

    >>> counted(1753, 2000, "samples"), counted(300, 300, "samples")
    ('1,753 of 2,000 samples', '300 samples')
    """
    return f"{kept:,} {noun}" if kept == total else f"{kept:,} of {total:,} {noun}"
