"""Tests for residual confounding of a residual phenotype by age, weight and sex.

Tests are between people, on the mean residual, age and weight of each, beside the columns that
the model itself removed; what the model's columns determine cannot be left and is not tested.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.phenotypes.confounders import AGE, SEX, WEIGHT, sex_labels
from gwasbone.stats.least_squares import AddedTerms, added_terms_test, dependent_columns
from gwasbone.stats.smoothing import natural_spline, spline_knots
from gwasbone.stats.variation import varies

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Minimum number of participants in a stratum that is tested.
MIN_PARTICIPANTS = 30

COLUMNS = (
    "covariate", "stratum", "form", "n", "r2", "f", "dof_added", "dof_residual",
    "neg_log_10_p_value", "status",
)  # fmt: skip


def residual_confounding(
    residual: FloatArray,
    X: FloatArray,
    *,
    sex: FloatArray,
    sexes: tuple[str, ...],
    age: FloatArray,
    weight: FloatArray,
) -> pd.DataFrame:
    """Test a residual phenotype for linear and smooth dependence on age, weight and sex, by sex.

    ``linear`` asks for a slope that is left, ``smooth`` for any natural cubic spline of five
    knots (the slope included); of sex, the difference of means. Within a sex the slope or curve
    of that sex alone is asked for. F tests with HC3 variances
    (:func:`gwasbone.stats.least_squares.added_terms_test`).

    Parameters
    ----------
    residual : (n,) mean residual of each person, complete.
    X : (n, k) mean of the model's columns for each person, the intercept among them; the
        intercept alone where the model has no columns.
    sex : (n,) number into ``sexes``. age, weight : (n,) means of the person's assessments.

    Returns
    -------
    One row per test, columns ``COLUMNS``. ``r2`` is the share of the residual's variance (in the
    stratum) that a regression on the covariate alone explains. ``status`` is empty,
    ``in_model`` where the model's own columns hold all that the test could find, ``too_few``
    where there are fewer than 30 people, or ``constant``; the numbers of a test are NaN then.
    """
    base = X[:, [j for j in range(X.shape[1]) if j not in dependent_columns(X)]]
    labels = sex_labels(sexes)
    rows = []
    if len(labels) == 2:
        man = sex[:, None] == 1
        everyone = np.ones(len(residual), dtype=bool)
        found = _tested(residual, base, man, everyone, bool(varies(sex)))
        rows.append((SEX, "all", "linear", *found))
    for name, values in ((AGE, age), (WEIGHT, weight)):
        for stratum, people in _strata(sex, labels):
            changes = bool(varies(values[people]))
            for form, D in _forms(values, people):
                found = _tested(residual, base, D * people[:, None], people, changes)
                rows.append((name, stratum, form, *found))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _strata(sex: FloatArray, labels: tuple[str, ...]) -> Iterator[tuple[str, BoolArray]]:
    yield "all", np.ones(len(sex), dtype=bool)
    if len(labels) == 2:
        for code, label in enumerate(labels):
            yield label, sex == code


def _forms(values: FloatArray, people: BoolArray) -> Iterator[tuple[str, FloatArray]]:
    # about the stratum's mean, so that a slope of one sex is not also a difference of the sexes
    centred = values - (values[people].mean() if people.any() else 0.0)
    yield "linear", centred[:, None]
    if people.any():
        curve = natural_spline(centred, spline_knots(centred[people]))
        yield "smooth", curve - curve[people].mean(axis=0)


def _tested(
    residual: FloatArray, base: FloatArray, D: FloatArray, people: BoolArray, changes: bool
) -> tuple[int, float, float, int, int, float, str]:
    n = int(people.sum())
    inside = D[people].astype(np.float64)
    if n < MIN_PARTICIPANTS:
        return n, np.nan, np.nan, 0, 0, np.nan, "too_few"
    if not changes:
        return n, np.nan, np.nan, 0, 0, np.nan, "constant"
    alone = added_terms_test(residual[people], np.ones((n, 1)), inside)
    found: AddedTerms = added_terms_test(residual, base, D)
    status = "" if found.dof_added else "in_model"
    return (
        n, alone.r2, found.f, found.dof_added, found.dof_residual, found.neg_log10_p, status
    )  # fmt: skip
