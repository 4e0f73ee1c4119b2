"""LD score regression of scans: tables of heritabilities or of correlations, and their pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gwasbone.progress import counted_progress
from gwasbone.report.pages.ldsc import correlation_page, heritability_page
from gwasbone.sumstats.ld_score_files import LdScores
from gwasbone.sumstats.ldsc_input import ldsc_input
from gwasbone.sumstats.ldsc_matrix import genetic_correlations, heritabilities
from gwasbone.sumstats.ldsc_tables import correlation_table, heritability_table, liability_factors
from gwasbone.sumstats.options import LdscOptions
from gwasbone.sumstats.scan import Scans
from gwasbone.tables import write_table

H2, H2_PAGE, RG, RG_PAGE = "h2.tsv", "h2.html", "rg.tsv", "rg.html"


def estimate_heritability(
    scans: Scans,
    scores: LdScores,
    weights: LdScores | None,
    rule: LdscOptions,
    stem: str,
    *,
    prevalences: tuple[Sequence[float] | None, Sequence[float] | None] = (None, None),
) -> pd.DataFrame:
    """Write ``STEMh2.tsv`` and its page; prevalences are of the samples and of the population."""
    liability_factors(list(scans), *prevalences)  # refused before the scans are read
    with counted_progress() as progress:
        data = ldsc_input(scans, scores, weights, min_maf=rule.min_maf, progress=progress)
    table = heritability_table(
        data.names, heritabilities(data, rule), sample_prevalence=prevalences[0],
        population_prevalence=prevalences[1],
    )  # fmt: skip
    write_table(table, Path(f"{stem}{H2}"), index=False)
    heritability_page(table, data.dropped, Path(f"{stem}{H2_PAGE}"), source=data.source)
    return table


def correlate(
    scans: Scans,
    scores: LdScores,
    weights: LdScores | None,
    rule: LdscOptions,
    stem: str,
    *,
    threads: int | None = None,
) -> pd.DataFrame:
    """Write ``STEMrg.tsv``, each scan with each, and its page."""
    with counted_progress() as progress:
        data = ldsc_input(scans, scores, weights, min_maf=rule.min_maf, progress=progress)
        found = genetic_correlations(data, rule, threads=threads, progress=progress)
    table = correlation_table(data.names, found)
    write_table(table, Path(f"{stem}{RG}"), index=False)
    correlation_page(table, Path(f"{stem}{RG_PAGE}"), source=data.source)
    return table
