"""Lists of participants and variants, in every way in which people write them."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_cohorts import bed_cohort

from gwasbone.cohort.subsets import subset, without_withdrawn
from gwasbone.errors import InputError
from gwasbone.phenotypes.biobank_table import read_biobank_table
from gwasbone.phenotypes.confounders import read_assessments
from gwasbone.phenotypes.id_lists import read_participant_list, read_variant_list
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.table import read_people_table

IDS = ["1000000", "1000001", "1000002"]

#: How a list of the three IDs can be written.
WAYS = {
    "one a line": "1000000\n1000001\n1000002\n",
    "commas": "1000000,1000001,1000002\n",
    "commas and blanks": "1000000, 1000001, 1000002",
    "semicolons": "1000000;1000001;1000002;\n",
    "several lines of commas": "1000000,1000001\n1000002\n",
    "quotation marks": '"1000000"\n"1000001"\n"1000002"\n',
    "a date": "1000000,2024-01-02\n1000001,02/01/2024\n1000002,\n",
    "a date before": "2024-01-02\t1000000\n2024-01-02\t1000001\n2024-01-02\t1000002\n",
    "decimals": "1000000.0\n1000001.0\n1000002.0\n",
    "scientific": "1e+06\n1000001\n1000002\n",
    "a header": "eid\n1000000\n1000001\n1000002\n",
    "a header and a date": "eid,date\n1000000,2024-01-02\n1000001,2024-01-02\n1000002,\n",
    "a header of R": '"x.eid"\n"1000000"\n"1000001"\n"1000002"\n',
    "blank lines": "\n1000000\n\n1000001\n1000002\n\n",
    "CR": "1000000\r1000001\r1000002\r",
    "CRLF": "1000000\r\n1000001\r\n1000002\r\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("way", WAYS)
def test_a_list_of_ids_means_the_same_however_it_is_written(tmp_path, way, encoding):
    (tmp_path / "list").write_bytes(WAYS[way].encode(encoding))
    found = read_participant_list(tmp_path / "list")
    assert found.iids.tolist() == IDS
    assert found.fids is None


@given(
    ids=st.lists(
        st.from_regex(r"[A-Za-z0-9._]{1,9}", fullmatch=True).filter(lambda i: "." not in i[:1]),
        min_size=3, max_size=12, unique=True,
    ).map(lambda ids: [f"q_{i}" for i in ids]),
    separator=st.sampled_from(["\n", ",", ";", ", ", "\r\n"]),
    quote=st.sampled_from(["", '"']),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)  # fmt: skip
def test_any_ids_survive_any_way_of_writing(tmp_path_factory, ids, separator, quote, encoding):
    path = tmp_path_factory.mktemp("lists") / "list"
    path.write_bytes(separator.join(f"{quote}{i}{quote}" for i in ids).encode(encoding))
    assert read_participant_list(path).iids.tolist() == ids


def test_family_ids_are_read_beside_ids(tmp_path):
    for text in ("f1 a\nf2 b\n", "#FID\tIID\nf1\ta\nf2\tb\n", "f1 a 0 0 1 -9\nf2 b 0 0 2 -9\n"):
        (tmp_path / "list").write_text(text)
        found = read_participant_list(tmp_path / "list")
        assert (found.fids.tolist(), found.iids.tolist()) == (["f1", "f2"], ["a", "b"])


def test_lists_name_participants_by_the_id_rule(tmp_path):
    (tmp_path / "list").write_text("#FID IID\nf a\nf b\n")
    found = read_participant_list(tmp_path / "list")
    assert list(found.names("iid")) == ["a", "b"]
    assert list(found.names("fid_iid")) == ["f_a", "f_b"]
    (tmp_path / "list").write_text("a\nb\n")
    with pytest.raises(InputError, match="for --id fid_iid, it has one ID"):
        read_participant_list(tmp_path / "list").names("fid_iid")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("IID\n", "is empty"),
        ("2024-01-02\n2024-01-03\n", "line 1 has a date only"),
        ("1000000,withdrew by letter\n1000001,moved away\n", "line 1 has 'withdrew by letter'"),
        ("Withdrawn by 2024:\n1000000\n", "line 1 has 3 and line 2 has 1"),
        ('1000000\n"1000001\n', "left open in line 2"),
        ("FID,date\n1,2\n", "column IID"),
    ],
)
def test_what_is_no_list_of_ids_is_refused_with_its_line(tmp_path, text, words):
    (tmp_path / "list").write_text(text)
    with pytest.raises(InputError, match=words):
        read_participant_list(tmp_path / "list")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return bed_cohort(
        tmp_path_factory.mktemp("lists"), np.array([[0, 1, 2, 1]], np.int8),
        chromosome=np.array([1]), position=np.array([5]),
    )  # fmt: skip


@pytest.mark.parametrize("option", ["keep", "remove"])
@pytest.mark.parametrize("text", ["p1,p2,nobody\n", "f p1\nf p2\nf nobody\n", "f\tp1\nf\tp2\n0\tx"])
def test_keep_and_remove_read_the_same_lists_and_say_how_many(
    cohort, tmp_path, caplog, option, text
):
    (tmp_path / "list").write_text(text)
    with caplog.at_level(logging.INFO):
        left = subset(cohort, **{option: tmp_path / "list"}).people.kept_table()
    assert left["iid"].tolist() == (["p1", "p2"] if option == "keep" else ["p0", "p3"])
    assert "2 of the 3 participants listed are among the 4 of the genotypes" in caplog.text


def test_two_ids_in_one_line_are_a_family_only_where_there_is_one(cohort, tmp_path):
    (tmp_path / "list").write_text("p1,p2\n")
    assert subset(cohort, remove=tmp_path / "list").people.n_kept == 2
    (tmp_path / "list").write_text("f,p2\n")
    assert subset(cohort, remove=tmp_path / "list").people.n_kept == 3


def test_a_list_that_names_nobody_is_an_error(cohort, tmp_path):
    (tmp_path / "list").write_text("1000000\n1000001\n")
    with pytest.raises(InputError, match=r"none of the 2 listed.*1000000, 1000001.*p0, p1"):
        subset(cohort, remove=tmp_path / "list")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("rs1\nrs2\n", ["rs1", "rs2"]),
        ("rs1,rs2\n", ["rs1", "rs2"]),
        ('"rs1"\n"rs2"\n', ["rs1", "rs2"]),
        ("#CHROM POS ID\n1 5 rs1\n1 6 rs2\n", ["rs1", "rs2"]),
        ("chromosome,variant_id\n1,1_5_A_G\n", ["1_5_A_G"]),
        ("1:5:A:G,T\n1:6:A:G\n", ["1:5:A:G,T", "1:6:A:G"]),
        ("rs1;rs7\nrs2 5\n", ["rs1;rs7", "rs2"]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_lists_of_variants_are_read_in_their_ways(tmp_path, text, ids, encoding):
    (tmp_path / "list").write_bytes(text.encode(encoding))
    assert read_variant_list(tmp_path / "list") == ids


def test_a_list_of_withdrawn_participants_holds_for_genotypes_and_every_table(cohort, tmp_path):
    (tmp_path / "withdrawn.csv").write_text("eid,date\np1,2024-01-02\nnobody,2024-01-02\n")
    left = without_withdrawn(cohort, tmp_path / "withdrawn.csv").people
    assert left.kept_table()["iid"].tolist() == ["p0", "p2", "p3"]
    assert left.funnel()["reason"].tolist()[-1] == "withdrawn_listed"
    path = tmp_path / "t.csv"
    path.write_text("IID,instance,x\np0,2,1\np1,2,2\n-5,2,3\n")
    reading = TableReading(withdrawn=str(tmp_path / "withdrawn.csv"))
    assert read_people_table(path, reading=reading).index.tolist() == ["p0"]
    assert read_biobank_table(path, reading=reading).people.tolist() == ["p0"]
    assert read_assessments(path, reading=reading).index.tolist() == ["p0"]
    (tmp_path / "withdrawn.csv").write_text("f p1\n")
    assert read_people_table(path, reading=reading).index.tolist() == ["p0"]
    path.write_text("FID,IID,x\nf,p0,1\ng,p1,2\nf,p1,3\n")
    named = read_people_table(path, id_rule="fid_iid", reading=reading)
    assert named.index.tolist() == ["f_p0", "g_p1"]


def test_an_absent_family_id_is_spelt_as_0_or_as_the_id(tmp_path):
    (tmp_path / "list.txt").write_text("0 S1\nS2 S2\nF3 S3\n")
    listed = read_participant_list(tmp_path / "list.txt")
    iid = pd.Series(["S1", "S2", "S3", "S1"])
    assert listed.rows(iid, pd.Series(["S1", "0", "0", "F1"])).tolist() == [
        True,
        True,
        False,
        False,
    ]
    assert listed.rows(iid).tolist() == [True, True, True, True]
