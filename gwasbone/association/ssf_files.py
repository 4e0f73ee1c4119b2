"""The GWAS-SSF files of several traits at once, written a piece of the genome at a time."""

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
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.files import atomic_path
from gwasbone.sumstats.ssf_sidecar import sidecar_text, ssf_metadata
from gwasbone.sumstats.ssf_write import (
    GzipText,
    VariantText,
    catalog_status,
    is_rsid,
    ssf_header,
    untested_header,
)

# Each trait has two files open while rows come in.
_TRAITS_AT_A_TIME = 100


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
