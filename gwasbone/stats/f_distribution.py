"""The upper tail of the F distribution as −log10 p, exact where p itself underflows.

References
----------
DLMF 8.17.8 (the incomplete beta function as a hypergeometric series).
"""

from __future__ import annotations

import numpy as np
from scipy import special

from gwasbone.stats.pvalues import LN10

# SciPy's incomplete beta is accurate well above this; below it the series takes over.
_SMALLEST_DIRECT_TAIL = 1e-280
# exp(−40) is below the last digit of the sum of the terms before
_NEGLIGIBLE = 40.0


def neg_log10_p_f(f: float, dof_numerator: float, dof_denominator: float) -> float:
    """Compute the −log10 upper-tail p-value of an F statistic.

    With ν₁, ν₂ degrees of freedom and x = ν₂/(ν₂ + ν₁ f), p = I_x(ν₂/2, ν₁/2), the regularised
    incomplete beta function. Where that underflows, its logarithm is summed from
    I_x(a, b) = x^a (1 − x)^b / (a B(a, b)) · Σ_j (a + b)_j / (a + 1)_j x^j, whose terms are all
    positive.

    Parameters
    ----------
    f : statistic ≥ 0. dof_numerator, dof_denominator : degrees of freedom > 0.

    Returns
    -------
    −log10 p; NaN where an argument is NaN or outside its domain, ``inf`` at ``f = inf``.

    Examples
    --------
    >>> round(neg_log10_p_f(4.0, 1, 1e9), 4)  # z = 2
    1.342
    """
    if not (f >= 0 and dof_numerator > 0 and dof_denominator > 0):
        return float("nan")
    if np.isinf(f):
        return float("inf")
    a, b = dof_denominator / 2, dof_numerator / 2
    odds = dof_numerator * f / dof_denominator
    x, complement = 1 / (1 + odds), odds / (1 + odds)
    # of x and 1 − x the smaller one is formed without cancellation
    tail = special.betainc(a, b, x) if x < complement else special.betaincc(b, a, complement)
    if tail > 0.5:
        log_p = np.log1p(-special.betainc(b, a, complement))
    elif tail > _SMALLEST_DIRECT_TAIL:
        log_p = np.log(tail)
    else:
        log_p = _log_beta_series(a, b, odds)
    return float(max(-log_p / LN10, 0.0))


def _log_beta_series(a: float, b: float, odds: float) -> float:
    """log I_x(a, b) at x = 1/(1 + odds); in a tail this deep a·log(1/x) exceeds 600."""
    log_x = -np.log1p(odds)
    j = np.arange(int(_NEGLIGIBLE * (1 + b) / -log_x) + 10)
    log_terms = np.cumsum(np.log1p((b - 1) / (a + 1 + j)) + log_x)
    log_sum = special.logsumexp(np.concatenate([[0.0], log_terms]))
    log_power = a * log_x + b * (np.log(odds) + log_x)
    return float(log_power - np.log(a) - special.betaln(a, b) + log_sum)
