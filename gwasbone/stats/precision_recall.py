"""Precision and recall: what an ROC curve hides where cases are rare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.stats.roc import cumulative_counts
from gwasbone.stats.scores import FloatArray, scored_people


@dataclass(frozen=True, slots=True)
class PrecisionRecallCurve:
    """Precision at each recall, from the strictest threshold to the loosest.

    Attributes
    ----------
    threshold : (k,) descending distinct scores; who scores at least this is called a case.
    precision : (k,) share of cases among those called (positive predictive value).
    recall : (k,) share of the cases that are called (sensitivity).
    average_precision : Σ (recall_j − recall_{j−1}) · precision_j. No trapezoids: between two
        thresholds precision is not linear in recall, and lines would claim too much.
    prevalence : share of cases, the average precision that a score without information expects.
    n_cases, n_controls, n_missing : people behind it, and those left out.
    """

    threshold: FloatArray
    precision: FloatArray
    recall: FloatArray
    average_precision: float
    prevalence: float
    n_cases: int
    n_controls: int
    n_missing: int


def precision_recall_curve(is_case: npt.ArrayLike, score: npt.ArrayLike) -> PrecisionRecallCurve:
    """Compute precision and recall at every distinct score, and the average precision.

    Parameters
    ----------
    is_case : (n,) 0/1 or bool, NaN for unknown.
    score : (n,) higher for cases; NaN is left out and counted; infinite is lowest or highest.

    Raises
    ------
    InputError
        As :func:`gwasbone.stats.scores.scored_people`.

    References
    ----------
    Davis & Goadrich (2006), ICML, 233 (why the points must not be joined by lines).

    Examples
    --------
    >>> curve = precision_recall_curve([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
    >>> round(curve.average_precision, 4)  # ½ · 1 + ½ · ⅔
    0.8333
    """
    people = scored_people(is_case, score)
    threshold, cases, controls = cumulative_counts(people.is_case, people.scores[0])
    precision, recall = cases / (cases + controls), cases / people.n_cases
    return PrecisionRecallCurve(
        threshold=threshold,
        precision=precision,
        recall=recall,
        average_precision=float(np.diff(recall, prepend=0.0) @ precision),
        prevalence=people.n_cases / len(people.is_case),
        n_cases=people.n_cases,
        n_controls=people.n_controls,
        n_missing=people.n_missing,
    )


def average_precision(is_case: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Compute the average precision."""
    return precision_recall_curve(is_case, score).average_precision
