"""Names of columns by field number, in every spelling."""

import pytest

from gwasbone.errors import InputError
from gwasbone.phenotypes.fields import field_columns, names_sex, parse_field_column


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("21003-2.0", (21003, 2, 0)),
        ("p21003_i2", (21003, 2, 0)),
        ("f.21003.2.0", (21003, 2, 0)),
        ("f_21003_2_0", (21003, 2, 0)),
        ("participant.p41270_a12", (41270, 0, 12)),
        ("p20003_i1_a4", (20003, 1, 4)),
        ("p31", (31, 0, 0)),
        ("31", (31, 0, 0)),
        ("P31_I0_A0", (31, 0, 0)),
    ],
)
def test_spellings(name, cell):
    column = parse_field_column(name)
    assert (column.field, column.instance, column.array) == cell
    assert column.name == name


@pytest.mark.parametrize("name", ["eid", "sex", "p31_x", "31-0", "31.0.0", "PC1", "bmd_2", "p", ""])
def test_what_is_no_field(name):
    assert parse_field_column(name) is None


def test_columns_are_ordered_by_visit_and_number_not_by_name():
    columns = field_columns(["p20003_i0_a10", "p20003_i1_a0", "eid", "p20003_i0_a2"])
    assert [c.name for c in columns[20003]] == ["p20003_i0_a2", "p20003_i0_a10", "p20003_i1_a0"]


def test_two_names_of_one_cell_are_refused_all_at_once():
    names = ["31-0.0", "p31", "f.50.1.0", "p50_i1", "p50_i2"]
    with pytest.raises(InputError, match=r"31-0.0 and p31, f.50.1.0 and p50_i1: leave one"):
        field_columns(names)


@pytest.mark.parametrize(
    ("name", "is_sex"),
    [
        ("sex", True), ("Sex", True), ("sex01", True), ("genetic_sex", True), ("31-0.0", True),
        ("p31", True), ("f.22001.0.0", True), ("male", True), ("essex", False), ("age", False),
        ("131-0.0", False), ("sexton_score", False),
    ],
)  # fmt: skip
def test_sex_is_known_by_its_names(name, is_sex):
    assert names_sex(name) is is_sex
