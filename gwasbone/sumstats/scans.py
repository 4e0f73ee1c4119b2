"""Scans as files: GWAS-SSF, Parquet of one trait or of many, or the folder of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gwasbone.association.results import AssociationResults
from gwasbone.errors import InputError
from gwasbone.sumstats.ssf import arrow_backed, read_ssf_columns
from gwasbone.sumstats.table import TRAIT_COLUMNS, VARIANT_COLUMNS

_P = "neg_log_10_p_value"


@dataclass(frozen=True)
class ScanFile:
    """One scan in a file.

    Attributes
    ----------
    name : the trait.
    path : the file.
    prefix : what stands before the trait's columns of a Parquet file; None for GWAS-SSF.
    """

    name: str
    path: Path
    prefix: str | None = None

    def read(self, needed: Sequence[str], wanted: Sequence[str] = ()) -> pd.DataFrame:
        """Columns by their canonical names (``results_table.COLUMNS``); texts stay in Arrow.

        Parameters
        ----------
        needed, wanted : columns that must be there, and columns that are taken where they are.

        Raises
        ------
        InputError
            The file cannot be read or lacks a needed column.
        """
        if self.prefix is None:
            return read_ssf_columns(self.path, needed, wanted)
        theirs = {name: name for name in VARIANT_COLUMNS}
        theirs |= {name: f"{self.prefix}{name}" for name in TRAIT_COLUMNS}
        present = set(_schema(self.path).names)
        if absent := [theirs[name] for name in needed if theirs[name] not in present]:
            raise InputError(f"{self.path}: expected the columns {', '.join(absent)}")
        chosen = {
            name: theirs[name]
            for name in dict.fromkeys([*needed, *wanted])
            if theirs[name] in present
        }
        try:
            table = pq.read_table(self.path, columns=list(chosen.values()))
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(
                f"{self.path}: expected a Parquet file, got {str(error).splitlines()[0]}"
            ) from error
        return arrow_backed(table.select(list(chosen.values())).rename_columns(list(chosen)))


def open_scans(
    paths: Sequence[Path],
    *,
    traits: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> list[ScanFile]:
    """The scans of files, in their order.

    Parameters
    ----------
    paths : GWAS-SSF files (the trait is the last part of the name before ``.tsv``), Parquet
        files with the canonical columns of one trait or with ``<trait>.neg_log10_p`` and so on
        of several, or folders of :class:`AssociationResults`.
    traits : of files that hold several, only these, in this order.
    names : what to call the scans instead, one for each.

    Raises
    ------
    InputError
        A file is missing or no scan, a trait is in none of them, names are not one for each
        scan, or two scans have one name.
    """
    scans: list[ScanFile] = []
    for path in paths:
        scans += _scans_of(path)
    if traits is not None:
        by_name = {scan.name: scan for scan in scans}
        if absent := [trait for trait in traits if trait not in by_name]:
            raise InputError(
                f"no trait {', '.join(absent)} in the files given; they hold {', '.join(by_name)}"
            )
        scans = [by_name[trait] for trait in traits]
    if names is not None:
        if len(names) != len(scans):
            raise InputError(f"{len(scans)} scans need as many names; {len(names)} came")
        scans = [
            ScanFile(name, scan.path, scan.prefix) for name, scan in zip(names, scans, strict=True)
        ]
    seen: dict[str, Path] = {}
    for scan in scans:
        if scan.name in seen:
            raise InputError(
                f"{seen[scan.name]} and {scan.path} both hold a scan called {scan.name}: give "
                "each a name of its own"
            )
        seen[scan.name] = scan.path
    return scans


def _scans_of(path: Path) -> list[ScanFile]:
    if path.is_dir():
        results = AssociationResults.open(path)
        if results.wide_path is not None:
            return [ScanFile(t, results.wide_path, f"{t}.") for t in results.traits]
        return [ScanFile(t, results.parquet_path(t), "") for t in results.traits]
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected GWAS-SSF (.tsv.gz) or Parquet")
    if path.suffix != ".parquet":
        stem = path.name.removesuffix(".gz").removesuffix(".tsv")
        return [ScanFile(stem.rsplit(".", 1)[-1], path)]
    columns = _schema(path).names
    if _P in columns:
        return [ScanFile(path.stem, path, "")]
    traits = [name.removesuffix(f".{_P}") for name in columns if name.endswith(f".{_P}")]
    if not traits:
        raise InputError(
            f"{path}: expected a column {_P}, or one for each trait such as bmd.{_P}; it has "
            f"{', '.join(columns[:8])}"
        )
    return [ScanFile(trait, path, f"{trait}.") for trait in traits]


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(
            f"{path}: expected a Parquet file, got {str(error).splitlines()[0]}"
        ) from error
