"""Answers joined to assessments by person and visit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError, UsageError
from gwasbone.learning.field_categories import field_categories
from gwasbone.learning.options import ResidualOptions
from gwasbone.learning.questionnaire import InputRules
from gwasbone.learning.visit_answers import join_answers, read_visit_answers

VISITS = pd.DataFrame(
    {"sex": 0, "age": 60.0, "weight": 70.0, "bmd_hip": [1.0, 1.1, 0.9]},
    index=pd.MultiIndex.from_tuples(
        [("11", 2), ("11", 3), ("12", 2)], names=["person", "instance"]
    ),
)
UKB = """eid,31-0.0,21003-2.0,1558-0.0,1558-2.0,1558-3.0,20116-0.0,20003-0.0,20003-0.1,note
12,1,61,5,6,,1,a1,,x
11,0,60,1,2,3,,b2,b3,y
13,0,60,1,2,3,2,a1,,z
"""


def ukb(tmp_path, text=UKB):
    path = tmp_path / "ukb.csv"
    path.write_text(text)
    return path


def test_a_biobanks_fields_are_taken_from_the_assessments_own_visit(tmp_path):
    found = read_visit_answers(ukb(tmp_path), VISITS)
    assert found.known.all()
    # sex, age and weight are the assessments'; a field that was asked once counts at every visit
    assert list(found.table) == ["p1558", "p20003_a0", "p20003_a1", "p20116"]
    np.testing.assert_array_equal(found.table["p1558"], [2, 3, 6])
    np.testing.assert_array_equal(found.table["p20116"], [np.nan, np.nan, 1])
    assert found.table["p20003_a0"].tolist() == ["b2", "b2", "a1"]
    assert found.table["p20003_a1"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("asked", [["1558"], ["p1558"], ["1558-2.0"]])
def test_a_field_is_named_by_number_or_by_any_of_its_columns(tmp_path, asked):
    assert list(read_visit_answers(ukb(tmp_path), VISITS, asked).table) == ["p1558"]
    rap = UKB.replace("1558-2.0", "p1558_i2").replace("1558-3.0", "p1558_i3")
    rap = rap.replace("1558-0.0", "p1558_i0")
    np.testing.assert_array_equal(
        read_visit_answers(ukb(tmp_path, rap), VISITS, asked).table["p1558"], [2, 3, 6]
    )


def test_bone_in_a_biobanks_table_is_refused_unless_left_out(tmp_path):
    path = ukb(tmp_path, UKB.replace("20116-0.0", "23204-2.0"))
    with pytest.raises(InputError, match=r"got 23204-2.0 \(body composition or bone by DXA\)"):
        read_visit_answers(path, VISITS)
    found = read_visit_answers(path, VISITS, left_out=["23200-23320", "20003"])
    assert list(found.table) == ["p1558"]
    with pytest.raises(InputError, match="expected 4444 among the answers"):
        read_visit_answers(path, VISITS, left_out=["4444"])


def test_answers_by_person_count_at_every_visit(tmp_path):
    path = tmp_path / "people.tsv"
    path.write_text("IID\tsex\tsmoker\tcity\n12\t1\t0\tYork\n11\t0\t2\tNA\n")
    found = read_visit_answers(path, VISITS)
    assert list(found.table) == ["smoker", "city"]
    assert found.table["smoker"].tolist() == [2, 2, 0]
    assert found.table["city"].isna().tolist() == [True, True, False]
    without = VISITS.drop(index=("12", 2)).reset_index(level=1, drop=True)
    assert read_visit_answers(path, without).table["smoker"].tolist() == [2, 2]


@pytest.mark.parametrize("instances", [(2, 3, 2), (2.0, 3.0, 2.0), ("2", "3", "2")])
def test_answers_by_visit_are_joined_by_visit(tmp_path, instances):
    path = tmp_path / "visits.parquet"
    people = ["12", "11", "11"]
    at = [instances[0], instances[1], instances[2]]
    pd.DataFrame({"person": people, "instance": at, "walks": [7.0, 5.0, 4.0]}).to_parquet(path)
    found = read_visit_answers(path, VISITS)
    assert found.table["walks"].tolist() == [4, 5, 7]
    # a visit without answers is not known, though its person is
    pd.DataFrame({"person": people[:2], "instance": at[:2], "walks": [7.0, 5.0]}).to_parquet(path)
    assert read_visit_answers(path, VISITS).known.tolist() == [False, True, True]


def test_faults_are_named(tmp_path):
    path = tmp_path / "visits.tsv"
    path.write_text("IID\tinstance\twalks\n11\t2\t4\n11\t3\t5\n")
    with pytest.raises(InputError, match="there is no such column: did you mean walks"):
        read_visit_answers(path, VISITS, ["walk"])
    with pytest.raises(InputError, match="age of the table of assessments is an input"):
        read_visit_answers(path, VISITS, ["age"])
    alone = VISITS.reset_index(level=1, drop=True)
    with pytest.raises(InputError, match="expected a column instance in the table of assess"):
        read_visit_answers(path, alone)
    with pytest.raises(InputError, match=r"field 1558 of .* was asked at several visits"):
        read_visit_answers(ukb(tmp_path), alone)
    path.write_text("IID\tinstance\twalks\n11\t2\t4\n11\t2\t5\n")
    with pytest.raises(InputError, match=r"each participant and visit once .* 1 are there twice"):
        read_visit_answers(path, VISITS)
    path.write_text("IID\twalks\n77\t4\n")
    with pytest.raises(InputError, match="none of its 3 assessments"):
        read_visit_answers(path, VISITS)
    path.write_text("IID\tage\n11\t4\n")
    with pytest.raises(InputError, match="expected columns of answers"):
        read_visit_answers(path, VISITS)
    with pytest.raises(InputError, match="there is no file /nowhere"):
        read_visit_answers("/nowhere.tsv", VISITS)
    twice = pd.DataFrame({"walks": [1, 2]}, index=["11", "11"])
    with pytest.raises(InputError, match="each participant once among"):
        join_answers(twice, VISITS)


@pytest.mark.parametrize(
    "header", ["eid,p6138_i2,p6138_i3", "IID,p6138,colour", "IID,instance,p6138"]
)
def test_several_choices_in_one_cell_are_answers_of_their_own_in_every_kind_of_table(
    tmp_path, header
):
    rows = {
        "eid,p6138_i2,p6138_i3": "11,1|-7,3\n12,2|4|5,\n",
        "IID,p6138,colour": "11,1|-7,red\n12,2|4|5,blue\n",
        "IID,instance,p6138": "11,2,1|-7\n11,3,3\n12,2,2|4|5\n",
    }[header]
    found = read_visit_answers(ukb(tmp_path, f"{header}\n{rows}"), VISITS).table
    assert [name for name in found if name.startswith("p6138")] == [f"p6138_a{a}" for a in range(3)]
    first = found[[f"p6138_a{a}" for a in range(3)]].to_numpy(float)
    np.testing.assert_array_equal(first[0], [1, -7, np.nan])
    np.testing.assert_array_equal(first[2], [2, 4, 5])


def test_fields_are_chosen_by_category(tmp_path, caplog):
    caplog.set_level("INFO")
    found = read_visit_answers(ukb(tmp_path), VISITS, categories=["alcohol", "smoking"])
    assert list(found.table) == ["p1558", "p20116"]
    assert "1 of the 17 fields of alcohol" in caplog.text
    found = read_visit_answers(ukb(tmp_path), VISITS, ["20003"], categories=["alcohol"])
    assert list(found.table) == ["p1558", "p20003_a0", "p20003_a1"]
    with pytest.raises(InputError, match=r"expected fields of diet in .*, it has none of them"):
        read_visit_answers(ukb(tmp_path), VISITS, categories=["diet"])
    # by the plain names of a table with a row for each participant
    path = tmp_path / "plain.tsv"
    path.write_text("IID\tp1558\tother\n11\t2\t1\n12\t3\t2\n")
    plain = read_visit_answers(path, VISITS, categories=["alcohol", "smoking"])
    assert list(plain.table) == ["p1558"]


def test_categories_hold_each_field_once_and_no_bone():
    fields = [field for of in field_categories().values() for field in of]
    assert len(fields) == len(set(fields)) > 200
    assert len(field_categories()) == 16
    rules = InputRules.read()
    assert [f for f in fields if rules.meaning(str(f), rules.refused) is not None] == []
    with pytest.raises(UsageError, match=r"input_categories = died \(expected diet, alcohol, "):
        ResidualOptions(model="transformer", inputs="x", input_categories=("died",))


def test_an_input_is_its_logarithm_once_codes_are_missing(tmp_path):
    text = "IID\tp1160\tx\n11\t-3\t1\n12\t8\t2\n"
    path = tmp_path / "plain.tsv"
    path.write_text(text)
    found = read_visit_answers(path, VISITS, logarithms=["1160", "x"])
    np.testing.assert_allclose(found.table["p1160"], [np.nan, np.nan, np.log(8)])
    np.testing.assert_allclose(found.table["x"], np.log([1, 1, 2]))
    path.write_text(text.replace("\t2\n", "\t0\n"))
    with pytest.raises(InputError, match="logarithm of x: expected values above 0, 1 of 3"):
        read_visit_answers(path, VISITS, logarithms=["x"])
    with pytest.raises(InputError, match="expected y among the answers"):
        read_visit_answers(path, VISITS, logarithms=["y"])
