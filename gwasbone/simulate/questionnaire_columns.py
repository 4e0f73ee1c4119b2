"""The columns of a simulated questionnaire table, by field, visit and place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.simulate.assessments import INSTANCES, Assessments
from gwasbone.simulate.bone_density import SimulatedDensities
from gwasbone.simulate.diagnoses import MEDICATION, SimulatedDiagnoses
from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings, Spelling

#: Field, instance (None: the field has no visits), array (None: one value a visit).
Key = tuple[int, int | None, int | None]

#: Words of field 21000 -> its codes (data-coding 1001).
ETHNIC_BACKGROUND = {
    "British": 1001,
    "Irish": 1002,
    "Any other white background": 1003,
    "White and Black Caribbean": 2001,
    "White and Black African": 2002,
    "White and Asian": 2003,
    "Any other mixed background": 2004,
    "Indian": 3001,
    "Pakistani": 3002,
    "Bangladeshi": 3003,
    "Any other Asian background": 3004,
    "Caribbean": 4001,
    "African": 4002,
    "Any other Black background": 4003,
    "Chinese": 5,
    "Do not know": -1,
    "Prefer not to answer": -3,
}
_BACKGROUND_SHARES = {1001: 0.88, 1003: 0.04, 1002: 0.026, 3001: 0.012, 4001: 0.01, 4002: 0.008,
                      3002: 0.005, 5: 0.004, 2004: 0.004, -3: 0.006, -1: 0.005}  # fmt: skip

_RECRUITMENT_CENTRES = (11001, 11003, 11006, 11009, 11010, 11011, 11016, 11020)
_IMAGING_CENTRES = (11025, 11026, 11027, 11028)

#: Field -> answers with their shares at each visit; −1 do not know, −3 prefer not to answer.
_ANSWERS: dict[int, dict[int, float]] = {
    20116: {0: 0.545, 1: 0.345, 2: 0.105, -3: 0.005},
    1558: {1: 0.2, 2: 0.23, 3: 0.26, 4: 0.11, 5: 0.115, 6: 0.08, -3: 0.005},
    884: {0: 0.13, 1: 0.08, 2: 0.14, 3: 0.15, 4: 0.1, 5: 0.15, 6: 0.06, 7: 0.14, -1: 0.05},
    904: {0: 0.37, 1: 0.13, 2: 0.16, 3: 0.14, 4: 0.06, 5: 0.06, 6: 0.02, 7: 0.03, -3: 0.03},
}  # fmt: skip
_UNANSWERED = 0.01

#: Number of the first filler column; UK Biobank's own field numbers end far below.
FIRST_FILLER_FIELD = 990_001


def column_name(field: int, instance: int | None, array: int | None, *, spelling: Spelling) -> str:
    """How an extract names a column; None where a field has no visits, or no several values.

    >>> column_name(41270, None, 3, spelling="ukb"), column_name(41270, None, 3, spelling="rap")
    ('41270-0.3', 'p41270_a3')
    >>> column_name(21003, 2, None, spelling="rap")
    'p21003_i2'
    """
    if spelling == "ukb":
        return f"{field}-{instance or 0}.{array or 0}"
    visit = "" if instance is None else f"_i{instance}"
    return f"p{field}{visit}" + ("" if array is None else f"_a{array}")


def questionnaire_columns(
    assessments: Assessments,
    densities: SimulatedDensities,
    diagnoses: SimulatedDiagnoses,
    settings: QuestionnaireSettings,
    people: pd.DataFrame | None,
) -> Iterator[tuple[Key, object]]:
    """(field, instance, array) -> column, in the order of the table."""
    yield from _about_people(assessments, settings, people)
    yield from _about_visits(assessments, settings)
    imaging = assessments.instance[densities.visit]
    person = assessments.person[densities.visit]
    for column, field in enumerate(densities.measurements["field"]):
        for instance in INSTANCES[1:]:
            values = np.full(assessments.n_people, np.nan)
            there = imaging == instance
            values[person[there]] = densities.measured[there, column]
            yield (int(field), instance, None), values
    for field, places in diagnoses.columns.items():
        # Records have no visits; medication is told to a nurse at a visit.
        instance_of_field = 0 if field == MEDICATION else None
        for array, column_values in enumerate(places):
            yield (field, instance_of_field, array), column_values
    yield from _filler(assessments.n_people, settings)


def _about_people(
    assessments: Assessments, settings: QuestionnaireSettings, people: pd.DataFrame | None
) -> Iterator[tuple[Key, object]]:
    rng = np.random.default_rng([settings.seed, 35])
    n = assessments.n_people
    yield (31, None, None), assessments.is_man.astype(np.int8)
    birth = assessments.birth_day.astype("datetime64[D]").astype("datetime64[Y]")
    yield (34, None, None), birth.astype(np.int64).astype(np.int16) + np.int16(1970)
    drawn = rng.choice(list(_BACKGROUND_SHARES), size=n, p=_shares(_BACKGROUND_SHARES))
    background = pd.Series(drawn, dtype="Int16")
    if people is not None and "ethnic_background" in people:
        background = people["ethnic_background"].map(ETHNIC_BACKGROUND).astype("Int16")
    yield (21000, 0, None), background.array
    bileve = rng.random(n) < 0.1
    if people is not None and "array" in people:
        bileve = (people["array"] == "UKBL").to_numpy()
    batch = np.where(bileve, -rng.integers(1, 12, n), rng.integers(1, 96, n))
    yield (22000, None, None), batch.astype(np.int16)


def _about_visits(
    assessments: Assessments, settings: QuestionnaireSettings
) -> Iterator[tuple[Key, object]]:
    rng = np.random.default_rng([settings.seed, 36])
    n = assessments.n_people
    for instance in INSTANCES:
        came = ~np.isnan(assessments.at(instance, assessments.age))
        day = assessments.at(instance, assessments.day)
        date = np.where(came, day, 0).astype("datetime64[D]").astype("datetime64[s]")
        yield (53, instance, None), np.where(came, date, np.datetime64("NaT"))
        centres = _IMAGING_CENTRES if instance else _RECRUITMENT_CENTRES
        yield (54, instance, None), _whole(rng.choice(centres, size=n), ~came, np.int16)
        age = assessments.at(instance, assessments.age)
        yield (21003, instance, None), _whole(np.where(came, age, 0), ~came, np.int8)
        lost = rng.random(n) < settings.weight_missing_rate
        for field, values in ((21002, assessments.weight), (50, assessments.height)):
            of_visit = assessments.at(instance, values)
            yield (field, instance, None), np.where(lost, np.nan, of_visit)
        for field, shares in _ANSWERS.items():
            answer = rng.choice(list(shares), size=n, p=_shares(shares))
            silent = ~came | (rng.random(n) < _UNANSWERED)
            yield (field, instance, None), _whole(answer, silent, np.int8)


def _filler(n: int, settings: QuestionnaireSettings) -> Iterator[tuple[Key, object]]:
    """Questions, counts, codes and amounts that depend on nothing, each with gaps of its own."""
    rng = np.random.default_rng([settings.seed, 37])
    for number in range(settings.n_filler):
        gap = rng.uniform(0, 0.6)
        draw = rng.random(n, dtype=np.float32)
        silent = draw < gap
        if number % 4 == 3:
            amounts = rng.standard_normal(n, dtype=np.float32).round(2)
            amounts[silent] = np.nan
            yield (FIRST_FILLER_FIELD + number, 0, None), amounts
            continue
        answers = (6, 8, 40)[number % 4]
        values = rng.integers(0, answers, n, dtype=np.int8)
        values[draw > 0.985] = -1
        values[draw > 0.995] = -3
        yield (FIRST_FILLER_FIELD + number, 0, None), pd.arrays.IntegerArray(values, silent)


def _whole(
    values: npt.NDArray, missing: npt.NDArray[np.bool_], dtype: type[np.signedinteger]
) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(np.where(missing, 0, values).astype(dtype), missing.copy())


def _shares(shares: dict[int, float]) -> npt.NDArray[np.float64]:
    p = np.array(list(shares.values()))
    return p / p.sum()
