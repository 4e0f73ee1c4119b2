"""Calls and dosages of kept blocks (:mod:`.kept_blocks`), for the kernels of scans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.dosages import DosageBlock, DosageLayout
from gwasbone.blocks.packed import PeopleColumns, Words
from gwasbone.blocks.stored_dosages import dosage_block
from gwasbone.cohort.sources.bed_reader import PackedCalls, on_x, without_sex_errors
from gwasbone.cohort.sources.source import Participants, VariantBlock, variant_blocks
from gwasbone.genome import Y
from gwasbone.ranges import RangeReader

#: Dosages handled together by one core, of four bytes each.
DOSAGES_PER_BLOCK = 4_000_000
_TOP_OF_CALLS = 2_000
_ONE, _THREE = np.uint64(1), np.uint64(3)


@dataclass(frozen=True)
class KeptCalls:
    """Packed calls of which men's, at variants of unknown ploidy on X, may be of one copy.

    Parameters
    ----------
    packed : the calls as filed.
    doubled : whether men's dosages at ``untold`` variants are of one copy, so that a call of one
        copy is one of two.
    as_filed : leave what a participant's sex rules out.
    """

    packed: PackedCalls
    doubled: bool
    as_filed: bool

    @property
    def columns(self) -> PeopleColumns:
        """See ``CallReader``."""
        return self.packed.columns

    @property
    def everyone(self) -> Words:
        """See ``CallReader``."""
        return self.packed.everyone

    @property
    def men(self) -> Words:
        """See ``CallReader``."""
        return self.packed.men

    @property
    def build(self) -> str:
        """See ``CallReader``."""
        return self.packed.build

    def blocks(self, variants: pd.DataFrame) -> Iterator[VariantBlock]:
        """See ``CallReader``."""
        return self.packed.blocks(variants)

    def read(self, variants: pd.DataFrame) -> Words:
        """(m, w) packed calls of rows of the variant table."""
        words = self.packed.read(variants)
        if self.doubled:
            rows = variants["untold"].to_numpy(dtype=bool)
            if rows.any():
                words[rows] = _twice(words[rows], self.men)
        return words if self.as_filed else without_sex_errors(words, variants, self)


def _twice(words: Words, mask: Words) -> Words:
    """Calls of one copy of the participants of a mask become calls of two: 10 becomes 00."""
    het = (words >> _ONE) & ~words & mask
    return words & ~(het * _THREE)


@dataclass(frozen=True)
class KeptDosages:
    """Dosages, as a :class:`~gwasbone.cohort.sources.source.GenotypeReader`.

    Variants without dosages have their calls. What a participant's sex rules out is missing, as in
    calls.

    Parameters
    ----------
    files : of the dosages, in the order of ``file`` in the variant table.
    n_people : participants in them.
    calls : the calls of the same participants, as filed.
    people, men : (n,) their positions, and which are men.
    """

    files: tuple[Path, ...]
    n_people: int
    calls: KeptCalls
    people: npt.NDArray[np.intp]
    men: npt.NDArray[np.bool_]

    @property
    def layout(self) -> DosageLayout:
        """See ``GenotypeReader``."""
        return DosageLayout(len(self.people))

    def blocks(self, variants: pd.DataFrame) -> Iterator[VariantBlock]:
        """See ``GenotypeReader``."""
        return variant_blocks(variants, DOSAGES_PER_BLOCK // max(1, self.n_people))

    def read(
        self, variants: pd.DataFrame, *, calls: npt.NDArray[np.int8] | None = None
    ) -> DosageBlock:
        """See ``GenotypeReader``."""
        place, file = variants["dosage"].to_numpy(), variants["file"].to_numpy()
        stored = np.empty((len(variants), self.n_people), np.uint16)
        top = variants["top"].to_numpy(dtype=np.int32)
        untold = variants["untold"].to_numpy(dtype=bool) & self.calls.doubled
        have = place >= 0
        for i in np.unique(file[have]):
            rows = have & (file == i)
            data = RangeReader(self.files[i]).rows(0, 2 * self.n_people, place[rows])
            stored[rows] = np.ascontiguousarray(data).view(np.uint16)
        needed = ~have | on_x(variants, self.calls.build)
        copies = np.zeros((len(variants), len(self.people)), np.int8)
        if needed.any() or calls is not None:
            some = np.ones_like(needed) if calls is not None else needed
            copies[some] = self._copies(variants[some])
        if not have.all():
            units = np.array([0, 1, 2, 0], np.int64)[copies[~have]] * (_TOP_OF_CALLS // 2)
            units[copies[~have] < 0] = 65_535
            rows_of_calls = np.empty((int((~have).sum()), self.n_people), np.uint16)
            rows_of_calls[:, self.people] = units
            stored[~have] = rows_of_calls
            top = np.where(have, top, _TOP_OF_CALLS).astype(np.int32)
            untold = untold & have
        ruled_out = self._ruled_out(variants, copies, untold)
        if calls is not None:
            calls[:] = copies
            if ruled_out is not None:
                calls[ruled_out] = -1
        return dosage_block(
            stored, top, self.people, doubled=untold, men=self.men, ruled_out=ruled_out
        )

    def _copies(self, variants: pd.DataFrame) -> npt.NDArray[np.int8]:
        """(m, n) copies of ALT by the calls as filed, −1 where missing."""
        words, slots = self.calls.read(variants), self.calls.columns.slots
        pairs = (words.view(np.uint8)[:, slots // 4] >> (2 * (slots % 4)).astype(np.uint8)) & 3
        copies: npt.NDArray[np.int8] = np.array([2, -1, 1, 0], np.int8)[pairs]
        return copies

    def _ruled_out(
        self, variants: pd.DataFrame, copies: npt.NDArray[np.int8], untold: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_] | None:
        x = on_x(variants, self.calls.build) & ~untold
        y = variants["chromosome"].to_numpy() == Y
        if not (x.any() or y.any()):
            return None
        ruled_out = np.zeros(copies.shape, dtype=bool)
        ruled_out[x] = (copies[x] == 1) & self.men
        ruled_out[y] = ~self.men
        return ruled_out

    def dosages(self, variants: pd.DataFrame) -> npt.NDArray[np.float32]:
        """See ``GenotypeReader``."""
        block = self.read(variants)
        G = block.units * (2 / block.top).astype(np.float32)[:, None]
        G[block.swapped] = 2 - G[block.swapped]
        if block.missing is not None:
            G[block.missing.toarray() != 0] = np.nan
        return G


def kept_calls(
    beds: Sequence[Path], people: Participants, *, doubled: bool, as_filed: bool
) -> KeptCalls:
    """The calls of some participants in the blocks of several files."""
    return KeptCalls(PackedCalls.of(list(beds), people, as_filed=True), doubled, as_filed)
