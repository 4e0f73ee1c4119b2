"""Scans with known heritability and genetic correlation at simulated LD scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.ld_score_files import COUNTS, SCORES, LdScores

M = 200_000


def made_scores(m: int = 6000, seed: int = 1) -> LdScores:
    """LD scores of m variants on chromosomes 1 and 2."""
    rng = np.random.default_rng(seed)
    half = m // 2
    position = np.concatenate([np.arange(1, half + 1), np.arange(1, m - half + 1)]) * 1000
    return LdScores.of(
        np.repeat([1, 2], [half, m - half]), position, np.exp(rng.normal(3, 0.7, m)), m_ld=M,
        source="simulated",
    )  # fmt: skip


def write_scores(scores: LdScores, folder: Path) -> Path:
    """LD scores as LDSC's files, one for each chromosome."""
    folder.mkdir(parents=True, exist_ok=True)
    for code in (1, 2):
        own = scores.chromosome == code
        table = pd.DataFrame(
            {
                "CHR": code,
                "SNP": [f"rs{p}" for p in scores.position_bp[own]],
                "BP": scores.position_bp[own],
                "L2": scores.ld_score[own],
            }
        )
        table.to_csv(folder / f"{code}{SCORES}", sep="\t", index=False)
        (folder / f"{code}{COUNTS}").write_text(f"{scores.m_ld / 2:g}\n")
    return folder


def made_scans(
    scores: LdScores,
    *,
    k: int = 2,
    h2: float = 0.4,
    rg: float = 0.5,
    n: int = 20_000,
    seed: int = 2,
) -> dict[str, pd.DataFrame]:
    """k scans of equal heritability that all correlate alike."""
    rng = np.random.default_rng(seed)
    m = len(scores)
    shared, own = rng.normal(size=m), rng.normal(size=(k, m))
    # the alleles are the same in all scans
    alleles = np.random.default_rng(5)
    pairs = np.array([("A", "C"), ("A", "G"), ("T", "C"), ("T", "G"), ("C", "A"), ("G", "T")])
    effect, other = pairs[alleles.integers(0, len(pairs), m)].T
    frequency = alleles.uniform(0.05, 0.95, m)
    scans = {}
    for i in range(k):
        effects = np.sqrt(rg) * shared + np.sqrt(1 - rg) * own[i]
        people = np.full(m, n + 100 * i)
        z = effects * np.sqrt(h2 * people * scores.ld_score / scores.m_ld) + rng.normal(size=m)
        se = 1 / np.sqrt(2 * frequency * (1 - frequency) * people)
        scans[f"trait{i}"] = pd.DataFrame(
            {
                "chromosome": scores.chromosome,
                "base_pair_location": scores.position_bp,
                "effect_allele": effect,
                "other_allele": other,
                "beta": z * se,
                "standard_error": se,
                "effect_allele_frequency": frequency,
                "neg_log_10_p_value": neg_log10_p_normal(z),
                "n": people,
            }
        )
    return scans
