"""Genomic control: how far the middle of the test statistics lies from the null.

References
----------
Devlin & Roeder (1999), Biometrics 55:997.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gwasbone.stats.pvalues import chi2_1_from_neg_log10_p

#: Median of the chi-squared distribution on one degree of freedom.
MEDIAN_CHI2_1 = 0.454936423119572


def lambda_gc(neg_log10_p: npt.ArrayLike) -> float:
    """Compute the genomic inflation factor λ_GC from −log10 p-values.

    λ = median(χ²) / 0.4549, where χ² is the one-degree statistic with the same p-value. Only
    the two middle values are converted, so p itself is never formed and nothing is rounded.

    Parameters
    ----------
    neg_log10_p : (m,) array_like; NaN (untested variants) are left out.

    Returns
    -------
    λ_GC, or NaN where no variant was tested.

    Examples
    --------
    >>> round(lambda_gc(-np.log10([0.1, 0.5, 0.9])), 6)
    1.0
    """
    values = np.asarray(neg_log10_p, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not values.size:
        return float("nan")
    middle = sorted({(values.size - 1) // 2, values.size // 2})
    chi2 = chi2_1_from_neg_log10_p(np.partition(values, middle)[middle])
    return float(chi2.mean() / MEDIAN_CHI2_1)


def lambda_gc_from_chi2(chi2: npt.ArrayLike) -> float:
    """Compute the genomic inflation factor λ_GC from chi-squared statistics on one d.f.

    Parameters
    ----------
    chi2 : (m,) array_like; NaN are left out.

    Returns
    -------
    λ_GC, or NaN where no variant was tested.
    """
    values = np.asarray(chi2, dtype=np.float64)
    values = values[~np.isnan(values)]
    return float(np.median(values) / MEDIAN_CHI2_1) if values.size else float("nan")


def lambda_gc_without(chi2: npt.ArrayLike, edges: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Compute λ_GC (g,) of all variants except those of each block, for its jackknife.

    Everything is sorted once; each median is then found by halving.

    Parameters
    ----------
    chi2 : (m,) statistics on one degree of freedom, without NaN, in the order of the genome.
    edges : (g + 1,) first rows of the blocks, and the end.

    Examples
    --------
    >>> found = lambda_gc_without([1.0, 5.0, 2.0, 9.0], np.array([0, 1, 2, 3, 4]))
    >>> (found * MEDIAN_CHI2_1).round(6).tolist()
    [5.0, 2.0, 5.0, 2.0]
    """
    values = np.asarray(chi2, dtype=np.float64)
    ordered = np.sort(values)
    result = np.empty(len(edges) - 1)
    for b, (start, end) in enumerate(pairwise(edges)):
        block = np.sort(values[start:end])
        left = len(values) - len(block)
        middle = {(left - 1) // 2, left // 2}
        result[b] = np.mean([_rank_without(ordered, block, rank) for rank in middle])
    return result / MEDIAN_CHI2_1


def _rank_without(
    ordered: npt.NDArray[np.float64], block: npt.NDArray[np.float64], rank: int
) -> float:
    """The value of a rank (from 0) among sorted values once those of a sorted block are gone."""
    low, high = 0, len(ordered) - 1
    while low < high:
        middle = (low + high) // 2
        value = ordered[middle]
        not_above = np.searchsorted(ordered, value, side="right")
        if not_above - np.searchsorted(block, value, side="right") > rank:
            high = middle
        else:
            low = middle + 1
    return float(ordered[low])
