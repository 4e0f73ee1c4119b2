"""A cohort's dosages as blocks, for the kernels of :mod:`gwasbone.blocks`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.bgen import BgenFile, read_calls, read_dosages, read_packed_calls
from gwasbone.blocks.dosages import DosageBlock, DosageLayout
from gwasbone.blocks.packed import Words
from gwasbone.cohort.bgen_source import BgenSource
from gwasbone.cohort.model import Cohort

IntArray = npt.NDArray[np.integer]

#: Dosages handled together by one core, of four bytes each.
DOSAGES_PER_BLOCK = 4_000_000


@dataclass(frozen=True)
class DosageReader:
    """Dosages of the kept people of a cohort that is backed by .bgen files.

    Parameters
    ----------
    files : in the order of ``file`` in the variant table.
    people : (n,) rising positions of the kept people in them.
    """

    files: tuple[BgenFile, ...]
    people: npt.NDArray[np.intp]

    @classmethod
    def of(cls, cohort: Cohort) -> DosageReader:
        """For the kept people of a cohort of .bgen files."""
        assert isinstance(cohort.source, BgenSource)
        return cls(cohort.source.bgens, np.flatnonzero(cohort.people.kept))

    @property
    def layout(self) -> DosageLayout:
        """Where people are in the rows of a block."""
        return DosageLayout(len(self.people))

    def blocks(self, variants: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Rows of a variant table in pieces of a size that a core handles at a time."""
        per_block = max(1, DOSAGES_PER_BLOCK // max(1, len(self.people)))
        for top in range(0, len(variants), per_block):
            yield variants.iloc[top : top + per_block]

    def read(
        self, variants: pd.DataFrame, *, calls: npt.NDArray[np.int8] | None = None
    ) -> DosageBlock:
        """The dosages of rows of the variant table; ``calls`` (m, n) is filled where given."""
        file, offset, size = _places(variants)
        return read_dosages(self.files, file, offset, size, self.people, calls=calls)

    def read_calls(self, variants: pd.DataFrame) -> npt.NDArray[np.int8]:
        """(m, n) most probable copies of ALT of rows of the variant table, −1 for none."""
        file, offset, size = _places(variants)
        return read_calls(self.files, file, offset, size, self.people)

    def read_packed_calls(self, variants: pd.DataFrame) -> Words:
        """(m, w) the same, packed."""
        file, offset, size = _places(variants)
        return read_packed_calls(self.files, file, offset, size, self.people)


def _places(variants: pd.DataFrame) -> tuple[IntArray, IntArray, IntArray]:
    """(m,) each: file, and where the genotypes are in it."""
    return (
        variants["file"].to_numpy(),
        variants["offset"].to_numpy(),
        variants["size"].to_numpy(),
    )
