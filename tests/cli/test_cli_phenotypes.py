"""``gwasbone phenotypes``: what it writes, and that bad input leaves no result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.cli import main
from gwasbone.phenotypes.measurements import bmd_measurements

RESULTS = (
    ".cases.tsv", ".rules.tsv", ".codes.tsv", ".bmd.tsv", ".assessments.parquet", ".imputed.tsv",
    ".phenotypes.html",
)  # fmt: skip


def ukb_table(n: int = 120, seed: int = 1) -> pd.DataFrame:
    """People with a sex, one or two visits with all 25 measurements, some cells missing, codes."""
    rng = np.random.default_rng(seed)
    again = np.arange(n) % 4 == 0
    sex = rng.integers(0, 2, n)
    columns: dict[str, object] = {"eid": np.arange(1001, 1001 + n), "31-0.0": sex}
    for visit, there in ((2, np.ones(n, bool)), (3, again)):
        columns[f"21003-{visit}.0"] = np.where(there, rng.integers(45, 80, n), np.nan)
        columns[f"21002-{visit}.0"] = np.where(there, rng.normal(75, 12, n).round(1), np.nan)
        for field in bmd_measurements()["field"]:
            bmd = 1 + 0.1 * sex + rng.normal(0, 0.1, n)
            kept = there & (rng.random(n) < 0.9)
            columns[f"{field}-{visit}.0"] = np.where(kept, bmd.round(3), np.nan)
    columns["41270-0.0"] = rng.choice(["M810", "S525", "I10", "E119"], n, p=[0.1, 0.1, 0.4, 0.4])
    columns["41271-0.0"] = np.where(rng.random(n) < 0.05, "7330", "4019")
    columns["20003-0.0"] = rng.choice(["fosamax", "evista", "aspirin"], n, p=[0.05, 0.05, 0.9])
    return pd.DataFrame(columns)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command on a table; gives (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(table: pd.DataFrame | None = None, *words: str) -> tuple[int, str, str]:
        if table is not None:
            table.to_csv("ukb.csv", index=False)
        code = main(["phenotypes", "--table", "ukb.csv", "--out", "out/p", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def _results(folder: Path) -> list[str]:
    return sorted(p.name for p in (folder / "out").glob("*") if p.suffix != ".log")


def test_what_it_writes(run, tmp_path):
    table = ukb_table()
    table.loc[7, "eid"] = -1
    code, out, err = run(table, "--rint")
    assert code == 0, err
    assert _results(tmp_path) == sorted(f"p{suffix}" for suffix in RESULTS)
    people = table[table["eid"] > 0].set_index("eid")

    cases = pd.read_csv("out/p.cases.tsv", sep="\t", index_col="IID")
    expected = (
        people["41270-0.0"].isin(["M810", "S525"])
        | people["41271-0.0"].eq("7330")
        | people["20003-0.0"].isin(["fosamax", "evista"])
    )
    assert cases["case"].eq(expected.astype(int)).all()
    assert f"{expected.sum()} cases of osteoporosis, {(~expected).sum()} controls" in out
    assert cases["first_rule"].notna().eq(expected).all()
    rules = pd.read_csv("out/p.rules.tsv", sep="\t").set_index("rule")
    assert rules.loc["icd9_osteoporosis", "n_people"] == people["41271-0.0"].eq("7330").sum()

    log = Path("out/p.phenotypes.log").read_text()
    assert "1 withdrawn participants" in log
    assert "rule bisphosphonate:" in log
    assert "own_mean" in log
    assert "<title>Phenotypes</title>" in Path("out/p.phenotypes.html").read_text()


def test_measurements_are_complete_and_the_raw_ones_kept(run):
    table = ukb_table()
    assert run(table, "--rint")[0] == 0
    long = pd.read_parquet("out/p.assessments.parquet")
    assert long.index.names == ["person", "instance"]
    assert len(long) == 120 + 30
    people = table.set_index("eid")
    np.testing.assert_array_equal(
        long["bmd_total"].xs(2, level="instance").to_numpy(), people["23236-2.0"].to_numpy()
    )
    cells = pd.read_csv("out/p.imputed.tsv", sep="\t")
    names = bmd_measurements()["name"].tolist()
    assert len(cells) == long[names].isna().sum().sum()

    bmd = pd.read_csv("out/p.bmd.tsv", sep="\t", index_col="IID")
    assert bmd[names].notna().all(axis=None)
    filled = long["bmd_total"].copy()
    for cell in cells[cells["measurement"] == "bmd_total"].itertuples():
        filled[(str(cell.IID), cell.instance)] = cell.value
    expected = filled.groupby(level="person").mean()
    np.testing.assert_allclose(bmd["bmd_total"], expected[bmd.index.astype(str)], rtol=1e-6)
    np.testing.assert_allclose(bmd[[f"{n}_std" for n in names]].std(), 1, rtol=1e-5)
    ranks = bmd["bmd_total"].rank()
    assert bmd["bmd_total_rint"].rank().eq(ranks).all()


def test_spelling_and_order_of_the_table_change_nothing(run):
    table = ukb_table()
    assert run(table)[0] == 0
    first = {p: Path(f"out/p{p}").read_bytes() for p in RESULTS if p.endswith("tsv")}
    renamed = table.rename(
        columns=lambda name: name if name == "eid" else "p{}_i{}_a{}".format(
            *name.replace("-", ".").split(".")
        )
    )  # fmt: skip
    assert run(renamed[renamed.columns[::-1]], "--force")[0] == 0
    assert first == {p: Path(f"out/p{p}").read_bytes() for p in first}


def test_the_printed_definition_can_be_changed_and_used(run, capsys):
    assert main(["phenotypes", "--print-definition"]) == 0
    text = capsys.readouterr().out
    Path("my.toml").write_text(text.replace('"M81" = ', '"E11" = "diabetes"\n"M81" = '))
    table = ukb_table()
    code, _, err = run(table, "--definition", "my.toml")
    assert code == 0, err
    cases = pd.read_csv("out/p.cases.tsv", sep="\t")
    assert cases["case"][table["41270-0.0"].eq("E119")].all()


def test_only_cases_where_nothing_was_measured(run, tmp_path):
    table = ukb_table()[["eid", "41270-0.0"]]
    code, _, err = run(table)
    assert code == 1
    assert "--skip-absent" in err
    code, _, err = run(table, "--skip-absent")
    assert code == 0
    assert "only cases" in err
    assert _results(tmp_path) == sorted(
        f"p{s}" for s in (".cases.tsv", ".rules.tsv", ".codes.tsv", ".phenotypes.html")
    )


@pytest.mark.parametrize("value", [np.nan, 1.0])
def test_a_measurement_without_variation_is_named_and_the_others_go_on(run, value):
    table = ukb_table().assign(**{"23226-2.0": value, "23226-3.0": value})
    code, _, err = run(table)
    assert code == 0
    assert "left out: bmd_head: " in err
    header = set(pd.read_csv("out/p.bmd.tsv", sep="\t", nrows=0))
    assert not {"bmd_head", "bmd_head_std"} & header
    assert {"bmd_total", "bmd_total_std"} <= header


def test_one_sex_only_is_said(run):
    code, _, err = run(ukb_table().assign(**{"31-0.0": 0}))
    assert code == 0
    assert "of one sex only: women" in err


def test_output_is_not_overwritten(run):
    assert run(ukb_table())[0] == 0
    code, _, err = run()
    assert code == 1
    assert "exists already" in err


def _double(table):
    return pd.concat([table, table.iloc[:2]])


BAD = {
    "person twice": (_double, (), "each participant once"),
    "wrong type": (lambda t: t.assign(**{"23204-2.0": "high"}), (), "23204-2.0 ('high')"),
    "no case": (
        lambda t: t.assign(**{"41270-0.0": "I10", "41271-0.0": "4019", "20003-0.0": "aspirin"}),
        (),
        "no rule applies to any",
    ),
    "all cases": (
        lambda t: t.assign(**{"41270-0.0": "M810"}),
        (),
        "all 120 participants are cases",
    ),
    "no field": (lambda t: t.drop(columns="20003-0.0"), (), "bisphosphonate (20003)"),
    "strange sex": (lambda t: t.assign(**{"31-0.0": 9}), (), "expected sex as male/female"),
    "no table": (lambda t: t, ("--table", "none.csv"), "there is no file none.csv"),
    "no definition": (lambda t: t, ("--definition", "none.toml"), "none.toml: no such file"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_leaves_no_result(run, tmp_path, fault):
    change, words, said = BAD[fault]
    code, _, err = run(change(ukb_table()), *words)
    assert code == 1
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert _results(tmp_path) == []


def test_a_wrong_definition_is_refused_with_all_its_faults(run, tmp_path):
    Path("bad.toml").write_text(
        '[[rule]]\nname="a"\nkind="icd10"\nfields=[41270]\n[rule.codes]\n"M81"="x"\n"m81"="y"\n'
        '[[rule]]\nname="b"\nkind="icd10"\nfields=[41270]\n[rule.codes]\n"81M"="x"\n'
    )
    code, _, err = run(ukb_table(), "--definition", "bad.toml")
    assert code == 1
    assert "M81 is listed 2 times" in err
    assert "got '81M'" in err
    assert _results(tmp_path) == []


def test_a_table_must_be_named(capsys):
    assert main(["phenotypes"]) == 2
    assert "--table" in capsys.readouterr().err
