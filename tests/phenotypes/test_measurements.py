"""Measurements by assessment: averaging within a visit, rows, and what is refused."""

import logging

import numpy as np
import pandas as pd
import pytest
from ukb_tables import read_all

from gwasbone.errors import InputError
from gwasbone.phenotypes.biobank_table import read_biobank_table
from gwasbone.phenotypes.bone_density import make_bmd
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
    with pytest.raises(InputError, match=r"got '2' \(participant 2\)"):
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


def test_columns_without_any_value(tmp_path, measurements, caplog):
    columns = COLUMNS | {"p200_i2": [None, None, None]}
    long = _long(tmp_path, columns, measurements)
    assert "arm" not in long
    assert long["hip"].tolist() == pytest.approx([1.1, 0.9, 0.8])
    assert f"left out: arm: no participant of {tmp_path}/ukb.csv has a value" in caplog.text
    nobody = {n: [None] * 3 if n.startswith(("p100", "p200")) else v for n, v in columns.items()}
    with pytest.raises(InputError, match="no participant has any value"):
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


@pytest.mark.parametrize("odd", [-9.0, 0.0, 9999.0, np.inf])
def test_densities_that_cannot_be_are_set_aside_and_counted(tmp_path, caplog, odd):
    columns = {
        "eid": [1, 2, 3, 4], "p31": [0, 1, 0, 1], "p21003_i2": [60, 70, 50, 200],
        "p23204_i2": [1.1, odd, 0.9, 1.0], "p23225_i2": [0.8, 0.7, 0.75, 0.72],
    }  # fmt: skip
    path = tmp_path / "two.tsv"
    path.write_text(HEADER + "spine\t23204\tspine\tnone\tSpine\narms\t23225\tarm\tnone\tArms\n")
    with caplog.at_level(logging.INFO):
        long = _long(tmp_path, columns, bmd_measurements(path))
    assert long["spine"].isna().tolist() == [False, True, False, False]
    assert long["age"].isna().tolist() == [False, False, False, True]
    said = f"1 values of spine outside 0.01 to 5 are set aside as missing: {odd:g}"
    if odd == -9:  # of every table
        said = "-9 taken as missing in p23204_i2 (1)"
    assert said in caplog.text
    assert "1 values of age outside 0 to 130 are set aside as missing: 200" in caplog.text


def test_own_bounds_hold_and_fields_without_any_have_none(tmp_path):
    path = tmp_path / "own.tsv"
    path.write_text(
        HEADER.rstrip() + "\tminimum\tmaximum\n"
        "spine\t23204\tspine\tnone\tSpine\t0.5\t\nscore\t100\tspine\tnone\tT-score\t\t\n"
    )
    own = bmd_measurements(path).set_index("name")
    assert own.loc["spine", ["minimum", "maximum"]].tolist() == [0.5, 5]
    assert own.loc["score", ["minimum", "maximum"]].isna().all()
    path.write_text(HEADER.rstrip() + "\tminimum\nspine\t23204\tspine\tnone\tSpine\tlow\n")
    with pytest.raises(InputError, match="numbers or nothing in column minimum, got 'low'"):
        bmd_measurements(path)


@pytest.mark.real
@pytest.mark.parametrize(("name", "n"), [("minus9", 11), ("zeros", 11), ("n9999", 11), ("inf", 1)])
def test_impossible_densities_of_the_cases(shared_data, name, n):
    folder = shared_data / "cases/images-and-records/25-bmd-table"
    two = bmd_measurements(folder / "two.tsv")
    ukb = read_biobank_table(folder / f"{name}.csv", needed_kinds(two))
    long = assessments(ukb, two)
    raw = pd.read_csv(folder / f"{name}.csv")["p23204_i2"].to_numpy()
    odd = (raw <= 0) | (raw > 5)
    assert odd.sum() == n
    assert long["bmd_spine_l1_l4"].isna().tolist() == odd.tolist()
    assert long["bmd_spine_l1_l4"].between(0.3, 2).sum() == len(raw) - n


@pytest.mark.real
@pytest.mark.parametrize("name", ["constant", "constant01"])
def test_constant_densities_of_the_cases_are_left_out_by_name(shared_data, name, caplog):
    folder = shared_data / "cases/images-and-records/25-bmd-table"
    two = bmd_measurements(folder / "two.tsv")
    ukb = read_biobank_table(folder / f"{name}.csv", needed_kinds(two))
    bmd = make_bmd(ukb, two)
    assert "left out: bmd_spine_l1_l4: expected at least two different values" in caplog.text
    assert not any(str(column).startswith("bmd_spine") for column in bmd.people)
    assert bmd.people.filter(like="_std").notna().all(axis=None)


@pytest.mark.parametrize(
    ("arm", "left_out"),
    [
        ([0.5, None, 0.5, 0.5], "arm"),  # one value
        ([None, None, None, None], "arm"),  # none
        ([0.4, 0.6, 0.5, 0.5], "arm"),  # two, but one a participant
        ([0.5, None, 0.6, 0.5], None),
    ],
)
def test_a_constant_measurement_is_left_out_and_the_others_go_on(
    tmp_path, measurements, caplog, arm, left_out
):
    columns = {
        "eid": [1, 2, 3], "p31": [0, 1, 0],
        "p21003_i2": [60, 70, 50], "p21003_i3": [63, None, None],
        "p100_i2": [1.0, 0.8, 0.9], "p100_i3": [1.2, None, None],
        "p200_i2": [arm[0], arm[2], arm[3]], "p200_i3": [arm[1], None, None],
    }  # fmt: skip
    bmd = make_bmd(read_all(tmp_path, columns, kinds=needed_kinds(measurements)), measurements)
    # hip by hand: 1.1, 0.8, 0.9 have mean 0.9333 and SD 0.15275
    assert bmd.people["hip_std"].tolist() == pytest.approx([1.0911, -0.8729, -0.2182], abs=1e-4)
    assert ("arm" in bmd.people) == (left_out is None)
    assert ("left out: arm: " in caplog.text) == (left_out is not None)


def test_no_measurement_that_varies_is_an_error(tmp_path, measurements):
    columns = {
        "eid": [1, 2], "p31": [0, 1], "p21003_i2": [60, 70], "p100_i2": [1, 1], "p200_i2": [2, 2]
    }  # fmt: skip
    with pytest.raises(InputError, match="measurements of at least two different values, hip, arm"):
        make_bmd(read_all(tmp_path, columns, kinds=needed_kinds(measurements)), measurements)
