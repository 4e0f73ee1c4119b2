"""Hard calls of chosen variants, whatever the genotypes are kept in: as packed rows, or in Hail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone import session
from gwasbone.blocks.packed import PeopleColumns, Words
from gwasbone.cohort.sources.bed import read_bim
from gwasbone.cohort.sources.bed_reader import PackedCalls
from gwasbone.cohort.sources.matrix_table import hard_calls, kept_matrix
from gwasbone.cohort.sources.source import CallReader, Genotypes, Participants
from gwasbone.cohort.sources.tables import VARIANT_KEY, chromosome_codes
from gwasbone.genome import AUTOSOMES, X

BoolArray = npt.NDArray[np.bool_]

_PLACE = ["chromosome", "base_pair_location"]


@dataclass(frozen=True)
class CohortRows:
    """Hard calls of the retained samples at chosen variants (``PackedRows`` of the block engine).

    Heterozygous calls of men on X outside the pseudo-autosomal regions, which are errors, are
    missing.

    Parameters
    ----------
    calls : where they are read.
    table : chromosome and base_pair_location of the m variants, and where they are in the files.
    is_man : (n,) kept men.
    """

    calls: CallReader
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
        """Rows of the autosomes, and of X, each with how often samples count (None: once each).

        On X men count once and women twice, as in PLINK 2.
        """
        on_x = self.chromosome == X
        weights = np.where(self.is_man, 1, 2) if self.is_man.any() else None
        parts = ((np.flatnonzero(~on_x), None), (np.flatnonzero(on_x), weights))
        return [part for part in parts if len(part[0])]


def packed_rows(cohort: Genotypes, chosen: npt.NDArray[np.integer]) -> CohortRows:
    """The retained samples' hard calls at the variants in rows ``chosen`` of the variant table.

    Read in place where the source can be read in blocks; of others, Hail exports these to a
    temporary .bed.
    """
    table, source, people = cohort.variants.table, cohort.source, cohort.participants
    if source.capabilities.blocks:
        places = table[[*_PLACE, *source.place_columns]].iloc[chosen]
        return CohortRows(source.calls(people), places, people.men)
    bed, row = export_bed(cohort, chosen)
    everyone = Participants(np.ones(people.n, dtype=bool), people.men, people.build)
    places = table[_PLACE].iloc[chosen].assign(file=0, row=row)
    return CohortRows(PackedCalls.of([bed], everyone), places, people.men)


def export_bed(
    cohort: Genotypes, chosen: npt.NDArray[np.integer]
) -> tuple[Path, npt.NDArray[np.intp]]:
    """A temporary .bed of the retained samples at some variants, and the row of each in it."""
    wanted = np.zeros(len(cohort.variants), dtype=bool)
    wanted[chosen] = True
    prefix = session.temporary_path("hard-calls")
    session.hail().export_plink(calls_of(cohort, wanted), prefix)
    bim = read_bim(Path(f"{prefix}.bim"))
    bim["chromosome"] = chromosome_codes(bim["chromosome"])
    bim["row"] = np.arange(len(bim))
    table = cohort.variants.table.iloc[chosen]
    row = table[VARIANT_KEY].merge(bim[[*VARIANT_KEY, "row"]], on=VARIANT_KEY, how="left")["row"]
    return Path(f"{prefix}.bed"), row.to_numpy(dtype=np.intp)


def calls_of(cohort: Genotypes, variants: BoolArray) -> Any:
    """Kept samples at the variants of a mask; entry ``GT`` (unphased, diploid) and nothing else."""
    hl = session.hail()
    chosen = cohort.variants.exclude(
        "selection", "not_selected", ~variants, description="not used in this analysis"
    )
    mt = kept_matrix(replace(cohort, variants=chosen))
    return mt.select_entries(GT=hl.unphased_diploid_gt_index_call(hard_calls(mt))).select_cols()


def autosomal_calls(cohort: Genotypes, variants: BoolArray) -> Any:
    """As :func:`calls_of`, autosomes only."""
    autosomal = cohort.variants.table["chromosome"].isin(list(AUTOSOMES)).to_numpy()
    return calls_of(cohort, variants & autosomal)


def variants_of(cohort: Genotypes, rows: Any) -> BoolArray:
    """Which variants of the cohort a Hail Table keyed by (locus, alleles) holds."""
    path = Path(session.temporary_path("variants") + ".tsv")
    keys = rows.select().key_by()
    keys.select(
        chromosome=keys.locus.contig,
        base_pair_location=keys.locus.position,
        ref=keys.alleles[0],
        alt=keys.alleles[1],
    ).export(str(path))
    found = pd.read_csv(
        path, sep="\t", dtype={"chromosome": str, "ref": str, "alt": str}, keep_default_na=False
    )
    path.unlink()
    found["chromosome"] = chromosome_codes(found["chromosome"])
    both = cohort.variants.table[VARIANT_KEY].merge(
        found, on=VARIANT_KEY, how="left", indicator=True
    )
    return (both["_merge"] == "both").to_numpy() & cohort.variants.kept
