"""The log of one command: version, options in effect, counts at each filter, timings."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from gwasbone import __version__
from gwasbone.errors import GwasboneWarning, InputError

log = logging.getLogger("gwasbone")

_FIRST_LINE = re.compile(r"\d\d:\d\d:\d\d [A-Z]+ gwasbone ")

#: Packages whose version can change a result.
_PACKAGES = ("hail", "numpy", "scipy", "pandas", "statsmodels", "msprime")
_DIST_INFO = ".dist-info"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute."""
    return dict(_versions())


@functools.cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "gwasbone": __version__}
    installed = _installed()
    for name in _PACKAGES:
        version = installed.get(name) or _version_by_metadata(name)
        if version is not None:
            found[name] = version
    return found


def _installed() -> dict[str, str]:
    """Version of each package by the name of its folder of metadata, ``NAME-VERSION.dist-info``.

    To read the metadata themselves takes as long as a small scan's arithmetic.
    """
    found: dict[str, str] = {}
    for folder in sys.path:
        with contextlib.suppress(OSError):
            for entry in os.listdir(folder or "."):
                if entry.endswith(_DIST_INFO):
                    name, _, version = entry.removesuffix(_DIST_INFO).partition("-")
                    found.setdefault(name.lower(), version)
    return found


def _version_by_metadata(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    with contextlib.suppress(PackageNotFoundError):
        return version(name)
    return None


class _LogFile(logging.FileHandler):
    """A log file that a full disk cuts short, instead of stopping the run or filling the screen."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do nothing: the run itself will say that the disk is full, if it needs to write."""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def run_log(
    path: Path,
    *,
    command: str,
    options: Mapping[str, Any],
    rename: Callable[[str], str] = lambda text: text,
) -> Iterator[None]:
    """Write what gwasbone logs to ``path`` while the block runs; warnings go to stderr as well.

    Warnings of other packages go to the log only. The log stays when the run fails, with the
    error as its last line but one.

    Parameters
    ----------
    rename : turns names of files that are on their way into those that they will have.

    Raises
    ------
    InputError
        ``path`` is a file that is not a log of gwasbone; it stays as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _refuse_other_files(path)
    to_file = _LogFile(path, mode="w", encoding="utf-8")
    to_file.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s", rename, "%H:%M:%S"))
    to_screen = logging.StreamHandler(sys.stderr)
    to_screen.setLevel(logging.WARNING)
    to_screen.addFilter(lambda record: not getattr(record, "only_in_file", False))
    to_screen.setFormatter(_OneLine("warning: %(message)s", rename))
    level = log.level
    log.setLevel(logging.INFO)
    # Hail gives the root logger a handler on the terminal
    propagate, log.propagate = log.propagate, False
    for handler in (to_file, to_screen):
        log.addHandler(handler)
    started = time.monotonic()
    try:
        with _warnings_logged():
            log.info("gwasbone %s: %s", versions().get("gwasbone", "?"), command)
            log.info("versions: %s", ", ".join(f"{k} {v}" for k, v in versions().items()))
            log.info("started %s on %s", time.strftime("%Y-%m-%d %H:%M:%S"), platform.node())
            for name, value in options.items():
                log.info("option %s = %s", name, _plain(value))
            yield
        log.info("done in %.1f s", time.monotonic() - started)
    except BaseException as error:
        what = str(error) or type(error).__name__
        log.error("failed: %s", what.splitlines()[0], extra={"only_in_file": True})
        log.info("stopped after %.1f s", time.monotonic() - started)
        raise
    finally:
        for handler in (to_file, to_screen):
            log.removeHandler(handler)
            handler.close()
        log.propagate = propagate
        log.setLevel(level)


class _OneLine(logging.Formatter):
    def __init__(
        self, text: str, rename: Callable[[str], str], time_format: str | None = None
    ) -> None:
        super().__init__(text, time_format)
        self._rename = rename

    def format(self, record: logging.LogRecord) -> str:
        return self._rename(" ".join(super().format(record).splitlines()))


def _refuse_other_files(path: Path) -> None:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            first = handle.readline()
    except FileNotFoundError:
        return
    if first and not _FIRST_LINE.match(first):
        raise InputError(
            f"{path}: expected a log of gwasbone to replace, got another file: move it away, or "
            "choose another --out"
        )


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


@contextlib.contextmanager
def _warnings_logged() -> Iterator[None]:
    """Python warnings as log lines; every one of gwasbone's own, not only the first of its kind."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, GwasboneWarning):
            log.warning("%s", message)
        else:
            text = "%s: %s (%s line %d)"
            extra = {"only_in_file": True}
            log.warning(text, category.__name__, message, filename, lineno, extra=extra)

    with warnings.catch_warnings():
        warnings.simplefilter("always", GwasboneWarning)
        warnings.showwarning = show
        yield
