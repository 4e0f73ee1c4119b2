"""Scan traits and write what a scan leaves: GWAS-SSF files, pages, λ_GC."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from gwasbone.association.associate import scan_cohort
from gwasbone.association.options import ScanRequest
from gwasbone.association.result_files import output_paths as result_paths
from gwasbone.association.results import AssociationResults
from gwasbone.cohort.model import Cohort
from gwasbone.errors import InputError, listed

log = logging.getLogger(__name__)

#: The genome-wide line of the field.
GENOME_WIDE = 5e-8


def output_paths(request: ScanRequest, prefix: Path) -> list[Path]:
    """All files that a scan writes, so that they can be refused before anything is computed."""
    paths = list(result_paths(prefix, request.traits, request.formats))
    if request.plots:
        from gwasbone.report.pages.scans import page_paths

        for trait in request.traits:
            paths += page_paths(prefix, trait)
    return paths


def run_scan(
    cohort: Cohort,
    request: ScanRequest,
    phenotypes: pd.DataFrame,
    prefix: Path,
    *,
    threads: int | None = None,
    folder: Path | None = None,
) -> AssociationResults:
    """Scan a cohort, and write the files of :func:`output_paths`.

    Parameters
    ----------
    phenotypes : :func:`gwasbone.study.requests.phenotype_columns`.
    folder : where the result tables are kept.

    Raises
    ------
    InputError
        No variant could be tested for any trait; nothing is written.
    """
    results = scan_cohort(cohort, request, phenotypes, threads=threads, folder=folder)
    _check_tested(results)
    results.write(prefix, formats=request.formats, threads=threads)
    for trait, summary in results.summaries.items():
        if summary.n_tested:
            log.info("%s: lambda_GC = %.4f", trait, summary.lambda_gc)
        if request.plots:
            from gwasbone.report.pages.scans import draw_scan

            draw_scan(results, trait, prefix, genome_wide=GENOME_WIDE)
        for status, count in summary.untested.items():
            log.info("%s: %d variants not tested: %s", trait, count, status)
    return results


def _check_tested(results: AssociationResults) -> None:
    """Warn of traits for which no variant could be tested; raise where that holds for all."""
    faults = [
        f"{trait}: none of {sum(summary.untested.values()):,} variants could be tested ("
        + listed(f"{n:,} {status}" for status, n in summary.untested.items()) + ")"
        for trait, summary in results.summaries.items()
        if not summary.n_tested
    ]  # fmt: skip
    if len(faults) == len(results.summaries):
        raise InputError(
            f"expected variants to test, {listed(faults, 3, '; ')}: look at the call rates and "
            "frequencies in the samples of the trait"
        )
    for fault in faults:
        log.warning("%s", fault)
