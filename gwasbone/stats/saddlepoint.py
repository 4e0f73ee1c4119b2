"""Saddlepoint p-values of score tests of binary traits.

The score S = Σ g̃_i (y_i − μ_i) of a variant is a weighted sum of independent 0/1 outcomes, far
from normal where cases or carriers are few. Its cumulant-generating function is known,

    K(t) = Σ log(1 − μ_i + μ_i e^{g̃_i t}) − t Σ g̃_i μ_i,

and with K'(t) = s, w = sgn(t) √(2(ts − K(t))), v = t √K''(t),

    P(S ≥ s) ≈ 1 − Φ(w + log(v/w)/w).

The two-sided p adds the lower tail at −|s| and the upper tail at |s|, on the log scale.

References
----------
Barndorff-Nielsen (1990), JRSS B 52:485. Dey et al. (2017), AJHG 101:37.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.stats.bernoulli import NUMBERS_PER_TILE, bernoulli_terms
from gwasbone.stats.pvalues import LN10, neg_log10_p_normal

FloatArray = npt.NDArray[np.float64]

# log(v/w)/w is 0/0 at s = 0, where both tails together are the normal ones.
_NORMAL_BELOW_Z = 0.01
_MOST_STEPS = 100
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class SaddlepointTests:
    """Tests of m variants, (m,) each.

    Parameters
    ----------
    neg_log10_p : −log10 of the two-sided p; NaN where the equation could not be solved.
    """

    neg_log10_p: FloatArray

    @property
    def solved(self) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self.neg_log10_p)


def saddlepoint_tests(G: FloatArray, mu: FloatArray, score: FloatArray) -> SaddlepointTests:
    """Compute two-sided saddlepoint p-values of the score statistics of m variants.

    Parameters
    ----------
    G : (m, n) genotypes g̃, covariates removed (G − X(X'WX)⁻¹X'WG) where the null model has them.
    mu : (n,) P(y = 1) of the null model, strictly between 0 and 1.
    score : (m,) Σ g̃ (y − μ).

    Examples
    --------
    Ten carriers, all cases, among 1,010 cases and 1,000 controls:

    >>> g = np.r_[np.ones(10), np.zeros(2000)]
    >>> mu = np.full(2010, 1010 / 2010)
    >>> adjusted = (g - g.mean())[None, :]
    >>> saddlepoint_tests(adjusted, mu, adjusted @ (np.r_[np.ones(1010), np.zeros(1000)] - mu))
    SaddlepointTests(neg_log10_p=array([3.16635068]))
    """
    m, per_tile = len(G), max(1, NUMBERS_PER_TILE // len(mu))
    log_p = np.empty(m)
    size = np.abs(score)
    for top in range(0, m, per_tile):
        tile = slice(top, top + per_tile)
        log_p[tile] = np.logaddexp(
            _log_upper_tail(G[tile], mu, size[tile]), _log_upper_tail(-G[tile], mu, size[tile])
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        z = size / np.sqrt((G * G) @ (mu * (1 - mu)))
    normal = neg_log10_p_normal(z)
    return SaddlepointTests(np.where(z < _NORMAL_BELOW_Z, normal, np.maximum(-log_p / LN10, 0)))


def _log_upper_tail(G: FloatArray, mu: FloatArray, s: FloatArray) -> FloatArray:
    """(m,) log P(Σ G(y − μ) ≥ s) for s ≥ 0; NaN where K'(t) = s was not solved."""
    expected = G @ mu
    largest = np.maximum(G, 0).sum(axis=1) - expected
    # Only one set of outcomes reaches the largest sum, and none goes beyond it.
    at_edge = (G > 0) @ np.log(mu) + (G < 0) @ np.log1p(-mu)
    log_p = np.where(s > largest * (1 + 1e-9), -np.inf, at_edge)
    inside = (s > 0) & (s < largest * (1 - 1e-9))
    if inside.any():
        log_p[inside] = _log_tail_inside(G[inside], mu, s[inside])
    log_p[s == 0] = np.log(0.5)
    return log_p


def _log_tail_inside(G: FloatArray, mu: FloatArray, s: FloatArray) -> FloatArray:
    from scipy.special import log_ndtr  # a tenth of a second that other tests do not need

    eta = np.log(mu) - np.log1p(-mu)
    t = _saddlepoint(G, mu, s)
    terms = bernoulli_terms(eta + t[:, None] * G)
    at_zero = bernoulli_terms(eta[None, :]).log_normaliser
    K = terms.log_normaliser - at_zero - t * (G @ mu)
    K2 = np.einsum("ij,ij->i", terms.variance * G, G)
    with np.errstate(divide="ignore", invalid="ignore"):
        w = np.sqrt(2 * (t * s - K))
        v = t * np.sqrt(K2)
        log_p: FloatArray = log_ndtr(-(w + np.log(v / w) / w))
    return np.where(np.isfinite(log_p), log_p, np.nan)


def _saddlepoint(G: FloatArray, mu: FloatArray, s: FloatArray) -> FloatArray:
    """(m,) t > 0 with K'(t) = s, NaN where none was found.

    Newton's steps stay inside a bracket, since K' flattens.
    """
    eta = np.log(mu) - np.log1p(-mu)
    target = s + G @ mu
    t = s / ((G * G) @ (mu * (1 - mu)))
    low, high = np.zeros_like(t), np.full_like(t, np.inf)
    live = np.arange(len(t))
    for _ in range(_MOST_STEPS):
        now, g = t[live], G[live]
        terms = bernoulli_terms(eta + now[:, None] * g)
        excess = np.einsum("ij,ij->i", terms.mean, g) - target[live]
        slope = np.einsum("ij,ij->i", terms.variance * g, g)
        low[live] = np.where(excess < 0, now, low[live])
        high[live] = np.where(excess >= 0, now, high[live])
        a, b = low[live], high[live]
        middle = np.where(np.isinf(b), 2 * now, (a + np.minimum(b, 1e300)) / 2)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = np.minimum(now - excess / slope, 8 * now)
        t[live] = np.where((newton > a) & (newton < b), newton, middle)
        live = live[~(np.abs(t[live] - now) <= _TOLERANCE * now)]
        if not live.size:
            break
    t[live] = np.nan
    return t
