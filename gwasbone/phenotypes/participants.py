"""How tables and lists name participants: headers, spellings of IDs, withdrawn participants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError, listed

IdRule = Literal["iid", "fid_iid"]

#: Biobanks give participants who have withdrawn a negative ID.
WITHDRAWN = re.compile(r"-\d+")

#: Headers of the column of participants, in lower case and without a leading ``#``: PLINK's, and
#: the spellings of UK Biobank's converters, of the research platform and of R.
_PARTICIPANT_HEADERS = frozenset(
    {
        "iid", "eid", "f.eid", "n_eid", "x.eid", "xeid", "participant.eid", "participant_id",
        "participant id", "person",
    }
)  # fmt: skip
_WHOLE_NUMBER = re.compile(r"[+-]?\d+")
#: A whole number that a spreadsheet or R wrote as a decimal: 1000001.0, 1e+06.
_DECIMAL = re.compile(r"[+-]?\d+\.0*|[+-]?\d+(?:\.\d+)?[eE]\+?\d+")


def bare(header: object) -> str:
    """A header without blanks, quotation marks and PLINK's leading ``#``, in lower case.

    >>> bare("#IID"), bare(' "eid"')
    ('iid', 'eid')
    """
    return str(header).strip().strip("\"'").removeprefix("#").strip().lower()


def names_participants(header: object) -> bool:
    """Whether a column of this name holds the IDs of participants.

    >>> [names_participants(name) for name in ("#IID", "eid", "f.eid", "Participant ID", "id")]
    [True, True, True, True, False]
    """
    return bare(header) in _PARTICIPANT_HEADERS


def names_families(header: object) -> bool:
    """Whether a column of this name holds family IDs."""
    return bare(header) == "fid"


def participant_column(headers: Sequence[str], path: Path) -> str:
    """The column of participants; ``IID`` where biobank IDs stand beside it.

    Raises
    ------
    InputError
        There is none, or there are several.
    """
    found = [header for header in headers if names_participants(header)]
    iids = [header for header in found if bare(header) == "iid"]
    if len(iids) == 1 or len(found) == 1:
        return iids[0] if iids else found[0]
    if found:
        raise InputError(
            f"expected one column of participants in {path}, it has {' and '.join(found[:4])}: "
            "keep one of them"
        )
    raise InputError(
        f"expected a header with IID or eid in {path}, its first line has {listed(headers)}: "
        "name the column of participants IID"
    )


def plain_ids(ids: pd.Series) -> pd.Series:
    """(n,) IDs as text; whole numbers without a decimal point, however the file wrote them.

    ``1000001.0`` and ``1e+06`` are changed only where all IDs are whole numbers. Missing IDs stay
    missing.

    >>> plain_ids(pd.Series(["1000001.0", "7"])).tolist()
    ['1000001', '7']
    >>> plain_ids(pd.Series([1000001.0, 7.0])).tolist(), plain_ids(pd.Series(["1.0", "a"])).tolist()
    (['1000001', '7'], ['1.0', 'a'])

    A number that floating point cannot hold exactly is a name as it is written:

    >>> plain_ids(pd.Series(["1e400", "1e30"])).tolist()
    ['1e400', '1e30']
    """
    missing = ids.isna().to_numpy(dtype=bool)
    if pd.api.types.is_float_dtype(ids) and (ids.dropna() % 1 == 0).all():
        ids = ids.astype("Int64")
    text = ids
    if pd.api.types.infer_dtype(ids, skipna=False) != "string":
        text = ids.map(lambda i: i.decode(errors="replace") if isinstance(i, bytes) else i)
        text = text.astype(str)
    text = text.str.strip()
    missing |= (text == "").to_numpy()
    decimal = text.str.fullmatch(_DECIMAL).to_numpy(dtype=bool) & ~missing
    if decimal.any():
        others = text[~decimal & ~missing]
        values = pd.to_numeric(text[decimal], errors="coerce")
        exact = (values % 1 == 0) & (values.abs() < 2**53)
        if others.str.fullmatch(_WHOLE_NUMBER).all() and exact.all():
            text = text.mask(decimal)
            text[decimal] = values.astype("int64").astype(str).to_numpy()
    return text.where(~missing)


def is_withdrawn(iids: pd.Series) -> npt.NDArray[np.bool_]:
    """(n,) whether an ID is negative: the participant has withdrawn."""
    return np.asarray(iids.astype(str).str.fullmatch(WITHDRAWN).to_numpy(dtype=bool))
