"""Logistic regression and Firth's penalised likelihood, one small model at a time, in float64.

Model, for n people and k columns of X (the intercept is a column like any other):

    log odds(y_i = 1) = x_i'β + offset_i

``fit_logistic`` maximises the likelihood ℓ, ``fit_firth`` the penalised likelihood
ℓ* = ℓ + ½ log det X'WX, which is finite even where cases and controls separate. These fits are
the null models of score tests and the independent oracle of the fast per-variant tests.

References
----------
Firth (1993), Biometrika 80:27. Heinze & Schemper (2002), Stat Med 21:2409 (penalised
likelihood-ratio test: both models keep the penalty of the full design).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gwasbone.stats.pvalues import FloatArray, neg_log10_p_chi2, neg_log10_p_normal

#: '' = fine. ``separation``: a combination of columns predicts some outcomes perfectly, so the
#: likelihood has no maximum and β is where the climb stopped. ``collinear``: X has no full rank.
FitStatus = Literal["", "separation", "collinear", "no_convergence"]

# R's glm stops at this relative change of deviance; a separated fit never gets a small step.
_DEVIANCE_PLATEAU = 1e-8
_STEP_TOLERANCE = 1e-9
_LONGEST_FIRTH_STEP = 5.0
_MOST_HALVINGS = 40

Objective = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], tuple[FloatArray, float]]


@dataclass(frozen=True)
class LogisticFit:
    """A fitted logistic regression, penalised or not.

    Attributes
    ----------
    log_odds : (k,) coefficients β; NaN where ``status`` is ``collinear``.
    covariance : (k, k) inverse of the information X'WX at β.
    fitted : (n,) fitted probabilities μ.
    log_likelihood : ℓ at β, or ℓ* for a Firth fit.
    iterations : Newton steps taken.
    converged : whether β is the maximum.
    status : '' or the reason why not.
    """

    log_odds: FloatArray
    covariance: FloatArray
    fitted: FloatArray
    log_likelihood: float
    iterations: int
    converged: bool
    status: FitStatus

    @property
    def se(self) -> FloatArray:
        """(k,) standard errors."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def z(self) -> FloatArray:
        """(k,) Wald statistics."""
        return self.log_odds / self.se

    @property
    def neg_log10_p(self) -> FloatArray:
        """(k,) −log10 of the two-sided Wald p-values."""
        return neg_log10_p_normal(self.z)


@dataclass(frozen=True)
class FirthTest:
    """Firth's penalised likelihood-ratio test of one predictor.

    Attributes
    ----------
    log_odds : effect of one unit of the predictor.
    se : |log_odds| / √chi2, so that effect and p-value agree.
    chi2 : twice the difference in penalised log-likelihood, one degree of freedom.
    neg_log10_p : its −log10 p.
    converged, status : of the worse of the two fits.
    """

    log_odds: float
    se: float
    chi2: float
    neg_log10_p: float
    converged: bool
    status: FitStatus


def fit_logistic(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    offset: npt.ArrayLike | None = None,
    *,
    max_iterations: int = 50,
) -> LogisticFit:
    """Fit a logistic regression by maximum likelihood.

    Parameters
    ----------
    X : (n, k) predictors, no missing values; include a column of ones for the intercept.
    y : (n,) 0 or 1.
    offset : (n,) log odds known beforehand, such as a LOCO prediction.
    max_iterations : Newton steps before giving up with status ``no_convergence``.

    Returns
    -------
    LogisticFit. A separated data set comes back with ``converged=False`` and status
    ``separation``; its estimates are those at which the deviance had settled, as in R's glm.

    Raises
    ------
    ValueError
        Where shapes disagree, y is not 0/1, or a value is missing.
    """
    X, y, offset = _checked(X, y, offset)
    n, k = X.shape
    if _is_collinear(X):
        return _collinear_fit(n, k)
    beta = np.zeros(k)
    mu, log_likelihood = _likelihood(X, y, offset, beta)
    length = np.inf
    for iteration in range(1, max_iterations + 1):
        information = _information(X, mu)
        step = _solve(information, X.T @ (y - mu))
        previous_length, length = length, _length(step, X)
        before = log_likelihood
        beta, mu, log_likelihood = _climb(X, y, offset, beta, step, log_likelihood)
        if length < _STEP_TOLERANCE:
            return _fit(X, beta, mu, log_likelihood, iteration, "")
        plateau = log_likelihood - before <= _DEVIANCE_PLATEAU * (abs(log_likelihood) + 0.05)
        # At a maximum Newton's steps shrink quadratically; under separation each is as long as
        # the last (about 1 on the log-odds scale) though the likelihood no longer rises.
        if plateau and length > 0.5 * previous_length:
            return _fit(X, beta, mu, log_likelihood, iteration, "separation")
    return _fit(X, beta, mu, log_likelihood, max_iterations, "no_convergence")


def fit_firth(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    offset: npt.ArrayLike | None = None,
    *,
    free: int | None = None,
    max_iterations: int = 200,
) -> LogisticFit:
    """Fit Firth's penalised logistic regression, maximising ℓ* = ℓ + ½ log det X'WX.

    The modified score is X'(y − μ + h(½ − μ)), h the diagonal of the weighted hat matrix.

    Parameters
    ----------
    X : (n, k) predictors, no missing values; include a column of ones for the intercept.
    y : (n,) 0 or 1.
    offset : (n,) log odds known beforehand.
    free : fit only the first ``free`` coefficients and hold the others at 0; the penalty stays
        that of all k columns. This is the null model of the likelihood-ratio test.
    max_iterations : Newton steps before giving up with status ``no_convergence``.

    Returns
    -------
    LogisticFit, whose ``log_likelihood`` is ℓ*; its covariance is (X'WX)⁻¹ of all columns.

    Raises
    ------
    ValueError
        Where shapes disagree, y is not 0/1, or a value is missing.
    """
    X, y, offset = _checked(X, y, offset)
    n, k = X.shape
    if _is_collinear(X):
        return _collinear_fit(n, k)
    fitted_columns = slice(0, k if free is None else free)
    beta = np.zeros(k)
    mu, penalised = _penalised_likelihood(X, y, offset, beta)
    for iteration in range(1, max_iterations + 1):
        step = np.zeros(k)
        score = X.T @ (y - mu + _leverage(X, mu) * (0.5 - mu))
        information = _information(X, mu)[fitted_columns, fitted_columns]
        step[fitted_columns] = _solve(information, score[fitted_columns])
        length = _length(step, X)
        # Far from the maximum the information can be tiny and the step absurd (logistf: 5).
        step *= min(1.0, _LONGEST_FIRTH_STEP / length) if length > 0 else 1.0
        beta, mu, penalised = _climb(
            X, y, offset, beta, step, penalised, objective=_penalised_likelihood
        )
        if length < _STEP_TOLERANCE:
            return _fit(X, beta, mu, penalised, iteration, "")
    return _fit(X, beta, mu, penalised, max_iterations, "no_convergence")


def firth_lrt(
    X_null: npt.ArrayLike, g: npt.ArrayLike, y: npt.ArrayLike, offset: npt.ArrayLike | None = None
) -> FirthTest:
    """Test a predictor by Firth's penalised likelihood ratio, given covariates.

    Parameters
    ----------
    X_null : (n, k) covariates with the intercept.
    g : (n,) the predictor, such as ALT dosages; no missing values.
    y : (n,) 0 or 1.
    offset : (n,) log odds known beforehand.

    Returns
    -------
    FirthTest; NaN numbers where a fit did not converge or ``g`` is collinear with ``X_null``.

    Examples
    --------
    >>> y = np.r_[np.ones(1010), np.zeros(1000)]
    >>> g = np.r_[np.zeros(1000), np.ones(10), np.zeros(1000)]
    >>> test = firth_lrt(np.ones((2010, 1)), g, y)
    >>> round(float(10**-test.neg_log10_p), 5)
    0.00085
    """
    X_null = np.asarray(X_null, dtype=np.float64)
    X = np.column_stack([X_null, np.asarray(g, dtype=np.float64)])
    full = fit_firth(X, y, offset)
    null = fit_firth(X, y, offset, free=X_null.shape[1])
    status: FitStatus = full.status or null.status
    if status:
        nan = float("nan")
        return FirthTest(nan, nan, nan, nan, converged=False, status=status)
    log_odds = float(full.log_odds[-1])
    chi2 = float(max(0.0, 2 * (full.log_likelihood - null.log_likelihood)))
    se = abs(log_odds) / np.sqrt(chi2) if chi2 > 0 else float(full.se[-1])
    return FirthTest(
        log_odds, float(se), chi2, float(neg_log10_p_chi2(chi2)), converged=True, status=""
    )


def _checked(
    X: npt.ArrayLike, y: npt.ArrayLike, offset: npt.ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    X = np.asarray(X, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    if X.ndim != 2 or y.shape != (X.shape[0],):
        raise ValueError(f"expected X (n, k) and y (n,), got shapes {X.shape} and {y.shape}")
    offset = np.zeros(len(y)) if offset is None else np.asarray(offset, dtype=np.float64)
    if offset.shape != y.shape:
        raise ValueError(f"expected an offset of shape {y.shape}, got {offset.shape}")
    if not (np.isfinite(X).all() and np.isfinite(offset).all()):
        raise ValueError("expected finite X and offset, got missing or infinite values; drop them")
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("expected y to be 0 or 1, got other values; code controls 0 and cases 1")
    return X, y, offset


def _is_collinear(X: FloatArray) -> bool:
    scale = np.sqrt((X * X).mean(axis=0))
    return bool((scale == 0).any()) or np.linalg.matrix_rank(X / scale) < X.shape[1]


def _collinear_fit(n: int, k: int) -> LogisticFit:
    return LogisticFit(
        log_odds=np.full(k, np.nan),
        covariance=np.full((k, k), np.nan),
        fitted=np.full(n, np.nan),
        log_likelihood=float("nan"),
        iterations=0,
        converged=False,
        status="collinear",
    )


def _fit(
    X: FloatArray,
    beta: FloatArray,
    mu: FloatArray,
    log_likelihood: float,
    iterations: int,
    status: FitStatus,
) -> LogisticFit:
    covariance = _solve(_information(X, mu), np.eye(X.shape[1]))
    return LogisticFit(
        beta, covariance, mu, log_likelihood, iterations, converged=not status, status=status
    )


def _information(X: FloatArray, mu: FloatArray) -> FloatArray:
    return (X * (mu * (1 - mu))[:, None]).T @ X


def _solve(information: FloatArray, right: FloatArray) -> FloatArray:
    """information⁻¹ right; least squares where separation has made the information singular."""
    scale = np.sqrt(np.diag(information))
    scale = np.where(scale > 0, scale, 1.0)
    scaled = information / np.outer(scale, scale)
    right_scaled = (right.T / scale).T
    solution = np.linalg.lstsq(scaled, right_scaled, rcond=None)[0]
    return (solution.T / scale).T


def _length(step: FloatArray, X: FloatArray) -> float:
    """The longest coordinate of a step, in log odds per root-mean-square of its column."""
    return float(np.max(np.abs(step) * np.sqrt((X * X).mean(axis=0))))


def _likelihood(
    X: FloatArray, y: FloatArray, offset: FloatArray, beta: FloatArray
) -> tuple[FloatArray, float]:
    """Fitted probabilities and ℓ."""
    eta = X @ beta + offset
    # log μ = −log(1 + e^−η) for cases, log(1 − μ) = −log(1 + e^η) for controls.
    return _inverse_logit(eta), float(-np.logaddexp(0.0, np.where(y == 1, -eta, eta)).sum())


def _inverse_logit(eta: FloatArray) -> FloatArray:
    small = np.exp(-np.abs(eta))
    probability: FloatArray = np.where(eta >= 0, 1.0, small) / (1 + small)
    return probability


def _penalised_likelihood(
    X: FloatArray, y: FloatArray, offset: FloatArray, beta: FloatArray
) -> tuple[FloatArray, float]:
    """Fitted probabilities and ℓ*."""
    mu, log_likelihood = _likelihood(X, y, offset, beta)
    sign, log_determinant = np.linalg.slogdet(_information(X, mu))
    return mu, log_likelihood + 0.5 * log_determinant if sign > 0 else -np.inf


def _leverage(X: FloatArray, mu: FloatArray) -> FloatArray:
    """Diagonal of W^½ X (X'WX)⁻¹ X' W^½."""
    Q = np.linalg.qr(X * np.sqrt(mu * (1 - mu))[:, None])[0]
    return np.einsum("ij,ij->i", Q, Q)


def _climb(
    X: FloatArray,
    y: FloatArray,
    offset: FloatArray,
    beta: FloatArray,
    step: FloatArray,
    current: float,
    *,
    objective: Objective = _likelihood,
) -> tuple[FloatArray, FloatArray, float]:
    """Take the step, halved until the objective does not fall (beyond rounding)."""
    slack = 1e-12 * (abs(current) + 1)
    for _ in range(_MOST_HALVINGS):
        mu, value = objective(X, y, offset, beta + step)
        if value >= current - slack:
            return beta + step, mu, value
        step = step / 2
    return beta, *objective(X, y, offset, beta)
