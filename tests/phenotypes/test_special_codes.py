"""Special negative codes become missing, or a number, by field; unknown ones are named."""

import numpy as np
import pandas as pd
import pytest
from ukb_tables import read_all

from gwasbone.errors import InputError
from gwasbone.learning.questionnaire import encode_table
from gwasbone.learning.visit_answers import biobank_answers
from gwasbone.phenotypes.biobank_table import read_biobank_table
from gwasbone.phenotypes.special_codes import SpecialCodes

CODES = SpecialCodes.read()


@pytest.mark.parametrize("kind", ["float64", "Int64", "text", "floats as text", "category"])
def test_codes_are_met_however_the_column_is_stored(kind):
    values = pd.Series([2, -10, -1, -3, 4, 3])
    column = {
        "float64": values.astype(float), "Int64": values.astype("Int64"),
        "text": values.astype(str),
        "floats as text": values.astype(float).astype(str),
        "category": values.astype(str).astype("category"),
    }[kind]  # fmt: skip
    made = CODES.recode(1488, column)
    assert (made.n_missing, made.n_replaced, made.unknown) == (2, 1, {})
    numbers = pd.to_numeric(made.values.astype(object))
    np.testing.assert_array_equal(numbers.to_numpy(float), [2, 0.5, np.nan, np.nan, 4, 3])


@pytest.mark.parametrize(
    ("field", "code", "becomes"),
    [
        (1160, -3, np.nan), (1160, -1, np.nan), (3581, -3, np.nan), (864, -2, 0.0),
        (1070, -10, 0.5),
        (845, -2, np.nan), (6138, -7, -7.0), (20116, -3, np.nan), (20110, -13, np.nan),
        (20110, -17, -17.0), (20440, -818, np.nan), (22607, -131, -131.0), (189, -3, -3.0),
        (22000, -11, -11.0), (4230, -8, -8.0), (20007, -1, np.nan),
    ],
)  # fmt: skip
def test_what_codes_of_single_fields_become(field, code, becomes):
    made = CODES.recode(field, pd.Series([5.0, code]))
    np.testing.assert_array_equal(made.values.to_numpy(float), [5.0, becomes])
    assert made.unknown == {}


def test_unknown_negative_numbers_are_named_and_kept(tmp_path, caplog):
    columns = {"eid": [1, 2, 3, 4], "p99999_i0": [3, -3, -3, -818], "p99998_i0": [0.5, -1.5, 2, -3]}
    table = read_all(tmp_path, columns, kinds={99999: "number", 99998: "number"}).table
    assert table["p99999_i0"].tolist() == [3, -3, -3, -818]
    assert "p99999_i0 (-818 in 1, -3 in 2)" in caplog.text
    assert "p99998" not in caplog.text, "fractions are measured"


def test_a_wrong_table_of_codes_is_refused_with_its_rows(tmp_path):
    path = tmp_path / "own.tsv"
    path.write_text(
        "field\tcode\tuse\n50\t-9\tmissing\n51-\t-9\tmissing\n52\tx\tvalue\n53\t-1\tno\n"
    )
    with pytest.raises(InputError, match=r"row 2: 51- -9 missing; row 3: 52 x value; row 4: 53 -1"):
        SpecialCodes.read(path)


def test_special_answers_are_missing_inputs_of_the_network(caplog):
    rng = np.random.default_rng(11)
    hours = rng.choice(np.arange(2.0, 16), 500)
    hours[:15], hours[15:25] = -3, -1
    table = pd.DataFrame(
        {"p1160": hours, "x": rng.normal(size=500), "p99999": rng.normal(size=500)}
    )
    table["p99999"] = np.where(np.arange(500) < 3, -818, rng.integers(0, 40, 500))
    encoded = encode_table(table)
    assert np.isnan(encoded.inputs["p1160"]).sum() == 25
    assert np.nanmin(encoded.inputs["p1160"]) > -2
    assert "p99999 (-818 in 3)" in caplog.text


@pytest.mark.parametrize("constant", [0.1, 1 / 3])
def test_an_input_that_is_constant_but_for_rounding_is_dropped(constant):
    noise = np.arange(-5, 45) * np.spacing(constant)
    encoded = encode_table(pd.DataFrame({"flat": constant + noise, "x": np.arange(50) / 7}))
    assert encoded.dropped == ("flat",)


@pytest.mark.real
def test_special_codes_of_the_cases(shared_data):
    folder = shared_data / "cases/images-and-records/24-special-codes"
    table = read_biobank_table(folder / "q.csv")
    expected = {3581: 2, 2714: 2, 1289: 2, 1488: 2, 1070: 2, 845: 3, 1160: 2, 20116: 1, 6138: 1}
    assert dict(table.n_coded_missing) == expected
    assert table.table[["1289-0.0", "1488-0.0", "1070-0.0"]].min().tolist() == [0.5] * 3
    multiple = read_biobank_table(folder / "multi.csv", {6138: "text", 6164: "text"})
    visits = pd.DataFrame({"instance": 2}, index=multiple.people)
    answers = biobank_answers(multiple, visits).table
    assert list(answers) == [f"p6138_a{a}" for a in range(4)] + [f"p6164_a{a}" for a in range(8)]
    assert max(encode_table(answers).categorical.values()) <= 8


def test_dates_have_no_codes():
    dates = pd.Series(pd.to_datetime(["1900-01-01", "2001-02-03", None]))
    found = SpecialCodes({40000: {-1.0: "missing"}}, frozenset()).recode(40000, dates)
    assert found.values is dates
    assert (found.n_missing, found.n_replaced, found.unknown) == (0, 0, {})


def test_a_listed_code_may_be_positive():
    codes = SpecialCodes({1: {99.0: "missing", 0.0: "0.5"}}, frozenset())
    for column in (pd.Series([99.0, 0, 3]), pd.Series(["99", "0", "3"], dtype=object)):
        found = codes.recode(1, column)
        assert (found.n_missing, found.n_replaced) == (1, 1)
        assert pd.to_numeric(found.values).tolist()[1:] == [0.5, 3]
        assert pd.isna(found.values.iloc[0])


def test_minus_nine_is_no_suspect_of_special_codes():
    found = SpecialCodes.read().recode(999_999, pd.Series([-9.0, -1.0, 4.0]))
    assert dict(found.unknown) == {-1: 1}
