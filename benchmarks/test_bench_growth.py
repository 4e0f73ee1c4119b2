"""How memory and time grow: with variants, with people, with traits. gwasbone alone."""

from __future__ import annotations

import pytest
from bench_data import (
    BUILD,
    FEW_VARIANTS,
    GROWTH,
    MANY_VARIANTS,
    TRAITS,
    random_data,
)
from bench_report import JOB_GROWTH, JOB_GROWTH_TRAITS, MEMORY_JOBS
from bench_timing import gwasbone
from test_bench_association import scan_command

JOB_SCAN, JOB_QC, JOB_PRUNE = MEMORY_JOBS


@pytest.mark.parametrize("size", [FEW_VARIANTS, MANY_VARIANTS], ids=str)
def test_memory_of_a_scan(size, stopwatch):
    """``gwasbone assoc``, one trait."""
    command = scan_command(random_data(size), TRAITS[:1])
    stopwatch.shell(JOB_SCAN, size, command, makes=f"out.{TRAITS[0]}.tsv.gz")


@pytest.mark.parametrize("size", [FEW_VARIANTS, MANY_VARIANTS], ids=str)
def test_memory_of_qc(size, stopwatch):
    """``gwasbone qc``."""
    command = gwasbone("qc", "--bfile", random_data(size).bfile, "--build", BUILD)
    stopwatch.shell(JOB_QC, size, command, makes="out.people.tsv.gz")


@pytest.mark.parametrize("size", [FEW_VARIANTS, MANY_VARIANTS], ids=str)
def test_memory_of_pruning(size, stopwatch):
    """``gwasbone prune``, windows of 50 variants: random calls have no LD to end a window."""
    rule = ["--window", "50", "--step", "5", "--r2", "0.1", "--engine", "blocks"]
    command = gwasbone("prune", "--bfile", random_data(size).bfile, "--build", BUILD, *rule)
    stopwatch.shell(JOB_PRUNE, size, command, makes="out.prune.in")


@pytest.mark.parametrize("size", GROWTH, ids=str)
def test_growth_with_genotypes(size, stopwatch):
    """``gwasbone assoc``, one trait."""
    command = scan_command(random_data(size), TRAITS[:1])
    stopwatch.shell(JOB_GROWTH, size, command, makes=f"out.{TRAITS[0]}.tsv.gz")


@pytest.mark.parametrize("n_traits", [1, 10, 50, 100])
def test_growth_with_traits(n_traits, stopwatch):
    """``gwasbone assoc --format parquet``."""
    size = GROWTH[-2].once
    command = scan_command(random_data(size), TRAITS[:n_traits], "--format", "parquet")
    stopwatch.shell(JOB_GROWTH_TRAITS, size, command, makes="out.parquet", engine=str(n_traits))
