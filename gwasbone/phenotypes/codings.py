"""How columns spell two classes and the levels of a category: one rule for all commands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError

#: Words for 0 and 1 of a binary column, in small letters; sex as UK Biobank's field 31 codes it.
_PAIRS = (
    ("no", "yes"), ("n", "y"), ("false", "true"), ("f", "t"), ("control", "case"),
    ("controls", "cases"), ("unaffected", "affected"), ("absent", "present"),
    ("negative", "positive"), ("female", "male"), ("f", "m"), ("women", "men"), ("woman", "man"),
)  # fmt: skip
_MISSING = frozenset({"-9", "-9.0", "unknown", "missing"})
_WHOLE = re.compile(r"(-?\d+)\.0+")


@dataclass(frozen=True)
class BinaryWords:
    """A column of two words as numbers.

    Parameters
    ----------
    y : (n,) 0 and 1; NaN missing.
    spelling : how the column spells 0 and 1.
    """

    y: npt.NDArray[np.float64]
    spelling: tuple[str, str]


def binary_words(column: pd.Series) -> BinaryWords | None:
    """Read Yes and No, case and control, TRUE and FALSE and the like as 1 and 0.

    Parameters
    ----------
    column : (n,) text, truth values or numbers. Capitals and blanks around words do not count;
        -9, ``unknown`` and ``missing`` beside the words are missing.

    Returns
    -------
    None for a column of numbers, also where words stand among them, and one without words.

    Raises
    ------
    InputError
        Words that are no pair, or one of a pair beside others; the first four are named.

    Examples
    --------
    >>> binary_words(pd.Series(["Yes", "no", None, "NO "])).y
    array([ 1.,  0., nan,  0.])
    """
    if pd.api.types.is_bool_dtype(column):
        return BinaryWords(column.to_numpy(np.float64, na_value=np.nan), ("False", "True"))
    if pd.api.types.is_numeric_dtype(column):
        return None
    known = column.notna().to_numpy()
    spelled = column[known].astype(str).str.strip()
    words = spelled.str.lower()
    found = set(words) - _MISSING
    if not found or pd.to_numeric(pd.Series(list(found)), errors="coerce").notna().any():
        return None
    pair = next((pair for pair in _PAIRS if found <= set(pair)), None)
    if pair is None:
        shown = ", ".join(map(repr, sorted(spelled[~words.isin(_MISSING)].unique())[:4]))
        raise InputError(
            f"expected numbers or two classes such as Yes and No, case and control, or TRUE and "
            f"FALSE in column {column.name}, got {shown}{', ...' if len(found) > 4 else ''}: "
            "recode it, or write NA where a value is missing"
        )
    y = np.full(len(column), np.nan)
    y[known] = words.map({word: float(code) for code, word in enumerate(pair)})
    first = dict(zip(words[::-1], spelled[::-1], strict=True))
    return BinaryWords(y, (first.get(pair[0], pair[0]), first.get(pair[1], pair[1])))


def level_names(column: pd.Series) -> npt.NDArray[np.object_]:
    """Levels of a category as text, whole numbers without a decimal point; None for missing.

    Examples
    --------
    >>> level_names(pd.Series([1001.0, None])).tolist()
    ['1001', None]
    >>> level_names(pd.Series(["1001.0", "British "])).tolist()
    ['1001', 'British']
    """
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    known = column.notna().to_numpy()
    text = column.astype(str).str.strip().to_numpy(object)
    text[~known] = None
    plain = {name: level_name(name) for name in set(text[known])}
    return np.asarray([plain.get(name) for name in text], dtype=object)


def level_name(name: object) -> str:
    """One level as :func:`level_names` spells it."""
    text = str(name).strip()
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text


def unknown_levels(wanted: Iterable[str], present: Iterable[object]) -> list[str]:
    """The wanted levels that a column does not have, both spelt by :func:`level_names`."""
    has = set(present)
    return [name for name in dict.fromkeys(map(level_name, wanted)) if name not in has]
