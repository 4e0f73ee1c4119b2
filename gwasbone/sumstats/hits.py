"""The variants of scans below a p-value, out of files too large to be held.

A scan of ten million variants has a few thousand hits. Files are read a piece at a time, of each
piece the column of p-values only; a hit's other columns are taken from its own row.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from gwasbone.blocks.kernel_progress import Progress, ProgressCount
from gwasbone.errors import UsageError
from gwasbone.sumstats.formats.parquet import ParquetScan
from gwasbone.sumstats.scan import Scan, ScanHits
from gwasbone.sumstats.scans import as_scans

T = TypeVar("T")


def map_hits(
    scans: Any,
    function: Callable[[ScanHits], T],
    *,
    p_threshold: float,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, T]:
    """Apply a function to the variants below a p-value of each scan, reading files in parallel.

    Parameters
    ----------
    scans : whatever :func:`gwasbone.sumstats.scans.as_scans` takes. A Parquet file of many traits
        is read once.
    function : called in the thread that has read the scan.
    p_threshold : hits are below it.
    threads : files read at the same time; one for each core by default.

    Returns
    -------
    Trait -> what the function gave, in the order of ``scans``.

    Raises
    ------
    UsageError
        No scan, or a threshold that makes no sense.
    InputError
        A file is missing, of another format, or cut short.
    """
    found = as_scans(scans)
    if not 0 < p_threshold <= 1:
        raise UsageError(f"p_threshold: expected a number in (0, 1], got {p_threshold}")
    above = float(-np.log10(p_threshold))
    jobs = _together(list(found.values()))
    total = sum(job[0].n_bytes for job in jobs)
    count = ProgressCount(progress, "reading scans", total or 1)

    def work(job: list[Scan]) -> dict[str, T]:
        return {hits.trait: function(hits) for hits in _hits(job, above, count.add)}

    done: dict[str, T] = {}
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        running = [pool.submit(work, job) for job in jobs if not job[0].in_calling_thread]
        try:
            for job in jobs:
                if job[0].in_calling_thread:
                    done |= work(job)
            for one in running:
                done |= one.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return {trait: done[trait] for trait in found}


def _together(scans: list[Scan]) -> list[list[Scan]]:
    """Scans in lists that are read together: those of one Parquet file, each other one alone."""
    jobs: dict[Any, list[Scan]] = {}
    for scan in scans:
        key = scan.source.path if isinstance(scan, ParquetScan) else id(scan)
        jobs.setdefault(key, []).append(scan)
    return list(jobs.values())


def _hits(job: list[Scan], above: float, count: Callable[[int], None]) -> Iterator[ScanHits]:
    first = job[0]
    if isinstance(first, ParquetScan):
        yield from first.hits_together(job, above, count)
    else:
        yield first.hits(above, count=count)
