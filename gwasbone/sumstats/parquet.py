"""All traits of a run side by side in one Parquet file, written as the variants come."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gwasbone.errors import InputError, reading
from gwasbone.genome import BUILDS
from gwasbone.sumstats.table import (
    TRAIT_COLUMNS,
    VARIANT_COLUMNS,
    canonical_table,
    in_order,
    is_canonical,
)

# Every variant has other values here: a dictionary would be work for nothing, as is compression
# of what is nearly random.
_DISTINCT = {
    "base_pair_location", "source_id", "effect_allele_frequency", "beta", "standard_error",
    "statistic", "neg_log_10_p_value",
}  # fmt: skip


#: Of the file's metadata: the build of its positions.
BUILD_KEY = b"gwasbone.build"
#: The index of a folder of results: build, provenance, and trait -> file.
RESULTS_INDEX = "results.json"


def read_results_index(folder: Path) -> dict[str, Any]:
    """The index of a folder of results: ``files`` (trait -> file), ``build``, ``provenance``.

    Raises
    ------
    InputError
        There is none, or it is not one.
    """
    path = folder / RESULTS_INDEX
    with reading(path, "the index of a folder of results"):
        record = json.loads(path.read_text("utf-8"))
        files = record["files"]
        # a file lies in the folder itself
        if not all(isinstance(name, str) and Path(name).name == name for name in files.values()):
            raise ValueError("a trait whose file is not a name")
        if record["build"] not in BUILDS or not isinstance(record["provenance"], dict):
            raise ValueError("no build or no provenance")
        return {"files": dict(files), **{k: record[k] for k in ("build", "provenance")}}


class WideParquetWriter:
    """Writes chunks of variants with the results of all traits; use it in a ``with``.

    Parameters
    ----------
    path : the file.
    build : of the positions, kept in the file's metadata.
    """

    def __init__(self, path: Path, build: str) -> None:
        self._path, self._build = path, build
        self._writer: pq.ParquetWriter | None = None
        self.traits: tuple[str, ...] = ()

    def __enter__(self) -> WideParquetWriter:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Append a row group of trait -> results table.

        Raises
        ------
        InputError
            Traits differ in their variants, or from the traits of the chunk before.
        """
        columns = wide_columns(
            {
                trait: in_order(table) if is_canonical(table) else canonical_table(table)
                for trait, table in tables.items()
            }
        )
        if self._writer is None:
            self.traits = tuple(tables)
            self._writer = results_writer(self._path, columns.schema, self._build)
        elif self.traits != tuple(tables):
            raise InputError(
                f"association results: expected traits {', '.join(self.traits)} in every chunk, "
                f"got {', '.join(tables)}"
            )
        self._writer.write_table(columns, row_group_size=max(1, len(columns)))


def wide_columns(tables: Mapping[str, pd.DataFrame]) -> pa.Table:
    """One row per variant, with ``<trait>.beta`` and so on for each trait.

    Parameters
    ----------
    tables : trait -> canonical results table, all of the same variants.

    Raises
    ------
    InputError
        Where traits differ in their variants, or a text column has missing values.
    """
    made: dict[tuple[object, ...], pa.Array] = {}
    first = next(iter(tables.values()))
    columns = {name: _array(first, name, made) for name in VARIANT_COLUMNS}
    for trait, table in tables.items():
        for name in VARIANT_COLUMNS:
            if table is not first and not _array(table, name, made).equals(columns[name]):
                raise InputError(
                    f"association results: expected the same variants for every trait of a "
                    f"chunk, {trait} has other {name}"
                )
        columns |= {f"{trait}.{name}": _array(table, name, made) for name in TRAIT_COLUMNS}
    if absent := [name for name, array in columns.items() if _lacks_text(array)]:
        raise InputError(f"association results: {', '.join(absent)} has missing values")
    return pa.table(columns)


def _lacks_text(array: pa.Array) -> bool:
    return pa.types.is_string(array.type) and array.null_count > 0


def _array(table: pd.DataFrame, name: str, made: dict[tuple[object, ...], pa.Array]) -> pa.Array:
    """A column in Arrow; columns that share memory among traits are converted once."""
    values = table[name].to_numpy()
    where = (values.__array_interface__["data"][0], values.strides, len(values), values.dtype)
    if where not in made:
        kind = pa.string() if values.dtype == object else None
        made[where] = pa.array(values, kind, from_pandas=True)
    return made[where]


def results_writer(path: Path, schema: pa.Schema, build: str) -> pq.ParquetWriter:
    """A writer of results whose file says the build."""
    return pq.ParquetWriter(
        path,
        schema.with_metadata({BUILD_KEY: build.encode()}),
        compression="none",
        use_dictionary=[n for n in schema.names if n.rpartition(".")[2] not in _DISTINCT],
        write_statistics=list(VARIANT_COLUMNS),
    )


class ResultsFile:
    """A Parquet file of results, of one trait or of all, read a trait and row group at a time.

    Parameters
    ----------
    path : the file. wide : whether names of columns start with the trait.
    """

    def __init__(self, path: Path, *, wide: bool) -> None:
        self.path, self._wide = path, wide
        self._file: pq.ParquetFile | None = None
        self._lock = threading.Lock()
        self._places: pa.Table | None = None

    @property
    def n_pieces(self) -> int:
        """Row groups, at least one."""
        return max(1, self._opened().num_row_groups)

    @property
    def n_rows(self) -> int:
        """Variants of each trait."""
        return int(self._opened().metadata.num_rows)

    def variants(self, piece: int | None = None) -> pa.Table:
        """The columns ``VARIANT_COLUMNS`` of a row group, or of all rows."""
        return self._read(list(VARIANT_COLUMNS), piece)

    def places(self) -> pa.Table:
        """``chromosome`` and ``base_pair_location`` of all rows, read once."""
        if self._places is None:
            self._places = self._read(["chromosome", "base_pair_location"], None)
        return self._places

    def trait(
        self, trait: str, piece: int | None = None, columns: Sequence[str] = TRAIT_COLUMNS
    ) -> pa.Table:
        """Columns of a trait."""
        prefix = f"{trait}." if self._wide else ""
        return self._read([f"{prefix}{name}" for name in columns], piece).rename_columns(
            list(columns)
        )

    def source_ids(self, rows: Sequence[int]) -> list[str]:
        """The variants' own IDs in some rows."""
        file = self._opened()
        ends = np.cumsum([file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)])
        pieces = np.searchsorted(ends, rows, side="right")
        found: dict[int, str] = {}
        for piece in set(pieces.tolist()):
            ids = self._read(["source_id"], piece)["source_id"]
            start = ends[piece] - len(ids)
            found |= {row: ids[row - start].as_py() for row in np.asarray(rows)[pieces == piece]}
        return [found[row] for row in rows]

    def _opened(self) -> pq.ParquetFile:
        with self._lock:
            if self._file is None:
                with reading(self.path, "a Parquet file of results"):
                    self._file = pq.ParquetFile(self.path)
            return self._file

    def _read(self, columns: list[str], piece: int | None) -> pa.Table:
        file = self._opened()
        with self._lock, reading(self.path, "a complete Parquet file of results"):
            if piece is None or file.num_row_groups == 0:
                table = file.read(columns=columns, use_threads=False).select(columns)
            else:
                table = file.read_row_group(piece, columns, use_threads=False).select(columns)
            table.validate(full=True)
            return table
