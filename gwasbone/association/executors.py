"""Where the block engine computes: threads of this machine, or the executors of a cluster."""

from __future__ import annotations

import logging
from typing import Literal

from gwasbone import session
from gwasbone.blocks.mapping import Executor, LocalThreads
from gwasbone.blocks.ranges import absolute
from gwasbone.blocks.spark import SparkExecutors
from gwasbone.cohort.bgen_source import BgenSource
from gwasbone.cohort.model import Cohort
from gwasbone.errors import GwasboneError

log = logging.getLogger(__name__)

ExecutorName = Literal["auto", "local", "spark"]

#: What a scan imports on an executor: the engine, and what reads each kind of file.
_MODULES = ("gwasbone.association.blocks",)
_READERS = {BgenSource: ("gwasbone.cohort.sources.bgen_reader",)}


def choose_executor(name: ExecutorName, cohort: Cohort, *, threads: int | None = None) -> Executor:
    """Where the blocks of a scan are computed.

    Parameters
    ----------
    name : ``local``: threads of this machine. ``spark``: the executors of the Hail session, which
        is started where there is none. ``auto``: those of a session that runs on a cluster
        already, where they can do it, else threads; no session is started.
    threads : cores of this machine; all by default.

    Raises
    ------
    GwasboneError
        ``spark`` was asked for and its executors lack something.
    """
    if name == "local" or (name == "auto" and not session.is_on_cluster()):
        return LocalThreads(threads)
    executors = SparkExecutors(session.hail().spark_context())
    files = [str(absolute(file)) for file in cohort.source.files]
    try:
        executors.check(modules=_MODULES + _READERS.get(type(cohort.source), ()), files=files)
    except GwasboneError as error:
        if name == "spark":
            raise
        log.warning("blocks are computed on this machine and not on the cluster: %s", error)
        return LocalThreads(threads)
    log.info("blocks are computed on Spark executors (%s)", executors.context.master)
    return executors
