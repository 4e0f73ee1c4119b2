"""Two-sided and upper-tail p-values as −log10 p, exact where p itself underflows.

A float64 p-value ends at 5e-324, and many routines lose it far earlier: ``t = 40`` on 5e5
degrees of freedom has p = 0 in ``scipy.stats.t.sf`` while the truth is −log10 p = 348.58.
Here every tail is taken on the log scale: those of z and t by a series near the middle and a
continued fraction beyond it, in NumPy alone, since the import of SciPy takes longer than a small
scan. Of the other chi-squared tails SciPy's incomplete gamma function is used where it still
resolves them. Many values of one distribution are read off piecewise polynomials through such
numbers (relative error below 1e-14), which takes a fiftieth of the time.

All functions take arrays (or scalars) that broadcast together, return float64 arrays of the
broadcast shape, give NaN for NaN and for arguments outside the domain, and never warn.

References
----------
DLMF 8.17.8 (series of the incomplete beta function); Didonato & Morris (1992), ACM Trans Math
Softw 18:360, equation 9 (its continued fraction); DLMF 8.9.2 (that of the upper incomplete gamma
function); Lentz (1976), Applied Optics 15:668 for their evaluation; DLMF 7.12.1 (asymptotic
series of erfc).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LN10 = float(np.log(10.0))

# Chi-squared tails below this are taken from the continued fraction; SciPy is accurate above it.
_SMALLEST_DIRECT_TAIL = 1e-280
_TINY = 1e-300
_MAX_TERMS = 20_000

# erfc nears its underflow beyond this z, where six terms of its asymptotic series suffice.
_LAST_DIRECT_Z = 36.0
_MAX_NEWTON_STEPS = 50

# −log10 p over the size of the statistic is interpolated in panels of this width up to this
# size. The nearest complex singularity, a zero of the normal tail or ±i√ν, is at least 2.8 panel
# widths away, so that the error of degree 10 is about 27**-11.
_PANEL_WIDTH, _LAST_PANEL_END, _DEGREE = 0.5, 36.0, 10
_MIN_DOF_INTERPOLATED = 30.0
_MIN_INTERPOLATED = 2_000
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
    """−log10 p of abs(z), each number by itself."""
    flat = size.ravel()
    with np.errstate(all="ignore"):
        # Near z = 0 the logarithm of erfc cancels; 1 − p = erf(z/√2) does not.
        centre = -np.log1p(-_each(math.erf, np.minimum(flat, 1.0) / math.sqrt(2)))
        tail = -np.log(_each(math.erfc, np.minimum(flat, _LAST_DIRECT_Z) / math.sqrt(2)))
        z = np.maximum(flat, _LAST_DIRECT_Z)
        far = 0.5 * z * z + np.log(z) + 0.5 * math.log(math.pi / 2) - np.log(_mills_series(z))
    result = np.where(flat < 1.0, centre, np.where(flat < _LAST_DIRECT_Z, tail, far))
    result[np.isnan(flat)] = np.nan
    return _non_negative(result / LN10).reshape(size.shape)


def _each(function: Callable[[float], float], values: FloatArray) -> FloatArray:
    return np.fromiter(map(function, values.tolist()), np.float64, len(values))


def _mills_series(z: FloatArray) -> FloatArray:
    """z Φ(−z)/φ(z) for large z: 1 − 1/z² + 1·3/z⁴ − …"""
    inverse = 1 / z**2
    value = np.ones_like(z)
    for k in (11, 9, 7, 5, 3, 1):
        value = 1 - k * inverse * value
    return value


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
        if value.size >= _MIN_INTERPOLATED:
            from scipy import special  # its import takes as long as 50,000 values of the below

            log_p = -value * LN10
            z_tail = -special.ndtri_exp(log_p - np.log(2.0))
            z_centre = np.sqrt(2.0) * special.erfinv(-np.expm1(log_p))
            z = np.where(value < 0.5, z_centre, z_tail)
        else:
            z = _z_of(value * LN10)
        return np.where(value >= 0, z * z, np.nan)


def _z_of(minus_log_p: FloatArray) -> FloatArray:
    """abs(z) of −ln p, by Newton's method.

    −ln p rises ever faster with z, is at least z²/2 and at least z √(2/π): the steps from the
    smaller of the two bounds of z fall to the solution without passing it.
    """
    z = np.minimum(np.sqrt(2 * minus_log_p), math.sqrt(math.pi / 2) * minus_log_p)
    for _ in range(_MAX_NEWTON_STEPS):
        reached = _normal(z) * LN10
        slope = np.where(
            z < _LAST_DIRECT_Z,
            math.sqrt(2 / math.pi) * np.exp(reached - 0.5 * z * z),
            z / _mills_series(np.maximum(z, _LAST_DIRECT_Z)),
        )
        step = (reached - minus_log_p) / slope
        z = np.where(np.isfinite(step), z - step, z)
        if not (np.abs(step) > 1e-15 * z).any():
            break
    return z


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
        # where the series needs a few dozen terms at most; p is above 0.08 there
        near = size**2 < 3 * nu / (nu + 2)
        result[near] = -np.log1p(-_beta_centre(ratio[near], nu[near] / 2))
        result[~near] = -_log_beta_tail(ratio[~near], nu[~near] / 2)
    result[np.isposinf(size)] = np.inf
    return _non_negative(result / LN10)


def _beta_centre(ratio: FloatArray, a: FloatArray) -> FloatArray:
    """I_y(1/2, a) at y = ratio²/(1 + ratio²), by its series of positive terms."""
    y = ratio**2 / (1 + ratio**2)
    total, term = np.ones_like(y), np.ones_like(y)
    for k in range(_MAX_TERMS):
        term = term * y * (a + 0.5 + k) / (1.5 + k)
        total += term
        if not (term > 1e-17 * total).any():
            break
    scale = 2 * ratio / np.sqrt(1 + ratio**2)
    return scale * np.exp(-a * np.log1p(ratio**2) - _log_beta_half(a)) * total


def _log_beta_tail(ratio: FloatArray, a: FloatArray) -> FloatArray:
    """log I_x(a, 1/2) at x = 1/(1 + ratio²), by continued fraction.

    Its terms are of the size of t² however large a is; those of DLMF 8.17.22 cancel there.
    """
    b = 0.5
    log_one_plus = np.where(ratio < 1e8, np.log1p(ratio**2), 2 * np.log(ratio))
    log_y = -np.log1p((1 / ratio) ** 2)
    x, y = np.exp(-log_one_plus), np.exp(log_y)
    lead = (a + b) * y - b

    def below(n: int, live: npt.NDArray[np.intp]) -> FloatArray:
        p, q = a[live], x[live]
        rest = (p + n) / (p + 2 * n + 1) * (lead[live] + 1 + n * (1 + y[live]))
        return n + n * (b - n) * q / (p + 2 * n - 1) + rest if n else rest

    def above(n: int, live: npt.NDArray[np.intp]) -> FloatArray:
        p, q = a[live], x[live]
        factors = (p + n - 1) * (p + b + n - 1) / (p + 2 * n - 1) ** 2
        return factors * n * (b - n) * q**2

    fraction = _lentz(below, above, len(a))
    return -a * log_one_plus + b * log_y - _log_beta_half(a) - np.log(fraction)


def _lentz(
    below: Callable[[int, npt.NDArray[np.intp]], FloatArray],
    above: Callable[[int, npt.NDArray[np.intp]], FloatArray],
    size: int,
) -> FloatArray:
    """b₀ + a₁/(b₁ + a₂/(b₂ + …)) by the modified Lentz algorithm, elementwise until it settles.

    Parameters
    ----------
    below, above : ``(n, live)`` to bₙ and aₙ of the elements ``live``.
    size : number of elements.
    """
    live = np.arange(size)
    value = _away_from_zero(below(0, live))
    c, d = value.copy(), np.zeros(size)
    for n in range(1, _MAX_TERMS + 1):
        if not live.size:
            break
        numerator, denominator = above(n, live), below(n, live)
        d[live] = 1 / _away_from_zero(denominator + numerator * d[live])
        c[live] = _away_from_zero(denominator + numerator / c[live])
        step = c[live] * d[live]
        value[live] *= step
        live = live[np.abs(step - 1) > 1e-15]
    value[live] = np.nan
    return value


def _away_from_zero(values: FloatArray) -> FloatArray:
    return np.where(np.abs(values) < _TINY, _TINY, values)


def _log_beta_half(a: FloatArray) -> FloatArray:
    """log B(a, 1/2) = ½ log π − log Γ(a + ½)/Γ(a).

    The difference of two large log-gammas loses digits, hence the Stirling series of the
    ratio (DLMF 5.11.13) for large ``a``, and the gammas themselves for others.
    """
    series = 0.5 * np.log(a) - 1 / (8 * a) + 1 / (192 * a**3) - 1 / (640 * a**5)
    distinct, place = np.unique(np.minimum(a, 100.0), return_inverse=True)
    direct = _each(_log_gamma_step, distinct)[place]
    return 0.5 * math.log(math.pi) - np.where(a > 100, series, direct)


def _log_gamma_step(a: float) -> float:
    """log Γ(a + ½)/Γ(a) for a up to 100."""
    if a < 1:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    return math.log(math.gamma(a + 0.5) / math.gamma(a))


def _chi2(value: FloatArray, nu: FloatArray) -> FloatArray:
    """−log10 of the chi-squared tail for any positive, finite ``nu``; 1-d arrays."""
    from scipy import special

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

    def below(n: int, live: npt.NDArray[np.intp]) -> FloatArray:
        return x[live] + 1 - a[live] + 2 * n

    def above(n: int, live: npt.NDArray[np.intp]) -> FloatArray:
        return -n * (n - a[live])

    return a * np.log(x) - x - _each(math.lgamma, a) - np.log(_lentz(below, above, len(a)))


def _non_negative(values: FloatArray) -> FloatArray:
    """Clip rounding below zero, and turn −0 into 0; NaN stays."""
    return np.maximum(values, 0.0) + 0.0
