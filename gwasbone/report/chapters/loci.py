"""The chapter of lead variants, loci and the SNPs of bone regions."""

from __future__ import annotations

import dataclasses

import pandas as pd

from gwasbone.plots.page import PageFigure
from gwasbone.plots.theme import format_p
from gwasbone.report import Chapter, Part, Table
from gwasbone.report.chapters.columns import columns_of
from gwasbone.report.chapters.findings import Findings, counted, listed
from gwasbone.report.chapters.scans import scan_links
from gwasbone.study.files import LEADS, LOCI

_LEADS = (
    "trait", "chromosome", "base_pair_location", "source_id", "effect_allele", "other_allele",
    "effect_allele_frequency", "beta", "standard_error",
    "neg_log_10_p_value", "n_below_threshold", "n",
)  # fmt: skip
_LOCI = (
    "trait", "locus", "chromosome", "base_pair_location", "source_id", "nearest_gene",
    "distance_to_gene_bp", "known_bone_genes", "effect_allele", "other_allele", "beta",
    "standard_error", "neg_log_10_p_value", "n", "start_bp", "end_bp", "n_clumps",
    "lead_variant_id", "distance_to_tss_bp", "strand", "genes_in_window",
)  # fmt: skip
_SELECTED, _SELECTED_PAGE, _EFFECTS_PAGE = "selected.tsv", "selected.html", "effects.html"
#: Loci named in a sentence; the table has them all.
_NAMED = 8


def loci_chapter(findings: Findings) -> Chapter:
    """Loci and genes, lead variants by blocks, SNPs of bone regions."""
    parts = [*_loci_parts(findings), *_leads_parts(findings), *_region_parts(findings)]
    if not parts:
        return findings.absent("leads", "loci", "Loci")
    return Chapter(name="loci", title="Loci", sentences=_said(findings), parts=tuple(parts))


def _said(findings: Findings) -> tuple[str, ...]:
    loci = findings.table("loci", LOCI)
    if loci is None or loci.empty:
        return () if loci is None else ("No locus was found.",)
    rule = findings.config.loci
    n = loci["locus"].nunique()
    several = int((loci.drop_duplicates(["locus", "trait"])["locus"].value_counts() > 1).sum())
    said = [
        f"{counted(n, 'locus', 'loci')} with p up to {format_p(rule.p1)} in "
        f"{counted(loci['trait'].nunique(), 'scan')}"
        + (f", {several:,} of them in more than one scan." if several else "."),
        f"Clumps (r² above {rule.r2:g} within {rule.kb:g} kb) that lie up to {rule.merge_kb:g} kb "
        "apart are one locus.",
    ]
    known = loci.loc[loci["known_bone_genes"].notna(), "known_bone_genes"]
    genes = list(dict.fromkeys(gene for text in known for gene in str(text).split(",") if gene))
    if genes:
        more = f" and {len(genes) - _NAMED} more" if len(genes) > _NAMED else ""
        named = ", ".join(genes[:_NAMED]) + more if more else listed(genes)
        said.append(f"Genes known for bone are near: {named}.")
    return tuple(said)


def _loci_parts(findings: Findings) -> list[Part]:
    loci = findings.table("loci", LOCI)
    if loci is None or loci.empty:
        return []
    figures = findings.figures("loci", "regional.html")
    places, drawn = _places(loci, figures)
    empty = [name for name in loci if loci[name].isna().all()]
    table = Table(
        caption="Loci, one row per locus and scan",
        rows=loci,
        columns=columns_of(loci, [name for name in _LOCI if name not in empty]),
        file_name="loci",
        links={"trait": scan_links(findings), "locus": places},
        notes=("A locus with a link is drawn below.",) if places else (),
    )
    parts = [Part(heading="Loci and genes", blocks=(table,))]
    if drawn:
        first, *others = drawn
        parts.append(dataclasses.replace(first, heading="Regional plots of the strongest loci"))
        parts.extend(others)
    return parts


def _places(
    loci: pd.DataFrame, figures: tuple[PageFigure, ...]
) -> tuple[dict[object, str], list[Part]]:
    """Locus -> where its plot stands, and the plots; a plot's heading names its lead's place."""
    places: dict[object, str] = {}
    parts: list[Part] = []
    leads = [
        f"{chromosome}:{position:,}"
        for chromosome, position in zip(loci["chromosome"], loci["base_pair_location"], strict=True)
    ]
    for figure in figures:
        name = f"regional-{len(parts) + 1}"
        for locus, lead in zip(loci["locus"], leads, strict=True):
            if lead in figure.heading.split():
                places[locus] = name
        parts.append(Part(name=name, blocks=(figure,)))
    return places, parts


def _leads_parts(findings: Findings) -> list[Part]:
    leads = findings.table("leads", LEADS)
    if leads is None:
        return []
    rule = findings.config.selection
    said = (
        f"{counted(len(leads), 'lead variant')} in {counted(leads['trait'].nunique(), 'scan')}: "
        f"the best variant of each block of {rule.block_bp / 1e6:g} Mb with p below "
        f"{format_p(rule.p_threshold)}, at most {rule.max_blocks} blocks per scan."
    )
    table = Table(
        caption="Lead variants",
        rows=leads,
        columns=columns_of(leads, _LEADS),
        file_name="leads",
        links={"trait": scan_links(findings)},
    )
    return [Part(heading="Lead variants by block", sentences=(said,), blocks=(table,))]


def _region_parts(findings: Findings) -> list[Part]:
    pairs = findings.table("leads", _SELECTED)
    if pairs is None or pairs.empty:
        return []
    said = (
        f"{counted(pairs['variant_id'].nunique(), 'SNP')} selected for "
        f"{counted(pairs['region'].nunique(), 'region')} of the images."
    )
    table = Table(
        caption="Selected SNPs of body regions and the scans that they come from",
        rows=pairs,
        columns=columns_of(pairs),
        file_name="selected",
        links={"best_scan": scan_links(findings)},
    )
    figures = findings.figures("leads", _SELECTED_PAGE)
    parts = [Part(heading="SNPs of body regions", sentences=(said,), blocks=(table, *figures))]
    effects = findings.figures("leads", _EFFECTS_PAGE)
    if effects:
        parts.append(Part(heading="Phenotypes by genotype", blocks=effects))
    return parts
