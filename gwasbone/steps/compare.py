"""Scans compared: the table of the comparison, what its page draws, and the page; ``FILES``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.comparison.compare import Comparison, compare_files
from gwasbone.comparison.options import ComparisonRule
from gwasbone.report.pages.comparison import comparison_page
from gwasbone.sumstats.scan import Scans
from gwasbone.tables import labelled, write_table

#: One number a row; effects at known loci; leads of each scan; rows left out, by reason; the page.
TABLE, LOCI, LEADS = "comparison.tsv", "comparison.loci.tsv", "comparison.leads.tsv"
DROPPED, PAGE = "comparison.dropped.tsv", "comparison.html"
FILES = (TABLE, LOCI, LEADS, DROPPED, PAGE)


def compare(
    scans: Scans,
    paths: Mapping[str, Path],
    *,
    title: str,
    loci: Path | None = None,
    ld_scores: Path | None = None,
    cohort: Cohort | None = None,
    rule: ComparisonRule | None = None,
    threads: int | None = None,
) -> tuple[Comparison, int]:
    """Compare scans and write the files, the page last.

    Parameters
    ----------
    paths : each of ``FILES`` -> where it goes.
    loci, ld_scores, cohort : as in :func:`gwasbone.comparison.compare.compare_files`.

    Returns
    -------
    The comparison, and the number of variants in all scans.
    """
    aligned, comparison = compare_files(
        scans, loci=loci, ld_scores=ld_scores, cohort=cohort, rule=rule, threads=threads
    )
    leads = [table.assign(scan=name) for name, table in comparison.leads.items()]
    for name, table in (
        (TABLE, comparison.measures),
        (LOCI, comparison.locus_effects),
        (LEADS, pd.concat(leads, ignore_index=True)),
        (DROPPED, aligned.dropped),
    ):
        write_table(labelled(table) if "chromosome" in table else table, paths[name], index=False)
    comparison_page(aligned, comparison, paths[PAGE], title=title)
    return comparison, len(aligned)
