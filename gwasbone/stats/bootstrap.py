"""Bootstrap intervals for statistics without a closed form: participants are drawn, not rows.

SciPy does the resampling and the percentile and BCa intervals; what is added is the unit that is
drawn (a person with all of their rows) and the strata (cases and controls apart).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from gwasbone.errors import InputError

Method = Literal["percentile", "BCa"]
Statistic = Callable[..., float]

# Row numbers held at once by one batch of resamples (16 MB).
_NUMBERS_PER_BATCH = 2_000_000


@dataclass(frozen=True, slots=True)
class BootstrapInterval:
    """A statistic with its bootstrap confidence interval.

    Attributes
    ----------
    estimate : the statistic of the data as they are.
    se : standard deviation over the resamples.
    lower, upper : interval at ``confidence`` by ``method``.
    n_resamples, n_people : resamples drawn, and people (not rows) drawn from.
    """

    estimate: float
    se: float
    lower: float
    upper: float
    confidence: float
    method: Method
    n_resamples: int
    n_people: int


def bootstrap_interval(
    statistic: Statistic,
    *columns: npt.ArrayLike,
    strata: npt.ArrayLike | None = None,
    person: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    method: Method = "percentile",
    seed: int = 1,
) -> BootstrapInterval:
    """Bootstrap a statistic over participants.

    Parameters
    ----------
    statistic : takes resampled columns in their order, gives one number.
    columns : each (n,), one value per row.
    strata : (n,) labels; each stratum keeps its number of people, as when cases and controls
        were sampled apart. With ``person``, a stratum is the set of labels of a person's rows.
    person : (n,) who each row is of, where people have several rows; all rows of a drawn person
        come together, since they are not independent. Each row is a person by default.
    confidence : coverage of the interval.
    n_resamples : how many times the people are drawn.
    method : ``percentile``, or ``BCa``, corrected for bias and skewness, which computes the
        statistic once more per person and so suits some thousand people.
    seed : of the draws.

    Raises
    ------
    InputError
        Columns of unequal length, no rows, fewer than two people in a stratum, or a statistic
        that is not finite on the data or in a resample.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 13 and 14.

    Examples
    --------
    >>> result = bootstrap_interval(np.mean, np.arange(100.0), n_resamples=200)
    >>> result.estimate, result.lower < 49.5 < result.upper
    (49.5, True)
    """
    assert 0 < confidence < 1, "confidence lies between 0 and 1"
    arrays = [np.asarray(column) for column in columns]
    rows_of = _Units(arrays, person)
    groups = _strata(rows_of, strata)
    estimate = float(statistic(*arrays))
    _check_finite(np.array([estimate]), "the data as they are")

    def of_units(*units: npt.NDArray[np.int64]) -> float:
        rows = rows_of(np.concatenate(units))
        return float(statistic(*(array[rows] for array in arrays)))

    result = stats.bootstrap(
        groups,
        of_units,
        vectorized=False,
        paired=False,
        confidence_level=confidence,
        n_resamples=n_resamples,
        batch=max(1, _NUMBERS_PER_BATCH // rows_of.n_rows),
        method=method,
        rng=np.random.default_rng(seed),
    )
    _check_finite(result.bootstrap_distribution, "a resample")
    return BootstrapInterval(
        estimate=estimate,
        se=float(result.standard_error),
        lower=float(result.confidence_interval.low),
        upper=float(result.confidence_interval.high),
        confidence=confidence,
        method=method,
        n_resamples=n_resamples,
        n_people=rows_of.n_units,
    )


class _Units:
    """Which rows each person has; called with people, it gives their rows."""

    def __init__(self, arrays: list[npt.NDArray], person: npt.ArrayLike | None) -> None:
        lengths = {array.shape[:1] for array in arrays}
        if person is not None:
            lengths.add(np.shape(person)[:1])
        if len(lengths) != 1 or lengths & {(), (0,)}:
            raise InputError(
                "expected columns of one length with at least one row for a bootstrap, got "
                f"lengths {sorted(length[0] if length else 0 for length in lengths)}"
            )
        self.n_rows = len(arrays[0])
        self._each_row_is_one = person is None
        if person is None:
            self.unit = np.arange(self.n_rows)
        else:
            self.unit = np.unique(np.asarray(person), return_inverse=True)[1]
        self.n_units = int(self.unit.max()) + 1
        self._order = np.argsort(self.unit, kind="stable")
        self._count = np.bincount(self.unit)
        self._start = np.cumsum(self._count) - self._count

    def __call__(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if self._each_row_is_one:
            return units
        count = self._count[units]
        ends = np.cumsum(count)
        within = np.arange(ends[-1]) - np.repeat(ends - count, count)
        return self._order[np.repeat(self._start[units], count) + within]


def _strata(rows_of: _Units, strata: npt.ArrayLike | None) -> tuple[npt.NDArray[np.int64], ...]:
    """The people of each stratum; a person's stratum is the set of their rows' labels."""
    if strata is None:
        groups: tuple[npt.NDArray[np.int64], ...] = (np.arange(rows_of.n_units),)
    else:
        labels = np.asarray(strata)
        if labels.shape != (rows_of.n_rows,):
            raise InputError(
                f"expected one stratum per row ({rows_of.n_rows}), got shape {labels.shape}"
            )
        codes = np.unique(labels, return_inverse=True)[1]
        has = np.zeros((rows_of.n_units, int(codes.max()) + 1), dtype=bool)
        has[rows_of.unit, codes] = True
        kind = np.unique(has, axis=0, return_inverse=True)[1].ravel()
        groups = tuple(np.flatnonzero(kind == one) for one in range(int(kind.max()) + 1))
    if min(map(len, groups)) < 2:
        raise InputError(
            "expected two or more samples in every stratum of a bootstrap, got "
            f"{', '.join(str(len(group)) for group in groups)}: join small strata"
        )
    return groups


def _check_finite(values: npt.NDArray[np.float64], where: str) -> None:
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise InputError(
            f"expected a finite statistic in every resample, got {bad} of {values.size} that are "
            f"not in {where}: leave out missing values and stratify by case"
        )
