"""Tables of text, read a piece of whole lines at a time: header, separator, compression."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from csv import reader as csv_rows
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from gwasbone.errors import InputError, reading
from gwasbone.text_files import open_unpacked, within_limit

if TYPE_CHECKING:
    import pandas as pd

#: How programs write that a value is missing.
MISSING_TEXTS = ("", "NA", "#NA", "N/A", "nan", "NaN", "-nan", "NAN", ".", "-", "null", "None")
_PIECE_BYTES = 1 << 24
#: A header is far shorter than this.
_HEADER_BYTES = 1 << 20
_EXPECTED = "a complete table of text (plain or compressed)"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_COMMENT = re.compile(rb"#(?:[#!]|[ \r\n][^\t]*$)")
_BLANK_LINE = re.compile(rb"(?m)^[ \t\r]*$(?=\n)")
_BAD_ROW = re.compile(r"Row #(\d+)")


@dataclass(frozen=True)
class TextTable:
    """A table of text: where it is, and how to read it.

    Parameters
    ----------
    path : plain, or compressed by gzip, bgzip, zstd, bzip2, xz or zip.
    header : names of the columns, without quotes and a leading ``#``.
    separator : a tab, a comma, or a blank for columns between any number of blanks and tabs.
    n_before : lines before the first row.
    preamble : lines that start with ``##``.
    quoted : whether cells may stand in quotes.
    """

    path: Path
    header: tuple[str, ...]
    separator: str
    n_before: int
    preamble: tuple[str, ...] = ()
    quoted: bool = False

    @classmethod
    def open(cls, path: Path) -> TextTable:
        """Look at the header of a file, the first line that is no comment (:func:`head_of`).

        R's numbers of rows, and separators at the end of every row, are a column without a name.

        Raises
        ------
        InputError
            The file is missing, is no text, or has no header.
        """
        comments, header, first = head_of(path)
        separator = next((s for s in "\t," if s in header), " ")
        names = [name.strip() for name in _cells(header, separator)]
        if len(names) < 2 or "\0" in header:
            raise InputError(
                f"{path}: expected a table with a header of two columns or more, got "
                f"{repr(header[:60]) if header else 'no line at all'}"
            )
        cells = _cells(first, separator)
        if len(cells) == len(names) + 1 and cells[-1] == "":
            names.append("")
        elif len(cells) == len(names) + 1 and cells[0].strip('"') == "1":
            names.insert(0, "")
        quoted = '"' in header or (separator == "," and '"' in first)
        names = [name.strip('"') for name in names]
        names[0] = names[0].lstrip("#").strip()
        return cls(path, tuple(names), separator, len(comments) + 1, tuple(comments), quoted)

    @property
    def n_bytes(self) -> int:
        return self.path.stat().st_size

    def pieces(self, count: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """Whole lines after the header, about 16 MB at a time; the next is read meanwhile.

        Parameters
        ----------
        count : called with the number of bytes of the file that were read since.
        """
        pieces = self._pieces(count)
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(next, pieces, None)
            while (piece := ahead.result()) is not None:
                ahead = reader.submit(next, pieces, None)
                yield piece

    def _pieces(self, count: Callable[[int], None] | None) -> Iterator[bytes]:
        with reading(self.path, _EXPECTED):
            text, raw = open_unpacked(self.path)
            with text:
                for _ in range(self.n_before):
                    text.readline()
                rest, at = b"", 0
                while piece := text.read(_PIECE_BYTES):
                    end = piece.rfind(b"\n") + 1
                    if end:
                        yield self._tidy(b"".join((rest, memoryview(piece)[:end])))
                        rest = piece[end:]
                    else:
                        rest += piece
                    if count is not None:
                        # the compressed reader reads ahead, which `raw.tell` shows
                        count(raw.tell() - at)
                        at = raw.tell()
                if rest.strip():
                    yield self._tidy(rest + b"\n")

    def _tidy(self, lines: bytes) -> bytes:
        if self.separator != " ":
            return lines
        lines = re.sub(rb"[ \t]+", b"\t", lines)
        return re.sub(rb"(?m)^\t|\t(?=\r?$)", b"", lines)

    def columns(
        self,
        lines: bytes,
        types: dict[str, pa.DataType],
        *,
        first_line: int = 0,
        threads: bool = True,
        missing: Sequence[str] = MISSING_TEXTS,
    ) -> pa.Table:
        """Some columns of whole lines.

        Parameters
        ----------
        types : names of the columns that are read, and their types.
        first_line : number of the first line in the file, for messages; 0 where not known.
        missing : texts that stand for a missing value.

        Raises
        ------
        InputError
            A line has another number of columns, or a cell is no number where one is expected.
        """
        try:
            table = csv.read_csv(
                pa.BufferReader(lines),
                read_options=csv.ReadOptions(column_names=list(self.header), use_threads=threads),
                parse_options=csv.ParseOptions(
                    delimiter="\t" if self.separator == " " else self.separator,
                    quote_char='"' if self.quoted else False,
                    ignore_empty_lines=False,
                ),
                convert_options=csv.ConvertOptions(
                    include_columns=list(types), column_types=types,
                    null_values=list(missing), strings_can_be_null=True,
                ),
            )  # fmt: skip
        except pa.ArrowInvalid as error:
            if threads:  # on one thread Arrow knows the row
                return self.columns(
                    lines, types, first_line=first_line, threads=False, missing=missing
                )
            reason = str(error).splitlines()[0]
            raise InputError(f"{self.path}: {_named(reason, self.header, first_line)}") from None
        if self.quoted and len(table) != lines.count(b"\n"):
            odd = (i for i, line in enumerate(lines.split(b"\n")) if line.count(b'"') % 2)
            where = f"line {first_line + next(odd, 0)}" if first_line else "a line"
            raise InputError(f"{self.path}: {where}: expected quotes in pairs, on one line")
        return table

    def text(self) -> pd.DataFrame:
        """All cells as text without blanks around; the index is the number of the line.

        The columns are numbered as in the header, which may hold a name twice. Blank lines are
        left out.

        Raises
        ------
        InputError
            A line has another number of columns, or holds what is no text.
        """
        import pandas as pd

        lines = b"".join(within_limit(self.pieces(), self.path))
        numbers = np.arange(lines.count(b"\n")) + self.n_before + 1
        if _BLANK_LINE.search(lines):
            every = lines.split(b"\n")[:-1]
            full = [i for i, line in enumerate(every) if line.strip()]
            lines, numbers = b"".join([every[i] + b"\n" for i in full]), numbers[full]
        if (nul := lines.find(b"\0")) >= 0:
            line = numbers[lines.count(b"\n", 0, nul)]
            raise InputError(f"{self.path}: line {line}: expected text, got a byte of value 0")
        plain = replace(
            self,
            header=tuple(map(str, range(len(self.header)))),
            quoted=self.quoted or (self.separator == "," and b'"' in lines),
        )
        types = dict.fromkeys(plain.header, pa.string())
        if not len(numbers):
            return pd.DataFrame({i: pd.Series(dtype=object) for i in range(len(self.header))})
        table = plain.columns(lines, types, first_line=self.n_before + 1, missing=())
        cells = [pc.utf8_trim_whitespace(column).to_pandas() for column in table.columns]
        return pd.DataFrame(dict(enumerate(cells))).set_axis(numbers)


def head_of(path: Path) -> tuple[list[str], str, str]:
    """The comments and blank lines in front of a text, the line after them, and the next.

    A comment begins with ``##``, ``#!``, or ``#`` and a blank where it holds no tab.

    Raises
    ------
    InputError
        The file is missing or no text.
    """
    with reading(path, _EXPECTED), open_unpacked(path)[0] as text:
        comments: list[str] = []
        line = text.readline(_HEADER_BYTES).removeprefix(_BYTE_ORDER_MARK)
        while line and (not line.strip() or _COMMENT.match(line)):
            comments.append(line.decode("utf-8").rstrip("\r\n"))
            line = text.readline(_HEADER_BYTES)
        header = line.decode("utf-8").rstrip("\r\n")
        first = text.readline(_HEADER_BYTES).decode("utf-8", "replace").rstrip("\r\n")
    return comments, header, first


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    return next(csv_rows([line], delimiter=separator), []) if '"' in line else line.split(separator)


def lines_at(piece: bytes, rows: npt.NDArray[np.intp], n_rows: int, where: Path) -> bytes:
    """Some of the lines of a piece.

    Parameters
    ----------
    n_rows : rows that were read from the piece, one a line.
    """
    ends = np.flatnonzero(np.frombuffer(piece, dtype=np.uint8) == ord("\n")) + 1
    if len(ends) != n_rows:
        raise InputError(f"{where}: expected one row a line, got {n_rows} in {len(ends)} lines")
    starts = np.concatenate([[0], ends[:-1]])
    return b"".join([piece[starts[row] : ends[row]] for row in rows])


def _named(reason: str, header: Sequence[str], first_line: int) -> str:
    """Arrow's words with the line in the file and the column's name."""
    column = re.search(r"CSV column #(\d+)", reason)
    row = _BAD_ROW.search(reason)
    value = re.search(r"invalid value '([^']{0,60})", reason)
    line = f"line {first_line + int(row[1]) - 1}" if row and first_line else "a line"
    if column and value:
        name = header[int(column[1])]
        return f"{line}: expected a number in column {name}, got {value[1]!r}"
    counts = re.search(r"Expected (\d+) columns, got (\d+)", reason)
    if counts:
        return f"{line}: expected {counts[1]} columns, got {counts[2]}"
    return f"expected a table of summary statistics, got {reason[:200]}"
