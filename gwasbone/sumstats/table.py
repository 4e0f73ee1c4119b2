"""The table of one association scan: one row per variant, the same columns from every method."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from gwasbone.errors import InputError
from gwasbone.genome import locus_key

log = logging.getLogger(__name__)

#: What names a variant, in sorting order.
KEY = ("chromosome", "base_pair_location", "other_allele", "effect_allele")

#: Column -> dtype, in order. ``chromosome`` is coded as in ``gwasbone.genome``; the effect
#: allele is ALT; ``statistic`` is t, z or signed √χ² (``dof`` is inf for the last two);
#: ``status`` is '' where the variant was tested, else the reason why not, with NaN numbers.
COLUMNS: dict[str, str] = {
    "chromosome": "int16",
    "base_pair_location": "int32",
    "other_allele": "object",
    "effect_allele": "object",
    "source_id": "object",
    "n": "int32",
    "effect_allele_frequency": "float64",
    "call_rate": "float64",
    "beta": "float64",
    "standard_error": "float64",
    "statistic": "float64",
    "dof": "float64",
    "neg_log_10_p_value": "float64",
    "test": "object",
    "status": "object",
}

#: The same of a scan that comes from a file: sample sizes may be fractions, or missing.
SCAN_COLUMNS: dict[str, str] = COLUMNS | {"n": "float64"}

#: Column -> type in Arrow, of scans that are read.
ARROW_TYPES: dict[str, pa.DataType] = {
    name: pa.string() if kind == "object" else pa.type_for_alias(kind)
    for name, kind in SCAN_COLUMNS.items()
}

#: What gwasbone 0.1 called columns of scans, leads, loci and selected SNPs -> their names now.
NAMES_OF_0_1 = {
    "position_bp": "base_pair_location", "se": "standard_error",
    "neg_log10_p": "neg_log_10_p_value",
}  # fmt: skip

#: Columns that belong to the variant; the others belong to the trait.
VARIANT_COLUMNS = (*KEY, "source_id")
TRAIT_COLUMNS = tuple(name for name in COLUMNS if name not in VARIANT_COLUMNS)


def canonical_table(table: pd.DataFrame, schema: Mapping[str, str] = COLUMNS) -> pd.DataFrame:
    """The table with exactly the canonical columns and dtypes, sorted by locus and alleles.

    Parameters
    ----------
    table : DataFrame with at least the columns of the schema; others are left out.
    schema : column -> dtype: ``COLUMNS`` of results, ``SCAN_COLUMNS`` of scans.

    Returns
    -------
    DataFrame with a fresh index; columns are shared with ``table`` where nothing changed.

    Raises
    ------
    InputError
        Where columns are missing or cannot take their dtype; all faults in one message.
    """
    faults = [f"no column {name}" for name in schema if name not in table.columns]
    columns = {}
    for name, dtype in schema.items():
        if name not in table.columns:
            continue
        column = table[name]
        if dtype != "float64" and column.isna().any():
            faults.append(f"{name} has {int(column.isna().sum())} missing values")
            continue
        try:
            columns[name] = column.astype(np.dtype(dtype))
        except (TypeError, ValueError) as error:
            faults.append(f"{name} cannot be {dtype} ({error})")
            continue
        if dtype.startswith("int") and (columns[name] != column).any():
            faults.append(f"{name} holds values that {dtype} cannot")
    if faults:
        raise InputError(
            f"association results table: expected canonical columns; {'; '.join(faults)}"
        )
    return in_order(pd.DataFrame(columns).reset_index(drop=True))


def with_names_of_today(table: pd.DataFrame, where: object) -> pd.DataFrame:
    """A table of which columns that have their names of 0.1 are renamed, with a warning.

    Parameters
    ----------
    where : the file, for the warning.
    """
    old = {a: b for a, b in NAMES_OF_0_1.items() if a in table and b not in table}
    if not old:
        return table
    warn_of_names_of_0_1(where, old)
    return table.rename(columns=old)


def warn_of_names_of_0_1(where: object, names: Iterable[str]) -> None:
    """Say that a file has columns by their names of 0.1."""
    log.warning(
        "%s: columns are named as gwasbone 0.1 did (%s); they are read as %s, as later versions "
        "write them",
        where, ", ".join(names), ", ".join(NAMES_OF_0_1[name] for name in names),
    )  # fmt: skip


def is_canonical(table: pd.DataFrame) -> bool:
    """Whether a table has exactly the canonical columns and dtypes; values are not looked at."""
    kinds = dict(zip(table.columns, map(str, table.dtypes), strict=True))
    return list(kinds.items()) == list(COLUMNS.items())


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """A table sorted by locus and alleles; the same object where it is already."""
    return table if _is_sorted(table) else table.sort_values(list(KEY), ignore_index=True)


def _is_sorted(table: pd.DataFrame) -> bool:
    """Whether loci rise strictly; alleles matter only where two variants share a locus."""
    locus = locus_key(table["chromosome"], table["base_pair_location"])
    return bool((np.diff(locus) > 0).all())
