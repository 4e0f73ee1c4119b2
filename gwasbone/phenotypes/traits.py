"""What a trait is: quantitative or binary, how it is coded, and its normal scores.

Pure: columns in, arrays out. A binary trait is always 0 = control, 1 = case after reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError, UsageError
from gwasbone.phenotypes.codings import binary_words
from gwasbone.phenotypes.options import BinaryCoding
from gwasbone.phenotypes.table import numbers

FloatArray = npt.NDArray[np.float64]
TraitKind = Literal["binary", "quantitative"]

#: Blom's offset for rank-based normal scores (Blom 1958).
BLOM_OFFSET = 3 / 8

_CODINGS: dict[str, dict[float, float]] = {
    "01": {0: 0.0, 1: 1.0, -9: np.nan},
    "12": {1: 0.0, 2: 1.0, 0: np.nan, -9: np.nan},
}


@dataclass(frozen=True)
class Trait:
    """An analysed phenotype: its name, kind and numbers of participants.

    Parameters
    ----------
    name : its column.
    kind : ``binary`` (0 = control, 1 = case in ``Y``) or ``quantitative``.
    n : people analysed.
    n_cases : cases among them; None for a quantitative trait.
    """

    name: str
    kind: TraitKind
    n: int
    n_cases: int | None = None


@dataclass(frozen=True)
class TraitValues:
    """A column read as a trait.

    Parameters
    ----------
    y : (n,) values, NaN missing; 0 and 1 of a binary trait. kind : which of both it is.
    spelling : how the column spells controls and cases; empty for a quantitative trait.
    """

    y: FloatArray
    kind: TraitKind
    spelling: tuple[str, ...] = ()


def trait_values(
    table: pd.DataFrame, name: str, *, coding: BinaryCoding | None = None, need_binary: bool = False
) -> TraitValues:
    """Read a column as a trait and find out of which kind it is.

    {0, 1}, {1, 2} (2 = case) and words such as Yes and No, case and control, TRUE and FALSE
    (:func:`gwasbone.phenotypes.codings.binary_words`) are binary, anything else with two or more
    values quantitative.

    Parameters
    ----------
    table : n people; ``name`` is one of its columns.
    coding : what {0, 1, 2} or −9 mean. ``01``: 1 = case, −9 missing. ``12``: 2 = case,
        1 = control, 0 and −9 missing (PLINK's). Of no effect on other sets of values.
    need_binary : refuse a quantitative trait.

    Raises
    ------
    InputError
        Other text; {0, 1, 2} without a coding; a quantitative trait where a binary one is needed.

    Examples
    --------
    >>> trait_values(pd.DataFrame({"fracture": [1, 2, 2]}), "fracture").kind
    'binary'
    """
    words = binary_words(table[name])
    if words is not None:
        return TraitValues(words.y, "binary", words.spelling)
    y = numbers(table, name)
    levels = _levels(y)
    if coding is not None and levels <= {-9, 0, 1, 2}:
        y = _recoded(y, levels, name, coding)
        levels = _levels(y)
    if levels in ({0.0, 1.0}, {1.0, 2.0}):
        least = int(min(levels))
        return TraitValues(y - least, "binary", (str(least), str(least + 1)))
    if levels == {0.0, 1.0, 2.0}:
        raise InputError(
            f"expected trait {name} to be quantitative, or 0/1, or 1/2, it has 0, 1 and 2: "
            "give --binary-coding 12 (0 = missing), or write other numbers if it is quantitative"
        )
    if need_binary and len(levels) > 1:
        shown = ", ".join(f"{value:g}" for value in sorted(levels)[:4])
        raise InputError(
            f"expected trait {name} coded 0/1, 1/2 or Yes/No for logistic regression, it has "
            f"{len(levels):,} different values ({shown}{', ...' if len(levels) > 4 else ''}): "
            "use --method linear, or recode it"
        )
    return TraitValues(y, "quantitative")


def rank_inverse_normal(y: npt.ArrayLike) -> FloatArray:
    """Apply Blom's rank-based inverse normal transform, Φ⁻¹((r − 3/8)/(n + 1/4)) of rank r.

    Parameters
    ----------
    y : (n,) complete numbers.

    References
    ----------
    Blom (1958), Statistical Estimates and Transformed Beta-Variables.

    Examples
    --------
    >>> rank_inverse_normal([10, 30, 20]).round(4)
    array([-0.8694,  0.8694,  0.    ])
    """
    y = np.asarray(y, dtype=np.float64)
    from scipy import special  # a fifth of a second that scans of untransformed traits do not need

    # pandas ranks as scipy.stats does, whose import would cost 0.3 s
    ranks = pd.Series(y).rank(method="average").to_numpy()
    return np.asarray(special.ndtri((ranks - BLOM_OFFSET) / (len(y) + 1 - 2 * BLOM_OFFSET)))


def natural_logarithm(y: npt.ArrayLike, name: str) -> FloatArray:
    """Take the natural logarithm of a column of numbers above 0; NaN stays.

    Nothing is added to the values: where 0 is possible, what is added decides the result, and is
    the analyst's to choose.

    Parameters
    ----------
    y : (n,) numbers.
    name : the column, for the message.

    Raises
    ------
    InputError
        A value of 0 or less; how many there are and the least of them are said.

    Examples
    --------
    >>> natural_logarithm([1, np.e, np.nan], "x").tolist()
    [0.0, 1.0, nan]
    """
    y = np.asarray(y, dtype=np.float64)
    low = y <= 0
    if low.any():
        raise InputError(
            f"logarithm of {name}: expected values above 0, {int(low.sum()):,} of "
            f"{int(np.isfinite(y).sum()):,} are 0 or less (minimum {y[low].min():g}): write NA "
            "where they mean a missing value, add a constant to the column, or leave it as it is"
        )
    return np.asarray(np.log(y))


def _levels(y: FloatArray) -> set[float]:
    return set(np.unique(y[~np.isnan(y)]).tolist())


def _recoded(y: FloatArray, levels: set[float], name: str, coding: BinaryCoding) -> FloatArray:
    if coding not in _CODINGS:
        raise UsageError(f"expected a binary coding 01 or 12, got {coding}")
    meaning = _CODINGS[coding]
    unknown = levels - meaning.keys()
    if unknown:
        raise InputError(
            f"expected trait {name} in the coding {coding}, it also has "
            f"{', '.join(f'{value:g}' for value in sorted(unknown))}: write NA there or recode"
        )
    recoded = np.full_like(y, np.nan)
    for value, means in meaning.items():
        recoded[y == value] = means
    return recoded
