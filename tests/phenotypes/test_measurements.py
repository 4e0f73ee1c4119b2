"""Measurements by assessment: averaging within a visit, rows, and what is refused."""

import logging

import numpy as np
import pandas as pd
import pytest
from ukb_tables import read_all

from gwasbone.errors import InputError
from gwasbone.phenotypes.measurements import (
    assessments,
    bmd_measurements,
    left_right_pairs,
    needed_kinds,
    per_person,
)

HEADER = "name\tfield\tregion\tside\tmeaning\n"
COLUMNS = {
    "eid": [1, 2, 3],
    "p31": [0, 1, 0],
    "p21003_i2": [60, 70, 50],
    "p21003_i3": [63, None, None],
    "p21002_i2": [55.0, 80.0, 60.0],
    "p21002_i3": [57.0, None, None],
    "p21000_i0": [1001, -3, 4001],
    "p21000_i2": [None, 1002, None],
    "p100_i2_a0": [1.0, 0.8, None],
    "p100_i2_a1": [1.2, None, None],
    "p100_i3_a0": [0.9, None, None],
    "p200_i2": [0.5, None, None],
}


@pytest.fixture
def measurements(tmp_path):
    path = tmp_path / "measurements.tsv"
    path.write_text(HEADER + "hip\t100\thip\tnone\tHip\narm\t200\tarm\tnone\tArm\n")
    return bmd_measurements(path)


def _long(tmp_path, columns, measurements, **how):
    ukb = read_all(tmp_path, columns, kinds=needed_kinds(measurements))
    return assessments(ukb, measurements, **how)


def test_the_packages_measurements():
    table = bmd_measurements()
    assert len(table) == 25
    assert table["name"].is_unique
    assert table["field"].is_unique
    assert set(table["side"]) == {"left", "right", "none"}
    assert table.set_index("name").loc[["bmd_spine_l1_l4", "bmd_total"], "field"].tolist() == [
        23204, 23236,
    ]  # fmt: skip
    pairs = left_right_pairs(table)
    assert ("bmd_femur_neck_left", "bmd_femur_neck_right") in pairs
    assert len(pairs) == 8


def test_one_row_per_visit_values_of_a_visit_averaged(tmp_path, measurements):
    long = _long(tmp_path, COLUMNS, measurements)
    assert long.index.tolist() == [("1", 2), ("1", 3), ("2", 2)], "person 3 was not measured"
    assert long.index.names == ["person", "instance"]
    assert long["hip"].tolist() == pytest.approx([1.1, 0.9, 0.8])
    np.testing.assert_array_equal(long["arm"], [0.5, np.nan, np.nan])
    assert long["age"].tolist() == [60, 63, 70], "of the same visit"
    assert long["weight"].tolist() == [55, 57, 80]
    assert long["sex"].tolist() == [0, 0, 1]
    assert long["ethnicity"].tolist() == ["1001", "1001", "1002"]
    assert "height" not in long
    assert "0 = female" in long.attrs["sex_coding"]


def test_order_of_rows_and_columns_changes_nothing(tmp_path, measurements):
    long = _long(tmp_path, COLUMNS, measurements)
    turned = {name: values[::-1] for name, values in reversed(COLUMNS.items())}
    again = _long(tmp_path, turned, measurements)
    pd.testing.assert_frame_equal(again.loc[long.index], long)


def test_sex_in_words(tmp_path, measurements):
    columns = COLUMNS | {"p31": ["Female", "Male", "Female"]}
    assert _long(tmp_path, columns, measurements)["sex"].tolist() == [0, 0, 1]
    with pytest.raises(InputError, match=r"got '2' \(person 2\)"):
        _long(tmp_path, COLUMNS | {"p31": [0, 2, 1]}, measurements)


def test_absent_measurements(tmp_path, measurements, caplog):
    columns = {name: values for name, values in COLUMNS.items() if name != "p200_i2"}
    with pytest.raises(InputError, match=r"it lacks arm \(200\)"):
        _long(tmp_path, columns, measurements)
    with caplog.at_level(logging.WARNING):
        long = _long(tmp_path, columns, measurements, skip_absent=True)
    assert "arm" not in long
    assert "arm (200)" in caplog.text


def test_age_is_needed(tmp_path, measurements):
    columns = {name: values for name, values in COLUMNS.items() if "21003" not in name}
    with pytest.raises(InputError, match="fields 21003 are not there"):
        _long(tmp_path, columns, measurements)


def test_columns_without_any_value(tmp_path, measurements):
    columns = COLUMNS | {"p200_i2": [None, None, None]}
    with pytest.raises(InputError, match="all are missing of arm: leave them out"):
        _long(tmp_path, columns, measurements)
    nobody = {n: [None] * 3 if n.startswith(("p100", "p200")) else v for n, v in columns.items()}
    with pytest.raises(InputError, match="nobody has any value"):
        _long(tmp_path, nobody, measurements)


def test_means_per_person(tmp_path, measurements):
    people = per_person(_long(tmp_path, COLUMNS, measurements), ["hip"])
    assert people.index.tolist() == ["1", "2"]
    assert people["n_assessments"].tolist() == [2, 1]
    assert people["hip"].tolist() == pytest.approx([1.0, 0.8])
    assert people["age"].tolist() == [61.5, 70]


def test_the_table_survives_parquet(tmp_path, measurements):
    long = _long(tmp_path, COLUMNS, measurements)
    long.to_parquet(tmp_path / "long.parquet")
    back = pd.read_parquet(tmp_path / "long.parquet")
    pd.testing.assert_frame_equal(back, long)
    assert back.attrs["sex_coding"] == long.attrs["sex_coding"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\tfield\nhip\t1\n", "region, side, meaning missing"),
        (HEADER, "there is no row"),
        (HEADER + "a\t1\tx\tnone\t\na\t1\tx\tnone\t\n", "name a is there twice; field 1 is there"),
        (HEADER + "a\tx\tx\tmiddle\t\n", "field 'x' is no number; side 'middle' is none of"),
        (HEADER + "a_left\t1\tx\tleft\t\n", "a has one side only"),
    ],
)
def test_wrong_files_of_measurements(tmp_path, text, said):
    path = tmp_path / "m.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        bmd_measurements(path)
