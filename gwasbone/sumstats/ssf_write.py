"""Results as GWAS-SSF files with their sidecars, and a table of what is left out.

The Catalog's validator refuses missing effects, standard errors and p-values, and alleles that
are not spelled in A, C, G, T. Variants of that kind go to a third file with a named status, so
that the two tables together always hold every variant of the scan.

References
----------
GWAS-SSF v1.0 (EBISPOT/gwas-summary-statistics-standard): the first eight columns have a fixed
order, ``neg_log_10_p_value`` may stand in the place of ``p_value``; missing is ``#NA``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.files import atomic_path
from gwasbone.sumstats.ssf_sidecar import sidecar_text, ssf_metadata
from gwasbone.sumstats.ssf_text import (
    GzipText,
    VariantText,
    catalog_status,
    is_rsid,
    ssf_header,
    untested_header,
)
from gwasbone.sumstats.table import TRAIT_COLUMNS, VARIANT_COLUMNS

# Each trait has two files open while rows come in.
_TRAITS_AT_A_TIME = 100
_ROWS_PER_PIECE = 65_536


@dataclass(frozen=True)
class SsfPaths:
    """The three files of one trait."""

    data: Path
    metadata: Path
    untested: Path

    @classmethod
    def of(cls, stem: str | Path) -> SsfPaths:
        """``STEM.tsv.gz``, ``STEM.tsv.gz-meta.yaml`` and ``STEM.untested.tsv.gz``."""
        return cls(
            data=Path(f"{stem}.tsv.gz"),
            metadata=Path(f"{stem}.tsv.gz-meta.yaml"),
            untested=Path(f"{stem}.untested.tsv.gz"),
        )

    def __iter__(self) -> Iterator[Path]:
        return iter((self.data, self.metadata, self.untested))


class ScanRows(Protocol):
    """Rows of results that several traits have for the same variants, in pieces, in order."""

    @property
    def n_pieces(self) -> int:
        """At least one, which may be empty."""

    def variants(self, piece: int) -> pa.Table:
        """The columns ``VARIANT_COLUMNS`` of a piece."""

    def trait(self, trait: str, piece: int) -> pa.Table:
        """The columns ``TRAIT_COLUMNS`` of a trait; called in several threads."""


def write_ssf(
    table: pd.DataFrame,
    stem: str | Path,
    *,
    trait: str,
    build: str,
    provenance: Mapping[str, Any],
    study: Mapping[str, Any] | None = None,
) -> SsfPaths:
    """Write one trait as GWAS-SSF with its sidecar and the table of untested variants.

    The three files appear together once all are complete, the data file last; existing files
    are replaced. Floats are written with the 8 to 9 digits that identify a float32. The bytes of
    the two tables depend on the results only.

    Parameters
    ----------
    table : canonical results table of the trait.
    stem : path without extension; files are named by ``SsfPaths.of``.
    trait : name of the trait.
    build : ``GRCh37`` or ``GRCh38``.
    provenance : as in ``AssociationResults``.
    study : further sidecar fields that the scan cannot know (``STUDY_FIELDS``).

    Returns
    -------
    SsfPaths.

    Raises
    ------
    UsageError
        Where ``study`` holds a field that the sidecar does not have.
    """
    with contextlib.ExitStack() as stack:
        stage_ssf(
            stack, _OneTable(table), {trait: stem}, build=build, provenance=provenance, study=study
        )
    return SsfPaths.of(stem)


def stage_ssf(
    stack: contextlib.ExitStack,
    rows: ScanRows,
    stems: Mapping[str, str | Path],
    *,
    build: str,
    provenance: Mapping[str, Any],
    study: Mapping[str, Any] | None = None,
    threads: int | None = None,
) -> None:
    """As ``write_ssf`` for several traits; files take their names when ``stack`` closes.

    So that they appear together or, after a failure, not at all. What variants and people share
    among traits is made into text once for all of them.

    Parameters
    ----------
    stems : trait -> path without extension.
    threads : traits written at the same time; a thread for each core by default.
    """
    has_rsids = _has_rsids(rows)
    traits = list(stems)
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for first in range(0, len(traits), _TRAITS_AT_A_TIME):
            batch = traits[first : first + _TRAITS_AT_A_TIME]
            with contextlib.ExitStack() as opened:
                files = {
                    trait: _TraitFiles.create(stack, opened, stems[trait], has_rsids)
                    for trait in batch
                }
                for piece in range(rows.n_pieces):
                    variants = VariantText.of(rows.variants(piece), has_rsids=has_rsids)

                    def add(trait: str, piece: int = piece, text: VariantText = variants) -> None:
                        files[trait].add(text, rows.trait(trait, piece))  # noqa: B023

                    list(pool.map(add, batch))

                def finish(trait: str) -> None:
                    files[trait].finish(  # noqa: B023
                        trait, build=build, provenance=provenance, study=study
                    )

                list(pool.map(finish, batch))


@dataclass
class _TraitFiles:
    """The three files of a trait while rows are added."""

    paths: SsfPaths
    data: GzipText
    untested: GzipText
    sidecar: Path
    n_people: int = 0

    @classmethod
    def create(
        cls,
        stack: contextlib.ExitStack,
        opened: contextlib.ExitStack,
        stem: str | Path,
        has_rsids: bool,
    ) -> _TraitFiles:
        paths = SsfPaths.of(stem)
        # The stack closes backwards: the data file, whose presence means "done", is renamed last.
        data, untested, sidecar = (
            stack.enter_context(atomic_path(path))
            for path in (paths.data, paths.untested, paths.metadata)
        )
        return cls(
            paths,
            opened.enter_context(GzipText(data, ssf_header(has_rsids))),
            opened.enter_context(GzipText(untested, untested_header())),
            sidecar,
        )

    def add(self, variants: VariantText, trait: pa.Table) -> None:
        """Write the rows of some variants, each to the file that takes it."""
        accepted = variants.alleles_fine & _testable(trait)
        if accepted.all():
            self.data.write(variants.rows(trait, None))
        else:
            left_out = pa.array(~accepted)
            self.data.write(variants.rows(trait, pa.array(accepted)))
            rest = trait.filter(left_out)
            status = catalog_status(_joined(variants.table.filter(left_out), rest).to_pandas())
            self.untested.write(variants.untested_rows(rest, left_out, status))
        if accepted.any():
            self.n_people = max(self.n_people, int(trait["n"].to_numpy()[accepted].max()))

    def finish(
        self,
        trait: str,
        *,
        build: str,
        provenance: Mapping[str, Any],
        study: Mapping[str, Any] | None,
    ) -> None:
        """Close the tables and write the sidecar."""
        md5 = self.data.close()
        self.untested.close()
        # what a trait has of its own, such as its method, stands before what the run has
        of_trait = {**provenance, **provenance.get("traits", {}).get(trait, {})}
        fields = ssf_metadata(
            trait=trait, build=build, provenance=of_trait, study=study, n_people=self.n_people,
            data_file_name=self.paths.data.name, data_file_md5sum=md5,
        )  # fmt: skip
        self.sidecar.write_text(sidecar_text(fields), "utf-8")


def _testable(trait: pa.Table) -> npt.NDArray[np.bool_]:
    """Where a trait's numbers are complete and its own status is ''."""
    fine = pc.equal(trait["status"], "").to_numpy()
    for name in ("beta", "standard_error", "effect_allele_frequency", "neg_log_10_p_value"):
        fine = fine & np.isfinite(trait[name].to_numpy())
    return np.asarray(fine, dtype=bool)


def _joined(variants: pa.Table, trait: pa.Table) -> pa.Table:
    return pa.table({name: t[name] for t in (variants, trait) for name in t.column_names})


def _has_rsids(rows: ScanRows) -> bool:
    """Whether any variant has an rs number; looks no further than the first."""
    pieces = (rows.variants(piece)["source_id"] for piece in range(rows.n_pieces))
    return any(pc.any(is_rsid(piece)).as_py() for piece in pieces)


@dataclass(frozen=True)
class _OneTable:
    """A table in memory as ``ScanRows`` of one trait."""

    table: pd.DataFrame

    @property
    def n_pieces(self) -> int:
        return max(1, -(-len(self.table) // _ROWS_PER_PIECE))

    def variants(self, piece: int) -> pa.Table:
        return self._piece(piece, VARIANT_COLUMNS)

    def trait(self, trait: str, piece: int) -> pa.Table:
        return self._piece(piece, TRAIT_COLUMNS)

    def _piece(self, piece: int, columns: tuple[str, ...]) -> pa.Table:
        rows = slice(piece * _ROWS_PER_PIECE, (piece + 1) * _ROWS_PER_PIECE)
        table = self.table[list(columns)].iloc[rows]
        text = {name: pa.string() for name in table.columns if table[name].dtype == object}
        arrow = pa.Table.from_pandas(table, preserve_index=False)
        schema = pa.schema([(f.name, text.get(f.name, f.type)) for f in arrow.schema])
        return arrow.cast(schema)
