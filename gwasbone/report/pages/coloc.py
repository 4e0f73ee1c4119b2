"""The page of colocalisation: z against z and the curve of the prior, for each region."""

from __future__ import annotations

from pathlib import Path

from gwasbone.plots.coloc import coloc_prior_curve, coloc_scatter
from gwasbone.plots.page import save_page
from gwasbone.sumstats.coloc_regions import ColocRegions

_MOST_REGIONS = 20


def coloc_page(found: ColocRegions, path: Path, *, names: tuple[str, str], p12: float) -> None:
    """Write the page; regions with the highest posterior of a shared variant first."""
    ordered = found.table[found.table["n_snp"] > 0].sort_values("pp_h4", ascending=False)
    sections = []
    for row in ordered.head(_MOST_REGIONS).to_dict("records"):
        region = str(row["region"])
        own = found.variants[found.variants["region"] == region]
        heading = f"{region}: PP.H4 {row['pp_h4']:.3f}, PP.H3 {row['pp_h3']:.3f}"
        sections += [
            (heading, coloc_scatter(own, names=names)),
            ("", coloc_prior_curve(found.found[region].sensitivity, p12=p12)),
        ]
    notes = [
        "One causal variant for each trait is assumed; with two the posterior is not calibrated."
    ]
    if len(ordered) > _MOST_REGIONS:
        notes.append(f"{_MOST_REGIONS} of {len(ordered)} regions are drawn.")
    save_page(
        sections, path, title=f"Colocalisation of {names[0]} and {names[1]}",
        subtitle=f"{len(found.table)} regions.", notes=notes,
    )  # fmt: skip
