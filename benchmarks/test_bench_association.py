"""Association scans of simulated cohorts, timed beside PLINK 2.

``In session`` is reading the files and scanning them with Hail already running. Pages are left
out (``--no-plots``), since the peer draws none.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bench_data import BUILD, CASES, COVARIATES, LARGE, MEDIUM, SMALL, TRAITS, BenchData
from bench_timing import GWASBONE, PLINK2, gwasbone, plink2

ONE, MANY = TRAITS[:1], TRAITS

only_if_large = pytest.mark.skipif(
    os.environ.get("GWASBONE_BENCH_LARGE") != "1", reason="set GWASBONE_BENCH_LARGE=1"
)
LARGE_IF_WANTED = pytest.param(LARGE, marks=only_if_large)

# On the small cohort the start of the JVM is most of any command: one kind of scan shows it.
ALL_SIZES = pytest.mark.parametrize("size", [SMALL, MEDIUM, LARGE_IF_WANTED], ids=str)
WITHOUT_SMALL = pytest.mark.parametrize("size", [MEDIUM, LARGE_IF_WANTED], ids=str)

JOB_BED = "linear, 1 trait, 6 covariates, bed"
JOB_VCF = "linear, 1 trait, 6 covariates, VCF"
JOB_MANY = "linear, 20 traits, 6 covariates, bed"
JOB_LOGISTIC = "logistic, 1 trait, 6 covariates, bed"


def scan_commands(
    tool: str,
    data: BenchData,
    genotypes: Sequence[str | Path],
    traits: Sequence[str],
    *options: str,
) -> list[list[str]]:
    """One scan of the traits by a program, with the six covariates."""
    if tool == GWASBONE:
        files = ["--pheno-file", data.traits, "--covar-file", data.covariates]
        names = ["--pheno", ",".join(traits), "--covar", ",".join(COVARIATES)]
        build = ["--build", BUILD, "--no-plots"]
        return [gwasbone("assoc", *genotypes, *build, *files, *names, *options)]
    files = ["--pheno", data.traits, "--covar", data.covariates]
    names = ["--pheno-name", ",".join(traits)]
    model = ["--glm", "hide-covar", "omit-ref", "log10", "cols=+a1freq"]
    return [plink2(*genotypes, *files, *names, *model, *options)]


def scan_output(tool: str, trait: str, model: str = "linear") -> str:
    """The file that a scan leaves for a trait."""
    return f"out.{trait}.tsv.gz" if tool == GWASBONE else f"out.{trait}.glm.{model}"


@ALL_SIZES
def test_linear_one_trait_bed(size, tool, data, stopwatch):
    """``gwasbone assoc --bfile``. Peer: ``plink2 --bfile --glm``."""
    files = data(size)
    commands = scan_commands(tool, files, ["--bfile", files.bfile], ONE)
    stopwatch.shell(JOB_BED, tool, size, commands, makes=scan_output(tool, ONE[0]))


@WITHOUT_SMALL
def test_linear_one_trait_vcf(size, tool, data, stopwatch):
    """``gwasbone assoc --vcf``. Peer: ``plink2 --vcf --glm``, which converts first."""
    files = data(size)
    genotypes = ["--vcf", files.vcf, *(["--double-id"] if tool == PLINK2 else [])]
    commands = scan_commands(tool, files, genotypes, ONE)
    stopwatch.shell(JOB_VCF, tool, size, commands, makes=scan_output(tool, ONE[0]))


@WITHOUT_SMALL
def test_linear_twenty_traits_bed(size, tool, data, stopwatch):
    """``gwasbone assoc --bfile`` with 20 traits. Peer: ``plink2 --bfile --glm``, one command."""
    files = data(size)
    commands = scan_commands(tool, files, ["--bfile", files.bfile], MANY)
    stopwatch.shell(JOB_MANY, tool, size, commands, makes=scan_output(tool, MANY[-1]))


@pytest.mark.parametrize("size", [SMALL], ids=str)
def test_logistic_bed(size, tool, data, stopwatch):
    """``gwasbone assoc --method logistic``: score, and Firth where p < 0.05. Peer: ``plink2
    --glm firth-fallback``: Wald, and Firth only where that does not converge."""
    files = data(size)
    own = tool == GWASBONE
    options = ["--method", "logistic", "--binary-coding", "01"] if own else ["--1"]
    commands = scan_commands(tool, files, ["--bfile", files.bfile], [CASES], *options)
    makes = scan_output(tool, CASES, model="logistic.hybrid")
    stopwatch.shell(JOB_LOGISTIC, tool, size, commands, makes=makes)


@ALL_SIZES
def test_linear_one_trait_bed_in_session(size, data, stopwatch, hail_session):
    """``read_genotypes`` and ``associate``. Peer: that of the command."""
    files = data(size)
    scan_in_session(JOB_BED, files, stopwatch, ONE, bfile=str(files.bfile), build=BUILD)


@WITHOUT_SMALL
def test_linear_one_trait_vcf_in_session(size, data, stopwatch, hail_session):
    """``read_genotypes`` and ``associate``. Peer: that of the command."""
    files = data(size)
    scan_in_session(JOB_VCF, files, stopwatch, ONE, vcf=str(files.vcf), build=BUILD)


@WITHOUT_SMALL
def test_linear_twenty_traits_bed_in_session(size, data, stopwatch, hail_session):
    """``read_genotypes`` and ``associate`` with 20 traits. Peer: that of the command."""
    files = data(size)
    scan_in_session(JOB_MANY, files, stopwatch, MANY, bfile=str(files.bfile), build=BUILD)


def scan_in_session(
    job: str, data: BenchData, stopwatch: Any, traits: Sequence[str], **genotypes: str
) -> None:
    """Time reading and scanning; the tables that come back must hold every variant."""
    import gwasbone as gb
    from gwasbone.phenotypes.table import read_people_table

    phenotypes = read_people_table(data.traits).join(
        read_people_table(data.covariates)[list(COVARIATES)]
    )

    def work() -> Any:
        cohort = gb.read_genotypes(**genotypes)
        return gb.associate(cohort, traits, COVARIATES, phenotypes=phenotypes)

    results = stopwatch.session(job, data.size, work)
    assert len(results.table(traits[-1])) == data.size.n_variants
