"""The block engine: scans straight from .bed files, without Hail and without a JVM.

Equal to :mod:`gwasbone.association.hail` up to float32 rounding of the products (relative 1e-5 of
an effect's standard error); see :mod:`gwasbone.blocks.linear` and :mod:`gwasbone.blocks.logistic`
for the models.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import pandas as pd

from gwasbone.association.blocks_logistic import LogisticScan
from gwasbone.association.blocks_rows import counted, variant_columns
from gwasbone.association.design import Design
from gwasbone.association.rows import results_table, status_of
from gwasbone.blocks.linear import GroupResult, linear_block, linear_design
from gwasbone.blocks.mapping import map_blocks
from gwasbone.blocks.packed import PeopleColumns, Words
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.packed_calls import PackedCalls
from gwasbone.cohort.plink_files import BedSource
from gwasbone.stats.pvalues import neg_log10_p_t

#: Variants whose results are kept in memory before they are handed on.
VARIANTS_PER_CHUNK = 65_536

#: Tests of a logistic scan that this engine has.
LOGISTIC_TESTS = ("score", "firth", "spa")


class Scan(Protocol):
    """A kind of scan with everything about its people laid out."""

    def block(self, words: Words) -> Any:
        """Results of a block of packed calls; called in several threads."""

    def tables(self, variants: pd.DataFrame, results: list[Any]) -> dict[str, pd.DataFrame]:
        """Trait -> canonical results table of consecutive blocks."""


def can_scan_blocks(cohort: Cohort, design: Design, *, test: str = "score") -> bool:
    """Whether this engine has what a scan needs: hard calls in .bed files, and the test."""
    has_test = design.method == "linear" or test in LOGISTIC_TESTS
    return isinstance(cohort.source, BedSource) and has_test


def scan_blocks(
    cohort: Cohort, design: Design, *, test: str = "score", threads: int | None = None
) -> Iterator[dict[str, pd.DataFrame]]:
    """Scans of all kept variants, in the order of the variant table.

    Parameters
    ----------
    cohort : backed by .bed files. ``design.ids`` are its kept people.
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
    calls = PackedCalls.of(cohort)
    scan = _prepared(design, calls.columns, test)
    variants = cohort.variants.kept_table()
    for top in range(0, len(variants), VARIANTS_PER_CHUNK):
        chunk = variants.iloc[top : top + VARIANTS_PER_CHUNK]
        results = map_blocks(
            lambda block: scan.block(calls.words(block)), calls.blocks(chunk), threads=threads
        )
        yield scan.tables(chunk, list(results))


def _prepared(design: Design, columns: PeopleColumns, test: str) -> Scan:
    if design.method == "linear":
        return LinearScan(design, columns)
    return LogisticScan(design, columns, test=test)


class LinearScan:
    """Linear regression of every trait of a design."""

    def __init__(self, design: Design, columns: PeopleColumns) -> None:
        self._design = design
        groups = [(group.people, group.X, group.Y) for group in design.groups]
        self._prepared = linear_design(columns, groups)

    def block(self, words: Words) -> list[GroupResult]:
        """Results of each group of traits."""
        return linear_block(words, self._prepared)

    def tables(
        self, variants: pd.DataFrame, results: list[list[GroupResult]]
    ) -> dict[str, pd.DataFrame]:
        """Trait -> canonical results table."""
        named = variant_columns(variants)
        tables: dict[str, pd.DataFrame] = {}
        for g, group in enumerate(self._design.groups):
            parts = [block[g] for block in results]
            statistics = counted([part.counts for part in parts])
            status = status_of(statistics, np.concatenate([p.unexplained for p in parts]))
            dof = float(len(group.X) - group.X.shape[1] - 1)
            for j, trait in enumerate(group.traits):
                beta, se, t = (
                    np.concatenate([getattr(p, name)[:, j] for p in parts])
                    for name in ("beta", "se", "t")
                )
                tables[trait.name] = results_table(
                    named, statistics, n=trait.n, beta=beta, se=se, statistic=t, dof=dof,
                    neg_log10_p=neg_log10_p_t(np.where(status == "", t, np.nan), dof),
                    test="t", status=status,
                )  # fmt: skip
        return {trait.name: tables[trait.name] for trait in self._design.traits}
