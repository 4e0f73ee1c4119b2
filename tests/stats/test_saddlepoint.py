"""Saddlepoint p-values against all outcomes counted, the normal limit, and permutations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gwasbone.stats.logistic import fit_logistic
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.stats.saddlepoint import _log_upper_tail, saddlepoint_tests

N = 16


def every_outcome(g, mu):
    """All 2^n sums of g (y − μ) with their probabilities."""
    y = np.array(list(itertools.product([0, 1], repeat=len(g))))
    return y @ g - g @ mu, np.prod(np.where(y == 1, mu, 1 - mu), axis=1)


def p_of(g, mu, s):
    return 10 ** -saddlepoint_tests(g[None, :], mu, np.array([float(s)])).neg_log10_p[0]


@pytest.mark.parametrize("seed", range(8))
def test_both_tails_equal_the_count_of_all_outcomes(seed):
    rng = np.random.default_rng(seed)
    g, mu = rng.normal(size=N), rng.uniform(0.05, 0.5, N)
    sums, probability = every_outcome(g, mu)
    ratios = []
    for level in (0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3):
        size = np.sort(np.abs(sums))[::-1]
        order = np.argsort(-np.abs(sums))
        s = size[np.searchsorted(np.cumsum(probability[order]), level)]
        exact = probability[np.abs(sums) >= s].sum()
        ratios.append(p_of(g, mu, s) / exact)
    assert 0.65 < min(ratios) <= max(ratios) < 1.4
    assert 0.85 < np.mean(ratios) < 1.15
    normal = 10 ** -neg_log10_p_normal(s / np.sqrt((g**2) @ (mu * (1 - mu))))
    assert abs(np.log(ratios[-1])) < abs(np.log(normal / exact))


def test_the_tails_are_not_symmetric():
    g, mu = np.ones(2000) * np.r_[np.ones(40), np.zeros(1960)], np.full(2000, 0.02)
    # P(X >= 6) for X ~ Bin(40, 0.02) is 1.37e-4; the mean is 0.8, and 5.5 is between two sums.
    up = np.exp(_log_upper_tail(g[None, :], mu, np.array([4.7])))[0]
    down = np.exp(_log_upper_tail(-g[None, :], mu, np.array([4.7])))[0]
    assert up == pytest.approx(1.37e-4, rel=0.25)
    assert down == 0  # not even no case among the carriers is so far below the mean


def test_the_largest_sum_has_the_probability_of_its_only_outcome():
    rng = np.random.default_rng(3)
    g, mu = rng.normal(size=N), rng.uniform(0.05, 0.5, N)
    sums, probability = every_outcome(g, mu)
    top = sums.argmax()
    got = _log_upper_tail(np.stack([g, g]), mu, np.array([sums[top], sums[top] * 1.01]))
    assert got[0] == pytest.approx(np.log(probability[top]), rel=1e-9)
    assert got[1] == -np.inf


def test_common_genotypes_in_a_balanced_trait_are_normal():
    rng = np.random.default_rng(4)
    n = 20_000
    G, mu = rng.binomial(2, 0.3, (6, n)) - 0.6, np.full(n, 0.5)
    z = np.array([0.0, 1e-4, 0.5, 2, 4, 6])
    score = z * np.sqrt((G**2) @ (mu * (1 - mu)))
    got = saddlepoint_tests(G, mu, score)
    np.testing.assert_allclose(got.neg_log10_p, neg_log10_p_normal(z), rtol=2e-3, atol=1e-12)


def test_deep_tails_do_not_underflow():
    rng = np.random.default_rng(5)
    n = 50_000
    g, mu = rng.binomial(2, 0.3, n) - 0.6, np.full(n, 0.3)
    score = np.array([45.0, 60.0]) * np.sqrt((g**2) @ (mu * (1 - mu)))
    got = saddlepoint_tests(np.stack([g, g]), mu, score).neg_log10_p
    assert (got > 330).all()
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, neg_log10_p_normal([45.0, 60.0]), rtol=0.15)


def test_the_sign_of_genotypes_changes_nothing_and_tiles_neither():
    rng = np.random.default_rng(6)
    n = 3000
    G = rng.binomial(2, 0.02, (50, n)) - 0.04
    mu = rng.uniform(0.005, 0.05, n)
    score = G @ ((rng.random(n) < mu) - mu)
    whole = saddlepoint_tests(G, mu, score).neg_log10_p
    np.testing.assert_allclose(saddlepoint_tests(-G, mu, -score).neg_log10_p, whole, rtol=1e-10)
    for i in (0, 30, 49):
        alone = saddlepoint_tests(G[[i]], mu, score[[i]]).neg_log10_p[0]
        assert alone == pytest.approx(whole[i], rel=1e-9)


def test_against_draws_of_the_null_with_covariates():
    """About 20 cases in 2,000 people."""
    rng = np.random.default_rng(7)
    n, draws = 2000, 20_000
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    risk = 1 / (1 + np.exp(4.8 - 0.7 * X[:, 1]))
    mu = fit_logistic(X, (rng.random(n) < risk).astype(float)).fitted
    w = mu * (1 - mu)
    g = rng.binomial(2, 0.05, n).astype(float)
    adjusted = g - X @ np.linalg.solve((X.T * w) @ X, (X.T * w) @ g)
    sums = np.concatenate(
        [
            ((rng.random((500, n)) < mu) - mu).astype(np.float32) @ adjusted.astype(np.float32)
            for _ in range(draws // 500)
        ]
    )
    for s in np.quantile(np.abs(sums), [0.9, 0.99, 0.997]):
        observed = (np.abs(sums) >= s).mean()
        p = p_of(adjusted, mu, s)
        print(f"\ndrawn {observed:.4f}, saddlepoint {p:.4f}")
        assert 0.75 < p / observed < 1.33
