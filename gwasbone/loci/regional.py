"""Loci of scans with their regional plots: variants around a lead, their LD with it, and genes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.cohort.ld import ld_with
from gwasbone.cohort.model import Cohort
from gwasbone.errors import InputError, UsageError
from gwasbone.genes.bone import bone_genes
from gwasbone.genes.files import read_genes
from gwasbone.genes.genetic_map import read_genetic_map
from gwasbone.genes.table import Genes
from gwasbone.genome import LENGTHS_BP, chromosome_label
from gwasbone.loci.clump import rows_in_genotypes
from gwasbone.loci.clump_tables import VARIANT
from gwasbone.loci.loci import Loci, find_loci
from gwasbone.loci.options import LociOptions
from gwasbone.progress import counted_progress
from gwasbone.sumstats.scan import Scans


@dataclass(frozen=True)
class Region:
    """The surroundings of a lead variant in one scan.

    Parameters
    ----------
    trait : the scan.
    chromosome, start_bp, end_bp : the place; ends are shown too.
    variants : tested variants of the scan there, with ``r2`` (of their dosages with the lead's;
        NaN for those without genotypes, and everywhere without a cohort).
    lead : row of ``variants``.
    """

    trait: str
    chromosome: int
    start_bp: int
    end_bp: int
    variants: pd.DataFrame
    lead: int


@dataclass(frozen=True)
class RegionalPlot:
    """A region with what a regional plot shows beside its variants.

    Parameters
    ----------
    region : the variants, with LD to the lead.
    title : the scan and the lead's place, with genes near it.
    level : p-value at which a line is drawn.
    genes : ``name start_bp end_bp strand is_known``; None where no genes were given.
    exons : ``gene`` (row of ``genes``), ``start_bp``, ``end_bp``; None without exons.
    recombination : ``base_pair_location``, ``cm_per_mb``; None without a genetic map.
    """

    region: Region
    title: str
    level: float
    genes: pd.DataFrame | None
    exons: pd.DataFrame | None
    recombination: pd.DataFrame | None


def region_around(
    scan: pd.DataFrame,
    lead: Mapping[str, Any] | pd.Series,
    cohort: Cohort | None,
    *,
    build: str,
    trait: str = "scan",
    window_kb: float = 500,
) -> Region:
    """Find the variants of a scan around a lead variant, with their r² in the retained samples.

    Parameters
    ----------
    scan : a results table.
    lead : ``chromosome``, ``base_pair_location``, ``other_allele`` and ``effect_allele`` of a
        variant of the scan.
    cohort : genotypes to compute r² from; without them r² is missing.
    build : genome build of the scan.
    window_kb : distance to either side of the lead, in kilobases.

    Raises
    ------
    InputError
        The lead is not in the scan, or was not tested.
    UsageError
        The genotypes are on another build.
    """
    if cohort is not None and cohort.build != build:
        raise UsageError(f"regional plot: the scan is on {build}, the genotypes on {cohort.build}")
    chromosome, position = int(lead["chromosome"]), int(lead["base_pair_location"])
    start = max(1, position - int(window_kb * 1000))
    end = min(LENGTHS_BP[build][chromosome], position + int(window_kb * 1000))
    here = (scan["chromosome"] == chromosome) & scan["base_pair_location"].between(start, end)
    variants = scan[here & scan["neg_log_10_p_value"].notna()].reset_index(drop=True)
    same = np.logical_and.reduce([variants[name] == lead[name] for name in VARIANT])
    if not same.any():
        raise InputError(
            f"regional plot: the lead {chromosome}:{position} {lead['other_allele']}/"
            f"{lead['effect_allele']} is not among the tested variants of {trait}"
        )
    row = int(np.flatnonzero(same)[0])
    r2 = np.full(len(variants), np.nan)
    if cohort is not None:
        found, rows = rows_in_genotypes(variants, cohort)
        if found[row]:
            unique, back = np.unique(rows, return_inverse=True)
            index = rows[np.flatnonzero(found).searchsorted(row)]
            r2[found] = ld_with(cohort, int(index), unique)[back]
    return Region(trait, chromosome, start, end, variants.assign(r2=r2), row)


def regional_plots(
    found: Loci,
    scans: Scans,
    cohort: Cohort | None,
    *,
    n: int,
    genes: Genes | None = None,
    recombination: pd.DataFrame | None = None,
    window_kb: float = 500,
    level: float = 5e-8,
) -> tuple[RegionalPlot, ...]:
    """Collect the data of regional plots of the strongest loci.

    Each locus once, in the scan where its lead has the smallest p.

    Parameters
    ----------
    scans : those that the loci were found in.
    cohort : genotypes to take r² from; none is known without.
    n : how many loci at most.
    genes, recombination : from :func:`gwasbone.genes.files.read_genes` and
        :func:`gwasbone.genes.genetic_map.read_genetic_map`.
    window_kb : how far to either side of the lead.
    level : p-value at which a line is drawn.
    """
    ranked = found.table.sort_values("neg_log_10_p_value", ascending=False, kind="stable")
    chosen = ranked.drop_duplicates("locus").head(n)
    known = set(bone_genes(found.build)["gene"])
    plots: dict[int, RegionalPlot] = {}
    with counted_progress() as progress:
        # a scan is read once, however many of its loci are drawn
        for trait, rows in chosen.groupby("trait", sort=False):
            scan = scans[str(trait)].table()
            for row in rows.itertuples():
                lead = row._asdict()
                region = region_around(
                    scan, lead, cohort, build=found.build, trait=str(trait), window_kb=window_kb
                )
                near, exons = _genes_in(genes, region, known)
                rates = None if recombination is None else _rates_in(recombination, region)
                plots[int(row.Index)] = RegionalPlot(
                    region, _title(lead), level, near, exons, rates
                )
                if progress is not None:
                    progress("regions", len(plots), len(chosen))
    return tuple(plots[int(index)] for index in chosen.index)


def _genes_in(
    genes: Genes | None, region: Region, known: set[str]
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """The genes of a region and their exons."""
    if genes is None:
        return None, None
    here = genes.within(region.chromosome, region.start_bp, region.end_bp)
    table = here.table[["name", "start_bp", "end_bp", "strand"]]
    table = table.assign(is_known=table["name"].isin(known))
    return table, here.exons if len(genes.exons) else None


def _rates_in(recombination: pd.DataFrame, region: Region) -> pd.DataFrame:
    """The rates of a region, with the one that holds at its start."""
    of_chromosome = recombination[recombination["chromosome"] == region.chromosome]
    position = of_chromosome["base_pair_location"].to_numpy()
    # a little more than the region, for the margins of the picture
    first = max(0, int(position.searchsorted(region.start_bp - 50_000)) - 1)
    last = int(position.searchsorted(region.end_bp + 50_000))
    return of_chromosome.iloc[first:last]


def _title(row: dict[str, object]) -> str:
    place = f"{chromosome_label(int(str(row['chromosome'])))}:{row['base_pair_location']:,}"
    bone = row["known_bone_genes"]
    gene = row["nearest_gene"] if row["nearest_gene"] is not None else None
    words = [f"near {gene}"] if gene else []
    if bone:
        words.append(f"bone genes {str(bone).replace(',', ', ')}")
    about = f" ({'; '.join(words)})" if words else ""
    return f"{row['trait']}: {place}{about}"


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


def find_loci_and_plots(
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
    found = find_loci(
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
