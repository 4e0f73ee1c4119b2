"""Who the participants are, and when they came: sex, birth, visits, age, weight and height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings

#: Instances: recruitment, imaging, repeated imaging.
INSTANCES = (0, 2, 3)
_DAYS_PER_YEAR = 365.25
_NEEDED = ("eid", "sex", "age", "weight", "height", "genetic_value")


@dataclass(frozen=True)
class Assessments:
    """n participants and their v visits, ordered by participant and instance.

    Parameters
    ----------
    eid : (n,) identifiers; negative where the person has withdrawn.
    is_man : (n,) bool.
    genetic_value : (n,) mean 0, SD 1; higher means denser bone.
    person : (v,) whose visit it is, as a row number.
    instance : (v,) 0, 2 or 3.
    day : (v,) date, as days since 1970.
    age : (v,) completed years.
    weight, height : (v,) kg and cm.
    birth_day : (n,) days since 1970.
    """

    eid: npt.NDArray[np.int64]
    is_man: npt.NDArray[np.bool_]
    genetic_value: npt.NDArray[np.float64]
    birth_day: npt.NDArray[np.int64]
    person: npt.NDArray[np.int64]
    instance: npt.NDArray[np.int8]
    day: npt.NDArray[np.int64]
    age: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    height: npt.NDArray[np.float64]

    @property
    def n_people(self) -> int:
        """How many participants."""
        return len(self.eid)

    def at(self, instance: int, values: npt.NDArray) -> npt.NDArray[np.float64]:
        """(n,) One value per participant of a visit's values, NaN where no participant came."""
        of_people = np.full(self.n_people, np.nan)
        there = self.instance == instance
        of_people[self.person[there]] = values[there]
        return of_people


def draw_assessments(settings: QuestionnaireSettings, people: pd.DataFrame | None) -> Assessments:
    """Draw people, or take those of ``people``, and their visits.

    Parameters
    ----------
    people : ``eid sex age weight height genetic_value``; sex 0 or 1, the values those of
        recruitment. None draws them.

    Raises
    ------
    InputError
        ``people`` lacks a column, or has a missing or repeated value where none may be.
    """
    rng = np.random.default_rng([settings.seed, 31])
    people = _draw_people(settings, rng) if people is None else _checked(people)
    n = len(people)
    first_day = rng.integers(_day("2006-03-13"), _day("2010-10-01"), n)
    birth_day = first_day - np.floor(people["age"].to_numpy() * _DAYS_PER_YEAR).astype(np.int64)

    imaged = rng.random(n) < settings.imaged_share
    twice = imaged & (rng.random(n) < settings.twice_share)
    second_day = np.maximum(
        first_day + 1500, rng.integers(_day("2014-05-01"), _day("2020-03-01"), n)
    )
    third_day = second_day + rng.integers(700, 1200, n)
    came = np.column_stack([np.ones(n, dtype=bool), imaged, twice])
    person, column = np.nonzero(came)
    day = np.column_stack([first_day, second_day, third_day])[came]
    # The wave of weight since recruitment; at recruitment it is what the table says.
    change = np.cumsum(rng.normal([0.0, 0.5, 0.0], [0.0, 4.0, 2.0], (n, 3)), axis=1)
    shrink = 0.06 / _DAYS_PER_YEAR * (day - first_day[person])
    age = np.floor((day - birth_day[person]) / _DAYS_PER_YEAR).astype(np.int64)
    return Assessments(
        eid=_withdraw(people["eid"].to_numpy(np.int64), settings, rng),
        is_man=people["sex"].to_numpy() == 1,
        genetic_value=_standardised(people["genetic_value"].to_numpy(np.float64)),
        birth_day=birth_day,
        person=person,
        instance=np.asarray(INSTANCES, dtype=np.int8)[column],
        day=day,
        age=age,
        weight=np.maximum(people["weight"].to_numpy()[person] + change[came], 30).round(1),
        height=(people["height"].to_numpy()[person] - shrink).round(1),
    )


def _draw_people(settings: QuestionnaireSettings, rng: np.random.Generator) -> pd.DataFrame:
    n = settings.n_people
    man = rng.random(n) < 0.46
    age = 40 + 30 * rng.beta(1.6, 1.3, n)
    height = np.where(man, 176.0, 163.0) + rng.normal(0, 6.5, n) - 0.06 * (age - 55)
    body_mass_index = np.where(man, 27.3, 26.4) * np.exp(rng.normal(0, 0.16, n))
    return pd.DataFrame(
        {
            "eid": 1_000_000 + np.cumsum(rng.integers(1, 9, n)),
            "sex": man.astype(np.int8),
            "age": age,
            "weight": (body_mass_index * (height / 100) ** 2).round(1),
            "height": height.round(1),
            "genetic_value": rng.standard_normal(n),
        }
    )


def _checked(people: pd.DataFrame) -> pd.DataFrame:
    lacking = [name for name in _NEEDED if name not in people]
    if lacking:
        raise InputError(
            f"expected participants with the columns {', '.join(_NEEDED)} for a questionnaire, "
            f"{', '.join(lacking)} is missing"
        )
    faults = []
    if people["eid"].duplicated().any():
        faults.append("an eid is there twice")
    if people[list(_NEEDED)].isna().any(axis=None):
        faults.append("values are missing")
    if not people["sex"].isin([0, 1]).all():
        faults.append("sex is not 0 (woman) or 1 (man)")
    if faults or people.empty:
        raise InputError(
            "expected participants once each, complete and with sex 0 or 1 for a questionnaire, "
            f"got {len(people)} rows: {', '.join(faults) or 'there is no participant'}"
        )
    return people


def _withdraw(
    eid: npt.NDArray[np.int64], settings: QuestionnaireSettings, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """UK Biobank numbers those who have withdrawn −1, −2, ..."""
    gone = np.flatnonzero(rng.random(len(eid)) < settings.withdrawn_share)
    eid = eid.copy()
    eid[gone] = -np.arange(1, len(gone) + 1)
    return eid


def _standardised(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    spread = values.std()
    return (values - values.mean()) / (spread if spread > 0 else 1.0)


def _day(date: str) -> int:
    return int(np.datetime64(date, "D").astype(np.int64))
