"""Least squares and the test of added terms against statsmodels, and by calibration."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.stats.least_squares import added_terms_test, dependent_columns, least_squares


def data(n=80, seed=4):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2)) * [1e-3, 1e4]])
    D = rng.normal(size=(n, 2)) + X[:, [1]] * 500
    y = X @ [3.0, 100.0, 1e-4] + 0.3 * D[:, 0] + rng.normal(size=n) * (1 + (D[:, 1] > 0))
    return y, X, D


def test_a_line_by_hand():
    """y = 0, 2, 1 at x = 0, 1, 2: slope 1/2, intercept 1/2, residuals −.5, 1, −.5."""
    fit = least_squares([0.0, 2, 1], np.column_stack([np.ones(3), np.arange(3)]))
    np.testing.assert_allclose(fit.beta, [0.5, 0.5])
    assert fit.sigma2 == pytest.approx(1.5)
    np.testing.assert_allclose(fit.se, np.sqrt([1.5 * 5 / 6, 1.5 / 2]))
    assert fit.r2 == pytest.approx(0.25)


def test_least_squares_is_that_of_statsmodels():
    y, X, _ = data()
    fit, peer = least_squares(y, X), sm.OLS(y, X).fit()
    np.testing.assert_allclose(fit.beta, peer.params, rtol=1e-9)
    np.testing.assert_allclose(fit.se, peer.bse, rtol=1e-9)
    assert fit.r2 == pytest.approx(peer.rsquared)
    assert fit.dof == peer.df_resid


def test_added_terms_are_the_hc3_test_of_statsmodels():
    y, X, D = data()
    found = added_terms_test(y, X, D)
    peer = sm.OLS(y, np.column_stack([X, D])).fit(cov_type="HC3", use_t=True)
    test = peer.f_test(np.eye(5)[3:])
    assert found.f == pytest.approx(float(test.fvalue), rel=1e-8)
    assert 10**-found.neg_log10_p == pytest.approx(float(test.pvalue), rel=1e-6)
    assert (found.dof_added, found.dof_residual) == (2, 75)
    assert found.r2 == pytest.approx(1 - peer.ssr / sm.OLS(y, X).fit().ssr)


def test_what_the_model_holds_cannot_be_added():
    y, X, D = data()
    found = added_terms_test(y, X, X[:, 1:] * 2 - 1)
    assert found.dof_added == 0
    assert np.isnan(found.f)
    half = added_terms_test(y, X, np.column_stack([X[:, 1], D]))
    assert half.f == pytest.approx(added_terms_test(y, X, D).f, rel=1e-8)
    assert half.dof_added == 2


def test_dependent_columns_are_the_later_ones():
    _, X, D = data()
    both = np.column_stack([X, D, D @ [1, -2] + 5, np.zeros(len(X)), X[:, 2] - 1e4])
    assert dependent_columns(both) == (5, 6, 7)
    assert dependent_columns(X) == ()


def test_too_few_rows_and_dependent_columns_are_refused():
    with pytest.raises(InputError, match="more rows than the 2"):
        least_squares([1.0, 2], np.eye(2))
    with pytest.raises(InputError, match="number 2 is a combination"):
        least_squares([1.0, 2, 4], np.ones((3, 2)))


def test_null_p_values_are_uniform_with_unequal_variances():
    """The plain F test would reject too often: the noise grows with the column tested."""
    rng = np.random.default_rng(9)
    n, repeats = 300, 1_500
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    D = rng.normal(size=(n, 3))
    noise = rng.normal(size=(repeats, n)) * (0.5 + np.abs(D[:, 0]))
    p = np.array([10 ** -added_terms_test(e, X, D).neg_log10_p for e in noise])
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / repeats))
    plain = [sm.OLS(e, np.column_stack([X, D])).fit() for e in noise[:300]]
    rejected = np.mean([m.f_test(np.eye(5)[2:]).pvalue < 0.05 for m in plain])
    assert rejected > 0.10
