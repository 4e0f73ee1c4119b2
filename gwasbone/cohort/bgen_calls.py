"""Hard calls of a cohort of BGEN files as packed words, decoded where they are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gwasbone.blocks.packed import PeopleColumns, Words
from gwasbone.cohort.model import MALE, Cohort
from gwasbone.cohort.sources.bed_reader import men_without_het
from gwasbone.cohort.sources.bgen_reader import DosageReader


@dataclass(frozen=True)
class BgenCalls:
    """Most probable calls of the kept people, missing where two are equally probable.

    Heterozygous calls of men on X outside the pseudo-autosomal regions, which are errors, are
    missing too.

    Parameters
    ----------
    columns : where the kept people are in packed rows.
    everyone, men : word masks of the kept people and of the men among them.
    """

    reader: DosageReader
    columns: PeopleColumns
    everyone: Words
    men: Words
    build: str

    @classmethod
    def of(cls, cohort: Cohort) -> BgenCalls:
        """For the kept people of a cohort of .bgen files."""
        n = cohort.people.n_kept
        columns = PeopleColumns.of(np.arange(n), n_people=n)
        everyone = columns.mask(np.ones(n, dtype=bool))
        men = columns.mask(cohort.people.kept_table()["sex"].to_numpy() == MALE)
        return cls(DosageReader.of(cohort), columns, everyone, men, cohort.build)

    def read(self, variants: pd.DataFrame) -> Words:
        """(m, w) packed calls of rows of the variant table."""
        words = self.reader.read_packed_calls(variants)
        return men_without_het(words, variants, self.men, self.build)
