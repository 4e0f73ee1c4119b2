"""qc, ancestry, relatedness, prune, pca, simulate and select from the command line, in a chain."""

from pathlib import Path

import pandas as pd
import pytest

from gwasbone.cli import main
from gwasbone.genome import X

pytestmark = pytest.mark.hail


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    command = ["simulate", "--out", str(folder / "data"), "--people", "300", "--variants", "2500"]
    few = "n_parent_offspring=2 n_siblings=4 n_third_degree=2 n_low_call_people=3 n_segments=46"
    for setting in few.split():
        command += ["--set", setting]
    assert main(command) == 0
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys, hail_session):
    monkeypatch.chdir(folder)

    def run(*words):
        genotypes = ["--bfile", "data/genotypes", "--build", "GRCh37", "--force"]
        assert main([words[0], *genotypes, *words[1:]]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


def test_simulate_writes_a_cohort_and_its_truth(folder):
    made = {p.name for p in (folder / "data").iterdir()}
    expected = {"genotypes.bed", "genotypes.bim", "genotypes.fam", "genotypes.vcf.bgz"}
    assert expected | {"phenotypes.tsv", "covariates.tsv", "truth"} <= made


def test_the_chain_from_qc_to_components(run, folder):
    said = run("qc", "--maf", "0.01", "--out", "qc")
    assert "of 300 samples kept" in said
    people = pd.read_csv(folder / "qc.people.tsv.gz", sep="\t", dtype=str)
    faults = pd.read_csv(folder / "data/truth/people_faults.tsv", sep="\t", dtype=str)
    planted = set(faults.loc[faults["fault"] == "low_call_rate", "IID"])
    flagged = people[people["excluded_by"].fillna("").str.contains("low_call_rate")]
    assert len(planted) == 3
    assert set(flagged["iid"]) == planted
    funnel = pd.read_csv(folder / "qc.funnel.tsv", sep="\t")
    kept = funnel[funnel["of"] == "people"]["remaining"].iloc[-1]
    assert len((folder / "qc.keep.txt").read_text().splitlines()) == kept
    assert "<title>Quality control</title>" in (folder / "qc.qc.html").read_text()

    lists = ("--keep", "qc.keep.txt", "--extract", "qc.extract.txt")
    table = ("--table", "data/covariates.tsv", "--column", "ethnic_background")
    said = run("ancestry", *lists, *table, "--components", "4", "--out", "anc")
    groups = pd.read_csv(folder / "anc.groups.tsv", sep="\t", index_col=0)
    assert groups.loc["British", "kept"] >= 0.95 * groups.loc["British", "people"]
    assert groups.loc["African", "kept"] <= 1

    lists = ("--keep", "anc.keep.txt", "--extract", "qc.extract.txt")
    said = run("relatedness", *lists, "--out", "rel")
    assert "related pairs" in said
    pairs = pd.read_csv(folder / "rel.pairs.tsv", sep="\t", dtype={"id1": str, "id2": str})
    truth = pd.read_csv(folder / "data/truth/relatives.tsv", sep="\t", dtype=str)
    close = truth[truth["degree"].astype(int) == 1]
    names = {frozenset(row) for row in pairs[["id1", "id2"]].to_numpy()}
    kept = set(pd.read_csv(folder / "anc.keep.txt", sep="\t", header=None, dtype=str)[1])
    first, second = close.columns[:2]
    both = close[close[first].isin(kept) & close[second].isin(kept)]
    assert len(both) > 0
    assert all(frozenset(row) in names for row in both[[first, second]].to_numpy())

    lists = ("--keep", "rel.keep.txt", "--extract", "qc.extract.txt")
    said = run("pca", *lists, "--components", "3", "--out", "pcs")
    scores = pd.read_csv(folder / "pcs.pcs.tsv", sep="\t", dtype={"id": str})
    assert [*scores.columns[1:]] == ["FID", "IID", "PC1", "PC2", "PC3"]
    assert len(pd.read_csv(folder / "pcs.eigenvalues.tsv", sep="\t")) == 3

    # the same of the variants that it kept, without looking for pairs to prune and without a page
    pruned = ("--keep", "rel.keep.txt", "--extract", "pcs.prune.in", "--no-prune", "--no-plots")
    run("pca", *pruned, "--components", "3", "--out", "again")
    again = pd.read_csv(folder / "again.pcs.tsv", sep="\t", dtype={"id": str})
    pd.testing.assert_frame_equal(again, scores, atol=1e-6)
    made = {path.name for path in folder.glob("again.*")}
    assert made == {
        f"again.{x}" for x in ("pcs.tsv", "loadings.tsv.gz", "eigenvalues.tsv", "pca.log")
    }


def test_prune_writes_what_extract_takes(run, folder):
    said = run("prune", "--r2", "0.2", "--chr", "1-3", "--out", "pr")
    ids = (folder / "pr.prune.in").read_text().split()
    assert f"{len(ids):,} of" in said
    again = run("prune", "--extract", "pr.prune.in", "--r2", "0.2", "--out", "pr2")
    assert f"{len(ids):,} of {len(ids):,} variants" in again
    assert X not in {int(i.split(":")[0]) for i in ids if ":" in i}


def test_pruning_that_leaves_nothing_is_an_error(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    one = " ".join((folder / "data/genotypes.fam").read_text().split()[:2])
    (folder / "one.txt").write_text(f"{one}\n")
    genotypes = ["--bfile", "data/genotypes", "--build", "GRCh37", "--keep", "one.txt"]
    assert main(["prune", *genotypes, "--engine", "blocks", "--out", "none"]) == 1
    assert "expected variants that vary among 1 participants kept" in capsys.readouterr().err
    assert not (folder / "none.prune.in").exists()


def test_scan_and_select(run, folder):
    tables = ("--pheno-file", "data/phenotypes.tsv", "--covar-file", "data/covariates.tsv")
    run("assoc", "--pheno", "bmd_hip", *tables, "--covar", "age,sex", "--no-plots", "--out", "scan")
    # as a shell expands scan.*.tsv.gz
    scans = sorted(path.name for path in folder.glob("scan.*.tsv.gz"))
    assert scans == ["scan.bmd_hip.tsv.gz", "scan.bmd_hip.untested.tsv.gz"]
    assert main(["select", *scans, "--p", "0.01", "--max-blocks", "5"]) == 0
    leads = pd.read_csv(folder / "gwasbone.leads.tsv", sep="\t", dtype={"chromosome": str})
    assert leads["trait"].tolist() == ["bmd_hip"] * len(leads)
    assert 0 < len(leads) <= 5
    assert (leads["neg_log_10_p_value"].diff().dropna() <= 0).all()


def test_the_list_of_relatedness_remove_is_no_option_of_the_method(tmp_path, monkeypatch, capfd):
    """[relatedness] has a key remove too, which is true or false."""
    monkeypatch.chdir(tmp_path)
    arguments = ["relatedness", "--bfile", "none", "--build", "GRCh37", "--remove", "list.txt"]
    assert main(arguments) == 1
    said = capfd.readouterr().err
    assert "none" in said
    assert "true or false" not in said
