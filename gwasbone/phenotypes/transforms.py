"""Scales and shapes of measurements: standardised, skewness, normal scores, left and right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from gwasbone.errors import InputError
from gwasbone.phenotypes.traits import rank_inverse_normal
from gwasbone.stats.variation import varies

_MIN_FOR_INTERVAL = 4


@dataclass(frozen=True)
class Standardised:
    """Columns with mean 0 and standard deviation 1 (of n − 1).

    Parameters
    ----------
    values : as given, centred and scaled; missing stays missing.
    mean, sd : per column, in its own units: ``values * sd + mean`` is what came in.
    """

    values: pd.DataFrame
    mean: pd.Series
    sd: pd.Series


def standardise(values: pd.DataFrame) -> Standardised:
    """Standardise each column to mean 0 and SD 1.

    Raises
    ------
    InputError
        A column without variation; all are named.
    """
    mean, sd = values.mean(), values.std(ddof=1)
    flat = [str(name) for name in values.columns if not varies(values[name])]
    if flat:
        raise InputError(
            f"expected at least two different values to standardise by, {', '.join(flat)} has one "
            "or none: leave it out"
        )
    return Standardised((values - mean) / sd, mean, sd)


def skewness(values: pd.DataFrame) -> pd.DataFrame:
    """Shape of each column, to look at before deciding on a transform.

    Returns
    -------
    Index: the columns. ``n``, ``mean``, ``sd`` (of n − 1), ``skewness`` (adjusted
    Fisher–Pearson G₁), ``skewness_se`` (under normality), ``kurtosis`` (excess, G₂). NaN where
    there are too few values or no variation.

    References
    ----------
    Joanes & Gill (1998), The Statistician 47:183.
    """
    n = values.notna().sum().astype(float)
    variance = 6 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3))
    changes = pd.Series([bool(varies(values[name])) for name in values.columns], values.columns)
    return pd.DataFrame(
        {
            "n": n.astype(int),
            "mean": values.mean(),
            "sd": values.std(ddof=1),
            "skewness": values.skew().where(changes),
            "skewness_se": variance.where(n > 2) ** 0.5,
            "kurtosis": values.kurt().where(changes),
        }
    ).rename_axis("measurement")


def normal_scores(values: pd.DataFrame) -> pd.DataFrame:
    """Apply the rank-based inverse normal transform to each column; missing stays missing."""
    scores = pd.DataFrame(np.nan, index=values.index, columns=values.columns)
    for name in values.columns:
        known = values[name].notna()
        scores.loc[known, name] = rank_inverse_normal(values.loc[known, name])
    return scores


def left_right_correlations(
    people: pd.DataFrame, pairs: Sequence[tuple[str, str]], *, level: float = 0.95
) -> pd.DataFrame:
    """Pearson correlation of left with right, with Fisher's interval.

    Parameters
    ----------
    people : one row per person, so that rows are independent; pairs with a missing side left out.
    pairs : names of (left, right).
    level : coverage of the interval.

    Returns
    -------
    One row per pair: ``left``, ``right``, ``n``, ``r``, ``lower``, ``upper``; NaN where fewer than
    4 people have both or a side does not vary.

    References
    ----------
    Fisher (1915), Biometrika 10:507; the interval is tanh(atanh r ± z / √(n − 3)).
    """
    rows = []
    for left, right in pairs:
        both = people[[left, right]].dropna()
        n, r = len(both), np.nan
        if n >= _MIN_FOR_INTERVAL and varies(both).all():
            r = float(both[left].corr(both[right]))
        with np.errstate(divide="ignore", invalid="ignore"):
            half = special.ndtri((1 + level) / 2) / np.sqrt(np.float64(n - 3))
            lower, upper = np.tanh(np.arctanh(r) + np.array([-half, half]))
        rows.append((left, right, n, r, float(lower), float(upper)))
    return pd.DataFrame(rows, columns=["left", "right", "n", "r", "lower", "upper"])
