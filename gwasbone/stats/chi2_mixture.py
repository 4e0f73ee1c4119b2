"""Upper tail of a weighted sum of χ²₁ variables, by a saddlepoint.

References
----------
Kuonen (1999), Biometrika 86:929.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from gwasbone.stats.pvalues import LN10, neg_log10_p_chi2

_SAME = 1e-8


def neg_log10_p_mixture(x: float, weights: npt.ArrayLike) -> float:
    """Compute −log10 P(Σ w_i χ²₁ᵢ > x).

    Parameters
    ----------
    x : observed sum.
    weights : (k,) such as eigenvalues; those of no more than 1e-8 of the largest count as 0.

    Examples
    --------
    >>> round(neg_log10_p_mixture(20.0, [1.0, 1.0, 1.0]), 3)
    3.77
    """
    w = np.asarray(weights, dtype=np.float64)
    w = w[w > w.max() * _SAME] if len(w) else w
    if not len(w) or not x > 0:
        return 0.0
    if np.ptp(w) <= _SAME * w.max():
        return float(neg_log10_p_chi2(x / w[0], len(w)))
    t = _root(x, w)
    if abs(t) < 1e-6 / w.max():  # at the mean the formula is 0/0: step aside
        t = 1e-6 / w.max()
    k = -0.5 * np.log1p(-2 * w * t).sum()
    k2 = (2 * w**2 / (1 - 2 * w * t) ** 2).sum()
    r = np.sign(t) * np.sqrt(max(0.0, 2 * (t * x - k)))
    v = t * np.sqrt(k2)
    return float(-special.log_ndtr(-(r + np.log(v / r) / r)) / LN10)


def _root(x: float, w: npt.NDArray[np.float64]) -> float:
    """t with K'(t) = Σ w/(1 − 2wt) = x."""
    from scipy.optimize import brentq

    high = (1 - 1e-12) / (2 * w.max())
    low = -1.0 / w.max()
    while (w / (1 - 2 * w * low)).sum() > x:
        low *= 4
    return float(brentq(lambda t: (w / (1 - 2 * w * t)).sum() - x, low, high, xtol=1e-14))
