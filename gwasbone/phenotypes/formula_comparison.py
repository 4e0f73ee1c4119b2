"""Several formulas of one trait, compared before one is chosen.

Every formula is fitted by maximum likelihood (never by restricted maximum likelihood, whose
likelihoods of different fixed effects cannot be compared) to the same assessments: those of a
random subset of participants with the trait and all columns that any of the formulas uses.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from gwasbone.errors import InputError
from gwasbone.phenotypes.confounders import Confounders, confounders_of
from gwasbone.phenotypes.formulas import (
    Formula,
    formula_columns,
    formula_matrix,
    read_formula,
)
from gwasbone.phenotypes.residuals import measured_traits
from gwasbone.phenotypes.table import numbers
from gwasbone.stats.least_squares import dependent_columns
from gwasbone.stats.smoothing import SmoothLine, smooth_line
from gwasbone.stats.variation import varies

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

COLUMNS = (
    "trait", "formula", "estimator", "status", "n_people", "n_assessments", "n_parameters",
    "log_likelihood", "aic", "bic", "delta_aic", "delta_bic", "r2", "sigma2_person",
    "sigma2_residual",
)  # fmt: skip


@dataclass(frozen=True)
class FormulaComparison:
    """Formulas of traits, best first.

    Parameters
    ----------
    table : one row per trait and formula, ``COLUMNS``, sorted by BIC within a trait. AIC and BIC
        are of maximum likelihood, −2ℓ + 2k and −2ℓ + k log n, with n assessments and k fixed
        effects and variances; ``delta_`` is above the trait's smallest. ``r2`` is the share of
        variance that the fixed effects explain. ``status`` is ``ok``, or ``too_few``,
        ``constant``, ``rank_deficient`` or ``no_convergence``, and the numbers are NaN.
    lines : (trait, formula, ``age`` or ``weight``) -> smooth line through the marginal residuals
        y − Xβ̂, averaged by participant; None for too few points.
    """

    table: pd.DataFrame
    lines: dict[tuple[str, str, str], SmoothLine | None]

    def best(self, trait: str) -> str | None:
        """The formula of the smallest BIC; None where none could be fitted."""
        of_trait = self.table[(self.table["trait"] == trait) & (self.table["status"] == "ok")]
        return None if of_trait.empty else str(of_trait["formula"].iloc[0])


@dataclass(frozen=True)
class _Fit:
    """A fit by maximum likelihood."""

    estimator: str
    beta: FloatArray
    log_likelihood: float
    sigma2_person: float
    sigma2_residual: float
    n_variances: int


class _UnfitError(Exception):
    """Why a formula has no fit; its text is the status."""


def compare_formulas(
    assessments: pd.DataFrame,
    formulas: Sequence[str | Formula],
    traits: str | Sequence[str] | None = None,
    *,
    participants: int = 1000,
    seed: int = 0,
) -> FormulaComparison:
    """Fit several formulas to the same participants by maximum likelihood.

    Parameters
    ----------
    assessments : one row per participant and visit, as of
        :func:`gwasbone.phenotypes.residuals.residual_phenotypes`.
    formulas : see :func:`gwasbone.phenotypes.formulas.read_formula`. One with ``(1 | person)`` is
        a mixed model (statsmodels' MixedLM) where somebody has two assessments; the others are
        ordinary least squares over all assessments.
    traits : columns; None for every measurement.
    participants : number of participants, drawn at random once for all formulas of a trait; those
        with several assessments first, since they alone tell the variance between people.
    seed : of the draw.

    Raises
    ------
    InputError
        Fewer than two formulas, a column that is not there, or no trait that any fits.

    Examples
    --------
    >>> people = gb.example_cohort().people.table
    >>> made = compare_formulas(people, ["C(sex) + Age40", "C(sex) + Age40 + Weight75"],
    ...                         ["bmd_spine"])
    >>> made.best("bmd_spine")
    'C(sex) + Age40 + Weight75'
    """
    read = tuple(f if isinstance(f, Formula) else read_formula(f) for f in formulas)
    if len({formula.text for formula in read}) < 2:
        raise InputError(f"formulas: expected at least 2 to compare, got {len(read)}")
    names = measured_traits(assessments, [traits] if isinstance(traits, str) else traits)
    found = confounders_of(assessments)
    columns = formula_columns(read, assessments, found)
    plain = assessments.reset_index(drop=True)
    rows, lines = [], {}
    # the matrices are of one participant each: threads would only wait for each other
    with threadpool_limits(1, user_api="blas"):
        for name in names:
            y = numbers(plain, name)
            chosen = _chosen_rows(y, columns, found, participants, seed)
            for formula in read:
                row, left = _compared(name, y, columns, found, chosen, formula)
                rows.append(row)
                log.info("%s ~ %s: %s, BIC %.1f", name, formula.text, row["status"], row["bic"])
                if left is not None:
                    for covariate, values in (("age", found.age), ("weight", found.weight)):
                        lines[name, formula.text, covariate] = _line(found, chosen, values, left)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if (table["status"] != "ok").all():
        raise InputError(
            f"formulas: none could be fitted to any trait; {table['trait'].iloc[0]}: "
            f"{table['status'].iloc[0]}"
        )
    for criterion in ("aic", "bic"):
        smallest = table.groupby("trait")[criterion].transform("min")
        table[f"delta_{criterion}"] = table[criterion] - smallest
    order = {name: number for number, name in enumerate(names)}
    table = table.sort_values(
        ["trait", "bic"], key=lambda of: of.map(order) if of.name == "trait" else of, kind="stable"
    )
    return FormulaComparison(table.reset_index(drop=True), lines)


def _chosen_rows(
    y: FloatArray, columns: pd.DataFrame, found: Confounders, participants: int, seed: int
) -> npt.NDArray[np.intp]:
    """Rows with the trait, sex, age, weight and all columns, of the participants drawn."""
    known = ~np.isnan(y) & found.complete & columns.notna().all(axis=1).to_numpy()
    times = np.bincount(found.person[known], minlength=len(found.people))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(found.people))
    order = order[np.argsort(-np.minimum(times[order], 2), kind="stable")]
    drawn = np.zeros(len(found.people), dtype=bool)
    drawn[order[:participants]] = True
    return np.flatnonzero(known & drawn[found.person])


def _compared(
    trait: str, y: FloatArray, columns: pd.DataFrame, found: Confounders,
    rows: npt.NDArray[np.intp], formula: Formula,
) -> tuple[dict[str, object], FloatArray | None]:  # fmt: skip
    """A row of the table, and the marginal residual of each of ``rows``."""
    n, person = len(rows), found.person[rows]
    row: dict[str, object] = dict.fromkeys(COLUMNS, np.nan) | {
        "trait": trait, "formula": formula.text, "estimator": "", "status": "ok",
        "n_people": len(np.unique(person)), "n_assessments": n,
    }  # fmt: skip
    try:
        if not n or not varies(y[rows]):
            raise _UnfitError("constant" if n else "too_few")
        X = formula_matrix(formula, columns.iloc[rows]).X
        if n <= X.shape[1] + 2:
            raise _UnfitError("too_few")
        if dependent_columns(X):
            raise _UnfitError("rank_deficient")
        fit = _fitted(y[rows], X, person, mixed=formula.random_intercept)
    except _UnfitError as fault:
        return row | {"status": str(fault)}, None
    k = X.shape[1] + fit.n_variances
    explained = float(np.var(X @ fit.beta))
    row |= {
        "estimator": fit.estimator, "n_parameters": k, "log_likelihood": fit.log_likelihood,
        "aic": 2 * k - 2 * fit.log_likelihood, "bic": k * np.log(n) - 2 * fit.log_likelihood,
        "r2": explained / (explained + fit.sigma2_person + fit.sigma2_residual),
        "sigma2_person": fit.sigma2_person, "sigma2_residual": fit.sigma2_residual,
    }  # fmt: skip
    return row, y[rows] - X @ fit.beta


def _fitted(y: FloatArray, X: FloatArray, person: npt.NDArray[np.intp], *, mixed: bool) -> _Fit:
    # a second to import: only where formulas are compared
    import statsmodels.api as sm

    mixed = mixed and bool(np.bincount(person).max() > 1)
    ols = sm.OLS(y, X).fit()
    # with λ the ratio of the variances, dℓ/dλ at 0 is (Σ over participants of squared sums of
    # residuals / σ² − n) / 2: where it is not above 0, no variance between participants is best
    sums = np.bincount(person, weights=np.asarray(ols.resid))
    if not mixed or float(sums @ sums) <= float(ols.ssr):
        return _Fit(
            "maximum_likelihood" if mixed else "least_squares", np.asarray(ols.params),
            float(ols.llf), 0.0, float(ols.ssr / len(y)), 1 + mixed,
        )  # fmt: skip
    # in units of the trait's standard deviation, in which the optimiser's steps are of a size
    scale = float(y.std())
    with warnings.catch_warnings():
        # of retries with another optimiser, and of a variance of 0 between participants
        warnings.simplefilter("ignore")
        try:
            made = sm.MixedLM(y / scale, X, groups=person).fit(reml=False)
        except (np.linalg.LinAlgError, ValueError) as error:
            raise _UnfitError("no_convergence") from error
    if not (made.converged and np.isfinite(made.llf)):
        raise _UnfitError("no_convergence")
    return _Fit(
        "maximum_likelihood", np.asarray(made.fe_params) * scale,
        float(made.llf) - len(y) * float(np.log(scale)),
        float(np.asarray(made.cov_re).ravel()[0]) * scale**2, float(made.scale) * scale**2, 2,
    )  # fmt: skip


def _line(
    found: Confounders, rows: npt.NDArray[np.intp], values: FloatArray, residual: FloatArray
) -> SmoothLine | None:
    """The smooth line through mean residuals of participants against their mean age or weight."""
    used = np.zeros(len(found.person), dtype=bool)
    used[rows] = True
    of_rows = np.full(len(found.person), np.nan)
    of_rows[rows] = residual
    x, r = found.person_means(values, used), found.person_means(of_rows, used)
    has = ~np.isnan(x) & ~np.isnan(r)
    return smooth_line(x[has], r[has])
