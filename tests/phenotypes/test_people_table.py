"""Reading tables of people, and the words of its errors."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError, UsageError
from gwasbone.phenotypes.table import (
    column_names,
    expand_names,
    numbers,
    pick_columns,
    read_people_table,
)

TEXT = "#FID\tIID\tage\tcentre\nF1\t1\t50\tLeeds\nF2\t2\tNA\tBury\nF3\t-3\t60\tBury\n"


def write(path, text):
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz"])
@pytest.mark.parametrize("delimiter", ["\t", ",", " ", "   "])
def test_every_delimiter_gives_the_same_table(tmp_path, name, delimiter):
    table = read_people_table(write(tmp_path / name, TEXT.replace("\t", delimiter)))
    assert table.index.tolist() == ["1", "2"]
    assert table.index.name == "person"
    assert table["age"].tolist()[0] == 50
    assert np.isnan(table["age"].tolist()[1])
    assert table["centre"].tolist() == ["Leeds", "Bury"]


def test_withdrawn_people_are_left_out_and_counted(tmp_path):
    table = read_people_table(write(tmp_path / "t.tsv", TEXT))
    assert "-3" not in table.index
    assert table.attrs["n_withdrawn"] == 1


def test_fid_iid_joins_with_an_underscore(tmp_path):
    table = read_people_table(write(tmp_path / "t.tsv", TEXT), id_rule="fid_iid")
    assert table.index.tolist() == ["F1_1", "F2_2"]


def test_parquet_with_whole_number_ids(tmp_path):
    frame = pd.DataFrame({"IID": [7.0, 8.0], "case": [True, False], "x": [1.5, None]})
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_people_table(tmp_path / "t.parquet")
    assert table.index.tolist() == ["7", "8"]
    assert table["case"].tolist() == [1.0, 0.0]


def test_leading_zeros_of_names_stay(tmp_path):
    assert read_people_table(write(tmp_path / "t.csv", "IID,x\n007,1\n")).index.tolist() == ["007"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "file is empty"),
        ("id,age\n1,2\n", "first line has id, age"),
        ("IID,age\n1,2\n2\n", "expected 2 fields in every row .* got 1 in line 3"),
        ("IID,age\n1,2\n2,3,4\n", "got 3 in line 3"),
        ("IID,age\n1,2\n1,3\n", r"each participant once .*\(1\)"),
        ("IID,age\n1,2\n,3\n", "IID is missing in row 2"),
        ("IID,age,age\n1,2,3\n", "repeats age"),
    ],
)
def test_what_is_refused(tmp_path, text, words):
    path = write(tmp_path / "t.csv", text)
    with pytest.raises(InputError, match=words):
        read_people_table(path)


def test_fid_iid_needs_fid(tmp_path):
    with pytest.raises(InputError, match="expected FID beside IID"):
        read_people_table(write(tmp_path / "t.csv", "IID,x\n1,2\n"), id_rule="fid_iid")


def test_repeated_iid_is_fine_by_fid_iid(tmp_path):
    path = write(tmp_path / "t.csv", "FID,IID,x\na,1,2\nb,1,3\n")
    with pytest.raises(InputError, match="FID_IID"):
        read_people_table(path)
    assert len(read_people_table(path, id_rule="fid_iid")) == 2


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_people_table(tmp_path / "absent.tsv")


@pytest.fixture
def tables():
    a = pd.DataFrame({"age": [50, 60], "bmd_hip": [1.0, 2.0]}, index=["1", "2"])
    b = pd.DataFrame({"sex": [1, 2], "PC1": [0.1, 0.2], "22000-0.0": [-3, 5]}, index=["2", "3"])
    return {"a.tsv": a, "b.tsv": b}


def test_columns_come_from_both_tables_in_the_order_asked(tables):
    picked = pick_columns(tables, ["sex", "age"])
    assert picked.columns.tolist() == ["sex", "age"]
    assert picked.index.tolist() == ["2", "3", "1"]
    assert picked.loc["2"].tolist() == [1, 60]
    assert np.isnan(picked.loc["3", "age"])


def test_a_name_in_no_table_names_the_nearest(tables):
    with pytest.raises(InputError, match=r"bmd_hpi in a.tsv, b.tsv.*bmd_hip \(in a.tsv\)"):
        pick_columns(tables, ["age", "bmd_hpi"])
    with pytest.raises(InputError, match="columns are age, bmd_hip"):
        pick_columns(tables, ["zzzzzz"])


def test_a_name_in_two_tables_names_both(tables):
    tables["b.tsv"]["age"] = 1
    with pytest.raises(InputError, match=r"age in one table, it is in a.tsv and b.tsv"):
        pick_columns(tables, ["age"])


def test_the_sign_of_the_batch_gives_the_array(tables):
    picked = pick_columns(tables, ["array"])
    assert picked["array"].tolist() == ["UKBiLEVE", "UKBAxiom"]


def test_ranges_are_written_out():
    assert expand_names("age, sex,PC1-PC3,bmd-hip,x") == [
        "age", "sex", "PC1", "PC2", "PC3", "bmd-hip", "x",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="rising range"):
        expand_names("PC3-PC1")
    with pytest.raises(UsageError, match="PC2 twice"):
        expand_names("PC1-PC3,PC2")


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz", "t.csv", "t.txt", "t.parquet"])
def test_a_column_called_like_a_range_is_that_column(tmp_path, name):
    table = pd.DataFrame({"IID": ["a"], "y1-y2": [1.0], "PC1": [2.0]})
    path = tmp_path / name
    if name.endswith("parquet"):
        table.to_parquet(path)
    else:
        separator = {"csv": ",", "txt": " "}.get(name[2:], "\t")
        table.to_csv(path, sep=separator, index=False)
    columns = column_names([path, tmp_path / "nowhere.tsv"])
    assert columns == {"IID", "y1-y2", "PC1"}
    assert expand_names("y1-y2,PC1-PC2", columns) == ["y1-y2", "PC1", "PC2"]
    assert expand_names("y1-y2", {"y1"}) == ["y1", "y2"]


def test_text_where_numbers_are_needed_is_shown_with_its_people():
    table = pd.DataFrame({"x": ["1", "tall", np.nan, "short", "?", "??"]}, index=list("abcdef"))
    with pytest.raises(InputError, match=r"column x, got 'tall' \(participant b\).* and 1 more"):
        numbers(table, "x")
    with pytest.raises(InputError, match="inf"):
        numbers(pd.DataFrame({"x": [1.0, np.inf]}), "x")
