"""A biobank's table of 500,000 people and 300 columns: reading it, and all of its phenotypes.

Each way runs in a process of its own, which tells its seconds and its peak memory; they stand in
the ``extra_info`` of pytest-benchmark. Peer: pandas as most scripts use it, which has to find the
same cases and the same assessments.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import biobank_tables
import pytest
from bench_data import QUICK

N_PEOPLE = 20_000 if QUICK else 500_000
ROUNDS = 1


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("biobank") / "ukb.csv"
    biobank_tables.write_biobank_table(path, N_PEOPLE)
    return path


@pytest.fixture
def run_way(benchmark: Any, table: Path) -> Callable[[str, str], dict[str, float]]:
    """Time a way in a process of its own; what it told of the last round."""

    def run(job: str, way: str) -> dict[str, float]:
        told: dict[str, float] = {}

        def work() -> None:
            command = [sys.executable, biobank_tables.__file__, f"{way} {job}", str(table)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            told.update(json.loads(done.stdout))

        benchmark.group = f"{job}, {N_PEOPLE} people x {biobank_tables.N_COLUMNS} columns"
        benchmark.pedantic(work, rounds=ROUNDS, iterations=1)
        benchmark.extra_info.update(told, tool=way)
        return told

    return run


@pytest.mark.parametrize("way", ["gwasbone", "pandas"])
def test_reading_all_columns(way, run_way):
    """``read_biobank_table``. Peer: ``pandas.read_csv``."""
    told = run_way("read", way)
    assert told["rows"] == N_PEOPLE
    assert told["columns"] == biobank_tables.N_COLUMNS - 1


@pytest.mark.parametrize("way", ["gwasbone", "pandas"])
def test_cases_and_assessments(way, run_way):
    """All of ``gwasbone phenotypes`` but the writing; the peer only counts cases and visits."""
    told = run_way("phenotypes", way)
    assert 0 < told["cases"] < N_PEOPLE
    assert told["assessments"] > 0
