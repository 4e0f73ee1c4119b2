"""Hard calls of chosen variants as a Hail MatrixTable, for methods that want nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.cohort.model import VARIANT_KEY, Cohort
from gwasbone.cohort.sources.tables import chromosome_codes
from gwasbone.cohort.statistics_hail import hard_calls
from gwasbone.genome import AUTOSOMES
from gwasbone.session import hail, temporary_path

BoolArray = npt.NDArray[np.bool_]


def calls_of(cohort: Cohort, variants: BoolArray) -> Any:
    """Kept people at the variants of a mask; entry ``GT`` (unphased, diploid) and nothing else."""
    hl = hail()
    mt = cohort.exclude_variants(
        "selection", "not_selected", ~variants, description="not used in this analysis"
    ).mt
    return mt.select_entries(GT=hl.unphased_diploid_gt_index_call(hard_calls(mt))).select_cols()


def autosomal_calls(cohort: Cohort, variants: BoolArray) -> Any:
    """As :func:`calls_of`, autosomes only."""
    autosomal = cohort.variants.table["chromosome"].isin(list(AUTOSOMES)).to_numpy()
    return calls_of(cohort, variants & autosomal)


def variants_of(cohort: Cohort, rows: Any) -> BoolArray:
    """Which variants of the cohort a Hail Table keyed by (locus, alleles) holds."""
    import pandas as pd

    path = Path(temporary_path("variants") + ".tsv")
    keys = rows.select().key_by()
    keys.select(
        chromosome=keys.locus.contig,
        base_pair_location=keys.locus.position,
        ref=keys.alleles[0],
        alt=keys.alleles[1],
    ).export(str(path))
    found = pd.read_csv(
        path, sep="\t", dtype={"chromosome": str, "ref": str, "alt": str}, keep_default_na=False
    )
    path.unlink()
    found["chromosome"] = chromosome_codes(found["chromosome"])
    both = cohort.variants.table[VARIANT_KEY].merge(
        found, on=VARIANT_KEY, how="left", indicator=True
    )
    return (both["_merge"] == "both").to_numpy()
