"""What readers of dosages have in common, whatever files they read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.dosages import DosageBlock, DosageLayout
from gwasbone.cohort.sources.source import Participants, VariantBlock, variant_blocks

#: Dosages handled together by one core, of four bytes each.
DOSAGES_PER_BLOCK = 4_000_000


@dataclass(frozen=True)
class DosageReader(ABC):
    """Dosages, as a :class:`~gwasbone.cohort.sources.source.GenotypeReader`.

    What a participant's sex rules out is missing, as in calls: of men on X outside the
    pseudo-autosomal regions genotypes whose hard call (or most probable genotype) is heterozygous,
    and on Y those of everybody but men.

    Parameters
    ----------
    files : in the order of ``file`` in the variant table.
    people : (n,) rising positions of the participants in them.
    men : (n,) the men among them.
    build : reference build.
    """

    files: tuple[Any, ...]
    people: npt.NDArray[np.intp]
    men: npt.NDArray[np.bool_]
    build: str

    @classmethod
    def of(cls, files: tuple[Any, ...], people: Participants) -> Self:
        """Of some participants in these files."""
        return cls(files, np.flatnonzero(people.kept), people.men, people.build)

    @property
    def layout(self) -> DosageLayout:
        """Where participants are in the rows of a block."""
        return DosageLayout(len(self.people))

    def blocks(self, variants: pd.DataFrame) -> Iterator[VariantBlock]:
        """See ``GenotypeReader``."""
        return variant_blocks(variants, DOSAGES_PER_BLOCK // max(1, len(self.people)))

    @abstractmethod
    def read(
        self, variants: pd.DataFrame, *, calls: npt.NDArray[np.int8] | None = None
    ) -> DosageBlock:
        """See ``GenotypeReader``."""

    def dosages(self, variants: pd.DataFrame) -> npt.NDArray[np.float32]:
        """See ``GenotypeReader``."""
        return self.read(variants).alt_dosages()


def variant_name(row: pd.Series) -> str:
    """A row of a variant table as the user knows it: ``rs1 (1:100)``, or its position alone."""
    place = f"{row['chromosome']}:{row['base_pair_location']}"
    named = "source_id" in row and row["source_id"] not in (".", "")
    return f"{row['source_id']} ({place})" if named else place
