"""What was planted in a simulated questionnaire comes out again, and the truth says where."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from gwasbone.errors import ConfigError, InputError
from gwasbone.simulate import (
    QuestionnaireSettings,
    SimulationSettings,
    questionnaire_people,
    simulate_genotypes,
    simulate_phenotypes,
    simulate_questionnaire,
)
from gwasbone.simulate.diagnoses import DECOYS, RULES

SETTINGS = QuestionnaireSettings(n_people=12_000, seed=5, n_filler=8)

#: The definition of the methods, written again by hand: dots and letter case do not count.
ICD10 = ("M80", "M81", "M858", "S220", "S221", "S223", "S224", "S320", "T08", "S422", "S423",
         "S424", "S525", "S526", "S620", "S621", "S720", "S721", "S722", "S723")  # fmt: skip
ICD9 = ("733", "805", "812", "813", "814", "820", "821")
DRUGS = ("alendron", "fosamax", "risedron", "actonel", "etidron", "ibandron", "clodron",
         "raloxifen", "evista", "teriparatid", "calcitonin", "salcatonin")  # fmt: skip


@pytest.fixture(scope="module")
def made():
    return simulate_questionnaire(SETTINGS)


@pytest.fixture(scope="module")
def imaged(made):
    """Measured values and truth of the first imaging visit, row by row."""
    truth = made.true_bmd[made.true_bmd["instance"] == 2].reset_index(drop=True)
    table = made.table.set_index("eid").loc[truth["eid"]].reset_index()
    return table, truth


def _places(made, field):
    return made.table[[c for c in made.table if str(c).startswith(f"{field}-")]]


def _fit(table, column):
    """Ordinary least squares by Equation 1 on the released columns of the first imaging visit."""
    man = table["31-0.0"].to_numpy(float)
    age40 = table["21003-2.0"].to_numpy(float) - 40
    weight75 = table["21002-2.0"].to_numpy(float) - 75
    X = np.column_stack(
        [np.ones(len(man)), man, (1 - man) * age40, man * age40, weight75, weight75**2]
    )
    return sm.OLS(table[column].to_numpy(float), X, missing="drop").fit()


@pytest.mark.parametrize("name", ["bmd_spine_l1_l4", "bmd_femur_total_left", "bmd_head"])
def test_coefficients_of_equation_1_come_out_again(made, imaged, name):
    """The spine and the head by what is released; hips too, though they lack the heavy."""
    from gwasbone.simulate.bone_density import bmd_measurements

    field = bmd_measurements().set_index("name").loc[name, "field"]
    fit = _fit(imaged[0], f"{field}-2.0")
    truth = made.effects[made.effects["measurement"] == name]["value"].to_numpy()
    # The head's whole-body scans are lost by the density itself: its intercept is biased, slightly.
    terms = slice(1, None) if name == "bmd_head" else slice(None)
    z = (fit.params - truth[:6])[terms] / fit.bse[terms]
    assert np.abs(z).max() < 4
    assert fit.params[5] < -2 * fit.bse[5]  # the curve of weight is there to be found
    assert fit.params[2] < fit.params[3] < 0  # women lose more with each year


def test_values_missing_by_bone_itself_bias_the_mean(made, imaged):
    table, truth = imaged
    head = table["23226-2.0"].to_numpy(float)
    lost = (made.removed["bmd_head"][made.removed["instance"] == 2] == "frail").to_numpy()
    assert truth["bmd_head"][lost].mean() < truth["bmd_head"][~np.isnan(head)].mean() - 0.05


def test_error_and_reliability_are_as_set(made, imaged):
    effects = made.effects.set_index(["measurement", "term"])["value"]
    table, truth = imaged
    error = (table["23204-2.0"] - truth["bmd_spine_l1_l4"]).dropna()
    expected = effects["bmd_spine_l1_l4", "SD of measurement error"]
    assert error.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * len(error)))
    assert abs(error.mean()) < 4 * expected / np.sqrt(len(error))

    both = made.table[made.table["23204-3.0"].notna() & made.table["23204-2.0"].notna()]
    both = both[both["21002-2.0"].notna() & both["21002-3.0"].notna()]
    coefficients = made.effects.query("measurement == 'bmd_spine_l1_l4'")["value"].to_numpy()[:6]
    residual = {k: both[f"23204-{k}.0"] - _predicted(both, k, coefficients) for k in (2, 3)}
    r = np.corrcoef(residual[2], residual[3])[0, 1]
    assert r == pytest.approx(SETTINGS.reliability, abs=4 * (1 - r * r) / np.sqrt(len(both)))


def _predicted(table, instance, b):
    man = table["31-0.0"].to_numpy(float)
    age40 = table[f"21003-{instance}.0"].to_numpy(float) - 40
    weight75 = table[f"21002-{instance}.0"].to_numpy(float) - 75
    of_age = np.where(man == 1, b[3], b[2]) * age40
    return b[0] + b[1] * man + of_age + b[4] * weight75 + b[5] * weight75**2


def test_sides_share_what_was_set_and_genes_explain_what_was_set(made, imaged):
    _, truth = imaged
    residual = {}
    for name in ("bmd_femur_neck_left", "bmd_femur_neck_right", "bmd_arms"):
        b = made.effects[made.effects["measurement"] == name]["value"].to_numpy()
        people = imaged[0].assign(**{"21002-2.0": truth["weight"], "21003-2.0": truth["age"]})
        residual[name] = (truth[name] - _predicted(people, 2, b[:6])) / b[7]
        assert residual[name].std() == pytest.approx(1, abs=0.03)
    left, right, arms = residual.values()
    assert np.corrcoef(left, right)[0, 1] == pytest.approx(0.9, abs=0.01)
    assert np.corrcoef(left, arms)[0, 1] == pytest.approx(0.6, abs=0.03)
    g = made.people.set_index("eid").loc[truth["eid"], "genetic_value"].to_numpy()
    expected = np.sqrt(SETTINGS.shared_share * SETTINGS.genetic_share)
    assert np.polyfit(g, left, 1)[0] == pytest.approx(expected, abs=4 / np.sqrt(len(g)))


def test_gaps_are_where_the_truth_says_and_as_often_as_set(made):
    from gwasbone.simulate.bone_density import bmd_measurements

    removed = made.removed.set_index(["eid", "instance"])
    table = made.table.set_index("eid")
    for name, field in bmd_measurements()[["name", "field"]].itertuples(index=False):
        for instance in (2, 3):
            why = removed[name].xs(instance, level="instance")
            missing = table.loc[why.index, f"{field}-{instance}.0"].isna()
            assert (missing == (why != "")).all()
            others = table.drop(why.index)[f"{field}-{instance}.0"]
            assert others.isna().all()
    n = len(removed)
    spine, hip = removed["bmd_spine_l1_l4"], removed["bmd_femur_neck_left"]
    margin = 4 * np.sqrt(0.25 / n)
    assert (spine == "scan").mean() == pytest.approx(0.03, abs=margin / 2)
    assert (spine == "value").mean() == pytest.approx(0.97 * 0.01, abs=margin / 2)
    assert set(spine.unique()) == {"", "scan", "value"}
    # All densities of one hip scan are lost together.
    same_scan = removed[[c for c in removed if c.startswith("bmd_femur") and c.endswith("_left")]]
    heavy = same_scan.eq("heavy").sum(axis=1)
    assert set(heavy.unique()) == {0, 7}
    weight = made.true_bmd["weight"].to_numpy()
    candidates = (hip != "scan").to_numpy()
    for low, high in ((50, 65), (75, 85), (95, 120)):
        group = candidates & (weight >= low) & (weight < high)
        p = expit(logit(0.05) + 0.6 * (weight[group] - 75) / 10)
        share = (hip[group] == "heavy").mean()
        assert share == pytest.approx(p.mean(), abs=4 * np.sqrt(p.mean() / group.sum()))


def test_visits_ages_and_dates_agree(made):
    table = made.table
    second, third = table["21003-2.0"].notna(), table["21003-3.0"].notna()
    assert second.mean() == pytest.approx(0.6, abs=0.02)
    assert third.sum() / second.sum() == pytest.approx(0.2, abs=0.02)
    assert (third <= second).all()
    assert table["21003-0.0"].between(40, 70).all()
    for instance, there in ((2, second), (3, third)):
        assert table[f"53-{instance}.0"].notna().equals(there)
        year = table.loc[there, f"53-{instance}.0"].dt.year
        age_at_most = (year - table.loc[there, "34-0.0"]).to_numpy()
        age = table.loc[there, f"21003-{instance}.0"].to_numpy(int)
        assert set(age_at_most - age) <= {0, 1}


def test_exactly_the_cases_have_a_qualifying_code(made):
    def qualifies(value, prefixes):
        return str(value).replace(".", "").upper().startswith(prefixes)

    found = np.zeros(len(made.table), dtype=bool)
    for field, prefixes in ((41270, ICD10), (41271, ICD9)):
        for column in _places(made, field):
            values = made.table[column].astype(object)
            found |= values.map(lambda v, p=prefixes: v == v and qualifies(v, p)).to_numpy(bool)
    for column in _places(made, 20003):
        words = made.table[column].astype(object).map(lambda v: str(v).lower().split())
        found |= words.map(lambda v: any(word.startswith(DRUGS) for word in v)).to_numpy(bool)
    assert np.array_equal(found, made.people["is_case"])
    assert made.people["is_case"].sum() == round(SETTINGS.prevalence * SETTINGS.n_people)


def test_no_crowd_of_decoys_pushes_a_qualifying_code_out():
    crowded = QuestionnaireSettings(n_people=400, n_filler=0, prevalence=0.5, decoys_per_person=60)
    made = simulate_questionnaire(crowded)
    table = made.table.set_index("eid")
    for eid, _, field, code in made.planted_codes.itertuples(index=False):
        values = table.loc[eid, [c for c in table if c.startswith(f"{field}-")]].dropna()
        assert code in {str(value).replace(".", "") for value in values}


def test_the_truth_names_the_codes_and_rules_of_each_case(made):
    table = made.table.set_index("eid")
    rows = made.planted_codes.sample(200, random_state=1)
    for eid, _, field, code in rows.itertuples(index=False):
        values = table.loc[eid, [c for c in table if c.startswith(f"{field}-")]].dropna()
        assert code in {str(value).replace(".", "") for value in values}
    by_person = made.planted_codes.groupby("eid")["rule"].agg(lambda r: ";".join(sorted(r)))
    cases = made.people[made.people["is_case"]].set_index("eid")["rules"]
    assert cases.sort_index().equals(by_person.rename("rules").sort_index())
    assert (made.people.loc[~made.people["is_case"], "rules"] == "").all()
    two = cases.str.contains(";").mean()
    assert two == pytest.approx(SETTINGS.second_rule_share, abs=0.07)
    assert set(made.planted_codes["rule"]) == {rule.name for rule in RULES}


def test_decoys_are_in_cases_and_controls_alike_and_some_codes_have_dots(made):
    first = made.table["41270-0.0"].astype(object)
    decoys = first.map(lambda v: str(v).replace(".", "")).isin(DECOYS[41270])
    controls = ~made.people["is_case"].to_numpy()
    assert decoys[controls].mean() > 0.6
    written = pd.concat([made.table[c].astype(object) for c in _places(made, 41270)]).dropna()
    long = written[written.str.len() > 3]
    assert long.str.contains(".", regex=False).mean() == pytest.approx(0.1, abs=0.01)


def test_places_are_filled_without_gaps_and_without_repeats(made):
    for field in (41270, 41271, 20003):
        there = _places(made, field).notna().to_numpy()
        assert (there[:, 1:] <= there[:, :-1]).all()
        values = (
            _places(made, field).astype(object).map(lambda v: str(v).replace(".", ""), "ignore")
        )
        some = values[there.sum(axis=1) > 1].head(300)
        assert all(row.dropna().is_unique for _, row in some.iterrows())


def test_the_liability_is_what_was_set(made):
    bone, g = made.people["bone_at_recruitment"], made.people["genetic_value"]
    age = (made.table["21003-0.0"].to_numpy(float) - 57) / 8
    X = np.column_stack([np.ones(len(g)), (bone - bone.mean()) / bone.std(ddof=0), age, g])
    fit = sm.OLS(made.people["liability"].to_numpy(), X).fit()
    z = (fit.params - [0, -0.7, 0.4, -0.2]) / fit.bse
    assert np.abs(z).max() < 4
    assert fit.mse_resid == pytest.approx(1, abs=0.06)
    cases = made.people["is_case"]
    assert made.people["liability"][cases].min() > made.people["liability"][~cases].max()


def test_the_seed_makes_the_table_and_filler_changes_nothing_else():
    small = dataclasses.replace(SETTINGS, n_people=300)
    one, same = simulate_questionnaire(small), simulate_questionnaire(small)
    for field in dataclasses.fields(one):
        if field.name != "settings":
            pd.testing.assert_frame_equal(getattr(one, field.name), getattr(same, field.name))
    other = simulate_questionnaire(dataclasses.replace(small, seed=6))
    assert not one.table["23204-2.0"].equals(other.table["23204-2.0"])
    more = simulate_questionnaire(dataclasses.replace(small, n_filler=40))
    assert more.table.shape[1] == one.table.shape[1] + 32
    pd.testing.assert_frame_equal(more.table[one.table.columns], one.table)


def test_coded_answers_batches_and_withdrawn_people_are_there(made):
    table = made.table
    assert {-3, 0, 1, 2} == set(table["20116-0.0"].dropna())
    assert {-1, 7} <= set(table["884-0.0"].dropna())
    assert {-3, 1001} <= set(table["21000-0.0"].dropna())
    assert ((table["22000-0.0"] < 0).mean()) == pytest.approx(0.1, abs=0.02)
    assert not (table["22000-0.0"] == 0).any()
    assert set(table["31-0.0"]) == {0, 1}
    gone = made.people["withdrawn"]
    assert (made.table["eid"][gone] < 0).all()
    assert gone.mean() == pytest.approx(0.001, abs=0.0012)
    assert table["eid"].is_unique
    filler = table["990001-0.0"]
    assert {-1, -3} <= set(filler.dropna())


def test_the_other_spelling_names_the_same_columns():
    from gwasbone.phenotypes.fields import parse_field_column

    small = QuestionnaireSettings(n_people=60, n_filler=2)
    ukb = simulate_questionnaire(small).table
    rap = simulate_questionnaire(dataclasses.replace(small, spelling="rap")).table
    assert {"p31", "p21003_i2", "p41270_a9", "p20003_i0_a5", "p23204_i3"} <= set(rap)
    for one, other in zip(ukb.columns[1:], rap.columns[1:], strict=True):
        a, b = parse_field_column(one), parse_field_column(other)
        assert (a.field, a.instance, a.array) == (b.field, b.instance, b.array)
    assert np.array_equal(ukb["31-0.0"], rap["p31"])


def test_a_cohorts_people_and_genetic_values_are_taken_over():
    settings = SimulationSettings.light(
        n_people=400, n_variants=800, n_segments=8, chromosomes=(1, 2), n_causal=40, n_planted=0
    )
    cohort = simulate_phenotypes(simulate_genotypes(settings), settings)
    people = questionnaire_people(cohort.covariates, cohort.genetic_values)
    asked = QuestionnaireSettings(seed=3, n_filler=0, withdrawn_share=0, weight_missing_rate=0)
    made = simulate_questionnaire(asked, people)
    assert list(made.table["eid"].astype(str)) == list(cohort.covariates["IID"])
    assert np.array_equal(made.table["31-0.0"], cohort.covariates["sex"])
    assert np.array_equal(made.table["21002-0.0"], cohort.covariates["weight"])
    assert np.abs(made.table["21003-0.0"].astype(float) - cohort.covariates["age"]).max() <= 1
    g = cohort.genetic_values[["bmd_spine", "bmd_hip", "bmd_femur"]].mean(axis=1)
    assert np.corrcoef(g, made.people["genetic_value"])[0, 1] > 0.98
    assert made.table["21000-0.0"].eq(1001).mean() > 0.9


def test_wrong_settings_and_people_are_refused():
    with pytest.raises(ConfigError, match=r"prevalence must .* got 2; reliability .* got 0"):
        QuestionnaireSettings(prevalence=2, reliability=0)
    with pytest.raises(
        ConfigError, match=r"shared_share \+ pair_share must not exceed 1, got 1\.2"
    ):
        QuestionnaireSettings(shared_share=0.9)
    with pytest.raises(ConfigError, match="n_people must be of type int, got 'many'"):
        QuestionnaireSettings(n_people="many")
    people = pd.DataFrame({"eid": [1, 1], "sex": [0, 3], "age": 50.0, "weight": 70.0})
    with pytest.raises(InputError, match="height, genetic_value is missing"):
        simulate_questionnaire(people=people)
    with pytest.raises(InputError, match=r"an eid is there twice, sex is not 0 .* or 1"):
        simulate_questionnaire(people=people.assign(height=170.0, genetic_value=0.0))


def test_nothing_random_is_left_when_all_is_switched_off():
    calm = QuestionnaireSettings(
        n_people=200, n_filler=0, imaged_share=1, twice_share=0, reliability=1,
        scan_missing_rate=0, value_missing_rate=0, hip_missing_rate=0, frail_missing_rate=0,
        weight_missing_rate=0, withdrawn_share=0, prevalence=0, decoys_per_person=0,
    )  # fmt: skip
    made = simulate_questionnaire(calm)
    np.testing.assert_allclose(made.table["23204-2.0"], made.true_bmd["bmd_spine_l1_l4"], atol=6e-5)
    assert made.table.filter(regex="^(41270|41271|20003)-").isna().all(axis=None)
    assert not made.people["is_case"].any()
    assert made.removed.iloc[:, 2:].eq("").all(axis=None)
