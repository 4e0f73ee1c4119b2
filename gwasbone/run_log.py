"""The log of one command: version, options in effect, counts at each filter, timings."""

from __future__ import annotations

import contextlib
import logging
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

log = logging.getLogger("gwasbone")

#: Packages whose version can change a result.
_PACKAGES = ("gwasbone", "hail", "numpy", "scipy", "pandas", "statsmodels", "msprime")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@contextlib.contextmanager
def run_log(path: Path, *, command: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Write what gwasbone logs to ``path`` while the block runs; warnings go to stderr as well.

    The log stays when the run fails, with the error as its last line but one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    to_file = logging.FileHandler(path, mode="w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    to_screen = logging.StreamHandler(sys.stderr)
    to_screen.setLevel(logging.WARNING)
    to_screen.setFormatter(logging.Formatter("warning: %(message)s"))
    log.setLevel(logging.INFO)
    # Hail gives the root logger a handler on the terminal
    propagate, log.propagate = log.propagate, False
    logging.captureWarnings(True)
    warnings_log = logging.getLogger("py.warnings")
    for handler in (to_file, to_screen):
        log.addHandler(handler)
    warnings_log.addHandler(to_file)
    started = time.monotonic()
    try:
        log.info("gwasbone %s: %s", versions().get("gwasbone", "?"), command)
        log.info("versions: %s", ", ".join(f"{k} {v}" for k, v in versions().items()))
        log.info("started %s on %s", time.strftime("%Y-%m-%d %H:%M:%S"), platform.node())
        for name, value in options.items():
            log.info("option %s = %s", name, value)
        yield
        log.info("done in %.1f s", time.monotonic() - started)
    except BaseException as error:
        to_file.handle(
            logging.LogRecord(
                "gwasbone",
                logging.ERROR,
                "",
                0,
                f"failed: {error or type(error).__name__}",
                (),
                None,
            )
        )
        log.info("stopped after %.1f s", time.monotonic() - started)
        raise
    finally:
        for handler in (to_file, to_screen):
            log.removeHandler(handler)
        log.propagate = propagate
        warnings_log.removeHandler(to_file)
        logging.captureWarnings(False)
        to_file.close()
