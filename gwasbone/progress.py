"""Progress of anything long: a bar on a terminal, nothing elsewhere.

Hail runs as Spark stages; while a block of :func:`hail_progress` runs, a thread asks Spark how
many tasks are done. The bar goes to stderr and leaves no trace when it ends.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from gwasbone import session

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


@contextlib.contextmanager
def hail_progress(what: str) -> Iterator[None]:
    """Show how far Hail is with ``what``, and log how long it took."""
    started = time.monotonic()
    with _bar(what) if sys.stderr.isatty() else contextlib.nullcontext():
        yield
    log.info("%s: %.1f s", what, time.monotonic() - started)


@contextlib.contextmanager
def counted_progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar for work that counts itself: call it with the step, how much is done, and of what.

    None where there is no terminal to show it on.
    """
    if not sys.stderr.isatty():
        yield None
        return
    with _progress() as progress:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step)
            progress.update(tasks[step], completed=done, total=total)

        yield show


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


@contextlib.contextmanager
def _bar(what: str) -> Iterator[None]:
    ended = threading.Event()
    with _progress() as progress:
        task = progress.add_task(what, total=None)

        def watch() -> None:
            while not ended.wait(_POLL_SECONDS):
                # Spark may be starting, or gone: then there is nothing to show
                with contextlib.suppress(Exception):
                    done, total = _spark_tasks()
                    if total:
                        progress.update(task, completed=done, total=total)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join(2 * _POLL_SECONDS)


def _spark_tasks() -> tuple[int, int]:
    """Tasks done and in all, over the Spark stages that run now; (0, 0) where there are none."""
    if not session.is_running():
        return 0, 0
    tracker: Any = session.hail().spark_context().statusTracker()
    stages = [tracker.getStageInfo(i) for i in tracker.getActiveStageIds()]
    known = [s for s in stages if s is not None]
    return sum(s.numCompletedTasks for s in known), sum(s.numTasks for s in known)
