"""Independent signals of a scan: clumps of variants in linkage disequilibrium, by PLINK's rule."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.cohort.chosen_variants import rows_in_cohort
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.calls import packed_rows
from gwasbone.cohort.subsets import short_names
from gwasbone.errors import InputError, UsageError, listed
from gwasbone.genome import X, chromosome_label
from gwasbone.loci.clump_tables import (
    Clumps,
    TestedScan,
    clump_tables,
    tested_scan,
)
from gwasbone.loci.options import ClumpRule
from gwasbone.progress import counted_progress
from gwasbone.sumstats.scans import as_scans

log = logging.getLogger(__name__)


def clump(
    results: Any,
    cohort: Cohort,
    *,
    trait: str | None = None,
    p1: float = ClumpRule.p1,
    p2: float = ClumpRule.p2,
    r2: float = ClumpRule.r2,
    kb: float = ClumpRule.kb,
    threads: int | None = None,
) -> Clumps:
    """Clump the variants of a scan by linkage disequilibrium in the retained samples of a cohort.

    The rule is that of PLINK 1.9's ``--clump`` (see :mod:`gwasbone.blocks.clump`), with the
    defaults of ``gwasbone clump`` (PLINK's own are p1 1e-4 and r2 0.5): index variants have p ≤
    ``p1``, members p < ``p2``, an r² above ``r2`` with the index (of maximum-likelihood haplotypes)
    and less than ``kb`` kilobases to it. Ties of p go by place.

    Parameters
    ----------
    results : a scan, or several (:func:`gwasbone.sumstats.scans.as_scans`): results of a run, or a
        table with the columns ``chromosome`` (codes), ``base_pair_location``, ``other_allele``,
        ``effect_allele`` and ``neg_log_10_p_value`` (NaN where untested).
    cohort : genotypes to compute LD from. Variants are matched by position and alleles, in either
        order and on either strand. On chromosome X males count once and females twice.
    trait : trait of ``results``; may be omitted where there is only one.
    threads : number of cores to use; all by default.

    Raises
    ------
    UsageError
        A threshold out of range, another build, or no such trait.
    InputError
        Columns are missing, or no variant of the scan is in the genotypes.

    Examples
    --------
    >>> cohort = gb.example_cohort()
    >>> results = gb.associate(cohort, ["bmd_spine"], ["age", "sex"])
    >>> gb.clump(results, cohort, p1=5e-8, r2=0.1)
    Clumps: 1 clumps of 400 variants
    """
    from gwasbone.blocks.clump import clump_variants

    source = as_scans(results).one(trait)
    if source.build is not None and source.build != cohort.build:
        raise UsageError(
            f"clump: {source.where} is on {source.build}, the genotypes on {cohort.build}: take "
            "genotypes on the build of the scan"
        )
    scan = tested_scan(source.table())
    found, rows = rows_in_genotypes(scan.table, cohort)
    used = scan.table[found].reset_index(drop=True)
    absent = scan.table.loc[~found, "neg_log_10_p_value"]
    below = scan.table[~found & (scan.table["neg_log_10_p_value"] >= -np.log10(p1)).to_numpy()]
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
    return Clumps(table, members, len(used), scan.n_untested, len(absent), len(below))


def rows_in_genotypes(scan: pd.DataFrame, cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
    """Which variants of a scan are kept in a cohort, and the rows there of those that are.

    By :func:`gwasbone.cohort.chosen_variants.rows_in_cohort`; autosomes and X.
    """
    rows = rows_in_cohort(scan, cohort)
    found = (rows >= 0) & scan["chromosome"].between(1, X).to_numpy()
    return found, rows[found].astype(np.intp)


def _log_counts(scan: TestedScan, n_absent: int, below: pd.DataFrame) -> None:
    log.info(
        "clump: %d variants of the scan have genotypes, %d have none, %d have no p-value",
        len(scan.table) - n_absent, n_absent, scan.n_untested,
    )  # fmt: skip
    if len(below):
        strongest = below.sort_values("neg_log_10_p_value", ascending=False, kind="stable")
        places = strongest[["chromosome", "base_pair_location"]].itertuples(index=False)
        log.warning(
            "%d variants with p <= p1 are not in the genotypes and cannot be the index of a clump "
            "(%s); another variant may lead in their place",
            len(below),
            listed((f"{chromosome_label(c)}:{bp}" for c, bp in places), 5),
        )
