"""Codes of biobank answers that are no measurements: -1, -3, -10, -818 and the like, by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.errors import InputError

_COLUMNS = ("field", "code", "use")
_MISSING, _VALUE, _ALL = "missing", "value", "*"
#: Negative whole numbers that UK Biobank uses as codes; others are not suspected. -9 means missing
#: in every table and has a rule of its own.
_SUSPECTS = frozenset(
    {*range(-13, 0), -17, -21, -23, -27, -121, -131, -141, -313, -521, -600, -818, -999}
) - {-9}


@dataclass(frozen=True)
class Recoded:
    """A column without its special codes.

    Parameters
    ----------
    values : missing where a code said so; numbers in place of codes that stand for one.
    n_missing : how many values became missing. n_replaced : how many became another number.
    unknown : negative whole numbers that look like codes and are not listed -> how many.
    """

    values: pd.Series
    n_missing: int
    n_replaced: int
    unknown: Mapping[int, int]


@dataclass(frozen=True)
class SpecialCodes:
    """What codes mean, by field.

    Parameters
    ----------
    uses : field -> code -> ``missing``, ``value`` or the number that it stands for.
    measured : fields whose negative numbers are measurements.

    Examples
    --------
    >>> hours_of_television = pd.Series([2.0, -10, -1, -3])
    >>> SpecialCodes.read().recode(1070, hours_of_television).values.tolist()
    [2.0, 0.5, nan, nan]
    """

    uses: Mapping[int, Mapping[float, str]]
    measured: frozenset[int]

    @classmethod
    def read(cls, path: Path | None = None) -> SpecialCodes:
        """Of a table ``field code use``; ``resources/coded_missing.tsv`` by default.

        Raises
        ------
        InputError
            Another header, or an entry that is none; all faults are listed.
        """
        return _read(path)

    def missing(self, field: int) -> frozenset[float]:
        """The codes of a field that mean a missing value."""
        return frozenset(c for c, use in self.uses.get(field, {}).items() if use == _MISSING)

    def recode(self, field: int, column: pd.Series) -> Recoded:
        """A column of a field as numbers and answers: codes made missing, or what they stand for.

        Parameters
        ----------
        column : numbers, categories or text (``-3``, ``-3.0``); dates have no codes.
        """
        if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_bool_dtype(column):
            return Recoded(column, 0, 0, {})
        uses = self.uses.get(field, {})
        levels, numbers, whole = _possible_codes(column, uses)
        dropped: list[object] = []
        replaced: dict[object, str] = {}
        unknown: dict[int, int] = {}
        for level, number in zip(levels, numbers, strict=True):
            use = uses.get(number)
            if use == _MISSING:
                dropped.append(level)
            elif use not in (None, _VALUE):
                replaced[level] = str(use)
            elif use is None and whole and number in _SUSPECTS and field not in self.measured:
                unknown[int(number)] = int((column == level).sum())
        values, n_missing, n_replaced = column, 0, 0
        if dropped:
            hit = column.isin(dropped)
            values, n_missing = values.mask(hit), int(hit.sum())
        if replaced:
            n_replaced = int(column.isin(list(replaced)).sum())
            values = _replaced(values, replaced)
        return Recoded(values, n_missing, n_replaced, unknown)


def _possible_codes(
    column: pd.Series, uses: Mapping[float, str]
) -> tuple[list[object], list[float], bool]:
    """Values that may be codes, as they stand and as numbers; whether the column is all whole."""
    if pd.api.types.is_numeric_dtype(column):
        array = column.to_numpy(np.float64, na_value=np.nan)
        found = np.unique(array[(array < 0) | np.isin(array, list(uses))]).tolist()
        whole = bool(found) and bool((array[~np.isnan(array)] % 1 == 0).all())
        return list(found), found, whole
    known = column.cat.categories if column.dtype == "category" else column.dropna().unique()
    texts = pd.Series(known).astype(str)
    if not uses and not texts.str.startswith("-").any():
        return [], [], False
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    present = set(column.dropna().unique())
    pairs = [(k, n) for k, n in zip(known, numbers, strict=True) if n == n and k in present]
    whole = all(n % 1 == 0 for _, n in pairs)
    return [k for k, _ in pairs], [n for _, n in pairs], whole


def _replaced(values: pd.Series, replaced: Mapping[object, str]) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.astype(np.float64)
        for code, use in replaced.items():
            numbers = numbers.mask(values.isin([code]), float(use))
        return numbers
    plain = values.astype(object).map(lambda value: replaced.get(value, value), "ignore")
    return plain.astype("category") if values.dtype == "category" else plain


def describe_unknown(unknown: Mapping[str, Mapping[int, int]]) -> str:
    """Columns with codes that are not listed, and how often each is there.

    >>> describe_unknown({"p99999": {-3: 5, -1: 12}})
    'p99999 (-3 in 5, -1 in 12)'
    """
    return ", ".join(
        f"{name} ({', '.join(f'{code} in {n:,}' for code, n in sorted(codes.items()))})"
        for name, codes in unknown.items()
    )


@cache
def _read(path: Path | None) -> SpecialCodes:
    source = files("gwasbone") / "resources" / "coded_missing.tsv" if path is None else path
    with source.open(encoding="utf-8") as handle:
        rows = pd.read_csv(handle, sep="\t", comment="#", dtype=str, keep_default_na=False)
    absent = set(_COLUMNS) - set(rows.columns)
    if absent:
        raise InputError(
            f"expected columns field, code and use in {source}, {', '.join(sorted(absent))} is "
            "missing: keep the header of the package's own file"
        )
    uses: dict[int, dict[float, str]] = {}
    measured: set[int] = set()
    faults = []
    for number, (of, code, use) in enumerate(rows[list(_COLUMNS)].itertuples(index=False), 1):
        try:
            fields = _fields(of)
            if code == _ALL and use == _VALUE:
                measured |= fields
                continue
            if use not in (_MISSING, _VALUE):
                float(use)
            for field in fields:
                uses.setdefault(field, {})[float(code)] = use
        except ValueError:
            faults.append(f"row {number}: {of} {code} {use}")
    if faults:
        raise InputError(
            f"{source}: expected fields such as 699,757 or 1050-1090, a number as code, and "
            f"missing, value or a number as use, got {'; '.join(faults[:5])}"
        )
    return SpecialCodes(uses, frozenset(measured))


def _fields(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        found |= set(range(int(first), int(last if dash else first) + 1))
    return found
