"""The mode of the ratios of instruments: right if the largest group of like ratios is valid.

The mode is the maximum of a kernel density of the ratios, with bandwidth 0.9 min(sd, MAD)/n^(1/5)
(MAD scaled to a standard deviation). It is found on a grid and then climbed to; programs that give
the highest point of a grid of 512 points, or of R's binned density before 4.4, give other numbers.

References
----------
Hartwig et al. (2017), International Journal of Epidemiology 46:1985.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gwasbone.stats.pvalues import neg_log10_p_t
from gwasbone.sumstats.mr import DRAWS, SEED, Harmonised, MrEstimate, undefined

FloatArray = npt.NDArray[np.float64]

GRID_POINTS = 512
_CUT, _CLIMBS = 3.0, 8
_MAD = 1.4826


def simple_mode(
    data: Harmonised, *, phi: float = 1.0, draws: int = DRAWS, seed: int = SEED
) -> MrEstimate:
    """Estimate θ by the mode of the ratios, all of one weight; see :func:`weighted_mode`."""
    return _mode("simple_mode", data, np.ones(len(data)), phi, draws, seed)


def weighted_mode(
    data: Harmonised, *, phi: float = 1.0, draws: int = DRAWS, seed: int = SEED
) -> MrEstimate:
    """Estimate θ by the mode of the ratios, weighted by one over their variance (second order).

    The standard error is the scaled median deviation of a parametric bootstrap; the test is by t
    with n − 1 degrees of freedom.

    Parameters
    ----------
    data : three or more instruments.
    phi : multiplies the bandwidth.
    draws, seed : of the bootstrap.
    """
    return _mode("weighted_mode", data, data.ratio_se("second_order") ** -2, phi, draws, seed)


def _mode(
    method: str, data: Harmonised, weights: FloatArray, phi: float, draws: int, seed: int
) -> MrEstimate:
    n = len(data)
    if n < 3:
        return undefined(method, n, "needs three or more instruments")
    b = density_mode(data.ratio, weights, phi=phi)
    rng = np.random.default_rng(seed)
    drawn = data.ratio + data.ratio_se("second_order") * rng.standard_normal((draws, n))
    modes = np.array([density_mode(row, weights, phi=phi) for row in drawn])
    se = _MAD * float(np.median(np.abs(modes - np.median(modes))))
    return MrEstimate(method, b, se, float(neg_log10_p_t(b / se, n - 1)), n)


def bandwidth(ratios: FloatArray, phi: float = 1.0) -> float:
    """The bandwidth of the density of ratios."""
    deviation = _MAD * np.median(np.abs(ratios - np.median(ratios)))
    spread = min(ratios.std(ddof=1), deviation)
    return max(1e-8, 0.9 * spread / len(ratios) ** 0.2 * phi)


def density_mode(
    ratios: FloatArray, weights: FloatArray, *, phi: float = 1.0, climb: bool = True
) -> float:
    """The maximum of the kernel density of ratios.

    Parameters
    ----------
    ratios, weights : (n,).
    climb : False gives the highest of 512 grid points, from three bandwidths below the smallest
        ratio to three above the largest.
    """
    h = bandwidth(ratios, phi)
    w = weights / weights.sum()
    grid = np.linspace(ratios.min() - _CUT * h, ratios.max() + _CUT * h, GRID_POINTS)
    height = _density(grid, ratios, w, h)
    if not climb:
        return float(grid[np.argmax(height)])
    step = grid[1] - grid[0]
    if step > h / 2:  # far ratios make the grid too coarse for the kernel: look near each ratio
        grid, height = ratios, _density(ratios, ratios, w, h)
    best = grid[np.argsort(-height, kind="stable")[:5]]
    for _ in range(_CLIMBS * 5):
        # mean shift climbs the density without a step length
        k = w * np.exp(-0.5 * ((best[:, None] - ratios) / h) ** 2)
        moved = (k * ratios).sum(axis=1) / k.sum(axis=1)
        if np.abs(moved - best).max() < 1e-12 * max(1.0, np.abs(best).max()):
            break
        best = moved
    best = _newton(best, ratios, w, h)
    return float(best[np.argmax(_density(best, ratios, w, h))])


def _density(at: FloatArray, ratios: FloatArray, w: FloatArray, h: float) -> FloatArray:
    return np.asarray(np.exp(-0.5 * ((at[:, None] - ratios) / h) ** 2) @ w)


def _newton(at: FloatArray, ratios: FloatArray, w: FloatArray, h: float) -> FloatArray:
    for _ in range(_CLIMBS):
        u = (at[:, None] - ratios) / h
        k = w * np.exp(-0.5 * u**2)
        first, second = -(k * u).sum(axis=1), (k * (u**2 - 1)).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(second < 0, first / second * h, 0.0)
        at = at - np.clip(step, -h, h)
    return at
