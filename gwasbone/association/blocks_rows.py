"""What the block engine knows of variants, in the form that rows of results are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.association.rows import RowStatistics
from gwasbone.blocks.packed import CallCounts

_GENOTYPES = ("het", "hom_alt", "hom_ref")


def variant_columns(variants: pd.DataFrame) -> pd.DataFrame:
    """The columns of results that name variants, from rows of a cohort's variant table."""
    return pd.DataFrame(
        {
            "chromosome": variants["chromosome"].to_numpy(),
            "position_bp": variants["position_bp"].to_numpy(),
            "other_allele": variants["ref"].to_numpy(),
            "effect_allele": variants["alt"].to_numpy(),
            "source_id": variants["source_id"].to_numpy(),
        }
    )


def counted(parts: Sequence[CallCounts]) -> RowStatistics:
    """Statistics of variants whose calls were counted in parts, one after the other."""

    def joined(name: str) -> npt.NDArray[np.float64]:
        return np.concatenate([getattr(part, name) for part in parts]).astype(np.float64)

    called, alt = joined("called"), joined("alt")
    squares = joined("het") + 4 * joined("hom_alt")
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = alt / called
        about_mean = squares - called * mean**2
    most = np.maximum.reduce([joined(name) for name in _GENOTYPES])
    return RowStatistics(called, mean, np.nan_to_num(about_mean), (called > 0) & (most == called))
