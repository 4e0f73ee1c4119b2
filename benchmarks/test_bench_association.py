"""Association scans, timed beside PLINK 2.

Pages are left out (``--no-plots``), since the peer draws none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from bench_data import (
    BUILD,
    CASES,
    COVARIATES,
    LINKED,
    SCAN,
    TRAITS,
    BenchData,
    linked_data,
    random_data,
)
from bench_targets import JOB_BINARY, JOB_MANY, JOB_ONE, JOB_PARQUET, JOB_SSF, N_MANY
from bench_timing import GWASBONE, PLINK2, gwasbone, plink2

MANY = TRAITS[:N_MANY]


def test_linear_one_trait(tool, stopwatch):
    """``gwasbone assoc``. Peer: ``plink2 --glm``, which writes plain text."""
    commands = scan_commands(tool, random_data(SCAN), TRAITS[:1])
    stopwatch.shell(JOB_ONE, tool, SCAN, commands, makes=scan_output(tool, TRAITS[0]))


@pytest.mark.parametrize(
    ("job", "kind", "makes"),
    [
        (JOB_PARQUET, "parquet", "out.parquet"),
        (JOB_SSF, "ssf", f"out.{MANY[-1]}.tsv.gz"),
    ],
    ids=["parquet", "ssf"],
)
def test_linear_many_traits(job, kind, makes, stopwatch):
    """``gwasbone assoc --format parquet``, and ``--format ssf``."""
    commands = scan_commands(GWASBONE, random_data(SCAN), MANY, "--format", kind)
    stopwatch.shell(job, GWASBONE, SCAN, commands, makes=makes)


def test_linear_many_traits_by_plink2(plink2_only, stopwatch):
    """The peer of both: ``plink2 --glm`` with all traits in one command, once."""
    commands = scan_commands(PLINK2, random_data(SCAN), MANY)
    makes = scan_output(PLINK2, MANY[-1])
    stopwatch.shell(JOB_MANY, PLINK2, SCAN.once, commands, makes=makes)


def test_binary(tool, stopwatch):
    """``gwasbone assoc --method logistic``: score, and Firth where p < 0.05. Peer: ``plink2
    --glm firth-fallback``: Wald, and Firth only where that does not converge; once."""
    own = tool == GWASBONE
    options = ["--method", "logistic", "--binary-coding", "01"] if own else ["--1"]
    commands = scan_commands(tool, linked_data(LINKED), [CASES], *options, model=["firth-fallback"])
    size = LINKED if own else LINKED.once
    makes = scan_output(tool, CASES, model="logistic.hybrid")
    stopwatch.shell(JOB_BINARY, tool, size, commands, makes=makes)


def scan_commands(
    tool: str,
    data: BenchData,
    traits: Sequence[str],
    *options: str,
    model: Sequence[str] = (),
    genotypes: Sequence[str | Path] | None = None,
) -> list[list[str]]:
    """One scan of the traits by a program, with the six covariates.

    Parameters
    ----------
    model : PLINK's modifiers of ``--glm`` besides those of its output.
    genotypes : the .bed by default.
    """
    genotypes = ["--bfile", data.bfile] if genotypes is None else genotypes
    if tool == GWASBONE:
        files = ["--pheno-file", data.traits, "--covar-file", data.covariates]
        names = ["--pheno", ",".join(traits), "--covar", ",".join(COVARIATES)]
        return [
            gwasbone("assoc", *genotypes, "--build", BUILD, "--no-plots", *files, *names, *options)
        ]
    files = ["--pheno", data.traits, "--covar", data.covariates]
    names = ["--pheno-name", ",".join(traits)]
    glm = ["--glm", *model, "hide-covar", "omit-ref", "log10", "cols=+a1freq"]
    return [plink2(*genotypes, *files, *names, *glm, *options)]


def scan_output(tool: str, trait: str, model: str = "linear") -> str:
    """The file that a scan leaves for a trait."""
    return f"out.{trait}.tsv.gz" if tool == GWASBONE else f"out.{trait}.glm.{model}"
