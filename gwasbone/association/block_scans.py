"""Which scans the block engine has, and everything about people laid out for one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd

from gwasbone.association.blocks_linear import LinearScan
from gwasbone.association.blocks_logistic import LogisticScan
from gwasbone.association.design import Design
from gwasbone.blocks.genotypes import GenotypeBlock, PackedBlock, PeopleLayout
from gwasbone.cohort.bgen_source import BgenSource
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.bed import BedSource
from gwasbone.cohort.sources.bed_reader import PackedCalls

#: Tests of a logistic scan that this engine has.
LOGISTIC_TESTS = ("score", "firth", "spa")


class BlockReader(Protocol):
    """Genotypes of a cohort's kept people, read a block of variants at a time."""

    def blocks(self, variants: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Rows of a variant table in pieces of a size that a core handles at a time."""

    def read(self, variants: pd.DataFrame) -> GenotypeBlock:
        """The genotypes of such a piece, as the scans' kernels take them."""


@dataclass(frozen=True)
class PackedReader:
    """Hard calls of .bed files as a :class:`BlockReader`."""

    calls: PackedCalls

    def blocks(self, variants: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """See :class:`BlockReader`."""
        return self.calls.blocks(variants)

    def read(self, variants: pd.DataFrame) -> PackedBlock:
        """See :class:`BlockReader`."""
        return PackedBlock.of(self.calls.read(variants), self.calls.everyone)


class Scan(Protocol):
    """A scan with everything about its people laid out."""

    def block(self, genotypes: GenotypeBlock) -> Any:
        """Results of a block of genotypes; called in several threads or processes."""

    def tables(self, variants: pd.DataFrame, results: list[Any]) -> dict[str, pd.DataFrame]:
        """Trait -> canonical results table of consecutive blocks."""


class MixedScan:
    """Several scans of the same genotypes, which are read once for all of them.

    Parameters
    ----------
    scans : whose traits differ. traits : names of all, in the order of the results.
    """

    def __init__(self, scans: Sequence[Scan], traits: Sequence[str]) -> None:
        self._scans, self._traits = tuple(scans), tuple(traits)

    def block(self, genotypes: GenotypeBlock) -> list[Any]:
        """See :class:`Scan`: the results of each scan."""
        return [scan.block(genotypes) for scan in self._scans]

    def tables(self, variants: pd.DataFrame, results: list[list[Any]]) -> dict[str, pd.DataFrame]:
        """See :class:`Scan`."""
        tables: dict[str, pd.DataFrame] = {}
        for scan, of_scan in zip(self._scans, zip(*results, strict=True), strict=True):
            tables |= scan.tables(variants, list(of_scan))
        return {trait: tables[trait] for trait in self._traits}


def can_scan_blocks(cohort: Cohort, design: Design, *, test: str = "score") -> bool:
    """Whether this engine has what a scan needs: .bed or .bgen files, and the test."""
    has_test = "logistic" not in design.methods or test in LOGISTIC_TESTS
    return isinstance(cohort.source, (BedSource, BgenSource)) and has_test


def prepare_scan(cohort: Cohort, design: Design, *, test: str) -> tuple[BlockReader, Scan]:
    """What reads a cohort's genotypes and what tests them; both can be sent to other processes.

    Raises
    ------
    InputError
        A logistic model of the covariates alone that has no maximum.
    """
    reader, layout = _reader(cohort)
    scans: list[Scan] = []
    for method in design.methods:
        part = design.of(method)
        if method == "linear":
            scans.append(LinearScan(part, layout))
        else:
            scans.append(LogisticScan(part, layout, test=test))
    if len(scans) == 1:
        return reader, scans[0]
    return reader, MixedScan(scans, [trait.name for trait in design.traits])


def _reader(cohort: Cohort) -> tuple[BlockReader, PeopleLayout]:
    if isinstance(cohort.source, BgenSource):
        from gwasbone.cohort.sources.bgen_reader import DosageReader

        dosages = DosageReader.of(cohort)
        return dosages, dosages.layout
    calls = PackedCalls.of(cohort)
    return PackedReader(calls), calls.columns
