"""Sequential permutation tests are exact, strata are respected, rates are Benjamini-Hochberg's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gwasbone.errors import UsageError
from gwasbone.stats.permutation import (
    false_discovery_rates,
    quantile_strata,
    sequential_test,
    shuffled_within,
)


def test_by_hand():
    null = [0.2, 0.9, 0.4, 0.9, 0.1]
    assert sequential_test(1.0, null, most=5, stop_at=3).p == pytest.approx(1 / 6)
    assert sequential_test(0.9, null, most=5, stop_at=3).p == pytest.approx(3 / 6)
    stopped = sequential_test(0.9, null, most=5, stop_at=2)
    assert (stopped.p, stopped.n_permutations, stopped.decided) == (0.5, 4, True)
    going_on = sequential_test(0.9, null[:2], most=5, stop_at=2)
    assert np.isnan(going_on.p)
    assert not going_on.decided
    assert sequential_test(0.9, [], most=0, stop_at=1).decided
    with pytest.raises(UsageError, match="got 5 and 0"):
        sequential_test(0.9, null, most=5, stop_at=0)


def test_the_early_stop_is_exact_under_the_null():
    """P(p ≤ x) = x at every value that p can take (Besag & Clifford 1991)."""
    rng = np.random.default_rng(4)
    most, stop_at, tests = 19, 3, 20_000
    found = np.array(
        [
            sequential_test(draw[0], draw[1:], most=most, stop_at=stop_at).p
            for draw in rng.random((tests, most + 1))
        ]
    )
    support = np.unique(found)
    expected = {(g + 1) / (most + 1) for g in range(stop_at)}
    expected |= {stop_at / done for done in range(stop_at, most + 1)}
    np.testing.assert_allclose(support, sorted(expected))
    for x in support[:-1]:
        share = (found <= x).mean()
        assert abs(share - x) < 4 * np.sqrt(x * (1 - x) / tests)


def test_ties_are_on_the_safe_side():
    rng = np.random.default_rng(5)
    draws = rng.integers(0, 4, (4000, 20)) / 4
    found = [sequential_test(d[0], d[1:], most=19, stop_at=19).p for d in draws]
    for x in (0.05, 0.25, 0.5):
        assert np.mean(np.array(found) <= x) <= x + 3 * np.sqrt(x * (1 - x) / len(draws))


def test_strata_are_quantiles_within_quantiles():
    scores = np.random.default_rng(6).normal(size=(90, 2))
    strata = quantile_strata(scores, 3)
    assert list(np.bincount(strata)) == [10] * 9
    first = strata // 3
    assert scores[first == 0, 0].max() < scores[first == 1, 0].min()
    scores[4, 1] = np.nan
    again = quantile_strata(scores, 3)
    assert (again == again[4]).sum() == 1
    assert set(quantile_strata(np.empty((5, 0)), 3)) == {0}
    with pytest.raises(UsageError, match="at least 1 bin"):
        quantile_strata(scores, 0)


def test_shuffling_stays_within_strata_and_is_uniform():
    values = np.array([0.0, 1, 2, np.nan, 10, 11, np.nan])
    strata = np.array([0, 0, 0, 0, 1, 1, 1])
    rng = np.random.default_rng(7)
    seen = [shuffled_within(values, strata, rng) for _ in range(1200)]
    for made in seen:
        assert sorted(made[:3]) == [0, 1, 2]
        assert sorted(made[4:6]) == [10, 11]
        assert np.isnan(made[[3, 6]]).all()
    orders, counts = np.unique([made[[0, 1, 2, 4, 5]] for made in seen], axis=0, return_counts=True)
    assert len(orders) == 12
    assert stats.chisquare(counts).pvalue > 0.001


def test_rates_are_those_of_scipy():
    p = np.random.default_rng(8).random(30) ** 3
    np.testing.assert_allclose(
        false_discovery_rates(p), stats.false_discovery_control(p, method="bh")
    )
    assert len(false_discovery_rates([])) == 0
