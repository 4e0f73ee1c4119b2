"""Run a function over blocks, in order, on the cores of this machine.

Kernels release the interpreter's lock in NumPy, so threads share one copy of the design and no
other process is started. BLAS gets one thread each: the blocks are the parallelism. A few blocks
are in flight at a time, so memory is block size times cores however many blocks there are.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Block = TypeVar("Block")
Result = TypeVar("Result")


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
