"""Screens of thousands of exposures against several outcomes, in one pass.

Instruments of all exposures stand one after another; sums over those of an exposure are
``np.add.reduceat``. Two funnels are made of the same estimates:

- **published**: GSMR with p < 0.05 in the discovery outcome, then IVW of the same sign with
  p < 0.05, then a validation outcome of the same sign at a false discovery rate among those left.
  Where the errors of outcomes are correlated (shared participants) its realised rate exceeds the
  nominal one.
- **valid**: Benjamini-Hochberg over *all* exposures of the larger of the discovery p and the Simes
  p of the validations (partial conjunction).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.stats.false_discovery import neg_log10_q, simes_by_group
from gwasbone.stats.pvalues import neg_log10_p_chi2, neg_log10_p_normal, neg_log10_p_t

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_NOMINAL = 0.05


@dataclass(frozen=True)
class ScreenEstimates:
    """Estimates of one method for E exposures and one outcome; NaN where it cannot be.

    Parameters
    ----------
    b, se, neg_log10_p, q, q_df : (E,). n_snp : (E,) instruments used.
    """

    b: FloatArray
    se: FloatArray
    neg_log10_p: FloatArray
    q: FloatArray
    q_df: FloatArray
    n_snp: IntArray


@dataclass(frozen=True)
class Screen:
    """Estimates of a screen.

    Parameters
    ----------
    ivw, egger, egger_intercept, gsmr : of each exposure.
    low, high : (E,) range of IVW without each instrument.
    """

    ivw: ScreenEstimates
    egger: ScreenEstimates
    egger_intercept: ScreenEstimates
    gsmr: ScreenEstimates
    low: FloatArray
    high: FloatArray


def screen(
    beta_x: npt.ArrayLike,
    se_x: npt.ArrayLike,
    beta_y: npt.ArrayLike,
    se_y: npt.ArrayLike,
    edges: npt.ArrayLike,
    *,
    heidi_p: float = 0.01,
    min_snps: int = 10,
) -> Screen:
    """Estimate the effects of E exposures on an outcome: IVW, Egger, leave-one-out and GSMR.

    GSMR takes the instruments as independent, with HEIDI against the strongest of the middle fifth.

    Parameters
    ----------
    beta_x, se_x, beta_y, se_y : (n,) instruments, exposure after exposure.
    edges : (E + 1,) first rows of the exposures, and the end; an exposure may have none.
    heidi_p, min_snps : as in :func:`gwasbone.sumstats.gsmr.gsmr`.

    Raises
    ------
    InputError
        Arrays that do not fit one another, or standard errors not above 0.
    """
    x, sx, y, sy = (np.asarray(a, dtype=np.float64) for a in (beta_x, se_x, beta_y, se_y))
    ends = np.asarray(edges, dtype=np.int64)
    if len({len(x), len(sx), len(y), len(sy), int(ends[-1])}) != 1:
        raise InputError("screen: expected four numbers for each instrument, and edges to the end")
    if not (np.isfinite(x + y).all() and (sx > 0).all() and (sy > 0).all() and (x != 0).all()):
        raise InputError("screen: expected finite effects, none of 0, and standard errors above 0")
    sums = _Sums(ends)
    w = sy**-2
    ivw, low, high = _ivw(sums, x, y, w)
    slope, intercept = _egger(sums, np.abs(x), np.sign(x) * y, w)
    return Screen(ivw, slope, intercept, _gsmr(sums, x, sx, y, sy, heidi_p, min_snps), low, high)


class _Sums:
    """Sums over the instruments of each exposure."""

    def __init__(self, edges: IntArray) -> None:
        self.edges, self.n = edges, np.diff(edges)
        self.there = np.flatnonzero(self.n > 0)
        self.group = np.repeat(np.arange(len(self.n)), self.n)

    def __call__(self, values: FloatArray) -> FloatArray:
        return self.reduce(np.add, values, 0.0)

    def reduce(self, how: np.ufunc, values: FloatArray, otherwise: float) -> FloatArray:
        found = np.full(len(self.n), otherwise)
        if len(self.there):
            found[self.there] = how.reduceat(values, self.edges[:-1][self.there])
        return found


def _made(
    b: FloatArray,
    se: FloatArray,
    p: FloatArray,
    q: FloatArray,
    df: IntArray,
    n: IntArray,
    least: int,
) -> ScreenEstimates:
    there = n >= least
    b, se, p, q, q_df = (np.where(there, a, np.nan) for a in (b, se, p, q, df.astype(float)))
    return ScreenEstimates(b, se, p, q, q_df, n)


def _ivw(
    sums: _Sums, x: FloatArray, y: FloatArray, w: FloatArray
) -> tuple[ScreenEstimates, FloatArray, FloatArray]:
    xx, xy = sums(w * x * x), sums(w * x * y)
    with np.errstate(divide="ignore", invalid="ignore"):
        b = xy / xx
        q = sums(w * (y - b[sums.group] * x) ** 2)
        df = sums.n - 1
        se = np.sqrt(np.where(df > 0, np.maximum(1.0, q / df), 1.0) / xx)
        own = sums.group
        left = (xy[own] - w * x * y) / (xx[own] - w * x * x)
    left = np.where(sums.n[own] > 1, left, np.nan)
    low, high = (sums.reduce(how, left, np.nan) for how in (np.minimum, np.maximum))
    q = np.where(df > 0, q, np.nan)
    return _made(b, se, neg_log10_p_normal(b / se), q, df, sums.n, 1), low, high


def _egger(
    sums: _Sums, x: FloatArray, y: FloatArray, w: FloatArray
) -> tuple[ScreenEstimates, ScreenEstimates]:
    total = sums(w)
    df = sums.n - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        x_mean, y_mean = sums(w * x) / total, sums(w * y) / total
        dx = x - x_mean[sums.group]
        sxx = sums(w * dx * dx)
        b = sums(w * dx * y) / sxx
        a = y_mean - b * x_mean
        q = sums(w * (y - a[sums.group] - b[sums.group] * x) ** 2)
        spread = np.sqrt(np.maximum(1.0, q / df))
        errors = spread / np.sqrt(sxx), spread * np.sqrt(1 / total + x_mean**2 / sxx)
    slope, intercept = (
        _made(v, se, neg_log10_p_t(v / se, np.maximum(df, 1)), q, df, sums.n, 3)
        for v, se in ((b, errors[0]), (a, errors[1]))
    )
    return slope, intercept


def _gsmr(
    sums: _Sums,
    x: FloatArray,
    sx: FloatArray,
    y: FloatArray,
    sy: FloatArray,
    heidi_p: float,
    min_snps: int,
) -> ScreenEstimates:
    ratio = y / x
    variance = (sy / x) ** 2 + (ratio * sx / x) ** 2
    top = np.full(len(sums.n), -1)
    for e in np.flatnonzero(sums.n >= min_snps):
        rows = slice(sums.edges[e], sums.edges[e + 1])
        low, high = np.quantile(ratio[rows], [0.4, 0.6])
        middle = np.flatnonzero((ratio[rows] >= low) & (ratio[rows] <= high))
        top[e] = sums.edges[e] + middle[np.argmax((x / sx)[rows][middle] ** 2)]
    reference = top[sums.group]
    d2 = (ratio - ratio[reference]) ** 2
    far = neg_log10_p_chi2(d2 / (variance + variance[reference]), 1) > -np.log10(heidi_p)
    kept = ~(far & (np.arange(len(x)) != reference)) & (reference >= 0)
    weight = np.where(kept, 1 / (variance + 1e-6), 0.0)
    n = sums(kept.astype(float)).astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = sums(weight)
        b, se = sums(weight * ratio) / total, 1 / np.sqrt(total)
    nothing = np.full(len(n), np.nan)
    return _made(b, se, neg_log10_p_normal(b / se), nothing, n, n, min_snps)


@dataclass(frozen=True)
class Funnel:
    """Which exposures a screen of several outcomes finds.

    Parameters
    ----------
    table : a row for each exposure: ``neg_log_10_p_discovery``, ``concordant``,
        ``n_validated``, ``found_published``, ``neg_log_10_p_validation`` (Simes),
        ``neg_log_10_q`` (valid) and ``found``.
    steps : of the published funnel: ``step reason removed remaining``.
    """

    table: pd.DataFrame
    steps: pd.DataFrame


def funnel_of_screen(
    gsmr: tuple[npt.ArrayLike, npt.ArrayLike],
    ivw: tuple[npt.ArrayLike, npt.ArrayLike],
    *,
    fdr: float = 0.05,
) -> Funnel:
    """Make the published funnel and the valid q of a screen; the first outcome is the discovery.

    Parameters
    ----------
    gsmr, ivw : effects and −log10 p, each (E, O), NaN where there is no estimate. Where GSMR has
        none (too few instruments) IVW stands in for the discovery and the validation.
    fdr : false discovery rate.

    Raises
    ------
    InputError
        There is no second outcome.
    """
    b, p = (np.asarray(a, dtype=np.float64) for a in gsmr)
    b_ivw, p_ivw = (np.asarray(a, dtype=np.float64) for a in ivw)
    if b.ndim != 2 or b.shape[1] < 2 or not b.shape == p.shape == b_ivw.shape == p_ivw.shape:
        raise InputError(
            f"funnel: expected (exposures, outcomes) of a discovery and validations, got {b.shape}"
        )
    b, p = np.where(np.isfinite(p), b, b_ivw), np.where(np.isfinite(p), p, p_ivw)
    level, nominal = -np.log10(fdr), -np.log10(_NOMINAL)
    discovered = np.nan_to_num(p[:, 0], nan=0.0) > nominal
    concordant = discovered & (p_ivw[:, 0] > nominal) & (b[:, 0] * b_ivw[:, 0] > 0)
    same = b[:, 1:] * b[:, :1] > 0
    # of the survivors alone, as published
    among = np.where(concordant[:, None], p[:, 1:], np.nan)
    rates = np.column_stack([neg_log10_q(column) for column in among.T])
    validated = (np.nan_to_num(rates, nan=-1.0) >= level) & same & concordant[:, None]
    found = validated.any(axis=1)
    # a validation of the other sign is none
    one_sided = np.where(np.isnan(p[:, 1:]), 0.0, np.where(same, p[:, 1:], 0.0))
    n, k = one_sided.shape
    simes = simes_by_group(one_sided.ravel(), np.arange(0, n * k + 1, k))
    both = np.where(np.isnan(p[:, 0]), np.nan, np.minimum(p[:, 0], simes))
    q = neg_log10_q(both)
    table = pd.DataFrame(
        {
            "neg_log_10_p_discovery": p[:, 0],
            "concordant": concordant,
            "n_validated": validated.sum(axis=1),
            "found_published": found,
            "neg_log_10_p_validation": simes,
            "neg_log_10_q": q,
            "found": np.nan_to_num(q, nan=0.0) >= level,
        }
    )
    tested = np.isfinite(p[:, 0])
    counts = [
        len(b),
        int(tested.sum()),
        int(discovered.sum()),
        int(concordant.sum()),
        int(found.sum()),
    ]
    steps = pd.DataFrame(
        {
            "step": ["exposures", "with instruments", "discovery", "concordance", "validation"],
            "reason": [
                "", "no instrument in the discovery outcome", "GSMR (else IVW) with p > 0.05",
                "IVW of another sign or p > 0.05", _no_validation(fdr),
            ],
            "removed": [0, *(-np.diff(counts)).tolist()],
            "remaining": counts,
        }
    )  # fmt: skip
    return Funnel(table, steps)


def _no_validation(fdr: float) -> str:
    return f"no validation of the same sign at a false discovery rate of {fdr:g}"
