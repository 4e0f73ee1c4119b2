"""One rule for how tables spell sex."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError, listed
from gwasbone.phenotypes.participants import plain_ids

#: Codes of sex everywhere in the package; 0 where it is unknown.
UNKNOWN, MALE, FEMALE = 0, 1, 2

#: What 0 and 2 mean: UK Biobank has 0 for women, PLINK 0 for unknown and 2 for women; 1 is a man
#: in both. ``auto`` sees it from the numbers that are there.
SexCoding = Literal["auto", "biobank", "plink"]

#: Words for a sex, in lower case.
SEX_WORDS = {
    **dict.fromkeys(("m", "male", "man", "men"), MALE),
    **dict.fromkeys(("f", "female", "woman", "women"), FEMALE),
}
_MISSING = frozenset({"", "na", "nan", "none", "-9", ".", "unknown", "u"})
_NUMBERS: dict[str, dict[str, int]] = {
    "biobank": {"0": FEMALE, "1": MALE},
    "plink": {"0": UNKNOWN, "1": MALE, "2": FEMALE},
}


@dataclass(frozen=True)
class Sexes:
    """The sex of participants.

    Parameters
    ----------
    codes : (n,) 1 man, 2 woman, 0 unknown.
    spellings : spelling in the source -> code.
    """

    codes: npt.NDArray[np.int8]
    spellings: Mapping[str, int]


def read_sexes(column: pd.Series, *, where: str, coding: SexCoding = "auto") -> Sexes:
    """Read a column of sex in any usual spelling.

    ``male``, ``M``, ``man``, ``female``, ``F``, ``woman`` in any case; 0 and 1 as UK Biobank codes
    (0 = woman); 1 and 2, or 0, 1 and 2, as PLINK codes (2 = woman, 0 = unknown). −9, NA, ``.``
    and empty fields are unknown.

    Parameters
    ----------
    where : the column and its file, for messages.

    Raises
    ------
    InputError
        Another spelling.

    Examples
    --------
    >>> read_sexes(pd.Series(["Female", "M", None]), where="column sex").codes.tolist()
    [2, 1, 0]
    >>> read_sexes(pd.Series([0, 1]), where="column sex").codes.tolist()
    [2, 1]
    >>> read_sexes(pd.Series([2.0, 1.0, 0.0]), where="column sex").codes.tolist()
    [2, 1, 0]
    """
    if pd.api.types.is_bool_dtype(column):
        column = column.astype(np.int8)
    text = plain_ids(column.astype(object) if column.dtype == "category" else column)
    words = text.fillna("").str.strip().str.replace(r"\.0+$", "", regex=True)
    found = [str(word) for word in words.unique() if str(word).lower() not in _MISSING]
    numbers = {word for word in found if word.lower() not in SEX_WORDS}
    if coding == "auto":
        coding = "plink" if "2" in numbers else "biobank"
    unknown = sorted(numbers - _NUMBERS[coding].keys())
    if unknown:
        shown = [f"{word!r} (participant {words.index[words == word][0]})" for word in unknown[:3]]
        numbered = "0/1 (0 = woman)" if coding == "biobank" else "1/2 (2 = woman)"
        raise InputError(
            f"expected sex as male/female, M/F or {numbered} in {where}, got "
            f"{listed([*shown, *unknown[3:]], 3)}: write it so, and NA where it is not known"
        )
    meaning = {word: SEX_WORDS.get(word.lower(), _NUMBERS[coding].get(word, 0)) for word in found}
    codes = words.map(meaning).fillna(UNKNOWN).to_numpy().astype(np.int8)
    return Sexes(codes, meaning)
