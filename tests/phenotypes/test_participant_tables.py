"""One table of participants in every form that people have, and codes of missing values."""

from __future__ import annotations

import bz2
import gzip
import logging
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwasbone.errors import InputError, OptionError
from gwasbone.phenotypes.biobank_table import read_biobank_table
from gwasbone.phenotypes.confounders import read_assessments
from gwasbone.phenotypes.missing_codes import drop_missing_codes
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.participants import plain_ids
from gwasbone.phenotypes.sex import read_sexes
from gwasbone.phenotypes.table import (
    column_names,
    expand_names,
    pick_columns,
    read_people_table,
    warn_of_few_matches,
)

HEADERS = ["IID", "#IID", "iid", "eid", "EID", '"eid"', "f.eid", "n_eid", "x.eid", "Participant ID"]
SEPARATORS = ["\t", ",", ";", " "]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "latin-1"]


def spelled(ids, how):
    return [f"{i}.0" if how == "decimal" else f'"{i}"' if how == "quoted" else str(i) for i in ids]


@settings(max_examples=60, deadline=None)
@given(
    ids=st.lists(st.integers(1, 9_999_999), min_size=1, max_size=6, unique=True),
    how=st.sampled_from(["plain", "decimal", "quoted"]),
    header=st.sampled_from(HEADERS),
    separator=st.sampled_from(SEPARATORS),
    encoding=st.sampled_from(ENCODINGS),
    line_break=st.sampled_from(["\n", "\r\n", "\r"]),
    trailing=st.booleans(),
)  # fmt: skip
def test_ids_headers_and_encodings_give_the_same_table(
    tmp_path_factory, ids, how, header, separator, encoding, line_break, trailing
):
    if separator == " " and " " in header:
        header = "IID"
    path = tmp_path_factory.mktemp("t") / "t.txt"
    rows = [[header, "bmd", "centre"]]
    rows += [[i, f"{0.5 + k}", "Malmö"] for k, i in enumerate(spelled(ids, how))]
    end = separator if trailing and separator != " " else ""
    text = line_break.join(separator.join(row) + end for row in rows) + line_break
    path.write_bytes(text.encode(encoding))
    table = read_people_table(path)
    assert table.index.tolist() == [str(i) for i in ids]
    assert table.columns.tolist() == ["bmd", "centre"]
    assert table["bmd"].tolist() == [0.5 + k for k in range(len(ids))]
    assert set(table["centre"]) == {"Malmö"}
    # the reader of a biobank's tables, which reads columns by Arrow, agrees
    biobank = read_biobank_table(path)
    assert biobank.people.tolist() == table.index.tolist()
    assert biobank.table["bmd"].tolist() == table["bmd"].tolist()
    assert biobank.table["centre"].astype(str).tolist() == table["centre"].tolist()


@pytest.mark.parametrize("name", ["t.tsv.gz", "t.tsv", "t.bz2", "t.xz", "t.zip", "t.zst", "not.gz"])
def test_a_compressed_table_is_known_by_its_bytes_and_not_its_name(tmp_path, name):
    text = b"IID\tx\na\t1\n"
    path = tmp_path / name
    if name == "not.gz":
        path.write_bytes(text)
    elif name.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("t.tsv", text)
    elif name.endswith("zst"):
        import zstandard

        path.write_bytes(zstandard.compress(text))
    else:
        pack = {"t.bz2": bz2.compress, "t.xz": lzma.compress}.get(name, gzip.compress)
        path.write_bytes(pack(text))
    assert read_people_table(path)["x"].tolist() == [1]
    assert read_biobank_table(path).table["x"].tolist() == [1]
    assert column_names([path]) == {"IID", "x"}


def test_a_table_that_grows_beyond_the_limit_is_refused_and_the_limit_can_be_raised(tmp_path):
    rows = b"a" * 1000 + b"\t1\n"
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"IID\tx\n" + rows * 3))
    small = TableReading(max_table_gb=2e-6)
    for read in (read_people_table, read_biobank_table, read_assessments):
        with pytest.raises(InputError, match=r"2e-06 GB of text .* raise --max-table-gb"):
            read(tmp_path / "t.gz", reading=small)
    assert len(read_assessments(tmp_path / "t.gz", reading=TableReading(max_table_gb=1e-5))) == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('IID\tnote\ty\nS1\tok\t1\nS2\t"fell\t2\nS3\tagain"\t3\n', 3),
        ('IID,y,note\nS1,1,"fell\nagain"\n', 2),
        ('IID y note\nS1 1 "fell\nS2 2 ok\n', 2),
        ('IID,y\nS1,5" tall\n', 2),
    ],
)
def test_a_line_break_within_a_field_is_refused_with_its_line(tmp_path, text, line):
    (tmp_path / "t.txt").write_text(text)
    for read in (read_people_table, read_biobank_table, read_assessments):
        with pytest.raises(InputError, match=f"quotation mark is left open in line {line}"):
            read(tmp_path / "t.txt")


def test_names_of_columns_are_read_from_the_header_alone(tmp_path):
    for encoding in ENCODINGS:
        text = 'IID\tMalmö\nS1\t"fell\n'
        (tmp_path / "t.tsv").write_bytes(text.encode(encoding))
        assert column_names([tmp_path / "t.tsv"]) == {"IID", "Malmö"}


def test_quoted_fields_and_quotation_marks_within_a_line_stay(tmp_path):
    (tmp_path / "t.csv").write_text('IID,y,note\n"S1",1,"a ""hip"", broken"\nS2,2,\n')
    table = read_people_table(tmp_path / "t.csv")
    assert table["note"].tolist()[0] == 'a "hip", broken'
    assert table["y"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("bytes_", "words"),
    [
        (b"PAR1....", "a Parquet file"),
        (b"ARROW1..", r"Arrow \(Feather\)"),
        (b"IID,x\na\0b,1\n", "holds binary data"),
        ("IID,x\n".encode("utf-16-le"), "without a byte-order mark"),
        (gzip.compress(b"IID,x\na,1\n", mtime=0)[:-4], "damaged or cut short"),
        (b"PK\x03\x04nothing", "damaged or cut short"),
    ],
)
def test_what_is_no_table_of_text_is_named(tmp_path, bytes_, words):
    (tmp_path / "t.csv").write_bytes(bytes_)
    with pytest.raises(InputError, match=words):
        read_people_table(tmp_path / "t.csv")


def test_tables_of_other_programs(tmp_path, caplog):
    def read(text, name="t.txt", **how):
        (tmp_path / name).write_text(text)
        return read_people_table(tmp_path / name, **how)

    r = read('"IID" "y"\n"1" "S1" 9.7\n"2" "S2" NA\n')  # R's row names
    assert r.index.tolist() == ["S1", "S2"]
    assert r.columns.tolist() == ["y"]
    mixed = read("FID IID\ty age\nF S1\t1 50\n")  # blanks and tabs
    assert mixed.columns.tolist() == ["y", "age"]
    assert read("# made by hand\n\nIID\ty\nS1\t1\n").index.tolist() == ["S1"]
    plain = read("F1 S1 1.5 2\nF2 S2 NA 3\n", id_rule="fid_iid")  # PLINK's, without a header
    assert plain.columns.tolist() == ["PHENO1", "PHENO2"]
    assert plain.index.tolist() == ["F1_S1", "F2_S2"]
    assert read("F1 S1 1.5\n", unnamed="COVAR").columns.tolist() == ["COVAR1"]
    assert "no header, so its columns are called FID, IID, COVAR1" in caplog.text
    fam = read("F S1 0 0 1 -9\nF S2 0 0 0 2\n", "t.fam")
    assert fam["sex"].tolist()[0] == 1
    assert np.isnan(fam["sex"]).tolist() == [False, True]
    assert fam["PHENO1"].isna().tolist() == [True, False]
    with pytest.raises(InputError, match="first line has S1, 1"):
        read("S1,1\nS2,2\n")


def test_a_participant_may_be_called_na(tmp_path):
    (tmp_path / "t.tsv").write_text("FID\tIID\tx\n0\tNA\t1\n0\tnan\tNA\n")
    table = read_people_table(tmp_path / "t.tsv")
    assert table.index.tolist() == ["NA", "nan"]
    assert table["x"].isna().tolist() == [False, True]


@pytest.mark.parametrize("form", ["text", "parquet", "index", "unnamed index", "spark", "float"])
def test_ids_of_text_and_parquet_meet(tmp_path, form):
    frame = pd.DataFrame({"eid": [1000001, 1000002], "bmd": [1.5, 2.5]})
    path = tmp_path / "t.parquet"
    if form == "text":
        path = tmp_path / "t.csv"
        frame.assign(eid=frame["eid"].astype(float)).to_csv(path, index=False)
        assert "1000001.0" in path.read_text()
    elif form == "spark":
        path.mkdir()
        frame.iloc[:1].to_parquet(path / "part-00000.snappy.parquet")
        frame.iloc[1:].to_parquet(path / "part-00001.snappy.parquet")
        (path / "_SUCCESS").touch()
    elif form.endswith("index"):
        named = frame.set_index("eid")
        (named if form == "index" else named.rename_axis(None)).to_parquet(path)
    else:
        frame.astype({"eid": float if form == "float" else int}).to_parquet(path)
    table = read_people_table(path)
    assert table.index.tolist() == ["1000001", "1000002"]
    assert table["bmd"].tolist() == [1.5, 2.5]
    assert "bmd" in column_names([path])


def test_types_of_parquet_are_those_of_text(tmp_path):
    import decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "IID": pa.array([b"a", b"b"]),
        "decimal": pa.array([decimal.Decimal("1.250"), None]),
        "nothing": pa.nulls(2),
        "bool": pa.array([True, False]),
        "large": pa.array(["x", "y"], pa.large_string()),
        "words": pa.array(["x", "y"]).dictionary_encode(),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read_people_table(tmp_path / "t.parquet")
    assert table.index.tolist() == ["a", "b"]
    assert table["decimal"].tolist()[0] == 1.25
    assert table["nothing"].isna().all()
    assert table["bool"].tolist() == [1, 0]
    assert table["large"].tolist() == table["words"].tolist() == ["x", "y"]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match=r"Parquet file in .*bad.parquet, it cannot be read"):
        read_people_table(tmp_path / "bad.parquet")


# --- codes of missing values ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ([-2.5, -9, 0.3], [1]),  # a T-score
        ([-9, 20, 30], [0]),  # pack years
        ([-9, 0, 1, 2], [0]),  # a case-control trait
        ([-9, -8, 3], []),  # whole numbers around -9
        ([-10, -9, 3], []),
        ([-9, -8, 3.5], [0]),  # not all whole
        (["a", "-9", "b"], [1]),
        (["-9", "-8", "3"], []),
    ],
)
def test_minus_nine_is_missing_unless_it_stands_among_its_neighbours(values, missing):
    table = drop_missing_codes(pd.DataFrame({"x": values}), where="t")
    assert np.flatnonzero(table["x"].isna()).tolist() == missing


def test_the_rule_holds_in_every_reader_and_is_counted(tmp_path, caplog):
    path = tmp_path / "t.tsv"
    path.write_text(
        "IID\tinstance\tbmd\t23204-2.0\ttext\n1\t2\t-9\t-9.0\tx\n2\t2\t1.1\t0.9\t-9\n3\t2\t0.8\t1\ty\n"
    )
    with caplog.at_level(logging.INFO):
        people = read_people_table(path)
    assert f"{path}: -9 taken as missing in bmd (1), 23204-2.0 (1), text (1); --mis" in caplog.text
    assert people.attrs["n_missing_codes"] == {"bmd": 1, "23204-2.0": 1, "text": 1}
    biobank = read_biobank_table(path).table
    of_fields = read_biobank_table(path, {23204: "number"}).table
    assessments = read_assessments(path)
    for table in (people, biobank, assessments):
        assert table["bmd"].isna().tolist() == [True, False, False]
        assert table["text"].isna().tolist() == [False, True, False]
    for table in (people, biobank, of_fields, assessments):
        assert table["23204-2.0"].isna().tolist() == [True, False, False]
    for read in (read_people_table, read_biobank_table, read_assessments):
        raw = read(path, reading=TableReading(missing_codes=("none",)))
        raw = getattr(raw, "table", raw)
        assert raw["bmd"].tolist() == [-9, 1.1, 0.8]


def test_named_codes_are_missing_in_every_column_and_leave_numbers(tmp_path):
    (tmp_path / "t.csv").write_text("IID,x,y\n1,-99,3\n2,unknown,-99\n3,5,-9\n")
    reading = TableReading(missing_codes=("-99", "unknown"))
    table = read_people_table(tmp_path / "t.csv", reading=reading)
    assert table["x"].dtype == np.float64
    assert table["x"].tolist()[2] == 5
    assert table["x"].isna().sum() == 2
    assert table["y"].tolist()[2] == -9  # the list replaces the rule
    with pytest.raises(OptionError, match="expected auto, none, or a list of codes"):
        TableReading(missing_codes=("none", "-9"))


def test_the_genotyping_batch_minus_nine_is_a_batch():
    table = drop_missing_codes(pd.DataFrame({"22000-0.0": [-9, -1, 5], "x": [-9, -1, 5]}), where="")
    assert table["22000-0.0"].tolist() == [-9, -1, 5]
    assert table["x"].isna().tolist() == [True, False, False]


# --- sex ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        (["Male", "male", "F", "Female", None], [1, 1, 2, 2, 0]),
        ([0, 1, 1], [2, 1, 1]),  # UK Biobank
        ([1, 2, np.nan], [1, 2, 0]),  # PLINK
        ([0.0, 1.0, 2.0], [0, 1, 2]),
        (["2", "1", "-9"], [2, 1, 0]),
        (["1.0", "0.0", ""], [1, 2, 0]),
        ([True, False], [1, 2]),
        ([-9, 1], [0, 1]),
    ],
)
def test_sex_is_read_in_every_usual_spelling(values, codes):
    assert read_sexes(pd.Series(values), where="column sex").codes.tolist() == codes


def test_another_spelling_of_sex_is_refused():
    with pytest.raises(
        InputError,
        match=r"in column sex of t.tsv, got '3' \(participant 0\), 'x' \(participant 1\):",
    ):
        read_sexes(pd.Series(["3", "x", "1"]), where="column sex of t.tsv")


# --- names ----------------------------------------------------------------------------------------


def test_many_names_cost_little_and_make_a_short_message():
    names = [f"y{i}" for i in range(30_000)]
    assert expand_names(",".join(names)) == names
    table = pd.DataFrame({"y0": [1.0]}, index=["a"])
    with pytest.raises(InputError) as error:
        pick_columns({"t.tsv": table}, names)
    assert len(str(error.value)) < 2_000
    assert str(error.value).endswith("and 29,994 columns more")


def test_a_range_without_end_is_refused():
    from gwasbone.errors import UsageError

    with pytest.raises(UsageError, match=r"at most 100,000 columns, y1-y999999999 has 999,999,999"):
        expand_names("y1-y999999999")


# --- matching the genotypes -----------------------------------------------------------------------


@pytest.mark.parametrize(("n_common", "warned"), [(4, True), (5, False)])
def test_few_participants_in_common_are_warned_of(caplog, n_common, warned):
    table = pd.Index([str(i) for i in range(10)])
    warn_of_few_matches(table, pd.Index([str(i) for i in range(n_common)]), where="t.tsv")
    said = "only 4 of the 10 participants of t.tsv are in the genotypes" in caplog.text
    assert said == warned


def test_a_separator_at_the_end_of_rows_alone_is_no_field(tmp_path):
    for separator in "\t,;":
        (tmp_path / "t.txt").write_text("IID,y\nS1,1,\nS2,2,\n".replace(",", separator))
        table = read_people_table(tmp_path / "t.txt")
        assert table["y"].tolist() == [1, 2]
        (tmp_path / "t.txt").write_text("IID,y\nS1,1,3\n".replace(",", separator))
        with pytest.raises(InputError, match="expected 2 fields in every row"):
            read_people_table(tmp_path / "t.txt")


def test_decimal_ids_are_whole_numbers_only_where_all_are():
    assert plain_ids(pd.Series(["1000001.0", "7", None])).tolist()[:2] == ["1000001", "7"]
    for others in ("S1", "7.5"):
        assert plain_ids(pd.Series(["1000001.0", others])).tolist() == ["1000001.0", others]


def test_iid_goes_before_the_ids_of_a_biobank(tmp_path):
    (tmp_path / "t.tsv").write_text("eid\tIID\ty\n1\tS1\t5\n2\tS2\t6\n")
    assert read_people_table(tmp_path / "t.tsv").index.tolist() == ["S1", "S2"]
    (tmp_path / "t.tsv").write_text("eid\tn_eid\ty\n1\t1\t5\n")
    with pytest.raises(InputError, match=r"expected one column of participants .* eid and n_eid"):
        read_people_table(tmp_path / "t.tsv")


def test_minus_nine_is_missing_among_words_however_it_is_written():
    table = pd.DataFrame({"answer": ["-9", "-9.0", "-9.00", "-9.5", "often"]})
    found = drop_missing_codes(table, where="t")["answer"]
    assert found.isna().tolist() == [True, True, True, False, False]
