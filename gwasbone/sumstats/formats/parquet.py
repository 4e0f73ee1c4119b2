"""Parquet files of results: of one trait, or of many side by side, and the folder of a run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gwasbone.errors import InputError, reading
from gwasbone.genome import BUILDS
from gwasbone.sumstats.checks import SetAside
from gwasbone.sumstats.parquet import BUILD_KEY, RESULTS_INDEX, read_results_index
from gwasbone.sumstats.scan import (
    Counter,
    ReadRequest,
    Scan,
    ScanHits,
    ScanPiece,
    checked,
    joined_pieces,
    most_significant_rows,
    report,
    scan_table,
)
from gwasbone.sumstats.table import (
    ARROW_TYPES,
    NAMES_OF_0_1,
    SCAN_COLUMNS,
    VARIANT_COLUMNS,
    warn_of_names_of_0_1,
)

log = logging.getLogger(__name__)

_P = "neg_log_10_p_value"
_OF_0_1 = {now: old for old, now in NAMES_OF_0_1.items()}


class ParquetSource:
    """A Parquet file of results, opened once for all of its scans.

    Parameters
    ----------
    path : the file.

    Raises
    ------
    InputError
        It is no Parquet file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path, "a Parquet file of results"):
            self._file = pq.ParquetFile(path)
        self.names = frozenset(self._file.schema_arrow.names)
        self.n_groups = self._file.num_row_groups
        self._lock = threading.Lock()
        if old := [
            name for name in NAMES_OF_0_1 if name in {n.rpartition(".")[2] for n in self.names}
        ]:
            warn_of_names_of_0_1(path, old)
        said = (self._file.schema_arrow.metadata or {}).get(BUILD_KEY, b"").decode()
        self.build = said if said in BUILDS else _build_of_folder(path.parent)

    def group(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Columns of a row group."""
        with self._lock, reading(self.path, "a complete Parquet file of results"):
            table = self._file.read_row_group(number, list(columns), use_threads=False)
            table.validate(full=True)
            if len(table) != self.n_rows(number):
                raise ValueError(f"{len(table)} rows where {self.n_rows(number)} are announced")
            return table

    def n_rows(self, number: int) -> int:
        """Rows of a row group."""
        return int(self._file.metadata.row_group(number).num_rows)

    def traits(self) -> dict[str, str]:
        """Trait -> what stands before its columns; one trait without a name has ''.

        Raises
        ------
        InputError
            The file holds no results.
        """
        for p in (_P, _OF_0_1[_P]):
            if p in self.names:
                return {self.path.name.removesuffix(".parquet").rsplit(".", 1)[-1]: ""}
            wide = [
                n.removesuffix(f".{p}")
                for n in self._file.schema_arrow.names
                if n.endswith(f".{p}")
            ]
            if wide:
                return {trait: f"{trait}." for trait in wide}
        some = ", ".join(self._file.schema_arrow.names[:6])
        raise InputError(f"{self.path}: expected a column {_P} or TRAIT.{_P}, has {some}")


class ParquetScan(Scan):
    """A trait of a Parquet file.

    Parameters
    ----------
    name : the trait.
    source : the file.
    prefix : what stands before the trait's columns.
    """

    def __init__(self, name: str, source: ParquetSource, prefix: str) -> None:
        super().__init__(
            name, f"{source.path}, {name}" if prefix else str(source.path),
            format_name="Parquet", build=source.build, n_bytes=source.path.stat().st_size,
        )  # fmt: skip
        self.source = source
        self._columns: dict[str, str] = {}
        for column in SCAN_COLUMNS:
            start = "" if column in VARIANT_COLUMNS else prefix
            spelled = [column, _OF_0_1[column]] if column in _OF_0_1 else [column]
            there = next((s for s in spelled if f"{start}{s}" in source.names), None)
            if there is not None:
                self._columns[column] = f"{start}{there}"

    @property
    def has(self) -> frozenset[str]:
        return frozenset(self._columns)

    def pieces(self, request: ReadRequest) -> Iterator[ScanPiece]:
        for group in range(self.source.n_groups):
            yield self.piece(group, request, {})
            if request.count is not None:
                request.count(self.n_bytes // self.source.n_groups)

    def piece(
        self, group: int, request: ReadRequest, shared: dict[str, pa.ChunkedArray]
    ) -> ScanPiece:
        """A row group; ``shared`` keeps the variants' columns for the other traits of the file."""
        n = self.source.n_rows(group)
        rows = None
        if request.above is not None:
            p = self.source.group(group, [self._columns[_P]])[0].to_numpy()
            rows = np.flatnonzero(p > request.above)
            if not len(rows):
                return ScanPiece(joined_pieces([], request.columns), n)
        made = {}
        for name in request.columns:
            column = shared.get(name)
            if column is None:
                column = self.source.group(group, [self._columns[name]])[0]
                if name in VARIANT_COLUMNS:
                    shared[name] = column
            made[name] = column if rows is None else column.take(pa.array(rows))
        first = f"row group {group + 1}"
        table = pa.table({name: _typed(column, name) for name, column in made.items()})
        # of a run's own results p may be of another test (likelihood ratio) than SE (Wald)
        fine = checked(table, request.aside, lambda _: f"first in {first}", one_test=False)
        return ScanPiece(fine, n)

    def hits_together(
        self, scans: Sequence[Scan], above: float, count: Counter | None
    ) -> Iterator[ScanHits]:
        """Hits of several scans of the file, which is read once."""
        mine = [scan for scan in scans if isinstance(scan, ParquetScan)]
        requests = [
            ReadRequest(
                [name for name in SCAN_COLUMNS if name in scan.has], SetAside(scan.where), above
            )
            for scan in mine
        ]
        parts: list[list[pa.Table]] = [[] for _ in mine]
        n = 0
        for group in range(self.source.n_groups):
            shared: dict[str, pa.ChunkedArray] = {}
            for i, scan in enumerate(mine):
                piece = scan.piece(group, requests[i], shared)
                if len(piece.table):
                    parts[i].append(piece.table)
            n += self.source.n_rows(group)
            if count is not None:
                count(self.n_bytes // self.source.n_groups)
        for scan, request, found in zip(mine, requests, parts, strict=True):
            columns = most_significant_rows(joined_pieces(found, request.columns), request.aside)
            report(request.aside)
            yield ScanHits(scan.name, scan_table(columns), n)


def _typed(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    if pa.types.is_string(ARROW_TYPES[name]) and not pa.types.is_string(column.type):
        return column.cast(pa.string())
    return column


def open_parquet(path: Path, traits: Sequence[str] | None = None) -> list[Scan]:
    """The scans of a Parquet file, or those of them that are named."""
    source = ParquetSource(path)
    found = source.traits()
    if traits is not None and len(found) == 1 and "" in found.values():
        return [ParquetScan(trait, source, "") for trait in traits]
    return [
        ParquetScan(trait, source, prefix)
        for trait, prefix in found.items()
        if traits is None or trait in traits
    ]


def is_results_folder(path: Path) -> bool:
    """Whether a folder is that of a run's results."""
    return (path / RESULTS_INDEX).is_file()


def open_results_folder(path: Path) -> list[Scan]:
    """The scans of a folder of results.

    Raises
    ------
    InputError
        Its index cannot be read, or a file of it is gone.
    """
    files = read_results_index(path)["files"]
    scans: dict[str, Scan] = {}
    for name in dict.fromkeys(files.values()):
        mine = [trait for trait, file in files.items() if file == name]
        scans |= {scan.name: scan for scan in open_parquet(path / name, mine)}
    return [scans[trait] for trait in files]


def _build_of_folder(folder: Path) -> str | None:
    return read_results_index(folder)["build"] if is_results_folder(folder) else None
