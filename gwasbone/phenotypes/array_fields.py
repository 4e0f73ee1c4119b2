"""Array fields whose values an export joins in one cell, laid out as one column per value.

A field with several values per visit is wide in most exports (``41270-0.0``, ``41270-0.1``, ...).
Others join them in one cell: ``I10|M810``, ``["I10","M810"]``, Python-list text, values with
commas, semicolons or blanks between them; Parquet holds lists, or lists of records. Here all become
the wide form, so that nothing after the reader has to know. Positions are kept (``I10||M810`` has
an empty second value), so that codes and their dates, which are parallel arrays, stay aligned.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.errors import InputError
from gwasbone.phenotypes.fields import FieldColumn, FieldKind, parse_field_column

Cells = tuple[str | None, ...]

_ICD10 = r"[A-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?[-*†+]?"
#: What may stand between commas, semicolons or blanks: a code of ICD-10 or ICD-9, a whole number,
#: a date. Everything else, such as the label of an answer, may hold them itself.
_CODE = re.compile(
    rf"{_ICD10}|(?:\d{{3}}|E\d{{3}}|V\d{{2}})\.\d{{1,2}}|-?\d+|\d{{4}}-\d\d-\d\d", re.I
)
#: A comma or semicolon before the next code in a row of labels (``I10 Hypertension,M81.0 ...``).
_BEFORE_LABEL = re.compile(rf"\s*[,;]\s*(?={_ICD10}(?:\s|[,;]|$))", re.I)
_LABEL = re.compile(rf"(?:{_ICD10})(?:\s.*)?", re.I)
_MAY_BE_JOINED = r"[|,;\[{\s]"
_MISSING = frozenset({"", "na", "nan", "null", "none", "nat", "<na>"})
#: Values as NumPy writes them, without commas; Python itself would join quoted ones to one.
_NUMPY = re.compile(r"'[^']*'|\"[^\"]*\"|[^\s'\"]+")
_PYTHON_DATE = re.compile(r"datetime\.date(?:time)?\((\d+), *(\d+), *(\d+)[^)]*\)")
#: The member of a record that is the value, by what the field holds.
_MEMBERS: dict[str, tuple[str, ...]] = {
    "text": ("code", "coding", "diag", "value", "element", "item", "date"),
    "icd9": ("code", "coding", "diag", "value", "element", "item"),
    "number": ("value", "element", "item"),
    "date": ("date", "value", "element", "item"),
}


def split_cell(cell: str, kind: FieldKind = "text") -> Cells | None:
    """The values that are joined in a cell, None for a missing one; None where nothing is joined.

    Parameters
    ----------
    kind : commas and blanks separate the values of ``text`` fields only: in a number a comma may
        be the decimal point.

    Examples
    --------
    >>> split_cell("I10||M810"), split_cell('["I10", "M810"]'), split_cell("I10, M81.0")
    (('I10', None, 'M810'), ('I10', 'M810'), ('I10', 'M81.0'))
    >>> split_cell("J45.9 Asthma, unspecified") is None
    True
    """
    cell = cell.strip()
    if cell[:1] in "[{(" and cell[-1:] in "]})" and cell:
        listed = _listed(cell, kind)
        if listed is not None:
            return listed
    if "|" in cell:
        return _plain(cell.split("|"))
    if kind == "number":
        return _plain(cell.split(";")) if ";" in cell else None
    for separator in (";", ",", None):
        parts = [part.strip() for part in cell.split(separator)]
        named = [part for part in parts if part]
        if len(parts) > 1 and named and all(map(_CODE.fullmatch, named)):
            return _plain(parts)
    if _LABEL.fullmatch(cell):
        labels = _BEFORE_LABEL.split(cell)
        return _plain(labels) if len(labels) > 1 else None
    return None


def _plain(parts: Iterable[object]) -> Cells:
    return tuple(None if part is None else _value(str(part)) for part in parts)


@lru_cache(maxsize=100_000)
def _value(text: str) -> str | None:
    text = text.strip().strip("'\"").strip()
    return None if text.lower() in _MISSING else text


def _listed(cell: str, kind: FieldKind) -> Cells | None:
    """The values of a JSON or Python list, of a record, or of bare values in brackets."""
    text = _PYTHON_DATE.sub(lambda m: f"'{int(m[1]):04}-{int(m[2]):02}-{int(m[3]):02}'", cell)
    if cell[0] == "[" and "," not in text and re.search(r"'\s|\"\s", text):
        return _plain(_NUMPY.findall(text[1:-1]))
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError):
            continue
        members = value if isinstance(value, (list, tuple)) else [value]
        return _plain(_member(one, kind) for one in members)
    if cell[0] == "(":  # a label in brackets
        return None
    inner = text[1:-1].strip()
    if not inner:
        return ()
    separator = next((s for s in ",;|" if s in inner), None)
    # Spark writes [I10, M810]
    return _plain(inner.split(separator))


def _member(value: object, kind: FieldKind) -> object:
    if not isinstance(value, dict):
        return value
    chosen = _chosen_member(list(value), kind)
    return None if chosen is None else value[chosen]


def _chosen_member(names: Sequence[str], kind: FieldKind) -> str | None:
    """The member of a record that holds its value: the only one, or the one named so."""
    if len(names) == 1:
        return names[0]
    lower = {name.lower(): name for name in names}
    return next((lower[name] for name in _MEMBERS[kind] if name in lower), None)


def spread_arrays(
    table: pa.Table, kind_of: Callable[[str], FieldKind]
) -> tuple[pa.Table, dict[str, list[str]]]:
    """A table whose joined fields have one column per value, and what became of which column.

    Parameters
    ----------
    table : as read from a file; columns whose names are no fields stay as they are.
    kind_of : how the values of a column are read.

    Returns
    -------
    The table, and column -> its columns in the new table where it was split; all positions that
    somebody has a value in, text dictionary-encoded.

    Raises
    ------
    InputError
        Records of several members of which none is the value.
    """
    fields = {name: parse_field_column(name) for name in table.column_names}
    taken = {(c.field, c.instance, c.array) for c in fields.values() if c is not None}
    names: list[str] = []
    columns: list[Any] = []
    split: dict[str, list[str]] = {}
    for name in table.column_names:
        field = fields[name]
        parts = None if field is None else _spread(table[name], kind_of(name), name)
        if field is None or parts is None:
            names.append(name)
            columns.append(table[name])
            continue
        split[name] = [found.name for found in _places(field, len(parts), taken)]
        names += split[name]
        columns += parts
    return (pa.table(columns, names=names), split) if split else (table, {})


def _places(column: FieldColumn, n: int, taken: set[tuple[int, int, int]]) -> Iterator[FieldColumn]:
    """The columns of n values: the first has the column's own place, the others free ones."""
    array = column.array
    for position in range(n):
        while position and (column.field, column.instance, array) in taken:
            array += 1
        taken.add((column.field, column.instance, array))
        yield _array_column(column, array)


def _array_column(column: FieldColumn, array: int) -> FieldColumn:
    """The name of another value of the same field and visit, spelt as the column is."""
    spellings = (
        f"{column.name}_a{array}",
        re.sub(r"\d+$", str(array), column.name),
        f"{column.field}-{column.instance}.{array}",
    )
    wanted = (column.field, column.instance, array)
    for name in spellings:
        parsed = parse_field_column(name)
        if parsed is not None and (parsed.field, parsed.instance, parsed.array) == wanted:
            return parsed
    raise AssertionError(f"{wanted} has a spelling that is read")


def _spread(column: pa.ChunkedArray, kind: FieldKind, name: str) -> list[Any] | None:
    """One column per position, or None where the column has one value in each cell."""
    of_values = column.type
    if pa.types.is_struct(of_values):
        column = _member_column(column.combine_chunks(), kind, name)
        parts = _spread(pa.chunked_array([column]), kind, name)
        return [column] if parts is None else parts
    if any(is_of(of_values) for is_of in (_is_list, pa.types.is_fixed_size_list)):
        return _list_columns(column, kind, name)
    if pa.types.is_dictionary(of_values):
        of_values = of_values.value_type
    if pa.types.is_string(of_values) or pa.types.is_large_string(of_values):
        return _text_columns(column, kind)
    return None


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _member_column(column: pa.Array, kind: FieldKind, name: str) -> pa.Array:
    names = [column.type.field(i).name for i in range(column.type.num_fields)]
    chosen = _chosen_member(names, kind)
    if chosen is None:
        raise InputError(
            f"expected values in column {name}, it holds records of {', '.join(names[:8])}: write "
            f"a column of the {'dates' if kind == 'date' else 'codes'} alone"
        )
    return pc.struct_field(column, chosen)


def _list_columns(column: pa.ChunkedArray, kind: FieldKind, name: str) -> list[Any]:
    lists = column.combine_chunks()
    if pa.types.is_fixed_size_list(lists.type):
        lists = lists.cast(pa.list_(lists.type.value_type))
    values = lists.values
    if pa.types.is_struct(values.type):
        values = _member_column(values, kind, name)
    length = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    first = np.asarray(lists.offsets)[:-1]
    n = max(int(length.max(initial=0)), 1)
    return [values.take(_indices(first + i, length > i)) for i in range(n)]


def _text_columns(column: pa.ChunkedArray, kind: FieldKind) -> list[Any] | None:
    coded = column.combine_chunks()
    if not pa.types.is_dictionary(coded.type):
        coded = coded.dictionary_encode()
    known = coded.dictionary.cast(pa.string())
    if not pc.any(pc.match_substring_regex(known, _MAY_BE_JOINED)).as_py():
        return None
    texts = known.to_pylist()
    cells = [None if text is None else split_cell(text, kind) for text in texts]
    if all(cell is None for cell in cells):
        return None
    parts = [(text,) if cell is None else cell for text, cell in zip(texts, cells, strict=True)]
    length = np.array([len(part) for part in parts])
    first = np.concatenate([[0], np.cumsum(length)[:-1]])
    # each distinct value once; every column shares the dictionary
    values = pa.array([value for part in parts for value in part], pa.string()).dictionary_encode()
    missing = pc.is_null(coded.indices).to_numpy(zero_copy_only=False)
    rows = pc.fill_null(coded.indices, 0).to_numpy(zero_copy_only=False)
    made = []
    for i in range(max(1, int(length.max(initial=0)))):
        has = (length[rows] > i) & ~missing
        codes = values.indices.take(_indices(first[rows] + i, has))
        made.append(pa.DictionaryArray.from_arrays(codes, values.dictionary))
    return made


def _indices(rows: npt.NDArray[Any], has: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(np.where(has, rows, 0), pa.int64(), mask=~has)
