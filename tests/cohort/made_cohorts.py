"""Small cohorts with known genotypes, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bed_reader import to_bed

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.read import read_genotypes


def bed_cohort(
    folder: Path,
    G: np.ndarray,
    *,
    chromosome: np.ndarray,
    position: np.ndarray,
    sex: np.ndarray | None = None,
    build: str = "GRCh37",
) -> Cohort:
    """A cohort of one .bed: G (m, n) copies of ALT (G), -1 missing; people p0, p1, ..."""
    m, n = G.shape
    calls = np.where(G < 0, np.nan, G).T.astype(np.float32)
    to_bed(
        folder / "made.bed",
        calls,
        properties={
            "iid": [f"p{i}" for i in range(n)],
            "fid": ["f"] * n,
            "sex": np.zeros(n, int) if sex is None else sex,
            "chromosome": np.asarray(chromosome).astype(str),
            "bp_position": position,
            "sid": [f"v{i}" for i in range(m)],
            "allele_1": ["G"] * m,
            "allele_2": ["A"] * m,
        },
    )
    return read_genotypes(bfile=str(folder / "made"), build=build)


def genotypes(rng: np.random.Generator, p: np.ndarray, n: int) -> np.ndarray:
    """(m, n) int8 in Hardy-Weinberg proportions at frequencies ``p``."""
    return rng.binomial(2, np.asarray(p)[:, None], (len(p), n)).astype(np.int8)
