"""Recombination along a chromosome, from a genetic map that a user gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.genome import chromosome_code

#: Ours -> beginnings of the names that maps use, in lower case.
_NAMES = {
    "chromosome": ("chr",),
    "base_pair_location": ("position", "pos", "bp", "phys"),
    "rate": ("rate", "combined_rate", "cm_per_mb", "cm/mb", "combined.rate"),
    "cm": ("map", "genetic_map", "genetic.map", "cm", "gpos"),
}


def read_genetic_map(path: str | Path, *, chromosome: int | None = None) -> pd.DataFrame:
    """Recombination rates of a genetic map.

    Parameters
    ----------
    path : plain or gzipped table with a header: a position in bp, and a rate in cM/Mb or the
        position in cM, and a chromosome; the maps of HapMap, 1000 Genomes and SHAPEIT are of this
        kind.
    chromosome : code, where the file has no column for it.

    Returns
    -------
    ``chromosome`` (code), ``position_bp``, ``cm_per_mb`` from there to the next position; sorted.

    Raises
    ------
    InputError
        The file is missing or is no such table.
    """
    try:
        first = pd.read_csv(path, sep=r"\s+", nrows=0, comment="#")
        separator = "," if "," in str(first.columns[0]) else r"\s+"
        raw = pd.read_csv(path, sep=separator, dtype=str, comment="#")
    except (OSError, EOFError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: expected a genetic map: {reason}") from None
    column = {ours: _find(raw, names) for ours, names in _NAMES.items()}
    if column["base_pair_location"] is None or (column["rate"] is None and column["cm"] is None):
        raise InputError(
            f"{path}: expected a genetic map with a header that names the position in bp and the "
            f"rate in cM/Mb or the position in cM; got {', '.join(map(str, raw.columns[:6]))}"
        )
    if column["chromosome"] is None and chromosome is None:
        raise InputError(f"{path}: expected a genetic map with a column for the chromosome")
    codes: Any = chromosome
    if column["chromosome"] is not None:
        codes = raw[column["chromosome"]].map(lambda name: chromosome_code(str(name)))
    numbers = {
        ours: pd.to_numeric(raw[name], errors="coerce")
        for ours, name in column.items()
        if name is not None and ours != "chromosome"
    }
    table = pd.DataFrame({"chromosome": codes, **numbers}).dropna(subset=["chromosome"])
    if table["base_pair_location"].isna().any() or table.empty:
        raise InputError(f"{path}: expected positions that are numbers, on chromosomes 1-22 or X")
    table = table.astype({"chromosome": int, "base_pair_location": int})
    table = table.sort_values(["chromosome", "base_pair_location"], ignore_index=True)
    if "rate" not in table:
        ahead = table.groupby("chromosome")[["base_pair_location", "cm"]].shift(-1)
        mb = (ahead["base_pair_location"] - table["base_pair_location"]) / 1e6
        table["rate"] = ((ahead["cm"] - table["cm"]) / mb.replace(0, np.nan)).fillna(0)
    return table[["chromosome", "base_pair_location", "rate"]].rename(columns={"rate": "cm_per_mb"})


def _find(raw: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    """The column whose name begins in one of these ways; cM/Mb is no position in cM."""
    for name in names:
        for column in raw.columns:
            plain = str(column).strip().lower()
            if plain.startswith(name) and not (name == "cm" and plain[2:3] in ("/", "_")):
                return str(column)
    return None
