"""The stage of the lead variants alone, on scans of a small cohort; no JVM is started."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import gwasbone as gb
from gwasbone.plots.page import kept_page, read_page
from gwasbone.simulate import SimulationSettings, simulate_cohort
from gwasbone.steps.stages import STAGES
from gwasbone.study.config import load_config
from gwasbone.study.runner import StageRun

STUDY = """
[study]
build = "GRCh37"
[genotypes]
bfile = "data/genotypes"
[phenotypes]
tables = ["people.tsv", "data/covariates.tsv"]
[covariates]
quantitative = ["age"]
[association]
traits = ["resid_bmd_total", "bmd_hip"]
[selection]
p_threshold = 1e-2
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose scans are there."""
    folder = tmp_path_factory.mktemp("leads")
    settings = SimulationSettings.light(
        n_people=200, n_variants=300, n_segments=3, chromosomes=(1, 2), n_causal=10, n_planted=1,
        seed=20,
    )  # fmt: skip
    simulate_cohort(settings, folder / "data", formats=("plink",))
    people = pd.read_csv(folder / "data/phenotypes.tsv", sep="\t", dtype={"FID": str, "IID": str})
    people = people[["FID", "IID", "bmd_hip"]].assign(resid_bmd_total=people["bmd_spine"])
    people.to_csv(folder / "people.tsv", sep="\t", index=False, na_rep="NA")
    (folder / "study.toml").write_text(STUDY)
    cohort = gb.read_genotypes(bfile=str(folder / "data/genotypes"), build="GRCh37")
    table = people.set_index("IID").drop(columns="FID")
    where = folder / "results" / "scans" / "results"
    gb.associate(cohort, list(table.columns[::-1]), phenotypes=table, engine="blocks", folder=where)
    return folder


def run_leads(study: Path, text: str, name: str) -> tuple[Path, str]:
    (study / "study.toml").write_text(text)
    folder = study / name
    folder.mkdir()
    (stage,) = (stage for stage in STAGES if stage.name == "leads")
    said = stage.run(StageRun(load_config(study / "study.toml"), "leads", folder, 1))
    return folder, said


def test_the_stage_leaves_tables_genotypes_and_pages(study):
    folder, said = run_leads(study, STUDY, "one")
    assert "by pruning: r² below 0.9" in said
    assert "scans in no region, not selected from: bmd_hip" in said
    assert {path.name for path in folder.iterdir()} == {
        "leads.tsv", "selected.tsv", "selection.json", "selected.html", "genotypes.parquet",
        "effects.tsv", "effects.html", "figures",
    }  # fmt: skip
    figures = read_page(kept_page(folder / "figures", "effects.html")).figures
    assert len(figures) == (folder / "effects.html").read_text().count("<h2>") > 0
    assert set(pd.read_csv(folder / "leads.tsv", sep="\t")["trait"]) == {
        "resid_bmd_total",
        "bmd_hip",
    }
    assert set(pd.read_csv(folder / "selected.tsv", sep="\t")["region"]) == {"whole_body"}
    effects = pd.read_csv(folder / "effects.tsv", sep="\t")
    assert set(effects["trait"]) == {"resid_bmd_total"}
    assert "Adjusted for: age" in (folder / "effects.html").read_text()


def test_the_section_puts_scans_into_regions_and_names_the_phenotypes(study):
    more = STUDY + 'regions = ["bmd_hip=left_hip,right_hip"]\neffects = ["bmd_hip"]\n'
    folder, said = run_leads(study, more, "two")
    assert "in no region" not in said
    pairs = pd.read_csv(folder / "selected.tsv", sep="\t")
    assert set(pairs["region"]) == {"whole_body", "left_hip", "right_hip"}
    assert set(pd.read_csv(folder / "effects.tsv", sep="\t")["trait"]) == {"bmd_hip"}


def test_nothing_to_select_is_said(study):
    folder, said = run_leads(study, STUDY.replace("1e-2", "1e-200"), "three")
    assert "scans with no p below 1e-200" in said
    assert not list(folder.glob("*.html"))
    other = study / "elsewhere"
    other.mkdir()
    (other / "study.toml").write_text(STUDY.replace('"data', f'"{study}/data'))
    (stage,) = (stage for stage in STAGES if stage.name == "leads")
    said = stage.run(StageRun(load_config(other / "study.toml"), "leads", other, 1))
    assert said == "no association.traits in study.toml: nothing to select from"
