"""Scan traits and write what a scan leaves: GWAS-SSF files, pages, λ_GC."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from gwasbone.association.associate import scan_cohort
from gwasbone.association.options import ScanRequest
from gwasbone.association.result_files import output_paths as result_paths
from gwasbone.association.results import AssociationResults
from gwasbone.cohort.model import Cohort
from gwasbone.errors import UsageError
from gwasbone.phenotypes.table import (
    IdRule,
    column_names,
    expand_names,
    pick_columns,
    read_people_table,
)

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig

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


def phenotype_columns(
    request: ScanRequest,
    tables: Sequence[str | Path] = (),
    *,
    covariate_tables: Sequence[str | Path] = (),
    config: StudyConfig | None = None,
    id_rule: IdRule | None = None,
) -> pd.DataFrame:
    """The request's columns out of the tables, one row per person in any table used.

    Parameters
    ----------
    tables : files searched for a column by name.
    covariate_tables : files where covariates are looked for before ``tables``.
    config : the study whose tables are searched for what is in none of these; for traits only
        where no ``tables`` are named.

    Raises
    ------
    UsageError
        No table is named, and there is no study that has any.
    InputError
        A column is in no table (the nearest names are shown) or in two that rank alike.
    """
    rule = id_rule or (config.genotypes.id if config is not None else "iid")
    paths = dict.fromkeys(map(str, [*tables, *covariate_tables]))
    read = {path: read_people_table(path, id_rule=rule) for path in paths}
    ranks = [{str(p): read[str(p)] for p in rank} for rank in (covariate_tables, tables)]
    ranks.append(_study_tables(config, rule))
    searched = ranks[1] or ranks[2]
    if not searched:
        raise UsageError(
            "no phenotype table: give --pheno-file FILE, or phenotypes.tables in study.toml"
        )
    traits = pick_columns(searched, request.traits)
    names = {*request.covariates, *request.categorical} - set(request.traits)
    return traits.join(pick_columns(_in_first_rank(ranks, names), sorted(names)), how="outer")


def _study_tables(config: StudyConfig | None, rule: IdRule) -> dict[str, pd.DataFrame]:
    if config is None:
        return {}
    from gwasbone.study.files import people_tables

    return people_tables(config, id_rule=rule)


def _in_first_rank(
    ranks: Sequence[dict[str, pd.DataFrame]], names: set[str]
) -> dict[str, pd.DataFrame]:
    """All tables, without those of the named columns that a rank before has."""
    tables: dict[str, pd.DataFrame] = {}
    for rank in ranks:
        had = {name for name in names for table in tables.values() if name in table}
        for path, table in rank.items():
            if path not in tables:
                tables[path] = table.drop(columns=[name for name in had if name in table])
    return tables


def expand_request(
    names: str | Sequence[str] | None, tables: Iterable[str | Path] = ()
) -> tuple[str, ...]:
    """Names of columns from a flag or a list, ranges written out; empty for None.

    Parameters
    ----------
    tables : where the columns are: one that is called like a range is itself meant.
    """
    return tuple(expand_names(names, column_names(tables))) if names else ()


def run_scan(
    cohort: Cohort,
    request: ScanRequest,
    phenotypes: pd.DataFrame,
    prefix: Path,
    *,
    threads: int | None = None,
    folder: Path | None = None,
) -> AssociationResults:
    """Scan a cohort with :func:`phenotype_columns`, and write the files of ``output_paths``."""
    results = scan_cohort(cohort, request, phenotypes, threads=threads, folder=folder)
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


def scan_summary(results: AssociationResults) -> pd.DataFrame:
    """One row per trait: people, method, variants, λ_GC, genome-wide blocks, top variant."""
    rows = []
    for trait, summary in results.summaries.items():
        leads = results.leads(trait, p_threshold=GENOME_WIDE, max_blocks=None)
        rows.append(
            {
                "trait": trait,
                "n": summary.n,
                "method": results.provenance["traits"][trait]["method"],
                "tested": summary.n_tested,
                "untested": sum(summary.untested.values()),
                "lambda_gc": summary.lambda_gc,
                "leads_5e-8": len(leads),
                "top": summary.top_source_id,
                "top_neg_log10_p": summary.top_neg_log10_p,
            }
        )
    return pd.DataFrame(rows)
