"""Lead variants: the best of each block, tables of leads, places that scans share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.columns import (
    CHROMOSOME_NAMES,
    POSITION_NAMES,
    chromosomes,
    columns_called,
    positions,
    refuse_rows,
)
from gwasbone.errors import InputError, UsageError, reading
from gwasbone.genome import locus_key
from gwasbone.sumstats.table import NAMES_OF_0_1, warn_of_names_of_0_1
from gwasbone.sumstats.variants import AlleleCodes, Variants, match_variants, most_significant
from gwasbone.text_table import TextTable

_PLACE = ("chromosome", "base_pair_location")
_ALLELES = ("other_allele", "effect_allele")
#: What a lead may bring of its own; the rest is the scan's.
_WORDS = ("label", "gene", "nearest_gene")
_KEY = [*_PLACE, *_ALLELES]
_RANKED = (*_PLACE, "neg_log_10_p_value")


def lead_blocks(
    results_table: pd.DataFrame,
    *,
    p_threshold: float = 1e-5,
    block_bp: int = 1_000_000,
    max_blocks: int | None = 12,
) -> pd.DataFrame:
    """Find the genome blocks of a scan with the smallest p-values, and their lead variants.

    Blocks are ``base_pair_location // block_bp`` on each chromosome. Blocks in which no variant has
    p < ``p_threshold`` are left out. The comparison is on the −log10 scale, so variants whose
    p underflows still rank by it.

    Parameters
    ----------
    results_table : results table of one trait (:data:`gwasbone.sumstats.table.COLUMNS`);
        untested variants (NaN) are never lead variants.
    p_threshold : p-value below which the strongest variant of a block must be, between 0 and 1.
    block_bp : width of a block, in base pairs.
    max_blocks : maximum number of blocks; None keeps all.

    Returns
    -------
    DataFrame, one row per block, best first (ties by chromosome and position): ``block_start_bp``
    and ``block_end_bp`` (both inside the block), ``n_below_threshold`` (variants of the block
    under the threshold), then all columns of the lead variant's row.

    Raises
    ------
    UsageError
        Where a threshold or width makes no sense.

    References
    ----------
    Eriksson & Nakamori (2025), §2.6: p < 1e-5, blocks of 1,000,000 bp, the 12 best.
    """
    if not 0 < p_threshold <= 1:
        raise UsageError(f"p_threshold: expected a number in (0, 1], got {p_threshold}")
    if block_bp < 1 or (max_blocks is not None and max_blocks < 1):
        raise UsageError(
            f"expected block_bp and max_blocks of at least 1, got {block_bp} and {max_blocks}"
        )
    hits = results_table[results_table["neg_log_10_p_value"] > -np.log10(p_threshold)]
    hits = hits.assign(_block=hits["base_pair_location"] // block_bp)
    block = ["chromosome", "_block"]
    hits = hits.assign(
        n_below_threshold=hits.groupby(block)["base_pair_location"].transform("size")
    )
    # A stable sort keeps the table's own order of alleles where two variants share a locus.
    ranked = hits.sort_values(
        ["neg_log_10_p_value", "chromosome", "base_pair_location"],
        ascending=[False, True, True],
        kind="stable",
    )
    leads = ranked.drop_duplicates(block).head(max_blocks or len(ranked))
    start = leads["_block"].astype(np.int64) * block_bp
    leads = leads.assign(
        # Position 0 is no base: the first block of a chromosome starts at 1.
        block_start_bp=np.maximum(start, 1),
        block_end_bp=start + block_bp - 1,
    )
    first = ["block_start_bp", "block_end_bp", "n_below_threshold"]
    return leads[[*first, *results_table.columns]].reset_index(drop=True)


def read_leads(path: Path) -> pd.DataFrame:
    """Read a table of lead variants.

    Parameters
    ----------
    path : separated by tabs, commas or blanks; columns ``chromosome`` (1-22, X, ...) and
        ``base_pair_location`` (or other usual names of these), and where there are such: alleles,
        ``trait`` (the scan that a lead belongs to), and ``label``, ``gene`` or ``nearest_gene`` to
        name it. What ``select`` and ``clump`` write will do.

    Raises
    ------
    InputError
        The file is missing or no such table, or a row has no chromosome or position.
    """
    with reading(path, "a table of leads"):
        source = TextTable.open(path)
        cells = source.text()
        if old := [name for name in source.header if name in NAMES_OF_0_1]:
            warn_of_names_of_0_1(path, old)
        names: dict[str, tuple[str, ...]] = {
            name: (name,) for name in ("trait", *_ALLELES, *_WORDS)
        }
        names |= {"chromosome": CHROMOSOME_NAMES, "base_pair_location": POSITION_NAMES}
        found = {ours: columns_called(source.header, called) for ours, called in names.items()}
        said = pd.DataFrame({ours: cells[at[0]] for ours, at in found.items() if at})
        if absent := [name for name in _PLACE if name not in said]:
            raise InputError(
                f"{path}: expected the columns chromosome and base_pair_location; "
                f"no {', '.join(absent)}"
            )
        place = said[list(_PLACE)]
        table = pd.DataFrame(
            {
                "chromosome": chromosomes(said["chromosome"]),
                "base_pair_location": positions(said["base_pair_location"]),
            }
        )
        refuse_rows(
            path, table.isna().any(axis=1), place,
            "a chromosome (1-22, X, Y, MT) and a position in each row",
        )  # fmt: skip
        for name in names.keys() & set(said) - set(_PLACE):
            table[name] = said[name].mask(said[name].isin(["", "NA"]))
        return table.astype(dict.fromkeys(_PLACE, np.int64)).reset_index(drop=True)


def leads_in_scan(leads: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """Find the rows of a scan that are given lead variants, with their labels.

    A lead with alleles is met by the rule of ``match_variants``, whatever the strand of a
    palindrome, since a mark has no sign; one without by chromosome and position, as the most
    significant variant there. The numbers are the scan's.

    Parameters
    ----------
    leads : from :func:`read_leads`. scan : a scan table, or part of its columns.

    Returns
    -------
    Rows of ``scan`` with a p-value, once each, in the scan's order.
    """
    words = [name for name in _WORDS if name in leads]
    p = scan["neg_log_10_p_value"].to_numpy(dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    locus = locus_key(scan["chromosome"], scan["base_pair_location"])[tested]
    wanted = locus_key(leads["chromosome"], leads["base_pair_location"])
    near = tested[np.isin(locus, wanted)]
    some, p = scan.iloc[near], p[near]
    by_alleles = np.zeros(len(leads), dtype=bool)
    if set(_ALLELES) <= set(leads) & set(scan):
        by_alleles = leads[[*_ALLELES]].notna().all(axis=1).to_numpy()
    codes = AlleleCodes()
    named = np.flatnonzero(by_alleles)
    lead, row = np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    if len(named):
        theirs, ours = (Variants.of_table(t[_KEY], codes) for t in (leads.iloc[named], some))
        first = np.unique(theirs.key, return_index=True)[1]
        best = most_significant(ours.key, p)
        found = match_variants(theirs.take(first), ours.take(best), strand_matters=False)
        lead, row = named[first[found.first]], best[found.second]
    placed = np.flatnonzero(~by_alleles)
    if len(placed):
        key = locus_key(some["chromosome"], some["base_pair_location"])
        best = most_significant(key, p)
        places, first = np.unique(wanted[placed], return_index=True)
        best = best[np.isin(key[best], places) & ~np.isin(best, row)]
        lead = np.append(lead, placed[first[np.searchsorted(places, key[best])]])
        row = np.append(row, best)
    order = np.argsort(row, kind="stable")
    marked = some.iloc[row[order]].drop(columns=words, errors="ignore").reset_index(drop=True)
    return marked.assign(**{name: leads[name].to_numpy()[lead[order]] for name in words})


def shared_loci(
    leads: Mapping[str, pd.DataFrame], *, within_bp: int = 500_000, min_scans: int = 2
) -> pd.DataFrame:
    """Merge the lead variants of several scans into loci by distance alone.

    Leads of all scans are taken in order along each chromosome; one that lies at most
    ``within_bp`` from the one before belongs to the same locus, whichever scan it comes from.
    Linkage disequilibrium is not looked at: scans that share a locus need not share a signal.

    Parameters
    ----------
    leads : scan -> table with ``chromosome``, ``base_pair_location`` and
        ``neg_log_10_p_value``; other columns, such as ``gene`` or ``source_id``, are kept. Leads
        without a p-value are left out.
    within_bp : maximum gap between neighbouring leads of a locus, in bp.
    min_scans : minimum number of scans with a lead in the locus.

    Returns
    -------
    DataFrame, one row per locus along the genome: ``start_bp`` and ``end_bp`` (half of
    ``within_bp`` before its first lead and after its last, so that loci never overlap),
    ``n_scans``, ``scans`` (names joined by commas, in the order of ``leads``), then the
    columns of its best lead (the highest −log₁₀ p; the earliest scan among equals), with
    ``best_scan``.

    Raises
    ------
    InputError
        A table lacks a column.
    UsageError
        ``within_bp`` is negative.
    """
    if within_bp < 0:
        raise UsageError(f"within_bp: expected 0 or more, got {within_bp}")
    for name, table in leads.items():
        if absent := [column for column in _RANKED if column not in table]:
            raise InputError(
                f"leads of {name}: expected the columns {', '.join(_RANKED)}; no "
                f"{', '.join(absent)}"
            )
    order = {name: i for i, name in enumerate(leads)}
    parts = [table.assign(best_scan=name) for name, table in leads.items() if len(table)]
    if not parts:
        columns = ["start_bp", "end_bp", "n_scans", "scans", *_RANKED, "best_scan"]
        return pd.DataFrame({name: [] for name in columns})
    every = pd.concat(parts, ignore_index=True).dropna(subset=["neg_log_10_p_value"])
    every = every.sort_values(
        ["chromosome", "base_pair_location"], kind="stable", ignore_index=True
    )
    starts = (every["chromosome"].diff() != 0) | (every["base_pair_location"].diff() > within_bp)
    locus = np.cumsum(starts.to_numpy())
    rows = []
    for _, members in every.groupby(locus):
        scans = sorted(set(members["best_scan"]), key=order.__getitem__)
        if len(scans) < min_scans:
            continue
        rank = members["best_scan"].map(order)
        best = members.assign(_rank=rank).sort_values(
            ["neg_log_10_p_value", "_rank"], ascending=[False, True], kind="stable"
        )
        first, last = (
            int(members["base_pair_location"].min()),
            int(members["base_pair_location"].max()),
        )
        rows.append(
            {"start_bp": max(1, first - within_bp // 2), "end_bp": last + within_bp // 2}
            | {"n_scans": len(scans), "scans": ",".join(scans)}
            | best.drop(columns="_rank").iloc[0].to_dict()
        )
    if not rows:
        return shared_loci({}, within_bp=within_bp)
    return pd.DataFrame(rows)
