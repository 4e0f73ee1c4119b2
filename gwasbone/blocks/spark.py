"""Run a function over blocks on the executors of a Spark context that is handed in.

The kernel, with everything about people, is broadcast once per scan; the blocks of a batch are
the job's tasks; Spark repeats those whose machine is lost. The job of the next batch runs while
the caller works on the results of the last one. Executors need Python with the packages that the
kernel imports; gwasbone itself is sent to them.

Nothing that an executor may lack (NumPy above all) is imported on import of this module: its
first task there is to say so.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import re
import sys
import uuid
import weakref
import zipfile
import zipimport
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import gwasbone
from gwasbone.errors import GwasboneError, InputError

Block = TypeVar("Block")
Result = TypeVar("Result")

#: Blocks that a task computes, where there are enough of them to keep every core busy: a block
#: takes tens of milliseconds, and starting a task about ten.
BLOCKS_PER_TASK = 8

_SINGLE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

#: The date of every file in the zip of gwasbone, so that equal code makes equal bytes.
_DATE = (1980, 1, 1, 0, 0, 0)

#: Worker processes that are prepared; a fork inherits the set but has a number of its own.
_settled: set[int] = set()

#: Contexts that have gwasbone, so that it is sent once.
_equipped: weakref.WeakSet[Any] = weakref.WeakSet()


@dataclass(frozen=True)
class SparkExecutors:
    """The executors of a running Spark context; see :class:`gwasbone.blocks.mapping.Executor`.

    Parameters
    ----------
    context : a ``pyspark.SparkContext``, such as ``hl.spark_context()``.
    """

    context: Any = field(repr=False)

    def check(self, *, modules: Sequence[str] = (), files: Sequence[str] = ()) -> None:
        """Refuse executors that could not run a kernel, before anything is computed.

        Parameters
        ----------
        modules : of gwasbone, which the kernel needs.
        files : which the kernel reads.

        Raises
        ------
        GwasboneError
            Their Python cannot be run, or lacks a package or has another version of NumPy.
        InputError
            They do not see a file.
        """
        n = max(2, int(self.context.defaultParallelism))
        check = _Check(_numpy_version(), tuple(modules), tuple(files))
        with self._jobs("checking executors") as submit:
            submit(range(n), check, n).result()

    def map(
        self, kernel: Callable[[Block], Result], batches: Iterable[Iterable[Block]]
    ) -> Iterator[list[Result]]:
        """For each batch of blocks, in order, the results of its blocks, in order.

        Raises
        ------
        GwasboneError
            That of the kernel, as in local threads; or why Spark gave up, in one line. The jobs
            are cancelled then, and when the caller stops asking (Ctrl-C).
        """
        cores = int(self.context.defaultParallelism)
        waiting: deque[Future[list[Result]]] = deque()
        sent = self.context.broadcast(kernel)
        run = _Run(_numpy_version(), sent)
        try:
            with self._jobs("blocks") as submit:
                for batch in batches:
                    blocks = list(batch)
                    waiting.append(submit(blocks, run, tasks_for(len(blocks), cores)))
                    if len(waiting) > 1:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
        finally:
            sent.destroy()

    @contextlib.contextmanager
    def _jobs(self, what: str) -> Iterator[Callable[..., Future[list[Any]]]]:
        """A function that starts Spark jobs, one after the other; left ones end with the block.

        They are started from a thread of their own: waiting for it, this one hears Ctrl-C, and
        the caller's Spark properties stay as they are.
        """
        self._equip()
        group = f"gwasbone-{uuid.uuid4().hex}"
        jobs: list[Future[list[Any]]] = []
        with ThreadPoolExecutor(1, thread_name_prefix="gwasbone-spark") as thread:

            def submit(items: Sequence[Any], task: Any, n_tasks: int) -> Future[list[Any]]:
                jobs[:] = [job for job in jobs if not job.done()]
                job = thread.submit(self._collect, items, task, n_tasks, (group, what))
                jobs.append(job)
                return job

            try:
                yield submit
            finally:
                left = [job for job in jobs if not (job.done() or job.cancel())]
                while left:  # a job may be about to start
                    self.context.cancelJobGroup(group)
                    left = list(wait(left, timeout=0.5).not_done)

    def _collect(
        self, items: Sequence[Any], task: Any, n_tasks: int, group: tuple[str, str]
    ) -> list[Any]:
        if not len(items):
            return []
        self.context.setJobGroup(group[0], f"gwasbone: {group[1]}", interruptOnCancel=True)
        try:
            results = self.context.parallelize(items, n_tasks).mapPartitions(task).collect()
        except Exception as error:
            reason = failure(error)
            if reason is None:
                raise
            raise GwasboneError(f"Spark executors: {reason}") from error
        refused = next((r for r in results if isinstance(r, _Refusal)), None)
        if refused is not None:
            raise refused.error
        return results

    def _equip(self) -> None:
        """Send gwasbone to the executors, once per context."""
        if self.context in _equipped:
            return
        here = list(sys.path)
        # Spark's own temporary folder: it goes with the context, however that ends
        self.context.addPyFile(str(package_zip(Path(self.context._temp_dir))))
        # addPyFile puts the copy before the installed package, for this process as well
        sys.path[:] = here
        _equipped.add(self.context)


def package_zip(folder: Path) -> Path:
    """Write the modules of gwasbone to ``gwasbone-<hash>.zip`` in a folder, and say where.

    With the stubs, of which a package takes its public names (:mod:`gwasbone.public`). Tables and
    pictures under ``resources`` are left out: no kernel reads them.
    """
    home = Path(str(gwasbone.__file__)).parent
    sources = sorted(path for path in home.rglob("*.py*") if path.suffix in (".py", ".pyi"))
    contents = [(path.relative_to(home.parent).as_posix(), path.read_bytes()) for path in sources]
    digest = hashlib.sha256(b"".join(name.encode() + text for name, text in contents)).hexdigest()
    target = folder / f"gwasbone-{digest[:12]}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents:
            archive.writestr(zipfile.ZipInfo(name, _DATE), text)
    return target


def tasks_for(n_blocks: int, cores: int) -> int:
    """Into how many tasks blocks are cut: a few blocks each, but at least a task per core."""
    return max(1, min(n_blocks, max(cores, -(-n_blocks // BLOCKS_PER_TASK))))


@dataclass(frozen=True)
class _Refusal:
    """An error that repeating a task would not mend, sent back as a result."""

    error: GwasboneError


@dataclass(frozen=True)
class _Check:
    """A task that returns nothing where an executor can do its part, else why it cannot."""

    numpy: str
    modules: tuple[str, ...]
    files: tuple[str, ...]

    def __call__(self, _: Iterator[Any]) -> Iterator[_Refusal]:
        import importlib

        try:
            refuse_other_numpy(self.numpy)
            for module in self.modules:
                importlib.import_module(module)
            self._refuse_unseen()
        except ImportError as error:
            yield _Refusal(_lacks(error))
        except GwasboneError as error:
            yield _Refusal(error)

    def _refuse_unseen(self) -> None:
        import socket

        from gwasbone.ranges import is_file

        for path in self.files:
            if not is_file(path):
                raise InputError(
                    f"{path}: Spark executor {socket.gethostname()} does not see this file: put it "
                    "where all machines see it (a bucket, a shared disk) or choose executor local"
                )


@dataclass(frozen=True)
class _Run:
    """A task that runs the kernel over its blocks."""

    numpy: str
    kernel: Any

    def __call__(self, blocks: Iterator[Any]) -> Iterator[Any]:
        # the tasks are the parallelism; read by BLAS and Numba when they are first imported
        os.environ.update(dict.fromkeys(_SINGLE_THREAD, "1"))
        try:
            refuse_other_numpy(self.numpy)
            from threadpoolctl import threadpool_limits

            kernel = self.kernel.value
            prepare_for_tasks()
            with threadpool_limits(1):
                for block in blocks:
                    yield kernel(block)
        except ImportError as error:
            yield _Refusal(_lacks(error))
        except GwasboneError as error:
            yield _Refusal(error)


def prepare_for_tasks() -> None:
    """Spare a worker process most of what PySpark does before and after each task, 0.1 s and more.

    Before it, import caches are invalidated, and each finder of a zip then reads its whole zip
    anew, gwasbone's and PySpark's own, once per package inside; a finder that was dropped is made
    again when it is needed. After it, garbage is collected among everything that was ever
    imported; what is there by the first task is taken out of that.
    """
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimport.zipimporter):
            del sys.path_importer_cache[path]
    if os.getpid() not in _settled:
        _settled.add(os.getpid())
        gc.freeze()


def _numpy_version() -> str:
    import numpy

    return numpy.__version__


def refuse_other_numpy(expected: str) -> None:
    """Refuse a NumPy of another minor version than the session's: arrays may not be readable.

    Raises
    ------
    GwasboneError
        NumPy is absent or another.
    """
    try:
        got = _numpy_version()
    except ImportError as error:
        raise _lacks(error) from None
    if got.split(".")[:2] != expected.split(".")[:2]:
        raise GwasboneError(
            f"Spark executors: expected NumPy {expected} as in this session, got {got} in "
            f"{sys.executable}: install the same there or set PYSPARK_PYTHON to a Python that has "
            "it, or choose executor local"
        )


def _lacks(error: ImportError) -> GwasboneError:
    what = error.name if isinstance(error, ModuleNotFoundError) else error
    return GwasboneError(
        f"Spark executors: their Python {sys.executable} lacks {what}: install it there or set "
        "PYSPARK_PYTHON to a Python that has it, or choose executor local"
    )


def failure(error: BaseException) -> str | None:
    """Why Spark gave a job up, in one line; None where ``error`` is none of Spark's.

    Spark's own message is a page of Java; what happened is told by the line after the Python
    traceback in it, or by the first of the message.
    """
    if not type(error).__module__.startswith(("py4j", "hail")):
        return None
    java = getattr(error, "java_exception", None)
    # Hail turns the errors of any Spark job in its process into its own, which hold the page
    text = str(error) if java is None else str(java.toString())
    if "Job aborted" not in text:
        return "the session's JVM does not answer: start the session again"
    unrunnable = re.search(r'Cannot run program "([^"]+)"', text)
    if unrunnable:
        return (
            f"cannot run {unrunnable[1]}: set PYSPARK_PYTHON to a Python that every machine has, "
            "before the session starts"
        )
    if "maxResultSize" in text:
        return (
            "the results of a chunk are larger than spark.driver.maxResultSize: set it to 0 when "
            "the session starts, or scan fewer traits at a time"
        )
    traceback = text.partition("Traceback (most recent call last):")[2]
    lines = (line for line in traceback.splitlines() if re.match(r"[A-Za-z_][\w.]*(: |$)", line))
    return next(lines, None) or text[text.index("Job aborted") :].splitlines()[0]
