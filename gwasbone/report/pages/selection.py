"""Pages of the SNPs of bone regions: how many were selected, and phenotypes by genotype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from gwasbone.plots.genotype_effects import genotype_effects
from gwasbone.plots.page import Sections, save_page
from gwasbone.plots.selection import (
    region_words,
    regions_per_snp,
    snp_words,
    snps_per_region,
)

#: SNPs whose genotype effects are drawn; all are in the table.
EFFECTS_DRAWN = 8


def selected_page(
    pairs: pd.DataFrame, path: Path, *, subtitle: str, notes: Sequence[str] = ()
) -> None:
    """Write the page of a selection: SNPs of each region, regions of each SNP (Figure 8).

    Parameters
    ----------
    pairs : a row per region and SNP, ``region_selection.PAIR_COLUMNS``.
    notes : below the figures, after the subtitle.
    """
    notes = [subtitle, *notes]
    sections: Sections = [
        ("SNPs of each region", snps_per_region(pairs, title="Selected SNPs by region")),
        ("Regions of each SNP", regions_per_snp(pairs, title="Selected SNPs", notes=notes)),
    ]
    save_page(sections, path, title="Selected SNPs of bone regions", subtitle=subtitle)


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
    pairs : as in :func:`selected_page`.
    regions_of : trait -> regions of its scan.
    covariates : those taken out, in words.
    """
    n_snps = effects["variant_id"].nunique()
    drawn = f"The {EFFECTS_DRAWN} SNPs of most regions, of " if n_snps > EFFECTS_DRAWN else ""
    save_page(
        effect_sections(effects, pairs, regions_of),
        path,
        title="Phenotypes by genotype",
        subtitle=f"{drawn}{n_snps} selected SNPs. Covariates taken out: {covariates}.",
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
