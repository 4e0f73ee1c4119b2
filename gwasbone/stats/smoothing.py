"""Smooth lines through points: natural cubic splines with few knots.

A natural (restricted) cubic spline is a cubic between its knots and straight beyond the outer
ones, so that it does not swing where points are few.

References
----------
Harrell (2015), Regression Modeling Strategies, 2nd ed., section 2.4 (the basis, and knots at
fixed quantiles).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from gwasbone.stats.least_squares import FloatArray, dependent_columns, orthonormal

#: Quantiles at which a spline of five knots has them.
KNOT_QUANTILES = (0.05, 0.275, 0.5, 0.725, 0.95)


@dataclass(frozen=True)
class SmoothLine:
    """A smooth curve with its pointwise confidence interval.

    Parameters
    ----------
    x, fit, lower, upper : (p,) where the line is, in the units of the points.
    n : points it was drawn through.
    confidence : coverage of the interval at each x.
    """

    x: FloatArray
    fit: FloatArray
    lower: FloatArray
    upper: FloatArray
    n: int
    confidence: float


def spline_knots(x: npt.ArrayLike) -> FloatArray:
    """Choose the knots of a natural spline at quantiles of x, without duplicates.

    >>> spline_knots(np.arange(101))
    array([ 5. , 27.5, 50. , 72.5, 95. ])
    """
    return np.unique(np.quantile(np.asarray(x, dtype=np.float64), KNOT_QUANTILES))


def natural_spline(x: npt.ArrayLike, knots: npt.ArrayLike) -> FloatArray:
    """Compute the basis of a natural cubic spline, without the intercept.

    Parameters
    ----------
    x : (n,) numbers. knots : (m,) ascending; with fewer than three the spline is the line.

    Returns
    -------
    (n, max(m − 1, 1)): x itself, then a curved column for each knot but the last two. All are in
    the units of x.
    """
    at: FloatArray = np.asarray(x, dtype=np.float64)
    t: FloatArray = np.asarray(knots, dtype=np.float64)
    if len(t) < 3:
        return at[:, None]
    last, before = t[-1], t[-2]

    def cubed(knot: float) -> FloatArray:
        return np.asarray(np.maximum(at - knot, 0.0) ** 3)

    curved = [
        cubed(knot)
        - cubed(before) * (last - knot) / (last - before)
        + cubed(last) * (before - knot) / (last - before)
        for knot in t[:-2]
    ]
    return np.column_stack([at, *(column / (last - t[0]) ** 2 for column in curved)])


def smooth_line(
    x: npt.ArrayLike, y: npt.ArrayLike, *, points: int = 60, confidence: float = 0.95
) -> SmoothLine | None:
    """Fit a natural cubic spline by least squares and evaluate it over the range of x.

    The interval is ± t·SE of the mean of y at x, and supposes independent points.

    Parameters
    ----------
    x, y : (n,) numbers; where either is NaN the point is left out.

    Returns
    -------
    None where the points are too few for a line: as many as the spline has columns, or one x.
    """
    both = np.column_stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
    at, height = both[~np.isnan(both).any(axis=1)].T
    n = len(at)
    if n == 0 or at.min() == at.max():
        return None
    knots = spline_knots(at)
    X = np.column_stack([np.ones(n), natural_spline(at, knots)])
    columns = [j for j in range(X.shape[1]) if j not in dependent_columns(X)]
    if n <= len(columns):
        return None
    Q, to_beta = orthonormal(X[:, columns])
    grid = np.linspace(at.min(), at.max(), points)
    Q_grid = np.column_stack([np.ones(points), natural_spline(grid, knots)])[:, columns] @ to_beta
    theta = Q.T @ height
    e = height - Q @ theta
    dof = n - len(columns)
    half_width = special.stdtrit(dof, (1 + confidence) / 2) * np.sqrt(
        (Q_grid**2).sum(axis=1) * float(e @ e) / dof
    )
    fit = Q_grid @ theta
    return SmoothLine(grid, fit, fit - half_width, fit + half_width, n, confidence)
