"""Pages and words of the SNPs of bone regions: those selected, and phenotypes by genotype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gwasbone.loci.region_selection import RegionSelection
from gwasbone.plots.genotype_effects import genotype_effects
from gwasbone.plots.page import Sections, save_page
from gwasbone.plots.selection import (
    region_words,
    regions_per_snp,
    snp_words,
    snps_per_region,
)
from gwasbone.plots.theme import format_p

#: SNPs whose genotype effects are drawn; all are in the table.
EFFECTS_DRAWN = 8


def selected_page(selection: RegionSelection, path: Path) -> None:
    """Write the page of a selection: SNPs of each region, regions of each SNP (Figure 8)."""
    pairs, subtitle = selection.pairs, selection_words(selection.facts)
    notes = [subtitle]
    if selection.unmapped:
        notes.append(f"Scans in no region, not selected from: {_listed(selection.unmapped)}.")
    sections: Sections = [
        ("SNPs of each region", snps_per_region(pairs, title="Selected SNPs by region")),
        ("Regions of each SNP", regions_per_snp(pairs, title="Selected SNPs", notes=notes)),
    ]
    save_page(sections, path, title="Selected SNPs of body regions", subtitle=subtitle)


def effects_page(
    effects: pd.DataFrame,
    pairs: pd.DataFrame,
    regions_of: Mapping[str, Sequence[str]],
    path: Path,
    *,
    covariates: str,
) -> None:
    """Write the page of phenotypes by genotype.

    Parameters
    ----------
    effects : means by genotype of each SNP and trait.
    pairs : a row per region and SNP, ``region_selection.PAIR_COLUMNS``.
    regions_of : trait -> regions of its scan.
    covariates : those taken out, in words.
    """
    n_snps = effects["variant_id"].nunique()
    drawn = f"The {EFFECTS_DRAWN} SNPs of the most regions, of " if n_snps > EFFECTS_DRAWN else ""
    save_page(
        effect_sections(effects, pairs, regions_of),
        path,
        title="Phenotypes by genotype",
        subtitle=f"{drawn}{n_snps} selected SNPs. Adjusted for: {covariates}.",
    )


def effect_sections(
    effects: pd.DataFrame, pairs: pd.DataFrame, regions_of: Mapping[str, Sequence[str]]
) -> Sections:
    """Figure 9: for the SNPs of most regions, phenotypes by genotype."""
    n_regions = pairs.groupby("variant_id")["region"].nunique()
    best = pairs.groupby("variant_id")["neg_log_10_p_value"].max()
    order = pd.DataFrame({"n": n_regions, "p": best}).sort_values(
        ["n", "p"], ascending=False, kind="stable"
    )
    regions = {
        trait: ", ".join(map(region_words, names)) if len(names) < 3 else f"{len(names)} regions"
        for trait, names in regions_of.items()
    }
    # traits of a region side by side
    rank = {region: i for i, region in enumerate(dict.fromkeys(pairs["region"]))}
    of_trait = {t: rank.get(names[0], len(rank)) for t, names in regions_of.items() if names}
    place = effects["trait"].map(of_trait).fillna(len(rank))
    effects = effects.iloc[place.argsort(kind="stable")]
    drawn = []
    for name in order.index[:EFFECTS_DRAWN]:
        rows = effects[effects["variant_id"] == name]
        scans = set(",".join(pairs.loc[pairs["variant_id"] == name, "scans"]).split(","))
        figure = genotype_effects(
            rows, title="", regions=regions, chosen=scans & set(rows["trait"])
        )
        drawn.append((snp_words(rows.iloc[0]), figure))
    return drawn


def selection_summary(selection: RegionSelection) -> list[str]:
    """What was selected and what was left out, a line each."""
    facts = selection.facts
    per_region = selection.pairs.groupby("region", sort=False).size()
    counted = ", ".join(f"{region} {n}" for region, n in per_region.items())
    lines = [
        f"{len(facts['regions'])} scans"
        + (f", {facts['n_variants']:,} rows" if facts["n_variants"] else "")
        + f": {len(selection.leads)} lead blocks",
        f"{len(selection.pairs)} pairs of region and SNP, {facts['n_snps']} different SNPs"
        + (f": {counted}" if counted else ""),
        selection_words(facts),
    ]
    if selection.scans_without_hits:
        lines.append(
            f"scans with no p below {selection.rule.p_threshold:g}: "
            f"{_listed(selection.scans_without_hits)}"
        )
    if selection.unmapped:
        lines.append(
            f"scans in no region, not selected from: {_listed(selection.unmapped)} "
            "(--region TRAIT=REGION puts a scan into one)"
        )
    if facts["n_replaced"] or facts["n_lost"]:
        lines.append(
            f"the genotypes lack the best variant of {facts['n_replaced'] + facts['n_lost']} "
            f"blocks of scans: in {facts['n_replaced']} the next best stands in, "
            f"{facts['n_lost']} are lost"
        )
    return lines


def selection_words(facts: Mapping[str, Any]) -> str:
    """How peaks became SNPs, in a sentence."""
    rule = facts["rule"]
    best = "all" if rule["max_blocks"] is None else f"the {rule['max_blocks']} best"
    blocks = (
        f"Blocks of {rule['block_bp'] / 1e6:g} Mb with p below {format_p(rule['p_threshold'])}, "
        f"{best} of each {rule['best_of']}."
    )
    if facts["pruned_by"] == "ld":
        return (
            f"{blocks} {facts['n_peaks']} peaks became {facts['n_snps']} SNPs by pruning: r² below "
            f"{rule['r2']:g} within {rule['window_bp'] / 1e6:g} Mb, keeping the smallest p."
        )
    return (
        f"{blocks} No LD pruning was done, since no genotypes were given: {facts['n_peaks']} peaks "
        f"became {facts['n_snps']} SNPs by merging the peaks of a block, keeping the smallest p."
    )


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
