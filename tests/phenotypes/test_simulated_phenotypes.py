"""Cases, codes and measurements of a simulated biobank, against what was planted in it."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.phenotypes.bone_density import read_phenotypes
from gwasbone.phenotypes.case_definition import osteoporosis_definition
from gwasbone.phenotypes.cases import find_cases
from gwasbone.phenotypes.imputation import impute
from gwasbone.phenotypes.measurements import assessments, bmd_measurements
from gwasbone.simulate.questionnaire import simulate_questionnaire
from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings


def _simulated(folder, **settings):
    made = simulate_questionnaire(QuestionnaireSettings(n_people=1_500, n_filler=5, **settings))
    path = folder / "ukb.csv"
    made.table.to_csv(path, index=False)
    return made, read_phenotypes(path, osteoporosis_definition(), bmd_measurements())


@pytest.mark.parametrize("spelling", ["ukb", "rap"])
def test_cases_and_their_rules_are_those_planted(tmp_path, spelling):
    made, ukb = _simulated(tmp_path, spelling=spelling, seed=3)
    cases = find_cases(ukb, osteoporosis_definition())
    truth = made.people[~made.people["withdrawn"]].set_index("eid")
    truth.index = truth.index.astype(str)
    assert cases.n_cases > 50
    assert cases.is_case.astype(bool).eq(truth["is_case"]).all()
    planted = truth["rules"].str.split(";").map(lambda names: set(names) - {""})
    found = cases.rule_names.fillna("").str.split(",").map(lambda names: set(names) - {""})
    assert found.eq(planted[found.index]).all()


def test_a_persons_other_visit_is_a_better_guess_than_the_median(tmp_path):
    made, ukb = _simulated(tmp_path, twice_share=0.6, seed=4)
    measurements = bmd_measurements()
    names = measurements["name"].tolist()
    imputed = impute(assessments(ukb, measurements), names)
    truth = made.true_bmd.assign(person=made.true_bmd["eid"].astype(str))
    truth = truth.set_index(["person", "instance"])[names].reindex(imputed.values.index)
    error = (imputed.values - truth).to_numpy()
    rules = np.column_stack([imputed.rules[name].astype(str) for name in names])
    rms = pd.Series(
        {
            rule: np.sqrt(np.nanmean(error[rules == rule] ** 2))
            for rule in ("own_mean", "bracket_median")
        }
    )
    assert (rules == "own_mean").sum() > 200
    assert rms["own_mean"] < 0.5 * rms["bracket_median"]
