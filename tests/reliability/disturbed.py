"""Runs of the command line that are killed, or whose disk is full, at a chosen moment.

As a program it is a server: it imports gwasbone once and runs each request in a forked process, so
that hundreds of runs take little more than their own work. A moment is the n-th time that the
package opens a file for writing, flushes, renames, links or removes one within the working folder;
counting, not sleeping, makes every run repeatable.
"""

from __future__ import annotations

import builtins
import importlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILL, TERM, FULL = "SIGKILL", "SIGTERM", "full disk"
TOKEN = "GWASBONE_DISTURBED"


@dataclass(frozen=True)
class Done:
    """What a run left behind beside its files.

    Parameters
    ----------
    code : exit code; the negative signal of a killed run.
    out, err : what it printed.
    moments : what happened at each moment, in order, such as ``replace commit.json``.
    """

    code: int
    out: str
    err: str
    moments: list[str]


class Server:
    """A client of the server that this file is when it is run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {TOKEN: str(folder), "NUMBA_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment, cwd=folder,
        )  # fmt: skip

    def run(self, arguments: list[str], cwd: Path, *, how: str = "", moment: int = 0) -> Done:
        """Run a command in ``cwd``; disturb it at a moment, counted from 1; 0 leaves it alone."""
        moments = self._folder / "moments"
        request = {
            "arguments": arguments, "cwd": str(cwd), "how": how, "moment": moment,
            "moments": str(moments),
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        return Done(**reply, moments=moments.read_text().splitlines())

    def alive(self) -> list[int]:
        """Processes that runs have left, after they had a moment to end."""
        for _ in range(50):
            left = processes(f"{TOKEN}={self._folder}") - {self._process.pid}
            if not left:
                break
            time.sleep(0.1)
        return sorted(left)

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def processes(setting: str) -> set[int]:
    """Running processes with a setting in their environment; those that have ended hold none."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if setting in (folder / "environ").read_text(errors="replace").split("\0"):
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def _disturb(how: str) -> None:
    if how == FULL:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    else:
        os.kill(os.getpid(), getattr(signal, how))


def _watch(cwd: str, moments: io.TextIOBase, how: str, moment: int) -> None:
    """Count what is done to files within ``cwd``, by wrapping the functions that do it."""
    pid, count = os.getpid(), 0

    def happens(what: str, path: Any) -> None:
        nonlocal count
        try:
            name = os.path.abspath(os.fsdecode(path))
        except TypeError:
            return
        if os.getpid() != pid or not name.startswith(cwd):
            return
        count += 1
        if not moment:
            moments.write(f"{what} {os.path.relpath(name, cwd)}\n")
            moments.flush()
        if count == moment:
            _disturb(how)

    def wrapped(what: str, real: Callable[..., Any], place: int) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            happens(what, given[place])
            return real(*given, **named)

        return call

    real_open = builtins.open

    def opened(file: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
        if set(mode) & set("wax+") and not isinstance(file, int):
            happens("open", file)
        return real_open(file, mode, *given, **named)

    builtins.open = io.open = opened  # type: ignore[assignment]
    for name, place in (("replace", 1), ("rename", 1), ("link", 1), ("unlink", 0), ("rmdir", 0)):
        setattr(os, name, wrapped(name, getattr(os, name), place))
    real_fsync = os.fsync

    def fsync(handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        happens("fsync", os.readlink(f"/proc/self/fd/{number}"))
        real_fsync(handle)

    os.fsync = fsync


def _run(request: dict[str, Any]) -> int:
    """In the forked process: the command, as the shell would start it."""
    from gwasbone import cli

    os.chdir(request["cwd"])
    moments = open(request["moments"], "w")  # noqa: SIM115
    _watch(request["cwd"], moments, request["how"], request["moment"])
    sys.argv = ["gwasbone", *request["arguments"]]
    code = cli.main()
    sys.stdout.flush()
    return code


_IMPORTS = """
numpy pandas scipy.stats pyarrow.parquet bokeh.plotting numba sklearn.linear_model statsmodels.api
gwasbone.cli.context gwasbone.cohort.qc gwasbone.association.associate gwasbone.steps.stages
gwasbone.steps.scan gwasbone.steps.compare gwasbone.steps.select gwasbone.steps.loci
gwasbone.steps.images gwasbone.steps.train gwasbone.steps.residuals gwasbone.report.study_report
gwasbone.learning.reference gwasbone.loci.region_selection gwasbone.report.pages.saliency
gwasbone.report.pages.training gwasbone.phenotypes.residuals pydicom
"""


def _serve() -> None:
    for name in _IMPORTS.split():
        importlib.import_module(name)
    replies = os.fdopen(os.dup(1), "w")
    for line in iter(sys.stdin.readline, ""):
        # pipes, since a limit on files is one on what is printed into files too
        streams = {number: os.pipe() for number in (1, 2)}
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                for number, (_, end) in streams.items():
                    os.dup2(end, number)
                code = _run(json.loads(line))
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        out, err = (_drained(*ends) for ends in streams.values())
        code = os.waitstatus_to_exitcode(status)
        replies.write(json.dumps({"code": code, "out": out, "err": err}) + "\n")
        replies.flush()


def _drained(read: int, write: int) -> str:
    """What is in a pipe, whoever may still hold its other end."""
    os.close(write)
    os.set_blocking(read, False)
    with os.fdopen(read, "rb") as pipe:
        return (pipe.read() or b"").decode()


if __name__ == "__main__":
    _serve()
