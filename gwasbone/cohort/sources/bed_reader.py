"""Hard calls of .bed files in blocks, for the kernels of :mod:`gwasbone.blocks`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks import packed
from gwasbone.blocks.genotypes import PackedBlock
from gwasbone.blocks.packed import PackedBed, PeopleColumns, Words
from gwasbone.cohort.sources.source import (
    CallReader,
    Participants,
    VariantBlock,
    variant_blocks,
)
from gwasbone.genome import X, Y, in_x_non_par

#: Calls handled together by one core; their packed form is a quarter of this in bytes.
CALLS_PER_BLOCK = 4_000_000


@dataclass(frozen=True)
class PackedCalls:
    """A :class:`~gwasbone.cohort.sources.source.CallReader` of .bed files.

    Parameters
    ----------
    beds : the files, in the order of ``file`` in the variant table.
    columns : where the participants are in packed rows.
    everyone, men : word masks of the participants and of the men among them.
    as_filed : leave what a participant's sex rules out; see :func:`without_sex_errors`.
    """

    beds: tuple[PackedBed, ...]
    columns: PeopleColumns
    everyone: Words
    men: Words
    build: str
    as_filed: bool

    @classmethod
    def of(
        cls, beds: Sequence[str | Path], people: Participants, *, as_filed: bool = False
    ) -> PackedCalls:
        """Of some participants in .bed files."""
        n = len(people.kept)
        columns = PeopleColumns.of(np.flatnonzero(people.kept), n_people=n)
        files = tuple(PackedBed(bed, n) for bed in beds)
        masks = packed_samples(columns, people)
        return cls(files, columns, *masks, people.build, as_filed)

    def blocks(self, variants: pd.DataFrame) -> Iterator[VariantBlock]:
        """See ``CallReader``."""
        return variant_blocks(variants, CALLS_PER_BLOCK // max(1, self.beds[0].n_people))

    def read(self, variants: pd.DataFrame) -> Words:
        """(m, w) packed calls of rows of the variant table."""
        file, row = variants["file"].to_numpy(), variants["row"].to_numpy()
        if len(file) and (file == file[0]).all():
            words = self.beds[file[0]].rows(row, self.columns)
        else:
            words = np.empty((len(variants), self.columns.n_words), dtype=np.uint64)
            for i in np.unique(file):
                here = file == i
                words[here] = self.beds[i].rows(row[here], self.columns)
        return words if self.as_filed else without_sex_errors(words, variants, self)


@dataclass(frozen=True)
class PackedGenotypes:
    """Any reader of hard calls as a :class:`~gwasbone.cohort.sources.source.GenotypeReader`."""

    calls: CallReader

    @property
    def layout(self) -> PeopleColumns:
        """See ``GenotypeReader``."""
        return self.calls.columns

    def blocks(self, variants: pd.DataFrame) -> Iterator[VariantBlock]:
        """See ``GenotypeReader``."""
        return self.calls.blocks(variants)

    def read(
        self, variants: pd.DataFrame, *, calls: npt.NDArray[np.int8] | None = None
    ) -> PackedBlock:
        """See ``GenotypeReader``."""
        words = self.calls.read(variants)
        if calls is not None:
            calls[:] = np.nan_to_num(self._decoded(words), nan=-1)
        return PackedBlock.of(words, self.calls.everyone)

    def dosages(self, variants: pd.DataFrame) -> npt.NDArray[np.float32]:
        """See ``GenotypeReader``."""
        return self._decoded(self.calls.read(variants))

    def _decoded(self, words: Words) -> npt.NDArray[np.float32]:
        """(m, n) copies of ALT, NaN where missing."""
        slots = self.layout.slots
        G = packed.decode(words.view(np.uint8))[:, slots]
        missing = packed.missing_calls(words, self.calls.everyone)
        if missing is not None:
            G[missing.toarray()[:, slots] != 0] = np.nan
        return G


def packed_samples(columns: PeopleColumns, people: Participants) -> tuple[Words, Words]:
    """Word masks of the participants, and of the men among them."""
    return columns.mask(np.ones(people.n, dtype=bool)), columns.mask(people.men)


def on_x(variants: pd.DataFrame, build: str) -> npt.NDArray[np.bool_]:
    """(m,) which variants lie on X outside the pseudo-autosomal regions."""
    chromosome, position = variants["chromosome"], variants["base_pair_location"]
    return in_x_non_par(chromosome.to_numpy(), position.to_numpy(), build)


def without_sex_errors(words: Words, variants: pd.DataFrame, reader: CallReader) -> Words:
    """Make missing, in place, what a participant's sex rules out.

    On X outside the pseudo-autosomal regions these are heterozygous calls of men, on Y the calls
    of everybody but men.

    Parameters
    ----------
    words : (m, w) packed calls of rows of the variant table.
    """
    chromosome = variants["chromosome"].to_numpy()
    if (chromosome == X).any():
        x = on_x(variants, reader.build)
        words[x] = packed.without_het(words[x], reader.men)
    y = chromosome == Y
    if y.any():
        words[y] = packed.only_of(words[y], reader.men)
    return words
