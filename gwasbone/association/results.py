"""What an association run returns: one results table per trait, kept on disk as Parquet."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gwasbone.association.result_files import output_paths, trait_stems, write_wide_parquet
from gwasbone.association.summary import SUMMARY_COLUMNS, TraitSummary, trait_summary
from gwasbone.blocks.mapping import one_ahead
from gwasbone.display import Shown
from gwasbone.errors import UsageError
from gwasbone.files import atomic_path
from gwasbone.genome import BUILDS
from gwasbone.stats.genomic_control import lambda_gc
from gwasbone.sumstats.leads import lead_blocks
from gwasbone.sumstats.parquet import (
    RESULTS_INDEX,
    ResultsFile,
    WideParquetWriter,
    read_results_index,
    results_writer,
)
from gwasbone.sumstats.ssf_write import stage_ssf
from gwasbone.sumstats.table import COLUMNS, canonical_table

if TYPE_CHECKING:
    import hail as hl

    from gwasbone.sumstats.scan import Scans

_WIDE = "all_traits.parquet"
_ROWS_PER_GROUP = 250_000


@dataclass(frozen=True, repr=False)
class AssociationResults(Shown):
    """Results of an association run, with one table per trait.

    Tables stay in a folder as Parquet and are read when asked for, so that a run over many
    traits does not have to fit in memory. Make one with ``from_tables`` or ``open``.

    Attributes
    ----------
    traits : names of the traits, in the order of the run.
    build : ``GRCh37`` or ``GRCh38``.
    provenance : what was done: ``method``, ``test`` (``by trait`` where traits differ),
        ``engine``, ``covariates`` (list), ``versions`` (program -> version), ``traits``
        (trait -> ``method``, ``test``, ``description``, and ``n_cases``, ``n_controls`` of a
        binary one), and ``left_out`` (trait that cannot be analysed -> why). Plain values that
        JSON can hold.
    folder : where the Parquet files are.
    """

    traits: tuple[str, ...]
    build: str
    provenance: Mapping[str, Any]
    folder: Path
    _files: Mapping[str, str] = field(repr=False)
    # Holds a temporary folder for as long as the results are in use.
    _temporary: tempfile.TemporaryDirectory[str] | None = field(
        default=None, repr=False, compare=False
    )

    @classmethod
    def from_tables(
        cls,
        tables: Mapping[str, pd.DataFrame] | Iterable[tuple[str, pd.DataFrame]],
        *,
        build: str,
        provenance: Mapping[str, Any],
        folder: str | Path | None = None,
    ) -> AssociationResults:
        """Keep results tables in a folder.

        Parameters
        ----------
        tables : trait -> results table, or (trait, table) pairs made one at a time. Tables are
            brought to the canonical form and order.
        build : ``GRCh37`` or ``GRCh38``.
        provenance : see the class.
        folder : where to keep them; a temporary folder that goes with the object unless given.

        Raises
        ------
        UsageError
            No table, an unknown build, or two traits of one name.
        InputError
            A table lacks canonical columns.
        """
        temporary, path = cls._folder(build, folder)
        files: dict[str, str] = {}
        for trait, table in tables.items() if isinstance(tables, Mapping) else tables:
            if trait in files:
                raise UsageError(f"association results: trait {trait} is there twice")
            files[trait] = f"{len(files):05d}.parquet"
            with atomic_path(path / files[trait]) as partial:
                arrow = pa.Table.from_pandas(canonical_table(table), preserve_index=False)
                with results_writer(partial, arrow.schema, build) as writer:
                    writer.write_table(arrow, row_group_size=_ROWS_PER_GROUP)
        return cls._finished(files, build, provenance, path, temporary)

    @classmethod
    def from_chunks(
        cls,
        chunks: Iterable[Mapping[str, pd.DataFrame]],
        *,
        build: str,
        provenance: Mapping[str, Any],
        folder: str | Path | None = None,
    ) -> AssociationResults:
        """Keep results that come a chunk of variants at a time, all traits together.

        So that a scan of many traits and variants never has to fit in memory.

        Parameters
        ----------
        chunks : for each chunk, trait -> results table; the same traits in each, all of the same
            variants, which rise from chunk to chunk.
        build, provenance, folder : as in ``from_tables``.
        """
        temporary, path = cls._folder(build, folder)
        with atomic_path(path / _WIDE) as partial, WideParquetWriter(partial, build) as writer:
            for chunk in one_ahead(chunks):
                writer.write(chunk)
            if not writer.traits:
                raise UsageError("association results: expected at least one trait, got none")
        files = dict.fromkeys(writer.traits, _WIDE)
        return cls._finished(files, build, provenance, path, temporary)

    @classmethod
    def _folder(
        cls, build: str, folder: str | Path | None
    ) -> tuple[tempfile.TemporaryDirectory[str] | None, Path]:
        if build not in BUILDS:
            raise UsageError(f"build: expected one of {', '.join(BUILDS)}, got {build!r}")
        temporary = tempfile.TemporaryDirectory(prefix="gwasbone.") if folder is None else None
        path = Path(temporary.name if temporary else folder or "")
        path.mkdir(parents=True, exist_ok=True)
        return temporary, path

    @classmethod
    def _finished(
        cls,
        files: dict[str, str],
        build: str,
        provenance: Mapping[str, Any],
        path: Path,
        temporary: tempfile.TemporaryDirectory[str] | None,
    ) -> AssociationResults:
        if not files:
            raise UsageError("association results: expected at least one trait, got none")
        record = {"build": build, "provenance": dict(provenance), "files": files}
        # The index comes last: a folder without one is not a finished result.
        with atomic_path(path / RESULTS_INDEX) as partial:
            partial.write_text(json.dumps(record, indent=1), "utf-8")
        return cls._of(record, path, temporary)

    @classmethod
    def open(cls, folder: str | Path) -> AssociationResults:
        """The results that ``from_tables`` kept in a folder.

        Raises
        ------
        InputError
            Where the folder holds no finished results.
        """
        return cls._of(read_results_index(Path(folder)), Path(folder), None)

    @classmethod
    def _of(
        cls, record: dict[str, Any], path: Path, temporary: tempfile.TemporaryDirectory[str] | None
    ) -> AssociationResults:
        return cls(
            traits=tuple(record["files"]),
            build=record["build"],
            provenance=MappingProxyType(record["provenance"]),
            folder=path,
            _files=MappingProxyType(record["files"]),
            _temporary=temporary,
        )

    @cached_property
    def _opened(self) -> dict[str, ResultsFile]:
        """Files by name, opened once."""
        return {
            name: ResultsFile(self.folder / name, wide=name == _WIDE)
            for name in set(self._files.values())
        }

    def _file(self, trait: str) -> ResultsFile:
        if trait not in self._files:
            raise UsageError(f"trait {trait!r} is not in these results: {', '.join(self.traits)}")
        return self._opened[self._files[trait]]

    @property
    def wide_path(self) -> Path | None:
        """The Parquet file that holds all traits side by side, where the run made one."""
        return self.folder / _WIDE if _WIDE in self._files.values() else None

    def scans(self) -> Scans:
        """The traits' scans, as every command and function that takes scans takes them."""
        from gwasbone.sumstats.formats.parquet import open_results_folder
        from gwasbone.sumstats.scan import Scans

        return Scans(open_results_folder(self.folder))

    def parquet_path(self, trait: str) -> Path:
        """A Parquet file with the canonical columns of a trait."""
        file = self._file(trait)
        if file.path != self.wide_path:
            return file.path
        path = self.folder / f"{self.traits.index(trait):05d}.parquet"
        if not path.exists():
            with atomic_path(path) as partial:
                self.table(trait).to_parquet(partial, index=False, compression="snappy")
        return path

    def table(self, trait: str) -> pd.DataFrame:
        """The canonical results table of a trait: all variants, NaN with ``status`` if untested."""
        return _side_by_side(self._file(trait).variants(), self._file(trait).trait(trait))

    def tested(self, trait: str) -> pd.DataFrame:
        """The variants that were tested."""
        table = self.table(trait)
        return table[table["status"] == ""].reset_index(drop=True)

    def untested(self, trait: str) -> pd.DataFrame:
        """The variants that could not be tested; ``status`` says why."""
        table = self.table(trait)
        return table[table["status"] != ""].reset_index(drop=True)

    def lambda_gc(self, trait: str) -> float:
        """Genomic inflation factor λ_GC over the tested variants."""
        column = self._file(trait).trait(trait, columns=["neg_log_10_p_value"])
        return lambda_gc(column["neg_log_10_p_value"].to_numpy())

    @cached_property
    def summaries(self) -> Mapping[str, TraitSummary]:
        """Trait -> its results in a few numbers."""
        found: dict[str, TraitSummary] = {}
        for trait in self.traits:
            file = self._file(trait)
            columns = file.trait(trait, columns=SUMMARY_COLUMNS)
            found[trait] = trait_summary(columns, file.places)
        for name, file in self._opened.items():
            tops = {t: s.top_row for t, s in found.items() if s.n_tested and self._files[t] == name}
            for trait, source_id in zip(tops, file.source_ids(list(tops.values())), strict=True):
                found[trait] = replace(found[trait], top_source_id=source_id)
        return found

    def _below(self, trait: str, p_threshold: float) -> pd.DataFrame:
        """The rows of a trait's table whose p is below a threshold."""
        file = self._file(trait)
        p = file.trait(trait, columns=["neg_log_10_p_value"])["neg_log_10_p_value"].to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            # not "p > threshold": a threshold that makes no sense is for lead_blocks to refuse
            rows = np.flatnonzero(~(p <= -np.log10(p_threshold)) & ~np.isnan(p))
        if not len(rows):
            return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
        return _side_by_side(file.variants().take(rows), file.trait(trait).take(rows))

    def leads(
        self,
        trait: str | None = None,
        *,
        p_threshold: float = 1e-5,
        block_bp: int = 1_000_000,
        max_blocks: int | None = 12,
    ) -> pd.DataFrame:
        """Lead blocks of a trait, or of every trait in turn, with a column ``trait`` in front.

        See ``gwasbone.sumstats.leads.lead_blocks``; ``max_blocks`` is per trait.
        """
        per_trait = []
        for name in self.traits if trait is None else (trait,):
            leads = lead_blocks(
                self._below(name, p_threshold),
                p_threshold=p_threshold,
                block_bp=block_bp,
                max_blocks=max_blocks,
            )
            leads.insert(0, "trait", name)
            per_trait.append(leads)
        with_rows = [leads for leads in per_trait if len(leads)]
        return pd.concat(with_rows, ignore_index=True) if with_rows else per_trait[0]

    def to_hail(self, trait: str | None = None) -> hl.Table:
        """The results as a Hail Table keyed by ``locus`` and ``alleles`` (``[other, effect]``).

        Parameters
        ----------
        trait : the trait whose columns become the row fields. Without it, and with several
            traits, each trait is a struct field of its name: ``ht.bmd_spine.beta``.
        """
        from gwasbone.association.hail_tables import results_to_hail

        return results_to_hail(self, trait)

    def write(
        self,
        prefix: str | Path,
        formats: Iterable[str] = ("ssf",),
        *,
        study: Mapping[str, Any] | None = None,
        threads: int | None = None,
    ) -> tuple[Path, ...]:
        """Write result files; all appear together, or after a failure none.

        Parameters
        ----------
        prefix : ``ssf`` gives ``PREFIX.<trait>.tsv.gz``, its ``-meta.yaml`` and
            ``PREFIX.<trait>.untested.tsv.gz`` per trait; ``parquet`` gives ``PREFIX.parquet``,
            one wide file with columns ``<trait>.beta`` and so on.
        formats : some of ``result_files.FORMATS``.
        study : further fields for the sidecars (``ssf_metadata.STUDY_FIELDS``).
        threads : traits that are written at the same time; one for each core by default.

        Returns
        -------
        The paths written; existing files are replaced (see ``output_paths`` to check first).
        """
        formats = tuple(formats)
        paths = output_paths(prefix, self.traits, formats)
        with contextlib.ExitStack() as stack:
            if "parquet" in formats:
                partial = stack.enter_context(atomic_path(Path(f"{prefix}.parquet")))
                write_wide_parquet(self, partial)
            if "ssf" in formats:
                stems = dict(zip(self.traits, trait_stems(prefix, self.traits), strict=True))
                for name, file in self._opened.items():
                    of_file = {t: stem for t, stem in stems.items() if self._files[t] == name}
                    stage_ssf(
                        stack, file, of_file, build=self.build, provenance=self.provenance,
                        study=study, threads=threads,
                    )  # fmt: skip
        return paths

    def headline(self) -> str:
        n = len(self.traits)
        traits = f"{n} trait{'s' if n > 1 else ''}"
        engine = self.provenance.get("engine", "unknown")
        n_variants = next(iter(self._opened.values())).n_rows
        return (
            f"AssociationResults: {traits}, {n_variants:,} variants, {self.build}, engine {engine}"
        )

    def preview(self) -> pd.DataFrame:
        """A row per trait: samples, variants tested, λ_GC and the variant with the smallest p."""
        rows = [
            {
                "trait": trait,
                "method": self.provenance.get("traits", {}).get(trait, {}).get("method", ""),
                "n": one.n,
                "variants tested": one.n_tested,
                "lambda GC": round(one.lambda_gc, 3),
                "top variant": one.top_source_id,
                "−log10 p": round(one.top_neg_log10_p, 2),
            }
            for trait, one in self.summaries.items()
        ]
        return pd.DataFrame(rows)


def _side_by_side(variants: pa.Table, trait: pa.Table) -> pd.DataFrame:
    return pd.concat([variants.to_pandas(), trait.to_pandas()], axis=1)
