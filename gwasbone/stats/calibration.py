"""Do predicted probabilities mean what they say? Reliability, calibration slope, Brier score.

With outcome y (0/1), prediction p, and K bins of n_k people with mean prediction p̄_k and share of
cases ȳ_k, the Brier score B = mean (p − y)² splits exactly into

    B = reliability − resolution + uncertainty + within_bins

    reliability = Σ n_k/n (p̄_k − ȳ_k)²        resolution = Σ n_k/n (ȳ_k − ȳ)²
    uncertainty = ȳ (1 − ȳ)                    within_bins = mean (p − p̄_k)² − 2 mean (p − p̄_k) y

The last term is 0 where all predictions in a bin are equal (Murphy's three-term form).

References
----------
Murphy (1973), J Appl Meteorol 12:595. Stephenson, Coelho & Jolliffe (2008), Weather Forecast
23:752 (terms within bins). Cox (1958), Biometrika 45:562 (intercept and slope). Wilson (1927),
JASA 22:209. Guo et al. (2017), ICML, 1321 (expected calibration error).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from gwasbone.stats.logistic import FitStatus, fit_logistic
from gwasbone.stats.scores import FloatArray, scored_people

BinRule = Literal["quantile", "uniform"]

#: Predictions of exactly 0 or 1 have no logit; for the regression they are moved to this far off.
SMALLEST_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True)
class ReliabilityBins:
    """People in bins of their predicted probability; empty bins are left out.

    Attributes
    ----------
    left, right : (K,) edges; a bin holds left < p ≤ right, the lowest from 0 on.
    predicted : (K,) mean prediction.
    observed : (K,) share of cases, with Wilson's interval ``lower``, ``upper``.
    n_people, n_cases : (K,) counts.
    """

    left: FloatArray
    right: FloatArray
    predicted: FloatArray
    observed: FloatArray
    lower: FloatArray
    upper: FloatArray
    n_people: npt.NDArray[np.int64]
    n_cases: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BrierScore:
    """Mean squared error of a probability and its exact decomposition (see the module)."""

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


@dataclass(frozen=True, slots=True)
class Recalibration:
    """Logistic regression of the outcome on the logit of the prediction.

    Attributes
    ----------
    intercept, intercept_se : of the model with slope 1 (calibration in the large): below 0 where
        predictions are too high on the whole.
    slope, slope_se : of the model with a free intercept: below 1 where predictions are too
        extreme (overfitted), above 1 where they are too timid.
    n_clipped : predictions of 0 or 1, taken as ``SMALLEST_PROBABILITY`` off.
    status : '' or why the slope is NaN or no maximum (all predictions equal: ``collinear``;
        cases and controls apart: ``separation``).
    """

    intercept: float
    intercept_se: float
    slope: float
    slope_se: float
    n_clipped: int
    status: FitStatus


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration measures of predicted probabilities.

    Attributes
    ----------
    bins, brier, recalibration : see their classes.
    expected_calibration_error : Σ n_k/n |ȳ_k − p̄_k|; depends on the bins, and is above 0 by
        chance even for perfect predictions.
    mean_predicted, prevalence : mean prediction, and share of cases.
    confidence : of the bins' intervals.
    n_cases, n_controls, n_missing : people behind it, and those left out.
    """

    bins: ReliabilityBins
    brier: BrierScore
    recalibration: Recalibration
    expected_calibration_error: float
    mean_predicted: float
    prevalence: float
    confidence: float
    n_cases: int
    n_controls: int
    n_missing: int


def calibration(
    is_case: npt.ArrayLike,
    probability: npt.ArrayLike,
    *,
    n_bins: int = 10,
    bin_rule: BinRule = "quantile",
    confidence: float = 0.95,
) -> Calibration:
    """Measure the calibration of predicted probabilities against outcomes.

    Parameters
    ----------
    is_case : (n,) 0/1 or bool, NaN for unknown.
    probability : (n,) in [0, 1]; NaN is left out and counted.
    n_bins : how many bins; equal predictions are never parted, so there may be fewer.
    bin_rule : ``quantile`` for bins of equally many people, ``uniform`` for bins of equal width.
    confidence : of Wilson's intervals.

    Raises
    ------
    InputError
        A probability outside [0, 1], and as :func:`gwasbone.stats.scores.scored_people`.

    Examples
    --------
    >>> result = calibration([0, 0, 1, 1], [0.2, 0.2, 0.8, 0.8], n_bins=2)
    >>> round(result.brier.score, 4), result.bins.n_cases
    (0.04, array([0, 2]))
    """
    assert n_bins >= 1, "at least one bin"
    assert 0 < confidence < 1, "confidence lies between 0 and 1"
    people = scored_people(is_case, probability, probabilities=True)
    y, p = people.is_case.astype(np.float64), people.scores[0]
    bins, member = _bins(y, p, _right_edges(p, n_bins, bin_rule), confidence)
    return Calibration(
        bins=bins,
        brier=_brier(y, p, bins, member),
        recalibration=_recalibration(y, p),
        expected_calibration_error=float(
            bins.n_people @ np.abs(bins.observed - bins.predicted) / y.size
        ),
        mean_predicted=float(p.mean()),
        prevalence=float(y.mean()),
        confidence=confidence,
        n_cases=people.n_cases,
        n_controls=people.n_controls,
        n_missing=people.n_missing,
    )


def brier_score(is_case: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Mean squared difference of prediction and outcome, as a bootstrap asks for it."""
    people = scored_people(is_case, probability, probabilities=True)
    return float(np.mean((people.scores[0] - people.is_case) ** 2))


def expected_calibration_error(
    is_case: npt.ArrayLike,
    probability: npt.ArrayLike,
    *,
    n_bins: int = 10,
    bin_rule: BinRule = "quantile",
) -> float:
    """Σ n_k/n |ȳ_k − p̄_k| alone, as a bootstrap asks for it."""
    people = scored_people(is_case, probability, probabilities=True)
    p = people.scores[0]
    k = np.searchsorted(_right_edges(p, n_bins, bin_rule), p, side="left")
    # n_k (ȳ_k − p̄_k) is the sum of y − p in the bin.
    return float(np.abs(np.bincount(k, people.is_case - p)).sum() / p.size)


def wilson_interval(
    successes: npt.ArrayLike, trials: npt.ArrayLike, *, confidence: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Wilson's score interval of a proportion, (lower, upper); NaN where ``trials`` is 0.

    >>> lower, upper = wilson_interval(0, 10)
    >>> float(lower), round(float(upper), 4)
    (0.0, 0.2775)
    """
    count, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    z2 = float(special.ndtri(0.5 + confidence / 2)) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        share = count / n
        middle = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    # At 0 and n the ends are 0 and 1 exactly; rounding would leave 1e-17.
    lower = np.where(count == 0, np.where(n > 0, 0.0, np.nan), middle - half)
    upper = np.where((count == n) & (n > 0), 1.0, middle + half)
    return lower, upper


def _right_edges(p: FloatArray, n_bins: int, bin_rule: BinRule) -> FloatArray:
    step = np.arange(1, n_bins + 1)
    if bin_rule == "uniform":
        return step / n_bins
    # Values that occur, each once: ties stay together. Whole-number ranks, since rounding of
    # 0.3 · n would put a person into the next bin.
    return np.unique(np.sort(p)[-(-step * p.size // n_bins) - 1])


def _bins(
    y: FloatArray, p: FloatArray, right: FloatArray, confidence: float
) -> tuple[ReliabilityBins, npt.NDArray[np.int64]]:
    """The bins that hold somebody, and which of them each sample is in."""
    filled, member = np.unique(np.searchsorted(right, p, side="left"), return_inverse=True)
    left = np.append(0.0, right[:-1])
    n = np.bincount(member)
    cases = np.bincount(member, y)
    lower, upper = wilson_interval(cases, n, confidence=confidence)
    bins = ReliabilityBins(
        left=left[filled],
        right=right[filled],
        predicted=np.bincount(member, p) / n,
        observed=cases / n,
        lower=lower,
        upper=upper,
        n_people=n,
        n_cases=cases.astype(np.int64),
    )
    return bins, member


def _brier(
    y: FloatArray, p: FloatArray, bins: ReliabilityBins, member: npt.NDArray[np.int64]
) -> BrierScore:
    share = bins.n_people / y.size
    deviation = p - bins.predicted[member]
    return BrierScore(
        score=float(np.mean((p - y) ** 2)),
        reliability=float(share @ (bins.predicted - bins.observed) ** 2),
        resolution=float(share @ (bins.observed - y.mean()) ** 2),
        uncertainty=float(y.mean() * (1 - y.mean())),
        within_bins=float(np.mean(deviation**2) - 2 * np.mean(deviation * y)),
    )


def _recalibration(y: FloatArray, p: FloatArray) -> Recalibration:
    clipped = np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    logit = special.logit(clipped)
    one = np.ones((y.size, 1))
    large = fit_logistic(one, y, logit)
    full = fit_logistic(np.column_stack([one, logit]), y)
    return Recalibration(
        intercept=float(large.log_odds[0]),
        intercept_se=float(large.se[0]),
        slope=float(full.log_odds[1]),
        slope_se=float(full.se[1]),
        n_clipped=int(np.count_nonzero(clipped != p)),
        status=full.status or large.status,
    )
