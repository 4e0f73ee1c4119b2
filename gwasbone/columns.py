"""Columns of tables that users give: found by their names, read as chromosomes and numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.genome import MAX_POSITION_BP, chromosome_code

#: How tables say that a cell has no value, in lower case.
MISSING_CELLS = ("", "na", "n/a", "#n/a", "nan", ".", "-", "none", "null")
#: What columns of a chromosome and of a position in bp are called (:func:`plain_name`); CHR_ID and
#: CHR_POS are the GWAS Catalog's.
CHROMOSOME_NAMES = ("chromosome", "chrom", "chr", "chr_id")
POSITION_NAMES = (
    "base_pair_location", "position", "pos", "bp", "position_bp", "pos_bp", "chr_pos", "genpos",
)  # fmt: skip
_SHOWN = 60

T = TypeVar("T")


def plain_name(name: str) -> str:
    """A column's name in lower case, with ``_`` between its letters and digits.

    >>> plain_name("Chromosome/scaffold name"), plain_name("Rate(cM/Mb)"), plain_name("P-VALUE")
    ('chromosome_scaffold_name', 'rate_cm_mb', 'p_value')
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def one_or_several(given: str | Sequence[T]) -> Sequence[str] | Sequence[T]:
    """What users name, as a list; a name alone is one, and not its letters.

    >>> one_or_several("bmd"), one_or_several(["bmd", "age"])
    (['bmd'], ['bmd', 'age'])
    """
    return [given] if isinstance(given, str) else given


def columns_called(header: Sequence[str], names: Sequence[str]) -> list[int]:
    """The columns with one of these names, by their places, in the order of ``names``.

    Names are compared whole, as :func:`plain_name` spells them: ``cMperMb`` is no ``cM``.
    """
    plain = [plain_name(name) for name in header]
    return [i for name in names for i, spelled in enumerate(plain) if spelled == name]


def is_missing(cells: pd.Series) -> pd.Series:
    """Which cells of a column of text have no value."""
    return cells.str.lower().isin(MISSING_CELLS)


def numbers(cells: pd.Series) -> pd.Series:
    """A column of text as numbers, NaN where a cell is none; ``1,000`` is a thousand."""
    thousands = cells.str.fullmatch(r"\d{1,3}(,\d{3})+")
    plain = cells.mask(thousands, cells.str.replace(",", "")) if thousands.any() else cells
    return pd.to_numeric(plain, errors="coerce").astype(np.float64)


def positions(cells: pd.Series, *, smallest: int = 1) -> pd.Series:
    """A column of text as positions in bp, NaN where a cell is none, such as 1000.5 or −3."""
    found = numbers(cells)
    return found.where((found % 1 == 0) & found.between(smallest, MAX_POSITION_BP))


def chromosomes(cells: pd.Series) -> pd.Series:
    """A column of text as codes of chromosomes, NaN where a cell is none."""
    codes = {name: chromosome_code(name) for name in cells.unique()}
    return cells.map(codes).astype(np.float64)


def refuse_rows(path: object, wrong: pd.Series, cells: pd.DataFrame, expected: str) -> None:
    """Raise :class:`InputError` where a row is wrong; it names the first by line and cells.

    Parameters
    ----------
    wrong : of each row. cells : what the file says in these rows; its index is the line.
    expected : what each row should hold.
    """
    if not wrong.any():
        return
    first = cells[wrong.to_numpy()].iloc[0]
    shown = ", ".join(f"{name} {str(cell)[:_SHOWN]!r}" for name, cell in first.items())
    n = int(wrong.sum())
    raise InputError(
        f"{path}: expected {expected}; {n} {'row has' if n == 1 else 'rows have'} not, the first "
        f"in line {first.name}: {shown}"
    )
