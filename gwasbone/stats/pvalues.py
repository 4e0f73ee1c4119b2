"""Two-sided and upper-tail p-values as −log10 p, exact where p itself underflows.

A float64 p-value ends at 5e-324, and many routines lose it far earlier: ``t = 40`` on 5e5
degrees of freedom has p = 0 in ``scipy.stats.t.sf`` while the truth is −log10 p = 348.58.
Here every tail is taken on the log scale. Where SciPy's incomplete beta and gamma functions
still resolve the tail they are used; below that a continued fraction gives its logarithm. Many
values of one distribution are read off piecewise polynomials through such numbers (relative error
below 1e-14), which takes a fiftieth of the time.

All functions take arrays (or scalars) that broadcast together, return float64 arrays of the
broadcast shape, give NaN for NaN and for arguments outside the domain, and never warn.

References
----------
DLMF 8.17.22 (continued fraction of the incomplete beta function), DLMF 8.9.2 (of the upper
incomplete gamma function); Lentz (1976), Applied Optics 15:668 for their evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray = npt.NDArray[np.float64]

LN10 = float(np.log(10.0))

# Tails below this are taken from the continued fraction; SciPy is accurate well above it.
_SMALLEST_DIRECT_TAIL = 1e-280
_TINY = 1e-300
_MAX_TERMS = 20_000

# −log10 p over the size of the statistic is interpolated in panels of this width up to this
# size. The nearest complex singularity, a zero of the normal tail or ±i√ν, is at least 2.8 panel
# widths away, so that the error of degree 10 is about 27**-11.
_PANEL_WIDTH, _LAST_PANEL_END, _DEGREE = 0.5, 36.0, 10
_MIN_DOF_INTERPOLATED = 30.0
# Polynomials of one number of degrees of freedom take 792 values, and are kept.
_MIN_INTERPOLATED = 800
_VALUES_AT_A_TIME = 8_192


def neg_log10_p_normal(z: npt.ArrayLike) -> FloatArray:
    """Compute the −log10 two-sided p-value of a z statistic, p = 2 Φ(−abs(z)).

    Parameters
    ----------
    z : array_like of z statistics.

    Returns
    -------
    float64 array of the shape of ``z``; 0 at ``z = 0``, ``inf`` at ``±inf``.

    Examples
    --------
    >>> float(neg_log10_p_normal(40.0).round(2))
    349.14
    """
    size = np.abs(np.asarray(z, dtype=np.float64))
    if size.size >= _MIN_INTERPOLATED:
        return _interpolated(size, np.inf)
    return _normal(size)


def _normal(size: FloatArray) -> FloatArray:
    """−log10 p of abs(z)."""
    with np.errstate(all="ignore"):
        tail = -(np.log(2.0) + special.log_ndtr(-size))
        # Near z = 0 the sum above cancels; 1 − p = erf(z/√2) does not.
        centre = -np.log1p(-special.erf(size / np.sqrt(2.0)))
    return _non_negative(np.where(size < 1.0, centre, tail) / LN10)


def neg_log10_p_t(t: npt.ArrayLike, dof: npt.ArrayLike) -> FloatArray:
    """Compute the −log10 two-sided p-value of a t statistic.

    With y = t²/(ν + t²), p = 1 − I_y(1/2, ν/2), the regularised incomplete beta function.

    Parameters
    ----------
    t : array_like of t statistics.
    dof : array_like, degrees of freedom ν > 0; need not be whole; ``inf`` means normal.

    Returns
    -------
    float64 array of the broadcast shape; NaN where ``dof`` is not positive.

    Examples
    --------
    >>> float(neg_log10_p_t(40.0, 5e5).round(2))
    348.58
    """
    size = np.abs(np.asarray(t, dtype=np.float64))
    if np.ndim(dof) == 0 and size.size >= _MIN_INTERPOLATED:
        one = float(np.asarray(dof, dtype=np.float64))
        if one >= _MIN_DOF_INTERPOLATED:
            return _interpolated(size, one)
    return _exact_t(size, np.asarray(dof, dtype=np.float64))


def _exact_t(size: FloatArray, dof: FloatArray) -> FloatArray:
    """−log10 p of abs(t), each number by itself."""
    size, nu = np.broadcast_arrays(size, dof)
    result = np.full(size.shape, np.nan)
    normal = np.isposinf(nu)
    result[normal] = _normal(size[normal])
    student = (nu > 0) & ~normal & ~np.isnan(size)
    result[student] = _student(size[student], nu[student])
    return result


def neg_log10_p_chi2(x: npt.ArrayLike, dof: npt.ArrayLike = 1) -> FloatArray:
    """Compute the −log10 p-value of a chi-squared statistic.

    Parameters
    ----------
    x : array_like of chi-squared statistics; NaN where negative.
    dof : array_like, degrees of freedom > 0. One degree of freedom is the normal tail of √x.

    Returns
    -------
    float64 array of the broadcast shape.

    Examples
    --------
    >>> float(neg_log10_p_chi2(29.7168).round(3))  # the genome-wide line, 5e-8
    7.301
    """
    value, nu = np.broadcast_arrays(
        np.asarray(x, dtype=np.float64), np.asarray(dof, dtype=np.float64)
    )
    result = np.full(value.shape, np.nan)
    one = (nu == 1) & (value >= 0)
    result[one] = neg_log10_p_normal(np.sqrt(value[one]))
    other = (nu > 0) & (nu != 1) & np.isfinite(nu) & (value >= 0)
    result[other] = _chi2(value[other], nu[other])
    return result


def chi2_1_from_neg_log10_p(neg_log10_p: npt.ArrayLike) -> FloatArray:
    """Compute the chi-squared statistic with one degree of freedom of a −log10 p-value.

    The inverse of ``neg_log10_p_chi2(x, 1)``; works at any depth, since p is never formed.

    Parameters
    ----------
    neg_log10_p : array_like ≥ 0; NaN where negative or NaN.

    Examples
    --------
    >>> float(chi2_1_from_neg_log10_p(-np.log10(0.5)).round(6))
    0.454936
    """
    value = np.asarray(neg_log10_p, dtype=np.float64)
    with np.errstate(all="ignore"):
        log_p = -value * LN10
        z_tail = -special.ndtri_exp(log_p - np.log(2.0))
        z_centre = np.sqrt(2.0) * special.erfinv(-np.expm1(log_p))
        z = np.where(value < 0.5, z_centre, z_tail)
        return np.where(value >= 0, z * z, np.nan)


def _interpolated(size: FloatArray, dof: float) -> FloatArray:
    """−log10 p of abs(t), any shape, for one dof (inf for z), by panels of polynomials."""
    coefficients = _panels(dof)
    flat = np.ascontiguousarray(size).ravel()
    result = np.empty_like(flat)
    # pieces that stay in the processor's cache through the eleven passes
    for start in range(0, len(flat), _VALUES_AT_A_TIME):
        piece = flat[start : start + _VALUES_AT_A_TIME]
        inside = piece < _LAST_PANEL_END  # NaN and inf are not
        panel = np.where(inside, piece, 0.0) / _PANEL_WIDTH
        number = panel.astype(np.intp)
        u = 2 * (panel - number) - 1
        value = coefficients[_DEGREE].take(number)
        for power in range(_DEGREE - 1, -1, -1):
            value *= u
            value += coefficients[power].take(number)
        value *= piece
        if not inside.all():
            value[~inside] = _exact_t(piece[~inside], np.asarray(dof))
        result[start : start + _VALUES_AT_A_TIME] = value
    return result.reshape(size.shape)


@lru_cache(maxsize=256)
def _panels(dof: float) -> FloatArray:
    """(degree + 1, panels) polynomials of −log10 p / abs(t), through its Chebyshev points."""
    points = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
    starts = np.arange(0, _LAST_PANEL_END, _PANEL_WIDTH)
    t = starts + (points[:, None] + 1) / 2 * _PANEL_WIDTH
    ratio = _exact_t(t.ravel(), np.asarray(dof)).reshape(t.shape) / t
    return np.linalg.solve(np.vander(points, increasing=True), ratio)


def _student(size: FloatArray, nu: FloatArray) -> FloatArray:
    """−log10 p for finite, positive ``nu``; 1-d arrays of equal length."""
    result = np.empty_like(size)
    with np.errstate(all="ignore"):
        ratio = size / np.sqrt(nu)
        centre = size < 1.0
        # Whichever of y = t²/(ν+t²) and 1 − y is small is the one formed without cancellation.
        near, far = ~centre & (ratio < 1), ~centre & (ratio >= 1)
        y = ratio**2 / (1 + ratio**2)
        result[centre] = -np.log1p(-special.betainc(0.5, nu[centre] / 2, y[centre]))
        result[near] = -np.log(special.betaincc(0.5, nu[near] / 2, y[near]))
        x = (1 / ratio[far]) ** 2 / (1 + (1 / ratio[far]) ** 2)
        result[far] = -np.log(special.betainc(nu[far] / 2, 0.5, x))
    deep = (result > -np.log(_SMALLEST_DIRECT_TAIL)) & np.isfinite(size)
    if deep.any():
        result[deep] = -_log_beta_tail(ratio[deep], nu[deep])
    result[np.isposinf(size)] = np.inf
    return _non_negative(result / LN10)


def _log_beta_tail(ratio: FloatArray, nu: FloatArray) -> FloatArray:
    """log I_x(ν/2, 1/2) at x = 1/(1 + ratio²), by continued fraction."""
    a, b = nu / 2, 0.5
    with np.errstate(all="ignore"):
        log_one_plus = np.where(ratio < 1e8, np.log1p(ratio**2), 2 * np.log(ratio))
        log_y = -np.log1p((1 / ratio) ** 2)
        x = np.exp(-log_one_plus)

    def term(j: int, live: npt.NDArray[np.intp]) -> FloatArray:
        p, q = a[live], x[live]
        half = j // 2
        if j % 2:
            return -(p + half) * (p + b + half) / ((p + 2 * half) * (p + 2 * half + 1)) * q
        return half * (b - half) / ((p + 2 * half - 1) * (p + 2 * half)) * q

    fraction = _lentz(term, len(a))
    return -a * log_one_plus + b * log_y - np.log(a) - _log_beta_half(a) - np.log(fraction)


def _lentz(term: Callable[[int, npt.NDArray[np.intp]], FloatArray], size: int) -> FloatArray:
    """1 + c₁/(1 + c₂/(1 + …)) by the modified Lentz algorithm, elementwise until it settles."""
    value = np.ones(size)
    c, d = np.ones(size), np.zeros(size)
    live = np.arange(size)
    for j in range(1, _MAX_TERMS + 1):
        numerator = term(j, live)
        d[live] = 1 / _away_from_zero(1 + numerator * d[live])
        c[live] = _away_from_zero(1 + numerator / c[live])
        step = c[live] * d[live]
        value[live] *= step
        live = live[np.abs(step - 1) > 1e-15]
        if not live.size:
            break
    value[live] = np.nan
    return value


def _away_from_zero(values: FloatArray) -> FloatArray:
    return np.where(np.abs(values) < _TINY, _TINY, values)


def _log_beta_half(a: FloatArray) -> FloatArray:
    """log B(a, 1/2) = ½ log π − log Γ(a + ½)/Γ(a).

    The difference of two large log-gammas loses digits, hence the Stirling series of the
    ratio (DLMF 5.11.13) for large ``a``.
    """
    series = 0.5 * np.log(a) - 1 / (8 * a) + 1 / (192 * a**3) - 1 / (640 * a**5)
    direct = special.gammaln(a + 0.5) - special.gammaln(a)
    return 0.5 * np.log(np.pi) - np.where(a > 100, series, direct)


def _chi2(value: FloatArray, nu: FloatArray) -> FloatArray:
    """−log10 of the chi-squared tail for any positive, finite ``nu``; 1-d arrays."""
    a, x = nu / 2, value / 2
    with np.errstate(all="ignore"):
        tail = special.gammaincc(a, x)
        result = np.where(tail > 0.5, -np.log1p(-special.gammainc(a, x)), -np.log(tail)) / LN10
    deep = (tail < _SMALLEST_DIRECT_TAIL) & np.isfinite(value)
    if deep.any():
        result[deep] = -_log_gamma_tail(a[deep], x[deep]) / LN10
    return _non_negative(result)


def _log_gamma_tail(a: FloatArray, x: FloatArray) -> FloatArray:
    """log Q(a, x) far in the tail: Q = x^a e^−x / Γ(a) · 1/(x + 1 − a − 1(1−a)/(x + 3 − a − …))."""
    start = x + 1 - a

    def term(j: int, live: npt.NDArray[np.intp]) -> FloatArray:
        # An equivalence transform brings every partial denominator to one.
        before, after = start[live] + 2 * (j - 1), start[live] + 2 * j
        return -j * (j - a[live]) / (before * after)

    return a * np.log(x) - x - special.gammaln(a) - np.log(start) - np.log(_lentz(term, len(a)))


def _non_negative(values: FloatArray) -> FloatArray:
    """Clip rounding below zero, and turn −0 into 0; NaN stays."""
    return np.maximum(values, 0.0) + 0.0
