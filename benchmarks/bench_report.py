"""The results of a run as JSON and as a table to read."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from bench_data import FEW_VARIANTS, MANY_VARIANTS, QUICK, Size
from bench_targets import (
    JOB_VCF,
    JOB_VCF_SHORT,
    MOST_BYTES,
    MOST_BYTES_VCF,
    TARGETS,
    Rates,
    Target,
    bed_bytes,
)
from bench_timing import GWASBONE, PLINK2, THREADS, Record, plink2_builds

import gwasbone
from gwasbone.files import atomic_path
from gwasbone.run_log import versions

JOB_GROWTH, JOB_GROWTH_TRAITS = "growth with people × variants", "growth with traits"
MEMORY_JOBS = ("memory, linear scan", "memory, QC", "memory, LD prune")

_MIB, _GIB = 2**20, 2**30
# Above 1 by what times vary between runs.
_MOST_GROWTH = 1.05
_MOST_MEMORY_GROWTH = 1.5


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
    for name in plink2_builds():
        said = subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
        found[PLINK2 if name == PLINK2 else f"{PLINK2} ({name})"] = " ".join(
            said.stdout.split()[1:3]
        )
    return found


@dataclass(frozen=True)
class PlainRow:
    """A benchmark that pytest-benchmark alone has timed.

    Parameters
    ----------
    job : its group, else its name. program : who did it, where that was told.
    notes : what else the benchmark told.
    """

    job: str
    program: str
    seconds: tuple[float, ...]
    notes: dict[str, Any]

    @classmethod
    def of(cls, benchmark: Any) -> PlainRow:
        """Of a finished benchmark of pytest-benchmark."""
        told = dict(benchmark.extra_info)
        program = str(told.pop("tool", GWASBONE))
        return cls(benchmark.group or benchmark.name, program, tuple(benchmark.stats.data), told)


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
    rates: Rates
    records: Sequence[Record]
    plain: Sequence[PlainRow]


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
        "quick": QUICK,
        "threads": THREADS,
        "machine": asdict(machine),
        "rates": asdict(run.rates),
        "versions": found,
        "records": [
            asdict(record) | {"median_s": statistics.median(record.seconds)}
            for record in run.records
        ],
        "other": [asdict(row) | {"median_s": statistics.median(row.seconds)} for row in run.plain],
    }
    dated = folder / f"{run.started:%Y-%m-%d}-{machine.short}.json"
    with atomic_path(dated) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")
    latest = folder / "latest.md"
    with atomic_path(latest) as partial:
        partial.write_text(markdown(run, machine, found))
    return latest


def markdown(run: Run, machine: Machine, found: dict[str, str]) -> str:
    """The run as tables, with what a reader must know to judge them."""
    failed = f" **{run.n_failed} benchmarks failed.**" if run.n_failed else ""
    changed = " **The source changed during the run: measure again.**" if run.source_changed else ""
    small = " **Small cohorts, for a look only: targets are meant for full ones.**" if QUICK else ""
    rates = run.rates
    heading = [
        "# Benchmarks",
        "",
        "Written by `make bench`; what each job does and how its peer is called stands in the",
        "docstrings of `benchmarks/test_bench_*.py`.",
        "",
        f"- {run.started:%Y-%m-%d %H:%M} to {run.ended:%H:%M}; load {run.load_before:.1f} before, "
        f"{run.load_after:.1f} after.{failed}{small}",
        f"- {machine.cpu}, {machine.cores} cores ({THREADS} used by every program), "
        f"{machine.memory_gib:g} GiB, {machine.system}",
        f"- Measured in this run: {rates.read_bytes_s / 1e9:.1f} GB/s read of a .bed, "
        f"{rates.float32_flops_s / 1e9:.0f} GFLOP/s float32 products, "
        f"{rates.gzip_bytes_s / 1e6:.0f} MB/s compressed and "
        f"{rates.inflate_bytes_s / 1e6:.0f} MB/s inflated by igzip",
        "- " + ", ".join(f"{name} {version}" for name, version in found.items()),
        f"- gwasbone's source: {run.source}.{changed}",
    ]
    records = [r for r in run.records if r.job not in _with_own_table()]
    sections = [
        heading,
        _target_section(run),
        _memory_section(run.records),
        _growth_section(run.records),
        _other_section(records, run.plain),
    ]
    return "\n".join("\n".join([*section, ""]) for section in sections if section)


def _with_own_table() -> set[str]:
    return {target.job for target in TARGETS} | set(MEMORY_JOBS) | {JOB_GROWTH, JOB_GROWTH_TRAITS}


def _target_section(run: Run) -> list[str]:
    rows = [_target_row(run, target) for target in TARGETS]
    if not any(rows):
        return []
    return [
        "## Targets",
        "",
        "Wall time in seconds, median of the rounds, with processor seconds in brackets; whole",
        "commands from the shell, without pages (PLINK 2 draws none), on the same files, in turn.",
        "PLINK 2 runs at its best: `--glm hide-covar`, `--threads 2`, `OPENBLAS_NUM_THREADS=1`,",
        "the faster of the builds named above. Hail's time starts with Hail running. Every first",
        "read is one: no index, cache or table of an earlier run; kernels are compiled. The ratio",
        "is the peer's time over ours. *Agrees*: largest |Δβ|/SE and |Δ −log₁₀ p| of all variants",
        "that both programs tested. Memory is the peak of the command and its children. The limit",
        "is the least work (bytes to read, float32 products, text to compress or inflate) at the",
        "rates above.",
        "",
        "| Job | People × variants | Rounds | Ours s | Peer | Peer s | Ratio | Goal | Met "
        "| Agrees | Peak MiB | Peer MiB | Limit s | Limit / ours |",
        "|---|---|--:|--:|---|--:|--:|--:|---|---|--:|--:|--:|--:|",
        *filter(None, rows),
    ]


def _target_row(run: Run, target: Target) -> str:
    own = _record(run.records, target.job, GWASBONE)
    peer = _record(run.records, target.job, target.peer)
    if own is None:
        return ""
    seconds, peer_s = _median_s(own), _median_s(peer)
    ratio = peer_s / seconds if seconds and peer_s else None
    most_bytes = MOST_BYTES_VCF if target.job in (JOB_VCF, JOB_VCF_SHORT) else MOST_BYTES
    too_much = (own.peak_rss_bytes or 0) > most_bytes
    if target.seconds is not None:
        goal, is_met = f"≤ {target.seconds:g} s", seconds is not None and seconds <= target.seconds
    elif target.ratio is not None:
        goal, is_met = f"≥ {target.ratio:.3g} ×", ratio is not None and ratio >= target.ratio
    else:
        goal, is_met = "–", None
    met = "–" if is_met is None else "yes" if is_met else "**no**"
    limit_s = target.work(own.size).seconds(run.rates)
    cells = [
        target.job,
        _of(own.size),
        f"{len(own.seconds)}/{len(peer.seconds) if peer else 0}",
        _with_cpu(own),
        target.peer if peer else "–",
        _with_cpu(peer),
        _figure(ratio),
        goal,
        f"{met}, **over {most_bytes / 1e9:g} GB**" if too_much else met,
        own.agreement or "–",
        _mebibytes(own),
        _mebibytes(peer),
        _figure(limit_s),
        f"{100 * limit_s / seconds:.0f} %" if seconds else "–",
    ]
    return f"| {' | '.join(cells)} |"


def _with_cpu(record: Record | None) -> str:
    cpu = (
        "" if record is None or record.cpu_seconds is None else f" ({_figure(record.cpu_seconds)})"
    )
    return f"{_figure(_median_s(record))}{cpu}"


def _memory_section(records: Sequence[Record]) -> list[str]:
    """Peaks of each job at its two sizes."""
    rows = []
    for job in MEMORY_JOBS:
        few, many = (
            next((r for r in records if r.job == job and str(r.size) == str(size)), None)
            for size in (FEW_VARIANTS, MANY_VARIANTS)
        )
        if few is None or many is None or not (few.peak_rss_bytes and many.peak_rss_bytes):
            continue
        more = many.peak_rss_bytes - few.peak_rss_bytes
        each = more / (many.size.n_variants - few.size.n_variants)
        flat = many.peak_rss_bytes <= _MOST_MEMORY_GROWTH * few.peak_rss_bytes
        small = many.peak_rss_bytes <= MOST_BYTES
        rows.append(
            f"| {job} | {_mebibytes(few)} | {_mebibytes(many)} "
            f"| {_figure(many.peak_rss_bytes / few.peak_rss_bytes)} | {each:,.0f} "
            f"| {'yes' if small else '**no**'} | {'yes' if flat else '**no**'} |"
        )
    if not rows:
        return []
    return [
        "## Memory as variants grow tenfold",
        "",
        f"{_of(FEW_VARIANTS)} and {_of(MANY_VARIANTS)}; genotypes grow by "
        f"{bed_bytes(Size(MANY_VARIANTS.n_people, 1)):,.0f} bytes per variant.",
        "Blocks of genotypes take the same memory in both; the tables of variants grow, by the",
        f"bytes shown. *Flat* is at most {_MOST_MEMORY_GROWTH:g} times as much.",
        "",
        "| Job | MiB | MiB at 10 × | Times as much | More per variant, bytes | < 1.5 GB | Flat |",
        "|---|--:|--:|--:|--:|---|---|",
        *rows,
    ]


def _growth_section(records: Sequence[Record]) -> list[str]:
    sized = [r for r in records if r.job == JOB_GROWTH]
    traits = [r for r in records if r.job == JOB_GROWTH_TRAITS]
    if not sized and not traits:
        return []
    lines = [
        "## Growth of time",
        "",
        "Linear scans, whole commands; *growth* is the power of what grows, from the row before",
        "(1: in proportion). Targets: at most 1 in people × variants, below 1 in traits.",
        "",
        "| People × variants | Traits | Seconds | Growth | Met |",
        "|---|--:|--:|--:|---|",
    ]
    by_size = [(r, 1, float(r.size.n_people * r.size.n_variants)) for r in sized]
    # the engine column holds the number of traits
    by_trait = [(r, int(r.engine), float(r.engine)) for r in traits]
    for group in (by_size, by_trait):
        before: tuple[float, float] | None = None
        for record, n_traits, amount in group:
            seconds = statistics.median(record.seconds)
            power = None
            if before is not None:
                power = np.log(seconds / before[1]) / np.log(amount / before[0])
            met = "–" if power is None else "yes" if power <= _MOST_GROWTH else "**no**"
            lines.append(
                f"| {_of(record.size)} | {n_traits} | {_figure(seconds)} | {_figure(power)} "
                f"| {met} |"
            )
            before = amount, seconds
    return lines


def _other_section(records: Sequence[Record], plain: Sequence[PlainRow]) -> list[str]:
    """All else, each program of a job beside the others."""
    rows = [
        (f"{r.job}, {_of(r.size)}", f"{r.tool} {r.engine}".strip(), r.seconds, _memory_note(r))
        for r in records
    ]
    rows += [(r.job, r.program, r.seconds, _notes(r)) for r in plain]
    if not rows:
        return []
    return [
        "## Other jobs",
        "",
        "| Job | Program | Rounds | Seconds | Notes |",
        "|---|---|--:|--:|---|",
        *(
            f"| {job} | {program} | {len(seconds)} | {_figure(statistics.median(seconds))} "
            f"| {notes} |"
            for job, program, seconds, notes in sorted(rows)
        ),
    ]


def _memory_note(record: Record) -> str:
    return "" if record.peak_rss_bytes is None else f"peak {_mebibytes(record)} MiB"


def _notes(row: PlainRow) -> str:
    return ", ".join(
        f"{name} {_figure(value) if isinstance(value, float) else value}"
        for name, value in row.notes.items()
    )


def _record(records: Sequence[Record], job: str, tool: str) -> Record | None:
    return next((r for r in records if r.job == job and r.tool == tool), None)


def _of(size: Size) -> str:
    return f"{size.n_people:,} × {size.n_variants:,}"


def _median_s(record: Record | None) -> float | None:
    return None if record is None else statistics.median(record.seconds)


def _mebibytes(record: Record | None) -> str:
    peak = record.peak_rss_bytes if record is not None else None
    return "–" if peak is None else f"{peak / _MIB:,.0f}"


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
