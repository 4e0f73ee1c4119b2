"""A study from records and pictures: its stages make phenotypes, and scans find them by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bed_reader import open_bed
from made_bone_study import make_bone_study

from gwasbone.cli import main
from gwasbone.steps.bone_stages import BONE_STAGES
from gwasbone.steps.genotype_stage import STAGE
from gwasbone.study.config import GenotypeModelsSection, PhenotypesSection, load_config
from gwasbone.study.files import people_tables, study_tables
from gwasbone.study.runner import StageRun, run_study

STUDY = """
[phenotypes]
tables = ["data/covariates.tsv"]
[records]
table = "data/questionnaire.parquet"
[training]
regions = ["ap_spine", "hip"]
backend = "reference"
architecture = "small"
size = 32
folds = 3
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose bone stages have run."""
    folder = tmp_path_factory.mktemp("bone")
    toml = make_bone_study(
        folder, STUDY, n_people=240, n_variants=400, n_filler=2,
        pictures=("ap_spine", "left_hip", "right_hip"),
    )  # fmt: skip
    run_study(load_config(toml), BONE_STAGES, threads=1)
    return folder


def test_each_stage_leaves_its_table_and_its_page(study):
    results = study / "results"
    for page in (
        "records/study.phenotypes.html", "residuals/study.residuals.html",
        "images/contact_sheet.html", "training/study.train.html",
        "training/study.saliency.html",
    ):  # fmt: skip
        assert (results / page).stat().st_size > 1000
    tables = study_tables(load_config(study / "study.toml"))
    assert [Path(t).name for t in tables] == [
        "covariates.tsv", "phenotypes.tsv", "study.residuals.tsv", "study.cnn.tsv",
    ]  # fmt: skip
    columns = [set(pd.read_csv(t, sep="\t", nrows=1).columns) - {"IID", "FID"} for t in tables]
    assert {"case", "bmd_total"} <= columns[1]
    assert "resid_bmd_total" in columns[2]
    assert {"cnn_prob", "cnn_logit_std"} <= columns[3]
    # a name in two tables could not be used
    assert sum(map(len, columns)) == len(set.union(*columns))


def test_what_is_up_to_date_is_skipped_and_pictures_are_not_decoded_again(study):
    said: list[str] = []
    config = load_config(study / "study.toml")
    run_study(config, BONE_STAGES, threads=1, say=said.append)
    assert len(said) == 4
    assert all("up to date" in line for line in said)
    before = (study / "results/cache/images/index.tsv").read_bytes()
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(text.replace("folds = 3", "folds = 4"))
    said.clear()
    run_study(load_config(study / "study.toml"), BONE_STAGES, threads=1, say=said.append)
    (study / "study.toml").write_text(text)
    assert ["up to date" in line for line in said] == [True, True, True, False]
    assert (study / "results/cache/images/index.tsv").read_bytes() == before


def test_one_trait_is_one_command_inside_the_study(study, monkeypatch, capsys):
    monkeypatch.chdir(study)
    assert main(["assoc", "--pheno", "cnn_prob", "--covar", "sex,age", "--no-plots"]) == 0
    assert "cnn_prob" in capsys.readouterr().out
    found = pd.read_csv(study / "gwasbone.cnn_prob.tsv.gz", sep="\t")
    assert len(found) > 300
    people = pd.read_csv(study / "results/training/study.cnn.tsv", sep="\t")
    assert found["n"].iloc[0] == len(people)


def test_selected_snps_are_learned_from_images(study):
    """The stage alone, on what the stage of the leads would leave."""
    config = load_config(study / "study.toml")
    leads = study / "results" / "leads"
    leads.mkdir()
    folder = study / "results" / "learned"
    folder.mkdir()
    run = StageRun(config, STAGE.name, folder)
    assert "no genotype_models.head" in STAGE.run(run)
    assert not list(folder.iterdir())
    chosen = GenotypeModelsSection(
        head="categorical", backend="reference", architecture="small", size=24, folds=2,
        pretrain=False, permutations=2, stop_at=1, min_per_class=20,
    )  # fmt: skip
    run = replace(run, config=replace(config, genotype_models=chosen))
    assert "no SNP is selected" in STAGE.run(run)
    with open_bed(study / "data" / "genotypes.bed") as bed:
        G, people = bed.read(dtype="float64"), bed.iid
    best = int(np.argmin(np.abs(np.nanmean(G, axis=0) - 1)))
    genotypes = pd.DataFrame({"IID": people, "1_5_A_G": G[:, best]})
    genotypes.to_parquet(leads / "study.genotypes.parquet")
    pairs = pd.DataFrame({"region": ["ap_spine", "left_knee"], "variant_id": "1_5_A_G"})
    pairs.to_csv(leads / "study.selected.tsv", sep="\t", index=False)
    said = STAGE.run(run)
    assert "1 of 1 jobs ok" in said
    assert "no images of left_knee" in said
    table = pd.read_csv(folder / "study.genotype_models.tsv", sep="\t")
    assert table["n"][0] > 200
    assert "<h2>Classifiers</h2>" in (folder / "study.genotype_models.html").read_text()
    assert (study / "results/cache/genotype_models/ap_spine/1_5_A_G/job.json").exists()


def test_sections_that_need_another_say_so(study, tmp_path):
    (tmp_path / "study.toml").write_text(
        '[study]\nbuild = "GRCh37"\n[genotypes]\nbfile = "g"\n[training]\nregions = ["hip"]\n'
    )
    with pytest.raises(Exception, match=r"training.regions needs images.dicom"):
        run_study(load_config(tmp_path / "study.toml"), BONE_STAGES)


def test_a_column_is_found_in_the_same_tables_by_all(study):
    """Named tables, made tables; sex and age of the records only where no table has them."""
    config = load_config(study / "study.toml")
    tables = people_tables(config)
    assert list(tables)[:-1] == study_tables(config)
    last = list(tables)[-1]
    assert last.endswith("records/study.bmd.tsv")
    names = [name for table in tables.values() for name in table]
    assert len(names) == len(set(names))
    assert "sex" not in tables[last]
    alone = replace(config, phenotypes=PhenotypesSection())
    assert {"sex", "age", "weight"} <= set(people_tables(alone)[last])
    # a stage does not read what it or a later one made
    assert not any("training" in path for path in people_tables(config, before="training"))
    assert any("residuals" in path for path in people_tables(config, before="training"))
