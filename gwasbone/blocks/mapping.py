"""Run a function over blocks, in order, on the cores of this machine.

Kernels release the interpreter's lock in NumPy, so threads share one copy of the design and no
other process is started. BLAS gets one thread each: the blocks are the parallelism. A few blocks
are in flight at a time, so memory is block size times cores however many blocks there are.
:mod:`gwasbone.blocks.spark` does the same on the machines of a cluster.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from threadpoolctl import threadpool_limits

Block = TypeVar("Block")
Result = TypeVar("Result")


class Executor(Protocol):
    """Where blocks are computed."""

    def map(
        self, kernel: Callable[[Block], Result], batches: Iterable[Iterable[Block]]
    ) -> Iterator[list[Result]]:
        """For each batch of blocks, in order, the results of its blocks, in order.

        ``kernel`` can be pickled and is sent once, however many batches there are; memory is
        that of two batches of results.
        """


@dataclass(frozen=True)
class LocalThreads:
    """The cores of this machine.

    Parameters
    ----------
    threads : cores to use; all by default.
    """

    threads: int | None = None

    def map(
        self, kernel: Callable[[Block], Result], batches: Iterable[Iterable[Block]]
    ) -> Iterator[list[Result]]:
        """See :class:`Executor`."""
        for batch in batches:
            yield list(map_blocks(kernel, batch, threads=self.threads))


def one_ahead(items: Iterable[Block]) -> Iterator[Block]:
    """The same items; the next one is made, in a thread, while one is in use."""
    rest = iter(items)
    nothing: Any = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, rest, nothing)
        while (item := coming.result()) is not nothing:
            coming = pool.submit(next, rest, nothing)
            yield item


def map_blocks(
    kernel: Callable[[Block], Result], blocks: Iterable[Block], *, threads: int | None = None
) -> Iterator[Result]:
    """Results of ``kernel`` in the order of ``blocks``, computed ahead by at most two per core.

    Parameters
    ----------
    threads : cores to use; all by default.
    """
    n_threads = threads or os.cpu_count() or 1
    waiting: deque[Future[Result]] = deque()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(n_threads) as pool:
        try:
            for block in blocks:
                waiting.append(pool.submit(kernel, block))
                if len(waiting) > 2 * n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
