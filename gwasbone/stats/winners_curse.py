"""What an effect is, given that it was picked for being among the strongest of many.

References
----------
Bigdeli et al. (2016), Bioinformatics 32:2598 (inverse quantile transform of false-discovery
rates).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gwasbone.stats.false_discovery import neg_log10_q
from gwasbone.stats.pvalues import chi2_1_from_neg_log10_p

FloatArray = npt.NDArray[np.float64]


def shrunken_z(neg_log10_p: npt.ArrayLike) -> FloatArray:
    """Shrink the z statistics of a scan to correct for the winner's curse.

    Each p-value is replaced by its false discovery rate, and that turned into z again: where a
    scan found no more than chance would, even its best variant shrinks to nearly 0; where it found
    much, strong effects stay as they are.

    Parameters
    ----------
    neg_log10_p : (m,) all variants of a scan; NaN stays NaN.

    Returns
    -------
    (m,) sizes, not negative.

    Examples
    --------
    >>> shrunken_z([300.0, 7.3, 0.3, 0.2]).round(2).tolist()  # abs(z) was 37.1, 5.5, 0.7, 0.5
    [37.03, 5.33, 0.48, 0.48]
    """
    return np.asarray(np.sqrt(chi2_1_from_neg_log10_p(neg_log10_q(neg_log10_p))))
