"""Scans of two phenotypes with known truth, simulated as summary statistics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.stats.pvalues import neg_log10_p_normal


@dataclass(frozen=True)
class MadeScans:
    """Variants with LD scores, the z statistics of scans, and which rows are known loci."""

    table: pd.DataFrame
    z: dict[str, np.ndarray]
    n: dict[str, int]
    loci: np.ndarray
    m_ld: int

    def write(self, folder: Path) -> dict[str, Path]:
        """GWAS-SSF files, ``loci.tsv`` and ``ld/``; the scans by their names."""
        paths = {}
        for name, z in self.z.items():
            paths[name] = folder / f"scan.{name}.tsv.gz"
            ssf(self.table, z, self.n[name]).to_csv(
                paths[name], sep="\t", index=False, compression={"method": "gzip", "mtime": 0}
            )
        known = self.table.iloc[self.loci][["chromosome", "base_pair_location"]]
        known.to_csv(folder / "loci.tsv", sep="\t", index=False)
        (folder / "ld").mkdir()
        scores = self.table.rename(
            columns={"chromosome": "CHR", "base_pair_location": "BP", "ld_score": "L2"}
        )
        scores.assign(SNP="rs")[["CHR", "SNP", "BP", "L2"]].to_csv(
            folder / "ld" / "1.l2.ldscore.gz", sep="\t", index=False
        )
        (folder / "ld" / "1.l2.M_5_50").write_text(f"{self.m_ld}\n")
        return paths


def ssf(table: pd.DataFrame, z: np.ndarray, n: int) -> pd.DataFrame:
    """One scan with the columns of GWAS-SSF."""
    f = table["frequency"].to_numpy()
    se = 1 / np.sqrt(2 * f * (1 - f) * n)
    return pd.DataFrame(
        {
            "chromosome": table["chromosome"], "base_pair_location": table["base_pair_location"],
            "effect_allele": table["effect_allele"], "other_allele": table["other_allele"],
            "beta": z * se, "standard_error": se, "effect_allele_frequency": f,
            "neg_log_10_p_value": neg_log10_p_normal(z), "n": n,
        }
    )  # fmt: skip


def made_scans(
    rng: np.random.Generator,
    *,
    m: int = 2400,
    n_people: int = 20_000,
    share: float = 0.5,
    h2: float = 0.3,
    n_loci: int = 60,
    locus_share: float = 0.1,
    error_correlation: float = 0.7,
    names: tuple[str, str] = ("score", "case"),
) -> MadeScans:
    """A phenotype, and the same phenotype watered down: its effective sample is ``share``.

    Parameters
    ----------
    h2 : of the polygenic part, spread over M = 20 m variants by LD score.
    locus_share : of the variance that the known loci explain together, besides.
    error_correlation : of the scans' errors, as between phenotypes of the same people.
    """
    m_ld = 20 * m
    chromosome = np.sort(rng.integers(1, 23, m))
    place = np.arange(m) * 60_000 % 150_000_000 + 1_000_000
    order = np.lexsort((place, chromosome))
    table = pd.DataFrame(
        {
            "chromosome": chromosome[order], "base_pair_location": place[order],
            "effect_allele": "G", "other_allele": "A",
            "frequency": rng.uniform(0.05, 0.95, m),
            "ld_score": np.exp(rng.normal(3, 0.6, m)),
        }
    )  # fmt: skip
    effect = rng.normal(size=m) * np.sqrt(h2 / m_ld * table["ld_score"].to_numpy())
    loci = np.sort(rng.choice(np.arange(0, m, 25), n_loci, replace=False))
    effect[loci] += rng.normal(size=n_loci) * np.sqrt(locus_share / n_loci)
    r = error_correlation
    errors = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], m)
    mean = effect * np.sqrt(n_people)
    z = {names[0]: mean + errors[:, 0], names[1]: mean * np.sqrt(share) + errors[:, 1]}
    return MadeScans(table, z, dict.fromkeys(names, n_people), loci, m_ld)
