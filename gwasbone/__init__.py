"""gwasbone: genome-wide association of bone phenotypes on Hail.

The public names are loaded on first use: importing the package imports neither Hail nor any
deep-learning framework.

>>> import gwasbone as gb
>>> cohort = gb.read_genotypes(bfile="chr*", build="GRCh38")                    # doctest: +SKIP
>>> results = gb.associate(cohort, ["bmd_spine"], ["age", "sex", "PC1"])        # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import Any

#: Public name -> module it lives in.
_HOME = {
    "AssociationResults": "gwasbone.association.results",
    "associate": "gwasbone.association.associate",
    "clump": "gwasbone.loci.clump",
    "lead_blocks": "gwasbone.sumstats.leads",
    "loci": "gwasbone.loci.loci",
    "read_genes": "gwasbone.genes.files",
    "RegionSelection": "gwasbone.loci.region_selection",
    "SelectionRule": "gwasbone.loci.options",
    "select_regions": "gwasbone.loci.region_selection",
    "selected_genotypes": "gwasbone.loci.genotype_effects",
    "genotype_effects": "gwasbone.loci.genotype_effects",
    "Cohort": "gwasbone.cohort.model",
    "QcThresholds": "gwasbone.cohort.options",
    "annotate_phenotypes": "gwasbone.cohort.read",
    "british_ancestry": "gwasbone.cohort.ancestry",
    "cohort_from_mt": "gwasbone.cohort.read",
    "exclude_related": "gwasbone.cohort.relatedness",
    "ld_matrix": "gwasbone.cohort.ld",
    "ld_scores": "gwasbone.cohort.ld",
    "ld_table": "gwasbone.cohort.ld",
    "principal_components": "gwasbone.cohort.pca",
    "project": "gwasbone.cohort.pca",
    "prune": "gwasbone.cohort.prune",
    "qc": "gwasbone.cohort.qc",
    "read_genotypes": "gwasbone.cohort.read",
    "relationship_matrix": "gwasbone.cohort.ld",
    "relatedness": "gwasbone.cohort.relatedness",
}
_MODULES = ("blocks", "plots", "simulate")

__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"gwasbone.{name}")
    raise AttributeError(f"module 'gwasbone' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
