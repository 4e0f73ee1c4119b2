"""Ordinary least squares, and a test of terms added to it that allows for unequal variances.

Symbols: n rows, k columns of X (the intercept is one of them), q columns of D beyond those of X.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.stats.f_distribution import neg_log10_p_f

FloatArray = npt.NDArray[np.float64]

#: A column is a combination of others where they leave less than this share of its length.
DEPENDENT_BELOW = 1e-7


@dataclass(frozen=True)
class LeastSquaresFit:
    """Ordinary least-squares fit of y = Xβ + e.

    Parameters
    ----------
    beta, se : (k,) coefficients and standard errors, in the units of X and y.
    sigma2 : residual variance, divisor n − k.
    dof : n − k.
    log_likelihood : restricted log-likelihood, as R's ``logLik(lm, REML = TRUE)``.
    r2 : share of the variance of y about its mean that Xβ explains.
    """

    beta: FloatArray
    se: FloatArray
    sigma2: float
    dof: int
    log_likelihood: float
    r2: float


@dataclass(frozen=True)
class AddedTerms:
    """Test of terms that are added to a regression.

    Parameters
    ----------
    f : Wald statistic over q with variances that may differ between rows (HC3).
    dof_added : q, the columns of D that those of X do not determine; 0 where there is none,
        and then ``f`` and ``neg_log10_p`` are NaN and ``r2`` is 0.
    dof_residual : n − k − q.
    neg_log10_p : of f as F on q and n − k − q degrees of freedom.
    r2 : share of the residual sum of squares that the terms take away.
    """

    f: float
    dof_added: int
    dof_residual: int
    neg_log10_p: float
    r2: float


def dependent_columns(X: npt.ArrayLike) -> tuple[int, ...]:
    """Find the columns that are linear combinations of the columns before them.

    Parameters
    ----------
    X : (n, k) complete numbers; a column of zeros counts as determined.

    Examples
    --------
    >>> dependent_columns([[1, 2, 3], [1, 4, 5], [1, 7, 8]])
    (2,)
    """
    X = np.asarray(X, dtype=np.float64)
    return _dependent(_factor(X)[1])


def least_squares(y: npt.ArrayLike, X: npt.ArrayLike) -> LeastSquaresFit:
    """Fit a linear regression by ordinary least squares.

    Parameters
    ----------
    y : (n,) complete numbers. X : (n, k) with independent columns, the intercept among them.

    Raises
    ------
    InputError
        Not more rows than columns, or a column that others determine.

    Examples
    --------
    >>> least_squares([1.0, 3, 5, 7], np.column_stack([np.ones(4), np.arange(4)])).beta.round(6)
    array([1., 2.])
    """
    y = np.asarray(y, dtype=np.float64)
    X = np.asarray(X, dtype=np.float64)
    basis, to_beta = orthonormal(X)
    n, k = X.shape
    theta = basis.T @ y
    e = y - basis @ theta
    rss = float(e @ e)
    total = float(((y - y.mean()) ** 2).sum())
    sigma2 = rss / (n - k)
    log_det = -2 * np.linalg.slogdet(to_beta)[1]
    with np.errstate(divide="ignore"):
        criterion = (n - k) * (1 + np.log(2 * np.pi * sigma2)) + log_det
    return LeastSquaresFit(
        beta=to_beta @ theta,
        se=np.sqrt(sigma2 * (to_beta**2).sum(axis=1)),
        sigma2=sigma2,
        dof=n - k,
        log_likelihood=float(-criterion / 2),
        r2=1 - rss / total if total > 0 else float("nan"),
    )


def orthonormal(X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Compute Q (n, k) with orthonormal columns and T (k, k) with X T = Q.

    Raises
    ------
    InputError
        Not more rows than columns, or a column that others determine.
    """
    n, k = X.shape
    if n <= k:
        raise InputError(f"expected more rows than the {k} columns of the model, got {n}")
    Q, R, length = _factor(X)
    dependent = _dependent(R)
    if dependent:
        raise InputError(
            "expected independent columns in the model, number "
            f"{', '.join(str(j + 1) for j in dependent)} is a combination of those before: drop it"
        )
    return Q, np.linalg.inv(R) / length[:, None]


def added_terms_test(y: npt.ArrayLike, X: npt.ArrayLike, D: npt.ArrayLike) -> AddedTerms:
    """Test whether the columns of D explain variance of y beyond those of X.

    The coefficients δ of y = Xβ + Dδ + e are tested by F = δᵀ V⁻¹ δ / q with the
    heteroscedasticity-consistent covariance V of δ known as HC3, since people measured once and
    twice, and women and men, differ in variance.

    Parameters
    ----------
    y : (n,) complete. X : (n, k) with independent columns. D : (n, d); columns that X and the
        columns before determine do not count.

    Raises
    ------
    InputError
        Not more rows than columns.

    References
    ----------
    MacKinnon & White (1985), J Econometrics 29:305.
    """
    y = np.asarray(y, dtype=np.float64)
    X = np.asarray(X, dtype=np.float64)
    both = np.column_stack([X, np.asarray(D, dtype=np.float64)])
    n, k = X.shape
    if n <= both.shape[1]:
        raise InputError(f"expected more samples than the {both.shape[1]} terms, got {n}")
    Q, R, _ = _factor(both)
    dependent = _dependent(R)
    assert not dependent or dependent[0] >= k, "the columns of X must be independent"
    if dependent:
        Q = _factor(np.delete(both, dependent, axis=1))[0]
    q = Q.shape[1] - k
    if q == 0:
        return AddedTerms(float("nan"), 0, n - k, float("nan"), 0.0)
    # Q's last columns span what D adds to X, so that their coefficients are tested in its place
    e = y - Q @ (Q.T @ y)
    added = Q[:, k:]
    delta = added.T @ y
    spread = e / (1 - (Q**2).sum(axis=1))
    V = (added * spread[:, None] ** 2).T @ added
    f = float(delta @ np.linalg.solve(V, delta)) / q if e @ e > 0 else float("inf")
    explained = float(delta @ delta)
    return AddedTerms(
        f=f,
        dof_added=q,
        dof_residual=n - k - q,
        neg_log10_p=neg_log10_p_f(f, q, n - k - q),
        r2=explained / (explained + float(e @ e)),
    )


def _factor(X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Q and R of the columns scaled to length one, and their lengths (1 for columns of zeros)."""
    length = np.linalg.norm(X, axis=0)
    length[length == 0] = 1.0
    Q, R = np.linalg.qr(X / length)
    return Q, R, length


def _dependent(R: FloatArray) -> tuple[int, ...]:
    """Columns of R that those before determine: they lie to each other as the columns of X."""
    found = []
    basis = np.empty((len(R), 0))
    for j, column in enumerate(R.T):
        left = column - basis @ (basis.T @ column)
        left -= basis @ (basis.T @ left)  # the first pass leaves rounding errors
        rest = np.linalg.norm(left)
        if rest <= DEPENDENT_BELOW:
            found.append(j)
        else:
            basis = np.column_stack([basis, left / rest])
    return tuple(found)
