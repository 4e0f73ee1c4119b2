"""Firth's test of many variants at once against the fits of one variant at a time."""

from __future__ import annotations

import numpy as np
import pytest

from gwasbone.stats import firth
from gwasbone.stats.firth import firth_lrt_many
from gwasbone.stats.logistic import firth_lrt, fit_firth, fit_logistic
from gwasbone.stats.pvalues import neg_log10_p_chi2

N, M = 700, 24


def data(share, seed=1):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(N), rng.normal(size=(N, 2))])
    odds = np.log(share / (1 - share)) + 0.5 * X[:, 1]
    y = (rng.random(N) < 1 / (1 + np.exp(-odds))).astype(float)
    G = rng.binomial(2, np.geomspace(0.004, 0.5, M)[:, None], (M, N)).astype(float)
    G[:, :2] += 0.3  # imputed
    return X, G, y


@pytest.mark.parametrize("share", [0.5, 0.02])
def test_equals_one_at_a_time(share):
    X, G, y = data(share)
    got = firth_lrt_many(X, G, y, fit_logistic(X, y).log_odds)
    own = [firth_lrt(X, g, y) for g in G]
    assert got.converged.all()
    off = (got.log_odds - [fit.log_odds for fit in own]) / got.se
    assert np.abs(off).max() < 1e-5
    np.testing.assert_allclose(got.chi2, [fit.chi2 for fit in own], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(got.se, [fit.se for fit in own], rtol=1e-5)


def test_hails_documented_example():
    g = np.r_[np.zeros(1000), np.ones(10), np.zeros(1000)]
    y = np.r_[np.ones(1010), np.zeros(1000)]
    G = np.stack([g, 1 - g])
    got = firth_lrt_many(np.ones((2010, 1)), G, y, np.array([np.log(1.01)]))
    np.testing.assert_allclose(10 ** -neg_log10_p_chi2(got.chi2), 0.00085, atol=5e-6)
    assert got.log_odds[0] == pytest.approx(-got.log_odds[1], rel=1e-6)


def test_steps_are_halved_from_a_bad_start():
    X, G, y = data(0.02)
    got = firth_lrt_many(X, G, y, np.array([6.0, 0.0, 0.0]))
    np.testing.assert_allclose(got.chi2, [firth_lrt(X, g, y).chi2 for g in G], rtol=1e-8, atol=1e-9)


def test_separated_cases_have_an_effect():
    X, _, y = data(0.02)
    got = firth_lrt_many(X, y[None, :], y, fit_logistic(X, y).log_odds)
    # One at a time the fit has not quite reached this maximum after 200 steps.
    full = np.column_stack([X, y])
    peak, null = fit_firth(full, y), fit_firth(full, y, free=3)
    assert peak.status == "no_convergence"
    assert got.chi2[0] == pytest.approx(2 * (peak.log_likelihood - null.log_likelihood), rel=1e-7)
    assert got.log_odds[0] == pytest.approx(peak.log_odds[-1], rel=1e-5)


def test_fits_that_are_given_up_are_made_one_at_a_time(monkeypatch):
    X, G, y = data(0.1)
    start = fit_logistic(X, y).log_odds
    whole = firth_lrt_many(X, G, y, start)
    monkeypatch.setattr(firth, "_MOST_STEPS", 1)
    again = firth_lrt_many(X, G, y, start)
    np.testing.assert_allclose(again.chi2, whole.chi2, rtol=1e-8, atol=1e-9)


def test_tiles_change_nothing(monkeypatch):
    X, G, y = data(0.1)
    start = fit_logistic(X, y).log_odds
    whole = firth_lrt_many(X, G, y, start)
    monkeypatch.setattr(firth, "NUMBERS_PER_TILE", 5 * N)
    np.testing.assert_allclose(firth_lrt_many(X, G, y, start).chi2, whole.chi2, rtol=1e-9)
