"""Covariates: columns of a table made into a matrix that has full rank, or refused by name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import GwasboneWarning, InputError
from gwasbone.phenotypes.codings import level_names
from gwasbone.phenotypes.table import numbers
from gwasbone.stats.variation import varies

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: A covariate is a combination of others where they leave less than this share of its SD.
COLLINEAR_BELOW = 1e-6


class DroppedCovariateWarning(GwasboneWarning):
    """Warning that an uninformative covariate, or level of a covariate, was dropped."""


@dataclass(frozen=True)
class Factor:
    """A covariate of few values: a category, or numbers of which there are only two.

    Parameters
    ----------
    levels : their names, spelled ``name=level``.
    codes : (n,) which level each participant has; −1 where it is missing.
    """

    levels: tuple[str, ...]
    codes: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Covariates:
    """Covariates besides the intercept.

    Parameters
    ----------
    matrix : (n, k − 1) as in the table; NaN in people who miss them.
    labels : k − 1 names, an indicator's spelled ``name=level``.
    factors : those of few values.
    complete : (n,) whether a person has every covariate.
    """

    matrix: FloatArray
    labels: tuple[str, ...]
    factors: tuple[Factor, ...]
    complete: BoolArray


def covariate_columns(
    table: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str], people: BoolArray
) -> Covariates:
    """Covariates of a table as a matrix: numbers as they are, categories as indicators.

    The most frequent level (of levels equally frequent, the first in sorted order) is the
    reference. A covariate that does not vary is left out with a warning.

    Parameters
    ----------
    table : n people. people : (n,) who is considered at all.

    Raises
    ------
    InputError
        Text in a covariate of numbers; nobody has every covariate; one is a combination of others
        (named, with the others).
    """
    columns = {name: numbers(table, name) for name in numeric}
    levels = {name: level_names(table[name]) for name in categorical}
    complete = people.copy()
    for values in (*columns.values(), *levels.values()):
        complete &= ~pd.isna(values)
    if not complete.any():
        raise InputError(
            f"expected participants with all covariates ({', '.join((*numeric, *categorical))}), "
            "no participant has them all: check the table or leave one out"
        )
    columns = {name: v for name, v in columns.items() if _varies(name, v[complete])}
    factors = [pair for name, v in columns.items() if (pair := _pair(name, v, complete))]
    for name, values in levels.items():
        columns |= _indicators(name, values, complete)
        factors.append(_factor(name, values, complete))
    labels = tuple(columns)
    matrix = np.column_stack([np.empty((len(table), 0)), *columns.values()])
    matrix[~complete] = np.nan
    _refuse_combinations(matrix[complete], labels)
    return Covariates(matrix, labels, tuple(factors), complete)


def without_contrast(
    covariates: Covariates, people: BoolArray, cases: BoolArray
) -> tuple[BoolArray, dict[str, str]]:
    """Who of some people tells a logistic model nothing, since all of a level are cases or none is.

    The coefficient of such a level is infinite: it predicts its people perfectly, whatever their
    genotypes, and the likelihood of all else is that of the other people.

    Parameters
    ----------
    people : (n,) who is considered. cases : (n,) who is a case.

    Returns
    -------
    (n,) those people; and the levels, ``name=level`` -> (how many, and whether they are cases).
    Levels are looked at again without the people of others, until each has both or one is left.
    """
    left, before = people.copy(), -1
    named: dict[str, str] = {}
    while before != len(named):
        before = len(named)
        for factor in covariates.factors:
            codes, m = factor.codes[left], len(factor.levels)
            n = np.bincount(codes, minlength=m)
            n_cases = np.bincount(codes, weights=cases[left], minlength=m)
            pure = (n > 0) & ((n_cases == 0) | (n_cases == n))
            if not pure.any() or pure[n > 0].all():
                continue
            for level in np.flatnonzero(pure):
                word = "none a case" if n_cases[level] == 0 else "all cases"
                named[factor.levels[level]] = f"({n[level]:,} participants, {word})"
            left &= ~pure[factor.codes]
    return people & ~left, named


@dataclass(frozen=True)
class CovariateMatrix:
    """(n_g, k) covariates of the participants of one group, intercept first, and their k names.

    ``dropped`` are those that are constant or a combination of others in these people, such as a
    level that none of them has.
    """

    X: FloatArray
    names: tuple[str, ...]
    dropped: tuple[str, ...] = ()


def group_matrix(covariates: Covariates, people: BoolArray) -> CovariateMatrix:
    """Covariates of the participants who have a trait, intercept first, the others with SD 1.

    Parameters
    ----------
    people : (n,) n_g people, all of them complete.
    """
    matrix, labels = covariates.matrix[people], covariates.labels
    constant = ~varies(matrix)
    varying = np.flatnonzero(~constant)
    X = _standardised(matrix[:, varying])
    dependent = [int(varying[j - 1]) for j in _dependent(X)] if len(X) > X.shape[1] else []
    useless = sorted({*np.flatnonzero(constant).tolist(), *dependent})
    kept = [j for j in range(len(labels)) if j not in useless]
    return CovariateMatrix(
        _standardised(matrix[:, kept]),
        ("intercept", *(labels[j] for j in kept)),
        tuple(labels[j] for j in useless),
    )


def everyone_matrix(covariates: Covariates) -> FloatArray:
    """(n, k) covariates, intercept first, the others with SD 1 over the complete; NaN elsewhere."""
    X = np.full((len(covariates.complete), 1 + len(covariates.labels)), np.nan)
    X[covariates.complete] = _standardised(covariates.matrix[covariates.complete])
    return X


def _indicators(
    name: str, values: npt.NDArray[np.object_], complete: BoolArray
) -> dict[str, FloatArray]:
    counts = pd.Series(values[complete]).value_counts().sort_index()
    if len(counts) < 2:
        warnings.warn(
            f"categorical covariate {name} has the single level {counts.index[0]} in the "
            "participants analysed: left out",
            DroppedCovariateWarning,
            stacklevel=4,
        )
        return {}
    others = counts.index.drop([counts.idxmax()])
    return {f"{name}={level}": (values == level).astype(np.float64) for level in others}


def _varies(name: str, values: FloatArray) -> bool:
    """Whether a covariate of numbers varies; says so where it does not."""
    if bool(varies(values)) or len(values) < 2:
        return True
    warnings.warn(
        f"covariate {name} is constant ({values[0]:g}) in the participants analysed: left out",
        DroppedCovariateWarning,
        stacklevel=4,
    )
    return False


def _pair(name: str, values: FloatArray, complete: BoolArray) -> Factor | None:
    """A covariate of numbers that has two values, such as sex, as a factor."""
    some = values[complete]
    low, high = some.min(), some.max()
    if low == high or not ((some == low) | (some == high)).all():
        return None
    codes = np.where(complete, values == high, -1).astype(np.int32)
    return Factor((f"{name}={low:g}", f"{name}={high:g}"), codes)


def _factor(name: str, values: npt.NDArray[np.object_], complete: BoolArray) -> Factor:
    codes, levels = pd.factorize(np.where(complete, values, None), sort=True)
    return Factor(tuple(f"{name}={level}" for level in levels), codes.astype(np.int32))


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names in a message, of many the first ones."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _refuse_combinations(matrix: FloatArray, labels: tuple[str, ...]) -> None:
    if matrix.shape[0] < 2:
        return
    names = ("the intercept", *labels)
    faults = [
        f"covariate {names[j]} is a combination of {_sum_of([names[i] for i in others])}"
        for j, others in _dependent(_standardised(matrix)).items()
    ]
    if faults:
        shown = "; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if faults[3:] else "")
        raise InputError(f"expected independent covariates, but {shown}: leave it out")


def _sum_of(names: Sequence[str]) -> str:
    return listed(names, 4) if len(names) > 4 else " and ".join(names)


def _standardised(columns: FloatArray) -> FloatArray:
    """An intercept and the columns with mean 0 and SD 1; constant columns are only centred."""
    centred = columns - columns.mean(axis=0)
    # Twice, since the mean of numbers such as birth dates is itself rounded.
    centred -= centred.mean(axis=0)
    scale = np.where(varies(columns), centred.std(axis=0), 1.0)
    return np.column_stack([np.ones(len(columns)), centred / scale])


def _dependent(X: FloatArray) -> dict[int, list[int]]:
    """Columns of standardised X that earlier columns determine -> those earlier columns."""
    found: dict[int, list[int]] = {}
    basis = [0]
    for j in range(1, X.shape[1]):
        others = X[:, basis]
        weights, *_ = np.linalg.lstsq(others, X[:, j], rcond=None)
        if np.std(X[:, j] - others @ weights) < COLLINEAR_BELOW:
            used = [i for i, w in zip(basis, weights, strict=True) if abs(w) > 1e-4]
            found[j] = [i for i in used if i != 0] or [0]
        else:
            basis.append(j)
    return found
