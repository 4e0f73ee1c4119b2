"""Scans on Spark executors give what local threads give, whatever happens to the executors."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

import gwasbone as gb
from gwasbone import session
from gwasbone.association.blocks import choose_executor
from gwasbone.blocks.mapping import LocalThreads
from gwasbone.cohort.sources import bed_reader as packed_calls

#: The module, which the function of the same name hides in its package.
associate_module = importlib.import_module("gwasbone.association.associate")

pytestmark = pytest.mark.hail

N, M = 230, 120


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(5)
    G = rng.binomial(2, rng.uniform(0.1, 0.9, M), (N, M)).astype(np.float32)
    G[rng.random((N, M)) < 0.02] = np.nan
    ids = [f"i{i}" for i in range(N)]
    told = {
        "iid": ids,
        "chromosome": ["1"] * M,
        "bp_position": 1000 + 10 * np.arange(M),
        "sid": [f"v{i}" for i in range(M)],
        "allele_1": ["A"] * M,
        "allele_2": ["G"] * M,
    }
    to_bed(folder / "c1.bed", G, properties=told)
    columns = {name: rng.standard_normal(N) for name in ("a", "b", "age")}
    columns["ill"] = (rng.random(N) < 0.3).astype(float)
    pd.DataFrame(columns, index=pd.Index(ids, name="IID")).to_csv(folder / "people.tsv", sep="\t")
    return folder


def environment_without_gwasbone(folder: Path) -> Path:
    """A Python with every package of this one but gwasbone."""
    venv.create(folder, symlinks=True)
    (inside,) = folder.glob("lib/python*/site-packages")
    for path in Path(np.__file__).parents[1].iterdir():
        if "gwasbone" not in path.name and not (inside / path.name).exists():
            (inside / path.name).symlink_to(path)
    python = folder / "bin" / "python"
    done = subprocess.run(
        [python, "-c", "import gwasbone"], capture_output=True, text=True, cwd="/"
    )
    assert "No module named 'gwasbone'" in done.stderr
    return python


@pytest.fixture(scope="module")
def told(data, tmp_path_factory):
    """What ``cluster_scan.py`` saw on a cluster of two executors."""
    import pyspark

    work = tmp_path_factory.mktemp("cluster")
    # a cluster in one machine writes below its home, which is the installed pyspark otherwise
    home = work / "spark"
    home.mkdir()
    for path in Path(pyspark.__file__).parent.iterdir():
        if path.name != "work":
            (home / path.name).symlink_to(path)
    environment = os.environ | {
        "SPARK_HOME": str(home),
        "PYSPARK_PYTHON": str(environment_without_gwasbone(work / "env")),
    }
    script = Path(__file__).with_name("cluster_scan.py")
    done = subprocess.run(
        [sys.executable, script, os.path.relpath(data, work), "."],
        cwd=work, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_cluster_gives_what_threads_give_though_it_lacks_gwasbone(told):
    assert told["auto"] == "SparkExecutors"
    assert told["equal"]
    assert ".zip/gwasbone" in told["imported from"]
    assert told["threads"] == "1"


@pytest.mark.slow
def test_the_loss_of_an_executor_changes_nothing(told):
    assert told["killed"]
    assert told["equal after kill"]


@pytest.mark.slow
def test_ctrl_c_cancels_the_job_and_leaves_no_result(told):
    assert told["interrupted"]
    assert told["jobs left"] == 0
    assert told["files left"] == []


@pytest.mark.slow
def test_what_executors_lack_is_said_in_one_line(told):
    assert "expected NumPy 1.26.4 as in this session, got " in told["other numpy"]
    assert told["auto where they cannot"] == "LocalThreads"
    assert "c1.bed: Spark executor" in told["unseen file"]
    assert "does not see this file" in told["unseen file"]
    assert "cannot run /nowhere/python: set PYSPARK_PYTHON" in told["no such Python"]
    assert told["a kernel that fails"].endswith("ZeroDivisionError: division by zero")
    assert not any("\n" in str(value) for value in told.values())


@pytest.mark.parametrize("method", ["linear", "logistic"])
def test_the_executors_of_a_local_session(data, hail_session, monkeypatch, method):
    monkeypatch.setattr(packed_calls, "CALLS_PER_BLOCK", 7 * N)
    people = pd.read_csv(data / "people.tsv", sep="\t", index_col=0)
    cohort = gb.read_genotypes(bfile=str(data / "c1"), build="GRCh37")
    trait = "a" if method == "linear" else "ill"
    here, there = (
        gb.associate(cohort, [trait], ["age"], phenotypes=people, method=method, executor=name)
        for name in ("local", "spark")
    )
    pd.testing.assert_frame_equal(here.table(trait), there.table(trait), rtol=0, atol=0)


def test_auto_takes_threads_unless_the_session_runs_on_a_cluster(data, hail_session, monkeypatch):
    cohort = gb.read_genotypes(bfile=str(data / "c1"), build="GRCh37")
    assert choose_executor("auto", cohort, threads=3) == LocalThreads(3)
    assert not session.is_on_cluster()
    assert associate_module.choose_executor is choose_executor
    monkeypatch.setattr(hail_session.spark_context(), "master", "yarn")
    assert session.is_on_cluster()
