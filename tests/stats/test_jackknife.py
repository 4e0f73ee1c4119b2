"""The delete-a-block jackknife: hand-worked cases, invariants, coverage."""

import numpy as np
import pytest
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.stats.jackknife import (
    block_edges,
    block_sums,
    jackknife_covariance,
    jackknife_interval,
    jackknife_se,
    means_without,
    ratio_interval,
)


def test_blocks_cover_all_rows_and_a_row_is_the_least():
    assert block_edges(10, 3).tolist() == [0, 3, 6, 10]
    assert block_edges(2, 200).tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="expected rows"):
        block_edges(0, 3)


def test_sums_and_means_by_hand():
    edges = np.array([0, 1, 3])
    rows = np.array([[1.0, 0.0], [2.0, 4.0], [6.0, 2.0]])
    assert block_sums(rows, edges).tolist() == [[1, 0], [8, 6]]
    assert means_without(rows, edges).tolist() == [[4, 3], [1, 0]]


def test_a_mean_has_its_usual_standard_error():
    x = np.random.default_rng(1).normal(size=40)
    without = means_without(x, np.arange(41))
    assert jackknife_se(without) == pytest.approx(x.std(ddof=1) / np.sqrt(40), rel=1e-12)
    y = x**2
    V = jackknife_covariance(np.column_stack([without, means_without(y, np.arange(41))]))
    np.testing.assert_allclose(V, np.cov(x, y) / 40, rtol=1e-12)
    found = jackknife_interval(x.mean(), without)
    expected = stats.t.interval(0.95, 39, x.mean(), stats.sem(x))
    assert (found.lower, found.upper) == pytest.approx(expected, rel=1e-12)


def test_on_the_log_scale_a_ratio_and_its_inverse_have_inverse_intervals():
    d = np.array([1.8, 2.1, 2.05, 1.95])
    one = jackknife_interval(2.0, d, scale="log")
    other = jackknife_interval(0.5, 1 / d, scale="log")
    assert (other.lower, other.upper) == pytest.approx((1 / one.upper, 1 / one.lower))
    assert one.se == pytest.approx(2.0 * jackknife_se(np.log(d)))
    assert np.isnan(jackknife_interval(-1.0, d, scale="log").lower)


def test_fieller_by_hand_and_its_inverse():
    # two blocks: the t quantile is 12.706; V is known from the two deleted values
    numerator, denominator = np.array([1.99, 2.01]), np.array([1.0, 1.0])
    found = ratio_interval(2.0, 1.0, numerator, denominator)
    assert found.estimate == 2
    half = 12.706204736 * np.sqrt(0.5 * 2 * 0.01**2)
    assert (found.lower, found.upper) == pytest.approx((2 - half, 2 + half), rel=1e-9)
    rng = np.random.default_rng(2)
    a, b = rng.normal(3, 0.1, 30), rng.normal(2, 0.1, 30)
    one, other = ratio_interval(3, 2, a, b), ratio_interval(2, 3, b, a)
    assert (other.lower, other.upper) == pytest.approx((1 / one.upper, 1 / one.lower))


def test_a_denominator_near_zero_bounds_nothing():
    rng = np.random.default_rng(3)
    found = ratio_interval(1.0, 0.05, rng.normal(1, 0.01, 50), rng.normal(0.05, 0.02, 50))
    assert not found.bounded
    assert np.isnan(ratio_interval(1.0, 0.0, [1, 1.1], [0, 0.1]).estimate)


def test_fiellers_interval_covers_at_its_rate():
    rng = np.random.default_rng(4)
    edges = np.arange(41)
    hits = 0
    for _ in range(1000):
        x = rng.exponential(1.0, 40)
        a = 2 * x + rng.normal(0, 1, 40)
        b = x + rng.normal(0, 0.5, 40)
        found = ratio_interval(a.mean(), b.mean(), means_without(a, edges), means_without(b, edges))
        hits += found.lower <= 2 <= found.upper
    assert stats.binomtest(hits, 1000, 0.95).pvalue > 0.001


def test_one_block_is_refused():
    with pytest.raises(InputError, match="two blocks"):
        jackknife_interval(1.0, [1.0])
    with pytest.raises(InputError, match="confidence"):
        jackknife_interval(1.0, [1.0, 2.0], confidence=95)
