"""What a regional plot shows: the variants around a lead, their LD with it, and the genes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.cohort.ld import ld_with
from gwasbone.cohort.model import Cohort
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import LENGTHS_BP
from gwasbone.loci.clump import rows_in_genotypes
from gwasbone.loci.clump_tables import VARIANT


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


def region_around(
    scan: pd.DataFrame,
    lead: Mapping[str, Any] | pd.Series,
    cohort: Cohort | None,
    *,
    build: str,
    trait: str = "scan",
    window_kb: float = 500,
) -> Region:
    """The variants of a scan around a lead, with r² to it in a cohort's kept people.

    Parameters
    ----------
    scan : a results table.
    lead : ``chromosome``, ``position_bp``, ``other_allele``, ``effect_allele`` of a variant of it.
    cohort : genotypes; without them r² is missing.
    build : of the scan.
    window_kb : how far to either side.

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
