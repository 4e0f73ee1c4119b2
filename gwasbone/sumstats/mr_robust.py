"""Estimators of Mendelian randomisation that allow for invalid or weak instruments.

References
----------
Xue et al. (2021), American Journal of Human Genetics 108:1251 (cML-MA); Burgess et al. (2020),
Nature Communications 11:376 (contamination mixture); Zhao et al. (2020), Annals of Statistics
48:1742 (RAPS); Ye et al. (2021), Annals of Statistics 49:2079 (dIVW); Xu et al. (2023), Biometrics
79:2184 (pIVW); Rees et al. (2019), PLoS One 14:e0222362 (Lasso).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gwasbone.errors import UsageError
from gwasbone.stats.pvalues import neg_log10_p_chi2
from gwasbone.sumstats.mr import (
    Harmonised,
    MrEstimate,
    ivw,
    normal_estimate,
    undefined,
)

FloatArray = npt.NDArray[np.float64]

_CHI2_95, _Z95 = 3.841459, 1.959964
_STEPS, _TOLERANCE = 500, 1e-10
_HUBER = 1.345


def _too_few(method: str, data: Harmonised, least: int) -> MrEstimate | None:
    if len(data) >= least:
        return None
    return undefined(method, len(data), f"needs {least} or more instruments")


def divw(data: Harmonised) -> MrEstimate:
    """Estimate θ by debiased IVW, which weak instruments do not pull to 0.

    Σ b_x b_y/s_y² over Σ (b_x² − s_x²)/s_y².
    """
    if (few := _too_few("divw", data, 2)) is not None:
        return few
    ratio, mu = data.se_x / data.se_y, data.beta_x / data.se_x
    bottom = (ratio**2 * (mu**2 - 1)).sum()
    b = (data.beta_x * data.beta_y / data.se_y**2).sum() / bottom
    top = (ratio**2 * mu**2).sum() + b**2 * (ratio**4 * (mu**2 + 1)).sum()
    weak = "instruments explain no more than error" if bottom <= 0 else ""
    return normal_estimate("divw", b, np.sqrt(top) / abs(bottom), len(data), weak)


def pivw(data: Harmonised, *, penalty: float = 1.0) -> MrEstimate:
    """Estimate θ by penalised IVW, whose denominator is kept away from 0.

    Parameters
    ----------
    penalty : λ of the penalty on the logarithm of the denominator.
    """
    if (few := _too_few("pivw", data, 2)) is not None:
        return few
    wy = data.se_y**-2
    v1 = (data.beta_x * data.beta_y * wy).sum()
    v2 = ((data.beta_x**2 - data.se_x**2) * wy).sum()
    own = ((4 * (data.beta_x**2 - data.se_x**2) * data.se_x**2 + 2 * data.se_x**4) * wy**2).sum()
    both = (2 * data.beta_x * data.beta_y * data.se_x**2 * wy**2).sum()
    own = max(own, np.finfo(float).tiny)
    bottom = v2 / 2 + (1 if v2 >= 0 else -1) * np.sqrt(v2**2 / 4 + penalty * own)
    b = (v1 + both / own * (bottom - v2)) / bottom
    spread = (data.beta_x**2 * wy).sum()
    spread += b**2 * (data.se_x**2 * wy**2 * (data.beta_x**2 + data.se_x**2)).sum()
    return normal_estimate("pivw", b, np.sqrt(spread) / abs(bottom), len(data))


def raps(data: Harmonised, *, overdispersion: bool = True, robust: bool = True) -> MrEstimate:
    """Estimate θ by the (robust) adjusted profile score.

    Residuals are t = (b_y − θ b_x)/√(s_y² + τ² + θ² s_x²). θ maximises −Σ ρ(t), and τ² solves
    Σ (t ρ'(t) − δ)/(s_y² + τ² + θ² s_x²) = 0 with δ the mean of t ρ'(t) under the model. The
    standard error is that of the model.

    Parameters
    ----------
    overdispersion : whether instruments have small pleiotropic effects of variance τ².
    robust : Huber's loss (1.345) instead of squares, against a few large ones.
    """
    from scipy.optimize import brentq

    if (few := _too_few("raps", data, 3)) is not None:
        return few
    k = _HUBER if robust else np.inf
    delta = _delta(k)
    theta, tau2 = _median_start(data), 0.0
    for _ in range(_STEPS):
        before = (theta, tau2)
        theta = _profile_root(data, theta, tau2, k)
        if overdispersion:

            def excess(tau2: float, theta: float = theta) -> float:
                v = data.se_y**2 + tau2 + theta**2 * data.se_x**2
                t = (data.beta_y - theta * data.beta_x) / np.sqrt(v)
                return float(((t * np.clip(t, -k, k) - delta) / v).sum())

            high = float(
                4 * ((data.beta_y - theta * data.beta_x) ** 2).max() + data.se_y.max() ** 2
            )
            tau2 = brentq(excess, 0.0, high, xtol=1e-14) if excess(0.0) > 0 > excess(high) else 0.0
        if abs(theta - before[0]) < _TOLERANCE and abs(tau2 - before[1]) < _TOLERANCE:
            break
    se = _profile_score_se(data, theta, tau2, k)
    return normal_estimate("raps", theta, se, len(data))


def _delta(k: float) -> float:
    """E t ρ'(t) for standard normal t."""
    from scipy.stats import norm

    # ∫ of t² within ±k, and of k abs(t) beyond
    if not np.isfinite(k):
        return 1.0
    inside = 2 * norm.cdf(k) - 1 - 2 * k * norm.pdf(k)
    return float(inside + 2 * k * norm.pdf(k))


def _median_start(data: Harmonised) -> float:
    from gwasbone.sumstats.mr import weighted_medians

    return float(weighted_medians(data.ratio[None], data.ratio_se() ** -2)[0])


def _loss(data: Harmonised, theta: FloatArray, tau2: float, k: float) -> FloatArray:
    v = data.se_y**2 + tau2 + theta[:, None] ** 2 * data.se_x**2
    t = np.abs(data.beta_y - theta[:, None] * data.beta_x) / np.sqrt(v)
    return np.asarray(np.where(t <= k, t**2 / 2, k * t - k**2 / 2 if np.isfinite(k) else 0).sum(1))


def _profile_root(data: Harmonised, start: float, tau2: float, k: float) -> float:
    """The minimum of the loss: the best of a wide grid, then brackets about it."""
    from scipy.optimize import minimize_scalar

    spread = float(np.ptp(data.ratio)) or 1.0
    grid = np.append(np.linspace(data.ratio.min(), data.ratio.max(), 201), start)
    best = float(grid[np.argmin(_loss(data, grid, tau2, k))])
    step = spread / 200
    found = minimize_scalar(
        lambda v: float(_loss(data, np.array([v]), tau2, k)[0]),
        bounds=(best - step, best + step), method="bounded", options={"xatol": 1e-12},
    )  # fmt: skip
    return float(found.x)


def _profile_score_se(data: Harmonised, theta: float, tau2: float, k: float) -> float:
    """Model-based standard error of θ from the variance and the slope of the profile score."""
    from scipy.stats import norm

    delta, square = _delta(k), 1.0  # E ρ'(t)²
    if np.isfinite(k):
        square = delta - 2 * k * norm.pdf(k) + 2 * k**2 * norm.sf(k)
    own = data.se_y**2 + tau2
    v2 = (own + theta**2 * data.se_x**2) ** 2
    signal = (data.beta_x**2 - data.se_x**2) * own + (data.beta_y**2 - own) * data.se_x**2
    slope = delta * (signal / v2).sum()
    variance = square * ((signal + data.se_x**2 * own) / v2).sum()
    return float(np.sqrt(variance) / slope) if variance > 0 < slope else np.nan


def contamination_mixture(data: Harmonised, *, points: int = 20_001) -> MrEstimate:
    """Estimate θ by the contamination mixture: each instrument is valid or has any ratio at all.

    At each θ an instrument counts as valid (ratio N(θ, s²)) or invalid (N(0, ψ² + s²), ψ 1.5 times
    the standard deviation of the ratios), whichever is likelier. The interval holds all θ whose
    log likelihood is within 1.92 of the maximum; where it is in several pieces ``status`` says so.
    The standard error is the interval's length over 2 × 1.96, p is of the likelihood ratio at 0.

    Parameters
    ----------
    points : of the grid of θ.
    """
    if (few := _too_few("conmix", data, 3)) is not None:
        return few
    b, se = data.ratio, data.ratio_se()
    psi = 1.5 * b.std(ddof=1)
    reach = 4 * float(np.median(se))
    grid = np.linspace(min(b.min() - reach, -reach), max(b.max() + reach, reach), points)
    value, valid = _conmix(grid, b, se, psi)
    best = int(np.argmax(value))
    n_valid = int(valid[best].sum())
    phi = 1.0
    if n_valid > 1:
        own = ((b - grid[best]) / se)[valid[best]]
        phi = max(1.0, float(np.sqrt((own**2).sum() / (n_valid - 1))))
    value, _ = _conmix(grid, b, se * phi, psi)
    inside = np.flatnonzero(2 * (value[best] - value) < _CHI2_95)
    pieces = 1 + int((np.diff(inside) > 1).sum())
    width = (len(inside) + 1) * (grid[1] - grid[0])
    at_zero = _conmix(np.zeros(1), b, se * phi, psi)[0][0]
    p = float(neg_log10_p_chi2(max(0.0, 2 * (value[best] - at_zero)), 1))
    status = f"interval of {pieces} pieces" if pieces > 1 else ""
    return MrEstimate(
        "conmix", float(grid[best]), float(width / (2 * _Z95)), p, len(data), status=status
    )


def _conmix(
    grid: FloatArray, b: FloatArray, se: FloatArray, psi: float
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    valid = -((b - grid[:, None]) ** 2) / (2 * se**2) - np.log(se)
    wide = psi**2 + se**2
    invalid = -(b**2) / (2 * wide) - np.log(wide) / 2
    return np.maximum(valid, invalid).sum(axis=1), valid > invalid


def cml_ma(data: Harmonised, n: float) -> MrEstimate:
    """Estimate θ by constrained maximum likelihood, averaged over numbers of invalid instruments.

    For each number K of invalid instruments the likelihood of b_x and b_y is maximised with K
    instruments free to act on the outcome otherwise; models are weighted by exp(−BIC/2), BIC with
    log N a parameter. ``q`` is the −2 log likelihood of the best model.

    Parameters
    ----------
    n : N, the smaller of the sample sizes.

    Raises
    ------
    UsageError
        N is not above 1.
    """
    if (few := _too_few("cml", data, 3)) is not None:
        return few
    if not n > 1:
        raise UsageError(f"cML: expected a sample size above 1, got {n}")
    m = len(data)
    starts = np.unique(np.append(np.quantile(data.ratio, [0.1, 0.3, 0.5, 0.7, 0.9]), 0.0))
    fits = [_cml(data, k, starts) for k in range(m - 1)]
    bic = np.array([fit[2] + np.log(n) * k for k, fit in enumerate(fits)])
    weight = np.exp(-(bic - bic.min()) / 2)
    weight /= weight.sum()
    theta, se = (np.array([fit[i] for fit in fits]) for i in (0, 1))
    usable = np.isfinite(se)
    weight = np.where(usable, weight, 0) / weight[usable].sum()
    b = float((weight[usable] * theta[usable]).sum())
    spread = float((weight * np.sqrt(np.where(usable, se, 0) ** 2 + (theta - b) ** 2)).sum())
    k = int(np.argmin(bic))
    return normal_estimate("cml", b, spread, m, f"{k} invalid in the best model" if k else "")


def _cml(data: Harmonised, k: int, starts: FloatArray) -> tuple[float, float, float]:
    """θ, its standard error and −2 log likelihood with k invalid instruments; of the best start."""
    theta, wx, wy = starts[:, None], data.se_x**-2, data.se_y**-2
    mu = np.broadcast_to(data.beta_x, (len(starts), len(data)))
    bad = np.zeros(mu.shape, dtype=bool)
    for _ in range(_STEPS):
        distance = (data.beta_y - theta * mu) ** 2 * wy
        bad = np.zeros(mu.shape, dtype=bool)
        if k:
            np.put_along_axis(bad, np.argsort(-distance, axis=1, kind="stable")[:, :k], True, 1)
        good = np.where(bad, 0.0, wy)
        mu = (data.beta_x * wx + theta * data.beta_y * good) / (wx + theta**2 * good)
        moved = (good * mu * data.beta_y).sum(1) / (good * mu**2).sum(1)
        change = np.abs(moved[:, None] - theta).max()
        theta = moved[:, None]
        if change < 1e-9:
            break
    variance = data.se_y**2 + theta**2 * data.se_x**2
    lost = np.where(bad, 0.0, (data.beta_y - theta * data.beta_x) ** 2 / variance).sum(1)
    best = int(np.argmin(lost))
    return float(theta[best, 0]), _profile_se(data.take(~bad[best]), theta[best, 0]), lost[best]


def _profile_se(data: Harmonised, theta: float) -> float:
    """Standard error from the curvature of the profile likelihood of valid instruments."""
    step = 1e-4 * max(1.0, abs(theta))
    three = _loss(data, theta + step * np.array([-1.0, 0.0, 1.0]), 0.0, np.inf)
    curvature = (three[0] - 2 * three[1] + three[2]) / step**2
    return float(1 / np.sqrt(curvature)) if curvature > 0 else np.nan


def lasso(data: Harmonised) -> MrEstimate:
    """Estimate θ by IVW of the instruments to which a lasso gives no effect of their own.

    Intercepts α of the instruments are penalised by λ Σ abs(α)/s_y; λ is the largest at which the
    instruments without one are no more heterogeneous than chance (Q below its 95 % quantile).
    """
    if (few := _too_few("lasso", data, 3)) is not None:
        return few
    from scipy.stats import chi2

    residual = np.abs((data.beta_y - _median_start(data) * data.beta_x) / data.se_y)
    for penalty in np.linspace(residual.max() * 1.01, 0, 200, endpoint=False):
        valid = _lasso_valid(data, float(penalty))
        if valid.sum() < 2:
            break
        found = ivw(data.take(valid))
        if found.q <= chi2.ppf(0.95, found.q_df):
            out = int((~valid).sum())
            status = f"{out} instruments with an effect of their own" if out else ""
            return replace(found, method="lasso", status=status)
    return undefined("lasso", len(data), "no set of instruments is homogeneous")


def _lasso_valid(data: Harmonised, penalty: float) -> npt.NDArray[np.bool_]:
    w, alpha = data.se_y**-2, np.zeros(len(data))
    information = (w * data.beta_x**2).sum()
    theta = _median_start(data)
    for _ in range(_STEPS):
        residual = (data.beta_y - theta * data.beta_x) / data.se_y
        alpha = np.sign(residual) * np.maximum(np.abs(residual) - penalty, 0) * data.se_y
        moved = (w * data.beta_x * (data.beta_y - alpha)).sum() / information
        if abs(moved - theta) < 1e-12 * max(1.0, abs(theta)):
            break
        theta = moved
    return np.asarray(alpha == 0)
