"""The page of regional plots of loci."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gwasbone.loci.regional import RegionalPlot
from gwasbone.plots.page import save_page
from gwasbone.plots.regional import regional


def regional_page(plots: Sequence[RegionalPlot], path: Path, *, title: str) -> None:
    """Write the regional plots as a page, a section for each."""
    sections = [
        (
            plot.title,
            regional(
                plot.region.variants, lead=plot.region.lead, title=plot.region.trait,
                start_bp=plot.region.start_bp, end_bp=plot.region.end_bp, genes=plot.genes,
                exons=plot.exons, recombination=plot.recombination, genome_wide=plot.level,
            ),
        )
        for plot in plots
    ]  # fmt: skip
    save_page(
        sections, path, title=title,
        subtitle="The strongest loci, each in the scan where its lead has the smallest p.",
    )  # fmt: skip
