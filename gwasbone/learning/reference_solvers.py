"""Penalised linear, logistic and multinomial models: how the reference backend fits its heads.

Objectives are sums over rows plus a ridge penalty of all coefficients but the intercept, the first
row of Z. Targets that are NaN count for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

FloatArray = npt.NDArray[np.float64]

#: Ridge penalty per row, beside that of ``l2``.
PENALTY = 0.01
#: Side of the neighbourhood of a pixel whose mean is one of its features.
NEIGHBOURHOOD = 5
_STEPS, _SMALLEST_ERROR = 100, 1e-6


def solve(
    head: Mapping[str, Any], Z: FloatArray, y: FloatArray, w: FloatArray, l2: float
) -> FloatArray:
    """Coefficients of a head, (1 + d, columns).

    Parameters
    ----------
    Z : (n, 1 + d) with the intercept first. y : (n, columns). w : (n,) weights of rows.
    l2 : penalty of the squared coefficients per row, as of the mean over rows and columns.
    """
    kind, size, n = head["kind"], head["size"], len(Z)
    columns = 1 if kind in ("categorical", "ordinal") else size
    extra = n * columns * l2
    if kind == "regression":
        fit = _absolute if head.get("loss") == "absolute" else _ridge
        return np.column_stack([fit(Z, y[:, j], w, PENALTY * n + extra) for j in range(size)])
    penalty = PENALTY * n + 2 * extra
    if kind in ("binary", "mask"):
        return np.column_stack([_logistic(Z, y[:, [j]], w, penalty, 1) for j in range(size)])
    return _logistic(Z, y, w, penalty, size)


def solve_dice(Z: FloatArray, y: FloatArray, l2: float) -> FloatArray:
    """Coefficients of one mask, (1 + d,), of the least soft Dice loss, a mean over images.

    Parameters
    ----------
    Z : (n, pixels, 1 + d). y : (n, pixels), NaN for pixels that are not known.
    """
    known = ~np.isnan(y)
    truth = np.where(known, y, 0.0)

    def objective(beta: FloatArray) -> tuple[float, FloatArray]:
        p = expit(Z @ beta) * known
        slope_of_p = p * (1 - p)
        above, below = 2 * (p * truth).sum(axis=1) + 1, (p + truth).sum(axis=1) + 1
        value = (1 - above / below).mean() + (l2 + PENALTY / 1000) * (beta[1:] ** 2).sum()
        by_p = (above / below**2)[:, None] - 2 * truth / below[:, None]
        slope = np.einsum("np,npd->d", by_p * slope_of_p, Z) / len(Z)
        slope[1:] += 2 * (l2 + PENALTY / 1000) * beta[1:]
        return float(value), slope

    # where masks are not told from what surrounds them, the slope is flat: start from likelihood
    flat = Z.reshape(-1, Z.shape[-1])
    start = _logistic(flat, y.reshape(-1, 1), np.ones(len(flat)), PENALTY * len(flat), 1)[:, 0]
    return np.asarray(minimize(objective, start, jac=True, method="L-BFGS-B").x)


def outputs(kind: str, eta: FloatArray) -> FloatArray:
    """Probabilities or numbers from linear predictors (…, columns)."""
    if kind == "regression":
        return eta
    if kind in ("categorical", "ordinal"):
        return np.asarray(softmax(eta, axis=-1), dtype=np.float64)
    return np.asarray(expit(eta), dtype=np.float64)


def mean_loss(head: Mapping[str, Any], eta: FloatArray, y: FloatArray, w: FloatArray) -> float:
    """Mean over rows and columns; what is not known counts 0."""
    kind = head["kind"]
    if kind == "regression":
        error = np.abs(eta - y) if head.get("loss") == "absolute" else (eta - y) ** 2
        return float(np.nan_to_num(error * w[:, None]).sum() / y.size)
    if kind in ("binary", "mask"):
        losses = np.logaddexp(0, eta) - np.nan_to_num(y) * eta
        return float((losses * ~np.isnan(y) * w[:, None]).sum() / y.size)
    known = ~np.isnan(y[:, 0])
    truth = np.eye(head["size"])[y[known, 0].astype(int)]
    losses = -(log_softmax(eta[known], axis=1) * truth).sum(axis=1)
    return float((losses * w[known]).sum() / len(y))


def pixel_features(images: FloatArray) -> FloatArray:
    """(n, height, width, 2 c): each pixel's values and their means over its neighbourhood."""
    around = uniform_filter(images, (0, NEIGHBOURHOOD, NEIGHBOURHOOD, 0), mode="nearest")
    return np.concatenate([images, around], axis=-1)


def _logistic(Z: FloatArray, y: FloatArray, w: FloatArray, penalty: float, size: int) -> FloatArray:
    """(1 + d, size) coefficients of a logistic (size 1) or multinomial model."""
    known = ~np.isnan(y[:, 0])
    Z, y, w = Z[known], y[known], w[known]
    truth = y if size == 1 else np.eye(size)[y[:, 0].astype(int)]
    weights = w[:, None]
    weighted = truth * weights

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        B = flat.reshape(-1, size)
        eta = Z @ B
        if size == 1:
            mean, loss = expit(eta), (weights * np.logaddexp(0, eta) - weighted * eta).sum()
        else:
            log_probability = log_softmax(eta, axis=1)
            mean, loss = np.exp(log_probability), -(weighted * log_probability).sum()
        value = loss + 0.5 * penalty * (B[1:] ** 2).sum()
        slope = Z.T @ (weights * mean - weighted)
        slope[1:] += penalty * B[1:]
        return value, slope.ravel()

    found = minimize(objective, np.zeros(Z.shape[1] * size), jac=True, method="L-BFGS-B").x
    return np.asarray(found, dtype=np.float64).reshape(-1, size)


def _ridge(Z: FloatArray, y: FloatArray, w: FloatArray, penalty: float) -> FloatArray:
    known = ~np.isnan(y)
    if not known.any():
        return np.zeros(Z.shape[1])
    A = Z[known] * w[known, None]
    ridge = np.full(Z.shape[1], penalty)
    ridge[0] = 0
    solution = np.linalg.solve(A.T @ Z[known] + np.diag(ridge), A.T @ y[known])
    return np.asarray(solution, dtype=np.float64)


def _absolute(Z: FloatArray, y: FloatArray, w: FloatArray, penalty: float) -> FloatArray:
    """Least absolute errors, by least squares whose weights are one over twice the last errors."""
    beta = _ridge(Z, y, w, penalty)
    for _ in range(_STEPS):
        error = np.maximum(np.abs(y - Z @ beta), _SMALLEST_ERROR)
        last, beta = beta, _ridge(Z, y, w / (2 * np.nan_to_num(error, nan=1.0)), penalty)
        if np.abs(beta - last).max() < _SMALLEST_ERROR:
            break
    return beta
