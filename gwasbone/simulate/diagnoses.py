"""Who is fragile, and which codes say so: diagnoses and medication with known reasons.

The codes are written out here and not taken from ``resources/osteoporosis.toml``, so that a case
definition is tested against something it did not make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.extensions import ExtensionArray

from gwasbone.simulate.assessments import Assessments
from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings

ICD10, ICD9, MEDICATION = 41270, 41271, 20003

#: Field -> values of a person that the table has room for.
ROOM = {ICD10: 10, ICD9: 4, MEDICATION: 6}


@dataclass(frozen=True)
class PlantedRule:
    """Codes that make a case, as records write them (ICD without dots).

    Parameters
    ----------
    name : as the shipped definition names the rule.
    field : UK Biobank field.
    share : of cases whose first code is of this rule.
    codes : drawn with equal chances.
    """

    name: str
    field: int
    share: float
    codes: tuple[str, ...]


RULES = (
    PlantedRule(
        "icd10_osteoporosis",
        ICD10,
        0.40,
        ("M800", "M8005", "M809", "M810", "M8100", "M819", "M8190", "M8199", "M858", "M8588"),
    ),
    PlantedRule(
        "icd10_fracture",
        ICD10,
        0.25,
        ("S220", "S2200", "S221", "S223", "S224", "S320", "S3200", "S422", "S423", "S424", "S525",
         "S5250", "S526", "S620", "S621", "S720", "S7200", "S721", "S722", "S723", "T08", "T080"),
    ),
    PlantedRule("icd9_osteoporosis", ICD9, 0.05, ("7330", "7331", "7339")),
    PlantedRule(
        "icd9_fracture",
        ICD9,
        0.08,
        ("8052", "8054", "8058", "8120", "8122", "8130", "8134", "8140", "8200", "8208", "8210"),
    ),
    PlantedRule(
        "bisphosphonate",
        MEDICATION,
        0.17,
        ("alendronate sodium", "alendronic acid", "fosamax 10mg tablet", "risedronate sodium",
         "Actonel 5mg tablet", "disodium etidronate", "ibandronic acid", "sodium clodronate"),
    ),
    PlantedRule(
        "other_medication",
        MEDICATION,
        0.05,
        ("raloxifene", "Evista 60mg tablet", "teriparatide", "calcitonin", "salcatonin"),
    ),
)  # fmt: skip

#: Field -> values that qualify for nothing. Neighbours of qualifying codes come first, then codes
#: that hold a qualifying one inside (1733 is a skin cancer), then what is common.
DECOYS: dict[int, tuple[str, ...]] = {
    ICD10: (
        "M859", "M850", "M851", "M820", "M831", "M841", "M843", "M889", "S222", "S225", "S321",
        "S420", "S520", "S528", "S623", "S724", "S821", "S923", "T028", "T093", "Z878", "I10",
        "E119", "K219", "J459", "M179", "N390", "F329", "H269", "I251", "R074", "K573",
    ),
    ICD9: (
        "73", "732", "7349", "1733", "2733", "4820", "8820", "8070", "8100", "8159", "8220",
        "8230", "4019", "2500", "5740",
    ),
    MEDICATION: (
        "calcitriol", "calcium carbonate", "calcichew d3 tablet", "clonidine", "zolmitriptan",
        "etodolac", "ibuprofen", "colecalciferol", "paracetamol", "aspirin", "simvastatin",
        "metformin", "amlodipine", "omeprazole", "levothyroxine sodium", "raltegravir",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class SimulatedDiagnoses:
    """Codes by participant, and why they are there.

    Parameters
    ----------
    liability : (n,) the scale on which the highest are cases.
    is_case : (n,) bool.
    columns : field -> one categorical of n values per place, filled from the first on.
    planted : one row per qualifying code: ``person`` (row number) ``rule field code``.
    """

    liability: npt.NDArray[np.float64]
    is_case: npt.NDArray[np.bool_]
    columns: dict[int, list[ExtensionArray]]
    planted: pd.DataFrame


def simulate_diagnoses(
    assessments: Assessments,
    settings: QuestionnaireSettings,
    bone: npt.NDArray[np.float64],
) -> SimulatedDiagnoses:
    """Draw the liability, make its highest participants cases, and write their codes among decoys.

    Parameters
    ----------
    bone : (n,) true density of the person at recruitment, in SD: covariates and common part.
    """
    rng = np.random.default_rng([settings.seed, 34])
    n = assessments.n_people
    age = assessments.age[assessments.instance == 0]
    liability = (
        -settings.liability_bmd * (bone - bone.mean()) / (bone.std() or 1.0)
        + settings.liability_age * (age - 57) / 8
        - settings.liability_genetics * assessments.genetic_value
        + rng.standard_normal(n)
    )
    n_cases = round(settings.prevalence * n)
    is_case = np.zeros(n, dtype=bool)
    is_case[np.argsort(-liability, kind="stable")[:n_cases]] = True
    planted = _plant(np.flatnonzero(is_case), settings, rng)
    columns = {
        field: _columns(planted[planted["field"] == field], field, n, settings, rng)
        for field in (ICD10, ICD9, MEDICATION)
    }
    return SimulatedDiagnoses(liability, is_case, columns, planted)


def _plant(
    cases: npt.NDArray[np.int64], settings: QuestionnaireSettings, rng: np.random.Generator
) -> pd.DataFrame:
    share = np.array([rule.share for rule in RULES])
    first = rng.choice(len(RULES), size=len(cases), p=share / share.sum())
    another = rng.random(len(cases)) < settings.second_rule_share
    second = (first + rng.integers(1, len(RULES), len(cases))) % len(RULES)
    person = np.concatenate([cases, cases[another]])
    rule = np.concatenate([first, second[another]])
    draw = rng.random(len(person))
    codes = [RULES[r].codes[int(u * len(RULES[r].codes))] for r, u in zip(rule, draw, strict=True)]
    table = pd.DataFrame(
        {
            "person": person,
            "rule": [RULES[r].name for r in rule],
            "field": [RULES[r].field for r in rule],
            "code": codes,
        }
    )
    return table.sort_values(["person", "field", "code"], ignore_index=True)


def _columns(
    planted: pd.DataFrame,
    field: int,
    n: int,
    settings: QuestionnaireSettings,
    rng: np.random.Generator,
) -> list[ExtensionArray]:
    """The values of one field in random order of place, dots in some of the ICD codes."""
    decoys = DECOYS[field]
    per_person = {ICD10: 1.0, ICD9: 0.1, MEDICATION: 1 / 3}[field] * settings.decoys_per_person
    # Room for the planted codes stays, or a case would lose what makes it one.
    count = np.minimum(rng.poisson(per_person, n), ROOM[field] - 2)
    person = np.concatenate([np.repeat(np.arange(n), count), planted["person"].to_numpy()])
    values = [*decoys, *sorted(set(planted["code"]))]
    place_of = {value: i for i, value in enumerate(values)}
    code = np.concatenate(
        [rng.integers(0, len(decoys), count.sum()), planted["code"].map(place_of).to_numpy(int)]
    )
    # The same value twice in one person says nothing more.
    pairs = np.unique(person * len(values) + code)
    person, code = np.divmod(pairs, len(values))
    order = np.lexsort((rng.random(len(person)), person))
    person, code = person[order], code[order]
    place = np.arange(len(person)) - np.searchsorted(person, person)
    if field != MEDICATION:
        code = np.where(rng.random(len(code)) < settings.dotted_share, code + len(values), code)
        values = [*values, *(_dotted(value) for value in values)]
    return [
        _categorical(person[place == k], code[place == k], values, n) for k in range(ROOM[field])
    ]


def _dotted(code: str) -> str:
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 else code


def _categorical(
    person: npt.NDArray[np.int64], code: npt.NDArray[np.int64], values: Sequence[str], n: int
) -> ExtensionArray:
    # Codes too short for a dot stand twice in ``values``; a category may not.
    distinct = list(dict.fromkeys(values))
    renumber = np.array([distinct.index(value) for value in values])
    codes = np.full(n, -1, dtype=np.int16)
    codes[person] = renumber[code]
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(distinct))
