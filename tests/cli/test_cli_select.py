"""``gwasbone select``: from scans to SNPs of regions, genotypes and genotype effects."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from small_cohort import left_by, make_small_cohort, one_line_error

from gwasbone.cli import main
from gwasbone.loci.options import regions_of_scans
from gwasbone.loci.region_selection import PAIR_COLUMNS

TRAITS = ("bmd_femur_neck_left", "resid_bmd_total", "bmd_hip")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A cohort of 200, and scans of three traits of it; one has no measurement in its name."""
    folder = tmp_path_factory.mktemp("select")
    cohort = make_small_cohort(folder / "cohort")
    table = pd.read_csv(cohort.phenotypes, sep="\t", dtype={"FID": str, "IID": str})
    rng = np.random.default_rng(1)
    table = table.assign(
        bmd_femur_neck_left=table["bmd_hip"],
        resid_bmd_total=table["bmd_hip"] + rng.normal(0, table["bmd_hip"].std() / 3, len(table)),
    )
    table.to_csv(folder / "people.tsv", sep="\t", index=False, na_rep="NA")
    arguments = cohort.assoc(folder / "scan", "--no-plots", pheno=",".join(TRAITS))
    arguments[arguments.index("--pheno-file") + 1] = str(folder / "people.tsv")
    assert main([*arguments, "--format", "ssf,parquet"]) == 0
    return folder, cohort, [f"{folder}/scan.{trait}.tsv.gz" for trait in TRAITS]


def genotype_flags(cohort):
    return ["--bfile", cohort.bfile, "--build", "GRCh37"]


def test_scans_alone(made, tmp_path, capsys):
    _, _, scans = made
    out = tmp_path / "leads"
    assert main(["select", *scans, "--p", "0.01", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "No LD pruning was done, since no genotypes were given" in said
    assert "scans in no region, not selected from: bmd_hip" in said
    pairs = pd.read_csv(f"{out}.selected.tsv", sep="\t")
    assert tuple(pairs.columns) == PAIR_COLUMNS
    assert set(pairs["region"]) == {"left_hip", "whole_body"}
    assert (pairs.groupby("region").size() <= 12).all()
    assert left_by(out) == [
        "leads.leads.tsv", "leads.selected.html", "leads.selected.tsv", "leads.selection.json",
    ]  # fmt: skip
    assert "No LD pruning was done" in (tmp_path / "leads.selected.html").read_text()
    assert set(pd.read_csv(f"{out}.leads.tsv", sep="\t")["trait"]) == set(TRAITS)


def test_genotypes_and_effects(made, tmp_path, capsys):
    folder, cohort, scans = made
    out = tmp_path / "all"
    flags = [
        *genotype_flags(cohort), "--pheno-file", str(folder / "people.tsv"), "--covar-file",
        cohort.covariates, "--covar", "age,sex", "--region", "bmd_hip=hip", "--p", "0.01",
    ]  # fmt: skip
    assert main(["select", *scans, *flags, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "by pruning: r² below 0.9 within 10 Mb" in said
    pairs = pd.read_csv(f"{out}.selected.tsv", sep="\t")
    assert set(pairs["region"]) == {"left_hip", "hip", "whole_body"}
    # the same trait under two names selects the same SNPs
    of = {r: set(rows["variant_id"]) for r, rows in pairs.groupby("region")}
    assert of["left_hip"] == of["hip"]

    genotypes = pd.read_parquet(f"{out}.genotypes.parquet")
    assert genotypes.columns[0] == "IID"
    assert set(genotypes.columns[1:]) == set(pairs["variant_id"])
    fam = pd.read_csv(f"{cohort.bfile}.fam", sep=r"\s+", header=None, dtype=str)
    assert genotypes["IID"].tolist() == fam[1].tolist()
    scan = pd.read_csv(scans[0], sep="\t").set_index("variant_id")
    for name in genotypes.columns[1:]:
        g = genotypes[name]
        frequency = scan.loc[name, "effect_allele_frequency"]
        assert g.mean() / 2 == pytest.approx(frequency, abs=0.02)

    effects = pd.read_csv(f"{out}.effects.tsv", sep="\t")
    assert set(effects["trait"]) == set(TRAITS)
    assert len(effects) == 3 * 3 * pairs["variant_id"].nunique()
    assert "Adjusted for: age, sex" in (tmp_path / "all.effects.html").read_text()
    facts = json.loads((tmp_path / "all.selection.json").read_text())
    assert facts["pruned_by"] == "ld"

    # as the folder of a stage the figures are drawn again
    selected = (tmp_path / "all.selected.html").read_text()
    headings = re.findall("<h2>(.*?)</h2>", selected)
    assert headings == ["SNPs of each region", "Regions of each SNP"]
    effects = (tmp_path / "all.effects.html").read_text()
    assert effects.count("<h2>") == min(8, pairs["variant_id"].nunique())


def test_a_parquet_file_of_many_traits_selects_the_same(made, tmp_path):
    folder, _, scans = made
    assert main(["select", *scans, "--p", "0.01", "--out", str(tmp_path / "ssf")]) == 0
    wide = str(folder / "scan.parquet")
    assert main(["select", wide, "--p", "0.01", "--out", str(tmp_path / "wide")]) == 0
    ssf, parquet = (pd.read_csv(tmp_path / f"{n}.selected.tsv", sep="\t") for n in ("ssf", "wide"))
    # SSF files hold the digits of a float32
    pd.testing.assert_frame_equal(ssf, parquet, rtol=1e-5)


def test_nothing_selected_leaves_no_pictures_of_an_earlier_run(made, tmp_path, capsys):
    _, cohort, scans = made
    out = tmp_path / "o"
    arguments = ["select", *scans, *genotype_flags(cohort), "--out", str(out)]
    assert main([*arguments, "--p", "0.01"]) == 0
    assert (tmp_path / "o.genotypes.parquet").exists()
    assert main(arguments) == 1
    assert main([*arguments, "--p", "1e-200", "--force"]) == 0
    assert f"scans with no p below 1e-200: {', '.join(TRAITS)}" in capsys.readouterr().out
    assert left_by(out) == ["o.leads.tsv", "o.selected.tsv", "o.selection.json"]
    assert pd.read_csv(tmp_path / "o.selected.tsv", sep="\t").empty


def test_wrong_input_is_one_line(made, tmp_path, capfd):
    folder, cohort, scans = made
    out = ["--out", str(tmp_path / "o")]
    error = one_line_error(["select", str(folder / "none.tsv.gz"), *out], capfd)
    assert "none.tsv.gz: no such file" in error
    error = one_line_error(["select", str(folder / "people.tsv"), *out], capfd)
    assert "are those of no known format" in error
    error = one_line_error(["select", scans[0], scans[0], *out], capfd, code=2)
    assert "both hold a scan called bmd_femur_neck_left" in error
    error = one_line_error(["select", *scans, "--region", "bmd_hip=toe", *out], capfd, code=2)
    assert "expected some of ap_spine" in error
    error = one_line_error(["select", *scans, "--region", "bmd_hip", *out], capfd, code=2)
    assert "expected TRAIT=REGION" in error
    error = one_line_error(["select", *scans, "--region", "x=hip", *out], capfd, code=2)
    assert "x is no scan" in error
    error = one_line_error(
        ["select", *scans, "--pheno-file", str(folder / "people.tsv"), *out], capfd, code=2
    )
    assert "means by genotype need genotypes" in error
    error = one_line_error(["select", *scans, "--r2", "7", *out], capfd, code=2)
    assert "7.0 is not in the range 0.0<x<=1.0" in error
    error = one_line_error(["select", *scans, "--region-map", scans[0], *out], capfd)
    assert "expected a region map" in error
    assert left_by(tmp_path / "o") == []
    assert cohort is not None


def test_flags_of_regions():
    assert regions_of_scans(["a=hip, knee", "b=hip"]) == {"a": ("hip", "knee"), "b": ("hip",)}
