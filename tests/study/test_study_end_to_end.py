"""A small simulated study through ``gwasbone run``: all stages, skipped, killed and resumed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from gwasbone.cli import main
from gwasbone.simulate import SimulationSettings, simulate_cohort

pytestmark = pytest.mark.hail

STAGES = [
    "records", "residuals", "images", "training",
    "genotypes", "people", "ancestry", "relatedness", "variants", "pca", "scans", "leads", "loci",
    "comparison", "genotype_models", "report",
]  # fmt: skip

STUDY = """
[study]
name = "Spines & hips"
build = "GRCh37"
[genotypes]
bfile = "data/genotypes"
[phenotypes]
tables = ["data/phenotypes.tsv", "data/covariates.tsv"]
[covariates]
quantitative = ["sex", "age", "PC1-PC2"]
[qc]
min_x_variants = 5
min_x_heterozygotes = 2
[ancestry]
column = "ethnic_background"
n_components = 2
[pca]
n_components = 2
[association]
traits = ["bmd_spine", "null_trait"]
[selection]
p_threshold = 1e-3
[loci]
p1 = 0.001
window_kb = 2000
genes = "genes.tsv"
genes_build = "GRCh37"
regional_plots = 2
"""

GENES = "".join(
    ["chromosome\tstart\tend\tgene\n"]
    + [f"{c}\t{i}000001\t{i}500000\tG{c}_{i}\n" for c in (1, 2, 3, "X") for i in range(150)]
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study folder that nothing was run in."""
    folder = tmp_path_factory.mktemp("study") / "made"
    settings = SimulationSettings(
        n_people=260, n_variants=600, n_segments=6, chromosomes=(1, 2, 3, 23), n_causal=8,
        n_planted=1, n_parent_offspring=2, n_siblings=3, n_third_degree=0, n_low_call_people=2,
        n_sex_mismatches=2, n_heterozygosity_outliers=2, n_batch_variants=2, n_hwe_variants=5,
        n_low_call_variants=5, seed=5,
    )  # fmt: skip
    simulate_cohort(settings, folder / "data", formats=["plink"])
    (folder / "study.toml").write_text(STUDY)
    (folder / "genes.tsv").write_text(GENES)
    return folder


@pytest.fixture(scope="module")
def finished(hail_session, made: Path) -> Path:
    """The study after an uninterrupted run."""
    folder = made.with_name("finished")
    shutil.copytree(made, folder)
    assert main(["run", str(folder / "study.toml")]) == 0
    return folder


def _records(folder: Path) -> dict[str, dict[str, object]]:
    return {
        name: json.loads((folder / "results" / name / "stage.json").read_text())
        for name in STAGES
        if (folder / "results" / name).exists()
    }


def test_all_stages_run_and_leave_their_pages(finished):
    records = _records(finished)
    assert list(records) == STAGES
    results = finished / "results"
    pages = {str(p.relative_to(results)) for p in results.glob("*/*.html")}
    assert pages == {
        "people/people.html", "ancestry/ancestry.html", "variants/variants.html", "pca/pca.html",
        "report/report.html", "loci/regional.html",
        *(f"scans/scan.{t}.{kind}.html" for t in ("bmd_spine", "null_trait")
          for kind in ("manhattan", "qq")),
    }  # fmt: skip
    report = (results / "report" / "report.html").read_text()
    assert "<h1>Spines &amp; hips</h1>" in report
    assert "bmd_spine: Manhattan plot." in report
    assert "Not part of this study: no records.table in study.toml" in report
    log = (results / "study.run.log").read_text()
    assert "stage scans runs: not run yet" in log


def test_decisions_are_carried_from_stage_to_stage(finished):
    results = finished / "results"
    people = pd.read_csv(results / "people" / "people.tsv.gz", sep="\t", keep_default_na=False)
    faults = pd.read_csv(finished / "data" / "truth" / "people_faults.tsv", sep="\t")
    mismatched = faults.loc[faults["fault"].str.contains("sex"), "IID"]
    reasons = people.set_index(people["iid"].astype(int))["excluded_by"]
    assert reasons[mismatched].str.contains("sex").all()
    scan = pd.read_csv(results / "scans" / "scan.bmd_spine.tsv.gz", sep="\t", na_values="#NA")
    kept = int(_records(finished)["relatedness"]["summary"].split("; ")[1].split(" of ")[0])
    assert scan["n"].max() <= kept < 260
    kept_variants = int(_records(finished)["variants"]["summary"].split(" of ")[0])
    untested = pd.read_csv(results / "scans" / "scan.bmd_spine.untested.tsv.gz", sep="\t")
    assert len(scan) + len(untested) == kept_variants < 600


def test_a_second_run_has_nothing_to_do(finished, capsys):
    before = {p: p.stat().st_mtime_ns for p in (finished / "results").glob("*/*")}
    assert main(["run", str(finished / "study.toml")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == STAGES
    assert all(line.endswith("up to date") for line in lines)
    assert before == {p: p.stat().st_mtime_ns for p in (finished / "results").glob("*/*")}
    assert main(["config", "check", str(finished / "study.toml")]) == 0
    assert "would run" not in capsys.readouterr().out


def test_a_later_option_reruns_only_what_depends_on_it(finished, capsys):
    study = finished / "study.toml"
    study.write_text(STUDY.replace("1e-3", "1e-2"))
    assert main(["config", "check", str(study)]) == 0
    text = capsys.readouterr().out
    assert "leads        would run: options changed" in text
    assert "report       would run: options changed" in text
    assert "genotype_models would run: after leads" in text
    assert text.count("would run") == 3
    assert main(["run", str(study)]) == 0
    lines = capsys.readouterr().out.splitlines()
    ran = [line.split()[0] for line in lines if "up to date" not in line]
    assert ran == ["leads", "genotype_models", "report"]
    study.write_text(STUDY)


def test_a_command_in_the_folder_uses_what_the_study_decided(finished, monkeypatch, capfd):
    """The same scan as the study's own, with no flag but the trait."""
    monkeypatch.chdir(finished)
    assert main(["assoc", "--pheno", "bmd_spine", "--out", "again/scan", "--no-plots"]) == 0
    assert capfd.readouterr().err == ""
    ours, theirs = (
        pd.read_csv(f"{prefix}.bmd_spine.tsv.gz", sep="\t", na_values="#NA")
        for prefix in ("again/scan", "results/scans/scan")
    )
    pd.testing.assert_frame_equal(ours, theirs, check_exact=False, rtol=1e-4, atol=1e-6)


#: Folders in which stages are on their way.
STAGED = ".gwasbone-run-*"


def test_killed_and_resumed_gives_the_same_files(finished):
    """Killed while it scans.

    Not in the stage of the components: sums over Spark's partitions differ in the last digit
    from run to run, and with them the covariates.
    """
    folder = finished.with_name("killed")
    shutil.copytree(finished, folder)
    for name in STAGES[STAGES.index("scans") :]:
        shutil.rmtree(folder / "results" / name)
    study = str(folder / "study.toml")
    command = [sys.executable, "-m", "gwasbone.cli", "run", study, "--memory", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    results = folder / "results"
    waited = time.monotonic()
    while not list(results.glob(f"{STAGED}/files/scans")):
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() - waited < 300
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert list(_records(folder)) == STAGES[: STAGES.index("scans")]
    assert list(results.glob(STAGED))

    assert main(["run", study]) == 0
    assert list(_records(folder)) == STAGES
    assert not list(results.glob(STAGED))
    compared = sorted(p.name for p in (folder / "results" / "scans").glob("*.tsv.gz"))
    assert len(compared) == 4
    for name in compared:
        ours, theirs = (f / "results" / "scans" / name for f in (folder, finished))
        assert ours.read_bytes() == theirs.read_bytes(), name


def test_loci_of_all_scans_with_genes_and_pictures(finished):
    folder = finished / "results" / "loci"
    loci = pd.read_csv(folder / "loci.tsv", sep="\t", keep_default_na=False)
    clumps = pd.read_csv(folder / "clumps.tsv", sep="\t", keep_default_na=False)
    counts = clumps["trait"].value_counts()
    assert loci.groupby("trait")["n_clumps"].sum().to_dict() == counts.to_dict()
    assert (loci["nearest_gene"].str.startswith("G")).all()
    drawn = re.findall("<h2>(.*?)</h2>", (folder / "regional.html").read_text())
    assert 1 <= len(drawn) <= 2
    best = loci.loc[loci["neg_log_10_p_value"].idxmax()]
    heading = f"{best['trait']}: {best['chromosome']}:{best['base_pair_location']:,}"
    assert drawn[0].startswith(heading)
    assert f"near {best['nearest_gene']}" in drawn[0]


def test_clump_in_the_folder_takes_all_of_the_study(finished, monkeypatch, capsys):
    monkeypatch.chdir(finished)
    assert main(["clump", "--out", "mine"]) == 0
    pd.testing.assert_frame_equal(
        *(pd.read_csv(p, sep="\t") for p in ("mine.loci.tsv", "results/loci/loci.tsv"))
    )
    assert not (finished / "mine.regional.html").exists()
