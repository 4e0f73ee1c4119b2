"""The line through the origin between two effects that are both measured with error.

Least squares of y on x shrinks the slope, since x has errors of its own. Deming's line allows for
errors of both, of known variances: it minimises
Σ (yᵢ − b xᵢ)² / (σ_yᵢ² + b² σ_xᵢ² − 2 b ρ σ_xᵢ σ_yᵢ), where ρ is the correlation of the two errors,
which scans of the same people have. Without an intercept: which allele is counted is a choice, and
the line does not change when it is made otherwise.

References
----------
Deming (1943), Statistical Adjustment of Data; York et al. (2004), American Journal of Physics
72:367 (errors that differ between points and correlate).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.stats.jackknife import critical_value, jackknife_se

FloatArray = npt.NDArray[np.float64]

# The angle of the line is looked for on this many places before it is refined.
_ANGLES = 720
_STEP = np.pi / _ANGLES
_SECTIONS = 34
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class DemingLine:
    """Deming slope with its jackknife interval and a test of heterogeneity.

    Attributes
    ----------
    slope, lower, upper : of y on x; the interval is made on the angle of the line, and its ends
        are infinite where it holds the vertical.
    confidence : of the interval.
    heterogeneity, dof : Σ of the squared distances above, χ² on n − 1 degrees of freedom where
        the points differ from the line by their errors alone.
    n : points.
    """

    slope: float
    lower: float
    upper: float
    confidence: float
    heterogeneity: float
    dof: int
    n: int

    @property
    def bounded(self) -> bool:
        """Whether the interval has two finite ends."""
        return bool(np.isfinite(self.lower) and np.isfinite(self.upper))


def deming_line(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    se_x: npt.ArrayLike,
    se_y: npt.ArrayLike,
    *,
    error_correlation: float = 0.0,
    confidence: float = 0.95,
) -> DemingLine:
    """Fit a Deming regression line through the origin.

    Parameters
    ----------
    x, y : (n,) effects of the same alleles, independent of one another.
    se_x, se_y : (n,) their standard errors.
    error_correlation : ρ, in (−1, 1).

    Raises
    ------
    InputError
        Fewer than three points, standard errors that are not positive, or ρ out of range.

    Examples
    --------
    >>> line = deming_line([1.0, 2.0, 3.0], [2.1, 3.9, 6.0], [0.1] * 3, [0.1] * 3)
    >>> round(line.slope, 3)
    1.993
    """
    columns = [np.asarray(v, dtype=np.float64) for v in (x, y, se_x, se_y)]
    n = len(columns[0])
    if n < _FEWEST or any(len(c) != n for c in columns):
        raise InputError(
            f"Deming line: expected {_FEWEST} points or more, got {[len(c) for c in columns]}"
        )
    if not all(np.isfinite(c).all() for c in columns) or (np.minimum(*columns[2:]) <= 0).any():
        raise InputError("Deming line: expected finite effects with standard errors above 0")
    if not -1 < error_correlation < 1:
        raise InputError(f"Deming line: expected a correlation in (-1, 1), got {error_correlation}")
    # angles are read in units of the errors, so that the scales of the traits do not matter
    unit_x, unit_y = np.median(columns[2]), np.median(columns[3])
    points = _Points(
        columns[0] / unit_x, columns[1] / unit_y, columns[2] / unit_x, columns[3] / unit_y,
        error_correlation,
    )  # fmt: skip
    angle, deleted = _angles(points)
    half = critical_value(n, confidence) * jackknife_se(deleted)
    low, high = angle - half, angle + half
    upright = low <= -np.pi / 2 or high >= np.pi / 2
    scale = unit_y / unit_x
    ends = (-np.inf, np.inf) if upright else (np.tan(low) * scale, np.tan(high) * scale)
    return DemingLine(
        slope=float(np.tan(angle) * scale),
        lower=float(ends[0]),
        upper=float(ends[1]),
        confidence=confidence,
        heterogeneity=float(points.distances(np.array([angle])).sum()),
        dof=n - 1,
        n=n,
    )


@dataclass(frozen=True, slots=True)
class _Points:
    x: FloatArray
    y: FloatArray
    se_x: FloatArray
    se_y: FloatArray
    rho: float

    def distances(self, angles: npt.NDArray[np.floating]) -> FloatArray:
        """(n, angles) squared distances from the lines, in standard errors."""
        c, s = np.cos(angles), np.sin(angles)
        off = np.outer(self.y, c) - np.outer(self.x, s)
        variance = (
            np.outer(self.se_y**2, c * c)
            + np.outer(self.se_x**2, s * s)
            - 2 * self.rho * np.outer(self.se_x * self.se_y, s * c)
        )
        return np.asarray(off * off / variance)


def _angles(points: _Points) -> tuple[float, FloatArray]:
    """The best angle in (−π/2, π/2], and (n,) those without each point, near it."""
    n = len(points.x)
    grid = -np.pi / 2 + _STEP * np.arange(1, _ANGLES + 1)
    distances = points.distances(grid)
    total = distances.sum(axis=0)
    # the last column is that of all points
    without = np.column_stack([total[:, None] - distances.T, total])
    kept = np.column_stack([1 - np.eye(n), np.ones(n)])
    angles = _refined(points, grid[without.argmin(axis=0)], kept)
    best = float(angles[-1])
    # a line has its angle up to half a turn
    return best, angles[:-1] - np.pi * np.round((angles[:-1] - best) / np.pi)


def _refined(points: _Points, start: FloatArray, kept: FloatArray) -> FloatArray:
    """(k,) angles within a step of ``start`` where the kept points are nearest; golden section.

    ``kept`` is (n, k): which points count for which angle.
    """
    golden = (np.sqrt(5) - 1) / 2
    low, high = start - _STEP, start + _STEP

    def loss(angles: FloatArray) -> FloatArray:
        return np.asarray((points.distances(angles) * kept).sum(axis=0))

    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(_SECTIONS):
        lower = at_left < at_right
        low, high = np.where(lower, low, left), np.where(lower, right, high)
        fresh = np.where(lower, high - golden * (high - low), low + golden * (high - low))
        at_fresh = loss(fresh)
        left, right = np.where(lower, fresh, right), np.where(lower, left, fresh)
        at_left, at_right = np.where(lower, at_fresh, at_right), np.where(lower, at_left, at_fresh)
    return np.asarray((low + high) / 2)
