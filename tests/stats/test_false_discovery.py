"""Benjamini-Hochberg and Simes on the −log10 scale."""

import numpy as np
from scipy import stats

from gwasbone.stats.false_discovery import neg_log10_q, simes_by_group


def test_scipy_has_the_same_adjusted_values():
    p = np.random.default_rng(1).random(500) ** 3
    np.testing.assert_allclose(
        10 ** -neg_log10_q(-np.log10(p)), stats.false_discovery_control(p), rtol=1e-10
    )


def test_untested_stay_so_and_tiny_p_do_not_underflow():
    found = neg_log10_q([400.0, np.nan, 0.0])
    np.testing.assert_allclose(found, [400 - np.log10(2), np.nan, 0])
    assert neg_log10_q([]).size == 0


def test_simes_by_hand_and_whatever_the_order():
    p = np.array([0.01, 0.011, 0.5, 0.04])
    edges = np.array([0, 3, 4])
    expected = [min(3 * 0.01, 3 / 2 * 0.011, 0.5), 0.04]
    np.testing.assert_allclose(10 ** -simes_by_group(-np.log10(p), edges), expected)
    turned = simes_by_group(-np.log10(p[[2, 0, 1, 3]]), edges)
    np.testing.assert_allclose(10**-turned, expected)


def test_simes_holds_its_level_for_independent_tests():
    p = np.random.default_rng(2).random(20 * 4000)
    found = 10 ** -simes_by_group(-np.log10(p), np.arange(0, 20 * 4000 + 1, 20))
    assert stats.kstest(found, "uniform").pvalue > 0.001
