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
from bench_timing import GWASBONE, PLINK2, THREADS, gwasbone, plink2

ONE, MANY = TRAITS[:1], TRAITS

only_if_large = pytest.mark.skipif(
    os.environ.get("GWASBONE_BENCH_LARGE") != "1", reason="set GWASBONE_BENCH_LARGE=1"
)
LARGE_IF_WANTED = pytest.param(LARGE, marks=only_if_large)

ALL_SIZES = pytest.mark.parametrize("size", [SMALL, MEDIUM, LARGE_IF_WANTED], ids=str)
# On the small cohort the start of the JVM is most of any command: the logistic scan shows it.
WITHOUT_SMALL = pytest.mark.parametrize("size", [MEDIUM, LARGE_IF_WANTED], ids=str)
SMALL_ONLY = pytest.mark.parametrize("size", [SMALL], ids=str)

JOB_BED = "linear, 1 trait, bed"
JOB_VCF = "linear, 1 trait, VCF"
JOB_MANY = "linear, 20 traits, bed"
JOB_LOGISTIC = "logistic, 1 trait, bed"


@ALL_SIZES
def test_linear_one_trait_bed(size, tool, data, stopwatch):
    """``gwasbone assoc --bfile --engine blocks``. Peer: ``plink2 --bfile --glm``."""
    files = data(size)
    commands = scan_commands(tool, files, ["--bfile", files.bfile], ONE, engine="blocks")
    makes = scan_output(tool, ONE[0])
    stopwatch.shell(JOB_BED, tool, size, commands, makes=makes, engine="blocks")


@ALL_SIZES
def test_linear_twenty_traits_bed(size, tool, data, stopwatch):
    """``gwasbone assoc --bfile --engine blocks``, 20 traits. Peer: ``plink2 --bfile --glm``, one
    command."""
    files = data(size)
    commands = scan_commands(tool, files, ["--bfile", files.bfile], MANY, engine="blocks")
    makes = scan_output(tool, MANY[-1])
    stopwatch.shell(JOB_MANY, tool, size, commands, makes=makes, engine="blocks")


@WITHOUT_SMALL
@pytest.mark.parametrize(("job", "traits"), [(JOB_BED, ONE), (JOB_MANY, MANY)], ids=["one", "many"])
def test_linear_bed_by_hail(size, job, traits, data, stopwatch):
    """``gwasbone assoc --bfile --engine hail``. Peer: that of the block engine."""
    files = data(size)
    commands = scan_commands(GWASBONE, files, ["--bfile", files.bfile], traits, engine="hail")
    makes = scan_output(GWASBONE, traits[-1])
    stopwatch.shell(job, GWASBONE, size, commands, makes=makes, engine="hail")


@WITHOUT_SMALL
def test_linear_one_trait_vcf(size, tool, data, stopwatch):
    """``gwasbone assoc --vcf``. Peer: ``plink2 --vcf --glm``, which converts first."""
    files = data(size)
    genotypes = ["--vcf", files.vcf, *(["--double-id"] if tool == PLINK2 else [])]
    commands = scan_commands(tool, files, genotypes, ONE, engine="hail")
    makes = scan_output(tool, ONE[0])
    stopwatch.shell(JOB_VCF, tool, size, commands, makes=makes, engine="hail")


@SMALL_ONLY
def test_logistic_bed(size, tool, data, stopwatch):
    """``gwasbone assoc --method logistic``: score, and Firth where p < 0.05. Peer: ``plink2
    --glm firth-fallback``: Wald, and Firth only where that does not converge."""
    files = data(size)
    own = tool == GWASBONE
    options = ["--method", "logistic", "--binary-coding", "01"] if own else ["--1"]
    commands = scan_commands(
        tool, files, ["--bfile", files.bfile], [CASES], *options, engine="hail"
    )
    makes = scan_output(tool, CASES, model="logistic.hybrid")
    stopwatch.shell(JOB_LOGISTIC, tool, size, commands, makes=makes, engine="hail")


@ALL_SIZES
@pytest.mark.parametrize(("job", "traits"), [(JOB_BED, ONE), (JOB_MANY, MANY)], ids=["one", "many"])
@pytest.mark.parametrize("engine", ["blocks", "hail"])
def test_linear_bed_in_session(size, job, traits, engine, data, stopwatch, hail_session):
    """``read_genotypes(bfile=...)`` and ``associate``. Peer: ``plink2 --bfile --glm``."""
    files = data(size)
    genotypes = {"bfile": str(files.bfile), "build": BUILD}
    scan_in_session(job, files, stopwatch, traits, engine=engine, **genotypes)


@WITHOUT_SMALL
def test_linear_one_trait_vcf_in_session(size, data, stopwatch, hail_session):
    """``read_genotypes(vcf=...)`` and ``associate``. Peer: ``plink2 --vcf --glm``."""
    files = data(size)
    genotypes = {"vcf": str(files.vcf), "build": BUILD}
    scan_in_session(JOB_VCF, files, stopwatch, ONE, engine="hail", **genotypes)


def scan_commands(
    tool: str,
    data: BenchData,
    genotypes: Sequence[str | Path],
    traits: Sequence[str],
    *options: str,
    engine: str,
) -> list[list[str]]:
    """One scan of the traits by a program, with the six covariates."""
    if tool == GWASBONE:
        files = ["--pheno-file", data.traits, "--covar-file", data.covariates]
        names = ["--pheno", ",".join(traits), "--covar", ",".join(COVARIATES)]
        how = ["--build", BUILD, "--no-plots", "--engine", engine]
        return [gwasbone("assoc", *genotypes, *how, *files, *names, *options)]
    files = ["--pheno", data.traits, "--covar", data.covariates]
    names = ["--pheno-name", ",".join(traits)]
    model = ["--glm", "hide-covar", "omit-ref", "log10", "cols=+a1freq"]
    return [plink2(*genotypes, *files, *names, *model, *options)]


def scan_output(tool: str, trait: str, model: str = "linear") -> str:
    """The file that a scan leaves for a trait."""
    return f"out.{trait}.tsv.gz" if tool == GWASBONE else f"out.{trait}.glm.{model}"


def scan_in_session(
    job: str,
    data: BenchData,
    stopwatch: Any,
    traits: Sequence[str],
    *,
    engine: str,
    **genotypes: str,
) -> None:
    """Time reading and scanning; the tables that come back must hold every variant."""
    import gwasbone as gb
    from gwasbone.phenotypes.table import read_people_table

    phenotypes = read_people_table(data.traits).join(
        read_people_table(data.covariates)[list(COVARIATES)]
    )

    def work() -> Any:
        cohort = gb.read_genotypes(**genotypes)
        return gb.associate(
            cohort, traits, COVARIATES, phenotypes=phenotypes, engine=engine, threads=THREADS
        )

    results = stopwatch.session(job, data.size, work, engine=engine)
    assert len(results.table(traits[-1])) == data.size.n_variants
