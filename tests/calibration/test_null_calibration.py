"""Is p uniform where nothing is associated, and is power what the design promises?

Genotypes come from the coalescent, so tests within a trait are dependent through linkage
disequilibrium; standard errors are therefore taken across traits. Binary traits are calibrated on
the block engine beside this, whose tables the Hail engine's equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from gwasbone.association.design import build_design
from gwasbone.association.hail import scan_hail
from gwasbone.association.options import AssociationRequest
from gwasbone.simulate import SimulationSettings, simulate_genotypes
from gwasbone.simulate.files import write_plink
from gwasbone.stats.genomic_control import lambda_gc

pytestmark = [pytest.mark.hail, pytest.mark.slow]

N, M = 2000, 3000
N_TRAITS = 200


@dataclass(frozen=True)
class Cohort:
    mt: object
    ids: list[str]
    G: np.ndarray
    covariates: pd.DataFrame


@dataclass(frozen=True)
class Rate:
    """A mean over traits and its standard error."""

    mean: float
    se: float

    @classmethod
    def of(cls, values):
        values = np.asarray(values)
        return cls(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))

    def __str__(self):
        return f"{self.mean:.5g} (SE {self.se:.2g})"


@pytest.fixture(scope="module")
def cohort(hail_session, tmp_path_factory):
    """2,000 unrelated people of one ancestry, 4,000 variants, and two covariates."""
    settings = SimulationSettings.light(
        n_people=N, n_variants=M, n_segments=40, segment_kb=500, seed=31,
        chromosomes=tuple(range(1, 23)), maf_min=0.005, rare_share=0.5, n_causal=10, n_planted=1,
    )  # fmt: skip
    genotypes = simulate_genotypes(settings)
    prefix = tmp_path_factory.mktemp("calibration") / "null"
    write_plink(prefix, genotypes)
    hl = hail_session
    mt = hl.import_plink(
        f"{prefix}.bed", f"{prefix}.bim", f"{prefix}.fam",
        a2_reference=True, reference_genome="GRCh37", min_partitions=4,
    )  # fmt: skip
    mt = mt.select_entries(dosage=mt.GT.n_alt_alleles())
    mt = mt.checkpoint(str(prefix.with_suffix(".mt")))
    ids = mt.s.collect()
    rng = np.random.default_rng(32)
    covariates = pd.DataFrame(
        {"age": rng.normal(60, 8, N), "sex": rng.integers(1, 3, N)}, index=ids
    )
    G = np.where(genotypes.G < 0, np.nan, genotypes.G.astype(float))
    return Cohort(mt, ids, G, covariates)


def scan(cohort, traits):
    table = cohort.covariates.join(traits)
    design = build_design(
        cohort.ids,
        table,
        AssociationRequest(traits=tuple(traits), covariates=("age", "sex"), method="linear"),
    )
    return scan_hail(cohort.mt, design)


def rejected(frames, level):
    return Rate.of([(f["neg_log_10_p_value"] > -np.log10(level)).mean() for f in frames])


def within_three_se(rate, expected):
    return abs(rate.mean - expected) <= 3 * rate.se


def test_200_null_quantitative_traits(cohort):
    rng = np.random.default_rng(33)
    effect = 0.02 * cohort.covariates["age"].to_numpy()[:, None]
    Y = effect + rng.normal(size=(N, N_TRAITS))
    traits = pd.DataFrame(Y, index=cohort.ids, columns=[f"null{j}" for j in range(N_TRAITS)])
    frames = [f[f["status"] == ""] for f in scan(cohort, traits).values()]
    factor = Rate.of([lambda_gc(f["neg_log_10_p_value"]) for f in frames])
    at_5, at_4 = rejected(frames, 0.05), rejected(frames, 1e-4)
    print(f"\n{N_TRAITS} null traits, {len(frames[0]):,} variants: mean lambda {factor}")
    print(f"rejected at 0.05: {at_5}; at 1e-4: {at_4}")
    assert 0.98 < factor.mean < 1.02
    assert within_three_se(at_5, 0.05)
    assert within_three_se(at_4, 1e-4)


def test_power_is_one_plus_the_noncentrality(cohort):
    # For t on v degrees of freedom, E[t^2] = (1 + noncentrality) v / (v - 2).
    rng = np.random.default_rng(34)
    called = np.where(np.isnan(cohort.G), np.nanmean(cohort.G, axis=1, keepdims=True), cohort.G)
    X = np.column_stack([np.ones(N), cohort.covariates])
    Q = np.linalg.qr(X)[0]
    planted = rng.choice(len(called), N_TRAITS, replace=False)
    own = called[planted] - (called[planted] @ Q) @ Q.T
    wanted = rng.uniform(1, 30, N_TRAITS)
    beta = np.sqrt(wanted / np.einsum("ij,ij->i", own, own))
    Y = beta * called[planted].T + rng.normal(size=(N, N_TRAITS))
    traits = pd.DataFrame(Y, index=cohort.ids, columns=[f"planted{j}" for j in range(N_TRAITS)])
    frames = scan(cohort, traits)
    dof = N - X.shape[1] - 1
    t = np.array([frames[f"planted{j}"]["statistic"][i] for j, i in enumerate(planted)])
    excess = Rate.of(t**2 - (1 + wanted) * dof / (dof - 2))
    found = np.array([frames[f"planted{j}"]["beta"][i] for j, i in enumerate(planted)])
    bias = Rate.of(found / beta - 1)
    print(f"\nmean chi2 {np.mean(t**2):.2f}, expected {1 + wanted.mean():.2f}, excess {excess}")
    print(f"relative bias of beta {bias}")
    assert within_three_se(excess, 0)
    assert within_three_se(bias, 0)
