"""Permutation tests whose number of permutations adapts, and false-discovery rates.

A test may stop at its h-th null statistic that is at least the observed one (Besag & Clifford
1991): after l permutations p = h/l; where B of them bring fewer, p = (1 + exceedances)/(1 + B).
Either way P(p ≤ x) ≤ x under the null, with equality at the values p can take where statistics are
not tied; what the test says of clear effects is not changed, and dull ones cost little.

References
----------
Besag & Clifford (1991), Biometrika 78:301. Phipson & Smyth (2010), Stat. Appl. Genet. Mol. Biol.
9:39. Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57:289.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import UsageError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SequentialTest:
    """State of a sequential permutation test.

    Attributes
    ----------
    p : the p-value once ``decided``, NaN before.
    n_permutations, n_exceeding : null statistics that count, and those at least the observed.
    decided : whether no further permutation is needed.
    """

    p: float
    n_permutations: int
    n_exceeding: int
    decided: bool


def sequential_test(
    observed: float, null: Sequence[float] | FloatArray, *, most: int, stop_at: int
) -> SequentialTest:
    """Evaluate a sequential permutation test from the null statistics drawn so far.

    Parameters
    ----------
    most : B, after which the test ends; 0 for no test.
    stop_at : h, the number of exceedances after which it ends.

    Raises
    ------
    UsageError
        ``most`` below 0 or ``stop_at`` below 1.

    Examples
    --------
    >>> sequential_test(0.7, [0.5, 0.6, 0.4], most=3, stop_at=2).p
    0.25
    >>> sequential_test(0.5, [0.5, 0.4, 0.6, 0.7], most=9, stop_at=2)
    SequentialTest(p=0.6666666666666666, n_permutations=3, n_exceeding=2, decided=True)
    """
    if most < 0 or stop_at < 1:
        raise UsageError(
            f"permutations: expected at least 0 and to stop at 1 or more exceedances, got {most} "
            f"and {stop_at}"
        )
    drawn = np.asarray(null, dtype=np.float64)[:most]
    exceeding = np.cumsum(drawn >= observed)
    at = int(np.searchsorted(exceeding, stop_at))
    if at < len(drawn):
        return SequentialTest(stop_at / (at + 1), at + 1, stop_at, decided=True)
    n_exceeding = int(exceeding[-1]) if len(drawn) else 0
    decided = len(drawn) == most
    p = (1 + n_exceeding) / (1 + most) if decided and most else float("nan")
    return SequentialTest(p, len(drawn), n_exceeding, decided)


def quantile_strata(scores: npt.ArrayLike, bins: int) -> IntArray:
    """Assign samples to strata by nested quantiles of scores.

    Parameters
    ----------
    scores : (n, k) such as the first principal components; the first is cut into ``bins`` parts of
        equal size, each of them by the second, and so on. Rows with a NaN are a stratum of their
        own.
    bins : per score.

    Returns
    -------
    (n,) numbers from 0.

    Raises
    ------
    UsageError
        ``bins`` below 1.
    """
    if bins < 1:
        raise UsageError(f"strata: expected at least 1 bin, got {bins}")
    table = np.asarray(scores, dtype=np.float64)
    known = ~np.isnan(table).any(axis=1)
    stratum = np.zeros(len(table), dtype=np.intp)
    for column in table.T:
        finer = np.zeros_like(stratum)
        for number in np.unique(stratum[known]):
            rows = np.flatnonzero(known & (stratum == number))
            order = rows[np.argsort(column[rows], kind="stable")]
            finer[order] = np.arange(len(order)) * bins // len(order)
        stratum = stratum * bins + finer
    stratum[~known] = -1
    return np.asarray(np.unique(stratum, return_inverse=True)[1], dtype=np.intp)


def shuffled_within(values: FloatArray, strata: IntArray, rng: np.random.Generator) -> FloatArray:
    """Permute values within strata; NaN stays in place.

    Examples
    --------
    >>> values = np.array([1, np.nan, 2.0])
    >>> made = shuffled_within(values, np.array([0, 0, 1]), np.random.default_rng(1))
    >>> made.tolist()
    [1.0, nan, 2.0]
    """
    made = values.copy()
    known = ~np.isnan(values)
    for number in np.unique(strata):
        rows = np.flatnonzero(known & (strata == number))
        made[rows] = values[rng.permutation(rows)]
    return made


def false_discovery_rates(p: npt.ArrayLike) -> FloatArray:
    """Compute Benjamini-Hochberg adjusted p-values by statsmodels; NaN stays NaN.

    Of p-values of a scan, which may underflow, use
    :func:`gwasbone.stats.false_discovery.neg_log10_q`.

    Examples
    --------
    >>> false_discovery_rates([0.01, 0.04, np.nan, 0.03])
    array([0.03, 0.04,  nan, 0.04])
    """
    values = np.asarray(p, dtype=np.float64)
    q = np.full(len(values), np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    if tested.size:
        # a second to import: only where there are tests
        from statsmodels.stats.multitest import fdrcorrection

        q[tested] = fdrcorrection(values[tested])[1]
    return q
