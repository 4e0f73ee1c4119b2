"""MR-PRESSO: a global test of pleiotropy, outlying instruments, and the estimate without them.

All leave-one-out estimates of all draws are closed forms: θ₋ᵢ = (S_xy − w x_i y_i)/(S_xx − w x_i²).

References
----------
Verbanck et al. (2018), Nature Genetics 50:693. The outlier statistic is unweighted, and the null of
the distortion test keeps the outliers, as in the authors' program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gwasbone.sumstats.mr import SEED, Harmonised, MrEstimate, ivw, undefined

FloatArray = npt.NDArray[np.float64]

PRESSO_DRAWS, _LEVEL, _DRAWS_TOGETHER = 10_000, 0.05, 4_000_000


@dataclass(frozen=True)
class Presso:
    """Result of MR-PRESSO.

    Parameters
    ----------
    estimate : IVW of all instruments; q is the observed residual sum of squares of the global test
        and q_neg_log10_p its p-value.
    corrected : IVW without the outliers.
    rss : observed residual sum of squares.
    global_p : of the global test.
    outlier_p : (n,) Bonferroni-corrected; NaN where the global test found nothing.
    outliers : (k,) rows of the outliers.
    distortion, distortion_p : relative change by the outliers, and its test; NaN without outliers.
    """

    estimate: MrEstimate
    corrected: MrEstimate
    rss: float
    global_p: float
    outlier_p: FloatArray
    outliers: npt.NDArray[np.intp]
    distortion: float
    distortion_p: float


def presso(data: Harmonised, *, draws: int = PRESSO_DRAWS, seed: int = SEED) -> Presso:
    """Test for pleiotropic outliers and remove them.

    Parameters
    ----------
    data : four or more instruments.
    draws, seed : of the simulated null. p-values are (1 + exceeding draws)/(1 + draws).
    """
    n = len(data)
    if n < 4:
        nothing = undefined("presso", n, "needs four or more instruments")
        return Presso(
            nothing, replace(nothing, method="presso_corrected"), np.nan, np.nan,
            np.full(n, np.nan), np.zeros(0, np.intp), np.nan, np.nan,
        )  # fmt: skip
    rng = np.random.default_rng(seed)
    w = data.se_y**-2
    theta = _left_out(data.beta_x[None], data.beta_y[None], w)[0]
    residual = data.beta_y - theta * data.beta_x
    rss = float((w * residual**2).sum())
    above, far = 0, np.zeros(n)
    done, together = 0, max(1, _DRAWS_TOGETHER // n)
    while done < draws:
        k = min(together, draws - done)
        x = data.beta_x + data.se_x * rng.standard_normal((k, n))
        y = theta * data.beta_x + data.se_y * rng.standard_normal((k, n))
        drawn = w * (y - _left_out(x, y, w) * x) ** 2
        above += int((drawn.sum(axis=1) > rss).sum())
        far += ((y - theta * x) ** 2 > residual**2).sum(axis=0)
        done += k
    global_p = (1 + above) / (1 + draws)
    whole = replace(
        ivw(data), method="presso", q=rss, q_df=np.nan, q_neg_log10_p=float(-np.log10(global_p))
    )
    outlier_p = np.full(n, np.nan)
    if global_p < _LEVEL:
        outlier_p = np.minimum(1.0, (1 + far) / (1 + draws) * n)
    outliers = np.flatnonzero(outlier_p < _LEVEL)
    return _corrected(data, whole, rss, global_p, outlier_p, outliers, draws, rng)


def _corrected(
    data: Harmonised,
    whole: MrEstimate,
    rss: float,
    global_p: float,
    outlier_p: FloatArray,
    outliers: npt.NDArray[np.intp],
    draws: int,
    rng: np.random.Generator,
) -> Presso:
    n, k = len(data), len(outliers)
    good = np.setdiff1d(np.arange(n), outliers)
    if k == 0 or len(good) < 2:
        why = "no outliers" if k == 0 else "fewer than two instruments are no outliers"
        same = replace(whole, method="presso_corrected", status=why, q=np.nan, q_neg_log10_p=np.nan)
        clean = same if k == 0 else undefined("presso_corrected", len(good), why)
        return Presso(whole, clean, rss, global_p, outlier_p, outliers, np.nan, np.nan)
    named = ", ".join(data.names[i] for i in outliers[:10])
    clean = replace(
        ivw(data.take(good)), method="presso_corrected", status=f"{k} outliers: {named}"
    )
    distortion = (whole.b - clean.b) / abs(clean.b)
    p = np.nan
    if n > 2 * k:
        drawn = rng.choice(good, (draws, n - 2 * k))
        rows = np.concatenate([np.broadcast_to(outliers, (draws, k)), drawn], axis=1)
        w = data.se_y**-2
        xy, xx = w * data.beta_x * data.beta_y, w * data.beta_x**2
        theta = xy[rows].sum(axis=1) / xx[rows].sum(axis=1)
        null = (whole.b - theta) / np.abs(theta)
        p = float((1 + (np.abs(null) > abs(distortion)).sum()) / (1 + draws))
    return Presso(whole, clean, rss, global_p, outlier_p, outliers, float(distortion), p)


def _left_out(x: FloatArray, y: FloatArray, w: FloatArray) -> FloatArray:
    """(k, n) IVW estimates of each draw without each instrument."""
    xy, xx = w * x * y, w * x * x
    return np.asarray((xy.sum(axis=1, keepdims=True) - xy) / (xx.sum(axis=1, keepdims=True) - xx))
