"""Is p uniform for null binary traits on the block engine, by default and by saddlepoint?

Tests within a trait are dependent through linkage disequilibrium; standard errors are across
traits.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

import gwasbone as gb
from gwasbone.association import block_scans
from gwasbone.association.associate import associate
from gwasbone.simulate import SimulationSettings, simulate_genotypes
from gwasbone.simulate.files import write_plink
from gwasbone.stats.logistic import firth_lrt
from gwasbone.stats.pvalues import neg_log10_p_normal

pytestmark = pytest.mark.slow

N, M = 2000, 3000
N_TRAITS = 60
BINS = ((20, 40), (40, 200), (200, 2 * N))
LEVELS = (0.05, 0.01, 1e-3)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """2,000 unrelated people of one ancestry and null traits with 20 % and 1 % cases."""
    settings = SimulationSettings.light(
        n_people=N, n_variants=M, n_segments=40, segment_kb=500, seed=31,
        chromosomes=tuple(range(1, 23)), maf_min=0.005, rare_share=0.5, n_causal=10, n_planted=1,
    )  # fmt: skip
    prefix = tmp_path_factory.mktemp("calibration") / "null"
    write_plink(prefix, simulate_genotypes(settings))
    made = gb.read_genotypes(bfile=str(prefix), build="GRCh37")
    rng = np.random.default_rng(41)
    age, sex = rng.normal(60, 8, N), rng.integers(1, 3, N)
    table = {"age": age, "male": sex == 1}
    for name, share in (("few", 0.01), ("many", 0.2)):
        liability = 0.02 * age[:, None] + rng.normal(size=(N, N_TRAITS))
        cases = liability > np.quantile(liability, 1 - share, axis=0)
        table |= {f"{name}{j}": cases[:, j] for j in range(N_TRAITS)}
    people = pd.DataFrame(table, index=made.people.table.index).astype(float)
    return gb.annotate_phenotypes(made, people)


def tables(cohort, test):
    names = [f"{name}{j}" for name in ("few", "many") for j in range(N_TRAITS)]
    found = associate(cohort, names, ["age", "male"], method="logistic", test=test)
    assert found.provenance["engine"] == "blocks"
    return {name: found.table(name) for name in names}


@pytest.fixture(scope="module")
def by_score(cohort):
    """All traits by the default test."""
    return tables(cohort, "score")


@pytest.fixture(scope="module")
def by_spa(cohort):
    """All traits by the saddlepoint approximation."""
    return tables(cohort, "spa")


def mean_and_se(values):
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def rejections(found, test):
    """(trait kind, least copies, level) -> share rejected, with its SE over traits."""
    frequency = found["few0"]["effect_allele_frequency"].to_numpy()
    copies = 2 * N * np.minimum(frequency, 1 - frequency)
    rates = {}
    for kind, share in (("few", "1 %"), ("many", "20 %")):
        for low, high in BINS:
            rows = (copies >= low) & (copies <= high)
            p = [
                found[f"{kind}{j}"]["neg_log_10_p_value"].to_numpy()[rows] for j in range(N_TRAITS)
            ]
            assert np.isfinite(p).all()
            line = []
            for level in LEVELS:
                mean, se = mean_and_se([(values > -np.log10(level)).mean() for values in p])
                rates[kind, low, level] = mean, se
                line.append(f"{level:g}: {mean:.5f} (SE {se:.5f})")
            print(f"\n{test}, {share} cases, {low}-{high} copies, rejected at {'; '.join(line)}")
    return rates


@pytest.mark.parametrize("test", ["score", "spa"])
def test_null_binary_traits(request, test):
    """Rejections of null traits by minor-allele count, with 20 cases and with 400.

    At 0.05 a variant is rejected only if the score and the test that takes over both reject it,
    so that both choices are conservative there, and most where 20-40 copies and 20 cases leave p
    few values.
    """
    found = request.getfixturevalue(f"by_{test}")
    for (kind, low, level), (mean, se) in rejections(found, test).items():
        assert level != 0.05 or (0.03 if low == 20 else 0.038) < mean < 0.05 + 3 * se
        assert level != 0.01 or (0.75 if kind == "few" else 0.85) * level < mean < 1.25 * level
        assert level != 1e-3 or abs(mean - level) < 3 * se
    at_4 = mean_and_se([(table["neg_log_10_p_value"] > 4).mean() for table in found.values()])
    print(f"all traits and variants, rejected at 1e-4: {at_4[0]:.6f} (SE {at_4[1]:.6f})")
    assert at_4[0] > 0
    assert abs(at_4[0] - 1e-4) < 3 * at_4[1]


def test_the_score_test_alone_rejects_too_often(cohort, monkeypatch):
    """What the other tests take over from: with 20 cases and few copies far too many."""
    monkeypatch.setattr(block_scans, "REPEAT_BELOW_P", 1e-300)
    rates = rejections(tables(cohort, "score"), "score alone")
    mean, se = rates["few", 20, 1e-3]
    assert mean - 3 * se > 3e-3


def attainable_size(copies: int, n_cases: int, level: float) -> float:
    """Exact probability that the default test rejects a null variant, without covariates.

    With ``copies`` heterozygous carriers, their number of cases is hypergeometric; each number
    has one p. No test of these few values can reject at exactly ``level``.
    """
    X, size = np.ones((N, 1)), 0.0
    for k in range(9):
        g, y = np.zeros(N), np.zeros(N)
        g[:copies], y[:k], y[copies : copies + n_cases - k] = 1, 1, 1
        mu = y.mean()
        z = g @ (y - mu) / np.sqrt(mu * (1 - mu) * (g @ g - g.sum() ** 2 / N))
        p = float(neg_log10_p_normal(z))
        if p > -np.log10(0.05):
            p = float(firth_lrt(X, g, y).neg_log10_p)
        if p > -np.log10(level):
            size += float(hypergeom(N, n_cases, copies).pmf(k))
    return size


def test_few_cases_and_copies_reject_as_often_as_discreteness_allows(by_score):
    """20 cases, 20-40 copies: the measured rate is the exact size of the test, not the level."""
    rates = rejections(by_score, "score")
    frequency = by_score["few0"]["effect_allele_frequency"].to_numpy()
    copies = np.rint(2 * N * np.minimum(frequency, 1 - frequency)).astype(int)
    there, how_many = np.unique(copies[(copies >= 20) & (copies <= 40)], return_counts=True)
    for level in LEVELS:
        sizes = [attainable_size(int(c), round(0.01 * N), level) for c in there]
        size = float(np.average(sizes, weights=how_many))
        mean, se = rates["few", 20, level]
        print(f"at {level:g}: measured {mean:.5f} (SE {se:.5f}), exact size {size:.5f}")
        assert abs(mean - size) < 3 * se
