"""Loci of scans as files: clumps (one a line, with members), loci (by scan), regional plots."""

from __future__ import annotations

from pathlib import Path

from gwasbone.cohort.model import Cohort
from gwasbone.loci.loci import write_clumps, write_loci
from gwasbone.loci.options import LociOptions
from gwasbone.loci.regional import FoundLoci, find_loci_and_plots, read_rule_files
from gwasbone.report.pages.loci import regional_page
from gwasbone.study.files import CLUMPS, LOCI
from gwasbone.sumstats.scan import Scans

PAGE = "regional.html"


def clump_scans(
    scans: Scans,
    cohort: Cohort | None,
    rule: LociOptions,
    stem: str,
    *,
    title: str,
    build: str | None = None,
    threads: int | None = None,
) -> FoundLoci:
    """Find loci; writes ``STEMclumps.tsv``, ``STEMloci.tsv`` and, if drawn, ``STEMregional.html``.

    Parameters
    ----------
    cohort : genotypes to take the LD from; without them clumps are by distance alone.
    rule : paths of genes and of the genetic map as they are.
    stem : what precedes the names of files: ``PREFIX.`` or ``FOLDER/``.
    build : where neither the scans nor the genotypes say it.
    """
    genes, recombination = read_rule_files(rule)
    found = find_loci_and_plots(
        scans, cohort, rule, genes=genes, recombination=recombination, build=build,
        threads=threads,
    )  # fmt: skip
    write_clumps(found.loci, Path(f"{stem}{CLUMPS}"))
    write_loci(found.loci, Path(f"{stem}{LOCI}"))
    if found.plots:
        regional_page(found.plots, Path(f"{stem}{PAGE}"), title=title)
    return found
