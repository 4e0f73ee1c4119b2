"""Phenotypes with sex, age and weight taken out: marginal residuals, one number per participant.

The phenotype is y − Xβ̂ averaged over a person's assessments, never the conditional residual: that
subtracts the person's own intercept too, and with it most of the genetic signal.
"""

from __future__ import annotations

import difflib
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from gwasbone.columns import one_or_several
from gwasbone.display import Shown
from gwasbone.errors import GwasboneWarning, InputError, UsageError
from gwasbone.phenotypes.confounders import (
    AGE,
    SEX,
    WEIGHT,
    Confounders,
    confounders_of,
)
from gwasbone.phenotypes.deepnull import assign_folds
from gwasbone.phenotypes.fitted_trait import TraitModel, UnfitError
from gwasbone.phenotypes.formulas import Formula, formula_columns, read_formula
from gwasbone.phenotypes.options import ResidualModel
from gwasbone.phenotypes.residual_confounding import residual_confounding
from gwasbone.phenotypes.table import numbers
from gwasbone.phenotypes.trait_models import (
    fit_boosted,
    fit_formula,
    fit_linear,
    take_prediction,
)
from gwasbone.phenotypes.traits import natural_logarithm

log = logging.getLogger(__name__)

#: What cannot be a trait, and what is one only where it is named.
_NOT_TRAITS = (SEX, AGE, WEIGHT, "instance", "person", "IID", "FID")
_NOT_MEASUREMENTS = ("height", "ethnicity")


class ResidualWarning(GwasboneWarning):
    """Warning that a trait has no residual, or that its model has fewer terms than requested."""


@dataclass(frozen=True, repr=False)
class ResidualPhenotypes(Shown):
    """Residual phenotypes with their models and tests of residual confounding.

    Parameters
    ----------
    residuals : people × traits, indexed by person; NaN where a person lacks the trait, or the
        trait could not be fitted.
    predictions : people × traits, what was subtracted, averaged in the same way: for
        ``deepnull`` the covariate of a scan of the trait itself.
    covariates : people × (sex, age, weight): means over the assessments with all of them.
    models : one per trait, in the order of the columns.
    confounding : what is left: ``trait`` and the columns of
        :func:`gwasbone.phenotypes.residual_confounding.residual_confounding`.
    sexes : spellings of sex in the source; ``covariates["sex"]`` numbers them.
    folds : of a prediction out of fold, the fold of each person; seed : of folds and models.
    """

    residuals: pd.DataFrame
    predictions: pd.DataFrame
    covariates: pd.DataFrame
    models: tuple[TraitModel, ...]
    confounding: pd.DataFrame
    sexes: tuple[str, ...]
    folds: pd.Series | None = None
    seed: int | None = None

    @property
    def model(self) -> str:
        """``linear``, ``nonlinear``, ``formula``, ``deepnull`` or ``transformer``."""
        return self.models[0].model

    @property
    def fitted(self) -> tuple[str, ...]:
        """Traits that have a residual."""
        return tuple(model.trait for model in self.models if not model.status)

    @property
    def n_people(self) -> str:
        """How many participants have a residual, and of how many where some have none."""
        n, some = len(self.residuals), int(self.residuals.notna().any(axis=1).sum())
        return f"{n:,}" if some == n else f"{some:,} of {n:,}"

    def headline(self) -> str:
        k = self.residuals.shape[1]
        return f"ResidualPhenotypes: {k} traits of {self.n_people} participants"

    def preview(self) -> pd.DataFrame:
        return self.residuals.reset_index()


def residual_phenotypes(
    assessments: pd.DataFrame,
    traits: str | Sequence[str] | None = None,
    *,
    model: ResidualModel = "nonlinear",
    log_traits: str | Sequence[str] = (),
    covariates: str | Sequence[str] = (),
    formula: str | None = None,
    n_folds: int = 5,
    seed: int = 0,
) -> ResidualPhenotypes:
    """Adjust traits for sex, age and weight, and test for residual confounding.

    Every assessment with the trait, sex, age and weight counts, trait by trait. The models:

    - ``nonlinear``: y ~ C(sex) + C(sex):Age40 + poly(Weight75, 2) + (1 | person), by restricted
      maximum likelihood; ordinary least squares where nobody has two assessments.
    - ``linear``: y ~ C(sex) + Age40 + Weight75 by ordinary least squares on the means of each
      person, so that the rows are independent and the standard errors right.
    - ``deepnull``: boosted trees of sex, age, weight and ``covariates``, each person predicted
      by a model that has not seen any of their assessments.
    - ``formula``: any fixed effects, and perhaps ``(1 | person)``, as ``formula`` writes them; see
      :func:`gwasbone.phenotypes.formulas.read_formula`. Formulas are compared by
      :func:`gwasbone.phenotypes.formula_comparison.compare_formulas`.

    ``transformer`` is made by :func:`gwasbone.learning.residuals.transformer_residuals`.

    Parameters
    ----------
    assessments : one row per person and visit, indexed by person (or person and instance), with
        columns sex, age, weight and the traits.
    traits : columns, one name or several; None for every other column of numbers but ``height``.
    log_traits : traits of which the natural logarithm is modelled; their values are above 0.
    covariates : more predictors, for ``deepnull``.
    formula : of the model ``formula``, over sex, age, weight, Age40, Weight75 and other columns.
    n_folds, seed : of ``deepnull``.

    Raises
    ------
    InputError
        A column is missing or holds text; no trait at all could be fitted.
    UsageError
        A model that is not fitted here; ``covariates`` with another model than ``deepnull``.

    Warns
    -----
    ResidualWarning
        A trait could not be fitted (its ``status`` says why, the others are not touched); there
        is one sex only and its terms are left out.

    Examples
    --------
    >>> table = gb.example_cohort().people.table
    >>> made = residual_phenotypes(table, ["bmd_spine"], model="linear")
    >>> made
    ResidualPhenotypes: 1 traits of 277 of 300 participants
    >>> made.models[0].formula
    'bmd_spine ~ C(sex) + Age40 + Weight75'
    """
    if model == "transformer":
        raise UsageError(
            "the transformer needs a questionnaire and a deep-learning backend: use "
            "gwasbone.learning.residuals.transformer_residuals"
        )
    if model not in get_args(ResidualModel):
        known = ", ".join(get_args(ResidualModel))
        raise UsageError(f"expected a model of {known}, got {model}")
    if covariates and model != "deepnull":
        raise UsageError(f"--covar is for --model deepnull, not for {model}: leave it out")
    if (formula is not None) != (model == "formula"):
        raise UsageError(
            f"expected a formula with the model formula and with no other, got the model {model} "
            f"and {f'the formula {formula}' if formula is not None else 'no formula'}"
        )
    covariates = one_or_several(covariates)
    found = confounders_of(assessments, covariates)
    assessments = with_logarithms(assessments, log_traits)
    values = _trait_columns(assessments, traits, (*_NOT_TRAITS, *covariates))
    terms = None
    if formula is not None:
        read = read_formula(formula)
        terms = read, formula_columns((read,), assessments, found)
    elif len(found.sexes) == 1:
        _warn(f"all participants are of sex {found.sexes[0]}: the terms of sex are left out")
    folds = None
    if model == "deepnull":
        folds = assign_folds(found.people, n_folds=n_folds, seed=seed)
    # the matrices are tall and thin: threads would wait for each other more than they compute
    with threadpool_limits(1, user_api="blas"):
        fits = [_fitted(name, y, found, model, folds, seed, terms) for name, y in values.items()]
        if all(fit.status for fit in fits):
            raise InputError(f"no trait could be fitted; {fits[0].trait}: {fits[0].message}")
        if folds is None:
            return _gathered(found, fits, None, None)
        of_people = pd.Series(folds, index=pd.Index(found.people, name="person"), name="fold")
        return _gathered(found, fits, of_people, seed)


def residuals_of_predictions(
    assessments: pd.DataFrame,
    predictions: pd.DataFrame,
    r2_steps: pd.DataFrame,
    *,
    model: str,
    estimator: str,
    predictors: str,
    folds: pd.Series | None = None,
    seed: int | None = None,
) -> ResidualPhenotypes:
    """Residual phenotypes of predictions that were made elsewhere.

    Parameters
    ----------
    assessments : as of :func:`residual_phenotypes`; the traits among its columns.
    predictions : the same rows × traits; NaN where there is none, and the row does not count.
    r2_steps : traits × (``seen``, and ``out of fold`` where it is): share of variance explained.
    model, estimator : see :class:`gwasbone.phenotypes.fitted_trait.TraitModel`.
    predictors : what predictions are made of, as in ``f(sex, age, weight)``.
    folds : by person in the order of the table, in which fold they were held out, missing where
        in none; seed : of folds and models.

    Raises
    ------
    InputError
        Other rows than those of the assessments, a missing column, no trait has a prediction.

    Warns
    -----
    ResidualWarning
        A trait without a prediction, or a constant one.
    """
    if not predictions.index.equals(assessments.index):
        raise InputError(
            f"expected predictions for the {len(assessments):,} rows of assessments in their "
            f"order, got {len(predictions):,} rows of others"
        )
    found = confounders_of(assessments)
    values = _trait_columns(assessments, [str(n) for n in predictions.columns], _NOT_TRAITS)
    steps, fits = [str(step) for step in r2_steps.columns], []
    for name, y in values.items():
        try:
            fit = take_prediction(
                name, y, predictions[name].to_numpy(np.float64), found,
                model=model, estimator=estimator, formula=f"{name} ~ f({predictors})",
                r2_steps=dict(zip(steps, r2_steps.loc[name].to_numpy(float), strict=True)),
            )  # fmt: skip
        except UnfitError as fault:
            _warn(f"trait {name} has no residual: {fault}")
            fit = TraitModel(name, model, status=fault.status, message=str(fault))
        log.info("%s", fit.describe() if not fit.status else f"{name}: {fit.status}")
        fits.append(fit)
    if all(fit.status for fit in fits):
        raise InputError(f"no trait has a residual; {fits[0].trait}: {fits[0].message}")
    return _gathered(found, fits, folds, seed)


def _fitted(
    name: str,
    y: npt.NDArray[np.float64],
    found: Confounders,
    model: ResidualModel,
    folds: npt.NDArray[np.intp] | None,
    seed: int,
    terms: tuple[Formula, pd.DataFrame] | None = None,
) -> TraitModel:
    """The model of one trait; without a residual, and with a warning, where it has none."""
    try:
        if folds is not None:
            fit = fit_boosted(name, y, found, folds, seed=seed)
        elif terms is not None:
            fit = fit_formula(name, y, found, terms[1], terms[0])
        else:
            assert model in ("linear", "nonlinear"), "the other models are handled before"
            fit = fit_linear(name, y, found, model)
    except UnfitError as fault:
        _warn(f"trait {name} has no residual: {fault}")
        return TraitModel(name, model, status=fault.status, message=str(fault))
    log.info("%s", fit.describe())
    return fit


def with_logarithms(table: pd.DataFrame, names: str | Sequence[str]) -> pd.DataFrame:
    """The table with the natural logarithm of some columns in their place, under their names.

    Raises
    ------
    InputError
        A column is missing, holds text or a value of 0 or less.
    """
    names = one_or_several(names)
    unknown = [name for name in names if name not in table.columns]
    if unknown:
        raise InputError(
            f"logarithm of {', '.join(unknown)}: there is no such column in the table of "
            "assessments: check the spelling"
        )
    plain = table.reset_index(drop=True)
    made = {name: natural_logarithm(numbers(plain, name), name) for name in names}
    if made:
        log.info("natural logarithms of %s", ", ".join(names))
    return table.assign(**made)


def measured_traits(assessments: pd.DataFrame, traits: Sequence[str] | None = None) -> list[str]:
    """List the traits of a table of assessments; see :func:`residual_phenotypes`.

    Raises
    ------
    InputError
        A column is missing or holds text, or there is none.
    UsageError
        Sex, age or weight as a trait.
    """
    return list(_trait_columns(assessments, traits, _NOT_TRAITS))


def confounding_left(result: ResidualPhenotypes, *, p_threshold: float = 0.05) -> pd.DataFrame:
    """Tests whose p lies below the threshold over their number (Bonferroni), smallest p first."""
    tests = result.confounding[result.confounding["status"] == ""]
    limit = -np.log10(p_threshold / max(len(tests), 1))
    left = tests[tests["neg_log_10_p_value"] > limit]
    return left.sort_values("neg_log_10_p_value", ascending=False, kind="stable")


def left_summary(result: ResidualPhenotypes) -> str:
    """In how many traits tests still find each confounder."""
    n_tests = int((result.confounding["status"] == "").sum())
    left = confounding_left(result)
    where = ", ".join(
        f"{name} in {len(set(part['trait']))}" for name, part in left.groupby("covariate")
    )
    return (
        f"Confounding left (p < 0.05 over {n_tests:,} tests): "
        f"{f'{where} of {len(result.fitted)} traits' if where else 'none found'}."
    )


def _trait_columns(
    table: pd.DataFrame, traits: str | Sequence[str] | None, others: Sequence[str]
) -> dict[str, npt.NDArray[np.float64]]:
    if traits is None:
        left_out = (*others, *_NOT_MEASUREMENTS)
        candidates = [str(name) for name in table.columns if name not in left_out]
        traits = [n for n in candidates if pd.api.types.is_numeric_dtype(table[n])]
        text = [n for n in candidates if n not in traits]
        if text:
            log.info("columns of text, not taken as traits: %s", ", ".join(text))
        if not traits:
            raise InputError("expected columns of measurements in the table of assessments, none")
    traits = one_or_several(traits)
    unknown = [name for name in traits if name not in table.columns]
    if unknown:
        near = difflib.get_close_matches(unknown[0], [str(c) for c in table.columns], 3, 0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "check the spelling"
        raise InputError(
            f"expected {', '.join(unknown)} in the table of assessments, there is no such column: "
            f"{hint}"
        )
    taken = [name for name in traits if name in others]
    if taken:
        raise UsageError(f"{', '.join(taken)} is taken out of the traits, it cannot be one")
    # positions, since an index by person repeats, and by person and instance is a tuple
    plain = table.reset_index(drop=True)
    return {name: numbers(plain, name) for name in dict.fromkeys(traits)}


def _gathered(
    found: Confounders,
    fits: Sequence[TraitModel],
    folds: pd.Series | None,
    seed: int | None,
) -> ResidualPhenotypes:
    people = pd.Index(found.people, name="person")
    means = found.person_means(
        np.column_stack([found.sex, found.age, found.weight]), found.complete
    )
    nobody = np.full(len(people), np.nan)
    residuals, predictions, tests = {}, {}, []
    for fit in fits:
        per_person = fit.people
        residuals[fit.trait] = per_person.residual if per_person else nobody
        predictions[fit.trait] = per_person.prediction if per_person else nobody
        if per_person is None:
            continue
        has = ~np.isnan(per_person.residual)
        left = residual_confounding(
            per_person.residual[has],
            per_person.X[has],
            sex=means[has, 0],
            sexes=found.sexes,
            age=per_person.age[has],
            weight=per_person.weight[has],
        )
        left.insert(0, "trait", fit.trait)
        tests.append(left)
    return ResidualPhenotypes(
        residuals=pd.DataFrame(residuals, index=people),
        predictions=pd.DataFrame(predictions, index=people),
        covariates=pd.DataFrame(means, index=people, columns=[SEX, AGE, WEIGHT]),
        models=tuple(fits),
        confounding=pd.concat(tests, ignore_index=True),
        sexes=found.sexes,
        folds=folds,
        seed=seed,
    )


def _warn(message: str) -> None:
    warnings.warn(message, ResidualWarning, stacklevel=3)
