"""Reading genotype files: from the path to the number of calls in them."""

from __future__ import annotations

from typing import Any

import pytest
from bench_data import BUILD, MEDIUM, SMALL
from bench_timing import plink2

JOB_VCF = "read VCF, count calls"
JOB_BED = "read bed, count calls"

SIZES = pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=str)


@SIZES
def test_plink2_reads_vcf(size, plink2_only, data, stopwatch):
    """The peer of :func:`test_read_vcf`: ``plink2 --vcf --make-pgen``, which also writes."""
    command = plink2("--vcf", data(size).vcf, "--make-pgen")
    stopwatch.shell(JOB_VCF, plink2_only, size, [command], makes="out.pgen")


@SIZES
def test_plink2_reads_bed(size, plink2_only, data, stopwatch):
    """The peer of :func:`test_read_bed`: ``plink2 --bfile --genotyping-rate``."""
    command = plink2("--bfile", data(size).bfile, "--genotyping-rate")
    stopwatch.shell(JOB_BED, plink2_only, size, [command], makes="out.log")


@SIZES
def test_read_vcf(size, data, stopwatch, hail_session):
    """``read_genotypes(vcf=...)`` and a first pass. Peer: ``plink2 --vcf --make-pgen``."""
    path = str(data(size).vcf)
    n_called = stopwatch.session(
        JOB_VCF, size, lambda: count_calls(hail_session, vcf=path), engine="hail"
    )
    assert_most_called(n_called, size)


@SIZES
def test_read_bed(size, data, stopwatch, hail_session):
    """``read_genotypes(bfile=...)`` and a first pass. Peer: ``plink2 --genotyping-rate``."""
    path = str(data(size).bfile)
    n_called = stopwatch.session(
        JOB_BED, size, lambda: count_calls(hail_session, bfile=path), engine="hail"
    )
    assert_most_called(n_called, size)


def count_calls(hl: Any, **genotypes: str) -> int:
    """Read a cohort and count the calls of everybody: every genotype is decoded."""
    import gwasbone as gb

    mt = gb.read_genotypes(build=BUILD, **genotypes).mt
    return int(mt.aggregate_entries(hl.agg.count_where(hl.is_defined(mt.GT))))


def assert_most_called(n_called: int, size: Any) -> None:
    """0.1 % of the calls are missing."""
    assert 0.998 < n_called / (size.n_people * size.n_variants) < 1
