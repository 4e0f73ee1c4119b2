"""Every command inside a finished study without flags: it takes from the study what it needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from made_bone_study import make_bone_study

from gwasbone.cli import COMMANDS, main
from gwasbone.phenotypes.measurements import bmd_measurements

STUDY = """
[phenotypes]
tables = ["data/phenotypes.tsv", "data/covariates.tsv"]
[records]
table = "data/questionnaire.parquet"
measurements = "measurements.tsv"
[training]
regions = ["ap_spine"]
backend = "reference"
architecture = "small"
size = 24
folds = 2
saliency = false
seed = 3
[covariates]
quantitative = ["sex", "age", "PC1-PC2"]
[ancestry]
column = "ethnic_background"
n_components = 2
[relatedness]
min_kinship = 0.2
keep_cases_of = "case"
[pca]
n_components = 2
[association]
traits = ["bmd_spine", "cnn_logit_std"]
[selection]
p_threshold = 1e-2
max_blocks = 2
regions = ["bmd_spine=ap_spine"]
[loci]
p1 = 0.001
regional_plots = 0
[genotype_models]
head = "categorical"
backend = "reference"
architecture = "small"
size = 24
folds = 2
pretrain = false
permutations = 1
stop_at = 1
min_per_class = 5
[comparison]
scans = ["cnn_logit_std", "bmd_spine"]
loci = "simulated truth"
fdr = 0.2
"""

#: What is run, and pairs of files that must be alike: what the command left, and the study's own.
RUNS: dict[str, tuple[tuple[str, str], ...]] = {
    "qc": (("gwasbone.people.tsv.gz", "people/people.tsv.gz"),),
    "ancestry --out near": (("near.groups.tsv", "ancestry/groups.tsv"),),
    "relatedness --out apart": (("apart.pairs.tsv", "relatedness/pairs.tsv"),),
    "prune": (("gwasbone.prune.in", "pca/model.prune.in"),),
    "pca --out pcs": (("pcs.pcs.tsv", "pca/study.pcs.tsv"),),
    "phenotypes": (
        ("gwasbone.cases.tsv", "records/study.cases.tsv"),
        ("gwasbone.bmd.tsv", "records/study.bmd.tsv"),
    ),
    "residuals --out resid": (
        ("resid.residuals.tsv", "residuals/study.residuals.tsv"),
        ("resid.models.tsv", "residuals/study.models.tsv"),
    ),
    "images": (("gwasbone.images/counts.tsv", "images/counts.tsv"),),
    "train": (
        ("gwasbone.cnn.tsv", "training/study.cnn.tsv"),
        ("gwasbone.evaluation.tsv", "training/study.evaluation.tsv"),
        ("gwasbone.left_out.tsv", "training/study.left_out.tsv"),
    ),
    "train --task genotype --out snps": (
        ("snps.genotype_models.tsv", "genotype_models/study.genotype_models.tsv"),
        ("snps.genotype_models.null.tsv", "genotype_models/study.genotype_models.null.tsv"),
    ),
    "predict": (),
    "assoc": (
        ("gwasbone.bmd_spine.tsv.gz", "scans/scan.bmd_spine.tsv.gz"),
        ("gwasbone.cnn_logit_std.tsv.gz", "scans/scan.cnn_logit_std.tsv.gz"),
    ),
    "select": (
        ("gwasbone.selected.tsv", "leads/selected.tsv"),
        ("gwasbone.effects.tsv", "leads/effects.tsv"),
    ),
    "clump": (
        ("gwasbone.clumps.tsv", "loci/clumps.tsv"),
        ("gwasbone.loci.tsv", "loci/loci.tsv"),
    ),
    "compare": (
        ("gwasbone.comparison.tsv", "comparison/comparison.tsv"),
        ("gwasbone.comparison.loci.tsv", "comparison/comparison.loci.tsv"),
    ),
    **{
        f"plot {kind}": () for kind in ("manhattan", "qq", "volcano", "stacked", "miami", "scatter")
    },
    "coloc": (),
    "h2": (),
    "rg": (),
    "mr --clump-p1 0.01 --exploratory-p 0.01": (),
    "report": (),
    "config show": (),
    "config check": (),
    "run": (),
}

#: Commands that take nothing from a study, and why.
MAKERS = {
    "demo": "makes a study, with a folder of its own",
    "simulate": "makes the data of a study",
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of 160 participants that `gwasbone run` has finished."""
    folder = tmp_path_factory.mktemp("commands") / "study"
    toml = make_bone_study(
        folder, STUDY, n_people=160, n_variants=300, n_filler=0, pictures=("ap_spine",)
    )
    measured = bmd_measurements().query("side == 'none'").head(2)
    measured.to_csv(folder / "measurements.tsv", sep="\t", index=False)
    assert main(["run", str(toml), "--threads", "1"]) == 0
    return folder


def results_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file that belongs to the study."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in (folder / "results").rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.name != "study.run.log"
    }


def table_of(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values="#NA")


def test_every_command_is_run_here_or_makes_a_study():
    run = {line.split()[0] for line in RUNS}
    assert run | set(MAKERS) == set(COMMANDS)
    assert not run & set(MAKERS)


@pytest.mark.parametrize("line", RUNS)
def test_a_command_without_flags(study, line, monkeypatch, capsys):
    """It ends well, writes beside the study's results and not into them, and finds the same."""
    monkeypatch.chdir(study)
    before = results_of(study)
    code = main(line.split())
    said = capsys.readouterr()
    assert (code, "error:" in said.err) == (0, False), said.err
    assert said.out
    assert results_of(study) == before
    for ours, theirs in RUNS[line]:
        own = table_of(study / "results" / theirs)
        assert len(own)
        pd.testing.assert_frame_equal(
            table_of(study / ours), own, check_exact=False, rtol=1e-4, atol=1e-6
        )


def test_the_column_that_a_stage_made_is_found_for_images_too(study, monkeypatch, capsys):
    """The fault: `train` did not find `case`, which `assoc --pheno case` did."""
    monkeypatch.chdir(study)
    train = ["train", "--images", "results/cache/images", "--task", "case", "--out", "named"]
    assert main(train) == 0
    assert main(["assoc", "--pheno", "case", "--no-plots", "--out", "named"]) == 0
    capsys.readouterr()
    trained = table_of(study / "named.cnn.tsv")
    pictured = table_of(study / "results" / "cache" / "images" / "index.tsv")
    assert len(trained) == pictured["person"].nunique()
    assert table_of(study / "named.case.tsv.gz")["n"].max() > 50


def test_flags_win_over_the_study(study, monkeypatch):
    monkeypatch.chdir(study)
    assert main(["train", "--folds", "3", "--seed", "3", "--out", "three"]) == 0
    assert set(table_of(study / "three.cnn.tsv")["cnn_fold"]) == {0, 1, 2}
    assert set(table_of(study / "results/training/study.cnn.tsv")["cnn_fold"]) == {0, 1}
    assert main(["residuals", "--model", "nonlinear", "--out", "three"]) == 0
    assert set(table_of(study / "three.models.tsv")["model"]) == {"nonlinear"}


#: What a study without more than genotypes is told by a command: a key, and a flag.
LACKING = {
    "ancestry": ("ancestry.column", "--column"),
    "phenotypes": ("records.table", "--table"),
    "residuals": ("records.table", "--table"),
    "images": ("images.dicom", "--dicom"),
    "train --table data/covariates.tsv": ("images.dicom", "--images"),
    "train --task genotype": ("selection.regions", "--genotypes"),
    "predict": ("training.regions", "--models"),
    "assoc": ("association.traits", "--pheno"),
    "assoc --pheno y": ("phenotypes.tables", "--pheno-file"),
    "select": ("association.traits", "files of summary statistics"),
    "clump": ("association.traits", "files of summary statistics"),
    "compare": ("association.traits", "files of summary statistics"),
    "plot qq": ("association.traits", "files of summary statistics"),
}


@pytest.mark.parametrize("line", LACKING)
def test_what_a_study_lacks_is_named_by_key_and_flag(study, line, tmp_path, monkeypatch, capsys):
    shutil.copytree(study / "data", tmp_path / "data", ignore=shutil.ignore_patterns("images"))
    (tmp_path / "study.toml").write_text(
        '[study]\nbuild = "GRCh37"\n[genotypes]\nbfile = "data/genotypes"\n'
    )
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error:")
    for word in LACKING[line]:
        assert word in error, error


def test_outside_a_study_the_flag_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for line, flag in (
        ("predict", "--models FOLDER"), ("train", "--images FOLDER"), ("residuals", "--table"),
        ("images", "--out"), ("train --task genotype", "--genotypes"), ("phenotypes", "--table"),
    ):  # fmt: skip
        assert main(line.split()) == 2, line
        assert flag in capsys.readouterr().err
