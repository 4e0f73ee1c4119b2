"""Timing of whole commands with the memory they take, and of calls in a running Hail session.

A job and its peers are run in turn, round by round, so that a machine whose speed changes is as
fast for one as for the other. PLINK 2 runs at its best: with one BLAS thread for each of its own
threads (``OPENBLAS_NUM_THREADS=1``; the others would trample on one another), and with Debian's
build as well as the one that the environment variable ``PLINK2`` names: the faster counts.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from bench_data import Size

#: Cores that gwasbone and its peers may use, so that tables of several machines compare.
THREADS = 2

GWASBONE, SESSION, PLINK2, HAIL = "gwasbone", "gwasbone in session", "plink2", "hail"

# Short commands are looked at sooner; long ones seldom, so that looking costs them nothing.
_FIRST_SAMPLE_S, _SAMPLING_INTERVAL_S = 0.01, 0.2
_MIN_SAMPLES = 4


@dataclass(frozen=True)
class Record:
    """One job of one program at one size.

    Parameters
    ----------
    engine : of gwasbone: ``blocks``, ``hail`` or ``auto``, or the number of traits where that is
        what varies; empty for a peer.
    seconds : (rounds,) wall times.
    peak_rss_bytes : largest resident memory of the command and its children together over all
        rounds, sampled at least every 0.2 s; None for calls in a session, and for commands too
        short to sample (below 0.15 s).
    cpu_seconds : median processor time, of both cores together; None for calls in a session.
    agreement : how far the results are from those of the peer, where both were compared.
    """

    job: str
    tool: str
    engine: str
    size: Size
    seconds: tuple[float, ...]
    peak_rss_bytes: int | None
    cpu_seconds: float | None = None
    agreement: str = ""


@dataclass(frozen=True)
class Cost:
    """What one command took: wall and processor seconds, and its peak memory (0 if unknown)."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


@dataclass
class Stopwatch:
    """Times the one job of a test by pytest-benchmark and records the result.

    Parameters
    ----------
    benchmark : the fixture of pytest-benchmark.
    records : where results are appended.
    folder : an empty folder for output.
    """

    benchmark: Any
    records: list[Record]
    folder: Path
    _peak_rss_bytes: int = field(default=0, init=False)

    def shell(
        self,
        job: str,
        size: Size,
        command: Sequence[str],
        *,
        makes: str,
        peer: str = "",
        peers: Mapping[str, Sequence[str]] | None = None,
        peer_makes: str = "",
        once: bool = False,
        engine: str = "",
        compare: Callable[[Path, Path], str] | None = None,
    ) -> None:
        """Time a command and its peer, in turn, each round in a new folder.

        Parameters
        ----------
        makes, peer_makes : file that the command, and its peer, must leave there.
        peer : name of the peer's job, where it is not that of ours.
        peers : name of a build of the peer -> its command; the fastest is recorded.
        once : time the peer in the first round alone.
        engine : recorded with the job.
        compare : (our folder, the peer's) -> how well the results agree, after the last round.
        """
        peers = peers or {}
        costs: dict[str, list[Cost]] = {GWASBONE: [], **{name: [] for name in peers}}
        rounds = iter(range(size.rounds))
        folders: dict[str, Path] = {}

        def run(name: str, one: Sequence[str], i: int) -> None:
            folder = self.folder / f"{Path(name).name}_{i}"
            shutil.rmtree(folders.get(name, folder), ignore_errors=True)
            folder.mkdir()
            folders[name] = folder
            costs[name].append(run_command(one, folder))

        def setup() -> tuple[tuple[int], dict[str, Any]]:
            i = next(rounds)
            for name, one in peers.items():
                if i == 0 or not once:
                    run(name, one, i)
            return (i,), {}

        self.benchmark.group = f"{job}, {size}"
        self.benchmark.extra_info.update(job=job, tool=GWASBONE, size=str(size))
        self.benchmark.pedantic(
            lambda i: run(GWASBONE, command, i), setup=setup, rounds=size.rounds, iterations=1
        )
        assert (folders[GWASBONE] / makes).stat().st_size > 0
        best = min(peers, key=lambda n: statistics.median(c.wall_s for c in costs[n]), default=None)
        agreement = ""
        if best is not None:
            assert (folders[best] / peer_makes).stat().st_size > 0
            agreement = compare(folders[GWASBONE], folders[best]) if compare else ""
            self.records.append(_record(peer or job, PLINK2, size, costs[best]))
        self.records.append(_record(job, GWASBONE, size, costs[GWASBONE], engine, agreement))

    def hail(self, job: str, size: Size, *arguments: str | Path) -> None:
        """Run Hail's own method once (see ``bench_hail``); it reports its seconds."""
        script = Path(__file__).parent / "bench_hail.py"
        command = [sys.executable, str(script), *map(str, arguments)]
        self.benchmark.group = f"{job}, {size}"
        self.benchmark.extra_info.update(job=job, tool=HAIL, engine="", size=str(size))
        self.benchmark.pedantic(self._run, args=(command,), rounds=1, iterations=1)
        seconds = json.loads((self.folder / "hail.json").read_text())["seconds"]
        peak = self._peak_rss_bytes or None
        self.records.append(Record(job, HAIL, "", size, (seconds,), peak))

    def _run(self, command: Sequence[str]) -> None:
        self._peak_rss_bytes = run_command(command, self.folder).peak_rss_bytes

    def session(
        self, job: str, size: Size, work: Callable[[], Any], *, engine: str = "auto"
    ) -> Any:
        """Time a call and give its last result."""
        return self._time(job, SESSION, engine, size, work)

    def _time(
        self, job: str, tool: str, engine: str, size: Size, work: Callable[..., Any], **how: Any
    ) -> Any:
        self.benchmark.group = f"{job}, {size}"
        self.benchmark.extra_info.update(job=job, tool=tool, engine=engine, size=str(size))
        result = self.benchmark.pedantic(work, rounds=size.rounds, iterations=1, **how)
        if self.benchmark.stats is not None:
            seconds = tuple(self.benchmark.stats.stats.data)
            peak = self._peak_rss_bytes or None
            self.records.append(Record(job, tool, engine, size, seconds, peak))
        return result


def gwasbone(*arguments: str | Path) -> list[str]:
    """A gwasbone command, as the shell runs it."""
    return [sys.executable, "-m", "gwasbone.cli", *map(str, arguments), *_common_flags()]


def plink2_builds() -> tuple[str, ...]:
    """Programs to time as PLINK 2: Debian's, and that of the variable ``PLINK2``."""
    given = os.environ.get("PLINK2")
    return tuple(name for name in (PLINK2, given) if name and shutil.which(name))


def plink2(*arguments: str | Path) -> dict[str, list[str]]:
    """A PLINK 2 command, of every build that there is."""
    rest = [*map(str, arguments), *_common_flags()]
    return {name: [name, *rest] for name in plink2_builds()}


def _common_flags() -> list[str]:
    return ["--threads", str(THREADS), "--out", "out"]


def _record(
    job: str,
    tool: str,
    size: Size,
    costs: Sequence[Cost],
    engine: str = "",
    agreement: str = "",
) -> Record:
    return Record(
        job,
        tool,
        engine,
        size,
        tuple(cost.wall_s for cost in costs),
        max(cost.peak_rss_bytes for cost in costs) or None,
        statistics.median(cost.cpu_s for cost in costs),
        agreement,
    )


def run_command(command: Sequence[str], folder: Path) -> Cost:
    """Run a command in a folder and say what it cost.

    Raises
    ------
    RuntimeError
        The command failed; with the end of its output.
    """
    output = folder / "output.txt"
    alone = {name: "1" for name in ("OPENBLAS_NUM_THREADS",) if command[0] in plink2_builds()}
    start = time.perf_counter()
    with output.open("a") as sink:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | alone,
        )
    sampler = _MemorySampler(process.pid)
    sampler.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        # an interrupted benchmark leaves no JVM behind
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        sampler.stop()
    if process.returncode:
        tail = "\n".join(output.read_text().splitlines()[-10:])
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}\n{tail}")
    return Cost(wall_s, used.ru_utime + used.ru_stime, sampler.peak_bytes)


class _MemorySampler(threading.Thread):
    """Looks at the resident memory of a process and its descendants until stopped.

    What the kernel counts for a finished child would not do: it starts from the memory of the
    process that forked it, and leaves out the JVM, a grandchild that nobody waits for.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._finished = pid, threading.Event()
        self._samples_bytes: list[int] = []

    def run(self) -> None:
        interval_s = _FIRST_SAMPLE_S
        while not self._finished.wait(interval_s):
            self._samples_bytes.append(_resident_bytes(self._pid))
            interval_s = min(2 * interval_s, _SAMPLING_INTERVAL_S)

    def stop(self) -> None:
        self._finished.set()
        self.join()

    @property
    def peak_bytes(self) -> int:
        """The largest sample; 0 where there are too few to call one of them a peak."""
        enough = len(self._samples_bytes) >= _MIN_SAMPLES
        return max(self._samples_bytes) if enough else 0


def _resident_bytes(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
