"""Fixtures of the benchmarks, and the hook that writes their results.

``python -m pytest benchmarks --benchmark-only`` runs them (``make bench``); without that flag
they are skipped. Environment: ``GWASBONE_BENCH_DATA`` (where cohorts are kept),
``GWASBONE_BENCH_RESULTS`` (where results go, ``benchmarks/results`` by default; name another
folder when running only some of them), ``GWASBONE_BENCH_ROUNDS`` (3 by default; PLINK's and
Hail's long jobs are always timed once), ``PLINK2`` (another build of PLINK 2, timed beside the one
on the path), ``GWASBONE_BENCH_QUICK=1`` (small cohorts, to see that all works),
``GWASBONE_BENCH_LARGE=1`` (also Hail's engine and calls in a session).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from bench_data import SCAN, random_data
from bench_report import PlainRow, Run, source_hash, write_results
from bench_targets import measure_rates
from bench_timing import PLINK2, Record, Stopwatch

_RECORDS = pytest.StashKey[list[Record]]()
_START = pytest.StashKey[tuple[datetime, float, str]]()

#: Share of the machine's memory for the JVM of this process; commands start their own beside it.
_SESSION_MEMORY_SHARE = 0.25


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RECORDS] = []
    config.stash[_START] = (datetime.now().astimezone(), os.getloadavg()[0], source_hash())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Commands from the shell first: later the JVM of this process holds memory."""
    items.sort(key=lambda item: "hail_session" in getattr(item, "fixturenames", ()))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    records = session.config.stash[_RECORDS]
    timed = getattr(session.config, "_benchmarksession", None)
    plain = [
        PlainRow.of(benchmark)
        for benchmark in (timed.benchmarks if timed is not None else ())
        if "job" not in benchmark.extra_info and benchmark.stats.data
    ]
    if not (records or plain) or exitstatus == pytest.ExitCode.INTERRUPTED:
        return
    started, load_before, source = session.config.stash[_START]
    run = Run(
        started=started,
        ended=datetime.now().astimezone(),
        load_before=load_before,
        load_after=os.getloadavg()[0],
        n_failed=session.testsfailed,
        source=source,
        source_changed=source_hash() != source,
        rates=measure_rates(Path(f"{random_data(SCAN).bfile}.bed")),
        records=records,
        plain=plain,
    )
    given = os.environ.get("GWASBONE_BENCH_RESULTS")
    path = write_results(run, Path(given) if given else Path(__file__).parent / "results")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\nresults: {path}")


@pytest.fixture
def plink2_only() -> str:
    """The peer; the job is skipped without it."""
    if shutil.which(PLINK2) is None:
        pytest.skip("plink2 is not installed (apt-get install plink2)")
    return PLINK2


@pytest.fixture
def stopwatch(
    benchmark: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Stopwatch]:
    yield Stopwatch(benchmark, request.config.stash[_RECORDS], tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture(scope="session")
def hail_session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The hail module, started."""
    import psutil
    from bench_timing import THREADS

    from gwasbone import session

    memory_gb = max(3.0, psutil.virtual_memory().total / 2**30 * _SESSION_MEMORY_SHARE)
    session.configure(
        session.SessionOptions(
            folder=tmp_path_factory.mktemp("hail"), memory_gb=memory_gb, threads=THREADS
        )
    )
    return session.hail()
