"""The random-intercept fit against a hand-worked case, statsmodels, and its own invariants."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import multivariate_normal

from gwasbone.errors import InputError
from gwasbone.stats.least_squares import least_squares
from gwasbone.stats.random_intercept import random_intercept_reml


def data(sizes, *, between=1.0, within=0.5, seed=3):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    n = len(group)
    X = np.column_stack([np.ones(n), rng.normal(size=n), rng.normal(size=len(sizes))[group]])
    u = np.sqrt(between) * rng.normal(size=len(sizes))
    y = X @ [2.0, -1.0, 0.5] + u[group] + np.sqrt(within) * rng.normal(size=n)
    return y, X, group


UNEVEN = np.random.default_rng(1).choice([1, 1, 1, 2, 3, 5], 150)


def test_balanced_one_way_is_the_analysis_of_variance():
    """Three pairs, means 2, 6, 7: mean squares within 2, between 14; σ²_u = (14 − 2)/2."""
    fit = random_intercept_reml([1.0, 3, 5, 7, 8, 6], np.ones((6, 1)), [0, 0, 1, 1, 2, 2])
    assert fit.sigma2_residual == pytest.approx(2, rel=1e-9)
    assert fit.sigma2_group == pytest.approx(6, rel=1e-9)
    assert fit.beta[0] == pytest.approx(5)
    assert fit.se[0] == pytest.approx(np.sqrt(14 / 6), rel=1e-9)
    assert (fit.n_rows, fit.n_groups, fit.n_repeated) == (6, 3, 3)


@pytest.mark.parametrize("between", [0.3, 1.0, 30.0])
def test_the_fit_is_that_of_statsmodels(between):
    y, X, group = data(UNEVEN, between=between)
    fit = random_intercept_reml(y, X, group)
    peer = sm.MixedLM(y, X, group).fit(reml=True)
    np.testing.assert_allclose(fit.beta, peer.fe_params, rtol=1e-3)
    np.testing.assert_allclose(fit.se, peer.bse_fe, rtol=5e-3)
    assert fit.sigma2_group == pytest.approx(float(peer.cov_re[0, 0]), rel=2e-3)
    assert fit.sigma2_residual == pytest.approx(peer.scale, rel=1e-3)


def restricted(y, X, group, between, within):
    """The restricted log-likelihood from its definition, with dense matrices."""
    V = within * np.eye(len(y)) + between * (group[:, None] == group)
    XtVX = X.T @ np.linalg.solve(V, X)
    beta = np.linalg.solve(XtVX, X.T @ np.linalg.solve(V, y))
    full = multivariate_normal(X @ beta, V).logpdf(y)
    k = X.shape[1]
    return full - np.linalg.slogdet(XtVX)[1] / 2 + k * np.log(2 * np.pi) / 2


def test_the_likelihood_is_the_dense_one_and_at_its_top():
    y, X, group = data(UNEVEN[:60])
    fit = random_intercept_reml(y, X, group)
    best = restricted(y, X, group, fit.sigma2_group, fit.sigma2_residual)
    assert fit.log_likelihood == pytest.approx(best, rel=1e-10)
    for up in (0.98, 1.02):
        assert best > restricted(y, X, group, fit.sigma2_group * up, fit.sigma2_residual)
        assert best > restricted(y, X, group, fit.sigma2_group, fit.sigma2_residual * up)


def test_no_variance_between_groups_is_least_squares_and_said():
    """Without a group effect about half of the fits end at the boundary."""
    at_boundary = 0
    for seed in range(30):
        y, X, group = data(UNEVEN, between=0.0, seed=seed)
        fit = random_intercept_reml(y, X, group)
        assert fit.converged
        assert fit.boundary == (fit.sigma2_group == 0)
        if fit.boundary:
            at_boundary += 1
            ols = least_squares(y, X)
            np.testing.assert_allclose(fit.beta, ols.beta, rtol=1e-10)
            np.testing.assert_allclose(fit.se, ols.se, rtol=1e-10)
            assert fit.log_likelihood == pytest.approx(ols.log_likelihood, rel=1e-10)
    assert 5 < at_boundary < 25


def test_rows_of_a_group_that_do_not_differ_have_no_fit():
    y, X, group = data([1, 2, 2, 2] * 20)
    first = np.unique(group, return_index=True)[1]
    same = random_intercept_reml(y[first][group], X[first][group], group)
    assert not same.converged
    assert np.isnan(same.beta).all()
    constant = random_intercept_reml(np.full(len(y), 3.0), X, group)
    assert not constant.converged


def test_invariants():
    y, X, group = data(UNEVEN)
    fit = random_intercept_reml(y, X, group)
    order = np.random.default_rng(5).permutation(len(y))
    names = np.random.default_rng(6).permutation(1000)[group]
    moved = random_intercept_reml(y[order], X[order], names[order])
    np.testing.assert_allclose(moved.beta, fit.beta, rtol=1e-9)
    assert moved.sigma2_group == pytest.approx(fit.sigma2_group, rel=1e-8)
    scaled = random_intercept_reml(7 - 3 * y, X * [1, 1e6, 1e-4], group)
    np.testing.assert_allclose(scaled.beta, (-3 * fit.beta + [7, 0, 0]) / [1, 1e6, 1e-4], rtol=1e-7)
    assert scaled.sigma2_group == pytest.approx(9 * fit.sigma2_group, rel=1e-7)
    assert scaled.sigma2_residual == pytest.approx(9 * fit.sigma2_residual, rel=1e-7)


def test_estimates_are_unbiased_and_their_errors_right():
    sizes = np.resize([1, 1, 2, 3], 100)
    fits = []
    for seed in range(400):
        y, X, group = data(sizes, between=0.8, within=0.4, seed=seed)
        fits.append(random_intercept_reml(y, X, group))
    beta = np.array([fit.beta for fit in fits])
    z = (beta - [2.0, -1.0, 0.5]) / np.array([fit.se for fit in fits])
    assert np.abs(z.mean(axis=0)).max() < 3 / np.sqrt(len(fits))
    np.testing.assert_allclose(z.std(axis=0), 1, atol=3 / np.sqrt(2 * len(fits)))
    for name, truth in (("sigma2_group", 0.8), ("sigma2_residual", 0.4)):
        values = np.array([getattr(fit, name) for fit in fits])
        assert abs(values.mean() - truth) < 3 * values.std() / np.sqrt(len(fits))


def test_groups_of_one_are_refused():
    with pytest.raises(InputError, match="least_squares"):
        random_intercept_reml([1.0, 2, 3], np.ones((3, 1)), [0, 1, 2])
