"""Concordance of a score with ordered classes: the area under the ROC curve for more than two.

C = P(score_i > score_j | y_i > y_j) + ½ P(score_i = score_j | y_i > y_j) over the pairs of people
of different classes. With two classes it is the area under the ROC curve; Somers' D is 2 C − 1.
Where people belong to groups whose scores have different levels (folds, each predicted by another
model), only pairs within a group are compared.

The standard error is a jackknife over people, within each group and class: C without person i is
(A − a_i)/(B − b_i), a_i the concordant and b_i all pairs that i is in. With two classes in one
group this is DeLong's variance exactly.

References
----------
Harrell et al. (1996), Statistics in Medicine 15:361. Somers (1962), American Sociological Review
27:799. DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from gwasbone.errors import InputError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Concordance:
    """Concordance of a score with its confidence interval.

    Attributes
    ----------
    estimate : 0.5 for a score that says nothing.
    se : of the people who were predicted; that other people would have trained another model is
        not in it.
    lower, upper : symmetric in log(C/(1 − C)), at ``confidence``.
    n, n_pairs : people and pairs compared.
    """

    estimate: float
    se: float
    lower: float
    upper: float
    confidence: float
    n: int
    n_pairs: int


@dataclass(frozen=True, slots=True)
class ConcordanceDifference:
    """Difference in concordance of two scores of the same samples."""

    difference: float
    se: float
    lower: float
    upper: float
    confidence: float


def concordance(
    y: npt.ArrayLike,
    score: npt.ArrayLike,
    *,
    group: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Concordance:
    """Compute the concordance of a score with ordered classes.

    Parameters
    ----------
    y : (n,) classes as numbers in their order; NaN is left out.
    score : (n,) higher for higher classes; NaN is left out.
    group : (n,) pairs are compared within a group only; one group where None.

    Raises
    ------
    InputError
        Arrays of different lengths, or no two people of different classes in one group.

    Examples
    --------
    >>> made = concordance([0, 1, 2, 1], [0.1, 0.9, 0.8, 0.3])
    >>> made.n_pairs, round(made.estimate, 3)
    (5, 0.8)
    """
    y, (scores,), strata = _people(y, [score], group)
    left_out, estimate, pairs = _without_each(y, scores, strata[0])
    se = _jackknife_se(left_out, strata[1])
    lower, upper = _interval(estimate, se, confidence)
    return Concordance(estimate, se, lower, upper, confidence, len(y), pairs)


def compare_concordance(
    y: npt.ArrayLike,
    score_1: npt.ArrayLike,
    score_2: npt.ArrayLike,
    *,
    group: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> ConcordanceDifference:
    """Compare the concordances of two scores in the samples who have both.

    Raises
    ------
    InputError
        As :func:`concordance`.
    """
    y, (one, two), strata = _people(y, [score_1, score_2], group)
    left_1, estimate_1, _ = _without_each(y, one, strata[0])
    left_2, estimate_2, _ = _without_each(y, two, strata[0])
    se = _jackknife_se(left_1 - left_2, strata[1])
    difference = estimate_1 - estimate_2
    half = se * float(special.ndtri(0.5 + confidence / 2))
    return ConcordanceDifference(difference, se, difference - half, difference + half, confidence)


def _people(
    y: npt.ArrayLike, scores: list[npt.ArrayLike], group: npt.ArrayLike | None
) -> tuple[FloatArray, list[FloatArray], tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Classes, scores, and (group, group and class) as numbers, of whoever has all."""
    classes = np.asarray(y, dtype=np.float64)
    values = [np.asarray(score, dtype=np.float64) for score in scores]
    groups = np.zeros(len(classes)) if group is None else np.asarray(group)
    lengths = {len(classes), len(groups), *(len(value) for value in values)}
    if len(lengths) > 1:
        raise InputError(f"concordance: expected arrays of one length, got {sorted(lengths)}")
    known = ~(np.isnan(classes) | np.any([np.isnan(value) for value in values], axis=0))
    classes, groups = classes[known], groups[known]
    number = np.unique(groups, return_inverse=True)[1]
    _, cell = np.unique(np.column_stack([number, classes]), axis=0, return_inverse=True)
    return classes, [value[known] for value in values], (number, cell.ravel())


def _without_each(
    y: FloatArray, score: FloatArray, group: npt.NDArray[np.intp]
) -> tuple[FloatArray, float, int]:
    """(n,) concordance without each sample, concordance of all, and the number of pairs."""
    concordant, pairs = np.zeros(len(y)), np.zeros(len(y))
    for number in np.unique(group):
        of_group = group == number
        classes = np.unique(y[of_group])
        for i, low in enumerate(classes):
            for high in classes[i + 1 :]:
                below = np.flatnonzero(of_group & (y == low))
                above = np.flatnonzero(of_group & (y == high))
                beaten = _below(score[below], score[above])
                beating = len(above) - _below(score[above], score[below])
                concordant[above] += beaten
                concordant[below] += beating
                pairs[above] += len(below)
                pairs[below] += len(above)
    total, n_pairs = concordant.sum() / 2, pairs.sum() / 2
    if n_pairs == 0:
        raise InputError(
            "concordance: expected samples of two classes in a group, there are none: give more "
            "samples or fewer groups"
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        left_out = (total - concordant) / (n_pairs - pairs)
    return left_out, float(total / n_pairs), int(n_pairs)


def _below(scores: FloatArray, than: FloatArray) -> FloatArray:
    """How many scores are below each of others, a tie counting half."""
    ranked = np.sort(scores)
    ends = [np.searchsorted(ranked, than, side) for side in ("left", "right")]
    return np.asarray((ends[0] + ends[1]) / 2, dtype=np.float64)


def _jackknife_se(left_out: FloatArray, stratum: npt.NDArray[np.intp]) -> float:
    """Standard error from the estimates without each sample; one alone in a stratum adds none."""
    size = np.bincount(stratum)
    mean = np.bincount(stratum, weights=left_out) / size
    squares = np.bincount(stratum, weights=(left_out - mean[stratum]) ** 2)
    return float(np.sqrt(((size - 1) / size * squares).sum()))


def _interval(estimate: float, se: float, confidence: float) -> tuple[float, float]:
    if not 0 < estimate < 1 or not np.isfinite(se):
        return estimate, estimate
    z = float(special.ndtri(0.5 + confidence / 2))
    middle, half = special.logit(estimate), z * se / (estimate * (1 - estimate))
    return float(special.expit(middle - half)), float(special.expit(middle + half))
