"""Tables of participants in Parquet, as pandas, Arrow and Spark write them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gwasbone.errors import InputError
from gwasbone.phenotypes.participants import names_participants

log = logging.getLogger(__name__)

#: How Parquet calls the index of a pandas table that has no name.
_UNNAMED_INDEX = "__index_level_0__"


def is_parquet(path: Path) -> bool:
    """Whether a path is a Parquet file, or a folder of parts as Spark writes it."""
    return path.suffix in (".parquet", ".pq") or (
        path.is_dir() and next(path.glob("*.parquet"), None) is not None
    )


def parquet_columns(path: Path) -> list[str]:
    """Names of the columns, the levels of a pandas index among them.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    return list(_schema(path).names)


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Columns in the types that the package uses: decimals and columns of nothing as numbers,
    binary as text, dictionaries decoded.

    An index of a pandas table is a column; one without a name is called ``IID`` where no column
    names participants.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    with_index = columns is None
    try:
        table = pq.read_table(path, columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    # what pandas notes of its index and types would make columns an index again
    table = table.replace_schema_metadata(None)
    for i, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        plain = _plain(column, name, path)
        if plain is not column:
            table = table.set_column(i, name, plain)
    if with_index and _UNNAMED_INDEX in table.column_names:
        if any(map(names_participants, table.column_names)):
            return table.drop([_UNNAMED_INDEX])
        log.info("%s: its index without a name is taken for the participants", path)
        names = ["IID" if n == _UNNAMED_INDEX else n for n in table.column_names]
        table = table.rename_columns(names)
    return table


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.ParquetDataset(path).schema if path.is_dir() else pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _plain(column: pa.ChunkedArray, name: str, path: Path) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = pc.cast(column, kind.value_type)
        kind = column.type
    if pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return column.cast(pa.float64())
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8()).cast(pa.float64())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            return column.cast(pa.string())
        except pa.ArrowInvalid as error:
            raise InputError(
                f"expected text in column {name} of {path}, it is binary data: leave it out"
            ) from error
    if pa.types.is_large_string(kind):
        return column.cast(pa.string())
    return column


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = (str(error).splitlines() or ["nothing is known"])[0]
    return InputError(
        f"expected a Parquet file in {path}, it cannot be read ({reason[:200]}): the file is "
        "damaged or of another format"
    )
