"""Ratio of effective sample sizes: by hand, turned over, and covering at its rate."""

import numpy as np
import pytest
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.stats.sample_size_ratio import sample_size_ratio


def _chi2(rng, n_loci, n_a, n_b, rho):
    effects = rng.normal(0, 0.02 * np.sqrt(60 / n_loci), n_loci)
    errors = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n_loci)
    return ((effects[:, None] * np.sqrt([n_a, n_b]) + errors) ** 2).T


def test_by_hand():
    found = sample_size_ratio([3.0, 5.0, 7.0], [2.0, 3.0, 4.0])
    assert found.ratio == pytest.approx(12 / 6)
    assert (found.signal_a, found.signal_b, found.n_loci) == (12, 6, 3)
    # without a locus: 10/5, 8/4, 6/3 are all 2
    assert (found.jackknife.lower, found.jackknife.upper) == pytest.approx((2, 2))
    # the ends of the score interval solve (S_A − R S_B)² = 1.96² V(R)
    for R in (found.lower, found.upper):
        if 0 < R < np.inf:
            M = 18 / (1 + R)
            V = 2 * 3 * (1 + R**2) + 4 * M * (R + R**2)
            assert pytest.approx(stats.norm.ppf(0.975) ** 2 * V, rel=0.01) == (12 - 6 * R) ** 2


def test_turned_over_it_is_the_inverse():
    a, b = _chi2(np.random.default_rng(1), 40, 20_000, 10_000, 0.5)
    one = sample_size_ratio(a, b, error_correlation=0.5)
    other = sample_size_ratio(b, a, error_correlation=0.5)
    assert other.ratio == pytest.approx(1 / one.ratio)
    assert other.jackknife.lower == pytest.approx(1 / one.jackknife.upper)
    assert other.lower == pytest.approx(1 / one.upper, rel=0.002)


def test_one_scan_against_itself_is_one_without_doubt():
    a, _ = _chi2(np.random.default_rng(2), 40, 20_000, 10_000, 0.0)
    found = sample_size_ratio(a, a, error_correlation=1.0)
    assert (found.jackknife.lower, found.ratio, found.jackknife.upper) == (1, 1, 1)
    assert (found.lower, found.upper) == pytest.approx((1, 1), abs=0.01)


@pytest.mark.parametrize(("rho", "n_loci"), [(0.0, 40), (0.7, 40), (0.7, 8)])
def test_the_intervals_cover_the_truth_at_their_rate(rho, n_loci):
    rng = np.random.default_rng(3)
    inside = np.zeros(2, dtype=int)
    for _ in range(200):
        a, b = _chi2(rng, n_loci, 20_000, 10_000, rho)
        found = sample_size_ratio(a, b, error_correlation=rho)
        inside += [
            found.lower <= 2 <= found.upper,
            found.jackknife.lower <= 2 <= found.jackknife.upper,
        ]
    assert stats.binomtest(int(inside[0]), 200, 0.95).pvalue > 0.001, inside
    if n_loci == 40:
        assert stats.binomtest(int(inside[1]), 200, 0.95).pvalue > 0.001, inside


def test_a_scan_without_signal_gives_a_bound_and_no_ratio():
    rng = np.random.default_rng(4)
    a, _ = _chi2(rng, 20, 20_000, 10_000, 0.0)
    found = sample_size_ratio(a, np.ones(20))
    assert np.isnan(found.ratio)
    assert "no signal above noise" in found.status
    assert np.isnan(found.jackknife.lower)
    assert found.lower > 1
    assert found.upper == np.inf


def test_too_few_loci_are_refused():
    with pytest.raises(InputError, match="3 loci"):
        sample_size_ratio([2.0, 3.0], [2.0, 3.0])
