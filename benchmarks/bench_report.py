"""The results of a run as JSON and as a table to read."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psutil
from bench_data import Size
from bench_timing import GWASBONE, PLINK2, SESSION, THREADS, Record

import gwasbone
from gwasbone.files import atomic_path
from gwasbone.run_log import versions

_MIB, _GIB = 2**20, 2**30


@dataclass(frozen=True)
class Machine:
    """What the times depend on besides the code."""

    cores: int
    cpu: str
    memory_gib: float
    system: str

    @property
    def short(self) -> str:
        """For file names: ``2core-amd-epyc``."""
        return f"{self.cores}core-" + re.sub(r"[^a-z0-9]+", "-", self.cpu.lower()).strip("-")


def this_machine() -> Machine:
    """The machine that this process runs on."""
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        cpu = model[1] if model else cpu
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu=cpu,
        memory_gib=round(psutil.virtual_memory().total / _GIB, 1),
        system=platform.platform(),
    )


def source_hash() -> str:
    """Eight digits that change with any of gwasbone's Python files."""
    folder = Path(gwasbone.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()[:8]


def all_versions() -> dict[str, str]:
    """Versions of what computes, PLINK 2 included where it is installed."""
    found = versions()
    if shutil.which(PLINK2):
        said = subprocess.run([PLINK2, "--version"], capture_output=True, text=True, check=True)
        found[PLINK2] = " ".join(said.stdout.split()[1:3])
    return found


@dataclass(frozen=True)
class Run:
    """A finished run.

    Parameters
    ----------
    load_before, load_after : the machine's load over one minute; above 1 before the start means
        that something else was running.
    n_failed : benchmarks that did not finish.
    source, source_changed : short hash of gwasbone's own files when the run started, and whether
        they had changed when it ended (somebody was editing: the rows are of several versions).
    """

    started: datetime
    ended: datetime
    load_before: float
    load_after: float
    n_failed: int
    source: str
    source_changed: bool
    records: Sequence[Record]


def write_results(run: Run, folder: Path) -> Path:
    """Write ``<date>-<machine>.json`` and ``latest.md``; gives the path of the table."""
    machine, found = this_machine(), all_versions()
    content = {
        "started": run.started.isoformat(timespec="seconds"),
        "ended": run.ended.isoformat(timespec="seconds"),
        "load_before": run.load_before,
        "load_after": run.load_after,
        "n_failed": run.n_failed,
        "source": run.source,
        "source_changed": run.source_changed,
        "threads": THREADS,
        "machine": asdict(machine),
        "versions": found,
        "records": [
            asdict(record) | {"median_s": statistics.median(record.seconds)}
            for record in run.records
        ],
    }
    dated = folder / f"{run.started:%Y-%m-%d}-{machine.short}.json"
    with atomic_path(dated) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")
    latest = folder / "latest.md"
    with atomic_path(latest) as partial:
        partial.write_text(markdown(run, machine, found))
    return latest


def markdown(run: Run, machine: Machine, found: dict[str, str]) -> str:
    """The run as a table of jobs, with what a reader must know to judge it."""
    failed = f" {run.n_failed} benchmarks failed." if run.n_failed else ""
    changed = " **The source changed during the run: measure again.**" if run.source_changed else ""
    heading = [
        "# Benchmarks",
        "",
        "Written by `make bench`; what each job does and how its peer is called stands in the",
        "docstrings of `benchmarks/test_bench_*.py`.",
        "",
        f"- {run.started:%Y-%m-%d %H:%M} to {run.ended:%H:%M}; load {run.load_before:.1f} before, "
        f"{run.load_after:.1f} after.{failed}",
        f"- {machine.cpu}, {machine.cores} cores ({THREADS} used by every program), "
        f"{machine.memory_gib:g} GiB, {machine.system}",
        "- " + ", ".join(f"{name} {version}" for name, version in found.items()),
        f"- gwasbone's source: {run.source}.{changed}",
        "",
        "Wall time in seconds, median of the rounds. Scans have six covariates. *Shell* is the",
        "whole command with the start of Python and, where it needs one, the JVM; *in session* the",
        "Python call with Hail already running, which writes no files of results. Ratios are",
        "gwasbone / PLINK 2: below 1 gwasbone is faster. Memory is the peak of the command with",
        "its JVM.",
        "",
        "| Job | People × variants | Engine | Rounds | Shell s | In session s | PLINK 2 s "
        "| Ratio, shell | Ratio, session | Shell MiB | PLINK 2 MiB |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    return "\n".join([*heading, *_rows(run.records), ""])


def _rows(records: Sequence[Record]) -> list[str]:
    """A row for each job, size and engine; the engines share the peer's time."""
    jobs = list(dict.fromkeys(record.job for record in records))
    peers = {(r.job, r.size): r for r in records if r.tool == PLINK2}
    own: dict[tuple[str, Size, str], dict[str, Record]] = {}
    for record in records:
        if record.tool != PLINK2:
            by_tool = own.setdefault((record.job, record.size, record.engine), {})
            by_tool[record.tool] = record
    return [
        _row(*key, by_tool.get(GWASBONE), by_tool.get(SESSION), peers.get(key[:2]))
        for key, by_tool in sorted(own.items(), key=lambda item: _order(jobs, *item[0]))
    ]


def _order(jobs: list[str], job: str, size: Size, engine: str) -> tuple[int, int, str]:
    return jobs.index(job), size.n_people, engine


def _row(
    job: str,
    size: Size,
    engine: str,
    shell: Record | None,
    session: Record | None,
    peer: Record | None,
) -> str:
    cells = [
        job,
        f"{size.n_people:,} × {size.n_variants:,}",
        engine,
        str(size.rounds),
        *(_figure(_median_s(record)) for record in (shell, session, peer)),
        _ratio(shell, peer),
        _ratio(session, peer),
        *(_mebibytes(record) for record in (shell, peer)),
    ]
    return f"| {' | '.join(cells)} |"


def _median_s(record: Record | None) -> float | None:
    return None if record is None else statistics.median(record.seconds)


def _ratio(own: Record | None, peer: Record | None) -> str:
    seconds, peer_seconds = _median_s(own), _median_s(peer)
    return _figure(seconds / peer_seconds if seconds and peer_seconds else None)


def _mebibytes(record: Record | None) -> str:
    peak = record.peak_rss_bytes if record is not None else None
    return "–" if peak is None else f"{peak / _MIB:,.0f}"


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
