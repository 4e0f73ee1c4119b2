"""Scores of samples whose outcome is known: the checks that every evaluation shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoredPeople:
    """Outcome and scores of the samples without missing values.

    Attributes
    ----------
    is_case : (n,) bool.
    scores : (q, n) one row per score.
    n_missing : people left out because the outcome or a score is NaN.
    """

    is_case: npt.NDArray[np.bool_]
    scores: FloatArray
    n_missing: int

    @property
    def n_cases(self) -> int:
        """People with the outcome."""
        return int(np.count_nonzero(self.is_case))

    @property
    def n_controls(self) -> int:
        """People without it."""
        return len(self.is_case) - self.n_cases


def scored_people(
    outcome: npt.ArrayLike, *scores: npt.ArrayLike, probabilities: bool = False
) -> ScoredPeople:
    """Validate outcome and scores, and exclude samples with missing values.

    Parameters
    ----------
    outcome : (n,) 1 or True for a case, 0 or False for a control, NaN for unknown.
    scores : each (n,); NaN is missing. Infinite scores are the lowest or highest.
    probabilities : the scores must lie in [0, 1].

    Raises
    ------
    InputError
        Lengths differ, an outcome is not 0 or 1, a probability is outside [0, 1], or only cases
        or only controls are left.
    """
    y = _vector(outcome, "the outcome")
    rows = [_vector(score, f"score {i}") for i, score in enumerate(scores, 1)]
    lengths = [row.size for row in rows]
    if set(lengths) != {y.size}:
        shown = ", ".join(map(str, lengths[:4])) + (", ..." if len(lengths) > 4 else "")
        raise InputError(
            f"expected one score per outcome ({y.size}), got scores of length "
            f"{shown}: align them by sample first"
        )
    stacked = np.vstack(rows)
    complete = ~(np.isnan(y) | np.isnan(stacked).any(axis=0))
    y, stacked = y[complete], stacked[:, complete]
    odd = np.unique(y[(y != 0) & (y != 1)])
    if odd.size:
        raise InputError(
            f"expected outcomes 0 (control) and 1 (case), got {', '.join(map(str, odd[:3]))}: "
            "recode them"
        )
    outside = int(np.count_nonzero((stacked < 0) | (stacked > 1)))
    if probabilities and outside:
        raise InputError(
            f"expected probabilities between 0 and 1, got {outside:,} outside "
            f"({stacked.min():.4g} to {stacked.max():.4g}): a logit needs expit first"
        )
    people = ScoredPeople(y == 1, stacked, int(np.count_nonzero(~complete)))
    if people.n_cases == 0 or people.n_controls == 0:
        raise InputError(
            f"expected cases and controls, got {people.n_cases:,} cases and "
            f"{people.n_controls:,} controls with a score ({people.n_missing:,} samples lack one "
            "or their outcome): evaluate where both are there"
        )
    return people


def _vector(values: npt.ArrayLike, what: str) -> FloatArray:
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"expected numbers in {what}, got text: {error}") from error
    if vector.ndim != 1:
        raise InputError(f"expected one number per sample in {what}, got shape {vector.shape}")
    return vector
