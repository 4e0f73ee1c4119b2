"""LD-score regression: hand-worked, invariant, calibrated (the oracle is in ``peers``)."""

import numpy as np
import pytest
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.sumstats.ldsc import genetic_correlation, heritability

M = 20_000


def _scans(rng, m=4000, *, h2=(0.4, 0.4), rg=1.0, noise=0.0, n=2_000):
    ld = np.exp(rng.normal(3, 0.7, m))
    c = rg * np.sqrt(h2[0] * h2[1])
    effects = rng.multivariate_normal([0, 0], np.array([[h2[0], c], [c, h2[1]]]) / M, m)
    errors = rng.multivariate_normal([0, 0], [[1, noise], [noise, 1]], m)
    return effects * np.sqrt(ld * n)[:, None] + errors, ld


def test_a_line_without_noise_is_found_exactly():
    ld = np.linspace(1, 100, 60)
    found = heritability(1.2 + 0.3 * 5000 * ld / M, ld, 5000, m_ld=M, two_step=None, n_blocks=6)
    assert found.h2 == pytest.approx(0.3, rel=1e-10)
    assert found.intercept == pytest.approx(1.2, rel=1e-10)
    assert found.h2_se == pytest.approx(0, abs=1e-9)
    assert found.ratio == pytest.approx(0.2 / (found.mean_chi2 - 1))


def test_units_of_n_and_missing_rows_change_nothing():
    z, ld = _scans(np.random.default_rng(1))
    chi2 = z[:, 0] ** 2
    one = heritability(chi2, ld, 2_000, m_ld=M)
    other = heritability(chi2, ld, 200, m_ld=M / 10)
    assert other.h2 == pytest.approx(one.h2, rel=1e-9)
    longer = heritability(np.append(chi2, np.nan), np.append(ld, 5.0), 2_000, m_ld=M)
    assert longer.h2 == one.h2
    assert longer.n_variants == 4000


def test_the_sign_of_one_scan_turns_the_correlation_and_nothing_else():
    z, ld = _scans(np.random.default_rng(2), rg=0.5, noise=0.2)
    one = genetic_correlation(z[:, 0], z[:, 1], ld, 2e3, 2e3, m_ld=M)
    other = genetic_correlation(z[:, 0], -z[:, 1], ld, 2e3, 2e3, m_ld=M)
    assert (other.rg, other.intercept) == pytest.approx((-one.rg, -one.intercept))
    assert other.rg_se == pytest.approx(one.rg_se)
    swapped = genetic_correlation(z[:, 1], z[:, 0], ld, 2e3, 2e3, m_ld=M)
    assert swapped.rg == pytest.approx(one.rg)


def test_one_phenotype_scanned_twice_correlates_fully():
    z, ld = _scans(np.random.default_rng(3))
    found = genetic_correlation(z[:, 0], z[:, 0], ld, 2e3, 2e3, m_ld=M)
    assert found.rg == pytest.approx(1, abs=0.02)
    assert found.intercept == pytest.approx(found.first.intercept, abs=0.05)


def test_intervals_cover_what_was_simulated():
    rng = np.random.default_rng(4)
    inside = np.zeros(3)
    for _ in range(100):
        z, ld = _scans(rng, 4000, h2=(0.4, 0.3), rg=0.6, noise=0.3)
        found = genetic_correlation(z[:, 0], z[:, 1], ld, 2e3, 2e3, m_ld=M, n_blocks=50)
        pairs = [
            (found.first.h2, found.first.h2_se, 0.4),
            (found.rg, found.rg_se, 0.6),
            (found.intercept, found.intercept_se, 0.3),
        ]
        inside += [abs(value - truth) < 2.01 * se for value, se, truth in pairs]
    # 0.95 of 100 with a Monte-Carlo error of 0.02
    for count in inside:
        assert stats.binomtest(int(count), 100, 0.95).pvalue > 0.001, inside


def test_without_confounding_the_intercept_is_one():
    rng = np.random.default_rng(5)
    found = [
        heritability(z[:, 0] ** 2, ld, 2e3, m_ld=M).intercept
        for z, ld in (_scans(rng, h2=(0.3, 0.3)) for _ in range(40))
    ]
    assert abs(np.mean(found) - 1) < 4 * np.std(found) / np.sqrt(40)


def test_no_heritability_leaves_the_correlation_undefined_not_wrong():
    rng = np.random.default_rng(6)
    z, ld = rng.normal(size=(500, 2)) * 0.8, np.exp(rng.normal(3, 0.7, 500))
    found = genetic_correlation(z[:, 0], z[:, 1], ld, 2e3, 2e3, m_ld=M)
    assert np.isnan(found.rg)
    assert "not positive" in found.status


def test_what_cannot_be_right_is_refused():
    z = np.linspace(0.9, 1.1, 20)
    with pytest.raises(InputError, match="at least 10"):
        heritability(z[:5], z[:5], 100, m_ld=M)
    with pytest.raises(InputError, match="an LD score for each"):
        heritability(z, z[:5], 100, m_ld=M)
    with pytest.raises(InputError, match="M above 0"):
        heritability(z, z, 100, m_ld=0)
    with pytest.raises(InputError, match="negative"):
        heritability(-z, z, 100, m_ld=M)
    with pytest.raises(InputError, match="have none"):
        heritability(z, z, 0, m_ld=M)
    with pytest.raises(InputError, match="below the threshold"):
        heritability(z * 50, z, 100, m_ld=M)
    with pytest.raises(InputError, match="LD scores that differ"):
        heritability(z, np.ones(20), 100, m_ld=M)


def test_few_variants_have_as_few_blocks_in_all_three_regressions():
    z, ld = _scans(np.random.default_rng(7), 120)
    z[:2] = 9.0
    found = genetic_correlation(z[:, 0], z[:, 1], ld, 2e3, 2e3, m_ld=M)
    assert len(found.rg_deleted) == len(found.first.h2_deleted) < 120
