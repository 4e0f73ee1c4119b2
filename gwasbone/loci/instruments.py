"""Instruments of exposures: their genome-wide significant variants, clumped."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.blocks.kernel_progress import Progress
from gwasbone.cohort.model import Cohort
from gwasbone.errors import InputError
from gwasbone.loci.clump import clump
from gwasbone.loci.clump_tables import VARIANT, clump_by_distance
from gwasbone.sumstats.hits import map_hits
from gwasbone.sumstats.mr_pairs import Instruments
from gwasbone.sumstats.options import MrOptions
from gwasbone.sumstats.scan import FrameScan, ScanHits, Scans
from gwasbone.text_table import TextTable

log = logging.getLogger(__name__)

#: The MHC, on either build, where instruments are hardly specific.
_MHC = (6, 25_000_000, 34_000_000)


def select_instruments(
    scans: Scans,
    cohort: Cohort | None,
    rule: MrOptions,
    *,
    confounders: pd.DataFrame | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Instruments]:
    """Select the instruments of exposures: significant variants, clumped.

    Parameters
    ----------
    scans : of the exposures.
    cohort : genotypes to take the LD from; by distance alone without them.
    rule : thresholds. Where fewer than ``min_instruments`` clumps reach ``clump_p1``, those that
        reach ``exploratory_p`` are taken and marked.
    confounders : from :func:`read_confounders`; their variants are marked, and are not used.

    Raises
    ------
    InputError
        A scan has no effects or standard errors.
    """
    for scan in scans.values():
        if absent := [n for n in ("beta", "standard_error") if n not in scan.has]:
            raise InputError(
                f"{scan.where}: Mendelian randomisation expected {' and '.join(absent)} in the "
                "scan of an exposure"
            )
    hits = map_hits(
        scans, lambda hit: hit, p_threshold=min(1.0, rule.exploratory_p * (1 + 1e-9)),
        threads=threads, progress=progress,
    )  # fmt: skip
    if cohort is None:
        log.warning(
            "instruments are clumped by distance alone (%g kb), not by LD: give --ld-bfile",
            rule.clump_kb,
        )
    return [_of_hits(hit, cohort, rule, confounders, threads) for hit in hits.values()]


def _of_hits(
    hits: ScanHits,
    cohort: Cohort | None,
    rule: MrOptions,
    confounders: pd.DataFrame | None,
    threads: int | None,
) -> Instruments:
    usable = hits.table[
        np.isfinite(hits.table["beta"]) & (hits.table["standard_error"] > 0)
    ].reset_index(drop=True)
    p = usable["neg_log_10_p_value"].to_numpy()
    strict = usable[p >= -np.log10(rule.clump_p1)]
    table = _clumped(hits.trait, strict, cohort, rule, rule.clump_p1, threads)
    exploratory = len(table) < rule.min_instruments and len(strict) < len(usable)
    if exploratory:
        table = _clumped(hits.trait, usable, cohort, rule, rule.exploratory_p, threads)
        log.warning(
            "%s: fewer than %d instruments with p <= %g; %d with p <= %g, exploratory", hits.trait,
            rule.min_instruments, rule.clump_p1, len(table), rule.exploratory_p,
        )  # fmt: skip
    position = table["base_pair_location"].to_numpy()
    return Instruments(
        hits.trait,
        table.assign(
            f=(table["beta"] / table["standard_error"]) ** 2,
            in_mhc=(table["chromosome"].to_numpy() == _MHC[0])
            & (position >= _MHC[1]) & (position <= _MHC[2]),
            confounder=_confounder_of(table, confounders),
        ),
        exploratory,
    )  # fmt: skip


def _clumped(
    name: str,
    hits: pd.DataFrame,
    cohort: Cohort | None,
    rule: MrOptions,
    p1: float,
    threads: int | None,
) -> pd.DataFrame:
    if hits.empty:
        return hits
    scan = FrameScan(name, hits)
    if cohort is None:
        clumps = clump_by_distance(scan, p1=p1, p2=p1, kb=rule.clump_kb)
    else:
        clumps = clump(
            scan, cohort, p1=p1, p2=p1, r2=rule.clump_r2, kb=rule.clump_kb, threads=threads
        )
    leads = clumps.table[VARIANT]
    # as in the scan, where numbers are not those of a clump's table
    found = leads.merge(hits, on=VARIANT, how="left")
    return found.sort_values(["chromosome", "base_pair_location"], ignore_index=True)


def read_confounders(path: Path) -> pd.DataFrame:
    """Read a table of variants that act on confounders.

    Parameters
    ----------
    path : table with ``rsid`` (or SNP), or ``chromosome`` and ``base_pair_location``, and
        optionally ``confounder``.

    Returns
    -------
    ``rsid chromosome base_pair_location confounder`` as text.

    Raises
    ------
    InputError
        The file names no variants.
    """
    import pyarrow as pa

    text = TextTable.open(path)
    spelled = {name.lower(): name for name in text.header}
    names = {
        "rsid": ("rsid", "snp", "variant_id", "source_id"),
        "chromosome": ("chromosome", "chr"),
        "base_pair_location": ("base_pair_location", "bp", "pos"),
        "confounder": ("confounder", "trait", "phenotype"),
    }
    found = {k: next((spelled[n] for n in v if n in spelled), None) for k, v in names.items()}
    if found["rsid"] is None and None in (found["chromosome"], found["base_pair_location"]):
        raise InputError(
            f"{path}: expected variants of confounders by rsid, or by chromosome and "
            f"base_pair_location, got the columns {', '.join(text.header[:8])}"
        )
    types = {name: pa.string() for name in found.values() if name is not None}
    parts = [text.columns(lines, types).to_pandas() for lines in text.pieces()]
    raw = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(types))
    table = pd.DataFrame({k: raw[v] if v is not None else "" for k, v in found.items()})
    table["confounder"] = table["confounder"].where(table["confounder"] != "", "listed")
    return table.fillna("")


def _confounder_of(table: pd.DataFrame, confounders: pd.DataFrame | None) -> list[str]:
    if confounders is None or table.empty:
        return [""] * len(table)
    from gwasbone.genome import chromosome_code

    by_name = dict(zip(confounders["rsid"], confounders["confounder"], strict=True))
    by_place = {
        (chromosome_code(c), int(float(p))): name
        for c, p, name in zip(
            confounders["chromosome"], confounders["base_pair_location"],
            confounders["confounder"], strict=True,
        )
        if c and p
    }  # fmt: skip
    by_name.pop("", None)
    columns = (table[n] for n in ("source_id", "chromosome", "base_pair_location"))
    return [
        by_name.get(str(name), by_place.get((int(c), int(p)), ""))
        for name, c, p in zip(*columns, strict=True)
    ]
