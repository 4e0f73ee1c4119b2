"""Tables of lead variants, and those leads in a scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.genome import chromosome_code

_PLACE = ("chromosome", "base_pair_location")
_ALLELES = ("other_allele", "effect_allele")
#: What a lead may bring of its own; the rest is the scan's.
_WORDS = ("label", "gene", "nearest_gene")


def read_leads(path: Path) -> pd.DataFrame:
    """A tab-separated table of lead variants.

    Parameters
    ----------
    path : columns ``chromosome`` (1-22, X, ...) and ``position_bp`` (or
        ``base_pair_location``), and where there are such: alleles, ``trait`` (the scan that a
        lead belongs to), and ``label``, ``gene`` or ``nearest_gene`` to name it. What ``select``,
        ``clump`` and ``loci`` write will do.

    Raises
    ------
    InputError
        The file is missing or no such table, or has a chromosome that none is.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, na_values=["NA"], keep_default_na=False)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(
            f"{path}: expected a tab-separated table of leads, got {str(error).splitlines()[0]}"
        ) from error
    table = table.rename(columns={"position_bp": "base_pair_location"})
    if absent := [name for name in _PLACE if name not in table]:
        raise InputError(
            f"{path}: expected the columns chromosome and base_pair_location; "
            f"no {', '.join(absent)}"
        )
    codes = {name: chromosome_code(str(name)) for name in table["chromosome"].unique()}
    position = pd.to_numeric(table["base_pair_location"], errors="coerce")
    wrong = table["chromosome"].map(codes).isna() | position.isna()
    if wrong.any():
        row = table[wrong].iloc[0]
        raise InputError(
            f"{path}: expected a chromosome and a position in every row; "
            f"{row['chromosome']}:{row['base_pair_location']} came"
        )
    kept = [n for n in ("trait", *_ALLELES, *_WORDS) if n in table]
    return table[kept].assign(
        chromosome=table["chromosome"].map(codes).astype(np.int64),
        base_pair_location=position.astype(np.int64),
    )


def leads_in_scan(leads: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """The rows of a scan that are leads, with the words that name them.

    Variants meet by chromosome and position, and where both tables have alleles by these, in
    whichever order; the numbers are the scan's.

    Parameters
    ----------
    leads : from :func:`read_leads`. scan : a results table, or part of its columns.

    Returns
    -------
    Rows of ``scan`` with a p-value, once each.
    """
    locus = _locus(scan["chromosome"], scan["base_pair_location"])
    wanted = _locus(leads["chromosome"], leads["base_pair_location"])
    rows = np.flatnonzero(np.isin(locus, wanted))
    words = [name for name in _WORDS if name in leads]
    found = scan.iloc[rows].assign(_locus=locus[rows])
    alleles = list(_ALLELES) if set(_ALLELES) <= set(leads) & set(scan) else []
    right = leads[[*words, *alleles]].assign(_locus=wanted)
    both = found.drop(columns=words, errors="ignore").merge(
        right.rename(columns={name: f"_lead_{name}" for name in alleles}), on="_locus"
    )
    if alleles:
        ours = [both[name].astype(object) for name in _ALLELES]
        theirs = [both[f"_lead_{name}"].astype(object) for name in _ALLELES]
        same = (ours[0] == theirs[0]) & (ours[1] == theirs[1])
        same |= (ours[0] == theirs[1]) & (ours[1] == theirs[0])
        both = both[same]
    both = both.drop_duplicates(["_locus", *(n for n in _ALLELES if n in both)])
    names = [name for name in both if name == "_locus" or name.startswith("_lead_")]
    return both.drop(columns=names).dropna(subset=["neg_log_10_p_value"]).reset_index(drop=True)


def _locus(chromosome: pd.Series, position_bp: pd.Series) -> np.ndarray:
    code = chromosome.to_numpy(dtype=np.int64)
    return (code << 32) + position_bp.to_numpy(dtype=np.int64)
