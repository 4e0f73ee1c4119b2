"""Mendelian randomisation of scans or of a harmonised table: tables and the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gwasbone.cohort.model import Cohort
from gwasbone.loci.instruments import read_confounders, select_instruments
from gwasbone.progress import counted_progress
from gwasbone.report.pages.mr import mr_page
from gwasbone.sumstats.mr_pairs import MrPair, paired
from gwasbone.sumstats.mr_run import MrResults, estimate_pairs
from gwasbone.sumstats.options import MrOptions
from gwasbone.sumstats.scan import Scans
from gwasbone.tables import write_table

MR, INSTRUMENTS, FUNNEL, PAGE = "mr.tsv", "instruments.tsv", "mr.funnel.tsv", "mr.html"


def pairs_of_scans(
    exposures: Scans,
    outcomes: Scans,
    cohort: Cohort | None,
    rule: MrOptions,
    *,
    confounders: Path | None = None,
    threads: int | None = None,
) -> list[MrPair]:
    """Each exposure with each outcome: instruments selected, clumped and looked up."""
    listed = None if confounders is None else read_confounders(confounders)
    with counted_progress() as progress:
        selected = select_instruments(
            exposures, cohort, rule, confounders=listed, threads=threads, progress=progress
        )
        return paired(selected, list(outcomes.values()), progress=progress)


def estimate_effects(pairs: Sequence[MrPair], rule: MrOptions, stem: str) -> MrResults:
    """Write ``STEMmr.tsv``, ``STEMinstruments.tsv``, of a screen ``STEMfunnel.tsv``, the page."""
    with counted_progress() as progress:
        found = estimate_pairs(pairs, rule, progress=progress)
    write_table(found.table, Path(f"{stem}{MR}"), index=False)
    write_table(found.instruments, Path(f"{stem}{INSTRUMENTS}"), index=False)
    steps = table = None
    if found.funnel is not None:
        steps, table = found.funnel.steps, found.funnel.table
        write_table(table, Path(f"{stem}{FUNNEL}"), index=False)
    mr_page(pairs, found.table, Path(f"{stem}{PAGE}"), steps=steps, found=table)
    return found
