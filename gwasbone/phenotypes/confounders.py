"""Sex, age and weight at each assessment: read from a table, and laid out as a model.

A table of assessments has one row per person and visit; age and weight are those of the visit.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError, reads
from gwasbone.phenotypes.missing_codes import drop_missing_codes
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.sex import FEMALE, MALE, UNKNOWN, read_sexes
from gwasbone.phenotypes.table import numbers, participant_ids, read_named_columns, withdrawn_rows
from gwasbone.stats.variation import varies

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

LinearModel = Literal["linear", "nonlinear"]

#: Age and weight are measured from here, so that the intercept is a person of 40 years and 75 kg.
AGE_ORIGIN, WEIGHT_ORIGIN = 40.0, 75.0

SEX, AGE, WEIGHT = "sex", "age", "weight"
_NAMES = {FEMALE: "women", MALE: "men"}


@reads("a table of assessments")
def read_assessments(path: str | Path, *, reading: TableReading | None = None) -> pd.DataFrame:
    """Read a table with one row per participant and assessment.

    Parameters
    ----------
    path : ``.parquet`` (as ``gwasbone phenotypes`` writes it), or text with a header; see
        :func:`gwasbone.phenotypes.table.read_people_table`. The participant is the column or
        index level ``person`` or ``IID``.
    reading : codes of missing values, and the limit of what is unpacked.

    Returns
    -------
    Table indexed by person (text), in the file's order, a person once for each assessment; the
    visit stays as the column ``instance`` where there is one. People with a negative IID have
    withdrawn: they are left out, and counted in the log.

    Raises
    ------
    InputError
        No such file, no person, a row of another length.
    """
    path, reading = Path(path), reading or TableReading()
    table = read_named_columns(path, reading)
    person = participant_ids(table, "IID", path)
    family = participant_ids(table, "FID", path) if "FID" in table.columns else None
    withdrawn = withdrawn_rows(person, family, reading.withdrawn, where=path)
    table = table.drop(columns=["IID", "FID"], errors="ignore")
    table = table.set_axis(pd.Index(person, name="person"), axis=0)[~withdrawn]
    table = drop_missing_codes(table, reading.missing_codes, where=path)
    log.info("%s: %d assessments of %d participants", path, len(table), table.index.nunique())
    return table


@dataclass(frozen=True)
class Confounders:
    """What each assessment says besides its measurements.

    Parameters
    ----------
    people : (p,) names, in the table's order.
    person : (n,) whose assessment a row is, as a number into ``people``.
    sex : (n,) number into ``sexes``; NaN missing.
    sexes : spelling of each sex in the source, one or two, women before men; ``women`` and
        ``men`` where the source has several.
    age, weight : (n,) at the visit; NaN missing.
    others : (n, c) further columns, NaN missing; other_names : (c,) their names.
    """

    people: npt.NDArray[np.object_]
    person: IntArray
    sex: FloatArray
    sexes: tuple[str, ...]
    age: FloatArray
    weight: FloatArray
    others: FloatArray
    other_names: tuple[str, ...]

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """(n,) whether a row has sex, age and weight; the others may be missing."""
        known = ~np.isnan(np.column_stack([self.sex, self.age, self.weight]))
        return np.asarray(known.all(axis=1))

    def person_means(self, values: FloatArray, rows: npt.NDArray[np.bool_]) -> FloatArray:
        """Mean of the chosen rows of each participant; NaN where a participant has none.

        Parameters
        ----------
        values : (n,) or (n, k). rows : (n,) whether a row counts; the others may be NaN.
        """
        who, p = self.person[rows], len(self.people)
        count = np.bincount(who, minlength=p).astype(np.float64)
        columns = np.atleast_2d(values[rows].T)
        sums = np.stack([np.bincount(who, weights=c, minlength=p) for c in columns], axis=-1)
        with np.errstate(invalid="ignore"):
            means = sums / count[:, None]
        return means[:, 0] if values.ndim == 1 else means


def confounders_of(table: pd.DataFrame, others: Sequence[str] = ()) -> Confounders:
    """Take sex, age and weight (and other columns) out of a table of assessments.

    Parameters
    ----------
    table : indexed by person, or by person and instance. ``sex`` may be numbers or text.
    others : further columns of numbers; one that does not vary is left out, and a warning says so
        and how often each is missing.

    Raises
    ------
    InputError
        A column is missing or holds text; another spelling of sex; a person whose sex changes.
    """
    missing = [name for name in (SEX, AGE, WEIGHT, *others) if name not in table.columns]
    if missing:
        raise InputError(
            f"expected columns sex, age and weight{' and those of --covar' if others else ''} in "
            f"the table of assessments, it has no {', '.join(missing)}: add it or rename it so"
        )
    flat = _flat(table)
    person, people = pd.factorize(flat.index.to_numpy(object))
    sex, sexes = _sexes(flat[SEX])
    kept = _other_columns(flat, others)
    found = Confounders(
        people=np.asarray(people, dtype=object),
        person=person,
        sex=sex,
        sexes=sexes,
        age=_above_0(flat, AGE),
        weight=_above_0(flat, WEIGHT),
        others=np.column_stack([np.empty((len(flat), 0)), *kept.values()]),
        other_names=tuple(kept),
    )
    _refuse_changed_sex(found)
    labels = zip(found.sexes, sex_labels(found.sexes), strict=True)
    log.info(
        "sex: %s; not known in %d of %d assessments",
        ", ".join(f"{name} read as {label}" for name, label in labels),
        np.isnan(sex).sum(), len(sex),
    )  # fmt: skip
    return found


@dataclass(frozen=True)
class ModelMatrix:
    """The fixed effects of a model, row by row.

    Parameters
    ----------
    X : (n, k), the intercept first.
    terms : (k,) names of the columns.
    steps : (k,) what each column belongs to (``sex``, ``age``, ``weight``, ``weight squared``),
        empty for the intercept: models are nested in this order.
    formula : the model as R writes it.
    """

    X: FloatArray
    terms: tuple[str, ...]
    steps: tuple[str, ...]
    formula: str


def model_matrix(
    model: LinearModel, confounders: Confounders, rows: npt.NDArray[np.bool_]
) -> ModelMatrix:
    """Fixed effects of the linear or of the non-linear model for the chosen rows.

    ``linear`` is sex + age + weight. ``nonlinear`` is Eq. 1 of Eriksson & Nakamori as we read
    it: sex, age from 40 years with a slope for each sex, and a second-degree polynomial of
    weight from 75 kg; raw powers, which span what orthogonal polynomials do. Where all rows are
    of one sex its terms are left out.

    Parameters
    ----------
    rows : (n,) which rows, all of them complete.
    """
    sex = confounders.sex[rows]
    age = confounders.age[rows] - AGE_ORIGIN
    weight = confounders.weight[rows] - WEIGHT_ORIGIN
    present = [int(code) for code in np.unique(sex)]
    two = len(present) == 2
    labels = [f"sex={name}" for name in confounders.sexes]
    columns: list[tuple[str, str, FloatArray]] = [("intercept", "", np.ones(len(sex)))]
    if two:
        columns.append((labels[1], SEX, (sex == 1).astype(np.float64)))
    if model == "nonlinear" and two:
        columns += [(f"age40:{labels[code]}", AGE, age * (sex == code)) for code in present]
    else:
        columns.append(("age40", AGE, age))
    columns.append(("weight75", WEIGHT, weight))
    if model == "nonlinear":
        columns.append(("weight75^2", "weight squared", weight**2))
    of_sex = "C(sex) + " if two else ""
    formula = f"{of_sex}Age40 + Weight75"
    if model == "nonlinear":
        formula = f"{of_sex}{'C(sex):' if two else ''}Age40 + poly(Weight75, 2)"
    terms, steps, values = zip(*columns, strict=True)
    return ModelMatrix(np.column_stack(values), terms, steps, formula)


def sex_labels(sexes: Sequence[str]) -> tuple[str, ...]:
    """What readers call the sexes of the source; as spelled where that is not plain.

    >>> sex_labels(["0", "1"]), sex_labels(["2", "1"]), sex_labels(["0", "2"])
    (('women', 'men'), ('women', 'men'), ('sex 0', 'sex 2'))
    """
    codes = read_sexes(pd.Series(list(sexes)), where="sex").codes
    if UNKNOWN in codes or len(set(codes)) < len(codes):
        return tuple(f"sex {name}" for name in sexes)
    return tuple(_NAMES[int(code)] for code in codes)


def _other_columns(table: pd.DataFrame, names: Sequence[str]) -> dict[str, FloatArray]:
    """Further columns that vary; those that do not, and missing values, are named."""
    columns = {name: numbers(table, name) for name in names}
    flat = [name for name, values in columns.items() if not varies(values)]
    if flat:
        log.warning("covariates left out, they do not vary: %s", ", ".join(flat))
    kept = {name: values for name, values in columns.items() if name not in flat}
    for name, values in kept.items():
        missing = np.isnan(values)
        if missing.any():
            log.warning(
                "covariate %s is missing in %d of %d assessments: they are predicted from what is "
                "known of them", name, missing.sum(), len(missing),
            )  # fmt: skip
    return kept


def _above_0(table: pd.DataFrame, name: str) -> FloatArray:
    """A column of which 0 and negative numbers (-3, -9) are impossible: set aside and counted."""
    values = numbers(table, name)
    odd = values <= 0
    if odd.any():
        shown = ", ".join(f"{value:g}" for value in np.unique(values[odd])[:4])
        log.warning(
            "%d values of %s that are 0 or less are set aside as missing: %s",
            odd.sum(), name, shown,
        )  # fmt: skip
    return np.where(odd, np.nan, values)


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """The table indexed by participant alone."""
    if table.index.nlevels == 1:
        return table
    return table.set_axis(table.index.get_level_values(0), axis=0)


def _sexes(column: pd.Series) -> tuple[FloatArray, tuple[str, ...]]:
    found = read_sexes(column, where="column sex of the table of assessments")
    present = [code for code in (FEMALE, MALE) if (found.codes == code).any()]
    if not present:
        raise InputError("expected the sex of some participants in column sex, all are unknown")
    numbers_of = {code: float(number) for number, code in enumerate(present)}
    sex = np.array([numbers_of.get(int(code), np.nan) for code in found.codes])
    spelled = {code: [s for s, c in found.spellings.items() if c == code] for code in present}
    return sex, tuple(of[0] if len(of) == 1 else _NAMES[code] for code, of in spelled.items())


def _refuse_changed_sex(found: Confounders) -> None:
    rows = ~np.isnan(found.sex)
    mean = found.person_means(found.sex, rows)
    changed = np.flatnonzero((mean > 0) & (mean < 1))
    if changed.size:
        shown = ", ".join(str(name) for name in found.people[changed[:3]])
        raise InputError(
            f"expected one sex for all assessments of a participant, {changed.size:,} have two "
            f"({shown}): correct them or write NA"
        )
