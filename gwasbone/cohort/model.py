"""The cohort: where the genotypes are, a people table, a variant table, and decisions.

Genotypes are never rewritten. Quality control, ancestry, relatedness and pruning add columns and
named reasons for exclusion; :attr:`Cohort.mt` applies them when somebody works in Hail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.masks import MaskedTable

MALE, FEMALE, SEX_UNKNOWN = 1, 2, 0

#: Columns that every people table has; the index is the person's ID.
PEOPLE_COLUMNS = ("fid", "iid", "sex")
#: Columns that every variant table has; rows are sorted by the first four.
VARIANT_COLUMNS = ("chromosome", "base_pair_location", "ref", "alt", "source_id")
VARIANT_KEY = list(VARIANT_COLUMNS[:4])


class GenotypeSource(Protocol):
    """Where genotypes are kept.

    ``describe`` says so in a few words; ``matrix_table`` gives all of it as a Hail MatrixTable
    keyed by (locus, alleles) and ``s``, columns in the order of the people table, with entry
    fields ``GT`` (as in the file) and, where the file has dosages, ``dosage``; row field
    ``source_id``. ``files`` are the files that the content depends on.
    """

    @property
    def files(self) -> tuple[str, ...]: ...

    def describe(self) -> str: ...

    def matrix_table(self, build: str, person_ids: list[str]) -> Any: ...


@dataclass(frozen=True)
class Cohort:
    """Genotypes, people, variants and the decisions about them.

    Parameters
    ----------
    source : where the genotypes are.
    build : ``GRCh37`` or ``GRCh38``.
    people : index = person ID; columns ``fid``, ``iid``, ``sex`` (1 male, 2 female, 0 unknown,
        as in a .fam) and whatever was annotated; rows in the order of the genotype file.
    variants : columns ``chromosome`` (codes of :mod:`gwasbone.genome`), ``position_bp``, ``ref``,
        ``alt`` (the counted allele), ``source_id``, and statistics once computed; sorted by
        (chromosome, position_bp, ref, alt).
    """

    source: GenotypeSource
    build: str
    people: MaskedTable
    variants: MaskedTable

    @classmethod
    def from_mt(cls, mt: Any, *, export: str | Path | None = None) -> Cohort:
        """A cohort of any MatrixTable.

        See :func:`gwasbone.cohort.sources.matrix_table.cohort_from_mt`.

        Parameters
        ----------
        export : write the genotypes to block files of this name, for the block engine; see
            :func:`gwasbone.cohort.export.export`.
        """
        from gwasbone.cohort.sources.matrix_table import cohort_from_mt

        cohort = cohort_from_mt(mt)
        if export is None:
            return cohort
        from gwasbone.cohort.export import export as write_blocks

        return write_blocks(cohort, export)

    @property
    def mt(self) -> Any:
        """The kept people and variants as a Hail MatrixTable.

        Entry fields: ``dosage`` (float64, copies of ALT, 0 to 2; men have 0 or 2 on X outside
        the pseudo-autosomal regions) and ``GT`` (diploid in everyone, coded the same way), where
        the source has calls. Columns carry the people table, rows ``source_id``.
        """
        from gwasbone.cohort.matrix import kept_matrix

        return kept_matrix(self)

    def exclude_people(
        self, stage: str, reason: str, excluded: npt.ArrayLike, *, description: str
    ) -> Cohort:
        """A cohort with one more decision about people; see :meth:`MaskedTable.exclude`."""
        people = self.people.exclude(stage, reason, excluded, description=description)
        return replace(self, people=people)

    def exclude_variants(
        self, stage: str, reason: str, excluded: npt.ArrayLike, *, description: str
    ) -> Cohort:
        """A cohort with one more decision about variants; see :meth:`MaskedTable.exclude`."""
        variants = self.variants.exclude(stage, reason, excluded, description=description)
        return replace(self, variants=variants)

    def annotate_people(self, columns: pd.DataFrame) -> Cohort:
        """Add columns to the people table, matched by person ID."""
        return replace(self, people=self.people.annotate(columns))

    def annotate_variants(self, columns: pd.DataFrame) -> Cohort:
        """Add columns to the variant table, matched by its row index."""
        return replace(self, variants=self.variants.annotate(columns))

    def funnel(self) -> pd.DataFrame:
        """The people funnel: how many each decision removed; see :meth:`MaskedTable.funnel`."""
        return self.people.funnel()

    def women(self) -> npt.NDArray[np.bool_]:
        """(people,) True for women."""
        return self.people.table["sex"].to_numpy() == FEMALE
