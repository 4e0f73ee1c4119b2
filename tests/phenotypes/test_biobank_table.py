"""Reading tables of UK Biobank: types, spellings, coded answers, and what is refused."""

import gzip

import numpy as np
import pandas as pd
import pytest
from ukb_tables import PEOPLE, read_all, write_csv

from gwasbone.errors import InputError
from gwasbone.phenotypes.biobank_table import read_biobank_table
from gwasbone.phenotypes.special_codes import SpecialCodes

KINDS = {31: "text", 21003: "number", 41270: "text", 41271: "text", 20003: "text"}


def _plain(table):
    """Values by field, instance and array, whatever the columns are called."""
    cells = {
        (c.field, c.instance, c.array): table.table[c.name].astype(object)
        for columns in table.fields.values()
        for c in columns
    }
    frame = pd.DataFrame(cells)
    return frame.where(frame.notna(), None).sort_index(axis=1)


def test_kinds_and_people(tmp_path):
    ukb = read_all(tmp_path, PEOPLE, kinds=KINDS)
    assert ukb.people.tolist() == ["101", "102", "103", "104", "105"]
    assert ukb.people.name == "person"
    assert ukb.table["21003-2.0"].tolist() == [61, 62, 63, 64, 65]
    assert ukb.table["21003-2.0"].dtype == np.float64
    assert ukb.table["41270-0.0"].dtype == "category"
    assert ukb.table["41270-0.1"].isna().tolist() == [False, True, True, False, True]


def test_only_the_fields_asked_for_are_read(tmp_path):
    ukb = read_all(tmp_path, PEOPLE, kinds={41270: "text", 99: "number"})
    assert list(ukb.table.columns) == ["41270-0.0", "41270-0.1"]
    assert set(ukb.fields) == {41270}


@pytest.mark.parametrize("kinds", [None, KINDS], ids=["guessed", "given"])
def test_spelling_format_and_order_change_nothing(tmp_path, kinds):
    frame = pd.DataFrame(PEOPLE)
    plain = _plain(read_all(tmp_path, PEOPLE, kinds=kinds))
    rap = [
        "eid", "p31", "p21003_i2", "p41270_a0", "p41270_a1", "p41271_a0", "participant.p20003_i0_a0"
    ]  # fmt: skip
    r_style = ["f.eid"] + [f"f.{n.replace('-', '.')}" for n in frame.columns[1:]]
    made = {
        "rap.csv": frame.set_axis(rap, axis=1),
        "r.tsv": frame.set_axis(r_style, axis=1),
        "iid.csv": frame.rename(columns={"eid": "IID"}),
        "turned.csv": frame.iloc[:, ::-1],
        "shuffled.csv": frame.iloc[[3, 0, 4, 1, 2]],
        "packed.csv.gz": frame,
        "table.parquet": frame,
    }
    for name, one in made.items():
        path = tmp_path / name
        if path.suffix == ".parquet":
            one.to_parquet(path, index=False)
        else:
            one.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
        read = _plain(read_biobank_table(path, kinds)).loc[plain.index]
        pd.testing.assert_frame_equal(read, plain, check_dtype=False), name


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path):
    path = tmp_path / "w.csv"
    path.write_bytes(b"\xef\xbb\xbfeid,31-0.0\r\n101,1\r\n102,0\r\n")
    assert read_biobank_table(path, {31: "number"}).table["31-0.0"].tolist() == [1, 0]


def test_a_column_that_is_empty_for_long_keeps_its_codes(tmp_path):
    n = 300_000
    path = tmp_path / "sparse.csv"
    with path.open("w") as file:
        file.write("eid,p41270_a9,p40000\n")
        file.writelines(f"{i},,\n" for i in range(1, n))
        file.write(f"{n},M810,2.5\n")
    ukb = read_biobank_table(path)
    assert ukb.table["p41270_a9"].iloc[-1] == "M810"
    assert float(ukb.table["p40000"].iloc[-1]) == 2.5


def test_coded_answers_are_missing_in_listed_fields_only(tmp_path):
    columns = {
        "eid": [1, 2, 3, 4],
        "p3581_i0": [50, -1, -3, 48],
        "p6138_i0_a0": [1, -7, -3, 2],
        "p23205_i2": [-1.0, -3.0, 0.5, np.nan],
    }
    kinds = {3581: "number", 6138: "text", 23205: "number"}
    ukb = read_all(tmp_path, columns, kinds=kinds)
    assert ukb.table["p3581_i0"].isna().tolist() == [False, True, True, False]
    assert ukb.table["p6138_i0_a0"].astype(object).tolist()[:2] == ["1", "-7"]
    assert ukb.table["p6138_i0_a0"].isna().sum() == 1
    assert ukb.table["p23205_i2"].tolist()[:3] == [-1.0, -3.0, 0.5], "a T-score may be -1 or -3"
    assert ukb.n_coded_missing == {3581: 2, 6138: 1}


def test_codes_of_the_package_table():
    codes = SpecialCodes.read()
    assert codes.missing(21000) == {-1, -3}
    assert codes.uses[6138] == {-1: "missing", -3: "missing", -7: "value"}
    assert codes.uses[1289][-10] == "0.5"
    assert codes.missing(20440) == {-818, -121, -313, -999}
    assert 23204 in codes.measured
    assert 3148 not in codes.uses


def test_own_table_of_coded_answers(tmp_path):
    own = tmp_path / "coded.tsv"
    own.write_text("field\tcode\tuse\n50\t-99\tmissing\n")
    columns = {"eid": [1, 2], "50-0.0": [170, -99]}
    ukb = read_all(tmp_path, columns, kinds={50: "number"}, coded_missing=own)
    assert ukb.table["50-0.0"].isna().tolist() == [False, True]


def test_dates(tmp_path):
    columns = {"eid": [1, 2], "53-2.0": ["2019-05-12", None]}
    for kinds in ({53: "date"}, None):
        ukb = read_all(tmp_path, columns, kinds=kinds)
        assert ukb.table["53-2.0"].iloc[0] == pd.Timestamp("2019-05-12")
        assert pd.isna(ukb.table["53-2.0"].iloc[1])


def test_withdrawn_people_are_left_out_and_counted(tmp_path):
    columns = PEOPLE | {"eid": [101, -2, 103, 104, -1]}
    ukb = read_all(tmp_path, columns, kinds=KINDS)
    assert ukb.people.tolist() == ["101", "103", "104"]
    assert ukb.n_withdrawn == 2
    assert ukb.table["21003-2.0"].tolist() == [61, 63, 64]


def test_first_answer_of_several_visits(tmp_path):
    columns = {"eid": [1, 2, 3], "p31_i0": [None, "1", None], "p31_i1": ["0", "0", None]}
    first = read_all(tmp_path, columns, kinds={31: "text"}).first(31)
    assert first.astype(object).tolist()[:2] == ["0", "1"]
    assert pd.isna(first.iloc[2])


def test_a_person_in_two_rows_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"each participant once .* 1 are there twice or more \(102\)"
    ):
        read_all(tmp_path, PEOPLE | {"eid": [101, 102, 103, 102, 105]}, kinds=KINDS)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_of_the_wrong_type_are_all_named(tmp_path, suffix):
    columns = {
        "eid": ["1", "2"],
        "p50_i0": ["170", "tall"],
        "p21002_i0": ["heavy", None],
        "p48_i0": ["80", "81"],
    }
    path = tmp_path / f"wrong.{suffix}"
    frame = pd.DataFrame(columns)
    frame.to_parquet(path, index=False) if suffix == "parquet" else frame.to_csv(path, index=False)
    with pytest.raises(InputError) as caught:
        read_biobank_table(path, dict.fromkeys((50, 21002, 48), "number"))
    assert "p50_i0 ('tall')" in str(caught.value)
    assert "p21002_i0 ('heavy')" in str(caught.value)
    assert "p48_i0" not in str(caught.value)


def test_numbers_of_a_parquet_file_are_codes_without_a_point(tmp_path):
    path = tmp_path / "n.parquet"
    frame = pd.DataFrame({"eid": [1, 2], "41271-0.0": [7330.0, np.nan]})
    frame.to_parquet(path, index=False)
    ukb = read_biobank_table(path, {41271: "text"})
    assert ukb.table["41271-0.0"].astype(object).tolist()[0] == "7330"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("31-0.0,p50\n1,2\n", r"expected a header with IID or eid .* 31-0.0, p50"),
        ("eid,f.eid,p50\n1,1,2\n", "it has eid and f.eid"),
        ("eid,p50,p50\n1,2,3\n", "repeats p50"),
        ("eid,p50\n1,2\n3\n", "expected 2 fields in every row .* got 1 in line 3"),
        ("eid,p31,31-0.0\n1,2,3\n", "p31 and 31-0.0"),
        ("eid,p31\n,1\n", "IID is missing in row 1"),
    ],
)
def test_what_is_refused(tmp_path, text, said):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_biobank_table(path, {31: "number", 50: "number"})


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_biobank_table(tmp_path / "none.csv")
    path = tmp_path / "bad.parquet"
    path.write_text("eid,p31")
    with pytest.raises(InputError, match="expected a Parquet file"):
        read_biobank_table(path, {31: "number"})
    path = tmp_path / "bad.csv.gz"
    path.write_bytes(gzip.compress(b"eid,p31\n1,2\n")[:-9])
    with pytest.raises(InputError, match="cannot be read"):
        read_biobank_table(path, {31: "number"})


def test_people_named_by_family_and_own_id(tmp_path):
    path = write_csv(tmp_path, {"FID": ["a", "b"], "IID": ["1", "1"], "p31": [0, 1]})
    assert read_biobank_table(path, id_rule="fid_iid").people.tolist() == ["a_1", "b_1"]
