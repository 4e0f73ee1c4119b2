"""The one rule for codes such as −9 that stand for a missing value in tables of participants."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import listed
from gwasbone.phenotypes.fields import is_batch

log = logging.getLogger(__name__)

#: The codes of the default rule, and of none.
AUTO, NONE = "auto", "none"
_DEFAULT = -9.0
#: Beside these a −9 in a column of whole numbers is a measured value, such as a score.
_NEIGHBOURS = (-8.0, -10.0)


def drop_missing_codes(
    table: pd.DataFrame, codes: Sequence[str] = (AUTO,), *, where: object
) -> pd.DataFrame:
    """Take coded missing values as missing; the log says how many of which columns.

    Parameters
    ----------
    codes : numbers or words that mean a missing value in every column. ``auto`` is −9, but where
        a column is all whole numbers and also holds −8 or −10 (or is UK Biobank's genotyping
        batch); ``none`` is nothing.
    where : the table's path, for the log.

    Returns
    -------
    The table; a column of text that is left with numbers becomes one of numbers. ``attrs`` has
    ``n_missing_codes``: column -> number of values.

    Examples
    --------
    >>> t = pd.DataFrame({"t_score": [-2.5, -9, 0.1], "score": [-8, -9, 3]})
    >>> drop_missing_codes(t, where="t").values.tolist()
    [[-2.5, -8.0], [nan, -9.0], [0.1, 3.0]]
    """
    numbers, words = _wanted(codes)
    counts: dict[str, int] = {}
    spared: list[str] = []
    changed: dict[str, Any] = {}
    for name, column in table.items():
        hit = _hits(column, numbers, words)
        if not hit.any():
            continue
        if tuple(codes) == (AUTO,) and (is_batch(str(name)) or _is_measured(column)):
            spared.append(str(name))
            continue
        counts[str(name)] = int(hit.sum())
        changed[str(name)] = _without(column, hit)
    if changed:
        table = table.assign(**changed)
        shown = listed(f"{name} ({count:,})" for name, count in counts.items())
        log.info(
            "%s: %s taken as missing in %s; --missing-codes none keeps it",
            where, ", ".join([*(f"{n:g}" for n in numbers), *words]), shown,
        )  # fmt: skip
    if spared:
        log.info("%s: -9 beside -8 or -10 kept as a number in %s", where, listed(spared))
    table.attrs["n_missing_codes"] = counts
    return table


def _wanted(codes: Sequence[str]) -> tuple[list[float], list[str]]:
    numbers, words = [], []
    for code in codes:
        if code == AUTO:
            numbers.append(_DEFAULT)
        elif code != NONE:
            try:
                numbers.append(float(code))
            except ValueError:
                words.append(code)
    return numbers, words


def _hits(column: pd.Series, numbers: list[float], words: list[str]) -> np.ndarray:
    if pd.api.types.is_bool_dtype(column):
        return np.zeros(len(column), dtype=bool)
    if pd.api.types.is_numeric_dtype(column):
        hit = np.zeros(len(column), dtype=bool)
        for number in numbers:
            hit |= (column == number).to_numpy(dtype=bool, na_value=False)
        return hit
    spellings = {text for n in numbers for text in (f"{n:g}", f"{n:.1f}", f"{n:.2f}")}
    return np.asarray(column.isin([*spellings, *words]).to_numpy(dtype=bool))


def _is_measured(column: pd.Series) -> bool:
    """Whether a column is of whole numbers around −9."""
    if not pd.api.types.is_numeric_dtype(column):
        values = pd.to_numeric(pd.Series(column.dropna().unique()).astype(str), errors="coerce")
        if values.isna().any():
            return False
    else:
        values = column.dropna()
    return bool((values % 1 == 0).all() and values.isin(_NEIGHBOURS).any())


def _without(column: pd.Series, hit: np.ndarray) -> pd.Series:
    left = column.astype(object).where(~hit) if column.dtype == object else column.mask(hit)
    if left.dtype != object:
        return left
    numbers = pd.to_numeric(left, errors="coerce")
    return numbers if numbers.notna().sum() == left.notna().sum() else left
