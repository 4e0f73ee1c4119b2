"""Firth's penalised likelihood-ratio test of many variants beside the same covariates.

The model and the test are those of :func:`gwasbone.stats.logistic.firth_lrt`, variant by variant;
here the Newton steps of many variants are taken together. With w = μ(1 − μ), everything that has
one entry per person is a product of a (variants, people) matrix with covariates or with products
of two covariates; only (k + 1) × (k + 1) matrices are inverted:

    X'WX from w and x_i x_j,   X'Wg from wg and x,   h = w · (x, g) A (x, g)',

with A the inverse of the information. Where cases and controls separate perfectly ℓ* can have
several maxima; the climb starts at the model of the covariates alone.

References
----------
Firth (1993), Biometrika 80:27. Heinze & Schemper (2002), Stat Med 21:2409.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.stats.bernoulli import NUMBERS_PER_TILE, bernoulli_terms
from gwasbone.stats.logistic import firth_lrt

FloatArray = npt.NDArray[np.float64]

#: Below this χ² the quotient |β|/√χ² is rounding error, and SE is that of the information.
SMALLEST_CHI2 = 1e-6

# In log odds per root-mean-square of a column; an error of ℓ* is of the order of its square.
STEP_TOLERANCE = 1e-6
LONGEST_STEP = 5.0
# Scoring steps ignore how the penalty bends ℓ*; where that slows them, BFGS learns it.
_SCORING_STEPS = 3
_MOST_STEPS = 100
_MOST_HALVINGS = 40


@dataclass(frozen=True)
class FirthTests:
    """Tests of m variants, (m,) each; NaN where a fit did not converge.

    Parameters
    ----------
    log_odds : effect of one copy. se : abs(log_odds) / √chi2.
    chi2 : twice the difference in penalised log-likelihood.
    """

    log_odds: FloatArray
    se: FloatArray
    chi2: FloatArray

    @property
    def converged(self) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self.chi2)


def firth_lrt_many(
    X: FloatArray,
    G: FloatArray,
    y: FloatArray,
    start: FloatArray,
    offset: FloatArray | None = None,
) -> FirthTests:
    """Test each variant (row of G) by Firth's penalised likelihood ratio, given the covariates X.

    Parameters
    ----------
    X : (n, k) covariates with the intercept, of full rank, on similar scales.
    G : (m, n) dosages without missing values, none determined by ``X``.
    y : (n,) 0 or 1.
    start : (k,) log odds of the covariates alone, from which the climbs start.
    offset : (n,) log odds known beforehand.

    Examples
    --------
    >>> y = np.r_[np.ones(1010), np.zeros(1000)]
    >>> g = np.r_[np.zeros(1000), np.ones(10), np.zeros(1000)]
    >>> found = firth_lrt_many(np.ones((2010, 1)), g[None, :], y, np.log([1010 / 1000]))
    >>> found.chi2.round(2)
    array([11.13])
    """
    model = _Covariates.of(X, y, offset)
    m, per_tile = len(G), max(1, NUMBERS_PER_TILE // len(y))
    numbers = np.empty((3, m))
    for top in range(0, m, per_tile):
        tile = slice(top, top + per_tile)
        numbers[:, tile] = _test(model, G[tile], start)
    for i in np.flatnonzero(np.isnan(numbers[2])):
        one = firth_lrt(X, G[i], y, offset)
        numbers[:, i] = one.log_odds, one.se, one.chi2
    return FirthTests(*numbers)


@dataclass(frozen=True)
class _Covariates:
    """X (n, k), y and offset (n,), and for all i ≤ j the products x_i x_j (n, k(k+1)/2)."""

    X: FloatArray
    y: FloatArray
    offset: FloatArray | None
    pairs: FloatArray
    i: npt.NDArray[np.intp]
    j: npt.NDArray[np.intp]

    @classmethod
    def of(cls, X: FloatArray, y: FloatArray, offset: FloatArray | None) -> _Covariates:
        i, j = np.triu_indices(X.shape[1])
        return cls(X, y, offset, X[:, i] * X[:, j], i, j)


@dataclass
class _Climb:
    """Where the climbs of m variants stand.

    Parameters
    ----------
    at : (m, k + 1) coefficients, g's the last. objective : (m,) ℓ*.
    score : (m, k + 1) penalised score. information : (m, k + 1, k + 1).
    """

    at: FloatArray
    objective: FloatArray
    score: FloatArray
    information: FloatArray

    def copy(self) -> _Climb:
        return _Climb(*(array.copy() for array in vars(self).values()))

    def put(self, rows: npt.NDArray[np.intp], other: _Climb, taken: npt.NDArray[np.bool_]) -> None:
        """Rows move to the ``taken`` ones of another climb."""
        for name, array in vars(self).items():
            array[rows] = getattr(other, name)[taken]


def _test(model: _Covariates, G: FloatArray, start: FloatArray) -> FloatArray:
    """(3, m) log odds, SE and χ² of one tile."""
    k = model.X.shape[1]
    at = np.zeros((len(G), k + 1))
    at[:, :k] = start
    here = _stand(model, G, at)
    null, null_converged = _maximise(model, G, here.copy(), free=k)
    full, full_converged = _maximise(model, G, here, free=k + 1)
    chi2 = np.maximum(2 * (full.objective - null.objective), 0)
    beta = full.at[:, k]
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.sqrt(np.linalg.inv(full.information)[:, k, k])
        se = np.where(chi2 > SMALLEST_CHI2, np.abs(beta) / np.sqrt(chi2), own)
    return np.where(null_converged & full_converged, (beta, se, chi2), np.nan)


def _maximise(
    model: _Covariates, G: FloatArray, climb: _Climb, *, free: int
) -> tuple[_Climb, npt.NDArray[np.bool_]]:
    """Climb to the maximum in the first ``free`` coefficients; which rows reached it."""
    k = model.X.shape[1]
    rms = np.ones((len(G), k + 1))
    rms[:, :k] = np.sqrt(np.einsum("ij,ij->j", model.X, model.X) / len(model.X))
    rms[:, k] = np.sqrt(np.einsum("ij,ij->i", G, G) / G.shape[1])
    live = np.arange(len(G))
    inverse = np.empty((len(G), free, free))
    for number in range(_MOST_STEPS):
        if number <= _SCORING_STEPS:
            inverse[live] = np.linalg.inv(climb.information[live, :free, :free])
        at, score = climb.at[live, :free], climb.score[live, :free]
        step = np.zeros((len(live), k + 1))
        step[:, :free] = (inverse[live] @ score[:, :, None])[:, :, 0]
        length = (np.abs(step) * rms[live]).max(axis=1)
        step *= np.minimum(1, LONGEST_STEP / np.maximum(length, STEP_TOLERANCE))[:, None]
        _take(model, G, climb, live, step)
        if number >= _SCORING_STEPS:
            moved, change = climb.at[live, :free] - at, score - climb.score[live, :free]
            inverse[live] = _bfgs(inverse[live], moved, change)
        live = live[~(length < STEP_TOLERANCE)]
        if not live.size:
            break
    converged = np.ones(len(G), dtype=bool)
    converged[live] = False
    return climb, converged & np.isfinite(climb.objective)


def _bfgs(inverse: FloatArray, moved: FloatArray, change: FloatArray) -> FloatArray:
    """Inverse Hessians of −ℓ* that explain how the score fell over a step; (m, k, ·) each."""
    curvature = np.einsum("ij,ij->i", moved, change)
    usable = curvature > 1e-10 * np.linalg.norm(moved, axis=1) * np.linalg.norm(change, axis=1)
    rho = np.divide(1, curvature, out=np.zeros_like(curvature), where=usable)[:, None, None]
    left = np.eye(moved.shape[1]) - rho * moved[:, :, None] * change[:, None, :]
    updated: FloatArray = left @ inverse @ left.transpose(0, 2, 1)
    return updated + rho * moved[:, :, None] * moved[:, None, :]


def _take(
    model: _Covariates,
    G: FloatArray,
    climb: _Climb,
    rows: npt.NDArray[np.intp],
    step: FloatArray,
) -> None:
    """Each row takes its step, halved until ℓ* does not fall (beyond rounding)."""
    for _ in range(_MOST_HALVINGS):
        before = climb.objective[rows]
        trial = _stand(model, G[rows], climb.at[rows] + step)
        rose = trial.objective >= before - 1e-12 * (np.abs(before) + 1)
        climb.put(rows[rose], trial, rose)
        rows, step = rows[~rose], step[~rose] / 2
        if not rows.size:
            return


def _stand(model: _Covariates, G: FloatArray, at: FloatArray) -> _Climb:
    """ℓ*, its score and the information at some coefficients."""
    X, k = model.X, model.X.shape[1]
    eta = at[:, :k] @ X.T
    eta += at[:, k:] * G
    if model.offset is not None:
        eta += model.offset
    terms = bernoulli_terms(eta)
    log_likelihood = eta @ model.y - terms.log_normaliser
    mu, w = terms.mean, terms.variance
    wg = w * G
    information = np.empty((len(G), k + 1, k + 1))
    information[:, model.i, model.j] = information[:, model.j, model.i] = w @ model.pairs
    information[:, k, :k] = information[:, :k, k] = wg @ X
    information[:, k, k] = np.einsum("ij,ij->i", wg, G)
    sign, log_determinant = np.linalg.slogdet(information)
    # Where every weight has vanished ℓ* is −∞ and no step ends there.
    singular = ~((sign > 0) & np.isfinite(log_determinant))
    information[singular] = np.eye(k + 1)
    A = np.linalg.inv(information)
    leverage = (A[:, model.i, model.j] * np.where(model.i == model.j, 1.0, 2.0)) @ model.pairs.T
    leverage += ((2 * A[:, :k, k]) @ X.T + A[:, k, k, None] * G) * G
    leverage *= w
    residual = model.y - mu + leverage * (0.5 - mu)
    score = np.column_stack([residual @ X, np.einsum("ij,ij->i", residual, G)])
    objective = np.where(singular, -np.inf, log_likelihood + 0.5 * log_determinant)
    return _Climb(at, objective, score, information)
