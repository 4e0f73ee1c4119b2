"""Clumps of a scan as tables, however they were found; clumps by distance alone.

Distance stands in where no genotypes are at hand to take the linkage disequilibrium from.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.display import Shown
from gwasbone.errors import UsageError
from gwasbone.genome import chromosome_label
from gwasbone.loci.options import ClumpRule
from gwasbone.sumstats.scans import as_scans

log = logging.getLogger(__name__)

#: What names a variant of a scan.
VARIANT = ["chromosome", "base_pair_location", "other_allele", "effect_allele"]
_NEEDED = [*VARIANT, "neg_log_10_p_value"]


@dataclass(frozen=True, repr=False)
class Clumps(Shown):
    """Clumps of a scan, with counts of the variants that could be used.

    Parameters
    ----------
    table : a row per clump, strongest first: ``chromosome``, ``base_pair_location``,
        ``other_allele``, ``effect_allele``, ``variant`` (name of the index variant in the
        genotypes), ``neg_log_10_p_value``, ``n_members``, ``n_linked`` (members and those with
        p ≥ p2; PLINK's TOTAL), ``start_bp`` and ``end_bp`` of index and members, ``span_kb``
        (from the one to the other, both included), ``members`` (names, joined by commas; empty
        where none).
    members : a row per member: ``clump`` (row of ``table``), ``variant``, ``chromosome``,
        ``base_pair_location``, ``other_allele``, ``effect_allele``, ``neg_log_10_p_value``.
    n_used : number of variants of the scan with a p-value and genotypes.
    n_untested : number of variants without a p-value.
    n_absent : number of variants with a p-value that are not in the genotypes, or on Y or MT.
    n_absent_below_p1 : number of these that could have been an index variant.
    """

    table: pd.DataFrame
    members: pd.DataFrame
    n_used: int
    n_untested: int
    n_absent: int
    n_absent_below_p1: int

    def headline(self) -> str:
        return f"Clumps: {len(self.table):,} clumps of {self.n_used:,} variants"

    def preview(self) -> pd.DataFrame:
        return self.table


@dataclass(frozen=True)
class TestedScan:
    """The variants of a scan that have a p-value, sorted by place, and how many have none."""

    table: pd.DataFrame
    n_untested: int


def tested_scan(table: pd.DataFrame) -> TestedScan:
    """The variants of a scan table (:meth:`gwasbone.sumstats.scan.Scan.table`) with a p-value."""
    tested = table.loc[table["neg_log_10_p_value"].notna().to_numpy(), _NEEDED]
    return TestedScan(tested.reset_index(drop=True), len(table) - len(tested))


def clump_tables(
    used: pd.DataFrame, clumps: list[tuple[int, np.ndarray, int]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``Clumps.table`` and ``Clumps.members``.

    Parameters
    ----------
    used : the scan's variants with a column ``variant``.
    clumps : index, members (rows of ``used``) and number linked of each.
    """
    index = np.array([c[0] for c in clumps], dtype=np.intp)
    n_members = np.array([len(c[1]) for c in clumps], dtype=np.int64)
    member_rows = np.concatenate([np.zeros(0, np.intp), *(c[1] for c in clumps)]).astype(np.intp)
    members = used.iloc[member_rows].reset_index(drop=True)
    members.insert(0, "clump", np.repeat(np.arange(len(clumps)), n_members))
    position, names = used["base_pair_location"].to_numpy(), used["variant"].to_numpy()
    start = [min(position[i], *position[m]) if len(m) else position[i] for i, m, _ in clumps]
    end = [max(position[i], *position[m]) if len(m) else position[i] for i, m, _ in clumps]
    table = used.loc[index, [*VARIANT, "variant", "neg_log_10_p_value"]].reset_index(drop=True)
    table = table.assign(
        n_members=n_members,
        n_linked=np.array([c[2] for c in clumps], dtype=np.int64),
        start_bp=np.array(start, dtype=np.int64),
        end_bp=np.array(end, dtype=np.int64),
    )
    table["span_kb"] = (table["end_bp"] - table["start_bp"] + 1) / 1000
    table["members"] = [",".join(names[m]) for _, m, _ in clumps]
    return table, members[["clump", "variant", *VARIANT, "neg_log_10_p_value"]]


def clump_by_distance(
    results: Any,
    *,
    trait: str | None = None,
    p1: float = ClumpRule.p1,
    p2: float = ClumpRule.p2,
    kb: float = ClumpRule.kb,
) -> Clumps:
    """Clump the variants of a scan by distance alone, as if every r² were 1.

    The strongest variant takes all that are nearer than ``kb``, and so on. Two signals nearer
    than that come out as one, and a signal whose LD reaches farther comes out as several: with
    genotypes use :func:`gwasbone.loci.clump.clump`.

    Parameters
    ----------
    results, trait : as in :func:`gwasbone.loci.clump.clump`.
    p1, p2 : an index has p ≤ p1, a member p < p2.
    kb : a member is nearer than this to its index.

    Returns
    -------
    Clumps; every tested variant can be used, and is named by its ``source_id`` or its place.

    Raises
    ------
    UsageError
        A threshold out of range, or no such trait.
    InputError
        Columns are missing.
    """
    if not 0 < p1 <= p2 <= 1:
        raise UsageError(f"clump: expected 0 < p1 <= p2 <= 1, got p1 {p1:g} and p2 {p2:g}")
    if not kb > 0:
        raise UsageError(f"clump: expected a radius above 0 kb, got {kb:g}")
    whole = as_scans(results).one(trait).table()
    scan = tested_scan(whole)
    table = scan.table
    log_p = table["neg_log_10_p_value"].to_numpy()
    position = table["base_pair_location"].to_numpy(dtype=np.int64)
    borders = (np.flatnonzero(np.diff(table["chromosome"].to_numpy())) + 1).tolist()
    clumps = []
    for first, last in zip([0, *borders], [*borders, len(table)], strict=True):
        part = slice(first, last)
        for index, near in _around(position[part], log_p[part], -np.log10(p1), kb * 1000):
            members = near[log_p[part][near] > -np.log10(p2)]
            clumps.append((first + index, first + members, len(near)))
    clumps.sort(key=lambda c: (-log_p[c[0]], c[0]))
    log.info("clump: no LD, by distance alone: %d variants, %d clumps", len(table), len(clumps))
    found, members = clump_tables(table.assign(variant=_names(whole, table)), clumps)
    return Clumps(found, members, len(table), scan.n_untested, 0, 0)


def _around(
    position: npt.NDArray[np.int64], log_p: npt.NDArray[np.float64], least: float, radius_bp: float
) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """Index variants of a chromosome, strongest first, each with the free ones near it."""
    free = np.ones(len(position), dtype=bool)
    candidates = np.flatnonzero(log_p >= least)
    found = []
    for index in candidates[np.argsort(-log_p[candidates], kind="stable")].tolist():
        if not free[index]:
            continue
        free[index] = False
        near = np.arange(
            np.searchsorted(position, position[index] - radius_bp, side="right"),
            np.searchsorted(position, position[index] + radius_bp, side="left"),
        )
        near = near[free[near]]
        free[near] = False
        found.append((index, near))
    return found


def _names(whole: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Names of variants: their IDs where those are one each, else their places and alleles."""
    rows = table[["chromosome", "base_pair_location", "other_allele", "effect_allele"]]
    places = [f"{chromosome_label(int(c))}:{p}:{o}:{e}" for c, p, o, e in rows.to_numpy().tolist()]
    ids = rows.merge(whole[[*rows.columns, "source_id"]], how="left")["source_id"]
    usable = ~ids.duplicated(keep=False) & ~ids.isin(["", "."]) & ids.notna()
    return [i if fine else p for i, fine, p in zip(ids, usable, places, strict=True)]
