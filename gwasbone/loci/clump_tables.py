"""Clumps of a scan as tables, however they were found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gwasbone.association.results import AssociationResults
from gwasbone.errors import InputError, UsageError

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


def scan_table(
    results: AssociationResults | pd.DataFrame, trait: str | None = None
) -> pd.DataFrame:
    """The table of one trait of results, or the table itself.

    Raises
    ------
    UsageError
        Results of several traits without a choice, or no such trait.
    """
    if isinstance(results, pd.DataFrame):
        return results
    if trait is None and len(results.traits) != 1:
        raise UsageError(f"clump: give trait, one of {', '.join(results.traits)}")
    if trait is not None and trait not in results.traits:
        raise UsageError(f"clump: no trait {trait}; there is {', '.join(results.traits)}")
    return results.table(trait or results.traits[0])


def tested_scan(table: pd.DataFrame) -> TestedScan:
    """Variants with a p-value, sorted by place.

    Raises
    ------
    InputError
        Columns are missing, or a variant is there twice.
    """
    missing = [name for name in _NEEDED if name not in table.columns]
    if missing:
        raise InputError(
            f"clump: expected the columns {', '.join(_NEEDED)}; no {', '.join(missing)}"
        )
    tested = table.loc[table["neg_log_10_p_value"].notna().to_numpy(), _NEEDED]
    locus = (tested["chromosome"].to_numpy().astype(np.int64) << 32) + tested["base_pair_location"]
    if (np.diff(locus) > 0).all():
        # one variant a locus, in order: no alleles need to be compared
        return TestedScan(tested.reset_index(drop=True), len(table) - len(tested))
    ordered = tested.sort_values(VARIANT, kind="stable", ignore_index=True)
    twice = ordered.duplicated(VARIANT)
    if twice.any():
        first = ordered[twice].iloc[0]
        raise InputError(
            f"clump: expected every variant once, found {int(twice.sum())} again, such as "
            f"{first['chromosome']}:{first['base_pair_location']} {first['other_allele']}/"
            f"{first['effect_allele']}: is it a scan of one trait?"
        )
    return TestedScan(ordered, len(table) - len(tested))


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
