"""The ROC curve, the area under it with DeLong's variance, and comparisons of two areas.

With m cases of scores X and n controls of scores Y, the area is the Mann-Whitney probability
AUC = P(X > Y) + ½ P(X = Y). The placement of a case is the share of controls below it (ties
half), that of a control the share of cases above it; DeLong's variance is
var(placements of cases)/m + var(placements of controls)/n. Midranks give all placements in
O((m + n) log(m + n)).

References
----------
DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837. Sun & Xu (2014), IEEE Signal Processing
Letters 21:1389 (midranks). Robin et al. (2011), BMC Bioinformatics 12:77 (pROC; degrees of
freedom of the unpaired test).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from gwasbone.errors import InputError
from gwasbone.stats.pvalues import neg_log10_p_normal, neg_log10_p_t
from gwasbone.stats.scores import FloatArray, ScoredPeople, scored_people

IntervalScale = Literal["wald", "logit"]


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Corners of the empirical ROC curve, from (0, 0) to (1, 1).

    Attributes
    ----------
    threshold : (k,) descending, the first infinite; who scores at least this is called a case.
    false_positive_rate, true_positive_rate : (k,) 1 − specificity, and sensitivity. Tied scores
        are one step, drawn as a slope where it holds both cases and controls.
    n_cases, n_controls, n_missing : people behind it, and those left out.
    """

    threshold: FloatArray
    false_positive_rate: FloatArray
    true_positive_rate: FloatArray
    n_cases: int
    n_controls: int
    n_missing: int


@dataclass(frozen=True, slots=True)
class Auc:
    """Area under the ROC curve with DeLong's standard error.

    Attributes
    ----------
    auc : P(score of a case > score of a control) + ½ P(equal).
    se : DeLong's; NaN with a single case or control, 0 where no score of a case is below one of
        a control (the interval then has no width and claims too much).
    lower, upper : interval at ``confidence``; ``scale`` says on which scale it is symmetric.
    n_cases, n_controls, n_missing : people behind it, and those left out.
    """

    auc: float
    se: float
    lower: float
    upper: float
    confidence: float
    scale: IntervalScale
    n_cases: int
    n_controls: int
    n_missing: int


@dataclass(frozen=True, slots=True)
class AucComparison:
    """Difference of two AUCs with DeLong's test.

    Attributes
    ----------
    auc_1, auc_2 : the areas.
    difference : ``auc_1 − auc_2``, with standard error ``se`` and ``lower``, ``upper`` at
        ``confidence``.
    statistic : difference / se; normal where ``dof`` is infinite, Student's t otherwise. NaN
        where ``se`` is 0 and the areas differ: there is no variance to judge by.
    neg_log10_p : −log10 of the two-sided p-value.
    correlation : of the two estimates; 0 for different people.
    """

    auc_1: float
    auc_2: float
    difference: float
    se: float
    lower: float
    upper: float
    confidence: float
    statistic: float
    dof: float
    neg_log10_p: float
    correlation: float


def roc_curve(is_case: npt.ArrayLike, score: npt.ArrayLike) -> RocCurve:
    """Compute the empirical ROC curve of a score that is higher in cases.

    Parameters
    ----------
    is_case : (n,) 0/1 or bool, NaN for unknown.
    score : (n,) NaN is left out and counted; infinite is lowest or highest.

    Returns
    -------
    RocCurve, without points inside straight stretches.

    Raises
    ------
    InputError
        As :func:`gwasbone.stats.scores.scored_people`.

    Examples
    --------
    >>> curve = roc_curve([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1])
    >>> curve.false_positive_rate, curve.true_positive_rate
    (array([0. , 0. , 0.5, 1. ]), array([0. , 0.5, 1. , 1. ]))
    """
    people = scored_people(is_case, score)
    threshold, cases_above, controls_above = cumulative_counts(people.is_case, people.scores[0])
    true, false = np.append(0, cases_above), np.append(0, controls_above)
    # Whole numbers, so that "on the line between its neighbours" is exact.
    step_true, step_false = np.diff(true), np.diff(false)
    bends = step_true[1:] * step_false[:-1] != step_true[:-1] * step_false[1:]
    corner = np.concatenate([[True], bends, [True]])
    return RocCurve(
        threshold=np.append(np.inf, threshold)[corner],
        false_positive_rate=false[corner] / people.n_controls,
        true_positive_rate=true[corner] / people.n_cases,
        n_cases=people.n_cases,
        n_controls=people.n_controls,
        n_missing=people.n_missing,
    )


def cumulative_counts(
    is_case: npt.NDArray[np.bool_], score: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the cases and controls at or above each distinct score, from the highest down."""
    order = np.argsort(-score, kind="stable")
    ranked, case = score[order], is_case[order]
    last_of_ties = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), ranked.size - 1)
    cases = np.cumsum(case, dtype=np.int64)[last_of_ties]
    return ranked[last_of_ties], cases, last_of_ties + 1 - cases


def area_under_curve(
    is_case: npt.ArrayLike,
    score: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    scale: IntervalScale = "wald",
) -> Auc:
    """Compute the area under the ROC curve with DeLong's confidence interval.

    Parameters
    ----------
    is_case : (n,) 0/1 or bool, NaN for unknown.
    score : (n,) higher for cases; NaN is left out and counted; infinite is lowest or highest.
    confidence : coverage of the interval.
    scale : ``wald``: AUC ± z·se, cut at 0 and 1; ``logit``: symmetric in log(AUC/(1 − AUC)),
        which covers better near 1 and in small samples.

    Raises
    ------
    InputError
        As :func:`gwasbone.stats.scores.scored_people`.

    Examples
    --------
    >>> result = area_under_curve([1, 1, 1, 0, 0], [0.9, 0.8, 0.3, 0.5, 0.2])
    >>> round(result.auc, 4), round(result.se, 4)
    (0.8333, 0.2357)
    """
    assert 0 < confidence < 1, "confidence lies between 0 and 1"
    people = scored_people(is_case, score)
    cases, controls = _placements(people)
    auc = float(cases[0].mean())
    se = float(np.sqrt(_variance_of_mean(cases[0]) + _variance_of_mean(controls[0])))
    lower, upper = _interval(auc, se, confidence, scale)
    return Auc(
        auc=auc,
        se=se,
        lower=lower,
        upper=upper,
        confidence=confidence,
        scale=scale,
        n_cases=people.n_cases,
        n_controls=people.n_controls,
        n_missing=people.n_missing,
    )


def compare_paired_auc(
    is_case: npt.ArrayLike,
    score_1: npt.ArrayLike,
    score_2: npt.ArrayLike,
    *,
    confidence: float = 0.95,
) -> AucComparison:
    """Compare the AUCs of two scores of the same samples by DeLong's test.

    The standard error comes from the differences of the placements, so two scores that rank
    everybody alike have difference 0, standard error 0 and p = 1.

    Parameters
    ----------
    is_case : (n,) 0/1 or bool, NaN for unknown.
    score_1, score_2 : (n,) each; who lacks one is left out of both.

    Raises
    ------
    InputError
        As :func:`gwasbone.stats.scores.scored_people`.

    Examples
    --------
    >>> test = compare_paired_auc([1, 1, 0, 0], [4, 3, 2, 1], [2, 4, 3, 1])
    >>> test.difference, round(test.se, 4)
    (0.25, 0.3536)
    """
    assert 0 < confidence < 1, "confidence lies between 0 and 1"
    people = scored_people(is_case, score_1, score_2)
    cases, controls = _placements(people)
    auc_1, auc_2 = cases.mean(axis=1)
    variance_1, variance_2 = (
        _variance_of_mean(a) + _variance_of_mean(b) for a, b in zip(cases, controls, strict=True)
    )
    variance = _variance_of_mean(cases[0] - cases[1]) + _variance_of_mean(controls[0] - controls[1])
    spread = 2 * np.sqrt(variance_1 * variance_2)
    correlation = (variance_1 + variance_2 - variance) / spread if spread > 0 else np.nan
    return _comparison(
        float(auc_1),
        float(auc_2),
        float(np.sqrt(variance)),
        dof=np.inf,
        correlation=float(correlation),
        confidence=confidence,
    )


def compare_unpaired_auc(
    people_1: tuple[npt.ArrayLike, npt.ArrayLike],
    people_2: tuple[npt.ArrayLike, npt.ArrayLike],
    *,
    confidence: float = 0.95,
) -> AucComparison:
    """Compare two AUCs in different samples by DeLong's test.

    As in pROC, Student's t with Satterthwaite's degrees of freedom.

    Parameters
    ----------
    people_1, people_2 : each ``(is_case, score)`` as for :func:`area_under_curve`. No person may
        be in both; people in both make the test wrong, and nothing here can notice.

    Raises
    ------
    InputError
        As :func:`gwasbone.stats.scores.scored_people`.
    """
    one = area_under_curve(*people_1, confidence=confidence)
    two = area_under_curve(*people_2, confidence=confidence)
    variance_1, variance_2 = one.se**2, two.se**2
    n_1, n_2 = one.n_cases + one.n_controls, two.n_cases + two.n_controls
    spread = variance_1**2 / (n_1 - 1) + variance_2**2 / (n_2 - 1)
    dof = (variance_1 + variance_2) ** 2 / spread if spread > 0 else np.inf
    return _comparison(
        one.auc,
        two.auc,
        float(np.sqrt(variance_1 + variance_2)),
        dof=dof,
        correlation=0.0,
        confidence=confidence,
    )


def auc_covariance(is_case: npt.ArrayLike, scores: npt.ArrayLike) -> FloatArray:
    """Compute DeLong's covariance (q, q) of the AUCs of q scores of the same samples.

    Parameters
    ----------
    scores : (q, n), one row per score; who lacks one is left out of all.

    Raises
    ------
    InputError
        As :func:`gwasbone.stats.scores.scored_people`, and with a single case or control.
    """
    people = scored_people(is_case, *np.atleast_2d(np.asarray(scores, dtype=np.float64)))
    if min(people.n_cases, people.n_controls) < 2:
        raise InputError(
            "expected two or more cases and controls for a covariance of areas, got "
            f"{people.n_cases} and {people.n_controls}"
        )
    cases, controls = _placements(people)
    q = len(people.scores)
    return (np.cov(cases) / people.n_cases + np.cov(controls) / people.n_controls).reshape(q, q)


def _placements(people: ScoredPeople) -> tuple[FloatArray, FloatArray]:
    """(q, m) shares of controls below each case, and (q, n) of cases above each control."""
    case = people.is_case
    m, n = people.n_cases, people.n_controls
    cases, controls = np.empty((len(people.scores), m)), np.empty((len(people.scores), n))
    for row, score in enumerate(people.scores):
        among_all = stats.rankdata(score)
        # Midranks are multiples of ½, so these differences are exact.
        cases[row] = (among_all[case] - stats.rankdata(score[case])) / n
        controls[row] = 1 - (among_all[~case] - stats.rankdata(score[~case])) / m
    return cases, controls


def _variance_of_mean(placements: FloatArray) -> float:
    return float(placements.var(ddof=1) / placements.size) if placements.size > 1 else np.nan


def _interval(
    auc: float, se: float, confidence: float, scale: IntervalScale
) -> tuple[float, float]:
    z = float(special.ndtri(0.5 + confidence / 2))
    if scale == "logit" and 0 < auc < 1:
        middle, half = special.logit(auc), z * se / (auc * (1 - auc))
        return float(special.expit(middle - half)), float(special.expit(middle + half))
    # np.clip keeps NaN, which max and min need not.
    lower, upper = np.clip([auc - z * se, auc + z * se], 0.0, 1.0)
    return float(lower), float(upper)


def _comparison(
    auc_1: float, auc_2: float, se: float, *, dof: float, correlation: float, confidence: float
) -> AucComparison:
    difference = auc_1 - auc_2
    no_variance = 0.0 if difference == 0 and se == 0 else np.nan
    statistic = difference / se if se > 0 else no_variance
    normal = np.isinf(dof)
    quantile = 0.5 + confidence / 2
    half = se * float(special.ndtri(quantile) if normal else special.stdtrit(dof, quantile))
    p = neg_log10_p_normal(statistic) if normal else neg_log10_p_t(statistic, dof)
    return AucComparison(
        auc_1=auc_1,
        auc_2=auc_2,
        difference=difference,
        se=se,
        lower=difference - half,
        upper=difference + half,
        confidence=confidence,
        statistic=statistic,
        dof=float(dof),
        neg_log10_p=float(p),
        correlation=correlation,
    )
