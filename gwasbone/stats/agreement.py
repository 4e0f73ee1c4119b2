"""How well predictions agree with a measurement: correlation and out-of-fold R²."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from gwasbone.errors import InputError
from gwasbone.stats.bootstrap import BootstrapInterval, bootstrap_interval
from gwasbone.stats.pvalues import neg_log10_p_t
from gwasbone.stats.scores import FloatArray
from gwasbone.stats.variation import varies


@dataclass(frozen=True, slots=True)
class Correlation:
    """Pearson's correlation (Spearman's is that of the ranks; with a 0/1 outcome, point-biserial).

    Attributes
    ----------
    r : the correlation; NaN where one side is constant.
    lower, upper : interval by Fisher's z at ``confidence``; exact for bivariate normal values.
    neg_log10_p : of t = r √((n − 2)/(1 − r²)) on n − 2 degrees of freedom.
    n, n_missing : pairs used, and pairs left out because a value is missing.
    """

    r: float
    lower: float
    upper: float
    confidence: float
    neg_log10_p: float
    n: int
    n_missing: int


def correlation(
    x: npt.ArrayLike, y: npt.ArrayLike, *, ranks: bool = False, confidence: float = 0.95
) -> Correlation:
    """Correlate two variables over the samples who have both.

    Parameters
    ----------
    x, y : (n,) numbers; NaN is left out and counted.
    ranks : correlate midranks (Spearman), with standard error √((1 + r²/2)/(n − 3)) on Fisher's
        scale (Bonett & Wright 2000, Psychometrika 65:23).

    Raises
    ------
    InputError
        Unequal lengths, an infinite value with ``ranks=False``, or fewer than four pairs.

    Examples
    --------
    >>> round(correlation([1, 2, 3, 4], [1, 3, 2, 4]).r, 2)
    0.8
    """
    first, second, n_missing = _pairs(x, y, "a correlation", infinite=ranks)
    n = first.size
    if n < 4:
        raise InputError(f"expected four or more pairs for a correlation, got {n}")
    if ranks:
        first, second = stats.rankdata(first), stats.rankdata(second)
    flat = not (varies(first) and varies(second))
    first, second = first - first.mean(), second - second.mean()
    with np.errstate(all="ignore"):
        r = float(np.clip(first @ second / np.sqrt((first @ first) * (second @ second)), -1, 1))
        r = np.nan if flat else r
        t = r * np.sqrt((n - 2) / (1 - r * r)) if abs(r) < 1 else np.copysign(np.inf, r)
        se = np.sqrt((1 + r * r / 2 if ranks else 1.0) / (n - 3))
        half = float(special.ndtri(0.5 + confidence / 2)) * se
        lower, upper = np.tanh(np.arctanh(r) + np.array([-half, half]))
    return Correlation(
        r=r,
        lower=float(lower),
        upper=float(upper),
        confidence=confidence,
        neg_log10_p=float(neg_log10_p_t(t, n - 2)),
        n=n,
        n_missing=n_missing,
    )


@dataclass(frozen=True, slots=True)
class OutOfFoldR2:
    """Proportion of variance explained by held-out predictions.

    Attributes
    ----------
    r2 : 1 − Σ (y − ŷ)² / Σ (y − baseline)²; below 0 where predictions are worse than a mean.
    interval : bootstrap over people.
    n, n_missing : rows used, and rows left out.
    """

    r2: float
    interval: BootstrapInterval
    n: int
    n_missing: int


def out_of_fold_r2(
    y: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    fold: npt.ArrayLike | None = None,
    person: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 1,
) -> OutOfFoldR2:
    """Compute R² of out-of-fold predictions with a bootstrap interval.

    Parameters
    ----------
    y, predicted : (n,) measured and predicted, in one unit; NaN is left out and counted.
    fold : (n,) the fold in which each row was held out. The baseline is then the mean of y in all
        other folds, what a model without predictors would have said; without folds it is the
        mean of all y.
    person : (n,) who each row is of, where people have several rows.
    confidence, n_resamples, seed : of the percentile interval.

    Raises
    ------
    InputError
        Unequal lengths, an infinite value, fewer than two people, a constant y, or one fold only.

    Examples
    --------
    >>> out_of_fold_r2([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 3.0], n_resamples=50).r2
    0.8
    """
    measured, guess, n_missing = _pairs(y, predicted, "R²", infinite=False)
    complete = ~(np.isnan(np.asarray(y, float)) | np.isnan(np.asarray(predicted, float)))
    if np.unique(measured).size < 2:
        raise InputError(
            f"expected measurements that differ for R², got {measured.size} rows of one value"
        )
    if fold is None:
        baseline = np.full(measured.size, measured.mean())
    else:
        baseline = _means_of_other_folds(measured, np.asarray(fold)[complete])
    error, spread = (measured - guess) ** 2, (measured - baseline) ** 2
    interval = bootstrap_interval(
        lambda e, s: 1 - e.sum() / s.sum(),
        error,
        spread,
        person=None if person is None else np.asarray(person)[complete],
        confidence=confidence,
        n_resamples=n_resamples,
        seed=seed,
    )
    return OutOfFoldR2(interval.estimate, interval, measured.size, n_missing)


def _means_of_other_folds(y: FloatArray, fold: npt.NDArray) -> FloatArray:
    member = np.unique(fold, return_inverse=True)[1]
    count, total = np.bincount(member), np.bincount(member, y)
    if count.size < 2:
        raise InputError("expected two or more folds for an out-of-fold R², got one")
    means: FloatArray = (total.sum() - total) / (count.sum() - count)
    return means[member]


def _pairs(
    x: npt.ArrayLike, y: npt.ArrayLike, what: str, *, infinite: bool
) -> tuple[FloatArray, FloatArray, int]:
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise InputError(
            f"expected two columns of one length for {what}, got shapes {first.shape} and "
            f"{second.shape}: align them by sample first"
        )
    complete = ~(np.isnan(first) | np.isnan(second))
    first, second = first[complete], second[complete]
    n_infinite = int(np.count_nonzero(np.isinf(first) | np.isinf(second)))
    if n_infinite and not infinite:
        raise InputError(f"expected finite numbers for {what}, got {n_infinite} infinite pairs")
    return first, second, int(np.count_nonzero(~complete))
