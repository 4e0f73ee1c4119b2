"""Files through worker processes, in order, whatever one of them does to its worker.

Workers end with the process that started them, however that ended: each watches a pipe whose other
end only that process holds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Files per task: enough that handing them over costs nothing beside reading them.
_TASK = 8

_shared: tuple[Any, ...] = ()


def ordered_map(
    function: Callable[..., R],
    items: Sequence[T],
    shared: tuple[Any, ...],
    *,
    workers: int,
    crashed: Callable[[T], R],
) -> Iterator[R]:
    """``function(item, *shared)`` for each item, in order.

    Parameters
    ----------
    shared : arguments that are the same for all items; sent to each worker once.
    workers : processes; with 1 all happens in this one. Scripts that ask for more need
        ``if __name__ == "__main__":`` around their call, as for any use of multiprocessing.
    crashed : gives the result of an item whose worker died (a decoder written in C may).
    """
    if workers == 1 or len(items) <= _TASK:
        for item in items:
            yield function(item, *shared)
        return
    tasks = [items[i : i + _TASK] for i in range(0, len(items), _TASK)]
    yield from _Pool(function, shared, workers, crashed).results(tasks)


class _Pool(Generic[T, R]):
    """Keeps a few tasks per worker in flight, so memory does not grow with their number."""

    def __init__(
        self,
        function: Callable[..., R],
        shared: tuple[Any, ...],
        workers: int,
        crashed: Callable[[T], R],
    ) -> None:
        self._function, self._shared, self._crashed = function, shared, crashed
        self._workers = workers
        # a forked copy of a process that holds a JVM or threads of a kernel may hang
        self._context = multiprocessing.get_context("spawn")
        self._lifeline, self._held = self._context.Pipe(duplex=False)

    def results(self, tasks: list[Sequence[T]]) -> Iterator[R]:
        left = deque(tasks)
        while left:
            # all that was in flight is lost with a worker; one at a time finds whose fault it was
            lost: list[Sequence[T]] = []
            yield from self._until_broken(left, lost)
            yield from self._one_by_one([item for task in lost for item in task])

    def _until_broken(self, left: deque[Sequence[T]], lost: list[Sequence[T]]) -> Iterator[R]:
        flying: deque[tuple[Sequence[T], Future[list[R]]]] = deque()
        pool = self._start(self._workers)
        try:
            while left or flying:
                while left and len(flying) < 3 * self._workers:
                    flying.append((left[0], pool.submit(_run, self._function, left[0])))
                    left.popleft()
                yield from flying[0][1].result()
                flying.popleft()
        except BrokenProcessPool:
            lost += [task for task, _ in flying]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _one_by_one(self, items: list[T]) -> Iterator[R]:
        pool: ProcessPoolExecutor | None = None
        try:
            for item in items:
                pool = pool or self._start(1)
                try:
                    yield pool.submit(_run, self._function, [item]).result()[0]
                except BrokenProcessPool:
                    pool.shutdown()
                    pool = None
                    yield self._crashed(item)
        finally:
            if pool is not None:
                pool.shutdown()

    def _start(self, workers: int) -> ProcessPoolExecutor:
        start = (self._shared, self._lifeline)
        return ProcessPoolExecutor(workers, self._context, initializer=_share, initargs=start)


def _share(shared: tuple[Any, ...], lifeline: Connection) -> None:
    global _shared
    _shared = shared
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
    # Ctrl-C goes to all processes; the first one stops the others when it has saved
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_with_parent(lifeline: Connection) -> None:
    """Wait until the pipe closes, which the kernel sees to when the parent is gone."""
    try:
        lifeline.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def _run(function: Callable[..., R], task: Sequence[T]) -> list[R]:
    return [function(item, *_shared) for item in task]
