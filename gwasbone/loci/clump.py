"""Independent signals of a scan: clumps of variants in linkage disequilibrium, by PLINK's rule."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from gwasbone.association.results import AssociationResults
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.calls import packed_rows
from gwasbone.cohort.subsets import short_names
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import X
from gwasbone.loci.clump_tables import (
    Clumps,
    TestedScan,
    clump_tables,
    scan_table,
    tested_scan,
)
from gwasbone.progress import counted_progress

log = logging.getLogger(__name__)


def clump(
    results: AssociationResults | pd.DataFrame,
    cohort: Cohort,
    *,
    trait: str | None = None,
    p1: float = 1e-4,
    p2: float = 1e-2,
    r2: float = 0.5,
    kb: float = 250,
    threads: int | None = None,
) -> Clumps:
    """Clump the variants of a scan by linkage disequilibrium in a cohort's kept people.

    The rule is that of PLINK 1.9's ``--clump`` (see :mod:`gwasbone.blocks.clump`), with the same
    options and defaults: index variants have p ≤ ``p1``, members p < ``p2``, an r² above ``r2``
    with the index (of maximum-likelihood haplotypes) and less than ``kb`` kilobases to it. Ties
    of p go by place.

    Parameters
    ----------
    results : results of a run, or a table with columns ``chromosome`` (codes), ``position_bp``,
        ``other_allele``, ``effect_allele`` and ``neg_log10_p`` (NaN where untested).
    cohort : genotypes to take the LD from. Variants are matched by position and alleles, in
        either order. On X men count once and women twice.
    trait : which trait of ``results``; may be left out where it has one.
    threads : cores to use; all by default.

    Raises
    ------
    UsageError
        A threshold out of range, another build, or no such trait.
    InputError
        Columns are missing, or no variant of the scan is in the genotypes.

    Examples
    --------
    >>> clumps = clump(results, cohort, p1=5e-8, r2=0.1)                 # doctest: +SKIP
    >>> clumps.table[["variant", "neg_log10_p", "n_members"]]            # doctest: +SKIP
    """
    from gwasbone.blocks.clump import clump_variants

    _same_build(results, cohort)
    scan = tested_scan(scan_table(results, trait))
    found, rows = rows_in_genotypes(scan.table, cohort)
    used = scan.table[found].reset_index(drop=True)
    absent = scan.table.loc[~found, "neg_log_10_p_value"]
    below = int((absent >= -np.log10(p1)).sum())
    if used.empty:
        raise InputError(
            f"clump: none of the {len(scan.table)} variants of the scan is in the genotypes "
            f"({cohort.source.describe()}): are both on {cohort.build}?"
        )
    _log_counts(scan, len(absent), below)
    calls = packed_rows(cohort, rows)
    clumps = []
    with counted_progress() as progress:
        for part, weights in calls.by_weights():
            some = calls.take(part)
            log_p = used["neg_log_10_p_value"].to_numpy()[part]
            of_part = clump_variants(
                some, some.chromosome, some.position_bp, log_p, p1=p1, p2=p2, r2=r2,
                radius_kb=kb, weights=weights, threads=threads, progress=progress,
            )  # fmt: skip
            clumps += [(part[c.index], part[c.members], c.n_linked) for c in of_part]
    log_p = used["neg_log_10_p_value"].to_numpy()
    clumps.sort(key=lambda c: (-log_p[c[0]], c[0]))
    named = used.assign(variant=np.concatenate([*short_names(cohort, rows), np.zeros(0, object)]))
    table, members = clump_tables(named, clumps)
    return Clumps(table, members, len(used), scan.n_untested, len(absent), below)


def _same_build(results: AssociationResults | pd.DataFrame, cohort: Cohort) -> None:
    if isinstance(results, AssociationResults) and results.build != cohort.build:
        raise UsageError(
            f"clump: the results are on {results.build}, the genotypes on {cohort.build}; "
            "take genotypes on the build of the scan"
        )


def rows_in_genotypes(scan: pd.DataFrame, cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
    """Which variants of a scan are kept in a cohort, and the rows there of those that are.

    By position and alleles, in either order; autosomes and X.
    """
    table = cohort.variants.table
    usable = cohort.variants.kept & table["chromosome"].between(1, X).to_numpy()
    held = table[usable].assign(_row=np.flatnonzero(usable))
    ours = _key(held, "ref", "alt").assign(_row=held["_row"].to_numpy())
    key = list(ours.columns[:4])
    theirs = _key(scan, "other_allele", "effect_allele")
    matched = theirs.merge(ours.drop_duplicates(key), on=key, how="left")["_row"]
    found = matched.notna().to_numpy()
    return found, matched[found].to_numpy(dtype=np.intp)


def _key(table: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    """What names a variant, whichever of its alleles is counted."""
    a, b = table[one].to_numpy(dtype=object), table[other].to_numpy(dtype=object)
    straight = (a <= b).astype(bool)
    return pd.DataFrame(
        {
            "chromosome": table["chromosome"].to_numpy(dtype=np.int64),
            "base_pair_location": table["base_pair_location"].to_numpy(dtype=np.int64),
            "lesser": np.where(straight, a, b),
            "greater": np.where(straight, b, a),
        }
    )


def _log_counts(scan: TestedScan, n_absent: int, below: int) -> None:
    log.info(
        "clump: %d variants of the scan have genotypes, %d have none, %d have no p-value",
        len(scan.table) - n_absent, n_absent, scan.n_untested,
    )  # fmt: skip
    if below:
        log.warning(
            "%d variants with p <= p1 are not in the genotypes and can lead no clump; another "
            "variant may lead in their place",
            below,
        )
