"""Which process a file belongs to, and whether that process still runs."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Owner:
    """A process, told apart from all others on all hosts.

    Parameters
    ----------
    host : name of the host.
    boot_id : identifier of the host's current boot; process IDs start anew with each boot.
    pid : process ID.
    started : start time of the process in clock ticks since boot; process IDs are used again.
    """

    host: str
    boot_id: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> Owner:
        """This process."""
        return _of_process(os.getpid())

    @classmethod
    def from_mapping(cls, values: Any) -> Owner | None:
        """The owner that :meth:`as_mapping` wrote; None where the values are not an owner's."""
        try:
            return cls(
                str(values["host"]), str(values["boot_id"]), int(values["pid"]),
                int(values["started"]),
            )  # fmt: skip
        except (TypeError, KeyError, ValueError):
            return None

    def as_mapping(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @property
    def code(self) -> str:
        """A short form for names of files: hashes of host and boot, process ID, start time."""
        return f"{_short(self.host)}-{_short(self.boot_id)}-{self.pid}-{self.started}"

    @property
    def is_gone(self) -> bool:
        """Whether the process has certainly ended; never certain for processes of other hosts."""
        here = Owner.current()
        if self.host != here.host:
            return False
        return self.boot_id != here.boot_id or _start_time(self.pid) != self.started

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


#: The form of :attr:`Owner.code`.
CODE = r"[0-9a-f]{8}-[0-9a-f]{8}-\d+-\d+"


def code_is_gone(code: str) -> bool:
    """Whether the process of an :attr:`Owner.code` has certainly ended."""
    host, boot, pid, started = code.split("-")
    here = Owner.current()
    if host != _short(here.host):
        return False
    return boot != _short(here.boot_id) or _start_time(int(pid)) != int(started)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@functools.lru_cache(maxsize=1)
def _of_process(pid: int) -> Owner:
    # by process ID, so that a forked process is not taken for its parent
    return Owner(platform.node(), _boot_id(), pid, _start_time(pid) or 0)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(round(psutil.boot_time()))


def _start_time(pid: int) -> int | None:
    """Start time of a running process; None where there is none of this ID."""
    try:
        # the name of the program, in brackets, may hold blanks and brackets itself
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except ProcessLookupError:
        return None
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        return _portable_start_time(pid)
    # a process that was killed and not yet waited for holds its ID, and does nothing any more
    return None if fields[0] in "ZX" else int(fields[19])


def _portable_start_time(pid: int) -> int | None:
    import psutil

    try:
        return round(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
