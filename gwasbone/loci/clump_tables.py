"""Clumps of a scan as tables, however they were found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import UsageError
from gwasbone.sumstats.scan import Scan
from gwasbone.sumstats.scans import as_scans

#: What names a variant of a scan.
VARIANT = ["chromosome", "base_pair_location", "other_allele", "effect_allele"]
_NEEDED = [*VARIANT, "neg_log_10_p_value"]


@dataclass(frozen=True)
class Clumps:
    """Clumps of a scan, and which of its variants could be used.

    Parameters
    ----------
    table : a row per clump, strongest first: ``chromosome``, ``position_bp``, ``other_allele``,
        ``effect_allele``, ``variant`` (the genotypes' name of the index variant),
        ``neg_log10_p``, ``n_members``, ``n_linked`` (members and those with p ≥ p2; PLINK's
        TOTAL), ``start_bp`` and ``end_bp`` of index and members, ``span_kb`` (from the one to
        the other, both included), ``members`` (names, joined by commas; empty where none).
    members : a row per member: ``clump`` (row of ``table``), ``variant``, ``chromosome``,
        ``position_bp``, ``other_allele``, ``effect_allele``, ``neg_log10_p``.
    n_used : variants of the scan with a p-value and genotypes.
    n_untested : variants without a p-value.
    n_absent : variants with one that the genotypes do not hold, or that are on Y or MT.
    n_absent_below_p1 : of these, variants that could have been an index.
    """

    table: pd.DataFrame
    members: pd.DataFrame
    n_used: int
    n_untested: int
    n_absent: int
    n_absent_below_p1: int


@dataclass(frozen=True)
class TestedScan:
    """The variants of a scan that have a p-value, sorted by place, and how many have none."""

    table: pd.DataFrame
    n_untested: int


def one_scan(results: Any, trait: str | None = None) -> Scan:
    """The scan of a trait among what :func:`gwasbone.sumstats.scans.as_scans` takes.

    Raises
    ------
    UsageError
        Several scans without a choice, or no such trait.
    """
    scans = as_scans(results)
    if trait is None and len(scans) != 1:
        raise UsageError(f"clump: give trait, one of {', '.join(scans)}")
    if trait is not None and trait not in scans:
        raise UsageError(f"clump: no trait {trait}; there is {', '.join(scans)}")
    return scans[trait if trait is not None else next(iter(scans))]


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
