"""Traits whose names are no file names, or look like a range of columns, through a study."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gwasbone.cli import main
from gwasbone.simulate import SimulationSettings, simulate_cohort
from gwasbone.steps.stages import STAGES
from gwasbone.study.config import load_config
from gwasbone.study.files import compared_scans
from gwasbone.study.requests import scan_request
from gwasbone.study.runner import run_study

STUDY = """
[study]
build = "GRCh37"
[genotypes]
bfile = "data/genotypes"
[phenotypes]
tables = ["traits.tsv"]
[association]
traits = ["BMD (L1-L4)", "y1-y2", "z1-z2"]
[comparison]
scans = ["BMD (L1-L4)", "y1-y2"]
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    settings = SimulationSettings.light(
        n_people=200, n_variants=200, n_segments=2, chromosomes=(1, 2), n_causal=5, n_planted=1
    )
    simulate_cohort(settings, folder / "data", formats=("plink",))
    table = pd.read_csv(folder / "data" / "phenotypes.tsv", sep="\t", dtype={"IID": str})
    columns = {"BMD (L1-L4)": "bmd_spine", "y1-y2": "bmd_hip", "z1": "bmd_femur", "z2": "bmd_hip"}
    made = {name: table[column] for name, column in columns.items()}
    traits = pd.DataFrame({"IID": table["IID"], **made})
    traits.to_csv(folder / "traits.tsv", sep="\t", index=False, na_rep="NA")
    (folder / "study.toml").write_text(STUDY)
    return folder


def test_a_column_wins_over_a_range(study):
    request = scan_request(load_config(study / "study.toml"))
    assert request.traits == ("BMD (L1-L4)", "y1-y2", "z1", "z2")


def test_assoc_in_the_study_folder(study, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(study)
    out = str(tmp_path / "o")
    assert main(["assoc", "--pheno", "y1-y2,BMD (L1-L4)", "--no-plots", "--out", out]) == 0
    assert Path(f"{out}.y1-y2.tsv.gz").exists()
    assert Path(f"{out}.BMD__L1-L4_.tsv.gz").exists()


def test_the_comparison_of_the_study_finds_its_scans(study):
    config = load_config(study / "study.toml")
    wanted = {
        "genotypes",
        "people",
        "ancestry",
        "relatedness",
        "variants",
        "pca",
        "scans",
        "comparison",
    }
    run_study(config, [stage for stage in STAGES if stage.name in wanted], threads=1)
    scans = compared_scans(config)
    assert list(scans) == ["BMD (L1-L4)", "y1-y2"]
    assert all(path.is_file() for path in scans.values()), scans
    table = pd.read_csv(config.output / "comparison" / "comparison.tsv", sep="\t")
    assert {"BMD (L1-L4)", "y1-y2"} <= set(table["scan_a"])
