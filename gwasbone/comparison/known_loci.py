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

from gwasbone.errors import InputError
from gwasbone.genome import chromosome_code, locus_key
from gwasbone.sumstats.align import AlignedScans
from gwasbone.sumstats.table import with_names_of_today
from gwasbone.sumstats.variants import Variants, match_variants

log = logging.getLogger(__name__)

#: Name of a column -> names that files give it, in small letters.
_SPELLINGS = {
    "chromosome": ("chromosome", "chrom", "chr", "#chrom"),
    "base_pair_location": ("base_pair_location", "position", "pos", "bp"),
    "neg_log_10_p_value": ("neg_log_10_p_value",),
    "p_value": ("p_value", "p", "pval"),
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
    """Independent loci, each a variant that all scans have.

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
    """Loci of a tab-separated file, by the names of its columns.

    Parameters
    ----------
    path : needs a chromosome and a position (``chromosome base_pair_location``, ``chr bp``,
        …), and may have alleles. Other columns may stand beside them. The order of the file says
        which of near loci stays; of a simulation's ``causal_variants.tsv`` planted ones come first.

    Returns
    -------
    ``chromosome`` (code), ``base_pair_location``, and ``neg_log_10_p_value``, ``effect_allele``
    and ``other_allele`` where the file has them.

    Raises
    ------
    InputError
        The file is missing or empty, lacks a column, or holds what is no place.
    """
    try:
        raw = with_names_of_today(
            pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False), path
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a table of loci, got {error}") from error
    columns = {str(c).strip().lower(): c for c in raw.columns}
    named = {
        ours: raw[columns[next(s for s in spellings if s in columns)]]
        for ours, spellings in _SPELLINGS.items()
        if any(s in columns for s in spellings)
    }
    if "chromosome" not in named or "base_pair_location" not in named:
        raise InputError(
            f"{path}: expected columns chromosome and base_pair_location (a locus is the variant "
            f"at which it is known), got {', '.join(map(str, raw.columns))}"
        )
    table = pd.DataFrame(
        {
            "chromosome": [chromosome_code(text) or 0 for text in named["chromosome"]],
            "base_pair_location": pd.to_numeric(named["base_pair_location"], errors="coerce"),
        }
    )
    wrong = (table["chromosome"] == 0) | table["base_pair_location"].isna()
    if len(table) == 0 or wrong.any():
        line = f"line {int(np.flatnonzero(wrong)[0]) + 2} is not" if len(table) else "it has none"
        raise InputError(f"{path}: expected a chromosome and a position on each line, {line}")
    if "neg_log_10_p_value" in named:
        table["neg_log_10_p_value"] = pd.to_numeric(named["neg_log_10_p_value"], errors="coerce")
    elif "p_value" in named:
        with np.errstate(divide="ignore"):
            table["neg_log_10_p_value"] = -np.log10(
                pd.to_numeric(named["p_value"], errors="coerce")
            )
    if "planted" in named:
        planted = named["planted"].str.lower().isin(["true", "1", "yes"])
        table = table.iloc[np.argsort(~planted.to_numpy(), kind="stable")]
    alleles = [name for name in ("effect_allele", "other_allele") if name in named]
    if len(alleles) == 2:
        table[alleles] = pd.DataFrame({n: named[n].str.strip() for n in alleles}).loc[table.index]
        if (table[alleles] == "").any(axis=None) or table[alleles].isin(["NA"]).any(axis=None):
            table = table.drop(columns=alleles)
            alleles = []
    # a locus of several traits stands in some files once for each
    once = table.drop_duplicates(["chromosome", "base_pair_location", *alleles])
    return once.astype({"base_pair_location": np.int64}).reset_index(drop=True)


def known_loci(
    scans: AlignedScans, table: pd.DataFrame, *, source: str, distance_bp: int = DISTANCE_BP
) -> KnownLoci:
    """The loci of a table that the scans have, no two near one another.

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
