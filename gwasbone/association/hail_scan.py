"""Scans that are Hail Tables. Hail filters; only the rows that are asked for are moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gwasbone.cohort.sources.tables import chromosome_codes
from gwasbone.errors import InputError
from gwasbone.genome import BUILDS
from gwasbone.session import hail, temporary_path
from gwasbone.sumstats.scan import ReadRequest, Scan, ScanPiece, Scans, checked
from gwasbone.sumstats.table import ARROW_TYPES

if TYPE_CHECKING:
    import hail as hl

_P = "neg_log_10_p_value"
#: Canonical column -> fields it is taken from, the first that is there. The later ones are those
#: of ``hl.linear_regression_rows``.
_FIELDS = {
    "neg_log_10_p_value": ("neg_log_10_p_value", "neg_log10_p", "p_value"),
    "beta": ("beta",),
    "standard_error": ("standard_error", "se"),
    "statistic": ("statistic", "t_stat", "z_stat"),
    "dof": ("dof",),
    "n": ("n",),
    "effect_allele_frequency": ("effect_allele_frequency",),
    "call_rate": ("call_rate",),
    "test": ("test",),
    "status": ("status",),
}
_KEY_COLUMNS = ("chromosome", "base_pair_location", "other_allele", "effect_allele")


def is_hail_table(path: Path) -> bool:
    """Whether a folder is that of a Hail Table."""
    return (path / "metadata.json.gz").exists()


def open_hail_table(path: Path) -> Scans:
    """The scans of a Hail Table in a folder: a struct for each trait, or one trait."""
    return scans_of_hail_table(hail().read_table(str(path)), path.name.removesuffix(".ht"))


def scans_of_hail_table(table: hl.Table, name: str = "scan") -> Scans:
    """The scans of a Hail Table.

    Parameters
    ----------
    table : keyed by ``locus`` and ``alleles`` (other, effect), with the canonical columns as
        fields, or within a struct for each trait, as ``AssociationResults.to_hail`` gives it; or
        what ``hl.linear_regression_rows`` gives.
    name : of the scan, where the fields are its own.

    Raises
    ------
    InputError
        It is keyed otherwise, or has no p-value.
    """
    structs = [field for field in table.row_value if _has_struct(table, field)]
    return Scans([HailScan(trait, table) for trait in structs or [name.rsplit(".", 1)[-1]]])


class HailScan(Scan):
    """A scan in a Hail Table; see :func:`scans_of_hail_table`."""

    def __init__(self, name: str, table: hl.Table) -> None:
        if list(table.key) != ["locus", "alleles"]:
            raise InputError(
                f"scan {name}: expected a Hail Table keyed by locus and alleles, it is keyed by "
                f"{', '.join(table.key) or 'nothing'}"
            )
        build = str(table.locus.dtype.reference_genome.name)
        super().__init__(
            name, f"Hail Table, {name}", format_name="Hail Table",
            build=build if build in BUILDS else None,
        )  # fmt: skip
        self.in_calling_thread = True
        self._table = table
        row = table[name] if _has_struct(table, name) else table.row
        self._fields: dict[str, Any] = {}
        for column, candidates in _FIELDS.items():
            field = next((one for one in candidates if one in row), None)
            if field is not None:
                self._fields[column] = row[field]
        if _P not in self._fields:
            raise InputError(
                f"scan {name}: expected a field {_P} or p_value in the Hail Table, it has "
                f"{', '.join(row)}"
            )
        hl = hail()
        if _P not in row and "neg_log10_p" not in row:
            # a p-value of 0 becomes infinite, which is set aside and named
            self._fields[_P] = -hl.log10(self._fields[_P])
        ids = [table[n] for n in ("source_id", "rsid") if n in table.row]
        self._fields["source_id"] = ids[0] if ids else hl.str("")

    @property
    def has(self) -> frozenset[str]:
        return frozenset(self._fields) | frozenset(_KEY_COLUMNS)

    def pieces(self, request: ReadRequest) -> Iterator[ScanPiece]:
        # annotated first, for fields of one table may have the names of others
        chosen = self._table.select(**self._fields)
        if request.above is not None:
            chosen = chosen.filter(chosen[_P] > request.above)
        chosen = chosen.key_by()
        chosen = chosen.select(
            chromosome=chosen.locus.contig,
            base_pair_location=chosen.locus.position,
            other_allele=chosen.alleles[0],
            effect_allele=chosen.alleles[1],
            **{name: chosen[name] for name in self._fields},
        )
        chosen = chosen.select(*request.columns)
        raw = _few(chosen) if request.above is not None else _all(chosen)
        made = {name: _typed(raw[name], name) for name in request.columns}
        table = checked(pa.table(made), request.aside, lambda row: f"row {row + 1}")
        yield ScanPiece(table, len(raw))


def _few(table: hl.Table) -> pa.Table:
    """Rows as Hail collects them; `export` would write numbers with five or six digits."""
    frame = pd.DataFrame([dict(row) for row in table.collect()], columns=list(table.row))
    return pa.Table.from_pandas(frame, preserve_index=False)


def _all(table: hl.Table) -> pa.Table:
    """All rows, by way of Parquet files in the session's temporary folder."""
    path = temporary_path("scan.parquet")
    table.to_spark().write.parquet(path)
    hl = hail()
    local = [f["path"] for f in hl.hadoop_ls(path) if f["path"].endswith(".parquet")]
    parts = []
    for file in local:
        with hl.hadoop_open(file, "rb") as stream:
            parts.append(pq.read_table(pa.BufferReader(stream.read())))
    return pa.concat_tables(parts)


def _typed(column: pa.ChunkedArray, name: str) -> pa.Array:
    if name == "chromosome":
        return pa.array(chromosome_codes(pd.Series(column.to_pandas())).astype(np.float64))
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), ARROW_TYPES[name])
    return column.cast(ARROW_TYPES[name]) if name != "base_pair_location" else column


def _has_struct(table: hl.Table, trait: str) -> bool:
    if trait not in table.row_value:
        return False
    fields = set(getattr(table[trait].dtype, "fields", ()))
    return bool(fields & {_P, "neg_log10_p"})
