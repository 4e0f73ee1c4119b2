"""The block engine: scans straight from genotype files, without Hail and without a JVM.

Equal to :mod:`gwasbone.association.hail` up to float32 rounding of the products (relative 1e-5 of
an effect's standard error); see :mod:`gwasbone.blocks.linear` and :mod:`gwasbone.blocks.logistic`
for the models.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from gwasbone import session
from gwasbone.association.block_scans import (
    LOGISTIC_TESTS,
    WORTH_COMPILING,
    LinearScan,
    LogisticScan,
    MixedScan,
    Scan,
)
from gwasbone.association.design import Design, Offset
from gwasbone.association.options import AssociationOptions
from gwasbone.association.rows import variant_columns
from gwasbone.association.y_chromosome import design_of_men, with_left_out
from gwasbone.blocks.mapping import Executor, LocalThreads, one_ahead
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.source import GenotypeReader, VariantBlock
from gwasbone.errors import GwasboneError, InputError
from gwasbone.genome import Y
from gwasbone.ranges import absolute

log = logging.getLogger(__name__)

ExecutorName = Literal["auto", "local", "spark"]

#: Variants whose results are kept in memory before they are handed on.
VARIANTS_PER_CHUNK = 65_536
#: And results, variants times traits, where traits are many: few enough that the tables of one
#: chunk are made and those of another written while the next is computed.
RESULTS_PER_CHUNK = 2_000_000


@dataclass(frozen=True)
class ScanTask:
    """Reads a block of variants and tests it."""

    genotypes: GenotypeReader
    scan: Scan

    def __call__(self, block: VariantBlock) -> Any:
        return self.scan.block(self.genotypes.read(block.variants))


def scan_blocks(
    cohort: Cohort,
    design: Design,
    options: AssociationOptions | None = None,
    *,
    executor: Executor | None = None,
    offset: Offset | None = None,
) -> Iterator[dict[str, pd.DataFrame]]:
    """Scans of all retained variants, in the order of the variant table.

    Parameters
    ----------
    cohort : its source is read in blocks. ``design.ids`` are its retained samples.
    options : of which ``test`` is that of the logistic traits: ``score`` (Firth's test where its p
        is below 0.05), ``firth`` or ``spa`` (saddlepoint p where the score p is below 0.05).
    executor : see :func:`choose_executor`; all cores of this machine by default.
    offset : what is known of the traits beforehand, for all chromosomes or for each one (such as
        predictions that leave it out); see :meth:`Design.with_offset`. Null models are fitted
        anew for each chromosome.

    Returns
    -------
    For each chunk of variants, trait -> canonical results table.

    Raises
    ------
    InputError
        A logistic model of the covariates alone that has no maximum; a chromosome without offset.
    """
    size = max(1, min(VARIANTS_PER_CHUNK, RESULTS_PER_CHUNK // len(design.traits)))
    for part, its_design in _parts(cohort, design, offset):
        chunks = [part.iloc[top : top + size] for top in range(0, len(part), size)]
        if not its_design.groups:
            for chunk in chunks:
                yield with_left_out({}, variant_columns(chunk), design)
            continue
        genotypes, scan = prepare_scan(cohort, its_design, options)
        results = (executor or LocalThreads()).map(
            ScanTask(genotypes, scan), (genotypes.blocks(chunk) for chunk in chunks)
        )
        for chunk, of_chunk in zip(chunks, one_ahead(results), strict=True):
            tables = scan.tables(chunk, of_chunk)
            if len(tables) < len(design.traits):
                tables = with_left_out(tables, variant_columns(chunk), design)
            yield {trait.name: tables[trait.name] for trait in design.traits}


def _parts(
    cohort: Cohort, design: Design, offset: Offset | None
) -> Iterator[tuple[pd.DataFrame, Design]]:
    """Consecutive variants that are tested in the same people with the same offset, and how."""
    variants = cohort.variants.kept_table()
    chromosome = variants["chromosome"].to_numpy()
    if isinstance(offset, Mapping):
        absent = [str(code) for code in pd.unique(chromosome) if code not in offset]
        if absent:
            raise InputError(
                f"offset: expected one for each chromosome of the scan, chromosome {absent[0]} "
                f"(of {len(absent)}) has none: leave its variants out or give its offset"
            )
    kind = chromosome if isinstance(offset, Mapping) else chromosome == Y
    borders = np.flatnonzero(kind[1:] != kind[:-1]) + 1
    ends = [*borders.tolist(), len(variants)] if len(variants) else []
    for start, end in zip([0, *ends], ends, strict=False):
        code = int(chromosome[start])
        known = offset[code] if isinstance(offset, Mapping) else offset
        its_design = design if known is None else design.with_offset(known)
        if code == Y:
            its_design = design_of_men(cohort, its_design)
        yield variants.iloc[start:end], its_design


def can_scan_blocks(cohort: Cohort, design: Design, options: AssociationOptions) -> bool:
    """Whether this engine has what a scan needs: genotypes read in blocks, and the test."""
    has_test = "logistic" not in design.methods or options.test in LOGISTIC_TESTS
    return cohort.source.capabilities.blocks and has_test


def prepare_scan(
    cohort: Cohort, design: Design, options: AssociationOptions | None = None
) -> tuple[GenotypeReader, Scan]:
    """What reads a cohort's genotypes and what tests them; both can be sent to other processes.

    Raises
    ------
    InputError
        A logistic model of the covariates alone that has no maximum.
    """
    options = options or AssociationOptions()
    reader = cohort.source.genotypes(cohort.participants)
    compiled = len(design.ids) * cohort.variants.n_kept >= WORTH_COMPILING
    scans: list[Scan] = []
    for method in design.methods:
        part = design.of(method)
        if method == "linear":
            scans.append(LinearScan(part, reader.layout, compiled=compiled))
        else:
            scans.append(LogisticScan(part, reader.layout, options, compiled=compiled))
    if len(scans) == 1:
        return reader, scans[0]
    return reader, MixedScan(scans, [trait.name for trait in design.traits])


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
    from gwasbone.blocks.spark import SparkExecutors

    executors = SparkExecutors(session.hail().spark_context())
    files = [str(absolute(file)) for file in cohort.source.files]
    try:
        executors.check(modules=(__name__, *cohort.source.reader_modules), files=files)
    except GwasboneError as error:
        if name == "spark":
            raise
        log.warning("blocks are computed on this machine and not on the cluster: %s", error)
        return LocalThreads(threads)
    log.info("blocks are computed on Spark executors (%s)", executors.context.master)
    return executors
