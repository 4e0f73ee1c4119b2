"""What a quantile-quantile plot of p-values shows, with its band under the null."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from gwasbone.errors import InputError


@dataclass(frozen=True, slots=True)
class QuantilePlotPoints:
    """Points of a QQ plot, most significant first; everything but ``rank`` is −log₁₀ p.

    Attributes
    ----------
    rank : (k,) rank i of each point among the m p-values; 1 is the smallest p.
    expected : (k,) median of the i-th smallest of m independent uniform p-values.
    observed : (k,) what was found.
    lower, upper : (k,) pointwise band of that order statistic, ``lower < expected < upper``.
    n_tests : m, the p-values that were finite.
    n_missing : NaN among the input, left out.
    confidence : coverage of the band at each rank.
    """

    rank: npt.NDArray[np.int64]
    expected: npt.NDArray[np.float64]
    observed: npt.NDArray[np.float64]
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    n_tests: int
    n_missing: int
    confidence: float


def quantile_plot_points(
    neg_log10_p: npt.ArrayLike, *, max_points: int = 5_000, confidence: float = 0.95
) -> QuantilePlotPoints:
    """Compute the points of a QQ plot, thinned by rank.

    Under the null with m independent tests the i-th smallest p is Beta(i, m + 1 − i). Expected
    is its median, because a median stays one under −log₁₀ (a mean does not); the band is its
    (1 ± ``confidence``)/2 quantiles. The band is pointwise and supposes independent tests: with
    linkage disequilibrium neighbouring ranks leave it together.

    Parameters
    ----------
    neg_log10_p : (m,) −log₁₀ p; NaN (a variant that was not tested) is left out and counted.
    max_points : the ``max_points // 2`` smallest p all stay; the other ranks are spaced evenly
        in −log₁₀ of the rank, up to and including the largest p.
    confidence : coverage of the band at each rank, in (0, 1).

    Raises
    ------
    InputError
        No finite value; an infinite or negative one.

    References
    ----------
    H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed., 2003, section 2.3.

    Examples
    --------
    >>> points = quantile_plot_points([2.0, 0.3, 1.0])
    >>> points.rank, points.observed
    (array([1, 2, 3]), array([2. , 1. , 0.3]))
    """
    assert 0 < confidence < 1, "confidence lies between 0 and 1"
    assert max_points >= 2, "a plot needs two points or more"
    observed, n_missing = _checked(np.asarray(neg_log10_p, dtype=np.float64).ravel())
    m = observed.size
    rank = _ranks_to_show(m, max_points)
    observed = np.sort(observed)[::-1]

    tail = (1 - confidence) / 2
    lower, expected, upper = (
        -np.log10(betaincinv(rank, m + 1 - rank, quantile)) for quantile in (1 - tail, 0.5, tail)
    )
    return QuantilePlotPoints(
        rank=rank,
        expected=expected,
        observed=observed[rank - 1],
        lower=lower,
        upper=upper,
        n_tests=m,
        n_missing=n_missing,
        confidence=confidence,
    )


def _checked(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], int]:
    present = values[~np.isnan(values)]
    if present.size == 0:
        raise InputError(
            f"a QQ plot needs at least one finite −log10 p; all {values.size} values are missing"
        )
    wrong = int(np.isinf(present).sum() + (present < 0).sum())
    if wrong:
        raise InputError(
            f"−log10 p must be finite and not negative; {wrong} of {present.size} values are not: "
            "compute it on the log scale from beta and its standard error, not from a rounded p"
        )
    return present, values.size - present.size


def _ranks_to_show(m: int, max_points: int) -> npt.NDArray[np.int64]:
    if m <= max_points:
        return np.arange(1, m + 1)
    kept = max_points // 2
    spaced = np.geomspace(kept + 1, m, max_points - kept).round().astype(np.int64)
    return np.unique(np.concatenate([np.arange(1, kept + 1), spaced]))
