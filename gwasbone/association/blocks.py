"""The block engine: scans straight from genotype files, without Hail and without a JVM.

Equal to :mod:`gwasbone.association.hail` up to float32 rounding of the products (relative 1e-5 of
an effect's standard error); see :mod:`gwasbone.blocks.linear` and :mod:`gwasbone.blocks.logistic`
for the models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gwasbone.association.block_scans import BlockReader, Scan, prepare_scan
from gwasbone.association.design import Design
from gwasbone.blocks.mapping import Executor, LocalThreads
from gwasbone.cohort.model import Cohort

#: Variants whose results are kept in memory before they are handed on.
VARIANTS_PER_CHUNK = 65_536
#: And results, variants times traits, where traits are very many.
RESULTS_PER_CHUNK = 8_000_000


@dataclass(frozen=True)
class ScanTask:
    """Reads a block of variants and tests it."""

    genotypes: BlockReader
    scan: Scan

    def __call__(self, variants: pd.DataFrame) -> Any:
        return self.scan.block(self.genotypes.read(variants))


def scan_blocks(
    cohort: Cohort, design: Design, *, test: str = "score", executor: Executor | None = None
) -> Iterator[dict[str, pd.DataFrame]]:
    """Scans of all kept variants, in the order of the variant table.

    Parameters
    ----------
    cohort : backed by block files. ``design.ids`` are its kept people.
    test : of the logistic traits: ``score`` (Firth's test where its p is below 0.05), ``firth``
        or ``spa`` (saddlepoint p where the score p is below 0.05).
    executor : see :func:`gwasbone.association.executors.choose_executor`; all cores of this
        machine by default.

    Returns
    -------
    For each chunk of variants, trait -> canonical results table.

    Raises
    ------
    InputError
        A logistic model of the covariates alone that has no maximum.
    """
    genotypes, scan = prepare_scan(cohort, design, test=test)
    variants = cohort.variants.kept_table()
    size = max(1, min(VARIANTS_PER_CHUNK, RESULTS_PER_CHUNK // len(design.traits)))
    chunks = [variants.iloc[top : top + size] for top in range(0, len(variants), size)]
    results = (executor or LocalThreads()).map(
        ScanTask(genotypes, scan), (genotypes.blocks(chunk) for chunk in chunks)
    )
    for chunk, of_chunk in zip(chunks, results, strict=True):
        yield scan.tables(chunk, of_chunk)
