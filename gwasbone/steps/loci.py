"""Loci of scans as files: clumps, loci, regional plots.

The folder of the stage ``loci`` holds ``clumps.tsv`` (a clump a line, with its members),
``loci.tsv`` (a row per locus and scan, :data:`gwasbone.loci.loci.LOCUS_COLUMNS`) and, where
loci were drawn, ``regional.html``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.genes.files import read_genes
from gwasbone.genes.genetic_map import read_genetic_map
from gwasbone.genes.table import Genes
from gwasbone.loci.loci import Loci
from gwasbone.loci.loci import find_loci as loci_of_scans
from gwasbone.loci.options import LociOptions
from gwasbone.loci.regional import RegionalPlot, regional_plots
from gwasbone.study.files import CLUMPS, LOCI
from gwasbone.sumstats.scan import Scans
from gwasbone.tables import labelled, write_table

PAGE = "regional.html"


@dataclass(frozen=True)
class FoundLoci:
    """Loci, and what their regional plots show (none where none is drawn)."""

    loci: Loci
    plots: tuple[RegionalPlot, ...]

    def summary(self) -> list[str]:
        """A line for each scan."""
        lines = []
        for trait, clumps in self.loci.clumps.items():
            n = int((self.loci.table["trait"] == trait).sum())
            how = " by distance alone, without LD" if self.loci.by_distance else ""
            absent = f" ({clumps.n_absent:,} more are not in the genotypes)"
            absent = "" if self.loci.by_distance else absent
            lines.append(
                f"{trait}: {len(clumps.table):,} clumps of {clumps.n_used:,} variants{absent}"
                f"{how}, {n:,} loci"
            )
        return lines


def find_loci(
    scans: Scans,
    cohort: Cohort | None,
    rule: LociOptions,
    *,
    genes: Genes | None = None,
    recombination: pd.DataFrame | None = None,
    build: str | None = None,
    threads: int | None = None,
) -> FoundLoci:
    """Loci of scans, and what the regional plots of the strongest show.

    Parameters
    ----------
    cohort : genotypes to take the LD from; without them clumps are by distance alone.
    build : where neither the scans nor the genotypes say it.
    """
    found = loci_of_scans(
        scans,
        cohort,
        genes=genes,
        rule=rule,
        merge_kb=rule.merge_kb,
        gene_window_kb=rule.window_kb,
        distance_only=cohort is None,
        build=build,
        threads=threads,
    )
    plots: tuple[RegionalPlot, ...] = ()
    if rule.regional_plots and len(found.table):
        plots = regional_plots(
            found, scans, cohort, n=rule.regional_plots, genes=genes, recombination=recombination,
            window_kb=rule.window_kb, level=rule.p1,
        )  # fmt: skip
    return FoundLoci(found, plots)


def read_rule_files(rule: LociOptions) -> tuple[Genes | None, pd.DataFrame | None]:
    """The genes and the genetic map that a rule names, paths as they are."""
    genes = None
    if rule.genes is not None:
        genes = read_genes(rule.genes, build=rule.genes_build, coding_only=not rule.all_genes)
    return genes, read_genetic_map(rule.genetic_map) if rule.genetic_map is not None else None


def write_loci(found: Loci, path: Path) -> None:
    """Write the table of loci, chromosomes by the names people read."""
    write_table(labelled(found.table), path, index=False)


def write_clumps(found: Loci, path: Path) -> None:
    """Write one clump a line; ``members`` is NA where there is none, ``by`` is ld or distance."""
    parts = []
    for trait, clumps in found.clumps.items():
        part = labelled(clumps.table).assign(
            members=clumps.table["members"].where(clumps.table["n_members"] > 0, "NA"),
            by="distance" if found.by_distance else "ld",
        )
        part.insert(0, "trait", trait)
        parts.append(part)
    filled = [part for part in parts if len(part)]
    table = pd.concat(filled, ignore_index=True) if filled else parts[0]
    write_table(table, path, index=False)


def write_page(found: FoundLoci, path: Path, *, title: str) -> None:
    """Write the regional plots as a page, where there are any."""
    from gwasbone.report.pages.loci import regional_page

    if found.plots:
        regional_page(found.plots, path, title=title)


def write_stage(found: FoundLoci, folder: Path, *, title: str) -> None:
    """Write the files of the stage; see the module."""
    write_clumps(found.loci, folder / CLUMPS)
    write_loci(found.loci, folder / LOCI)
    write_page(found, folder / PAGE, title=title)
