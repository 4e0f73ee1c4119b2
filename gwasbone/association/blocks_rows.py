"""What the block engine knows of variants, in the form that rows of results are made of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from gwasbone.association.rows import RowStatistics
from gwasbone.blocks.genotypes import GenotypeSums


def variant_columns(variants: pd.DataFrame) -> pd.DataFrame:
    """The columns of results that name variants, from rows of a cohort's variant table."""
    return pd.DataFrame(
        {
            "chromosome": variants["chromosome"].to_numpy(),
            "base_pair_location": variants["base_pair_location"].to_numpy(),
            "other_allele": variants["ref"].to_numpy(),
            "effect_allele": variants["alt"].to_numpy(),
            "source_id": variants["source_id"].to_numpy(),
        }
    )


def counted(parts: Iterable[GenotypeSums]) -> RowStatistics:
    """Statistics of variants that were summed in parts, one after the other."""
    sums = GenotypeSums.joined(parts)
    mean = np.where(sums.called > 0, sums.mean, np.nan)
    return RowStatistics(sums.called, mean, sums.about_mean, sums.constant)
