"""The compiled loop of Firth's test against the steps of many variants together."""

from __future__ import annotations

import numpy as np
import pytest

from gwasbone.blocks import firth_kernels
from gwasbone.blocks.firth_kernels import exp_of_negative, firth_lrt_compiled
from gwasbone.stats.firth import firth_lrt_many
from gwasbone.stats.logistic import firth_lrt, fit_firth, fit_logistic
from gwasbone.stats.pvalues import neg_log10_p_chi2

N, M = 1_300, 24


def data(share, seed=1):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(N), rng.normal(size=(N, 2))])
    known = 0.4 * rng.normal(size=N)
    odds = np.log(share / (1 - share)) + 0.5 * X[:, 1] + known
    y = (rng.random(N) < 1 / (1 + np.exp(-odds))).astype(float)
    G = rng.binomial(2, np.geomspace(0.004, 0.5, M)[:, None], (M, N)).astype(float)
    G[:, :2] += 0.3  # imputed
    return X, G, y, known


@pytest.mark.parametrize(("share", "has_offset"), [(0.5, False), (0.02, False), (0.1, True)])
def test_equals_the_steps_of_many_and_one_at_a_time(share, has_offset, monkeypatch):
    X, G, y, known = data(share)
    offset = known if has_offset else None
    start = fit_logistic(X, y, offset).log_odds
    expected = firth_lrt_many(X, G, y, start, offset)
    own = [firth_lrt(X, g, y, offset) for g in G[::6]]
    asked = []
    monkeypatch.setattr(
        firth_kernels,
        "firth_lrt_many",
        lambda X, G, *a: asked.append(len(G)) or firth_lrt_many(X, G, *a),
    )
    got = firth_lrt_compiled(X, G, y, start, offset)
    assert sum(asked) <= 2
    assert np.abs((got.log_odds - expected.log_odds) / got.se).max() < 1e-6
    np.testing.assert_allclose(got.chi2, expected.chi2, rtol=1e-8, atol=2e-7)
    np.testing.assert_allclose(got.chi2[::6], [fit.chi2 for fit in own], rtol=1e-8, atol=2e-7)
    np.testing.assert_allclose(got.se, expected.se, rtol=1e-5)


def test_hails_documented_example():
    g = np.r_[np.zeros(1000), np.ones(10), np.zeros(1000)]
    y = np.r_[np.ones(1010), np.zeros(1000)]
    G = np.stack([g, 1 - g])
    got = firth_lrt_compiled(np.ones((2010, 1)), G, y, np.array([np.log(1.01)]))
    np.testing.assert_allclose(10 ** -neg_log10_p_chi2(got.chi2), 0.00085, atol=5e-6)
    assert got.log_odds[0] == pytest.approx(-got.log_odds[1], rel=1e-6)


def test_a_climb_that_is_given_up_is_made_by_the_steps_of_many():
    X, _, y, _ = data(0.02)
    got = firth_lrt_compiled(X, y[None, :], y, fit_logistic(X, y).log_odds)
    full = np.column_stack([X, y])
    peak, null = fit_firth(full, y), fit_firth(full, y, free=3)
    assert got.chi2[0] == pytest.approx(2 * (peak.log_likelihood - null.log_likelihood), rel=1e-7)
    assert got.log_odds[0] == pytest.approx(peak.log_odds[-1], rel=1e-5)


def test_steps_are_halved_from_a_bad_start():
    X, G, y, _ = data(0.02)
    got = firth_lrt_compiled(X, G[8:12], y, np.array([6.0, 0.0, 0.0]))
    own = [firth_lrt(X, g, y).chi2 for g in G[8:12]]
    np.testing.assert_allclose(got.chi2, own, rtol=1e-7, atol=2e-7)


def test_exponentials_are_right_to_the_last_place():
    x = -np.r_[0, np.geomspace(1e-12, 690, 500)]
    got = np.array([exp_of_negative(value) for value in x])
    np.testing.assert_allclose(got, np.exp(x), rtol=4.5e-16)
    assert 0 < exp_of_negative(-1e300) < 1e-300
