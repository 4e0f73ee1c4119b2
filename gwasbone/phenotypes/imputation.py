"""Missing measurements of an assessment, filled in two steps, with a record of every cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gwasbone.errors import InputError

#: How a value came about, best first.
MEASURED = "measured"
OWN_MEAN = "own_mean"
BRACKET_MEDIAN = "bracket_median"
SEX_MEDIAN = "sex_median"
OVERALL_MEDIAN = "overall_median"
RULES = (MEASURED, OWN_MEAN, BRACKET_MEDIAN, SEX_MEDIAN, OVERALL_MEDIAN)

RULE_MEANINGS = {
    MEASURED: "measured at this visit",
    OWN_MEAN: "mean of the same participant's other visits",
    BRACKET_MEDIAN: "median of the same sex and ten years of age",
    SEX_MEDIAN: "median of the same sex (no participant measured in the bracket, or age missing)",
    OVERALL_MEDIAN: "median of all participants (none of the sex measured, or sex missing)",
}
BRACKET_YEARS = 10


@dataclass(frozen=True)
class Imputed:
    """Imputed measurements, with the rule that gave each value.

    Parameters
    ----------
    values : (assessments × measurements), no value missing; units as given.
    rules : the same shape, categorical with the names in :data:`RULES`.
    """

    values: pd.DataFrame
    rules: pd.DataFrame

    @property
    def mask(self) -> pd.DataFrame:
        """True where a value was imputed."""
        return self.rules != MEASURED

    def counts(self) -> pd.DataFrame:
        """Measurement × rule: how many assessments."""
        counted = {name: self.rules[name].value_counts() for name in self.rules.columns}
        table = pd.DataFrame(counted).reindex(list(RULES)).fillna(0).astype(int)
        return table.T.rename_axis("measurement")

    def imputed_cells(self) -> pd.DataFrame:
        """One row for each imputed cell: ``person instance measurement rule value``."""
        row, column = np.nonzero(self.mask.to_numpy())
        names = np.asarray(self.values.columns, dtype=object)
        person, instance = (self.values.index.get_level_values(i)[row] for i in (0, 1))
        rules = np.column_stack([self.rules[name].astype(str) for name in names])
        return pd.DataFrame(
            {
                "person": person,
                "instance": instance,
                "measurement": names[column],
                "rule": rules[row, column] if len(names) else [],
                "value": self.values.to_numpy()[row, column],
            }
        )


def impute(long: pd.DataFrame, names: Sequence[str]) -> Imputed:
    """Impute missing measurements from other visits, else from similar participants.

    1. the mean of the same person's other assessments;
    2. else the median of the same sex and 10-year age bracket (40 to under 50, ...);
    3. where that bracket has no value, or age is missing, the median of the same sex;
    4. where that has none, or sex is missing, the median of everybody.

    All are taken over measured values only, never over imputed ones.

    Parameters
    ----------
    long : see :func:`gwasbone.phenotypes.measurements.assessments`; ``sex`` and ``age`` needed.
    names : the measurements to complete.

    Raises
    ------
    InputError
        A measurement without any value; all are named.
    """
    empty = [name for name in names if long[name].isna().all()]
    if empty:
        raise InputError(
            f"expected values to impute from, all are missing of {', '.join(empty)}: leave them out"
        )
    values = long[list(names)].astype(np.float64)
    person = long.index.get_level_values("person")
    bracket = np.floor(long["age"] / BRACKET_YEARS) * BRACKET_YEARS
    steps = {
        OWN_MEAN: values.groupby(person, sort=False).transform("mean"),
        # sex is 0 or 1, so that this number names sex and bracket together
        BRACKET_MEDIAN: _medians_within(values, 1000 * long["sex"] + bracket),
        SEX_MEDIAN: _medians_within(values, long["sex"]),
        OVERALL_MEDIAN: _medians_within(values, 0 * long["sex"].fillna(0)),
    }
    filled = values.to_numpy(copy=True)
    codes = np.where(np.isnan(filled), -1, RULES.index(MEASURED)).astype(np.int8)
    for rule, offered in steps.items():
        candidates = offered.to_numpy()
        here = np.isnan(filled) & ~np.isnan(candidates)
        filled[here] = candidates[here]
        codes[here] = RULES.index(rule)
    assert (codes >= 0).all()
    rules = {
        name: pd.Categorical.from_codes(
            codes[:, i].tolist(), dtype=pd.CategoricalDtype(list(RULES))
        )
        for i, name in enumerate(names)
    }
    return Imputed(
        pd.DataFrame(filled, index=long.index, columns=list(names)),
        pd.DataFrame(rules, index=long.index),
    )


def _medians_within(values: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Each row's group medians; missing where the row is in no group."""
    codes, _ = pd.factorize(groups)
    medians = values.groupby(codes).transform("median")
    medians.loc[codes < 0] = np.nan
    return medians
