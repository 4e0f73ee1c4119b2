"""What is long and has no target: Hail's engine, VCF files, and calls in a running session.

Only with ``GWASBONE_BENCH_LARGE=1``.
"""

from __future__ import annotations

from typing import Any

import pytest
from bench_data import ANY_FORMAT, BUILD, COVARIATES, LARGE, TRAITS, any_format_data
from bench_timing import GWASBONE, PLINK2, THREADS, plink2
from test_bench_association import scan_commands, scan_output

pytestmark = pytest.mark.skipif(not LARGE, reason="set GWASBONE_BENCH_LARGE=1")

JOB_BED, JOB_VCF = "linear, 1 trait, bed", "linear, 1 trait, VCF"
JOB_READ_BED, JOB_READ_VCF = "read bed, count calls", "read VCF, count calls"
SIZE = ANY_FORMAT


def test_linear_bed_by_hail(stopwatch):
    """``gwasbone assoc --engine hail``."""
    commands = scan_commands(GWASBONE, any_format_data(SIZE), TRAITS[:1], "--engine", "hail")
    makes = scan_output(GWASBONE, TRAITS[0])
    stopwatch.shell(JOB_BED, GWASBONE, SIZE, commands, makes=makes, engine="hail")


def test_linear_vcf(tool, stopwatch):
    """``gwasbone assoc --vcf``. Peer: ``plink2 --vcf --glm``, which converts first."""
    data = any_format_data(SIZE)
    genotypes = ["--vcf", data.vcf, *(["--double-id"] if tool == PLINK2 else [])]
    commands = scan_commands(tool, data, TRAITS[:1], genotypes=genotypes)
    makes = scan_output(tool, TRAITS[0])
    stopwatch.shell(JOB_VCF, tool, SIZE, commands, makes=makes, engine="hail")


@pytest.mark.parametrize("engine", ["blocks", "hail"])
def test_linear_bed_in_session(engine, stopwatch, hail_session):
    """``read_genotypes(bfile=...)`` and ``associate``, with Hail already running."""
    import gwasbone as gb
    from gwasbone.phenotypes.table import read_people_table

    data = any_format_data(SIZE)
    phenotypes = read_people_table(data.traits).join(
        read_people_table(data.covariates)[list(COVARIATES)]
    )

    def work() -> Any:
        cohort = gb.read_genotypes(bfile=str(data.bfile), build=BUILD)
        return gb.associate(
            cohort, TRAITS[:1], COVARIATES, phenotypes=phenotypes, engine=engine, threads=THREADS
        )

    results = stopwatch.session(JOB_BED, SIZE, work, engine=engine)
    assert len(results.table(TRAITS[0])) == SIZE.n_variants


def test_plink2_reads_vcf(plink2_only, stopwatch):
    """The peer of :func:`test_read`: ``plink2 --vcf --make-pgen``, which also writes."""
    command = plink2("--vcf", any_format_data(SIZE).vcf, "--make-pgen")
    stopwatch.shell(JOB_READ_VCF, plink2_only, SIZE, [command], makes="out.pgen")


@pytest.mark.parametrize(("job", "kind"), [(JOB_READ_BED, "bfile"), (JOB_READ_VCF, "vcf")])
def test_read(job, kind, stopwatch, hail_session):
    """``read_genotypes`` and a first pass of Hail: every genotype is decoded."""
    import gwasbone as gb

    hl, path = hail_session, str(getattr(any_format_data(SIZE), kind))

    def count_calls() -> int:
        mt = gb.read_genotypes(**{kind: path}, build=BUILD).mt
        return int(mt.aggregate_entries(hl.agg.count_where(hl.is_defined(mt.GT))))

    n_called = stopwatch.session(job, SIZE, count_calls, engine="hail")
    assert 0.998 < n_called / (SIZE.n_people * SIZE.n_variants) < 1
