"""Columns out of text and Parquet files by PyArrow: chosen before reading, typed, faults named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from gwasbone.errors import InputError, listed
from gwasbone.phenotypes.array_fields import spread_arrays
from gwasbone.phenotypes.fields import FieldKind
from gwasbone.phenotypes.parquet_table import is_parquet, parquet_columns, read_parquet
from gwasbone.phenotypes.table_layout import (
    BLANKS,
    MISSING,
    TableLayout,
    find_layout,
    refuse_repeats,
)

_BLOCK_BYTES = 1 << 24
_CODES = pa.dictionary(pa.int32(), pa.string())
_ARROW_TYPES = {"number": pa.float64(), "text": _CODES, "icd9": _CODES, "date": pa.date32()}
_SHOWN = 3


@dataclass(frozen=True)
class ColumnFile:
    """A table in text or Parquet whose header has been read.

    Parameters
    ----------
    path : the file.
    names : its columns.
    text : its layout, None for Parquet.
    """

    path: Path
    names: tuple[str, ...]
    text: TableLayout | None

    def read(
        self, ids: list[str], wanted: Mapping[str, FieldKind | None], *, everything: bool
    ) -> pa.Table:
        """Read columns with their types.

        Parameters
        ----------
        ids : columns of participants' IDs, read as text.
        wanted : column -> how to read it; None as what its values look like.
        everything : read the columns that are neither, too, as what they look like.

        Returns
        -------
        Numbers as float64, text dictionary-encoded, dates as dates. A field whose values are
        joined in one cell has one column per value; see :mod:`gwasbone.phenotypes.array_fields`.

        Raises
        ------
        InputError
            Rows of several lengths, or columns that are not of their kind; all of them are named.
        """
        chosen = list(self.names) if everything else [*ids, *wanted]
        types: dict[str, Any] = {name: pa.string() for name in ids}
        types |= {name: _ARROW_TYPES[kind] for name, kind in wanted.items() if kind}
        if self.text is None:
            return _typed(read_parquet(self.path, chosen), types, wanted, self.path)
        untyped = [name for name in self.names if name not in types]
        if everything and untyped:  # Arrow would take no names for all
            types |= _guessed_types(self.text, untyped)
        try:
            return _typed(_read_csv(self.text, chosen, types), types, wanted, self.path)
        except pa.ArrowInvalid as error:
            if "CSV conversion error" not in str(error):
                raise _unreadable(self.text, error) from error
        # A column has another type than thought: read what is doubtful as text and look at it.
        plain = {n: t if t in (pa.string(), _CODES) else pa.string() for n, t in types.items()}
        try:
            table = _read_csv(self.text, chosen, plain)
        except pa.ArrowInvalid as error:
            raise _unreadable(self.text, error) from error
        if everything:
            types = {name: t if _fits(table[name], t) else _CODES for name, t in types.items()}
        return _typed(table, types, wanted, self.path)


def open_columns(path: Path, *, max_gb: float | None = None) -> ColumnFile:
    """Read the header of a text or Parquet table.

    Parameters
    ----------
    max_gb : gigabytes of text that may come out of a compressed table; by default the limit in
        effect (:mod:`gwasbone.table_limit`).

    Raises
    ------
    InputError
        The file is empty or cannot be read, or a name is there twice.
    """
    if is_parquet(path):
        names, text = parquet_columns(path), None
        refuse_repeats(names, path)
    else:
        text = find_layout(path, max_gb=max_gb)
        names = [name for name in text.header if name]
    return ColumnFile(path, tuple(names), text)


def _typed(
    table: pa.Table,
    types: Mapping[str, Any],
    wanted: Mapping[str, FieldKind | None],
    path: Path,
) -> pa.Table:
    """Joined fields spread to one column per value, then every column cast to its type."""

    def kind_of(name: str) -> FieldKind:
        return wanted.get(name) or "text"

    spread, split = spread_arrays(table, kind_of)
    types = dict(types)
    for name, parts in split.items():
        kind = types.pop(name, None)
        if wanted.get(name) is None:
            # what a value of the wide form looks like is not known before it is split
            types |= {part: _likely_type(spread[part]) for part in parts}
        elif kind is not None:
            types |= dict.fromkeys(parts, kind)
    return _cast(spread, types, path, _icd9_columns(wanted, split))


def _icd9_columns(
    wanted: Mapping[str, FieldKind | None], split: Mapping[str, list[str]]
) -> frozenset[str]:
    dotted = [name for name, kind in wanted.items() if kind == "icd9"]
    return frozenset(part for name in dotted for part in split.get(name, [name]))


def _likely_type(column: pa.ChunkedArray) -> Any:
    """Numbers or dates where all values are; codes otherwise."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count == len(column):
        return _CODES
    for kind in (pa.float64(), pa.date32()):
        if _fits(column, kind):
            return kind
    return _CODES


def _read_csv(table: TableLayout, names: list[str], types: Mapping[str, Any]) -> pa.Table:
    if table.separator == BLANKS or table.row_names:
        return _read_by_pandas(table, names, types)
    return pyarrow.csv.read_csv(
        _stream(table),
        read_options=_read_options(table),
        parse_options=pyarrow.csv.ParseOptions(delimiter=table.separator),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=names,
            column_types=types,
            null_values=list(MISSING),
            strings_can_be_null=True,
        ),
    )


def _stream(table: TableLayout) -> Any:
    # Arrow reads plain files itself, faster than through Python; a path's ending would mislead it
    if table.file.compression is None:
        return pa.input_stream(str(table.path), compression=None)
    return table.file.open_bytes()


def _read_by_pandas(table: TableLayout, names: list[str], types: Mapping[str, Any]) -> pa.Table:
    """Columns between any number of blanks, which Arrow does not read."""
    frame = table.read(text_columns=names)[names]
    text = pa.Table.from_pandas(frame.mask(frame.isin(MISSING)), preserve_index=False)
    return _cast(text, {n: t for n, t in types.items() if n in names}, table.path)


def _read_options(table: TableLayout) -> pyarrow.csv.ReadOptions:
    encoding = "utf8" if table.file.encoding.startswith("utf-8") else table.file.encoding
    return pyarrow.csv.ReadOptions(
        block_size=_BLOCK_BYTES,
        skip_rows=table.first_row,
        column_names=[name or f"unnamed {i}" for i, name in enumerate(table.header)],
        encoding=encoding,
    )


def _unreadable(table: TableLayout, error: Exception) -> InputError:
    table.check_rows()  # which knows the line
    reason = str(error).splitlines()[0]
    return InputError(
        f"expected a text table with as many fields in every row as in the header of {table.path}, "
        f"it cannot be read ({reason[:200]}): the file is cut short or has another delimiter there"
    )


def _guessed_types(table: TableLayout, names: list[str]) -> dict[str, Any]:
    """What the first rows look like; a column without values there is taken for codes."""
    if table.separator == BLANKS or table.row_names:
        frame = pd.DataFrame(table.read())
        return {n: _CODES if frame[n].dtype == object else pa.float64() for n in names}
    options = pyarrow.csv.ConvertOptions(
        include_columns=names, null_values=list(MISSING), strings_can_be_null=True
    )
    parse = pyarrow.csv.ParseOptions(delimiter=table.separator)
    try:
        with pyarrow.csv.open_csv(
            _stream(table),
            read_options=_read_options(table),
            parse_options=parse,
            convert_options=options,
        ) as reader:
            schema = reader.schema
    except pa.ArrowInvalid as error:
        raise _unreadable(table, error) from error
    types = {}
    for field in schema:
        if field.name not in names:  # to Arrow no columns are all of them
            continue
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            types[field.name] = pa.float64()
        elif pa.types.is_date(field.type) or pa.types.is_timestamp(field.type):
            types[field.name] = field.type
        else:
            types[field.name] = _CODES
    return types


def _fits(column: pa.ChunkedArray, kind: Any) -> bool:
    try:
        column.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _cast(
    table: pa.Table, types: Mapping[str, Any], path: Path, icd9: frozenset[str] = frozenset()
) -> pa.Table:
    """Give columns their types; all that do not fit are named with the first values that do not."""
    faults = []
    for name, kind in types.items():
        column, position = table[name], table.column_names.index(name)
        if column.type == kind:
            continue
        try:
            cast = (
                _text(column, icd9=name in icd9).dictionary_encode()
                if kind == _CODES
                else (_text(column) if kind == pa.string() else column.cast(kind))
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            faults.append(f"{name} ({_misfits(column, kind)})")
            continue
        table = table.set_column(position, name, cast)
    if faults:
        raise InputError(
            f"expected numbers, or dates as 2010-12-31, in columns of {path}, got text in "
            f"{listed(faults, separator='; ')}: write NA where a value is missing, or read the "
            "coded file"
        )
    return table


def _text(column: pa.ChunkedArray, *, icd9: bool = False) -> pa.ChunkedArray:
    """Values as text; whole numbers, which Parquet may hold as 1001.0, without a decimal point."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if icd9 and (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        texts = _icd9_texts(column.drop_null().unique().to_pylist())
        return pa.chunked_array([pa.array(map(texts.get, column.to_pylist()), pa.string())])
    if pa.types.is_floating(column.type):
        whole = column.drop_null()
        if all(value.as_py() == int(value.as_py()) for value in whole.unique()):
            column = column.cast(pa.int64())
    return column.cast(pa.string())


def _icd9_texts(numbers: list[float]) -> dict[float, str]:
    """Codes of ICD-9 that were stored as numbers: with the dot, or without, and leading zeros.

    Codes without a dot have four digits or five, so that smaller ones among them have lost a zero;
    where none has so many, or some are no whole numbers, three digits come before the dot.
    """
    whole = all(value == int(value) for value in numbers)
    if whole and any(value >= 1000 for value in numbers):
        return {value: f"{value:04.0f}" for value in numbers}
    return {value: f"{value:06.2f}".removesuffix("0") for value in numbers}


def _misfits(column: pa.ChunkedArray, kind: Any) -> str:
    shown: list[str] = []
    for value in column.cast(pa.string()).drop_null().unique().to_pylist():
        try:
            pa.array([value]).cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            shown.append(repr(value))
        if len(shown) == _SHOWN:
            break
    return ", ".join(shown)
