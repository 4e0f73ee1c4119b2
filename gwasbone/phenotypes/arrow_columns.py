"""Columns out of text and Parquet files by PyArrow: chosen before reading, typed, faults named."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from gwasbone.errors import InputError
from gwasbone.phenotypes.array_fields import spread_arrays
from gwasbone.phenotypes.fields import FieldKind

# one rule for all tables of people
from gwasbone.phenotypes.table import MISSING, refuse_repeats

_BLOCK_BYTES = 1 << 24
_CODES = pa.dictionary(pa.int32(), pa.string())
_ARROW_TYPES = {"number": pa.float64(), "text": _CODES, "icd9": _CODES, "date": pa.date32()}
_SHOWN = 3


def column_names(path: Path) -> list[str]:
    """The header of a text or Parquet table.

    Raises
    ------
    InputError
        The file is empty or cannot be read, or a name is there twice.
    """
    if path.suffix == ".parquet":
        try:
            names = list(pyarrow.parquet.read_schema(path).names)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(
                f"expected a Parquet file in {path}, it cannot be read: {error}"
            ) from error
    else:
        line = _first_line(path)
        names = next(csv.reader([line], delimiter=_delimiter(line)), [])
    if not names:
        raise InputError(f"expected a header with eid or IID in {path}, the file is empty")
    refuse_repeats(names, path)
    return names


def _first_line(path: Path) -> str:
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            head = b""
            while b"\n" not in head and (part := stream.read(1 << 16)):
                head += part
        return head.split(b"\n", 1)[0].decode("utf-8-sig").rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"expected a text table in {path}, it cannot be read: {error}") from error


def _delimiter(line: str) -> str:
    return "\t" if "\t" in line else ","


def read_columns(
    path: Path,
    names: list[str],
    ids: list[str],
    wanted: Mapping[str, FieldKind | None],
    *,
    everything: bool,
) -> pa.Table:
    """Read columns with their types.

    Parameters
    ----------
    names : the header; see :func:`column_names`.
    ids : columns of people's names, read as text.
    wanted : column -> how to read it; None as what its values look like.
    everything : read the columns of ``names`` that are neither, too, as what they look like.

    Returns
    -------
    Numbers as float64, text dictionary-encoded, dates as dates. A field whose values are joined in
    one cell has one column per value; see :mod:`gwasbone.phenotypes.array_fields`.

    Raises
    ------
    InputError
        Rows of several lengths, or columns that are not of their kind; all of them are named.
    """
    chosen = names if everything else [*ids, *wanted]
    types: dict[str, Any] = {name: pa.string() for name in ids}
    types |= {name: _ARROW_TYPES[kind] for name, kind in wanted.items() if kind}
    if path.suffix == ".parquet":
        table = pyarrow.parquet.read_table(path, columns=chosen)
        return _typed(table, types, wanted, path)
    untyped = [name for name in names if name not in types]
    if everything and untyped:
        types |= _guessed_types(path, untyped)
    try:
        return _typed(_read_csv(path, chosen, types), types, wanted, path)
    except pa.ArrowInvalid as error:
        if "CSV conversion error" not in str(error):
            raise _unreadable(path, error) from error
    # A column has another type than thought: read what is doubtful as text and look at it.
    plain = {name: t if t in (pa.string(), _CODES) else pa.string() for name, t in types.items()}
    try:
        table = _read_csv(path, chosen, plain)
    except pa.ArrowInvalid as error:
        raise _unreadable(path, error) from error
    if everything:
        types = {name: t if _fits(table[name], t) else _CODES for name, t in types.items()}
    return _typed(table, types, wanted, path)


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


def _read_csv(path: Path, names: list[str], types: Mapping[str, Any]) -> pa.Table:
    return pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=pyarrow.csv.ParseOptions(delimiter=_delimiter(_first_line(path))),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=names,
            column_types=types,
            null_values=list(MISSING),
            strings_can_be_null=True,
        ),
    )


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0]
    return InputError(
        f"expected a text table with as many fields in every row as in the header of {path}, it "
        f"cannot be read ({reason[:200]}): the file is cut short or has another delimiter there"
    )


def _guessed_types(path: Path, names: list[str]) -> dict[str, Any]:
    """What the first rows look like; a column without values there is taken for codes."""
    options = pyarrow.csv.ConvertOptions(
        include_columns=names, null_values=list(MISSING), strings_can_be_null=True
    )
    parse = pyarrow.csv.ParseOptions(delimiter=_delimiter(_first_line(path)))
    try:
        with pyarrow.csv.open_csv(path, parse_options=parse, convert_options=options) as reader:
            schema = reader.schema
    except pa.ArrowInvalid as error:
        raise _unreadable(path, error) from error
    types = {}
    for field in schema:
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
            f"{'; '.join(faults)}: write NA where a value is missing, or read the coded file"
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
