"""Timing of whole commands with the memory they take, and of calls in a running Hail session."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
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
    """

    job: str
    tool: str
    engine: str
    size: Size
    seconds: tuple[float, ...]
    peak_rss_bytes: int | None


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
        tool: str,
        size: Size,
        commands: Sequence[Sequence[str]],
        *,
        makes: str,
        engine: str = "auto",
    ) -> None:
        """Time commands run one after the other, each round in a new folder.

        Parameters
        ----------
        makes : a file that the last command must leave there.
        """
        rounds = iter(range(size.rounds))

        def setup() -> tuple[tuple[Path], dict[str, Any]]:
            folder = self.folder / f"round_{next(rounds)}"
            folder.mkdir()
            return (folder,), {}

        def work(folder: Path) -> None:
            for command in commands:
                self._peak_rss_bytes = max(self._peak_rss_bytes, run_command(command, folder))

        engine = engine if tool == GWASBONE else ""
        self._time(job, tool, engine, size, work, setup=setup)
        assert (self.folder / "round_0" / makes).stat().st_size > 0

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
        self._peak_rss_bytes = run_command(command, self.folder)

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


def plink2(*arguments: str | Path) -> list[str]:
    """A PLINK 2 command."""
    return [PLINK2, *map(str, arguments), *_common_flags()]


def _common_flags() -> list[str]:
    return ["--threads", str(THREADS), "--out", "out"]


def run_command(command: Sequence[str], folder: Path) -> int:
    """Run a command in a folder and give the peak resident memory of its processes in bytes.

    0 where the command was too short to tell.

    Raises
    ------
    RuntimeError
        The command failed; with the end of its output.
    """
    output = folder / "output.txt"
    with output.open("a") as sink:
        process = subprocess.Popen(
            command, cwd=folder, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    sampler = _MemorySampler(process.pid)
    sampler.start()
    try:
        process.wait()
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
    return sampler.peak_bytes


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
