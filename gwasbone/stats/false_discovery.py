"""False-discovery rate of many tests, and one p-value for a group of dependent tests.

All on the −log10 scale, so that no p-value underflows. statsmodels' ``multipletests`` and
``fdrcorrection`` take p-values themselves, in which everything below 1e-308 is one tie at 0, and a
scan has such; they serve :func:`gwasbone.stats.permutation.false_discovery_rates`, whose p-values
are of permutations.

References
----------
Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57:289; Simes (1986),
Biometrika 73:751.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def neg_log10_q(neg_log10_p: npt.ArrayLike) -> FloatArray:
    """Compute −log10 of the Benjamini-Hochberg adjusted p-values.

    A test is found at false discovery rate q where its value is at least −log10 q.

    Parameters
    ----------
    neg_log10_p : (m,) array_like; NaN is no test and stays NaN.

    Examples
    --------
    >>> np.round(10 ** -neg_log10_q(-np.log10([0.01, 0.04, 0.03, 0.5])), 4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    p = np.asarray(neg_log10_p, dtype=np.float64)
    result = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(-p[tested], kind="stable")]
    m = len(order)
    stepped = p[order] + np.log10(np.arange(1, m + 1)) - np.log10(max(m, 1))
    # the smallest adjusted p of all tests at least as weak
    result[order] = np.maximum.accumulate(stepped[::-1])[::-1]
    return np.asarray(np.maximum(result, 0.0))


def simes_by_group(neg_log10_p: npt.ArrayLike, edges: npt.NDArray[np.int64]) -> FloatArray:
    """Compute the −log10 Simes p-value (g,) of each group: min over k of m p₍ₖ₎/k.

    It holds its level for tests that depend positively on one another, as neighbouring variants
    do, and pays less for their number than Bonferroni's rule.

    Parameters
    ----------
    neg_log10_p : (m,) without NaN, group after group.
    edges : (g + 1,) first rows of the groups, and the end; no group is empty.

    Examples
    --------
    >>> p = -np.log10([0.02, 0.03, 0.9, 0.5])
    >>> np.round(10 ** -simes_by_group(p, np.array([0, 3, 4])), 4).tolist()
    [0.045, 0.5]
    """
    p = np.asarray(neg_log10_p, dtype=np.float64)
    sizes = np.diff(edges)
    if len(sizes) == 0:
        return np.zeros(0)
    group = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((-p, group))
    rank = np.arange(len(p)) - np.repeat(edges[:-1], sizes) + 1
    value = p[order] + np.log10(rank) - np.log10(np.repeat(sizes, sizes))
    return np.asarray(np.maximum(np.maximum.reduceat(value, edges[:-1]), 0.0))
