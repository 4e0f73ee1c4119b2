"""Firth's penalised likelihood-ratio test of one variant after the other, compiled.

The model, the test and where the climbs start are those of :mod:`gwasbone.stats.firth`. Here one
variant's climb passes twice over its people for each step: log odds, their means and weights and
the information X'WX in the first, leverages and the penalised score in the second, by pieces of
people that stay in the processor's nearest cache. The maximum with the variant starts from that
without it, by a step of the score that is known there; a last step, of less than the tolerance,
is taken without passing over the people again, since ℓ* is quadratic over so short a way.

Measured on one core, 10,000 people, 4 covariates: a third of the time of steps of many variants
together in NumPy, log odds equal to 1e-9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import intrinsic

from gwasbone.blocks.compiled import compiled, compiled_sums, compiled_terms
from gwasbone.stats.firth import (
    LONGEST_STEP,
    SMALLEST_CHI2,
    STEP_TOLERANCE,
    FirthTests,
    firth_lrt_many,
)

FloatArray = npt.NDArray[np.float64]

#: People at a time; 1 + e^−|η| is at most 2, so that a product of so many is a float.
_PIECE = 512
#: Scoring steps, beyond which a climb is left to the steps that learn how ℓ* bends.
_MOST_STEPS = 25
_MOST_HALVINGS = 12
#: Of ℓ* without the variant: steps know its curvature to a tenth or better, so that what is left
#: unclimbed is a tenth of this, and nothing else of it is used.
_ENOUGH = 1e-6

_LOG2_E = 1.4426950408889634
# ln 2 in two parts, of which the first has few bits
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
# 1.5 · 2⁵²: what is added to it is rounded to a whole number, in its lowest bits
_ROUNDER = 6755399441055744.0
_SMALLEST_EXPONENT = -700.0
_BIAS, _MANTISSA_BITS = np.int64(1023), np.int64(52)


def firth_lrt_compiled(
    X: FloatArray,
    G: FloatArray,
    y: FloatArray,
    start: FloatArray,
    offset: FloatArray | None = None,
) -> FirthTests:
    """As :func:`gwasbone.stats.firth.firth_lrt_many`, which is asked where no maximum is reached.

    Parameters
    ----------
    X : (n, k) covariates with the intercept. G : (m, n) dosages without missing values.
    y : (n,) 0 or 1. start : (k,) log odds of the covariates alone. offset : (n,) log odds.
    """
    numbers = np.empty((3, len(G)))
    known = np.zeros(len(y)) if offset is None else np.ascontiguousarray(offset)
    fit_variants(
        np.ascontiguousarray(X.T), np.ascontiguousarray(G), np.ascontiguousarray(y),
        np.ascontiguousarray(start), known, numbers,
    )  # fmt: skip
    left = np.flatnonzero(np.isnan(numbers[2]))
    if left.size:
        rest = firth_lrt_many(X, G[left], y, start, offset)
        numbers[:, left] = rest.log_odds, rest.se, rest.chi2
    return FirthTests(*numbers)


def _bits(typingctx: Any, number: Any) -> Any:
    """The bits of a float."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


def _float(typingctx: Any, bits: Any) -> Any:
    """The float of some bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


bits_of: Any = intrinsic(_bits)
float_of: Any = intrinsic(_float)


@compiled_terms
def exp_of_negative(x: float) -> float:
    """e^x for x ≤ 0, to one unit in the last place; without branches or calls.

    So that several are computed at a time; below e^−700 it stays there.
    """
    x = max(x, _SMALLEST_EXPONENT)
    shifted = x * _LOG2_E + _ROUNDER
    whole = shifted - _ROUNDER
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    # Taylor's polynomial: |r| ≤ ln(2)/2, and the next term is below 1e-17
    p = 1 / 6227020800.0
    p = p * r + 1 / 479001600.0
    p = p * r + 1 / 39916800.0
    p = p * r + 1 / 3628800.0
    p = p * r + 1 / 362880.0
    p = p * r + 1 / 40320.0
    p = p * r + 1 / 5040.0
    p = p * r + 1 / 720.0
    p = p * r + 1 / 120.0
    p = p * r + 1 / 24.0
    p = p * r + 1 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * float_of((bits_of(shifted) + _BIAS) << _MANTISSA_BITS)


@compiled_sums
def _add_terms(
    eta: FloatArray, y: FloatArray, mu: FloatArray, w: FloatArray
) -> tuple[float, float]:
    """Fill means and weights of a piece of people; Σ(yη − max(η, 0)) and Π(1 + e^−|η|)."""
    total, product = 0.0, 1.0
    for j in range(len(eta)):
        e = exp_of_negative(-abs(eta[j]))
        one = 1.0 + e
        inverse = 1.0 / one
        rarer = e * inverse
        mu[j] = inverse if eta[j] > 0 else rarer
        w[j] = rarer * inverse
        total += y[j] * eta[j] - max(eta[j], 0.0)
        product *= one
    return total, product


@compiled_sums
def _dot(a: FloatArray, b: FloatArray) -> float:
    total = 0.0
    for j in range(len(a)):
        total += a[j] * b[j]
    return total


@compiled_sums
def _add_multiple(sums: FloatArray, factor: float, a: FloatArray) -> None:
    for j in range(len(sums)):
        sums[j] += factor * a[j]


@compiled_sums
def _add_product(sums: FloatArray, a: FloatArray, b: FloatArray) -> None:
    for j in range(len(sums)):
        sums[j] += a[j] * b[j]


@compiled_sums
def _product(products: FloatArray, a: FloatArray, b: FloatArray) -> None:
    for j in range(len(products)):
        products[j] = a[j] * b[j]


@compiled_sums
def _multiple(products: FloatArray, factor: float, a: FloatArray) -> None:
    for j in range(len(products)):
        products[j] = factor * a[j]


@compiled_sums
def _penalised_residual(
    r: FloatArray, y: FloatArray, mu: FloatArray, w: FloatArray, leverage: FloatArray
) -> None:
    for j in range(len(r)):
        r[j] = y[j] - mu[j] + w[j] * leverage[j] * (0.5 - mu[j])


@compiled
def _cholesky(information: FloatArray, L: FloatArray) -> float:
    """Fill L with the lower factor; log determinant of the matrix, NaN where not positive."""
    size, log_determinant = len(information), 0.0
    for a in range(size):
        for b in range(a + 1):
            left = information[a, b]
            for c in range(b):
                left -= L[a, c] * L[b, c]
            if a > b:
                L[a, b] = left / L[b, b]
            elif left > 1e-14 * information[a, a]:
                L[a, a] = np.sqrt(left)
                log_determinant += np.log(left)
            else:
                return np.nan
    return log_determinant


@compiled
def _solve(L: FloatArray, right: FloatArray, free: int, x: FloatArray) -> None:
    """Fill x with the solution of LL'x = right in the first ``free`` numbers."""
    for a in range(free):
        left = right[a]
        for c in range(a):
            left -= L[a, c] * x[c]
        x[a] = left / L[a, a]
    for a in range(free - 1, -1, -1):
        left = x[a]
        for c in range(a + 1, free):
            left -= L[c, a] * x[c]
        x[a] = left / L[a, a]


@compiled
def _stand(
    Z: FloatArray,
    y: FloatArray,
    offset: FloatArray,
    at: FloatArray,
    people: FloatArray,
    pieces: FloatArray,
    matrices: FloatArray,
    score: FloatArray,
) -> float:
    """ℓ* at some coefficients, its score, and the factor of the information; −∞ if singular.

    Parameters
    ----------
    Z : (k + 1, n) covariates, then the genotype.
    people : (2, n), pieces : (2, _PIECE), matrices : (3, k + 1, k + 1) to work in; the first of
        the matrices becomes the factor, the second the inverse of the information.
    """
    size, n = Z.shape
    information = matrices[2]
    mu, w = people[0], people[1]
    information[:] = 0.0
    objective = 0.0
    for top in range(0, n, _PIECE):
        end = min(top + _PIECE, n)
        eta, weighted = pieces[0, : end - top], pieces[1, : end - top]
        eta[:] = offset[top:end]
        for a in range(size):
            if at[a] != 0.0:
                _add_multiple(eta, at[a], Z[a, top:end])
        total, product = _add_terms(eta, y[top:end], mu[top:end], w[top:end])
        objective += total - np.log(product)
        for a in range(size):
            _product(weighted, w[top:end], Z[a, top:end])
            for b in range(a + 1):
                information[a, b] += _dot(weighted, Z[b, top:end])
    return objective + _penalise(Z, y, people, pieces, matrices, score)


@compiled
def _stand_beside(
    Z: FloatArray,
    y: FloatArray,
    of_covariates: FloatArray,
    people: FloatArray,
    pieces: FloatArray,
    matrices: FloatArray,
    score: FloatArray,
) -> float:
    """As :func:`_stand` where the means are those of the covariates: the penalty, and the rest.

    Parameters
    ----------
    of_covariates : (k, k) their information.
    """
    k, n = len(Z) - 1, Z.shape[1]
    information = matrices[2]
    information[:] = 0.0
    information[:k, :k] = of_covariates
    for top in range(0, n, _PIECE):
        end = min(top + _PIECE, n)
        weighted = pieces[1, : end - top]
        _product(weighted, people[1, top:end], Z[k, top:end])
        for b in range(k + 1):
            information[k, b] += _dot(weighted, Z[b, top:end])
    return _penalise(Z, y, people, pieces, matrices, score)


@compiled
def _penalise(
    Z: FloatArray,
    y: FloatArray,
    people: FloatArray,
    pieces: FloatArray,
    matrices: FloatArray,
    score: FloatArray,
) -> float:
    """Half the log determinant of the information, and the penalised score; −∞ if singular."""
    size, n = Z.shape
    L, A = matrices[0], matrices[1]
    mu, w = people[0], people[1]
    log_determinant = _cholesky(matrices[2], L)
    if not np.isfinite(log_determinant):
        return -np.inf
    unit = score  # filled below
    for a in range(size):
        unit[:] = 0.0
        unit[a] = 1.0
        _solve(L, unit, size, A[a])
    score[:] = 0.0
    for top in range(0, n, _PIECE):
        end = min(top + _PIECE, n)
        leverage, other = pieces[0, : end - top], pieces[1, : end - top]
        leverage[:] = 0.0
        for a in range(size):
            _multiple(other, A[a, a], Z[a, top:end])
            for b in range(a):
                _add_multiple(other, 2 * A[a, b], Z[b, top:end])
            _add_product(leverage, other, Z[a, top:end])
        _penalised_residual(other, y[top:end], mu[top:end], w[top:end], leverage)
        for a in range(size):
            score[a] += _dot(other, Z[a, top:end])
    return 0.5 * log_determinant


@compiled
def _climb(
    Z: FloatArray,
    y: FloatArray,
    offset: FloatArray,
    at: FloatArray,
    rms: FloatArray,
    free: int,
    enough: float,
    objective: float,
    people: FloatArray,
    pieces: FloatArray,
    matrices: FloatArray,
    score: FloatArray,
    step: FloatArray,
    trial: FloatArray,
) -> tuple[float, float, bool]:
    """Climb in the first ``free`` coefficients from where ``score`` and the factor are known.

    ℓ* where score and factor are known last, how much the last short step adds (which is left in
    ``step`` and not taken), and whether that is the maximum.

    Parameters
    ----------
    enough : a step that adds less than this to ℓ* is the last, however long it is.
    """
    for _ in range(_MOST_STEPS):
        step[:] = 0.0
        _solve(matrices[0], score, free, step)
        length = 0.0
        for a in range(free):
            length = max(length, abs(step[a]) * rms[a])
        if not np.isfinite(length):
            return objective, 0.0, False
        gain = 0.5 * _dot(step, score)
        if length < STEP_TOLERANCE or abs(gain) < enough:
            return objective, gain, True
        if length > LONGEST_STEP:
            step *= LONGEST_STEP / length
        rose = False
        for _ in range(_MOST_HALVINGS):
            trial[:] = at + step
            reached = _stand(Z, y, offset, trial, people, pieces, matrices, score)
            if reached >= objective - 1e-12 * (abs(objective) + 1.0):
                rose = True
                break
            step *= 0.5
        if not rose:
            return objective, 0.0, False
        at[:] = trial
        objective = reached
    return objective, 0.0, False


@compiled
def fit_variants(
    X: FloatArray,
    G: FloatArray,
    y: FloatArray,
    start: FloatArray,
    offset: FloatArray,
    numbers: FloatArray,
) -> None:
    """Fill numbers (3, m) with log odds, SE and χ² of each row of G; NaN where it is no maximum.

    Parameters
    ----------
    X : (k, n) covariates. start : (k,) log odds of the covariates alone. offset : (n,).
    """
    k, n = X.shape
    size = k + 1
    Z = np.empty((size, n))
    Z[:k] = X
    at, rms, score = np.empty(size), np.empty(size), np.empty(size)
    step, trial = np.empty(size), np.empty(size)
    people, pieces = np.empty((2, n)), np.empty((2, _PIECE))
    matrices = np.zeros((3, size, size))
    for a in range(k):
        rms[a] = np.sqrt(_dot(X[a], X[a]) / n)
    # where all climbs start: the same means and weights, of which only a copy is changed
    beside, same = np.zeros((2, n)), np.zeros((3, k, k))
    likelihood = _stand(X, y, offset, start, beside, pieces, same, score[:k])
    likelihood -= 0.5 * _cholesky(same[2], same[0])
    for i in range(len(G)):
        Z[k] = G[i]
        rms[k] = np.sqrt(_dot(G[i], G[i]) / n)
        at[:k] = start
        at[k] = 0.0
        numbers[:, i] = np.nan
        people[:] = beside
        first = likelihood + _stand_beside(Z, y, same[2], people, pieces, matrices, score)
        if not np.isfinite(first):
            continue
        null, more, converged = _climb(
            Z, y, offset, at, rms, k, _ENOUGH, first, people, pieces, matrices, score, step, trial
        )
        if not converged:
            continue
        null_peak = null + more
        full, more, converged = _climb(
            Z, y, offset, at, rms, size, 0.0, null, people, pieces, matrices, score, step, trial
        )
        if not converged:
            continue
        beta = at[k] + step[k]
        chi2 = max(2.0 * (full + more - null_peak), 0.0)
        numbers[0, i], numbers[2, i] = beta, chi2
        numbers[1, i] = (
            abs(beta) / np.sqrt(chi2) if chi2 > SMALLEST_CHI2 else np.sqrt(matrices[1, k, k])
        )
