"""One trait and one model of its confounders: fitted, or a named reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.phenotypes.confounders import Confounders, LinearModel, ModelMatrix, model_matrix
from gwasbone.phenotypes.deepnull import predict_out_of_fold
from gwasbone.phenotypes.fitted_trait import (
    Coefficients,
    Counts,
    PersonMeans,
    TraitModel,
    UnfitError,
)
from gwasbone.phenotypes.formulas import Formula, formula_matrix
from gwasbone.stats.least_squares import dependent_columns, least_squares
from gwasbone.stats.random_intercept import random_intercept_reml
from gwasbone.stats.variation import varies

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Boosted trees are not asked to learn from fewer people.
_MIN_PEOPLE = 100


def fit_linear(
    trait: str, y: FloatArray, confounders: Confounders, model: LinearModel
) -> TraitModel:
    """Fit the linear or the non-linear model to one trait.

    Parameters
    ----------
    y : (n,) the trait in the rows of ``confounders``; NaN missing.

    Raises
    ------
    UnfitError
        No complete row, a constant trait, too few rows, a column that others determine, no
        convergence, or nothing that the model leaves.
    """
    rows = _usable(y, confounders)
    matrix = model_matrix(model, confounders, rows)
    counts = _counts(confounders, rows)
    estimator = "reml" if counts.repeated else "least_squares"
    if model == "linear":
        estimator = "least_squares_person_means"
    return _of_matrix(trait, y, confounders, rows, matrix, model=model, estimator=estimator)


def fit_formula(
    trait: str, y: FloatArray, confounders: Confounders, columns: pd.DataFrame, formula: Formula
) -> TraitModel:
    """Fit the model of a formula to one trait.

    By restricted maximum likelihood where the formula has a random intercept and somebody has two
    assessments. Without one, by ordinary least squares on the means of each participant, so that
    rows are independent.

    Parameters
    ----------
    y : (n,) the trait in the rows of ``confounders``; NaN missing.
    columns : (n,) rows of :func:`gwasbone.phenotypes.formulas.formula_columns`; rows where one is
        missing do not count.

    Raises
    ------
    UnfitError
        As :func:`fit_linear`.
    """
    known = columns.notna().all(axis=1).to_numpy(dtype=bool)
    rows = _usable(np.where(known, y, np.nan), confounders)
    matrix = formula_matrix(formula, columns[rows])
    estimator = "least_squares_person_means"
    if formula.random_intercept:
        estimator = "reml" if _counts(confounders, rows).repeated else "least_squares"
    return _of_matrix(trait, y, confounders, rows, matrix, model="formula", estimator=estimator)


def _of_matrix(
    trait: str, y: FloatArray, confounders: Confounders, rows: BoolArray, matrix: ModelMatrix,
    *, model: str, estimator: str,
) -> TraitModel:  # fmt: skip
    """Fit the chosen rows of a model's fixed effects, and take the marginal residual."""
    X_rows = np.full((len(y), matrix.X.shape[1]), np.nan)
    X_rows[rows] = matrix.X
    counts = _counts(confounders, rows)
    if estimator == "least_squares_person_means":
        has = np.bincount(confounders.person[rows], minlength=len(confounders.people)) > 0
        used_y = confounders.person_means(y, rows)[has]
        used_X = confounders.person_means(X_rows, rows)[has]
    else:
        used_y, used_X = y[rows], matrix.X
    _check(used_X, matrix)
    fit = _Estimate.of(estimator, used_y, used_X, confounders.person[rows])
    prediction = np.full(len(y), np.nan)
    prediction[rows] = matrix.X @ fit.coefficients
    people = _person_means(y, prediction, X_rows, confounders, rows)
    _check_residual(people.residual, y)
    return TraitModel(
        trait=trait,
        model=model,
        people=people,
        estimator=estimator,
        formula=f"{trait} ~ {matrix.formula}{' + (1 | person)' if estimator == 'reml' else ''}",
        counts=counts,
        coefficients=Coefficients(matrix.terms, fit.coefficients, fit.se, fit.dof),
        r2_steps=_nested_r2(estimator, used_y, used_X, confounders.person[rows], matrix, fit),
        sigma2_person=fit.sigma2_person,
        sigma2_residual=fit.sigma2_residual,
        log_likelihood=fit.log_likelihood,
        boundary=fit.boundary,
    )


def fit_boosted(
    trait: str,
    y: FloatArray,
    confounders: Confounders,
    folds: npt.NDArray[np.intp],
    *,
    seed: int,
) -> TraitModel:
    """Predict one trait by boosted trees, each participant out of fold.

    Parameters
    ----------
    y : (n,) the trait in the rows of ``confounders``; NaN missing.
    folds : (p,) fold of each person.

    Raises
    ------
    UnfitError
        No complete row, a constant trait, or fewer than 100 people.
    """
    rows = _usable(y, confounders)
    counts = _counts(confounders, rows)
    if counts.people < _MIN_PEOPLE:
        raise UnfitError(
            "too_few",
            f"expected {_MIN_PEOPLE} participants or more for boosted trees, got "
            f"{counts.people}: use --model linear",
        )
    predictors = np.column_stack(
        [confounders.sex, confounders.age, confounders.weight, confounders.others]
    )
    found = predict_out_of_fold(
        y[rows], predictors[rows], folds[confounders.person[rows]], seed=seed
    )
    prediction = np.full(len(y), np.nan)
    prediction[rows] = found.prediction
    names = ", ".join(["sex", "age", "weight", *confounders.other_names])
    return _of_prediction(
        trait, y, prediction, confounders, rows, model="deepnull",
        estimator="boosted_trees_out_of_fold", formula=f"{trait} ~ f({names})",
        r2_steps={"seen": found.r2_seen, "out of fold": found.r2},
    )  # fmt: skip


def take_prediction(
    trait: str,
    y: FloatArray,
    prediction: FloatArray,
    confounders: Confounders,
    *,
    model: str,
    estimator: str,
    formula: str,
    r2_steps: Mapping[str, float],
) -> TraitModel:
    """The residual of a prediction that was made elsewhere.

    Parameters
    ----------
    y, prediction : (n,) in the rows of ``confounders``; NaN missing. Rows with both, sex, age
        and weight count.
    model, estimator, formula, r2_steps : see :class:`TraitModel`.

    Raises
    ------
    UnfitError
        No complete row, or a constant trait.
    """
    rows = _usable(np.where(np.isnan(prediction), np.nan, y), confounders)
    return _of_prediction(
        trait, y, prediction, confounders, rows,
        model=model, estimator=estimator, formula=formula, r2_steps=r2_steps,
    )  # fmt: skip


def _of_prediction(
    trait: str,
    y: FloatArray,
    prediction: FloatArray,
    confounders: Confounders,
    rows: BoolArray,
    *,
    model: str,
    estimator: str,
    formula: str,
    r2_steps: Mapping[str, float],
) -> TraitModel:
    people = _person_means(y, prediction, np.ones((len(y), 1)), confounders, rows)
    _check_residual(people.residual, y)
    return TraitModel(
        trait=trait,
        model=model,
        people=people,
        estimator=estimator,
        formula=formula,
        counts=_counts(confounders, rows),
        r2_steps=r2_steps,
        sigma2_residual=float(np.var(y[rows] - prediction[rows])),
    )


@dataclass(frozen=True)
class _Estimate:
    """What the estimators have in common."""

    coefficients: FloatArray
    se: FloatArray
    dof: float
    sigma2_person: float
    sigma2_residual: float
    log_likelihood: float
    r2: float
    boundary: bool = False

    @classmethod
    def of(
        cls, estimator: str, y: FloatArray, X: FloatArray, person: npt.NDArray[np.intp]
    ) -> _Estimate:
        if estimator != "reml":
            ols = least_squares(y, X)
            return cls(
                ols.beta, ols.se, float(ols.dof), 0.0, ols.sigma2, ols.log_likelihood, ols.r2
            )
        fit = random_intercept_reml(y, X, person)
        if not fit.converged:
            raise UnfitError(
                "no_convergence",
                "the mixed model has no best variance, since assessments of a participant do not "
                "differ: leave out values that were imputed from the same participant, or use "
                "--model linear",
            )
        explained = float(np.var(X @ fit.beta))
        return cls(
            fit.beta,
            fit.se,
            float("inf"),
            fit.sigma2_group,
            fit.sigma2_residual,
            fit.log_likelihood,
            explained / (explained + fit.sigma2_group + fit.sigma2_residual),
            fit.boundary,
        )


def _usable(y: FloatArray, confounders: Confounders) -> BoolArray:
    measured = ~np.isnan(y)
    rows = measured & confounders.complete
    if not rows.any():
        raise UnfitError(
            "all_missing",
            "expected assessments with the trait, sex, age and weight, got none of "
            f"{measured.sum():,} with the trait: check the columns or leave the trait out",
        )
    if not varies(y[rows]):
        raise UnfitError(
            "constant",
            f"expected a trait that varies, it is {y[rows][0]:g} in all {rows.sum():,} "
            "assessments: leave it out",
        )
    return rows


def _check_residual(residual: FloatArray, y: FloatArray) -> None:
    """Refuse a residual that is rounding, relative to the trait."""
    if not varies(residual, magnitude=np.nanmax(np.abs(y))):
        raise UnfitError(
            "explained",
            "expected variation between participants that the model leaves, it explains the trait "
            "wholly or their means are all the same: leave the trait out",
        )


def _check(X: FloatArray, matrix: ModelMatrix) -> None:
    n, k = X.shape
    if n <= k:
        raise UnfitError(
            "too_few", f"expected more than {k} participants or assessments, got {n}: leave it out"
        )
    dependent = dependent_columns(X)
    if dependent:
        raise UnfitError(
            "rank_deficient",
            "expected terms that vary independently; constant or a combination of the terms "
            "before in the participants of the trait: "
            f"{', '.join(matrix.terms[j] for j in dependent)}: check sex, age and weight there, "
            "or leave the trait out",
        )


def _nested_r2(
    estimator: str,
    y: FloatArray,
    X: FloatArray,
    person: npt.NDArray[np.intp],
    matrix: ModelMatrix,
    full: _Estimate,
) -> dict[str, float]:
    steps: dict[str, float] = {}
    for j, step in enumerate(matrix.steps):
        is_last = j + 1 == len(matrix.steps) or matrix.steps[j + 1] != step
        if j + 1 == len(matrix.steps):
            steps[step] = full.r2
        elif step and is_last:
            try:
                steps[step] = _Estimate.of(estimator, y, X[:, : j + 1], person).r2
            except UnfitError:
                steps[step] = float("nan")
    return steps


def _counts(confounders: Confounders, rows: BoolArray) -> Counts:
    per_person = np.bincount(confounders.person[rows])
    return Counts(int((per_person > 0).sum()), int(rows.sum()), int((per_person > 1).sum()))


def _person_means(
    y: FloatArray,
    prediction: FloatArray,
    X: FloatArray,
    confounders: Confounders,
    rows: BoolArray,
) -> PersonMeans:
    def mean(values: FloatArray) -> FloatArray:
        return confounders.person_means(values, rows)

    return PersonMeans(
        residual=mean(y - prediction),
        prediction=mean(prediction),
        X=mean(X),
        age=mean(confounders.age),
        weight=mean(confounders.weight),
    )
