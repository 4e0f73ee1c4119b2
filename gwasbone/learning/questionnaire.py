"""A questionnaire as inputs of a network, and what may not be one.

Fields that are themselves measured bone (DXA, heel densitometry) would make residuals empty and
are refused by ``resources/not_inputs.tsv``. Fields that genes influence (height, body mass index)
are named in a warning: adjusting a trait for a heritable covariate biases the effects of variants
that act on the covariate (collider bias; Aschard 2015).
"""

from __future__ import annotations

import csv
import logging
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import GwasboneWarning, InputError, listed, reads
from gwasbone.phenotypes.fields import parse_field_column
from gwasbone.phenotypes.special_codes import SpecialCodes, describe_unknown
from gwasbone.stats.variation import varies

log = logging.getLogger(__name__)

#: A column of whole numbers with at most this many different ones is a category.
MOST_LEVELS = 12
#: Text with more different values (dates, free text) would name people rather than describe them.
MOST_WORDS = 200
#: Levels of a category in fewer rows are one level, "other": a network that saw nobody of a level
#: in training would read random numbers from it.
MIN_PER_LEVEL = 10
#: In small tables a level needs one row in this many.
_ROWS_PER_LEVEL = 20

_FIELD = re.compile(r"(?:p|f\.|x)?(?P<field>\d{2,6})(?:[-_.].*)?")


class HeritableInputWarning(GwasboneWarning):
    """An input that genes influence."""


@dataclass(frozen=True)
class InputRules:
    """What a column means for residuals.

    Parameters
    ----------
    refused, heritable : UK Biobank field or name (lower case) -> what it is.
    """

    refused: Mapping[str, str]
    heritable: Mapping[str, str]

    @classmethod
    @reads("a table of columns that are no inputs")
    def read(cls, path: Path | None = None) -> InputRules:
        """Of a table ``field name rule meaning``; the package's own by default.

        ``field`` is a number, a range ``23200-23320`` or ``NA``; ``name`` a regular expression of
        column names or ``NA``; ``rule`` is ``refuse`` or ``heritable``.

        Raises
        ------
        InputError
            Another header, or a rule of another name.
        """
        source = path if path is not None else files("gwasbone") / "resources" / "not_inputs.tsv"
        lines = [x for x in source.read_text().splitlines() if x and not x.startswith("#")]
        rows = list(csv.DictReader(lines, delimiter="\t"))
        if not rows or set(rows[0]) != {"field", "name", "rule", "meaning"}:
            raise InputError(f"{source}: expected columns field, name, rule, meaning")
        found: dict[str, dict[str, str]] = {"refuse": {}, "heritable": {}}
        for row in rows:
            if row["rule"] not in found:
                raise InputError(
                    f"{source}: expected rule refuse or heritable, got {row['rule']} "
                    f"({row['meaning']})"
                )
            for key in (row["field"], row["name"]):
                if key != "NA":
                    found[row["rule"]][key] = row["meaning"]
        return cls(found["refuse"], found["heritable"])

    def meaning(self, column: str, entries: Mapping[str, str]) -> str | None:
        """What a column among the entries is, or None."""
        match = _FIELD.fullmatch(column)
        for key, meaning in entries.items():
            first, _, last = key.partition("-")
            if first.isdigit():
                if match and int(first) <= int(match["field"]) <= int(last or first):
                    return meaning
            elif re.fullmatch(key, column, re.IGNORECASE):
                return meaning
        return None


@dataclass(frozen=True)
class EncodedTable:
    """A table as a network's inputs.

    Parameters
    ----------
    inputs : column -> (N,) standardised float64 with NaN for missing, or levels from 0 with −1.
    numeric : the columns that are numbers; categorical : column -> number of levels.
    dropped : columns without two different values, and text with more than ``MOST_WORDS``.
    pooled : categorical -> number of rare levels that are the level "other" together.
    """

    inputs: Mapping[str, npt.NDArray[np.generic]]
    numeric: tuple[str, ...]
    categorical: Mapping[str, int]
    dropped: tuple[str, ...]
    pooled: Mapping[str, int] = field(default_factory=dict)


def encode_table(
    table: pd.DataFrame,
    *,
    categorical: Sequence[str] = (),
    unchecked: Sequence[str] = (),
    rules: InputRules | None = None,
    most_levels: int = MOST_LEVELS,
    min_per_level: int = MIN_PER_LEVEL,
) -> EncodedTable:
    """Columns as inputs.

    Text, and whole numbers with few different values, are categories; other numbers are
    standardised over all rows. Columns that do not vary, or are text with very many values, are
    dropped, and named. Columns that are called like biobank fields lose the codes of that field
    (-3, prefer not to answer; :mod:`gwasbone.phenotypes.special_codes`).

    Parameters
    ----------
    table : (N,) rows; every column is an input.
    categorical : columns that are categories however many values they have.
    unchecked : columns that the rules are not asked about, such as the weight that every model
        takes out.
    rules : which columns are refused or warned of; the package's own by default.
    min_per_level : levels in fewer rows (of fewer than 200 rows, in less than one in 20) are
        pooled to one, "other"; where that is too rare itself, its rows count as missing. Fewer
        missing values than this are the most frequent level, or the mean of a number: a network
        cannot learn from them what missing means.

    Raises
    ------
    InputError
        A column that is measured bone, or nothing is left.

    Warns
    -----
    HeritableInputWarning
        Names the inputs that genes influence.
    """
    rules = InputRules.read() if rules is None else rules
    names = [str(name) for name in table.columns]
    checked = [name for name in names if name not in unchecked]
    refuse_bone(checked, rules)
    _warn_of_heritable(checked, rules)
    inputs: dict[str, npt.NDArray[np.generic]] = {}
    levels: dict[str, int] = {}
    pooled: dict[str, int] = {}
    numeric, dropped = [], []
    least = min(min_per_level, max(1, len(table) // _ROWS_PER_LEVEL))
    for name, column in zip(names, _answers(table, names), strict=True):
        n_values = column.nunique()
        is_text = not pd.api.types.is_numeric_dtype(column)
        if n_values < 2 or (is_text and n_values > MOST_WORDS and name not in categorical):
            dropped.append(name)
            continue
        if name in categorical or _is_category(column, most_levels):
            codes, n_levels, n_rare = _pooled(pd.factorize(column, sort=True)[0], least)
            if n_levels < 2:
                dropped.append(name)
                continue
            inputs[name], levels[name] = codes, n_levels
            if n_rare:
                pooled[name] = n_rare
            continue
        x = column.to_numpy(np.float64, na_value=np.nan)
        if not varies(x):
            dropped.append(name)
            continue
        z = (x - np.nanmean(x)) / np.nanstd(x)
        inputs[name] = np.nan_to_num(z) if np.isnan(z).sum() < least else z
        numeric.append(name)
    if not inputs:
        raise InputError(f"inputs: expected columns that vary, none of {len(names)} does")
    return EncodedTable(inputs, tuple(numeric), levels, tuple(dropped), pooled)


def _pooled(
    codes: npt.NDArray[np.integer], min_per_level: int
) -> tuple[npt.NDArray[np.int32], int, int]:
    """Levels with rare ones pooled, how many there are, and how many were pooled."""
    counts = np.bincount(codes[codes >= 0])
    rare = counts < min_per_level
    kept = np.flatnonzero(~rare)
    n_rare, n_levels = int(rare.sum()), len(kept)
    number = np.full(len(counts) + 1, -1, np.int32)  # the last place is that of missing values
    number[kept] = np.arange(n_levels)
    if counts[rare].sum() >= min_per_level:
        number[:-1][rare] = n_levels
        n_levels += 1
    made = number[codes]
    if n_levels and 0 < (made < 0).sum() < min_per_level:
        made[made < 0] = np.bincount(made[made >= 0]).argmax()
    return made, n_levels, n_rare


def _answers(table: pd.DataFrame, names: Sequence[str]) -> Iterator[pd.Series]:
    """The columns, those of biobank fields without codes such as -3; unknown codes are named."""
    codes = SpecialCodes.read()
    unknown: dict[str, Mapping[int, int]] = {}
    counts: dict[str, int] = {}
    for name in names:
        field = parse_field_column(name)
        made = codes.recode(field.field if field is not None else 0, table[name])
        if made.n_missing + made.n_replaced:
            counts[name] = made.n_missing + made.n_replaced
        if made.unknown and field is not None:
            unknown[name] = made.unknown
        yield made.values
    if counts:
        shown = listed(f"{name} ({n:,})" for name, n in counts.items())
        log.info("inputs: coded answers such as prefer not to answer, by column: %s", shown)
    if unknown:
        log.warning(
            "inputs: negative numbers that may be codes, such as prefer not to answer, are read "
            "as numbers in %s: write NA where they are codes", describe_unknown(unknown)
        )  # fmt: skip


def _is_category(column: pd.Series, most_levels: int) -> bool:
    if not pd.api.types.is_numeric_dtype(column):
        return True
    values = column.dropna().unique()
    return len(values) <= most_levels and bool((values % 1 == 0).all())


def refuse_bone(names: Iterable[str], rules: InputRules) -> None:
    """Raise where a column is measured bone; all such columns are named.

    Raises
    ------
    InputError
    """
    meanings = {name: rules.meaning(name, rules.refused) for name in names}
    bone = [f"{name} ({meaning})" for name, meaning in meanings.items() if meaning is not None]
    if bone:
        raise InputError(
            f"inputs: expected no measurement of bone among them, got {listed(bone)}: "
            "leave these columns out"
        )


def _warn_of_heritable(names: Iterable[str], rules: InputRules) -> None:
    meanings = {name: rules.meaning(name, rules.heritable) for name in names}
    heritable = [f"{name} ({meaning})" for name, meaning in meanings.items() if meaning is not None]
    if heritable:
        warnings.warn(
            f"genes influence {', '.join(heritable)}: effects on the residual can be biased for "
            "variants that act on them (collider bias)",
            HeritableInputWarning,
            stacklevel=3,
        )
