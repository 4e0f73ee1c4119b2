"""From a simulated release back to what was planted: cases, densities, gaps and their filling."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.phenotypes.biobank_table import read_biobank_table
from gwasbone.phenotypes.case_definition import osteoporosis_definition
from gwasbone.phenotypes.cases import find_cases
from gwasbone.phenotypes.imputation import BRACKET_MEDIAN, OWN_MEAN, impute
from gwasbone.phenotypes.measurements import assessments, bmd_measurements, needed_kinds
from gwasbone.simulate import QuestionnaireSettings, save_questionnaire, simulate_questionnaire

SETTINGS = QuestionnaireSettings(
    n_people=8000,
    seed=9,
    n_filler=4,
    withdrawn_share=0.01,
    hip_missing_rate=0.1,
    hip_missing_per_10_kg=0.9,
)


@pytest.fixture(scope="module")
def made():
    return simulate_questionnaire(SETTINGS)


@pytest.fixture(scope="module", params=["parquet", "csv"])
def release(request, made, tmp_path_factory):
    path = save_questionnaire(made, tmp_path_factory.mktemp("release"), table_format=request.param)
    kinds = dict(needed_kinds(bmd_measurements()))
    kinds |= dict.fromkeys(osteoporosis_definition().fields, "text")
    return read_biobank_table(path, kinds)


@pytest.fixture(scope="module")
def truth(made):
    """Truth by visit with the index of the assessments; those who have withdrawn are gone."""
    by_visit = made.true_bmd[made.true_bmd["eid"] > 0]
    person = pd.Index(by_visit["eid"].astype(str), name="person")
    index = pd.MultiIndex.from_arrays(
        [person, by_visit["instance"].astype(np.int16)], names=["person", "instance"]
    )
    return by_visit.set_index(index)


def test_the_definition_finds_exactly_the_planted_cases_and_why(made, release):
    present = made.people[~made.people["withdrawn"]]
    assert release.n_withdrawn == made.people["withdrawn"].sum() > 20
    cases = find_cases(release, osteoporosis_definition())
    assert list(cases.is_case.index) == list(present["eid"].astype(str))
    assert np.array_equal(cases.is_case, present["is_case"])
    planted = present["rules"].to_numpy()
    for rule in cases.rules:
        expected = [rule in names.split(";") for names in planted]
        assert np.array_equal(cases.rules[rule], expected), rule


def test_the_densities_are_those_released_and_no_visit_is_lost(made, release, truth):
    long = assessments(release, bmd_measurements())
    names = list(bmd_measurements()["name"])
    whole = made.removed[made.removed["eid"] > 0][names].eq("").to_numpy()
    assert list(long.index) == list(truth.index[whole.any(axis=1)])
    assert np.array_equal(long[names].notna().to_numpy(), whole[whole.any(axis=1)])
    known = truth.loc[long.index]
    assert np.array_equal(long["age"], known["age"])
    error = (long[names] - known[names]).std()
    effects = made.effects[made.effects["term"] == "SD of measurement error"]
    expected = effects.set_index("measurement")["value"][names]
    np.testing.assert_allclose(error, expected, rtol=0.05)


def test_filled_gaps_are_as_far_from_the_truth_as_theory_says(made, release, truth):
    """In SD of people given the covariates: another visit errs by its measurement error, the
    median of people alike by all that is personal and that weight and age in the bracket do."""
    long = assessments(release, bmd_measurements())
    names = list(bmd_measurements()["name"])
    filled = impute(long, names)
    assert not filled.values.isna().any(axis=None)
    effects = made.effects[made.effects["term"] == "SD of people"]
    sd = effects.set_index("measurement")["value"][names]
    error = (filled.values - truth.loc[long.index, names]) / sd
    rmse = {}
    for rule in (OWN_MEAN, BRACKET_MEDIAN):
        here = filled.rules.eq(rule).to_numpy()
        assert here.sum() > 300
        rmse[rule] = np.sqrt(np.mean(error.to_numpy()[here] ** 2))
    print({rule: round(value, 3) for rule, value in rmse.items()})
    noise = np.sqrt(1 / SETTINGS.reliability - 1)
    # Two visits lie some years and kilograms apart, hence the room above.
    assert noise < rmse[OWN_MEAN] < noise + 0.15
    assert 1 < rmse[BRACKET_MEDIAN] < 1.3


def test_gaps_of_the_heavy_are_filled_too_low(made, release, truth):
    """Hips that heavy people lack are imputed from lighter people: the truth shows the bias."""
    long = assessments(release, bmd_measurements())
    names = [n for n in bmd_measurements()["name"] if n.endswith("_left") and "femur" in n]
    filled = impute(long, names)
    removed = made.removed[made.removed["eid"] > 0].set_index(truth.index).loc[long.index, names]
    error = filled.values - truth.loc[long.index, names]
    by_median = filled.rules.eq(BRACKET_MEDIAN)
    # One number per visit, since the sites of a hip err together.
    errors = {
        why: error.where(by_median & removed.eq(why)).mean(axis=1).dropna()
        for why in ("heavy", "scan")
    }
    bias = {why: values.mean() for why, values in errors.items()}
    print({why: round(value, 4) for why, value in bias.items()}, "g/cm²")
    se = {why: values.std() / np.sqrt(len(values)) for why, values in errors.items()}
    assert bias["heavy"] < -4 * se["heavy"]
    assert bias["heavy"] - bias["scan"] < -3 * np.hypot(*se.values())
