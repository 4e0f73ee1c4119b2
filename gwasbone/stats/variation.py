"""Whether numbers vary: one test, relative to their magnitude, for all that needs a spread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Differences below this share of the largest number are rounding, of sums and means included.
ROUNDING = 1e-12


def varies(
    values: npt.ArrayLike, *, magnitude: npt.ArrayLike | None = None
) -> npt.NDArray[np.bool_]:
    """Whether each column differs between rows by more than rounding.

    A standard deviation does not tell: that of a constant 0.1 is 1e-17, not 0, since the mean is
    rounded, and dividing by it makes numbers of size 1 out of nothing.

    Parameters
    ----------
    values : (n,) or (n, k) numbers; NaN and infinite ones do not count.
    magnitude : what rounding is relative to; the largest absolute value of the column by default.
        Given where columns were computed from larger numbers.

    Returns
    -------
    () or (k,); False where fewer than two numbers are known.

    Examples
    --------
    >>> bool(varies([0.1, 0.1, 0.1])), bool(varies([0.3, 0.1 + 0.2])), bool(varies([1e6, 1e6 + 1]))
    (False, False, True)
    """
    array = np.asarray(values, dtype=np.float64)
    if not array.shape[0]:
        return np.zeros(array.shape[1:], dtype=bool)
    known = np.isfinite(array)
    largest = np.where(known, array, -np.inf).max(axis=0)
    smallest = np.where(known, array, np.inf).min(axis=0)
    size = np.maximum(np.abs(largest), np.abs(smallest)) if magnitude is None else magnitude
    with np.errstate(invalid="ignore"):
        spread = largest - smallest
        return np.asarray(known.any(axis=0) & (spread > ROUNDING * np.asarray(size)))
