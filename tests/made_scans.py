"""Scans with known p-values, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.ssf_write import write_ssf
from gwasbone.sumstats.table import canonical_table


def made_scan(*, m: int = 1500, seed: int = 0, spread: float = 1.5) -> pd.DataFrame:
    """A canonical table of m variants on chromosomes 1 to 23; ``spread`` is the SD of z."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=m) * spread
    # places are the same whatever the seed, and within blocks of 1 Mb
    place = np.random.default_rng(0)
    return canonical_table(
        pd.DataFrame(
            {
                "chromosome": np.sort(place.integers(1, 24, m)),
                "base_pair_location": place.permutation(6_000_000)[:m] + 1,
                "other_allele": place.choice(["A", "C"], m),
                "effect_allele": place.choice(["G", "T"], m),
                "source_id": [f"rs{i}" for i in range(m)],
                "n": 1000 + seed,
                "effect_allele_frequency": place.uniform(0.1, 0.9, m).round(3),
                "call_rate": 1.0,
                "beta": z * 0.1,
                "standard_error": 0.1,
                "statistic": z,
                "dof": np.inf,
                "neg_log_10_p_value": neg_log10_p_normal(z),
                "test": "score",
                "status": "",
            }
        )
    )


def write_scan(table: pd.DataFrame, stem: Path) -> Path:
    """A scan as GWAS-SSF; the path of its data file."""
    trait = stem.name.rsplit(".", 1)[-1]
    provenance = {"method": "linear", "engine": "blocks", "covariates": ["age"]}
    return write_ssf(table, stem, trait=trait, build="GRCh37", provenance=provenance).data
