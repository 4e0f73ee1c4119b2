"""A cohort's hard calls as blocks of packed words, for the kernels of :mod:`gwasbone.blocks`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks import packed
from gwasbone.blocks.packed import PackedBed, PeopleColumns, Words
from gwasbone.cohort.model import MALE, Cohort
from gwasbone.cohort.sources.bed import BedSource
from gwasbone.genome import in_x_non_par

#: Calls handled together by one core; their packed form is a quarter of this in bytes.
CALLS_PER_BLOCK = 4_000_000


@dataclass(frozen=True)
class PackedCalls:
    """Calls of the kept people of a cohort that is backed by .bed files.

    Parameters
    ----------
    beds : the files, in the order of ``file`` in the variant table.
    columns : where the kept people are in packed rows.
    men : word mask of the kept men. Where ``as_filed`` is False their heterozygous calls on X
        outside the pseudo-autosomal regions, which are errors, become missing.
    """

    beds: tuple[PackedBed, ...]
    columns: PeopleColumns
    everyone: Words
    men: Words
    build: str
    as_filed: bool

    @classmethod
    def of(cls, cohort: Cohort, *, as_filed: bool = False) -> PackedCalls:
        """For the kept people of a cohort of .bed files."""
        assert isinstance(cohort.source, BedSource)
        n = len(cohort.people)
        columns = PeopleColumns.of(np.flatnonzero(cohort.people.kept), n_people=n)
        men = cohort.people.kept_table()["sex"].to_numpy() == MALE
        beds = tuple(PackedBed(fileset.bed, n) for fileset in cohort.source.filesets)
        everyone = columns.mask(np.ones(len(men), dtype=bool))
        return cls(beds, columns, everyone, columns.mask(men), cohort.build, as_filed)

    def blocks(self, variants: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Rows of a variant table in pieces of a size that a core handles at a time."""
        per_block = max(1, CALLS_PER_BLOCK // max(1, self.beds[0].n_people))
        for top in range(0, len(variants), per_block):
            yield variants.iloc[top : top + per_block]

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
        return words if self.as_filed else men_without_het(words, variants, self.men, self.build)


def on_x(variants: pd.DataFrame, build: str) -> npt.NDArray[np.bool_]:
    """(m,) which variants lie on X outside the pseudo-autosomal regions."""
    chromosome, position = variants["chromosome"], variants["base_pair_location"]
    return in_x_non_par(chromosome.to_numpy(), position.to_numpy(), build)


def men_without_het(words: Words, variants: pd.DataFrame, men: Words, build: str) -> Words:
    """Heterozygous calls of men on X outside the pseudo-autosomal regions become missing."""
    x = on_x(variants, build)
    if x.any():
        words[x] = packed.without_het(words[x], men)
    return words
