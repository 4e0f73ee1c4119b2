"""Tables as text: tab-separated, NA where missing, gzip by name, whole or not at all.

Small tables that people write, such as labels of images, are read by :func:`read_cells`. When
tables are written, rows are joined in Arrow, whose string arrays are the bytes of the file already,
a piece of the table at a time. Floats get eight digits.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.genome import chromosome_label
from gwasbone.text_files import survey_text, text_faults_named

_DIGITS = 8
# Powers of ten that float64 holds exactly.
_POWERS = 10.0 ** np.arange(23)
_GZIP_LEVEL = 1
_BREAKS_A_LINE = r'[\t\r\n"]'


def write_table(table: pd.DataFrame, path: Path, *, index: bool = True) -> None:
    """Write a table as TSV (gzip by name), atomically; equal tables are equal files."""
    write_pieces([table], path, index=index)


def write_pieces(pieces: Iterable[pd.DataFrame], path: Path, *, index: bool = True) -> None:
    """Write consecutive pieces of a table, at least one, as if they were one."""
    with atomic_path(path) as temporary, _opened(temporary, path.suffix == ".gz") as file:
        for i, piece in enumerate(pieces):
            if i == 0:
                names = [str(piece.index.name or "")] if index else []
                file.write("\t".join([*names, *piece.columns]).encode() + b"\n")
            file.write(bytes_of(lines_of(piece, index=index)))


def read_cells(path: Path, *, what: str = "a table", comment: str | None = None) -> pd.DataFrame:
    """The cells of a tab-separated table with a header, as text; an empty cell is empty text.

    Parameters
    ----------
    what : the table is, for messages.
    comment : begins a remark, up to the end of its line.

    Raises
    ------
    InputError
        See :func:`gwasbone.text_files.survey_text`; or rows longer than the header, or no header.
    """
    with survey_text(path).open() as stream, text_faults_named(path):
        rows = [
            (number, row)
            for number, row in enumerate(csv.reader(_without(comment, stream), delimiter="\t"), 1)
            if row and any(row)
        ]
    if not rows:
        raise InputError(f"expected {what} with a header in {path}, it is empty: fill it")
    header = rows[0][1]
    for number, row in rows:
        if len(row) != len(header):
            raise InputError(
                f"expected {what} with {len(header)} fields between tabs in every row of {path}, "
                f"line {number} has {len(row)}: write NA where there is nothing"
            )
    return pd.DataFrame([row for _, row in rows[1:]], columns=header, dtype=object)


def _without(comment: str | None, lines: Iterable[str]) -> Iterator[str]:
    """Lines without remarks."""
    return (line if comment is None else line.partition(comment)[0].rstrip(" ") for line in lines)


def labelled(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose column ``chromosome`` holds the usual names, not codes."""
    labels = [chromosome_label(int(code)) for code in table["chromosome"]]
    return table.assign(chromosome=labels)


def write_lines(pieces: Iterable[pa.Array], path: Path) -> None:
    """Write text, one element a line."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        for piece in pieces:
            file.write(bytes_of(joined(piece, "\n", separator="")))


@contextlib.contextmanager
def _opened(path: Path, compressed: bool) -> Iterator[Any]:
    with open(path, "wb") as raw:
        if not compressed:
            yield raw
            return
        from isal import igzip

        with igzip.IGzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as file:
            yield file


def lines_of(table: pd.DataFrame, *, index: bool = True) -> pa.Array:
    """(rows,) the cells of each row between tabs, the index first, ending in a line break."""
    columns: list[pd.Series | pd.Index] = [table.index] if index else []
    columns += [table[name] for name in table.columns]
    text = [cell_text(column) for column in columns]
    return joined(*text[:-1], joined(text[-1], "\n", separator=""))


def cell_text(column: pd.Series | pd.Index) -> pa.Array:
    """(rows,) a column as text; missing as NA."""
    try:
        cells = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # an object column of several types
        cells = pa.array([None if pd.isna(cell) else str(cell) for cell in column], pa.string())
    if isinstance(cells, pa.ChunkedArray):
        cells = cells.combine_chunks()
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if pa.types.is_floating(cells.type):
        rounded = _rounded(column.to_numpy(dtype=np.float64, na_value=np.nan))
        cells = pa.array(rounded, from_pandas=True)
    if pa.types.is_boolean(cells.type):
        text = pc.if_else(cells, "True", "False")
    else:
        text = cells.cast(pa.string())
        if not pa.types.is_primitive(cells.type) and _breaks_lines(text):
            odd = pc.match_substring_regex(text, _BREAKS_A_LINE)
            quoted = joined('"', pc.replace_substring(text, '"', '""'), '"', separator="")
            text = pc.if_else(odd, quoted, text)
    return text.fill_null("NA") if text.null_count else text


def _breaks_lines(text: pa.Array) -> bool:
    """Whether a character that must be quoted is anywhere; looks at all text in one piece."""
    data = text.buffers()[2]
    everything = data.to_pybytes() if data is not None else b""
    return any(mark in everything for mark in b'\t\r\n"')


def _rounded(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """x to eight significant digits, as the floats whose shortest decimals have no more."""
    usual = np.isfinite(x) & (x != 0)
    exponent = np.floor(np.log10(np.abs(np.where(usual, x, 1.0)))).astype(np.int64)
    shift = np.clip(_DIGITS - 1 - exponent, 1 - len(_POWERS), len(_POWERS) - 1)
    up, down = _POWERS[np.maximum(shift, 0)], _POWERS[np.maximum(-shift, 0)]
    with np.errstate(invalid="ignore"):
        return np.where(usual, np.rint(x * up / down) * down / up, x)


def joined(*parts: pa.Array | str, separator: str = "\t") -> pa.Array:
    """(rows,) the parts of each row, arrays or the same text for all, between separators."""
    return pc.binary_join_element_wise(*parts, separator)


def bytes_of(lines: pa.Array) -> memoryview:
    """The text of all lines, which lies in one piece already."""
    if not len(lines):
        return memoryview(b"")
    _, offsets, data = lines.buffers()
    at = np.frombuffer(offsets, dtype=np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(data)[at[0] : at[-1]]
