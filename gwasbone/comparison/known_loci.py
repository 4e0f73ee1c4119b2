"""Loci known from outside the scans that are compared, at which their signal is measured.

Loci picked from one of the scans would favour it: its strongest variants are strong partly by
chance. A file that holds a scan's own statistics is refused.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
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
from gwasbone.genome import locus_key
from gwasbone.sumstats.align import AlignedScans
from gwasbone.sumstats.table import NAMES_OF_0_1, warn_of_names_of_0_1
from gwasbone.sumstats.variants import Variants, match_variants
from gwasbone.text_table import TextTable

log = logging.getLogger(__name__)

#: Ours -> names that files use, as :func:`gwasbone.columns.plain_name` spells them; the first that
#: is there.
_NAMES = {
    "chromosome": CHROMOSOME_NAMES,
    "base_pair_location": POSITION_NAMES,
    "neg_log_10_p_value": ("neg_log_10_p_value", "neg_log10_p"),
    "p_value": ("p_value", "p", "pval", "pvalue"),
    "planted": ("planted",),
    "effect_allele": ("effect_allele", "a1", "alt"),
    "other_allele": ("other_allele", "a2", "ref"),
}
#: Independent loci lie at least so far apart.
DISTANCE_BP = 1_000_000
# −log10 p of a file and of a scan are the same to what six printed digits hold.
_SAME_P = 2e-5


@dataclass(frozen=True)
class KnownLoci:
    """Independent known loci, each represented by a variant that is in all scans.

    Parameters
    ----------
    rows : (L,) rows of the aligned scans, ascending.
    source : where the loci come from, in words.
    n_listed : loci in the file.
    n_absent : of these, without a variant in the scans.
    n_near : of the rest, left out for lying near an earlier one of the file.
    """

    rows: npt.NDArray[np.intp]
    source: str
    n_listed: int
    n_absent: int
    n_near: int

    def __len__(self) -> int:
        return len(self.rows)


def read_loci(path: Path) -> pd.DataFrame:
    """Read a table of known loci.

    Parameters
    ----------
    path : separated by tabs, commas or blanks; needs a chromosome and a position (``chromosome
        base_pair_location``, ``chr bp``, the GWAS Catalog's ``CHR_ID CHR_POS``, …), and may have
        alleles. Other columns may stand beside them. The order of the file says which of near loci
        stays; of a simulation's ``causal_variants.tsv`` planted ones come first.

    Returns
    -------
    ``chromosome`` (code), ``base_pair_location``, and ``neg_log_10_p_value``, ``effect_allele``
    and ``other_allele`` where the file has them. Rows without a position are left out, with a
    warning that counts them.

    Raises
    ------
    InputError
        The file is missing or empty, lacks a column, or has a row whose chromosome, position or
        p-value is none.
    """
    with reading(path, "a table of loci"):
        source = TextTable.open(path)
        cells = source.text()
        if old := [name for name in source.header if name in NAMES_OF_0_1]:
            warn_of_names_of_0_1(path, old)
        found = {ours: columns_called(source.header, names) for ours, names in _NAMES.items()}
        said = pd.DataFrame({ours: cells[at[0]] for ours, at in found.items() if at})
        if "chromosome" not in said or "base_pair_location" not in said:
            raise InputError(
                f"{path}: expected columns chromosome and base_pair_location (a locus is the "
                f"variant at which it is known), got {', '.join(source.header[:8])}"
            )
        return _loci(said, path)


def _loci(said: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The values of the cells that a file has; its index is the line."""
    absent = is_missing(said["chromosome"]) | is_missing(said["base_pair_location"])
    if absent.any():
        log.warning("%s: %d loci without a position are left out", path, int(absent.sum()))
        said = said[~absent]
    if said.empty:
        raise InputError(f"{path}: expected a chromosome and a position on each line, it has none")
    table = pd.DataFrame(
        {
            "chromosome": chromosomes(said["chromosome"]),
            "base_pair_location": positions(said["base_pair_location"]),
        }
    )
    refuse_rows(
        path, table.isna().any(axis=1), said[["chromosome", "base_pair_location"]],
        "a chromosome (1-22, X, Y, MT) and a position in each row",
    )  # fmt: skip
    if "neg_log_10_p_value" in said or "p_value" in said:
        table["neg_log_10_p_value"] = _neg_log10_p(said, path)
    alleles = [name for name in ("effect_allele", "other_allele") if name in said]
    if len(alleles) == 2 and not said[alleles].apply(is_missing).any(axis=None):
        table[alleles] = said[alleles]
    else:
        alleles = []
    if "planted" in said:
        planted = said["planted"].str.lower().isin(["true", "1", "yes"])
        table = table.iloc[np.argsort(~planted.to_numpy(), kind="stable")]
    # a locus of several traits stands in some files once for each
    once = table.drop_duplicates(["chromosome", "base_pair_location", *alleles])
    kinds = {"chromosome": np.int64, "base_pair_location": np.int64}
    return once.astype(kinds).reset_index(drop=True)


def _neg_log10_p(said: pd.DataFrame, path: Path) -> pd.Series:
    name = "neg_log_10_p_value" if "neg_log_10_p_value" in said else "p_value"
    value = numbers(said[name])
    upper = 1 if name == "p_value" else np.inf
    wrong = ~value.between(0, upper) & ~is_missing(said[name])
    refuse_rows(path, wrong, said[[name]], f"{name} from 0{' to 1' if upper == 1 else ' up'}")
    if name == "neg_log_10_p_value":
        return value
    with np.errstate(divide="ignore"):
        return -np.log10(value)


def known_loci(
    scans: AlignedScans, table: pd.DataFrame, *, source: str, distance_bp: int = DISTANCE_BP
) -> KnownLoci:
    """Find the loci of a table that are in the scans, no two of them close together.

    Parameters
    ----------
    table : as :func:`read_loci` gives it.
    distance_bp : of two loci that are nearer the later one of the table is left out.

    Raises
    ------
    InputError
        The table holds the p-values of one of the scans, or no locus is in the scans.
    """
    row = _rows_of(scans, table)
    _refuse_own(scans, table, row, source)
    present = row[row >= 0]
    kept = _apart(scans, present, distance_bp)
    if len(kept) == 0:
        raise InputError(
            f"{source}: none of its {len(table)} loci is a variant of all scans: are they on one "
            "build?"
        )
    found = KnownLoci(
        rows=np.sort(kept),
        source=source,
        n_listed=len(table),
        n_absent=int((row < 0).sum()),
        n_near=len(present) - len(kept),
    )
    log.info(
        "known loci: %d of %d used; %d are not in all scans, %d lie within %d bp of another",
        len(found), found.n_listed, found.n_absent, found.n_near, distance_bp,
    )  # fmt: skip
    return found


def _rows_of(scans: AlignedScans, table: pd.DataFrame) -> npt.NDArray[np.intp]:
    """The scans' row at each locus, −1 where there is none.

    Where the table has alleles, by these. Without them a position with several variants is none:
    which of them is known there cannot be told.
    """
    rows = np.full(len(table), -1, dtype=np.intp)
    if {"effect_allele", "other_allele"} <= set(table):
        asked = Variants.of_table(table, scans.codes)
        first = np.unique(asked.key, return_index=True)[1]
        held = Variants(scans.key, np.ones(len(scans), dtype=bool), np.full(len(scans), np.nan))
        found = match_variants(held, asked.take(first), strand_matters=False)
        rows[first[found.second]] = found.first
        return rows
    locus = locus_key(scans.chromosome, scans.position_bp)
    wanted = locus_key(table["chromosome"], table["base_pair_location"])
    start, end = (np.searchsorted(locus, wanted, side=side) for side in ("left", "right"))
    several = int((end - start > 1).sum())
    if several:
        log.warning(
            "%d known loci stand at positions with several variants and are left out: give "
            "effect_allele and other_allele", several,
        )  # fmt: skip
    return np.where(end - start == 1, start, rows).astype(np.intp)


def _refuse_own(
    scans: AlignedScans, table: pd.DataFrame, row: npt.NDArray[np.intp], source: str
) -> None:
    if "neg_log_10_p_value" not in table:
        return
    theirs = table["neg_log_10_p_value"].to_numpy(dtype=float)
    comparable = (row >= 0) & np.isfinite(theirs)
    for number, name in enumerate(scans.names):
        ours = scans.neg_log10_p(number)[row[comparable]].astype(float)
        same = np.abs(ours - theirs[comparable]) <= _SAME_P * np.maximum(ours, 1)
        # one shared p-value may be chance, most of them are not
        if same.any() and same.mean() > 0.5:
            raise InputError(
                f"{source}: holds the p-values of scan {name} itself; loci picked from one of the "
                "scans favour it: give loci known from other studies"
            )


def _apart(
    scans: AlignedScans, rows: npt.NDArray[np.intp], distance_bp: int
) -> npt.NDArray[np.intp]:
    kept: list[int] = []
    chromosome, position = scans.chromosome[rows], scans.position_bp[rows]
    for i in range(len(rows)):
        near = [
            j for j in kept
            if chromosome[j] == chromosome[i] and abs(position[j] - position[i]) < distance_bp
        ]  # fmt: skip
        if not near:
            kept.append(i)
    return rows[kept]
