"""The cohort: where the genotypes are, a samples table, a variant table, and decisions.

Genotypes are never rewritten. Quality control, ancestry, relatedness and pruning add columns and
named reasons for exclusion; :attr:`Cohort.mt` applies them when somebody works in Hail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.sources.source import Genotypes
from gwasbone.cohort.sources.tables import FEMALE
from gwasbone.display import Shown, counted
from gwasbone.phenotypes.participants import IdRule


@dataclass(frozen=True, repr=False)
class Cohort(Shown, Genotypes):
    """Genotypes with their samples and variants, and the exclusions of quality control.

    Parameters
    ----------
    source : where the genotypes are; see :class:`gwasbone.cohort.sources.source.Source`.
    build : ``GRCh37`` or ``GRCh38``.
    people : index = person ID; columns ``fid``, ``iid``, ``sex`` (1 male, 2 female, 0 unknown,
        as in a .fam) and whatever was annotated; rows in the order of the genotype file.
    variants : columns ``chromosome`` (codes of :mod:`gwasbone.genome`), ``base_pair_location``,
        ``ref``, ``alt`` (the counted allele), ``source_id``, and statistics once computed; sorted
        by the first four.
    """

    @classmethod
    def of(cls, read: Genotypes) -> Cohort:
        """A cohort of what a source has read."""
        return cls(read.source, read.build, read.people, read.variants)

    @classmethod
    def from_mt(
        cls, mt: Any, *, id_rule: IdRule = "iid", export: str | Path | None = None
    ) -> Cohort:
        """A cohort of any MatrixTable.

        Parameters
        ----------
        mt : keyed by (locus, alleles) with two alleles each, and by one string column key; entry
            fields ``GT``, or one of ``dosage``, ``DS`` and ``GP``. Optional: column fields
            ``fam_id`` and ``is_female`` or ``sex`` (1, 2, 0), row fields ``rsid`` and
            ``imputation_info``.
        id_rule : which ID names a participant: ``iid``, or ``fid_iid`` for FID_IID.
        export : write the genotypes to block files of this name; see :meth:`export`.

        Raises
        ------
        InputError
            Other keys, multiallelic variants, or no genotypes.
        """
        from gwasbone.cohort.sources.matrix_table import genotypes_from_mt

        cohort = cls.of(genotypes_from_mt(mt, id_rule=id_rule))
        return cohort if export is None else cohort.export(export)

    def export(self, path: str | Path, *, overwrite: bool = False) -> Cohort:
        """Write the genotypes to block files, which are scanned without Hail.

        Where there are calls only (``GT``), ``path.bed``, ``.bim``, ``.fam``; A1 is ALT. Where
        there are dosages or genotype probabilities, ``path.bgen``, ``.sample``: BGEN v1.2 keeps
        each probability in 8 bits, so a dosage moves by up to 1/255. A MatrixTable that has
        dosages but no probabilities (``GP``) is written with those of least spread, g in [0, 1]
        as (1 − g, g, 0) and g in [1, 2] as (0, 2 − g, g − 1): right for scans of dosages, wrong
        for calls and INFO.

        Everybody and every variant is written, whatever was decided about them. Haploid calls
        count double, those of women on X outside the pseudo-autosomal regions are errors and
        missing.

        Parameters
        ----------
        path : of the files, without extension; a URL or a shared disk where Spark runs on a
            cluster.
        overwrite : replace the files if they exist.

        Returns
        -------
        The cohort backed by the new files, its people, variants, their columns and all decisions
        about them as they were.

        Raises
        ------
        InputError
            Files of that name exist; IDs that a .fam cannot hold.
        UsageError
            The cohort is in block files already.

        Examples
        --------
        >>> mt = gb.example_cohort().mt.select_entries("GT")
        >>> gb.Cohort.from_mt(mt).export(folder / "exported")
        Cohort: 300 samples, 400 variants, GRCh37, PLINK .bed
        """
        from gwasbone.cohort.sources.block_files import write_block_files

        return Cohort.of(write_block_files(self, path, overwrite=overwrite))

    @property
    def mt(self) -> Any:
        """The retained samples and variants as a Hail MatrixTable.

        Entry fields: ``dosage`` (float64, copies of ALT, 0 to 2; men have 0 or 2 on X outside
        the pseudo-autosomal regions, and on Y everybody but men is missing) and ``GT`` (diploid in
        everyone, coded the same way), where the source has calls. Columns carry the people table,
        rows ``source_id``.
        """
        from gwasbone.cohort.sources.matrix_table import kept_matrix

        return kept_matrix(self)

    def exclude_people(
        self, stage: str, reason: str, excluded: npt.ArrayLike, *, description: str
    ) -> Cohort:
        """A cohort with one more decision about samples; see :meth:`MaskedTable.exclude`."""
        people = self.people.exclude(stage, reason, excluded, description=description)
        return replace(self, people=people)

    def exclude_variants(
        self, stage: str, reason: str, excluded: npt.ArrayLike, *, description: str
    ) -> Cohort:
        """A cohort with one more decision about variants; see :meth:`MaskedTable.exclude`."""
        variants = self.variants.exclude(stage, reason, excluded, description=description)
        return replace(self, variants=variants)

    def annotate_people(self, columns: pd.DataFrame) -> Cohort:
        """Add columns to the samples table, matched by sample ID."""
        return replace(self, people=self.people.annotate(columns))

    def annotate_variants(self, columns: pd.DataFrame) -> Cohort:
        """Add columns to the variant table, matched by its row index."""
        return replace(self, variants=self.variants.annotate(columns))

    def funnel(self) -> pd.DataFrame:
        """The samples funnel: how many each decision removed; see :meth:`MaskedTable.funnel`."""
        return self.people.funnel()

    def women(self) -> npt.NDArray[np.bool_]:
        """(people,) True for women."""
        return self.people.table["sex"].to_numpy() == FEMALE

    def headline(self) -> str:
        people, variants = self.people, self.variants
        return (
            f"Cohort: {counted(people.n_kept, len(people), 'samples')}, "
            f"{counted(variants.n_kept, len(variants), 'variants')}, {self.build}, "
            f"{self.source.format_name}"
        )

    def preview(self) -> pd.DataFrame:
        return pd.concat([table.funnel() for table in (self.people, self.variants)])
