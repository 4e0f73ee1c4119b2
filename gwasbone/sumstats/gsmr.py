"""GSMR: generalised least squares of the ratios of correlated instruments, without outliers.

The covariance of two ratios b_i = b_yi/b_xi is
r_ij (s_yi s_yj/(b_xi b_xj) + b_i b_j/(z_xi z_xj)). Outliers are found by HEIDI: against the
strongest instrument of the middle fifth (``top``), or with each instrument as the reference in turn
(``global``). ``published`` repeats the released program, which gives HEIDI the p-values of the
exposure where their standard errors belong: the second term of the covariance is lost there, and
of several instruments with p below 1e-154 the first is the reference.

References
----------
Zhu et al. (2018), Nature Communications 9:224; Xue et al. (2024), GSMR2 (global HEIDI).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.stats.false_discovery import neg_log10_q
from gwasbone.stats.pvalues import neg_log10_p_chi2, neg_log10_p_normal
from gwasbone.sumstats.mr import Harmonised, MrEstimate, normal_estimate, undefined
from gwasbone.sumstats.mr_multivariable import checked_ld

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
Heidi = Literal["top", "published", "global", "none"]

_RIDGE, _LD_FDR = 1e-6, 0.05


@dataclass(frozen=True)
class Gsmr:
    """Result of GSMR.

    Parameters
    ----------
    estimate : effect of the exposure.
    kept : (k,) rows of the instruments used.
    weak, linked, outliers : rows left out: exposure p-value, LD, HEIDI.
    """

    estimate: MrEstimate
    kept: IntArray
    weak: IntArray
    linked: IntArray
    outliers: IntArray


def standardised(
    beta: npt.ArrayLike, se: npt.ArrayLike, frequency: npt.ArrayLike, n: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Effects in standard deviations of the trait: z/√(2f(1 − f)(n + z²)), and standard errors.

    Parameters
    ----------
    beta, se, frequency, n : (m,) effects, standard errors, allele frequencies and sample sizes.
    """
    b, s, f, size = (np.asarray(a, dtype=np.float64) for a in (beta, se, frequency, n))
    z = b / s
    new = 1 / np.sqrt(2 * f * (1 - f) * (size + z**2))
    return z * new, np.asarray(new)


def significant_ld(ld: npt.ArrayLike, n_reference: float, *, fdr: float = _LD_FDR) -> FloatArray:
    """LD in which correlations that are not significant are 0.

    Pairs are tested by n r² ~ χ²₁ and kept at a false discovery rate (Benjamini-Hochberg).

    Parameters
    ----------
    ld : (n, n) correlations. n_reference : people that they were estimated in.
    """
    r = np.array(ld, dtype=np.float64)
    row, column = np.tril_indices(len(r), -1)
    q = neg_log10_q(neg_log10_p_chi2(n_reference * r[row, column] ** 2, 1))
    nothing = q <= -np.log10(fdr)
    r[row[nothing], column[nothing]] = r[column[nothing], row[nothing]] = 0.0
    return r


def gsmr(
    data: Harmonised,
    ld: npt.ArrayLike,
    *,
    n_reference: float | None = None,
    heidi: Heidi = "top",
    p_exposure: float = 5e-8,
    max_r2: float = 0.05,
    heidi_p: float = 0.01,
    min_snps: int = 10,
) -> Gsmr:
    """Estimate θ by GSMR.

    Parameters
    ----------
    data : instruments; effects on the exposure best :func:`standardised`.
    ld : (n, n) correlations r for the effect alleles of ``data``.
    n_reference : participants that LD was estimated in; then correlations of the instruments that
        are not significant count as 0 (:func:`significant_ld`).
    heidi : rule of outliers: ``top`` (corrected, the default), ``published``, ``global`` or none.
    p_exposure : maximum p-value of an instrument.
    max_r2 : of two instruments with a larger r² the one with more such partners is left out, the
        first where both have as many.
    heidi_p : p-value below which HEIDI leaves an instrument out.
    min_snps : with fewer instruments there is no estimate.

    Raises
    ------
    InputError
        The matrix of LD does not fit the instruments.
    """
    r = checked_ld(ld, len(data))
    p = neg_log10_p_normal(data.beta_x / data.se_x)
    strong = p >= -np.log10(p_exposure)
    rows = np.flatnonzero(strong)
    if n_reference is not None:
        r = np.array(r)
        r[np.ix_(rows, rows)] = significant_ld(r[np.ix_(rows, rows)], n_reference)
    unlinked = rows[_unlinked(r[np.ix_(rows, rows)] ** 2, max_r2)]
    weak, linked = np.flatnonzero(~strong), np.setdiff1d(rows, unlinked)
    nothing = np.zeros(0, np.intp)
    if len(unlinked) < min_snps:
        why = f"{len(unlinked)} instruments, {min_snps} are needed"
        return Gsmr(undefined("gsmr", len(unlinked), why), unlinked, weak, linked, nothing)
    chosen = data.take(unlinked)
    outliers = unlinked[_outliers(chosen, r[np.ix_(unlinked, unlinked)], heidi, heidi_p)]
    kept = np.setdiff1d(unlinked, outliers)
    if len(kept) < min_snps:
        why = f"{len(kept)} instruments are no HEIDI outliers, {min_snps} are needed"
        return Gsmr(undefined("gsmr", len(kept), why), kept, weak, linked, outliers)
    status = f"{len(outliers)} HEIDI outliers" if len(outliers) else ""
    estimate = _gls(data.take(kept), r[np.ix_(kept, kept)], status)
    return Gsmr(estimate, kept, weak, linked, outliers)


def _unlinked(r2: FloatArray, limit: float) -> IntArray:
    """Rows left when of each linked pair the one with more partners, else the first, goes."""
    linked = np.tril(r2 > limit, -1)
    partners = (linked | linked.T).sum(axis=1)
    left = np.ones(len(r2), dtype=bool)
    for later, first in zip(*np.nonzero(linked), strict=True):
        left[later if partners[later] > partners[first] else first] = False
    return np.flatnonzero(left)


def ratio_covariance(data: Harmonised, ld: FloatArray, *, of_exposure: bool = True) -> FloatArray:
    """(n, n) covariance of the ratios; ``of_exposure`` includes the errors of b_x."""
    first = data.se_y / data.beta_x
    covariance = np.outer(first, first)
    if of_exposure:
        second = data.ratio / (data.beta_x / data.se_x)
        covariance = covariance + np.outer(second, second)
    return np.asarray(ld * covariance)


def _gls(data: Harmonised, ld: FloatArray, status: str) -> MrEstimate:
    covariance = ratio_covariance(data, ld) + _RIDGE * np.eye(len(data))
    if np.linalg.eigvalsh(covariance)[0] <= 0:
        raise InputError(
            "GSMR: the covariance of the instruments' ratios is not positive definite: is the LD "
            "of these alleles and of enough participants?"
        )
    solved = np.linalg.solve(covariance, np.column_stack([np.ones(len(data)), data.ratio]))
    information = solved[:, 0].sum()
    return normal_estimate(
        "gsmr", solved[:, 1].sum() / information, 1 / np.sqrt(information), len(data), status
    )


def _outliers(data: Harmonised, ld: FloatArray, heidi: Heidi, level: float) -> IntArray:
    if heidi == "none":
        return np.zeros(0, np.intp)
    if heidi == "global":
        return _global_outliers(data, ld, level)
    covariance = ratio_covariance(data, ld, of_exposure=heidi == "top")
    top = _top(data, published=heidi == "published")
    d2 = (data.ratio - data.ratio[top]) ** 2
    variance = np.diag(covariance) + covariance[top, top] - 2 * covariance[top]
    variance[top] = np.inf
    return np.flatnonzero(neg_log10_p_chi2(d2 / variance, 1) > -np.log10(level))


def _top(data: Harmonised, *, published: bool) -> int:
    """The strongest instrument whose ratio lies in the third quintile."""
    low, high = np.quantile(data.ratio, [0.4, 0.6])
    middle = np.flatnonzero((data.ratio >= low) & (data.ratio <= high))
    z = data.beta_x / data.se_x
    if not published:
        return int(middle[np.argmax(z[middle] ** 2)])
    with np.errstate(over="ignore", divide="ignore"):
        chi2 = (data.beta_x / 10 ** -neg_log10_p_normal(z)) ** 2
    return int(middle[np.argmax(chi2[middle])])


def _global_outliers(data: Harmonised, ld: FloatArray, level: float) -> IntArray:
    """Drop the instrument that fits the others worst until every one fits.

    With each instrument as the reference, Σ d²/var(d) over the others is a sum of correlated χ²₁;
    its p-value is by a saddlepoint.
    """
    covariance = ratio_covariance(data, ld)
    left = np.arange(len(data))
    while len(left) > 2:
        p = _global_p(data.ratio[left], covariance[np.ix_(left, left)])
        worst = int(np.argmax(p))
        if p[worst] <= -np.log10(level):
            break
        left = np.delete(left, worst)
    return np.setdiff1d(np.arange(len(data)), left)


def _global_p(ratio: FloatArray, covariance: FloatArray) -> FloatArray:
    from gwasbone.stats.chi2_mixture import neg_log10_p_mixture

    n = len(ratio)
    found = np.empty(n)
    for i in range(n):
        others = np.arange(n) != i
        d = (ratio - ratio[i])[others]
        own = covariance[i]
        v = covariance - own[:, None] - own[None, :] + covariance[i, i]
        v = v[np.ix_(others, others)]
        scale = np.sqrt(np.diag(v))
        weights = np.linalg.eigvalsh(v / np.outer(scale, scale))
        found[i] = neg_log10_p_mixture(float(((d / scale) ** 2).sum()), weights)
    return found
