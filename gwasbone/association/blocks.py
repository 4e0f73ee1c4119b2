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
from gwasbone.blocks.mapping import map_blocks
from gwasbone.cohort.model import Cohort

#: Variants whose results are kept in memory before they are handed on.
VARIANTS_PER_CHUNK = 65_536


@dataclass(frozen=True)
class ScanTask:
    """Reads a block of variants and tests it."""

    genotypes: BlockReader
    scan: Scan

    def __call__(self, variants: pd.DataFrame) -> Any:
        return self.scan.block(self.genotypes.read(variants))


def scan_blocks(
    cohort: Cohort, design: Design, *, test: str = "score", threads: int | None = None
) -> Iterator[dict[str, pd.DataFrame]]:
    """Scans of all kept variants, in the order of the variant table.

    Parameters
    ----------
    cohort : backed by block files. ``design.ids`` are its kept people.
    test : of a logistic design: ``score`` (Firth's test where its p is below 0.05), ``firth``
        or ``spa`` (saddlepoint p where the score p is below 0.05).

    Returns
    -------
    For each chunk of variants, trait -> canonical results table.

    Raises
    ------
    InputError
        A logistic model of the covariates alone that has no maximum.
    """
    genotypes, scan = prepare_scan(cohort, design, test=test)
    task = ScanTask(genotypes, scan)
    variants = cohort.variants.kept_table()
    for top in range(0, len(variants), VARIANTS_PER_CHUNK):
        chunk = variants.iloc[top : top + VARIANTS_PER_CHUNK]
        results = map_blocks(task, genotypes.blocks(chunk), threads=threads)
        yield scan.tables(chunk, list(results))
