"""What is long and has no goal: Hail's engine, and calls in a running session.

Only with ``GWASBONE_BENCH_LARGE=1``.
"""

from __future__ import annotations

from typing import Any

import pytest
from bench_data import ANY_FORMAT, BUILD, COVARIATES, LARGE, TRAITS, any_format_data
from bench_timing import THREADS
from test_bench_association import scan_command

pytestmark = pytest.mark.skipif(not LARGE, reason="set GWASBONE_BENCH_LARGE=1")

JOB_BED = "linear, 1 trait, bed"
SIZE = ANY_FORMAT


def test_linear_bed_by_hail(stopwatch):
    """``gwasbone assoc --engine hail``."""
    command = scan_command(any_format_data(SIZE), TRAITS[:1], "--engine", "hail")
    stopwatch.shell(JOB_BED, SIZE, command, makes=f"out.{TRAITS[0]}.tsv.gz", engine="hail")


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
