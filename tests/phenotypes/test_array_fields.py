"""Array fields in every form that biobank exports write give the same cases, dates and answers."""

from __future__ import annotations

import datetime
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gwasbone.errors import InputError
from gwasbone.learning.visit_answers import biobank_answers
from gwasbone.phenotypes.array_fields import split_cell
from gwasbone.phenotypes.biobank_table import read_biobank_table
from gwasbone.phenotypes.case_definition import osteoporosis_definition, read_definition
from gwasbone.phenotypes.cases import find_cases

ICD10, DATES, ICD9, CHOICES = "p41270", "p41280", "p41271", "p6138_i2"
KINDS = {41270: "text", 41280: "date", 41271: "icd9", 6138: "text"}
CODES = ("M810", "M8588", "S720", "I10", "E119", "T08X")
DOTTED = ("733.0", "401.9", "250.0", "805.2")


@st.composite
def records(draw):
    """People with codes and the dates of each, ICD-9 codes, and answers of several choices."""
    people = []
    for _ in range(draw(st.integers(2, 6))):
        codes = draw(st.lists(st.sampled_from(CODES), max_size=4, unique=True))
        days = draw(st.lists(st.integers(0, 6000), min_size=len(codes), max_size=len(codes)))
        dates = [datetime.date(2000, 1, 1) + datetime.timedelta(days=d) for d in days]
        icd9 = draw(st.lists(st.sampled_from(DOTTED), max_size=3, unique=True))
        choices = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4, unique=True))
        people.append({ICD10: codes, DATES: dates, ICD9: icd9, CHOICES: choices})
    # one sure case with its code second, one sure control
    people[0][ICD10], people[0][DATES] = ["I10", "M810"], [datetime.date(2001, 2, 3)] * 2
    people[1] |= {ICD10: [], DATES: [], ICD9: []}
    return people


def _as_text(join):
    def written(people, path):
        columns = {
            name: [
                join(list(map(str, person[name]))) if person[name] else None for person in people
            ]
            for name in (ICD10, DATES, ICD9, CHOICES)
        }
        pd.DataFrame({"eid": range(1, len(people) + 1), **columns}).to_csv(path, index=False)

    return written


def _write_wide(people, path):
    columns = {"eid": [*range(1, len(people) + 1)]}
    for name in (ICD10, DATES, ICD9, CHOICES):
        for a in range(max(1, *(len(person[name]) for person in people))):
            columns[f"{name}_a{a}"] = [
                str(person[name][a]) if len(person[name]) > a else None for person in people
            ]
    pd.DataFrame(columns).to_csv(path, index=False)


def _write_python_lists(people, path):
    columns = {name: [str(person[name]) for person in people] for name in people[0]}
    pd.DataFrame({"eid": range(1, len(people) + 1), **columns}).to_csv(path, index=False)


def _write_lists(people, path):
    columns = {name: [person[name] for person in people] for name in people[0]}
    pq.write_table(pa.table({"eid": [*range(1, len(people) + 1)], **columns}), path)


def _write_records(people, path):
    member = {ICD10: "code", DATES: "date", ICD9: "coding", CHOICES: "value"}
    columns = {
        name: [[{member[name]: value} for value in person[name]] for person in people]
        for name in people[0]
    }
    pq.write_table(pa.table({"eid": [*range(1, len(people) + 1)], **columns}), path)


FORMS = {
    "pipes": _as_text("|".join),
    "JSON": _as_text(json.dumps),
    "JSON without blanks": _as_text(lambda values: json.dumps(values, separators=(",", ":"))),
    "commas": _as_text(",".join),
    "commas and blanks": _as_text(", ".join),
    "semicolons": _as_text(";".join),
    "blanks": _as_text(" ".join),
    "Python lists": _write_python_lists,
    "NumPy arrays": _as_text(lambda values: str(np.array(values, dtype=object))),
    "bare brackets": _as_text(lambda values: f"[{', '.join(values)}]"),
    "Parquet lists": _write_lists,
    "Parquet records": _write_records,
}


def _meaning(path: Path, definition) -> dict[str, object]:
    table = read_biobank_table(path, KINDS)
    cases = find_cases(table, definition, skip_absent=True)
    dates = {
        (c.field, c.array): table.table[c.name].dt.strftime("%Y-%m-%d").tolist()
        for c in table.fields.get(41280, ())
        if table.table[c.name].notna().any()
    }
    visits = pd.DataFrame({"instance": 2}, index=table.people)
    answers = biobank_answers(table, visits).table.filter(like="p6138").astype("Float64")
    return {
        "cases": cases.is_case.to_dict(),
        "rules": cases.rules.to_dict("list"),
        "dates": dates,
        "answers": answers.set_axis(range(answers.shape[1]), axis=1).to_csv(),
    }


PEOPLE = [
    {ICD10: codes, DATES: [datetime.date(2001, 2, 3 + i) for i in range(len(codes))]}
    | {ICD9: icd9, CHOICES: choices}
    for codes, icd9, choices in (
        (["I10", "M810"], ["401.9"], [2, 5]), ([], [], [1]), (["S720"], ["733.0", "805.2"], [6]),
        (["E119"], ["250.0", "733.0"], [3, 1, 4]),
    )
]  # fmt: skip


def _check(people, form: str) -> None:
    definition = osteoporosis_definition()
    with tempfile.TemporaryDirectory() as folder:
        wide = Path(folder, "wide.csv")
        path = Path(folder, "joined.parquet" if "Parquet" in form else "joined.csv")
        _write_wide(people, wide)
        FORMS[form](people, path)
        expected = _meaning(wide, definition)
        truth = [
            any(code.startswith(("M81", "M858", "S720", "T08")) for code in person[ICD10])
            or any(code.startswith(("733", "805")) for code in person[ICD9])
            for person in people
        ]
        assert list(expected["cases"].values()) == truth
        assert _meaning(path, definition) == expected


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_export_gives_what_the_wide_form_gives(form):
    _check(PEOPLE, form)


@settings(
    max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(records(), st.sampled_from(sorted(FORMS)))
def test_random_records_in_any_form_give_the_cases_dates_and_answers_of_the_wide_form(people, form):
    _check(people, form)


@pytest.mark.parametrize(
    ("cell", "values"),
    [
        ("I10|M810", ("I10", "M810")),
        ("I10||M810", ("I10", None, "M810")),
        ('["I10", null, "M810"]', ("I10", None, "M810")),
        ("['I10' 'M810']", ("I10", "M810")),
        ('[{"code": "I10", "date": "2001-02-03"}]', ("I10",)),
        ("[]", ()),
        ("I10 Essential (primary) hypertension|M81.0 Osteoporosis", None),
        ("J45.9 Asthma, other,M81.0 Bones", ("J45.9 Asthma, other", "M81.0 Bones")),
        ("[datetime.date(2001, 2, 3), None]", ("2001-02-03", None)),
        ("1140868226, 1140861958", ("1140868226", "1140861958")),
        ("M81.0 ", False),
        ("J45.9 Asthma, unspecified", False),
        ("Yes, but not limited", False),
        ("alendronate sodium", False),
        ("2001-02-03 00:00:00", False),
    ],
)  # fmt: skip
def test_cells_are_split_where_values_are_joined_and_nowhere_else(cell, values):
    if values is None:
        values = tuple(cell.split("|"))
    assert split_cell(cell) == (None if values is False else values)


def test_a_comma_in_a_number_is_not_a_separator():
    assert split_cell("1,234", "number") is None
    assert split_cell("1.2|1.3", "number") == ("1.2", "1.3")


def test_joined_measurements_become_one_column_each(tmp_path):
    path = tmp_path / "bmd.csv"
    path.write_text("eid,p23204_i2\n1,1.1|1.3\n2,0.9\n3,\n")
    table = read_biobank_table(path, {23204: "number"})
    assert list(table.table.columns) == ["p23204_i2_a0", "p23204_i2_a1"]
    assert table.table["p23204_i2_a0"].tolist()[:2] == [1.1, 0.9]
    assert table.table["p23204_i2_a1"].isna().tolist() == [False, True, True]


def test_a_joined_cell_beside_columns_of_the_same_field_loses_nothing(tmp_path):
    path = tmp_path / "mixed.csv"
    path.write_text("eid,41270-0.0,41270-0.1\n1,I10|M810,E119\n2,I10,\n")
    table = read_biobank_table(path, {41270: "text"})
    assert [c.array for c in table.fields[41270]] == [0, 1, 2]
    assert set(table.table.loc["1"]) == {"I10", "M810", "E119"}


def test_records_without_a_value_are_refused_by_name(tmp_path):
    path = tmp_path / "records.parquet"
    odd = [[{"a": "M810", "b": 1}], []]
    pq.write_table(pa.table({"eid": [1, 2], "p41270": odd}), path)
    with pytest.raises(InputError, match=r"values in column p41270, it holds records of a, b"):
        read_biobank_table(path, {41270: "text"})


@pytest.mark.parametrize("codes", ["733", "733.0"])
def test_dotted_codes_of_icd9_keep_their_point_and_zero(tmp_path, codes):
    path = tmp_path / "icd9.toml"
    path.write_text(
        f'[[rule]]\nname="a"\nkind="icd9"\nfields=[9999]\n[rule.codes]\n"{codes}"="x"\n'
    )
    definition = read_definition(path)
    for values in (["733.0", None], ["733.0", "401.9"], ["7330", "4019"], ["7330.0", "4019.0"]):
        table = tmp_path / "t.csv"
        pd.DataFrame({"eid": [1, 2], "p9999_a0": values}).to_csv(table, index=False)
        ukb = read_biobank_table(table, definition.kinds)
        assert find_cases(ukb, definition).is_case.tolist() == [1, 0], values
    for numbers in ([733.0, None], [733.0, 401.9], [7330.0, None], [7330, 4019]):
        table = tmp_path / "t.parquet"
        pq.write_table(pa.table({"eid": [1, 2], "p9999_a0": numbers}), table)
        ukb = read_biobank_table(table, definition.kinds)
        assert find_cases(ukb, definition).is_case.tolist() == [1, 0], numbers


def test_leading_zeros_of_icd9_are_kept_or_put_back(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("eid,41271-0.0,41203-0.0,41205-0.0\n1,0389,38.9,038.9\n2,7330,733.0,733.0\n")
    for kinds in (None, dict.fromkeys((41271, 41203, 41205), "text")):
        row = read_biobank_table(path, kinds).table.astype(object).loc["1"]
        read = row[["41271-0.0", "41203-0.0", "41205-0.0"]].tolist()
        assert read == ["0389", "038.9", "038.9"]
    numbers = tmp_path / "t.parquet"
    pq.write_table(
        pa.table({"eid": [1, 2], "p41271_a0": [389, 7330], "p41203_a0": [38.9, 733.0]}), numbers
    )
    read = read_biobank_table(numbers).table.astype(object)
    assert read["p41271_a0"].tolist() == ["0389", "7330"]
    assert read["p41203_a0"].tolist() == ["038.9", "733.0"]


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["wide.csv", "pipe.csv", "json.csv", "list.parquet", "pipe_labels.csv"]
)
def test_exports_of_the_research_platform_have_25_cases(shared_data, name):
    definition = osteoporosis_definition()
    path = shared_data / "cases/images-and-records/20-rap-array-field" / name
    cases = find_cases(read_biobank_table(path, definition.kinds), definition, skip_absent=True)
    assert cases.is_case[cases.is_case == 1].index.tolist() == [str(1000001 + i) for i in range(25)]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "definition", "n_cases"),
    [
        ("dotted.csv", "def.toml", 5), ("dotted_plus_other.csv", "def.toml", 5),
        ("dotted.csv", "def2.toml", 8), ("array.csv", "def.toml", 44),
        ("array.csv", "def2.toml", 68),
    ],
)  # fmt: skip
def test_dotted_icd9_of_the_cases(shared_data, name, definition, n_cases):
    folder = shared_data / "cases/images-and-records/21-icd9-dot0"
    rules = read_definition(folder / definition)
    table = read_biobank_table(folder / name, rules.kinds)
    assert find_cases(table, rules).n_cases == n_cases
    wanted = ["733.0"] if definition == "def.toml" else ["733.0", "805.0", "805.2"]
    plain = pd.read_csv(folder / name, dtype=str).filter(like="41271")
    assert plain.isin(wanted).any(axis=1).sum() == n_cases


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("binary_codes", {"icd10_osteoporosis": 10}), ("dict_large", {"icd10_osteoporosis": 10}),
        ("icd9_float", {"icd9_osteoporosis": 1, "icd10_osteoporosis": 10}),
        ("icd9_733p1", {"icd9_osteoporosis": 2, "icd10_osteoporosis": 10}),
    ],
)  # fmt: skip
def test_parquet_types_of_codes(shared_data, name, counts):
    path = shared_data / f"cases/images-and-records/29-parquet-types/{name}.parquet"
    definition = osteoporosis_definition()
    cases = find_cases(read_biobank_table(path, definition.kinds), definition, skip_absent=True)
    found = cases.counts().set_index("rule")["n_people"]
    assert found[found > 0].to_dict() == counts


def test_the_member_of_a_record_that_counts_is_that_of_the_kind_of_field():
    cell = '[{"code": "M810", "date": "2001-02-03", "value": 5}]'
    assert split_cell(cell, "text") == ("M810",)
    assert split_cell(cell, "date") == ("2001-02-03",)
    assert split_cell(cell, "number") == ("5",)
    assert split_cell(cell, "icd9") == ("M810",)


def test_records_in_lists_of_parquet_give_codes_and_dates_by_field(tmp_path):
    records = [[{"code": "M810", "date": datetime.date(2001, 2, 3)}], None, []]
    pq.write_table(
        pa.table({"eid": ["1", "2", "3"], "p41270": records, "p41280": records}),
        tmp_path / "t.parquet",
    )
    table = read_biobank_table(tmp_path / "t.parquet", {41270: "text", 41280: "date"}).table
    codes, dates = table.columns
    assert table[codes].astype(object).where(table[codes].notna(), None).tolist() == [
        "M810", None, None
    ]  # fmt: skip
    assert pd.to_datetime(table[dates]).dt.year.tolist()[0] == 2001
    assert table[dates].isna().tolist() == [False, True, True]


def test_an_answer_in_brackets_is_no_list():
    for cell in ("(less than one)", "(none of the above)", "(I10)"):
        assert split_cell(cell) is None
