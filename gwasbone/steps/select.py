"""SNPs of bone regions: tables, genotypes, effects and pages; the files are in ``FILES``.

``leads.tsv``: lead blocks of every scan; ``selected.tsv``: a row per region and SNP;
``selection.json``: rule, counts and regions of every scan; ``selected.html``, where a SNP was
selected; ``genotypes.parquet``: ``IID`` and copies of the effect allele, NaN missing, a column per
``variant_id``, where genotypes were given; ``effects.tsv`` and ``.html``, with phenotypes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.files import atomic_path
from gwasbone.loci.genotype_effects import EffectRequest, genotype_effects, selected_genotypes
from gwasbone.loci.region_selection import RegionSelection
from gwasbone.report.pages.selection import effects_page, selected_page, selection_summary
from gwasbone.tables import labelled, write_table

#: The files, behind a prefix or in the folder of the stage ``leads``.
FILES = (
    "leads.tsv", "selected.tsv", "selection.json", "selected.html", "genotypes.parquet",
    "effects.tsv", "effects.html",
)  # fmt: skip


def write_selection(
    selection: RegionSelection,
    stem: str,
    *,
    cohort: Cohort | None = None,
    effects: EffectRequest | None = None,
) -> list[str]:
    """Write the files of a selection; gives what there is to say about it, a line each.

    Parameters
    ----------
    stem : what precedes the names of files: ``PREFIX.`` or ``FOLDER/``.
    cohort : also write genotypes.
    effects : also write the genotype effects; needs ``cohort``.
    """
    write_table(labelled(selection.leads), Path(f"{stem}leads.tsv"), index=False)
    write_table(labelled(selection.pairs), Path(f"{stem}selected.tsv"), index=False)
    with atomic_path(Path(f"{stem}selection.json")) as temporary:
        temporary.write_text(json.dumps(selection.facts, indent=1), "utf-8")
    said = selection_summary(selection)
    if selection.pairs.empty:
        return said
    selected_page(selection, Path(f"{stem}selected.html"))
    if cohort is not None:
        genotypes = selected_genotypes(selection, cohort)
        with atomic_path(Path(f"{stem}genotypes.parquet")) as temporary:
            genotypes.reset_index().to_parquet(temporary, index=False)
        said.append(f"genotypes of {len(genotypes):,} samples at {genotypes.shape[1]} SNPs")
        if effects is not None:
            said.append(_write_effects(selection, genotypes, effects, stem))
    return said


def _write_effects(
    selection: RegionSelection, genotypes: pd.DataFrame, request: EffectRequest, stem: str
) -> str:
    scan = request.scan
    effects = genotype_effects(
        genotypes, selection, request.phenotypes, scan.traits, scan.covariates,
        categorical=scan.categorical,
    )  # fmt: skip
    write_table(labelled(effects), Path(f"{stem}effects.tsv"), index=False)
    covariates = ", ".join((*scan.covariates, *scan.categorical)) or "none"
    page = Path(f"{stem}effects.html")
    effects_page(effects, selection.pairs, selection.regions, page, covariates=covariates)
    n_snps = effects["variant_id"].nunique()
    return f"effects of {n_snps} SNPs on {len(scan.traits)} phenotypes, covariates {covariates}"
