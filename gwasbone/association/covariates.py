"""Covariates: columns of a table made into a matrix that has full rank, or refused by name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import GwasboneWarning, InputError
from gwasbone.phenotypes.table import numbers

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: A covariate is a combination of others where they leave less than this share of its SD.
COLLINEAR_BELOW = 1e-6


class DroppedCovariateWarning(GwasboneWarning):
    """A categorical covariate, or one of its levels, that says nothing here was left out."""


@dataclass(frozen=True)
class Covariates:
    """Covariates besides the intercept.

    Parameters
    ----------
    matrix : (n, k − 1) as in the table; NaN in people who miss them.
    labels : k − 1 names, an indicator's spelled ``name=level``.
    from_category : k − 1, whether a column is an indicator of a categorical covariate.
    complete : (n,) whether a person has every covariate.
    """

    matrix: FloatArray
    labels: tuple[str, ...]
    from_category: tuple[bool, ...]
    complete: BoolArray


def covariate_columns(
    table: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str], people: BoolArray
) -> Covariates:
    """Covariates of a table as a matrix: numbers as they are, categories as indicators.

    The most frequent level (of levels equally frequent, the first in sorted order) is the
    reference. A categorical covariate with a single level is left out with a warning.

    Parameters
    ----------
    table : n people. people : (n,) who is considered at all.

    Raises
    ------
    InputError
        Text in a covariate of numbers; nobody has every covariate; one is constant, or a
        combination of others (named, with the others).
    """
    columns = {name: numbers(table, name) for name in numeric}
    levels = {name: _categories(table[name]) for name in categorical}
    complete = people.copy()
    for values in (*columns.values(), *levels.values()):
        complete &= ~pd.isna(values)
    if not complete.any():
        raise InputError(
            f"expected people with all covariates ({', '.join((*numeric, *categorical))}), "
            "nobody has them all: check the table or leave one out"
        )
    for name, values in levels.items():
        columns |= _indicators(name, values, complete)
    labels = tuple(columns)
    matrix = np.column_stack([np.empty((len(table), 0)), *columns.values()])
    matrix[~complete] = np.nan
    _check(matrix[complete], labels)
    from_category = tuple(label not in numeric for label in labels)
    return Covariates(matrix, labels, from_category, complete)


@dataclass(frozen=True)
class CovariateMatrix:
    """(n_g, k) covariates of the people of one group, intercept first, and their k names."""

    X: FloatArray
    names: tuple[str, ...]


def group_matrix(
    covariates: Covariates, people: BoolArray, traits: Sequence[str]
) -> CovariateMatrix:
    """Covariates of the people who have a trait, intercept first, the others with SD 1.

    Parameters
    ----------
    people : (n,) n_g people, all of them complete. traits : names, for messages.

    Raises
    ------
    InputError
        A covariate of numbers is constant or a combination of others in these people.

    Warns
    -----
    DroppedCovariateWarning
        An indicator is so (a level that none of these people has): it is left out.
    """
    matrix, labels = covariates.matrix[people], covariates.labels
    constant = _constant(matrix)
    varying = np.flatnonzero(~constant)
    X = _standardised(matrix[:, varying])
    dependent = [int(varying[j - 1]) for j in _dependent(X)] if len(X) > X.shape[1] else []
    useless = sorted({*np.flatnonzero(constant).tolist(), *dependent})
    faulty = [labels[j] for j in useless if not covariates.from_category[j]]
    if faulty and len(matrix) > 1:
        raise InputError(
            f"expected covariates that vary independently in the people of trait {traits[0]}, "
            f"{', '.join(faulty)} is constant or a combination of others there: leave it out"
        )
    if useless:
        warnings.warn(
            f"{', '.join(labels[j] for j in useless)} left out for {', '.join(traits)}: "
            "constant or a combination of other covariates in its people",
            DroppedCovariateWarning,
            stacklevel=5,
        )
    kept = [j for j in range(len(labels)) if j not in useless]
    return CovariateMatrix(
        _standardised(matrix[:, kept]), ("intercept", *(labels[j] for j in kept))
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
            f"categorical covariate {name} has the single level {counts.index[0]} in the people "
            "analysed: left out",
            DroppedCovariateWarning,
            stacklevel=4,
        )
        return {}
    others = counts.index.drop([counts.idxmax()])
    return {f"{name}={level}": (values == level).astype(np.float64) for level in others}


def _categories(column: pd.Series) -> npt.NDArray[np.object_]:
    """Levels as text, whole numbers without a decimal point; None for missing."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    text = column.astype(str).to_numpy(object)
    text[column.isna().to_numpy()] = None
    return text


def _check(matrix: FloatArray, labels: tuple[str, ...]) -> None:
    faults = []
    if matrix.shape[0] > 1:
        constant = _constant(matrix)
        faults += [
            f"covariate {label} is constant ({value:g})"
            for label, value, bad in zip(labels, matrix[0], constant, strict=True)
            if bad
        ]
        varying = np.flatnonzero(~constant)
        X = _standardised(matrix[:, varying])
        names = ("the intercept", *(labels[j] for j in varying))
        faults += [
            f"covariate {names[j]} is a combination of {' and '.join(names[i] for i in others)}"
            for j, others in _dependent(X).items()
        ]
    if faults:
        raise InputError(f"expected independent covariates, but {'; '.join(faults)}: leave it out")


def _constant(matrix: FloatArray) -> BoolArray:
    return np.asarray(np.ptp(matrix, axis=0) == 0)


def _standardised(columns: FloatArray) -> FloatArray:
    """An intercept and the columns with mean 0 and SD 1; constant columns are only centred."""
    centred = columns - columns.mean(axis=0)
    # Twice, since the mean of numbers such as birth dates is itself rounded.
    centred -= centred.mean(axis=0)
    scale = centred.std(axis=0)
    scale[scale == 0] = 1
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
