"""Recombination along a chromosome, from a genetic map that a user gives."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.columns import (
    CHROMOSOME_NAMES,
    POSITION_NAMES,
    chromosomes,
    columns_called,
    is_missing,
    numbers,
    positions,
    refuse_rows,
)
from gwasbone.errors import InputError, reading
from gwasbone.text_table import TextTable

log = logging.getLogger(__name__)

#: Ours -> the whole names that maps use, as :func:`gwasbone.columns.plain_name` spells them.
_NAMES = {
    "chromosome": CHROMOSOME_NAMES,
    "base_pair_location": (
        *POSITION_NAMES, "bp_pos", "physical_position", "physical_pos", "phys_pos",
        "physical_position_bp",
    ),
    "rate": (
        "rate", "combined_rate", "average_rate", "rate_average", "rate_cm_mb",
        "combined_rate_cm_mb",
        "cm_per_mb", "cm_mb", "cmpermb", "recomb", "recomb_rate", "recombination_rate",
        "recombination_rate_cm_mb",
    ),
    "cm": (
        "cm", "map", "genetic_map", "map_cm", "genetic_map_cm", "position_cm", "pos_cm", "cm_pos",
        "gpos", "genetic_position", "genetic_position_cm", "map_average", "average_map",
    ),
}  # fmt: skip
_SEXES = ("male", "female")


def read_genetic_map(path: str | Path, *, chromosome: int | None = None) -> pd.DataFrame:
    """Read the recombination rates of a genetic map.

    Parameters
    ----------
    path : plain or compressed table with a header: a position in bp, and a rate in cM/Mb or the
        position in cM, and a chromosome; the maps of HapMap, 1000 Genomes, SHAPEIT, deCODE and
        LocusZoom are of this kind. Of maps of both sexes the average is used.
    chromosome : code, where the file has no column for it.

    Returns
    -------
    ``chromosome`` (code), ``base_pair_location``, ``cm_per_mb`` to the next position; sorted.
    Rows of other chromosomes than 1-22, X, Y and MT, and those without a value, are left out and
    counted in the log.

    Raises
    ------
    InputError
        The file is missing or no such table, two columns may be meant, a position is none, or a
        rate is negative (positions in cM that fall).
    """
    with reading(path, "a genetic map"):
        table = TextTable.open(Path(path))
        column = _columns_of(table.header, path, has_chromosome=chromosome is not None)
        cells = table.text()
        said = pd.DataFrame({ours: cells[place] for ours, place in column.items()})
        return _checked(said, path, chromosome)


def _columns_of(header: Sequence[str], path: object, *, has_chromosome: bool) -> dict[str, int]:
    """Our names -> columns: of rate and position in cM one, the rate where there is one."""
    found = {ours: columns_called(header, names) for ours, names in _NAMES.items()}
    if found["rate"]:
        found["cm"] = []
        # deCODE's rates are of intervals; its positions in cM are those of their ends
        found["base_pair_location"] += columns_called(header, ["begin"])
    if not found["base_pair_location"] or not (found["rate"] or found["cm"]):
        sexes = any(sex in name.lower() for name in header for sex in _SEXES)
        raise InputError(
            f"{path}: expected a genetic map with a header that names the position in bp and the "
            f"rate in cM/Mb or the position in cM{', of both sexes' if sexes else ''}; got "
            f"{', '.join(header[:8])}"
        )
    if not found["chromosome"] and not has_chromosome:
        raise InputError(f"{path}: expected a genetic map with a column for the chromosome")
    for ours, places in found.items():
        if len(places) > 1:
            raise InputError(
                f"{path}: expected one column for the {ours.replace('_', ' ')}, got "
                f"{', '.join(header[i] for i in sorted(places))}: leave one of them"
            )
    return {ours: places[0] for ours, places in found.items() if places}


def _checked(said: pd.DataFrame, path: object, chromosome: int | None) -> pd.DataFrame:
    value = "rate" if "rate" in said else "cm"
    codes = chromosomes(said["chromosome"]) if "chromosome" in said else chromosome
    table = pd.DataFrame(
        {
            "chromosome": codes,
            # some maps begin at 0
            "base_pair_location": positions(said["base_pair_location"], smallest=0),
            value: numbers(said[value]),
        },
        index=said.index,
    )
    refuse_rows(path, table["base_pair_location"].isna(), said, "positions in bp that are numbers")
    unlike = ~np.isfinite(table[value]) & ~is_missing(said[value])
    refuse_rows(path, unlike, said, f"a number for the {value} in each row")
    kept = table.dropna()
    if kept.empty:
        raise InputError(f"{path}: expected positions on chromosomes 1-22 or X, got none")
    if len(kept) < len(table):
        log.info(
            "%s: %d rows without a value, or on other sequences, left out",
            path, len(table) - len(kept),
        )  # fmt: skip
    kept = kept.astype({"chromosome": int, "base_pair_location": int})
    kept = kept.sort_values(["chromosome", "base_pair_location"], kind="stable")
    rate = kept["rate"] if value == "rate" else _rates(kept)
    refuse_rows(
        path, rate < 0, said.loc[kept.index],
        "rates of 0 cM/Mb or more" if value == "rate" else "positions in cM that do not fall",
    )  # fmt: skip
    made = kept[["chromosome", "base_pair_location"]].assign(cm_per_mb=rate)
    return made.reset_index(drop=True)


def _rates(table: pd.DataFrame) -> pd.Series:
    """cM/Mb from each position to the next of its chromosome; 0 at the last."""
    ahead = table.groupby("chromosome")[["base_pair_location", "cm"]].shift(-1)
    mb = (ahead["base_pair_location"] - table["base_pair_location"]) / 1e6
    climb = ahead["cm"] - table["cm"]
    # of a position that stands twice a rate is not defined, but a fall is still one
    return (climb / mb.replace(0, np.nan)).fillna(0).where(~(climb < 0), -1.0)
