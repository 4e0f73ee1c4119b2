"""Cases by rules: a worked table, an independent count, and what is refused."""

import logging

import numpy as np
import pandas as pd
import pytest
from ukb_tables import PEOPLE, read_all

from gwasbone.errors import InputError, UsageError
from gwasbone.phenotypes.case_definition import osteoporosis_definition, read_definition
from gwasbone.phenotypes.cases import find_cases, read_coding

KINDS = dict.fromkeys((41270, 41271, 20003), "text")


@pytest.fixture(scope="module")
def definition():
    return osteoporosis_definition()


@pytest.fixture
def cases(tmp_path, definition):
    return find_cases(read_all(tmp_path, PEOPLE, kinds=KINDS), definition)


def test_the_worked_table(cases):
    assert cases.is_case.to_dict() == {"101": 1, "102": 1, "103": 1, "104": 1, "105": 0}
    assert cases.first_rule.fillna("").tolist() == [
        "icd10_fracture", "icd9_osteoporosis", "bisphosphonate", "icd10_osteoporosis", "",
    ]  # fmt: skip
    assert cases.rule_names["104"] == "icd10_osteoporosis,icd10_fracture,bisphosphonate"
    assert pd.isna(cases.rule_names["105"]), "E812 is an accident, M79.67 pain in a foot"
    assert cases.rules.dtypes.eq(bool).all()


def test_counts(cases):
    counts = cases.counts().set_index("rule")
    assert counts["n_people"].to_dict() == {
        "icd9_osteoporosis": 1, "icd9_fracture": 0, "icd10_osteoporosis": 1,
        "icd10_fracture": 2, "bisphosphonate": 2, "other_medication": 0,
    }  # fmt: skip
    assert counts["n_first"].sum() == cases.n_cases == 4
    assert counts["n_only"].tolist() == [1, 0, 0, 1, 1, 0]
    codes = cases.codes.set_index("code")["n_people"]
    assert codes[["S72.0", "S52.5", "M85.8", "M80", "fosamax", "alendron"]].tolist() == [
        1, 1, 1, 0, 1, 1,
    ]  # fmt: skip


def test_combinations_add_up(cases):
    table = cases.combinations()
    assert table["n_people"].sum() == cases.n_cases
    three = table[table[["icd10_osteoporosis", "icd10_fracture", "bisphosphonate"]].all(axis=1)]
    assert three["n_people"].tolist() == [1]


def test_random_tables_agree_with_a_plain_loop(tmp_path, definition):
    rng = np.random.default_rng(3)
    codes = ["M810", "M8588", "S720", "S7241", "S223", "T08X", "T081", "I10", "M850", "m80.0"]
    nines = ["73300", "8208", "E8120", "7320", "V453"]
    drugs = ["fosamax", "prolia 60mg", "aspirin", "evista 60mg tablet", "calcium"]
    columns: dict = {"eid": list(range(1, 301))}
    for field, pool in ((41270, codes), (41204, codes), (41203, nines), (20003, drugs)):
        for visit in range(2):
            for index in range(3):
                picked = rng.choice(np.array([*pool, *[None] * 20], object), 300)
                columns[f"{field}-{visit}.{index}"] = picked
    kinds = dict.fromkeys((41270, 41204, 41203, 20003), "text")
    cases = find_cases(read_all(tmp_path, columns, kinds=kinds), definition)
    frame = pd.DataFrame(columns).set_index("eid")
    for rule in definition.rules:
        expected = []
        for _, row in frame.iterrows():
            hit = False
            for name, value in row.items():
                if int(name.split("-")[0]) in rule.fields and isinstance(value, str):
                    code = value.replace(".", "").upper()
                    hit |= any(code.startswith(c.replace(".", "")) for c in rule.codes)
                    hit |= any(w.startswith(n) for n in rule.names for w in value.split())
            expected.append(hit)
        assert cases.rules[rule.name].tolist() == expected, rule.name
    assert 0 < cases.n_cases < 300


def test_numbers_of_drugs_need_their_names(tmp_path, definition):
    columns = {"eid": [1, 2, 3], "20003-0.0": [1140909999, 1140900000, None]}
    columns |= {"41270-0.0": ["I10", "I10", "M810"], "41271-0.0": ["4019", None, None]}
    ukb = read_all(tmp_path, columns, kinds=KINDS)
    with pytest.raises(InputError, match=r"expected names of drugs in 20003-0\.0"):
        find_cases(ukb, definition)
    coding = tmp_path / "coding4.tsv"
    coding.write_text("coding\tmeaning\n1140909999\tdidronel pmo tablet\n1140900000\taspirin\n")
    cases = find_cases(ukb, definition, medication_names=read_coding(coding))
    assert cases.is_case.tolist() == [1, 0, 1]
    assert cases.first_rule["1"] == "bisphosphonate"


def test_a_coding_of_another_form_is_refused(tmp_path):
    path = tmp_path / "coding.csv"
    path.write_text("code,name\n1,x\n")
    with pytest.raises(InputError, match="columns coding and meaning"):
        read_coding(path)
    with pytest.raises(InputError, match="no such file"):
        read_coding(tmp_path / "none")


def test_rules_without_fields(tmp_path, definition, caplog):
    columns = {"eid": [1, 2], "41270-0.0": ["M810", "I10"]}
    ukb = read_all(tmp_path, columns, kinds=KINDS)
    with pytest.raises(InputError) as caught:
        find_cases(ukb, definition)
    assert "icd9_fracture (41271, 41203, 41205)" in str(caught.value)
    assert "bisphosphonate (20003)" in str(caught.value)
    with caplog.at_level(logging.WARNING):
        cases = find_cases(ukb, definition, skip_absent=True)
    assert list(cases.rules) == ["icd10_osteoporosis", "icd10_fracture"]
    assert "rules left out" in caplog.text
    other = read_all(tmp_path, {"eid": [1], "31-0.0": [0]})
    # what was given is not advised
    with pytest.raises(InputError, match=r"there is none of .*or change the definition$"):
        find_cases(other, definition, skip_absent=True)


@pytest.mark.parametrize(
    ("codes", "said"),
    [(["I10", None], "no rule applies to any"), (["M810", "S720"], "all 2 participants are cases")],
)
def test_no_case_and_nothing_but_cases(tmp_path, definition, codes, said):
    ukb = read_all(tmp_path, {"eid": [1, 2], "41270-0.0": codes}, kinds=KINDS)
    with pytest.raises(InputError, match=said):
        find_cases(ukb, definition, skip_absent=True)


def test_codes_that_nobody_has_are_logged(tmp_path, caplog):
    path = tmp_path / "my.toml"
    path.write_text(
        '[[rule]]\nname="a"\nkind="icd10"\nfields=[41270]\n[rule.codes]\n"M81"="x"\n"Q99"="y"\n'
    )
    ukb = read_all(tmp_path, {"eid": [1, 2], "41270-0.0": ["M810", "I10"]}, kinds=KINDS)
    with caplog.at_level(logging.INFO):
        find_cases(ukb, read_definition(path))
    assert "codes of the definition that no participant has: Q99" in caplog.text


def test_codes_read_as_numbers_are_refused(tmp_path, definition):
    columns = PEOPLE | {"20003-0.0": [1140868226, None, None, None, 1141]}
    ukb = read_all(tmp_path, columns)
    with pytest.raises(UsageError, match=r"20003-0\.0"):
        find_cases(ukb, definition)
