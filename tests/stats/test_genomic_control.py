from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from gwasbone.stats.genomic_control import lambda_gc, lambda_gc_from_chi2, lambda_gc_without
from gwasbone.stats.pvalues import neg_log10_p_chi2


def test_constant_is_the_median_of_chi2() -> None:
    assert lambda_gc_from_chi2([stats.chi2.median(1)]) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("m", [1, 2, 7, 1000, 1001])
def test_from_p_and_from_chi2_agree(m: int) -> None:
    chi2 = np.random.default_rng(m).chisquare(1, size=m) * 1.3
    assert lambda_gc(neg_log10_p_chi2(chi2)) == pytest.approx(lambda_gc_from_chi2(chi2), rel=1e-10)


def test_null_gives_one_and_inflation_its_factor() -> None:
    chi2 = np.random.default_rng(5).chisquare(1, size=200_000)
    assert lambda_gc_from_chi2(chi2) == pytest.approx(1.0, abs=0.02)
    assert lambda_gc_from_chi2(1.2 * chi2) == pytest.approx(1.2 * lambda_gc_from_chi2(chi2))


def test_untested_variants_do_not_count() -> None:
    chi2 = np.array([0.1, np.nan, 0.5, np.nan, 3.0])
    assert lambda_gc_from_chi2(chi2) == pytest.approx(0.5 / 0.454936423)
    assert lambda_gc(neg_log10_p_chi2(chi2)) == pytest.approx(0.5 / 0.454936423)
    assert np.isnan(lambda_gc([np.nan]))
    assert np.isnan(lambda_gc_from_chi2([]))


def test_deep_p_values_survive() -> None:
    # mpmath: erfc(√(x/2)) = 1e-1000 at x = 4596.28516.
    assert lambda_gc([1000.0, 1000.0]) == pytest.approx(4596.28516 / 0.454936423, rel=1e-8)


@pytest.mark.parametrize("m", [11, 500])
def test_lambda_without_each_block_is_what_computing_it_again_gives(m: int) -> None:
    chi2 = np.random.default_rng(m).chisquare(1, m).round(2)  # ties
    edges = np.array([0, 3, 4, m // 2, m])
    again = [
        lambda_gc_from_chi2(np.delete(chi2, np.arange(start, end)))
        for start, end in pairwise(edges)
    ]
    np.testing.assert_allclose(lambda_gc_without(chi2, edges), again, rtol=1e-14)
