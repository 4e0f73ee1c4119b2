"""Scan traits and write what a scan leaves: GWAS-SSF files, pages, λ_GC."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from gwasbone.association.associate import scan_cohort
from gwasbone.association.options import ScanRequest
from gwasbone.association.result_files import output_paths as result_paths
from gwasbone.association.result_files import trait_stem
from gwasbone.association.results import AssociationResults
from gwasbone.cohort.model import Cohort
from gwasbone.phenotypes.table import (
    IdRule,
    column_names,
    expand_names,
    pick_columns,
    read_people_table,
)

log = logging.getLogger(__name__)

#: The genome-wide line of the field.
GENOME_WIDE = 5e-8


def output_paths(request: ScanRequest, prefix: Path) -> list[Path]:
    """All files that a scan writes, so that they can be refused before anything is computed."""
    paths = list(result_paths(prefix, request.traits, request.formats))
    if request.plots:
        for trait in request.traits:
            paths += page_paths(prefix, trait)
    return paths


def page_paths(prefix: Path, trait: str) -> tuple[Path, Path]:
    """The Manhattan and the QQ page of a trait."""
    stem = trait_stem(prefix, trait)
    return Path(f"{stem}.manhattan.html"), Path(f"{stem}.qq.html")


def phenotype_columns(
    request: ScanRequest,
    tables: Sequence[Path],
    *,
    covariate_tables: Sequence[Path] = (),
    otherwise: Sequence[Path] = (),
    id_rule: IdRule = "iid",
    more: dict[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """The request's columns out of the tables, one row per person in any table used.

    Parameters
    ----------
    tables : files searched for a column by name.
    covariate_tables : files where covariates are looked for before ``tables``.
    otherwise : files where covariates are looked for that are in neither.
    more : further tables by name, indexed by person, such as principal components; searched
        with the last of the files.

    Raises
    ------
    InputError
        A column is in no table (the nearest names are shown) or in two that rank alike.
    """
    paths = dict.fromkeys([*tables, *covariate_tables, *otherwise])
    read = {str(path): read_people_table(path, id_rule=id_rule) for path in paths}
    ranks = [{str(p): read[str(p)] for p in rank} for rank in (covariate_tables, tables, otherwise)]
    ranks[2 if otherwise else 1] |= more or {}
    traits = pick_columns(ranks[1], request.traits)
    names = {*request.covariates, *request.categorical} - set(request.traits)
    return traits.join(pick_columns(_in_first_rank(ranks, names), sorted(names)), how="outer")


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
            draw_scan(results, trait, prefix)
        for status, count in summary.untested.items():
            log.info("%s: %d variants not tested: %s", trait, count, status)
    return results


def draw_scan(results: AssociationResults, trait: str, prefix: Path) -> None:
    """Write the Manhattan and the QQ page of one trait."""
    from gwasbone.plots.manhattan import manhattan
    from gwasbone.plots.page import save_page
    from gwasbone.plots.qq import qq
    from gwasbone.stats.quantile_plot import quantile_plot_points

    table = results.tested(trait)
    if table.empty:
        log.warning("%s: no variant could be tested, so there is nothing to draw", trait)
        return
    about = f"{int(table['n'].max()):,} people, {len(table):,} variants, {results.build}"
    leads = results.leads(trait, p_threshold=GENOME_WIDE, max_blocks=None)
    manhattan_path, qq_path = page_paths(prefix, trait)
    save_page(
        manhattan(table, title=trait, leads=leads, genome_wide=GENOME_WIDE),
        manhattan_path,
        title=f"{trait}: Manhattan plot",
        subtitle=about,
    )
    lambda_gc = results.lambda_gc(trait)
    save_page(
        qq(quantile_plot_points(table["neg_log_10_p_value"]), title=trait, lambda_gc=lambda_gc),
        qq_path,
        title=f"{trait}: quantile-quantile plot",
        subtitle=about,
    )


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
