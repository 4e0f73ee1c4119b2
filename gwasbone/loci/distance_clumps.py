"""Clumps by distance alone, where no genotypes are at hand to take the LD from."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import UsageError
from gwasbone.genome import chromosome_label
from gwasbone.loci.clump_tables import Clumps, clump_tables, one_scan, tested_scan

log = logging.getLogger(__name__)


def clump_by_distance(
    results: Any,
    *,
    trait: str | None = None,
    p1: float = 5e-8,
    p2: float = 1e-2,
    kb: float = 250,
) -> Clumps:
    """Clump the variants of a scan by distance alone: PLINK's rule as if r² were 1 everywhere.

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
    whole = one_scan(results, trait).table()
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
