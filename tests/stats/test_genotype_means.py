"""Means by genotype: by hand, against an OLS fit of another package, and their coverage."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.stats.genotype_means import genotype_means, means_by_genotype


def made(seed=1, n=400, missing=0.0):
    """y with spread that grows with g, and covariates that go with g; X has a redundant column."""
    rng = np.random.default_rng(seed)
    g = rng.binomial(2, 0.3, n).astype(float)
    age = rng.normal(size=n) + 0.5 * g
    sex = rng.integers(0, 2, n)
    X = np.column_stack([np.ones(n), age, sex, 2 * age + 1])
    y = 0.3 * g + age + sex + rng.normal(size=n) * (1 + g)
    g[rng.random(n) < missing] = np.nan
    return y, g, X


def test_by_hand():
    y = [1.0, 3, 8, 4, 6, 5]
    found = genotype_means(y, [0, 0, 0, 1, 1, 2], np.ones((6, 1)))
    assert found.n.tolist() == [3, 2, 1]
    assert found.mean.tolist() == [4, 5, 5]
    # s / √n: squares about 4 are 9 + 1 + 16 = 26, s² = 13; about 5 are 2, s² = 2
    np.testing.assert_allclose(found.se, [np.sqrt(13 / 3), 1, np.nan])
    half = np.sqrt(13 / 3) * stats.t.ppf(0.975, 2)
    np.testing.assert_allclose([found.lower[0], found.upper[0]], [4 - half, 4 + half])
    # of g = 0 0 0 1 1 2 about 2/3: Σx² = 10/3, Σxy = 1
    np.testing.assert_allclose(found.beta, 1 / (10 / 3) * np.cov(y, [0, 0, 0, 1, 1, 2])[0, 1] * 5)
    assert found.n_uncalled == 0


def test_a_covariate_by_hand():
    # y = 10 g-mean + 2 c exactly: 1 for nobody, 4 for one copy, covariate mean 1.5
    g, c = np.array([0, 0, 1, 1]), np.array([0.0, 1, 2, 3])
    y = np.where(g == 0, 1.0, 4.0) + 2 * c
    found = genotype_means(y, g, np.column_stack([np.ones(4), c]))
    np.testing.assert_allclose(found.mean, [1 + 3, 4 + 3, np.nan])


@pytest.mark.parametrize("missing", [0, 0.1])
def test_equals_ordinary_least_squares(missing):
    y, g, X = made(missing=missing)
    found = genotype_means(y, g, X)
    k = np.isfinite(g)
    D = (g[k, None] == np.arange(3)).astype(float)
    Z = X[k, 1:3] - X[k, 1:3].mean(axis=0)
    ols = sm.OLS(y[k], np.column_stack([D, Z])).fit(cov_type="HC2")
    np.testing.assert_allclose(found.mean, ols.params[:3], rtol=1e-9)
    np.testing.assert_allclose(found.se, ols.bse[:3], rtol=1e-9)
    slope = sm.OLS(y[k], np.column_stack([g[k], X[k, :3]])).fit()
    np.testing.assert_allclose([found.beta, found.beta_se], [slope.params[0], slope.bse[0]])
    without = sm.OLS(y[k], X[k, :3]).fit()
    np.testing.assert_allclose(found.sd, np.sqrt(without.scale))


def test_counting_the_other_allele_mirrors_and_order_does_not_matter():
    y, g, X = made(missing=0.05)
    found, mirrored = genotype_means(y, g, X), genotype_means(y, 2 - g, X)
    for name in ("n", "mean", "se", "lower", "upper"):
        np.testing.assert_allclose(getattr(mirrored, name), getattr(found, name)[::-1])
    np.testing.assert_allclose(mirrored.beta, -found.beta)
    order = np.random.default_rng(0).permutation(len(y))
    again = genotype_means(y[order], g[order], X[order])
    np.testing.assert_allclose(again.mean, found.mean)
    np.testing.assert_allclose(again.se, found.se)


def test_what_covariates_explain_does_not_move_the_differences():
    y, g, X = made()
    found, moved = genotype_means(y, g, X), genotype_means(y + X @ [5, 7, -3, 0], g, X)
    np.testing.assert_allclose(np.diff(moved.mean), np.diff(found.mean))
    np.testing.assert_allclose(moved.se, found.se)


def test_dosages_between_genotypes_count_for_the_slope_only():
    y, g, X = made()
    between = g.copy()
    between[:7] = 0.5
    found = genotype_means(y, between, X)
    assert found.n_uncalled == 7
    assert found.n.sum() == len(y) - 7
    near = genotype_means(y, np.clip(g + 0.09, 0, 2), X)
    assert near.n.tolist() == genotype_means(y, g, X).n.tolist()


def test_a_genotype_of_nobody_and_a_variant_that_does_not_vary():
    y, _, X = made(n=50)
    found = genotype_means(y, np.ones(50), X)
    assert found.n.tolist() == [0, 50, 0]
    assert np.isnan(found.mean[[0, 2]]).all()
    np.testing.assert_allclose(found.mean[1], y.mean())
    assert np.isnan([found.beta, found.beta_se]).all()


def test_several_at_once_are_those_one_by_one():
    y, g, X = made()
    Y, G = np.column_stack([y, y**2]), np.stack([g, g[::-1]])
    found = means_by_genotype(Y, G, X)
    alone = genotype_means(Y[:, 1], G[1], X)
    np.testing.assert_allclose(found[1][1].mean, alone.mean)
    with pytest.raises(InputError, match="expected more samples than the 3 columns"):
        genotype_means(y[:3], g[:3], X[:3])


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(5)
    n, rounds = 90, 800
    hits = np.zeros(3)
    g = np.repeat([0, 1, 2], [50, 30, 10])
    age = rng.normal(size=n) + g
    X = np.column_stack([np.ones(n), age])
    truth = np.array([1.0, 2, 4])
    for _ in range(rounds):
        y = truth[g] + 0.7 * (age - age.mean()) + rng.normal(size=n) * (1 + g)[None][0]
        found = genotype_means(y, g, X)
        hits += (found.lower <= truth) & (truth <= found.upper)
    # 95 % within three standard errors of 800 rounds
    np.testing.assert_allclose(hits / rounds, 0.95, atol=0.024)
