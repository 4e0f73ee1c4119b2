"""Colocalisation of two scans: tables of regions and variants, and the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gwasbone.errors import InputError
from gwasbone.report.pages.coloc import coloc_page
from gwasbone.sumstats.coloc_regions import ColocRegions, Region, coloc_regions
from gwasbone.sumstats.options import ColocOptions
from gwasbone.sumstats.scan import Scans
from gwasbone.tables import labelled, write_table

COLOC, VARIANTS, PAGE = "coloc.tsv", "coloc.variants.tsv", "coloc.html"


def colocalise(
    scans: Scans,
    regions: Sequence[Region],
    rule: ColocOptions,
    stem: str,
    *,
    sd_y: Sequence[float] | None = None,
    case_share: Sequence[float] | None = None,
) -> ColocRegions:
    """Write ``STEMcoloc.tsv``, ``STEMcoloc.variants.tsv`` and the page."""
    found = coloc_regions(scans, regions, rule, sd_y=sd_y, case_share=case_share)
    if not found.found:
        raise InputError(
            f"coloc: none of {len(regions)} regions has a variant in both scans "
            f"({found.table['region'].iloc[0]}, …): are they on one build?"
        )
    write_table(found.table, Path(f"{stem}{COLOC}"), index=False)
    write_table(labelled(found.variants), Path(f"{stem}{VARIANTS}"), index=False)
    first, second = scans
    coloc_page(found, Path(f"{stem}{PAGE}"), names=(first, second), p12=rule.p12)
    return found
