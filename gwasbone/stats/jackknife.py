"""Delete-a-block jackknife: standard errors of statistics of rows that depend on one another.

Rows near one another on the genome (or rows of one person) are not independent; blocks of them
nearly are. A statistic is computed once without each block, and its spread over these gives the
standard error. Statistics of the same rows, such as those of two scans of the same people, are
deleted together, so that what they share cancels in their difference and ratio.

Symbols: g blocks, θ the statistic of all rows, θ₋ᵢ that without block i;
SE² = (g − 1)/g · Σ(θ₋ᵢ − mean θ₋)².

References
----------
Künsch (1989), Annals of Statistics 17:1217 (blocks); Efron & Tibshirani (1993), chapter 11;
Fieller (1954), Journal of the Royal Statistical Society B 16:175 (ratio).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from gwasbone.errors import InputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class JackknifeInterval:
    """A statistic with its jackknife confidence interval.

    Attributes
    ----------
    estimate : the statistic of all rows.
    se : its standard error, on the scale of the statistic (by the delta method for ``log``).
    lower, upper : interval at ``confidence``; infinite ends where a ratio cannot be bounded.
    n_blocks : blocks left out in turn.
    """

    estimate: float
    se: float
    lower: float
    upper: float
    confidence: float
    n_blocks: int

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return bool(np.isfinite(self.lower) and np.isfinite(self.upper))


def block_edges(n_rows: int, n_blocks: int) -> IntArray:
    """Compute the (g + 1,) edges of contiguous blocks of nearly equal size.

    Fewer rows than blocks give a block a row.

    Examples
    --------
    >>> block_edges(10, 3).tolist()
    [0, 3, 6, 10]
    """
    if n_rows < 1 or n_blocks < 1:
        raise InputError(f"blocks: expected rows and blocks, got {n_rows} and {n_blocks}")
    edges: IntArray = np.floor(np.linspace(0, n_rows, min(n_rows, n_blocks) + 1)).astype(np.int64)
    return edges


def block_sums(values: npt.ArrayLike, edges: IntArray) -> FloatArray:
    """Compute the sums (g, ...) of the rows of each block; no block may be empty."""
    rows = np.asarray(values, dtype=np.float64)
    assert (np.diff(edges) > 0).all(), "a block must hold a row"
    return np.asarray(np.add.reduceat(rows, edges[:-1], axis=0))


def means_without(values: npt.ArrayLike, edges: IntArray) -> FloatArray:
    """Compute the means (g, ...) of all rows except those of each block.

    Examples
    --------
    >>> means_without([1.0, 2.0, 6.0], np.array([0, 1, 2, 3])).tolist()
    [4.0, 3.5, 1.5]
    """
    of_blocks = block_sums(values, edges)
    others = edges[-1] - np.diff(edges).reshape(-1, *[1] * (of_blocks.ndim - 1))
    return np.asarray((of_blocks.sum(axis=0) - of_blocks) / others)


def jackknife_covariance(deleted: npt.ArrayLike) -> FloatArray:
    """Compute the jackknife covariance (k, k) from (g, k) leave-one-block-out values."""
    d = np.asarray(deleted, dtype=np.float64)
    d = d.reshape(len(d), -1)
    g = len(d)
    if g < 2:
        raise InputError(f"jackknife: expected two blocks or more, got {g}")
    centred = d - d.mean(axis=0)
    return np.asarray((g - 1) / g * (centred.T @ centred))


def jackknife_se(deleted: npt.ArrayLike) -> float:
    """Compute the jackknife standard error from (g,) leave-one-block-out values."""
    return float(np.sqrt(jackknife_covariance(np.asarray(deleted).reshape(-1, 1))[0, 0]))


def jackknife_interval(
    estimate: float,
    deleted: npt.ArrayLike,
    *,
    scale: Literal["identity", "log"] = "identity",
    confidence: float = 0.95,
    quantile: Literal["t", "normal"] = "t",
) -> JackknifeInterval:
    """Compute the jackknife interval of a statistic from its leave-one-block-out values.

    Parameters
    ----------
    estimate : θ. deleted : (g,) θ₋ᵢ.
    scale : on which the interval is symmetrical; ``log`` for ratios and other positive numbers.
        An estimate or a deleted value that is not positive then gives NaN.
    quantile : Student's t on g − 1 degrees of freedom, or the normal for many blocks.

    Examples
    --------
    >>> values = np.array([1.0, 2.0, 3.0, 4.0])
    >>> mean = jackknife_interval(2.5, (values.sum() - values) / 3)
    >>> round(mean.se, 6), round(float(np.std(values, ddof=1) / 2), 6)
    (0.645497, 0.645497)
    """
    d = np.asarray(deleted, dtype=np.float64).ravel()
    critical = critical_value(len(d), confidence, quantile)
    if scale == "identity":
        se = jackknife_se(d)
        low, high = estimate - critical * se, estimate + critical * se
    elif estimate > 0 and (d > 0).all():
        relative = jackknife_se(np.log(d))
        se = estimate * relative
        low, high = (estimate * float(np.exp(side * critical * relative)) for side in (-1, 1))
    else:
        se = low = high = float("nan")
    return JackknifeInterval(float(estimate), se, float(low), float(high), confidence, len(d))


def critical_value(
    n_blocks: int, confidence: float = 0.95, quantile: Literal["t", "normal"] = "t"
) -> float:
    """Compute the half-width of a confidence interval in standard errors."""
    if not 0 < confidence < 1:
        raise InputError(f"confidence: expected a number between 0 and 1, got {confidence}")
    upper = 0.5 + confidence / 2
    return float(
        stats.norm.ppf(upper) if quantile == "normal" else stats.t.ppf(upper, n_blocks - 1)
    )


def ratio_interval(
    numerator: float,
    denominator: float,
    numerator_deleted: npt.ArrayLike,
    denominator_deleted: npt.ArrayLike,
    *,
    confidence: float = 0.95,
) -> JackknifeInterval:
    """Compute Fieller's confidence interval of the ratio of two statistics of the same rows.

    The interval holds every ratio ρ for which numerator − ρ · denominator does not differ from 0.
    It stays right where the denominator is near 0: then it is not bounded (both ends infinite,
    even where the set is a half line or the outside of an interval), and the ratio says nothing.

    Parameters
    ----------
    numerator, denominator : of all rows. ``*_deleted`` : (g,) without each block. Means, or other
        statistics that do not grow with the number of rows: a sum's values without a block are
        spread too little by (g − 1)/g.

    Returns
    -------
    JackknifeInterval; ``se`` by the delta method, NaN where the denominator is 0.

    Examples
    --------
    >>> a, b = np.array([2.0, 4.1, 5.9, 8.2]), np.array([1.0, 2.0, 3.0, 4.0])
    >>> each = np.arange(5)
    >>> without = means_without(a, each), means_without(b, each)
    >>> found = ratio_interval(a.mean(), b.mean(), *without)
    >>> round(float(found.estimate), 2), found.bounded
    (2.02, True)
    """
    both = np.column_stack([np.ravel(numerator_deleted), np.ravel(denominator_deleted)])
    g = len(both)
    V = jackknife_covariance(both)
    critical = critical_value(g, confidence)
    if denominator == 0:
        return JackknifeInterval(np.nan, np.nan, -np.inf, np.inf, confidence, g)
    ratio = numerator / denominator
    se = np.sqrt(max(0.0, V[0, 0] - 2 * ratio * V[0, 1] + ratio**2 * V[1, 1])) / abs(denominator)
    # a ρ² + b ρ + c ≤ 0
    t2 = critical**2
    a = denominator**2 - t2 * V[1, 1]
    b = -2 * (numerator * denominator - t2 * V[0, 1])
    c = numerator**2 - t2 * V[0, 0]
    if a <= 0:
        return JackknifeInterval(ratio, float(se), -np.inf, np.inf, confidence, g)
    root = np.sqrt(max(0.0, b * b - 4 * a * c))
    low, high = (-b - root) / (2 * a), (-b + root) / (2 * a)
    return JackknifeInterval(ratio, float(se), float(low), float(high), confidence, g)
