"""Cases of public bug reports about tables and lists of participants."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest

import gwasbone as gb
from gwasbone.cohort.biobank import BiobankQcColumns
from gwasbone.cohort.qc import people_reasons, qc_people
from gwasbone.errors import InputError
from gwasbone.phenotypes.biobank_table import read_biobank_table
from gwasbone.phenotypes.confounders import read_assessments
from gwasbone.phenotypes.id_lists import read_participant_list
from gwasbone.phenotypes.sex import read_sexes
from gwasbone.phenotypes.table import read_people_table

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> Path:
    folder = shared_data / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}")
    return folder


@pytest.fixture(scope="module")
def qc_cohort(cases):
    folder = cases / "cohort-and-questionnaires" / "13-biobank-qc-ids"
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    return folder, qc_people(cohort)


@pytest.mark.parametrize(
    "name",
    ["bom", "commas", "crlf", "floats", "header", "quoted", "utf16", "with_date"],
)
def test_three_participants_withdrew_in_every_list(cases, qc_cohort, name):
    path = cases / "cohort-and-questionnaires" / "14-withdrawn" / f"{name}.csv"
    people = qc_cohort[1].people.table
    rows = read_participant_list(path).among(people, "--withdrawn")
    assert people.index[rows].tolist() == ["1000000", "1000001", "1000002"]


@pytest.mark.parametrize("name", ["right", "words", "words2", "half"])
def test_every_table_of_the_biobanks_flags_keeps_187_of_200(qc_cohort, caplog, name):
    folder, cohort = qc_cohort
    flags = BiobankQcColumns.of_tables({name: read_people_table(folder / f"{name}.csv")})
    with caplog.at_level(logging.WARNING):
        reasons = people_reasons(cohort.people.table, gb.QcThresholds(), biobank=flags)
    excluded = sum(reason.excluded for reason in reasons) > 0
    assert (~excluded).sum() == 187
    assert ("100 of 200 participants are not in the table" in caplog.text) == (name == "half")


def test_a_biobank_table_of_another_project_is_refused(qc_cohort):
    folder, cohort = qc_cohort
    table = read_people_table(folder / "right.csv")
    other = table.set_axis((table.index.astype(int) + 5_000_000).astype(str))
    with pytest.raises(InputError, match="none of its 200 is: the table has 6000000, 6000001"):
        people_reasons(
            cohort.people.table, gb.QcThresholds(), biobank=BiobankQcColumns.of_tables({"x": other})
        )


#: Tables of 60 participants that mean the same.
SAME = [
    "base.tsv", "base.tsv.gz", "base.tsv.xz", "base_gz_without_suffix.tsv", "bom_crlf.csv",
    "comment.tsv", "float_id.csv", "header_space.csv", "latin.tsv", "lower.tsv", "mac.tsv",
    "mixed_ws.txt", "nofirst.tsv", "r_quote.txt", "r_quote2.txt", "sci.tsv", "trail_space.txt",
    "trail_tab.tsv", "utf16.tsv",
]  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_a_table_means_the_same_in_every_form(cases, name):
    folder = cases / "genotypes" / "08-pheno-tables"
    first = read_people_table(folder / "base.tsv")[["y", "age"]]
    pd.testing.assert_frame_equal(read_people_table(folder / name)[["y", "age"]], first)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("genotypes/08-pheno-tables/quote_note.tsv", 12),
        ("genotypes/08-pheno-tables/quote_mid.tsv", 12),
        ("reliability/quote/stray_quote.csv", 101),
        ("reliability/quote/stray_quote.tsv", 101),
        ("reliability/quote/stray_quote.txt", 101),
        ("reliability/quote/two_quotes.tsv", 101),
    ],
)
def test_an_unmatched_quotation_mark_is_refused_with_its_line(cases, name, line):
    with pytest.raises(InputError, match=f"left open in line {line}"):
        read_people_table(cases / name)


def test_minus_nine_of_a_t_score_is_missing(cases):
    folder = cases / "genotypes" / "02-minus9-tscore"
    with_codes, with_na = (read_people_table(folder / f"{n}.tsv") for n in ("p", "na"))
    assert with_codes["tscore"].notna().sum() == 274
    pd.testing.assert_series_equal(with_codes["tscore"], with_na["tscore"])
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    found = gb.associate(cohort, ["tscore"], phenotypes=with_codes).table("tscore")
    # as PLINK 2 has it
    assert (found["n"] == 274).all()
    assert found["beta"].iloc[0] == pytest.approx(0.349, abs=5e-4)
    covered = gb.associate(cohort, ["tscore"], ["pack_years"], phenotypes=with_codes)
    assert (covered.table("tscore")["n"] == 242).all()


@pytest.mark.parametrize(
    "name",
    [
        "rap.csv", "rap.csv.gz", "rap.csv.zip", "rap_part.csv", "bom.csv", "utf16.csv", "upper.csv",
        "semicolon.csv", "space.txt", "r_mangled.csv", "r_mangled2.csv", "ukbconv_csv.csv",
        "ukbconv_r.tab", "ukbconv_stata.csv", "ukbconv_txt_trailing_tab.txt", "ukbtools.csv",
        "float_eid_words.csv",
    ],
)  # fmt: skip
def test_a_biobanks_columns_are_found_in_every_spelling(cases, name):
    folder = cases / "images-and-records" / "22-column-names"
    kinds = {31: "text", 21003: "number", 21002: "number", 23204: "number", 41270: "text"}
    first, table = (read_biobank_table(folder / n, kinds) for n in ("rap.csv", name))
    assert table.people.tolist() == first.people.tolist()
    for field in (21002, 23204):
        assert table.first(field).tolist() == first.first(field).tolist()
    assert table.first(41270).astype(object).eq("M810").sum() == 10
    sexes = [read_sexes(t.first(31), where="field 31").codes.tolist() for t in (first, table)]
    assert sexes[0] == sexes[1]


@pytest.mark.parametrize(
    "name",
    [
        "binary_codes", "bmd_text", "bool_sex", "decimal", "dict_large", "eid_float", "eid_string",
        "large_string", "null_col", "pandas_index", "sex_words", "spark_dir",
    ],
)  # fmt: skip
def test_types_of_parquet_do_not_matter(cases, name):
    path = cases / "images-and-records" / "29-parquet-types" / f"{name}.parquet"
    table = read_biobank_table(path, {31: "text", 23204: "number", 41270: "text"})
    assert table.people.tolist() == [str(1000001 + i) for i in range(100)]
    assert table.first(41270).astype(object).eq("M810").sum() == 10
    assert table.first(23204).notna().all()
    assert read_sexes(table.first(31), where="31").codes.tolist() == [2, 1] * 50
    assert read_people_table(path).index.tolist() == table.people.tolist()


@pytest.mark.parametrize(
    ("name", "women", "men"),
    [
        ("men_two_spellings", 0, 300), ("women_two_spellings", 300, 0), ("three", 200, 100),
        ("minus9_and_1", 0, 150), ("two_and_zero", 150, 0),
    ],
)  # fmt: skip
def test_two_spellings_of_one_sex_are_one_sex(cases, name, women, men):
    path = cases / "images-and-records" / "26-sex-spelling" / f"{name}.csv"
    codes = read_sexes(read_assessments(path)["sex"], where=str(path)).codes
    assert ((codes == 2).sum(), (codes == 1).sum()) == (women, men)


@pytest.mark.parametrize(
    ("name", "column"),
    [("resid_minus9", "bmd"), ("resid_weight_minus9", "weight"), ("minus9", "p23204_i2")],
)
def test_minus_nine_is_no_bone_density_and_no_weight(cases, name, column):
    path = cases / "images-and-records" / "25-bmd-table" / f"{name}.csv"
    raw = pd.read_csv(path)[column]
    reader = read_people_table if name == "minus9" else read_assessments
    table = reader(path)
    assert (raw == -9).sum() > 0
    assert table[column].isna().sum() == (raw == -9).sum() + raw.isna().sum()
