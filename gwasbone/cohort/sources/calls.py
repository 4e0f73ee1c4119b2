"""Chosen variants of a cohort as packed rows, whatever its genotypes are kept in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.packed import PackedBed, PeopleColumns, Words
from gwasbone.cohort.bgen_source import BgenSource
from gwasbone.cohort.model import MALE, VARIANT_KEY, Cohort
from gwasbone.cohort.sources.bed import BedSource
from gwasbone.cohort.sources.bed_reader import PackedCalls
from gwasbone.genome import X

if TYPE_CHECKING:
    from gwasbone.cohort.bgen_calls import BgenCalls

_PLACE = ["chromosome", "base_pair_location"]


@dataclass(frozen=True)
class CohortRows:
    """Hard calls of the kept people at chosen variants (``PackedRows`` of the block engine).

    Heterozygous calls of men on X outside the pseudo-autosomal regions, which are errors, are
    missing.

    Parameters
    ----------
    calls : where they are read.
    table : chromosome and position_bp of the m variants, and where they are in the files.
    is_man : (n,) kept men.
    """

    calls: PackedCalls | BgenCalls
    table: pd.DataFrame
    is_man: npt.NDArray[np.bool_]

    @property
    def columns(self) -> PeopleColumns:
        return self.calls.columns

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, rows: slice | npt.NDArray[np.intp], /) -> Words:
        return self.calls.read(self.table.iloc[rows])

    def take(self, rows: npt.NDArray[np.intp]) -> CohortRows:
        """Some of the variants."""
        return CohortRows(self.calls, self.table.iloc[rows], self.is_man)

    @property
    def chromosome(self) -> npt.NDArray[np.int16]:
        """(m,) codes."""
        return self.table["chromosome"].to_numpy()

    @property
    def position_bp(self) -> npt.NDArray[np.int32]:
        """(m,) 1-based."""
        return self.table["base_pair_location"].to_numpy()

    def by_weights(self) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.int64] | None]]:
        """Rows of the autosomes, and of X, each with how often people count (None: once each).

        On X men count once and women twice, as in PLINK 2.
        """
        on_x = self.chromosome == X
        weights = np.where(self.is_man, 1, 2) if self.is_man.any() else None
        parts = ((np.flatnonzero(~on_x), None), (np.flatnonzero(on_x), weights))
        return [part for part in parts if len(part[0])]


def packed_rows(cohort: Cohort, chosen: npt.NDArray[np.integer]) -> CohortRows:
    """The kept people's hard calls at the variants in rows ``chosen`` of the variant table.

    Read in place from .bed and BGEN files; of others, Hail exports these to a temporary .bed.
    """
    table = cohort.variants.table
    men = cohort.people.kept_table()["sex"].to_numpy() == MALE
    if isinstance(cohort.source, BedSource):
        places = table[[*_PLACE, "file", "row"]].iloc[chosen]
        return CohortRows(PackedCalls.of(cohort), places, men)
    if isinstance(cohort.source, BgenSource):
        # with its decoders, which only BGEN files need
        from gwasbone.cohort.bgen_calls import BgenCalls

        places = table[[*_PLACE, "file", "offset", "size"]].iloc[chosen]
        return CohortRows(BgenCalls.of(cohort), places, men)
    bed, row = export_bed(cohort, chosen)
    n = cohort.people.n_kept
    columns = PeopleColumns.of(np.arange(n), n_people=n)
    calls = PackedCalls(
        beds=(PackedBed(bed, n),),
        columns=columns,
        everyone=columns.mask(np.ones(n, dtype=bool)),
        men=columns.mask(men),
        build=cohort.build,
        as_filed=False,
    )
    places = table[_PLACE].iloc[chosen].assign(file=0, row=row)
    return CohortRows(calls, places, men)


def export_bed(
    cohort: Cohort, chosen: npt.NDArray[np.integer]
) -> tuple[Path, npt.NDArray[np.intp]]:
    """A temporary .bed of the kept people at some variants, and the row of each in it."""
    from gwasbone.cohort.selected import calls_of
    from gwasbone.cohort.sources.bed import read_bim
    from gwasbone.cohort.sources.tables import chromosome_codes
    from gwasbone.session import hail, temporary_path

    wanted = np.zeros(len(cohort.variants), dtype=bool)
    wanted[chosen] = True
    prefix = temporary_path("hard-calls")
    hail().export_plink(calls_of(cohort, wanted), prefix)
    bim = read_bim(Path(f"{prefix}.bim"))
    bim["chromosome"] = chromosome_codes(bim["chromosome"])
    bim["row"] = np.arange(len(bim))
    table = cohort.variants.table.iloc[chosen]
    row = table[VARIANT_KEY].merge(bim[[*VARIANT_KEY, "row"]], on=VARIANT_KEY, how="left")["row"]
    return Path(f"{prefix}.bed"), row.to_numpy(dtype=np.intp)
