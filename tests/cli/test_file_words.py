"""Unquoted globs: genotype options take the words up to the next flag, scans leave out sidecars."""

from __future__ import annotations

import shutil

import click
import pandas as pd
import pytest
from small_cohort import SmallCohort, gwasbone, make_small_cohort

from gwasbone.cli.file_words import GENOTYPE_FILES, join_file_words
from gwasbone.errors import UsageError


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> SmallCohort:
    return make_small_cohort(tmp_path_factory.mktemp("words") / "cohort")


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ("assoc --vcf 1.vcf 2.vcf --pheno bmd", "assoc --vcf 1.vcf,2.vcf --pheno bmd"),
        (
            "clump a.tsv.gz --bfile 1.bed 1.bim --out o",
            "clump a.tsv.gz --bfile 1.bed,1.bim --out o",
        ),
        ("clump --bgen 1 2 -- a.tsv.gz b.tsv.gz", "clump --bgen 1,2 -- a.tsv.gz b.tsv.gz"),
        ("qc --bfile 1,2 3 --bgen 4", "qc --bfile 1,2,3 --bgen 4"),
        ("select a b --out o", "select a b --out o"),
        ("compare a -- --bfile b c", "compare a -- --bfile b c"),
        ("assoc --vcf", "assoc --vcf"),
    ],
)
def test_words_up_to_the_next_flag(words, joined):
    assert join_file_words(words.split()) == joined.split()
    assert join_file_words(joined.split()) == joined.split()


def _convert(flag: str, words: str) -> tuple[str, list[str]]:
    context = click.Context(click.Command("qc"))
    value = GENOTYPE_FILES[flag].convert(words, None, context)
    return value, context.meta.get("gwasbone.ignored_files", [])


@pytest.mark.parametrize(
    ("flag", "words", "value", "ignored"),
    [
        ("--bfile", "c1.bed c1.bim c1.fam c2.bed c2.bim c2.fam", "c1,c2", ""),
        ("--bfile", "c1.bim c1.log c2.bed lone.fam folder", "c1,c2", "c1.log, lone.fam, folder"),
        ("--bfile", "c1 c2 nowhere", "c1,c2,nowhere", ""),
        ("--bfile", "c*", "c*", ""),
        ("--bfile", "gs://b/c1 gs://b/c2", "gs://b/c1,gs://b/c2", ""),
        ("--bgen", "c1.bgen c1.bgen.bgi c1.log c1.sample", "c1.bgen", "c1.log"),
        ("--vcf", "c1.vcf.gz c1.vcf.gz.tbi c1.bed", "c1.vcf.gz", "c1.bed"),
        ("--vcf", "c1.log", "c1.log", ""),
    ],
)
def test_files_of_one_kind_are_taken_and_others_named(
    flag, words, value, ignored, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in (
        "c1.bed", "c1.bim", "c1.fam", "c1.log", "c2.bed", "c2.bim", "c2.fam", "lone.fam",
        "c1.bgen", "c1.bgen.bgi", "c1.sample", "c1.vcf.gz", "c1.vcf.gz.tbi",
    ):  # fmt: skip
        (tmp_path / name).touch()
    found, said = _convert(flag, words.replace(" ", ","))
    assert found == value
    assert [line.split(" ignored: ")[0] for line in said] == (
        [f"{flag}: {ignored}"] if ignored else []
    )


def test_a_glob_without_a_fileset_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("c1.bim", "c1.log"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"--bfile: expected files that end in \.bed, got c1.bim"):
        _convert("--bfile", "c1.bim,c1.log")


def test_every_genotype_option_takes_a_glob_as_the_shell_writes_it_out(cohort, tmp_path):
    for ending in ("bed", "bim", "fam"):
        shutil.copy(f"{cohort.bfile}.{ending}", tmp_path / f"ukb_chr1.{ending}")
    (tmp_path / "ukb_chr1.log").write_text("of plink\n")
    files = [path.name for path in sorted(tmp_path.iterdir())]
    done = gwasbone("prune", "--bfile", *files, "--build", "GRCh37", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = "--bfile: ukb_chr1.log ignored: expected files that end in .bed"
    assert f"warning: {said}" in done.stderr
    [log_file] = tmp_path.glob("gwasbone*.log")
    log = log_file.read_text()
    assert f"WARNING {said}" in log
    assert "option bfile = ukb_chr1\n" in log


def test_scans_come_first_or_after_two_dashes(cohort, tmp_path):
    scan = tmp_path / "scan.bmd.tsv.gz"
    columns = {
        "chromosome": [1, 1], "base_pair_location": [10, 20], "effect_allele": ["A", "A"],
        "other_allele": ["G", "G"], "beta": [0.1, 0.2], "standard_error": [0.01, 0.1],
        "effect_allele_frequency": [0.5, 0.5], "neg_log_10_p_value": [22.0, 1.3],
        "variant_id": ["1_10_G_A", "1_20_G_A"], "n": [100, 100],
    }  # fmt: skip
    pd.DataFrame(columns).to_csv(scan, sep="\t", index=False)
    beside = tmp_path / "scan.bmd.untested.tsv.gz"
    beside.write_text("not a scan\n")
    words = [str(scan), str(beside)]
    told = ["--build", "GRCh37", "--distance-only", "--out", str(tmp_path / "out"), "--force"]
    genotypes = ["--bfile", cohort.bfile]
    for arguments in (["clump", *words, *told], ["clump", *told, *genotypes, "--", *words]):
        done = gwasbone(*arguments)
        assert (done.returncode, done.stdout[:17]) == (0, "bmd: 1 clumps of "), done.stderr
    done = gwasbone("select", *genotypes, str(scan), *told[:2], "--out", str(tmp_path / "sel"))
    assert done.returncode == 2
    ignored, error = done.stderr.strip().split("\n")
    assert f"--bfile: {scan} ignored: expected files" in ignored
    assert "no scans: give files" in error
