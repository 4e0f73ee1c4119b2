"""A questionnaire on disk: both formats say the same, and with or without a cohort beside it."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from gwasbone.cli import main
from gwasbone.errors import UsageError
from gwasbone.simulate import (
    QuestionnaireSettings,
    SimulationSettings,
    save_questionnaire,
    simulate_cohort,
    simulate_questionnaire,
)
from gwasbone.simulate.questionnaire_files import questionnaire_names

SMALL = QuestionnaireSettings(n_people=250, seed=2, n_filler=8)


def _files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_both_formats_hold_the_table_and_the_truth(tmp_path):
    made = simulate_questionnaire(SMALL)
    csv = save_questionnaire(made, tmp_path / "csv", table_format="csv")
    parquet = save_questionnaire(made, tmp_path / "parquet")
    assert _files(tmp_path / "csv") == set(questionnaire_names("csv"))
    one = pd.read_csv(csv, low_memory=False, dtype={"41271-0.0": str})
    other = pd.read_parquet(parquet)
    assert list(one) == list(other) == list(made.table)
    for name in ("eid", "31-0.0", "21003-2.0", "23204-2.0", "990001-0.0", "990004-0.0"):
        expected = made.table[name].astype(float)
        np.testing.assert_allclose(one[name].astype(float), expected, rtol=1e-6)
        np.testing.assert_allclose(other[name].astype(float), expected, rtol=1e-6)
    for table in (one, other):
        assert (
            table["41270-0.0"].fillna("").equals(made.table["41270-0.0"].astype(object).fillna(""))
        )
        assert table["53-0.0"].astype(str).equals(made.table["53-0.0"].astype(str))
    assert "date32" in str(pyarrow.parquet.read_schema(parquet).field("53-0.0").type)

    truth = tmp_path / "parquet" / "truth"
    people = pd.read_parquet(truth / "questionnaire_people.parquet")
    pd.testing.assert_frame_equal(people, made.people)
    pd.testing.assert_frame_equal(pd.read_parquet(truth / "removed_bmd.parquet"), made.removed)
    saved = json.loads((truth / "questionnaire_settings.json").read_text())
    assert QuestionnaireSettings(**saved) == SMALL


def test_rows_beyond_one_batch_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr("gwasbone.simulate.questionnaire_files._ROWS_PER_BATCH", 100)
    made = simulate_questionnaire(SMALL)
    for table_format, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        path = save_questionnaire(made, tmp_path / table_format, table_format=table_format)
        assert list(read(path)["eid"]) == list(made.table["eid"])


def test_files_are_kept_unless_forced_and_formats_are_known(tmp_path):
    made = simulate_questionnaire(SMALL)
    save_questionnaire(made, tmp_path)
    with pytest.raises(UsageError, match=r"already holds questionnaire\.parquet"):
        save_questionnaire(made, tmp_path)
    save_questionnaire(made, tmp_path, force=True)
    with pytest.raises(UsageError, match="parquet or csv, got 'xlsx'"):
        save_questionnaire(made, tmp_path, table_format="xlsx")


def test_a_cohort_gets_a_questionnaire_of_its_own_people(tmp_path):
    light = SimulationSettings.light(
        n_people=60, n_variants=900, n_segments=3, chromosomes=(1, 23), n_causal=10, n_planted=1
    )
    made = simulate_cohort(light, tmp_path, formats=["plink"], questionnaire=SMALL)
    assert made.questionnaire == tmp_path / "questionnaire.parquet"
    table = pd.read_parquet(made.questionnaire)
    covariates = pd.read_csv(made.covariates, sep="\t")
    present = table["eid"] > 0
    assert list(table["eid"][present]) == list(covariates["IID"][present])
    assert {"truth/true_bmd.parquet", "truth/settings.json"} <= _files(tmp_path)
    plain = simulate_cohort(light, tmp_path / "plain", formats=["plink"])
    assert plain.questionnaire is None
    assert plain.phenotypes.read_bytes() == made.phenotypes.read_bytes()


def test_the_command_writes_a_questionnaire_alone(tmp_path, capsys):
    out = tmp_path / "survey"
    arguments = ["simulate", "--out", str(out), "--questionnaire", "csv", "--no-genotypes",
                 "--people", "120", "--set", "questionnaire.n_filler=4",
                 "--set", "questionnaire.spelling=rap"]  # fmt: skip
    assert main(arguments) == 0
    assert "120 participants" in capsys.readouterr().out
    table = pd.read_csv(out / "questionnaire.csv", low_memory=False)
    assert len(table) == 120
    assert "p990004_i0" in table
    assert "p990005_i0" not in table
    assert "questionnaire.n_filler = 4" in (out / "simulate.log").read_text()
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--no-genotypes"], "add --questionnaire"),
        (["--set", "questionnaire.nothing=1"], "no such setting"),
        (["--set", "n_filler=1"], "no such setting"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(tmp_path, capsys, arguments, words):
    assert main(["simulate", "--out", str(tmp_path / "x"), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_the_command_shows_both_kinds_of_settings(capsys):
    assert main(["simulate", "--out", "x", "--settings"]) == 0
    text = capsys.readouterr().out
    assert "h2_bmd = 0.45" in text
    assert "questionnaire.reliability = 0.93" in text
