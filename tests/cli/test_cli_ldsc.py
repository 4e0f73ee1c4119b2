"""``gwasbone h2`` and ``gwasbone rg``: tables, pages, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_ldsc import made_scans, made_scores, write_scores

from gwasbone.cli import main
from gwasbone.tables import write_table


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[list[str], str]:
    folder = tmp_path_factory.mktemp("ldsc")
    scores = made_scores()
    paths = []
    for name, table in made_scans(scores, k=3).items():
        paths.append(folder / f"{name}.tsv")
        write_table(table, paths[-1], index=False)
    return [str(p) for p in paths], str(write_scores(scores, folder / "ld"))


def test_h2_writes_its_table_and_page(made, tmp_path, capsys):
    scans, ld = made
    out = tmp_path / "o"
    assert main(["h2", *scans, "--ref-ld-chr", ld, "--out", str(out)]) == 0
    table = pd.read_csv(f"{out}.h2.tsv", sep="\t", keep_default_na=False)
    assert table.columns[:8].tolist() == [
        "trait", "h2", "standard_error", "intercept", "intercept_standard_error", "lambda_gc",
        "mean_chi2", "status",
    ]  # fmt: skip
    assert table["trait"].tolist() == ["trait0", "trait1", "trait2"]
    assert (np.abs(table["h2"] - 0.4) < 4 * table["standard_error"]).all()
    assert "SNP heritability" in Path(f"{out}.h2.html").read_text()
    assert "trait0: h2" in capsys.readouterr().out
    liability = ["--samp-prev", "0.5,nan,nan", "--pop-prev", "0.01,nan,nan"]
    assert main(["h2", *scans, "--ref-ld-chr", ld, *liability, "--out", f"{out}l"]) == 0
    scaled = pd.read_csv(f"{out}l.h2.tsv", sep="\t")
    assert scaled["h2"][0] / table["h2"][0] == pytest.approx(0.5519, abs=1e-4)
    assert scaled["h2"][1] == table["h2"][1]


def test_rg_correlates_each_with_each(made, tmp_path, capsys):
    scans, ld = made
    out = tmp_path / "o"
    arguments = ["--ref-ld-chr", ld, "--w-ld-chr", ld, "--out", str(out), "--threads", "1"]
    assert main(["rg", *scans, *arguments]) == 0
    table = pd.read_csv(f"{out}.rg.tsv", sep="\t", keep_default_na=False)
    assert table.columns[:7].tolist() == [
        "trait1", "trait2", "rg", "standard_error", "neg_log_10_p_value", "intercept", "status",
    ]  # fmt: skip
    assert list(zip(table["trait1"], table["trait2"], strict=True)) == [
        ("trait0", "trait1"), ("trait0", "trait2"), ("trait1", "trait2"),
    ]  # fmt: skip
    assert (np.abs(table["rg"] - 0.5) < 4 * table["standard_error"]).all()
    assert "Genetic correlations" in Path(f"{out}.rg.html").read_text()
    assert "trait0 / trait1: r_g" in capsys.readouterr().out


def test_what_is_missing_is_said_in_one_line(made, tmp_path, capsys):
    scans, ld = made
    out = ["--out", str(tmp_path / "o")]
    assert main(["h2", *scans, *out]) == 2
    assert "--ref-ld-chr FOLDER" in capsys.readouterr().err
    assert main(["rg", scans[0], "--ref-ld-chr", ld, *out]) == 2
    assert "expected two or more scans" in capsys.readouterr().err
    assert main(["h2", *scans, "--ref-ld-chr", ld, "--samp-prev", "0.5", *out]) == 2
    assert "for each of 3 scans" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.tsv"))
