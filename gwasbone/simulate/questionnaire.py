"""A biobank's table of questionnaires, scans and records, whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.simulate.assessments import Assessments, draw_assessments
from gwasbone.simulate.bone_density import (
    REASONS,
    SimulatedDensities,
    covariate_part,
    simulate_densities,
)
from gwasbone.simulate.diagnoses import SimulatedDiagnoses, simulate_diagnoses
from gwasbone.simulate.questionnaire_columns import column_name, questionnaire_columns
from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings


@dataclass(frozen=True)
class SimulatedQuestionnaire:
    """A simulated biobank table and the true values behind it.

    Parameters
    ----------
    table : one row per person: ``eid`` and the fields' columns. Coded answers (−1, −3) are left
        as a release has them; missing is NaN or NA.
    people : one row per person: ``eid withdrawn is_case rules liability genetic_value
        bone_at_recruitment``; ``rules`` are the planted rules, joined by ``;``, ``liability`` the
        scale on which the highest are cases, ``bone_at_recruitment`` the true density in SD.
    planted_codes : one row per qualifying code: ``eid rule field code`` (without dots).
    true_bmd : one row per imaging visit: ``eid instance age weight`` and each density without
        error and without gaps, in g/cm².
    removed : the same rows; for each density why it is missing: ``scan`` or ``value`` (at random),
        ``heavy`` (by weight, which is seen), ``frail`` (by bone itself, which is not), or empty.
    effects : the coefficients of every density: ``measurement term value unit``.
    settings : what was asked for.
    """

    table: pd.DataFrame
    people: pd.DataFrame
    planted_codes: pd.DataFrame
    true_bmd: pd.DataFrame
    removed: pd.DataFrame
    effects: pd.DataFrame
    settings: QuestionnaireSettings


def simulate_questionnaire(
    settings: QuestionnaireSettings | None = None, people: pd.DataFrame | None = None
) -> SimulatedQuestionnaire:
    """Simulate UK-Biobank-style questionnaires, DXA densities, diagnoses and medication.

    The model of the densities is in :mod:`gwasbone.simulate.bone_density`, that of the codes in
    :mod:`gwasbone.simulate.diagnoses`.

    Parameters
    ----------
    settings : all choices; the defaults where None.
    people : whom to simulate for, such as :func:`questionnaire_people` of a simulated cohort:
        ``eid sex age weight height genetic_value`` and, where there, ``array`` (``UKBL`` or not)
        and ``ethnic_background`` (words or missing). None draws ``settings.n_people`` strangers.

    Raises
    ------
    InputError
        ``people`` lacks a column, or has a missing or repeated value where none may be.

    Examples
    --------
    >>> from gwasbone.simulate import QuestionnaireSettings, simulate_questionnaire
    >>> made = simulate_questionnaire(QuestionnaireSettings(n_people=50, n_filler=0))
    >>> made.table.shape[0], int(made.people["is_case"].sum()), "23204-2.0" in made.table
    (50, 4, True)
    """
    settings = QuestionnaireSettings() if settings is None else settings
    assessments = draw_assessments(settings, people)
    densities = simulate_densities(assessments, settings)
    at_recruitment = assessments.instance == 0
    bone = covariate_part(assessments, settings)[at_recruitment]
    bone += np.sqrt(settings.shared_share) * densities.common
    diagnoses = simulate_diagnoses(assessments, settings, bone)
    columns = dict(questionnaire_columns(assessments, densities, diagnoses, settings, people))
    names = {key: column_name(*key, spelling=settings.spelling) for key in columns}
    table = pd.DataFrame(
        {"eid": assessments.eid} | {names[key]: values for key, values in columns.items()},
        copy=False,
    )
    return SimulatedQuestionnaire(
        table=table,
        people=_true_people(assessments, diagnoses, bone),
        planted_codes=diagnoses.planted.assign(
            person=assessments.eid[diagnoses.planted["person"]]
        ).rename(columns={"person": "eid"}),
        true_bmd=_by_visit(assessments, densities, densities.true, extra=True),
        removed=_reasons(assessments, densities),
        effects=densities.effects,
        settings=settings,
    )


def questionnaire_people(covariates: pd.DataFrame, genetic_values: pd.DataFrame) -> pd.DataFrame:
    """Get the participants of a simulated cohort for :func:`simulate_questionnaire`.

    Parameters
    ----------
    covariates, genetic_values : as in :class:`gwasbone.simulate.SimulatedPhenotypes`; the genetic
        value is the mean of the densities' standardised ones, 0 where the cohort has none.
    """
    densities = [name for name in genetic_values if str(name).startswith("bmd_")]
    values = genetic_values[densities]
    g = ((values - values.mean()) / values.std(ddof=0)).mean(axis=1) if densities else 0.0
    return covariates.assign(eid=covariates["IID"].astype(np.int64), genetic_value=g)


def _true_people(
    assessments: Assessments, diagnoses: SimulatedDiagnoses, bone: npt.NDArray[np.float64]
) -> pd.DataFrame:
    rules = diagnoses.planted.groupby("person")["rule"].agg(lambda names: ";".join(sorted(names)))
    return pd.DataFrame(
        {
            "eid": assessments.eid,
            "withdrawn": assessments.eid < 0,
            "is_case": diagnoses.is_case,
            "rules": rules.reindex(range(assessments.n_people), fill_value="").to_numpy(),
            "liability": diagnoses.liability,
            "genetic_value": assessments.genetic_value,
            "bone_at_recruitment": bone,
        }
    )


def _by_visit(
    assessments: Assessments, densities: SimulatedDensities, values: npt.NDArray, *, extra: bool
) -> pd.DataFrame:
    visit = densities.visit
    columns: dict[str, object] = {
        "eid": assessments.eid[assessments.person[visit]],
        "instance": assessments.instance[visit],
    }
    if extra:
        columns |= {"age": assessments.age[visit], "weight": assessments.weight[visit]}
    names = densities.measurements["name"]
    return pd.DataFrame(columns | {name: values[:, i] for i, name in enumerate(names)})


def _reasons(assessments: Assessments, densities: SimulatedDensities) -> pd.DataFrame:
    table = _by_visit(assessments, densities, densities.reason, extra=False)
    names = list(densities.measurements["name"])
    words = {
        name: pd.Categorical.from_codes(table[name].to_numpy(), categories=pd.Index(REASONS))
        for name in names
    }
    return table.assign(**words)
